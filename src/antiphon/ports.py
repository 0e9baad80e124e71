"""The contracts: what an engine is, and what it yields.

Audio is `pcm` (see `antiphon.audio.pcm`) at every port: 16-bit mono at 24,000 Hz. An engine brings it to its
own rate itself. One engine instance serves all sessions of a process; what belongs to one utterance or one
answer lives in the `Hearing` or `Run` that the engine opens.

Coroutines of an engine must not block the event loop: heavy work goes to threads of the engine's own.
An engine that cannot go on raises `EngineError`; any other exception counts as the same with a general text.
Cancelling a coroutine or closing a `Run` must free what it holds; no result is then expected.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from antiphon.protocol.items import Item, McpError, McpListedTool
from antiphon.protocol.session import FunctionTool, Modality, ToolChoice

Role: TypeAlias = Literal["vad", "turn", "asr", "llm", "tts", "responder", "tools"]


class EngineError(Exception):
    """An engine cannot do what it was asked; the text may be shown to the client.

    `code` follows the protocol's error codes where one fits (`insufficient_quota`, `model_not_found`,
    `rate_limit_exceeded`, …) and is None otherwise.
    """

    def __init__(self, message: str, *, code: str | None = None, type: str = "server_error") -> None:  # noqa: A002 -- the wire's word
        super().__init__(message)
        self.message = message
        self.code = code
        self.type = type


@runtime_checkable
class Engine(Protocol):
    """What every engine has."""

    name: str
    """As the operator wrote it: `moonshine`, `openai:http://…#qwen3`."""

    async def start(self) -> None:
        """Load and warm up. Called once, before the first use; may take seconds."""

    async def stop(self) -> None:
        """Free everything. Called once; no other call follows."""


@runtime_checkable
class Queued(Protocol):
    """What an engine has where its work waits in a queue of its own."""

    @property
    def waiting(self) -> int:
        """Pieces of work that wait."""


@dataclass(slots=True, eq=False)
class Claim:
    """For whom an engine is called, so that its queue can be fair between sessions."""

    session_id: str
    is_draft: bool = False
    """Begun before the turn has ended: real work of any session goes first. False from when the turn has ended."""


NOBODY = Claim("")
"""For work of no session, such as warming up."""

CLAIM: ContextVar[Claim] = ContextVar("antiphon_claim", default=NOBODY)
"""Set by the runtime where it calls an engine; the tasks of the call inherit it. An engine with a queue reads it."""


# Hearing


class VAD(Engine, Protocol):
    """Voice activity detection: scores frames, decides nothing.

    `score` runs in a worker thread, for frames of many sessions at once; results must not depend on what
    else is in the batch.
    """

    rate_hz: int
    frame_samples: int
    """Samples in a frame, at `rate_hz`; a frame lasts a whole number of 24 kHz samples."""

    def new_state(self) -> Any:
        """The memory of a fresh stream."""

    def score(self, frames: NDArray[np.float32], states: list[Any]) -> tuple[list[float], list[Any]]:
        """The probability of speech in each row of `frames` (n, frame_samples), and the states after it."""


class TurnModel(Engine, Protocol):
    """Judges whether the caller has finished, from words and sound."""

    async def judge(self, text: str, pcm: bytes) -> float:
        """The probability that the turn is over, 0 to 1. `pcm` is the turn's last seconds."""


@dataclass(frozen=True, slots=True)
class HearingOptions:
    """What the session says of its transcription."""

    model: str | None = None
    language: str | None = None
    prompt: str | None = None
    keywords: tuple[str, ...] = ()
    logprobs: bool = False


@dataclass(frozen=True, slots=True)
class TokenProb:
    """One token of a transcript with its log probability."""

    token: str
    logprob: float


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a transcript; times in seconds from the start of the utterance."""

    text: str
    speaker: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Transcript:
    """Words that were heard. `stable` says that later transcripts of this stream will start with this text."""

    text: str
    stable: bool = True
    language: str | None = None
    tokens: tuple[TokenProb, ...] = ()
    segments: tuple[Segment, ...] = ()
    usage: "TranscriptUsage | None" = None


@dataclass(frozen=True, slots=True)
class TranscriptUsage:
    """Tokens, where the recogniser counts them; otherwise we bill seconds."""

    text_tokens: int = 0
    audio_tokens: int = 0
    output_tokens: int = 0


class Hearing(Protocol):
    """One utterance being heard. The runtime calls it in order, one call at a time."""

    async def feed(self, pcm: bytes) -> Transcript | None:
        """Take more audio. A streaming recogniser gives its best text so far when it has changed."""

    async def settle(self) -> Transcript:
        """The best text of all audio fed so far, now. The stream stays usable: more may be fed after it."""

    async def close(self) -> None:
        """Free the stream; always the last call, also after a failure."""


class ASR(Engine, Protocol):
    """Speech recognition of the caller's audio."""

    def open(self, options: HearingOptions) -> Hearing:
        """Begin an utterance. Cheap; must not block."""


# Answering


