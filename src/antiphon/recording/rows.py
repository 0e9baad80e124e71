"""What stands in the lines of a recording.

The first line tells what the recording is of. Every other one is an event or a note. Audio stands in a file of its
own: the line says where, and the place that it was taken from holds an empty string.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from antiphon.protocol.wire import Json

VERSION: Final = 1

SUFFIX: Final = ".jsonl"
AUDIO_SUFFIX: Final = ".audio"

Way: TypeAlias = Literal["client", "server", "note"]
Place: TypeAlias = tuple[str | int, ...]
"""The keys and indices that lead to a value of an event."""


@dataclass(frozen=True, slots=True)
class About:
    """What a recording is of."""

    kind: Literal["session", "relay", "check"]
    session_id: str
    transport: str = ""
    dialect: str = ""
    """That of the first link."""
    model: str = ""
    """As the client asked for it."""
    started_at: float = 0.0
    """Unix seconds."""
    call_id: str = ""
    upstream: str = ""
    """The server that a relay passed the frames to."""
    program: str = ""
    """What wrote it: `antiphon 0.1.0`."""


@dataclass(frozen=True, slots=True)
class Line:
    """An event, or a note of what happened beside the wire."""

    number: int
    """Its line in the file, from 1."""
    at: float
    """Seconds since the start."""
    way: Way
    """From the client, from the server, or neither."""
    link: str
    event: dict[str, Json] = field(default_factory=dict)
    """As it was on the wire, without secrets. A note is its `type` and its `value`."""
    raw: str | None = None
    """A frame that is no JSON object, in place of the event."""


class Head(Struct, frozen=True):
    """The first line."""

    recording: int
    """The version of the form."""
    about: About


class Sound(Struct, frozen=True, array_like=True):
    """Audio of an event: where it was taken from, and where it lies in the file of audio, in bytes."""

    place: Place
    offset: int
    size: int


class Row(Struct, frozen=True, omit_defaults=True):
    """Any other line."""

    at: float
    way: Way
    link: str = ""
    event: dict[str, Json] | None = None
    sounds: tuple[Sound, ...] = ()
    raw: str | None = None


def audio_path(path: Path) -> Path:
    """The file of audio that belongs to a recording."""
    return path.with_suffix(AUDIO_SUFFIX)
