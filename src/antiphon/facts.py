"""What may be counted: facts of sessions, turns, answers and engines, and the `Meter` that is told of them.

A fact holds ids, times and figures; never audio, words, arguments or keys.
"""

from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from antiphon.ports import Role, Usage


@dataclass(frozen=True, slots=True)
class SessionOpened:
    """A session began."""

    session_id: str
    transport: str
    dialect: str


@dataclass(frozen=True, slots=True)
class SessionClosed:
    """A session ended."""

    session_id: str
    seconds: float


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """The caller's turn was committed."""

    session_id: str
    item_id: str
    audio_ms: int


@dataclass(frozen=True, slots=True)
class Transcribed:
    """A transcription ended, well or not; `wait_ms` counts from the end of the turn."""

    session_id: str
    item_id: str
    wait_ms: float
    failed: bool = False


@dataclass(frozen=True, slots=True)
class ResponseEnded:
    """A response ended. Times are milliseconds from `created_at` of the response; None: never came."""

    session_id: str
    response_id: str
    status: str
    created_at: float
    """The core's clock, seconds."""
    first_delta_ms: float | None
    first_audio_ms: float | None
    done_ms: float
    audio_ms: int
    usage: Usage = field(default_factory=Usage)
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class DraftEnded:
    """A draft became the answer, or was dropped because the caller went on."""

    session_id: str
    was_kept: bool
    seconds: float
    usage: Usage


@dataclass(frozen=True, slots=True)
class EngineFailed:
    """An engine raised, hung or was missing."""

    session_id: str
    role: Role
    message: str


Fact: TypeAlias = SessionOpened | SessionClosed | TurnEnded | Transcribed | ResponseEnded | DraftEnded | EngineFailed


class Meter(Protocol):
    """Counts facts: metrics, traces, log lines. Never audio, words, arguments or keys."""

    def report(self, fact: Fact) -> None:
        """Take note; must be quick and must not raise."""
