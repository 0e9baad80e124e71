"""What scenes expect of values; whatever is not so raises `Broken`, which says what came instead."""

from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec

from antiphon.conformance.case import Broken

MAX_SHOWN: Final = 300
"""Characters of a value in a message."""

T = TypeVar("T")


def field(tree: Any, path: str, kind: type | tuple[type, ...] | None = None) -> Any:
    """The value at `session.audio.input` or `item.content.0.text`. Raise Broken where there is none of this kind."""
    value = tree
    for key in path.split("."):
        try:
            value = value[int(key)] if isinstance(value, list) else value[key]
        except (KeyError, IndexError, TypeError, ValueError):
            raise Broken(f"there is no `{path}` in {short(tree)}") from None
    if kind is not None and not isinstance(value, kind):
        raise Broken(f"`{path}` is {value!r}, which is of the wrong kind")
    return value


def same(got: Any, wanted: Any, what: str) -> None:
    """Raise Broken where the two differ."""
    if got != wanted or isinstance(got, bool) != isinstance(wanted, bool):
        raise Broken(f"{what}: expected {short(wanted)}, but got {short(got)}")


def holds(fact: object, otherwise: str) -> None:
    """Raise Broken, with this message, where the fact does not hold."""
    if not fact:
        raise Broken(otherwise)


def within(tree: Any, wanted: Mapping[str, Any], what: str) -> None:
    """Raise Broken unless the values at these paths are those."""
    for path, value in wanted.items():
        same(field(tree, path), value, f"{what}: `{path}`")


def told(event: Mapping[str, Any]) -> str:
    """An error event in few characters."""
    detail = event.get("error")
    return short(detail if isinstance(detail, dict) else event)


def short(value: Any) -> str:
    """A value in few characters."""
    text = value if isinstance(value, str) else msgspec.json.encode(value, enc_hook=str).decode()
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 1]}…"


def given(value: T | None) -> T:
    """The value, where our own code knows that there is one."""
    if value is None:
        raise ValueError("There is no value where there must be one.")
    return value
