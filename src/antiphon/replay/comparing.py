"""Holds what is told against what was recorded.

The name of an event is chance, and so is that of the conversation for an older client; secrets are not in the
recording. Nothing else may differ.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from antiphon.protocol.wire import Json
from antiphon.recording.rows import Line, Place
from antiphon.recording.sifting import Sieve

CONVERSATION: Final = "conv_"
MAX_CHANGES: Final = 8
"""Places of a difference that are named; a reader looks at the first."""

NOTHING: Final = "nothing"
"""Shown for what is not there."""

Event: TypeAlias = dict[str, Json]


@dataclass(frozen=True, slots=True)
class Told:
    """What a link was told, or given to play."""

    link: str
    event: Event


@dataclass(frozen=True, slots=True)
class Change:
    """A place where two events differ."""

    path: str
    expected: Json
    got: Json


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a replay first told something else than the recording."""

    line: int
    """Of the recording."""
    at: float
    expected: Told | None
    """None: the recording has nothing there."""
    got: Told | None
    """None: the replay told nothing."""
    after: Line | None
    """The input that it followed on."""

    @property
    def changes(self) -> tuple[Change, ...]:
        """Where the events differ; none where one of them is missing."""
        if self.expected is None or self.got is None:
            return ()
        found = changes(_plain(self.expected), _plain(self.got))
        return tuple(change for change, _ in zip(found, range(MAX_CHANGES), strict=False))


class Comparing:
    """Tells whether events are the same, one after the other."""

    def __init__(self) -> None:
        self._conversations: tuple[dict[str, str], dict[str, str]] = ({}, {})

    def is_same(self, expected: Told, got: Told) -> bool:
        """Whether it is the same event, to the same link."""
        recorded, replayed = self._conversations
        return expected.link == got.link and _sifted(expected.event, recorded) == _sifted(got.event, replayed)


def _sifted(event: Event, names: dict[str, str]) -> tuple[Json, list[tuple[Place, bytes]]]:
    """What an event says, and its sounds. `names` are the conversations that were met before."""
    sieve = Sieve()
    said = sieve.sift({key: value for key, value in event.items() if key != "event_id"})
    return _renamed(said, names), sieve.sounds


def _renamed(value: Json, names: dict[str, str]) -> Json:
    """The value with its conversations numbered."""
    if isinstance(value, dict):
        return {key: _renamed(entry, names) for key, entry in value.items()}
    if isinstance(value, list):
        return [_renamed(entry, names) for entry in value]
    if isinstance(value, str) and value.startswith(CONVERSATION):
        return names.setdefault(value, f"{CONVERSATION}{len(names) + 1}")
    return value


def _plain(told: Told) -> Event:
    return {"link": told.link, **{key: value for key, value in told.event.items() if key != "event_id"}}


def changes(expected: Json, got: Json, path: str = "") -> Iterator[Change]:
    """The places where two values differ, in the order of the first."""
    if isinstance(expected, dict) and isinstance(got, dict):
        for key in (*expected, *(key for key in got if key not in expected)):
            inner = f"{path}.{key}" if path else key
            yield from changes(expected.get(key, NOTHING), got.get(key, NOTHING), inner)
    elif isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        for number, (one, other) in enumerate(zip(expected, got, strict=True)):
            yield from changes(one, other, f"{path}[{number}]")
    elif expected != got:
        yield Change(path, expected, got)
