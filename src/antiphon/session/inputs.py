"""What happens to the core. Past tense; each carries the id it belongs to."""

from dataclasses import dataclass
from typing import TypeAlias

from antiphon.link import PlayoutStarted, PlayoutStopped, Unheard
from antiphon.ports import NO_USAGE, Delta, Transcript, Usage
from antiphon.protocol.client_events import ClientEvent
from antiphon.protocol.errors import ErrorDetail
from antiphon.protocol.items import McpError, McpListedTool


@dataclass(frozen=True, slots=True)
class Joined:
    """A link was opened; it gets `session.created`. The first one opens the session."""

    origin: str
    takes_audio: bool = True


@dataclass(frozen=True, slots=True)
class Left:
    """A link is gone. The session lives on while the runtime says so."""

    origin: str


@dataclass(frozen=True, slots=True)
class Received:
    """A client event, other than an append of audio."""

    origin: str
    event: ClientEvent


@dataclass(frozen=True, slots=True)
class Refused:
    """A frame that no event could be made of; the error goes to its origin alone."""

    origin: str
    error: ErrorDetail


@dataclass(frozen=True, slots=True)
class Score:
    """The probability of speech in one frame: samples [start, end) of all audio of the session, at 24 kHz."""

    start: int
    end: int
    speech: float


@dataclass(frozen=True, slots=True)
class Heard:
    """More of the caller's audio: an append, or RTP. `scores` are the frames that it completed.

    `scores` is empty when `session.wants_scores` was false as the audio was taken.
    """

    origin: str
    pcm: bytes
    scores: tuple[Score, ...] = ()
    event_id: str | None = None
    """The client's name for the append, should it be refused."""


@dataclass(frozen=True, slots=True)
class Recognised:
    """The recogniser's text of the first `cut` samples of an item's audio; `final` answers a `Settle`."""

    item_id: str
    transcript: Transcript
    cut: int = 0
    final: bool = False


@dataclass(frozen=True, slots=True)
class Unrecognised:
    """The recogniser failed on an item."""

    item_id: str
    message: str
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """The turn model's verdict on the first `cut` samples of an item: the probability that the turn is over."""

    item_id: str
    cut: int
    finished: float


@dataclass(frozen=True, slots=True)
class Produced:
    """A piece of an answer."""

    response_id: str
    delta: Delta
    usage: Usage = NO_USAGE
    """What the run had cost when it yielded this; a cancelled response is billed by the last one."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The engine has come to its own end."""

    response_id: str
    usage: Usage


@dataclass(frozen=True, slots=True)
class Broke:
    """The engine failed while answering."""

    response_id: str
    message: str
    code: str | None = None
    type: str = "server_error"
    usage: Usage = NO_USAGE
    is_fault: bool = True
    """False: the operator's own limits have said no, and no engine is to blame."""


@dataclass(frozen=True, slots=True)
class PlayoutCleared:
    """The output audio buffer of a call is silent; `unheard` is what was not played to its end."""

    unheard: tuple[Unheard, ...]


@dataclass(frozen=True, slots=True)
class Listed:
    """An MCP server has named its tools, or has failed to."""

    item_id: str
    tools: tuple[McpListedTool, ...] = ()
    error: McpError | None = None


@dataclass(frozen=True, slots=True)
class Called:
    """An MCP tool has given its output, or has failed."""

    item_id: str
    output: str = ""
    error: McpError | None = None


@dataclass(frozen=True, slots=True)
class Tick:
    """`session.deadline` has passed."""


Input: TypeAlias = (
    Joined
    | Left
    | Received
    | Refused
    | Heard
    | Recognised
    | Unrecognised
    | Judged
    | Produced
    | Finished
    | Broke
    | PlayoutStarted
    | PlayoutStopped
    | PlayoutCleared
    | Listed
    | Called
    | Tick
)