@dataclass(frozen=True, slots=True)
class Prompt:
    """All that an answer depends on.

    `items` are GA items as the model should see them: a caller's speech carries its `transcript` (and `audio`
    for responders that hear), an interrupted answer only the words that were heard.
    """

    session_id: str
    """Stable for the life of a session, so that an engine can keep a prefix cache per session."""
    instructions: str
    items: tuple[Item, ...]
    modality: Modality = "audio"
    tools: tuple[FunctionTool, ...] = ()
    tool_choice: ToolChoice = "auto"
    parallel_tool_calls: bool = True
    max_output_tokens: int | None = None
    temperature: float | None = None
    reasoning_effort: str | None = None
    voice: str = ""
    speed: float = 1.0
    draft: bool = False
    """Begun before the turn has ended: real responses of any session go first."""


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More words: the text of a written answer, the transcript of a spoken one."""

    text: str


@dataclass(frozen=True, slots=True)
class AudioDelta:
    """More sound of a spoken answer.

    `span` is what this piece speaks: [start, end) in characters of the answer's transcript so far. Pieces of
    one sentence share one span, so that the audio of a sentence is the sum of its pieces.
    """

    pcm: bytes
    span: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class CallDelta:
    """A function call, or more of its arguments. `index` tells the calls of one answer apart.

    The first delta of an index carries the name; `call_id` only where the model gave one.
    """

    index: int
    name: str = ""
    arguments: str = ""
    call_id: str = ""


@dataclass(frozen=True, slots=True)
class Ending:
    """Why the model stopped, when it was not simply done. Last delta of a run."""

    reason: Literal["max_output_tokens", "content_filter"]


Delta: TypeAlias = TextDelta | AudioDelta | CallDelta | Ending


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the engine counts them. Cached tokens are a part of the input tokens."""

    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0


NO_USAGE = Usage()


class Run(Protocol):
    """One answer being made.

    Iterate it once. Leaving the iteration early is followed by `aclose`, which stops the work as soon as
    the engine can; `usage` is right at any time, also after that.
    """

    @property
    def usage(self) -> Usage:
        """What the run has cost so far."""

    def __aiter__(self) -> AsyncIterator[Delta]:
        """The deltas of the answer, in order."""

    async def aclose(self) -> None:
        """Stop and free. Safe to call twice, and after the end."""


class LLM(Engine, Protocol):
    """A language model: yields `TextDelta`, `CallDelta` and `Ending`."""

    context_tokens: int
    sees_images: bool

    def run(self, prompt: Prompt) -> Run:
        """Begin an answer. Cheap; the work starts with the iteration."""

    async def warm(self, prompt: Prompt) -> None:
        """Read the prompt into the prefix cache, so that the answer starts sooner. May do nothing."""

    def count(self, text: str) -> int:
        """How many tokens `text` is, by the model's own tokenizer or its nearest estimate."""


class TTS(Engine, Protocol):
    """A voice."""

    voices: tuple[str, ...]
    """The engine's own voice names, the default first."""

    def speak(self, text: str, voice: str, speed: float) -> AsyncIterator[bytes]:
        """Speak one sentence or clause: `pcm` pieces as they are made.

        An unknown `voice` is spoken by the default one. Closing the iterator stops the work.
        """


class Responder(Engine, Protocol):
    """Anything that answers: a cascade of LLM and TTS, or a native speech model."""

    voices: tuple[str, ...]
    context_tokens: int
    hears_audio: bool
    """Takes the caller's audio itself; otherwise it waits for the transcript."""
    sees_images: bool

    def run(self, prompt: Prompt) -> Run:
        """Begin an answer: text or call deltas, and audio deltas when `prompt.modality` is `audio`."""

    async def warm(self, prompt: Prompt) -> None:
        """As `LLM.warm`."""

    def count(self, text: str) -> int:
        """As `LLM.count`."""


# Tools


@dataclass(frozen=True, slots=True)
class ToolServer:
    """Where an MCP server is, and what it is shown. Its `repr` tells no secret."""

    label: str
    url: str
    authorization: str | None = field(default=None, repr=False)
    """An access token."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


class ToolError(Exception):
    """A tool server did not do what it was asked; `error` is what the wire says of it, and may be shown."""

    def __init__(self, error: McpError) -> None:
        super().__init__(error.message)
        self.error = error


class ToolBox(Engine, Protocol):
    """The way to the tools of MCP servers.

    Both coroutines raise `ToolError`; cancelling them frees what they hold. The runtime sets their time limits.
    """

    def refusal(self, url: str) -> str | None:
        """Why the operator does not let this server be used, for the client to read; None when it may be."""

    async def list_tools(self, server: ToolServer) -> tuple[McpListedTool, ...]:
        """The tools that the server offers."""

    async def call(self, server: ToolServer, name: str, arguments: str) -> str:
        """Call a tool with a JSON object; its output as text, bounded."""


@dataclass(frozen=True, slots=True)
class EngineSet:
    """The engines that serve one client model name."""

    vad: VAD
    asr: ASR | None
    responder: Responder
    turn: TurnModel | None = None
    anticipates: bool = True
    """Whether drafts may be begun: they cost what they use, also when they are dropped."""
    tools: ToolBox | None = None

    def all(self) -> Sequence[Engine]:
        """Each engine once."""
        return [e for e in (self.vad, self.asr, self.responder, self.turn, self.tools) if e is not None]
