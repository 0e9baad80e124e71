"""What may be counted: facts of sessions, turns, answers and engines, and the `Meter` that is told of them.

A fact holds ids, times and figures; never audio, words, arguments or keys.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

from antiphon.ports import AudioDelta, Delta, Role, Usage


class Traffic:
    """What has gone over the links of one session. Counted where it goes, read by whoever wants to know.

    Events are counted by their class, so there are no more counters than the protocol has events; a frame that
    was no event counts as `ErrorDetail`.
    """

    __slots__ = ("errors", "received", "received_bytes", "sent", "sent_bytes")

    def __init__(self) -> None:
        self.received: Counter[type] = Counter()
        self.received_bytes = 0
        """Frames of all kinds; audio by RTP as `pcm`."""
        self.sent: Counter[type] = Counter()
        self.sent_bytes = 0
        """Frames; what is played by RTP is not among them."""
        self.errors: Counter[str] = Counter()
        """`error` events by their code, or by their type where they have none."""


@dataclass(slots=True)
class Work:
    """When the engines of an answer did something: seconds of the core's clock; None: never."""

    began: float | None = None
    """They were asked."""
    first_token: float | None = None
    last_token: float | None = None
    first_audio: float | None = None
    last_audio: float | None = None

    def note(self, delta: Delta, now: float) -> None:
        """A piece has come. Calls count as words."""
        if isinstance(delta, AudioDelta):
            self.first_audio = now if self.first_audio is None else self.first_audio
            self.last_audio = now
        else:
            self.first_token = now if self.first_token is None else self.first_token
            self.last_token = now


@dataclass(frozen=True, slots=True)
class SessionOpened:
    """A session began."""

    session_id: str
    transport: str
    dialect: str
    model: str | None = None
    """As the client named it: any text."""
    traffic: Traffic = field(default_factory=Traffic, compare=False, repr=False)
    """Counts on as long as the session lasts."""


@dataclass(frozen=True, slots=True)
class SessionClosed:
    """A session ended."""

    session_id: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Shed:
    """A session was refused, for the server's own sake."""

    reason: Literal["sessions", "draining"]
    session_id: str = ""
    """It got none."""


@dataclass(frozen=True, slots=True)
class TurnBegan:
    """The caller was noticed to speak, `noticed_ms` after the first sound; `interrupts` says that an answer ran."""

    session_id: str
    item_id: str
    noticed_ms: int
    interrupts: bool


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """The caller's turn was committed."""

    session_id: str
    item_id: str
    audio_ms: int
    silence_ms: int | None = None
    """How long the caller had been silent by then. None: not known; the client committed, or it was too long."""


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
    """Why it was cancelled or is incomplete: `turn_detected`, `max_output_tokens`, …"""
    item_id: str | None = None
    """What it answers: the last item of its context."""
    silence_ms: int | None = None
    """How long the caller had been silent when it was created; None where that is not known, or it answers no turn."""
    work: Work = field(default_factory=Work)
    """Of the engines; of a draft that was kept it lies before `created_at`."""
    heard_tokens: int = 0
    spoken_tokens: int = 0
    """Audio, as it is counted for the client."""


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


Fact: TypeAlias = (
    SessionOpened
    | SessionClosed
    | Shed
    | TurnBegan
    | TurnEnded
    | Transcribed
    | ResponseEnded
    | DraftEnded
    | EngineFailed
)


class Meter(Protocol):
    """Counts facts: metrics, traces, log lines. Never audio, words, arguments or keys."""

    def report(self, fact: Fact) -> None:
        """Take note; must be quick and must not raise."""
