"""What all commands share: where they print, how they fail, how they read the configuration."""

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import typer
from rich.console import Console
from rich.text import Text

from antiphon.catalogue import Store
from antiphon.config import Loaded, find_file, load
from antiphon.engines.registry import SetupError
from antiphon.server.house import store_of

FAILED = 1
UNFOLDED = 200
"""Columns of a table that goes to a file or a program: a row is a line."""


def out() -> Console:
    """For what was asked for. Text is never coloured or wrapped into something that cannot be copied."""
    return Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else UNFOLDED)


def err() -> Console:
    """For what went wrong, and for progress."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def fail(message: str) -> None:
    """Say what is wrong, and end with exit code 1."""
    err().print(Text(message))
    raise typer.Exit(FAILED)


@contextlib.contextmanager
def told() -> Iterator[None]:
    """Turn an operator's mistake into its text and exit code 1, and Ctrl-C into a quiet end."""
    try:
        yield
    except SetupError as error:
        fail(f"error: {error}")
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def read(config_file: str | None, flags: Mapping[str, object] | None = None) -> Loaded:
    """The configuration of this process: file, environment and flags. Raises `ConfigError`."""
    return load(find_file(config_file, os.environ), os.environ, flags)


def store(config_file: str | None = None, *, offline: bool | None = None) -> Store:
    """The weights of the configuration of this process."""
    return store_of(read(config_file, {"weights.offline": offline}).config)


def own_name() -> str:
    """What to type for this program: `antiphon` where the shell finds it, else the path it was started by."""
    started = Path(sys.argv[0])
    found = shutil.which("antiphon")
    if started.name != "antiphon" or (found and Path(found).resolve() == started.resolve()):
        return "antiphon"
    folder = Path.cwd()
    absolute = started.absolute()
    return str(absolute.relative_to(folder)) if absolute.is_relative_to(folder) else str(absolute)
