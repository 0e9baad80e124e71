"""Where in a TOML file a setting stands; the standard parser does not tell."""

import re
import tomllib
from collections.abc import Mapping
from typing import Any

from antiphon.config.schema import Path

_KEY = re.compile(r"""^\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")


def line_of(text: str, path: Path) -> int | None:
    """The line of the setting at `path`, or of the nearest table around it; None if neither is found."""
    best, found = 0, None
    table: Path = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith("["):
            here = table = _path_in(line.split("#")[0] if '"' not in line else line)
        elif match := _KEY.match(line):
            here = table + _path_in(f"{match.group(1)} = 0")
        else:
            continue
        if len(here) > best and path[: len(here)] == here:
            best, found = len(here), number
    return found


def _path_in(line: str) -> Path:
    """The names in a table header or a key, by the standard parser; empty for what it does not take."""
    try:
        tree: Any = tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return ()
    path: list[str] = []
    while tree and isinstance(tree, Mapping):
        name, tree = next(iter(tree.items()))
        path.append(name)
    return tuple(path)
