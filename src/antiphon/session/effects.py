"""What the core asks of the world. Orders; performing one never awaits."""

from dataclasses import dataclass
from typing import TypeAlias

from antiphon.facts import Fact
from antiphon.ports import HearingOptions, Prompt, ToolServer
from antiphon.protocol.server_events import ServerEvent


@dataclass(frozen=True, slots=True)
class Send:
    """Give an event to one link, or to all (`to` is None). Audio deltas go to links that take audio."""

    event: ServerEvent
    to: str | None = None


@dataclass(frozen=True, slots=True)
class Hear:
    """Feed audio of an item to its recogniser stream; the first one opens the stream."""

    item_id: str
    pcm: bytes
    options: HearingOptions


@dataclass(frozen=True, slots=True)
class Settle:
    """Ask the recogniser for its final text of the first `cut` samples, after all `Hear` before it.

    Answered by one `Recognised(final=True, cut=cut)` or `Unrecognised`. `last` closes the stream after that.
    """

    item_id: str
    cut: int
    last: bool = True


@dataclass(frozen=True, slots=True)
class Judge:
    """Ask the turn model whether the caller has finished. Answered by `Judged` with the same `cut`, or never."""

    item_id: str
    cut: int
    text: str
    pcm: bytes


@dataclass(frozen=True, slots=True)
class Forget:
    """Close the recogniser stream of an item; no answer is wanted any more."""

    item_id: str


@dataclass(frozen=True, slots=True)
class Warm:
    """Have the model read what it will need for the next answer. Nothing is said of it; it may be left undone."""

    prompt: Prompt


@dataclass(frozen=True, slots=True)
class Respond:
    """Start an answer. Answered by `Produced`…, then one of `Finished` and `Broke`."""

    response_id: str
    prompt: Prompt


@dataclass(frozen=True, slots=True)
class Release:
    """The draft is an answer now: its engine need not hold back any more."""

    response_id: str


@dataclass(frozen=True, slots=True)
class ClearOutput:
    """Have a call's output audio buffer be silent. Answered by one `PlayoutCleared`; calls only."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop an answer: drop its unsent audio, end its engine and its tools. Nothing more is said of them."""

    response_id: str


@dataclass(frozen=True, slots=True)
class ListTools:
    """Ask an MCP server for its tools. Answered by one `Listed`."""

    item_id: str
    server: ToolServer


@dataclass(frozen=True, slots=True)
class CallTool:
    """Call a tool of an MCP server, with a JSON object. Answered by one `Called`, unless its response is stopped."""

    response_id: str
    item_id: str
    server: ToolServer
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Report:
    """Let the meter know."""

    fact: Fact


@dataclass(frozen=True, slots=True)
class Close:
    """End all links of the session."""

    code: int
    reason: str


Effect: TypeAlias = (
    Send
    | Hear
    | Settle
    | Judge
    | Forget
    | Warm
    | Respond
    | Release
    | Stop
    | ClearOutput
    | ListTools
    | CallTool
    | Report
    | Close
)
