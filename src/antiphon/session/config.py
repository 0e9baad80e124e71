"""The session's configuration: defaults, what an update may change, and how the wire shows it.

`SessionConfig` has every key filled in; `apply` makes the next one or says exactly what is wrong.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from msgspec import Struct, structs

from antiphon.protocol import errors
from antiphon.protocol.errors import ErrorDetail
from antiphon.protocol.session import (
    Audio,
    AudioFormat,
    AudioInput,
    AudioOutput,
    FunctionTool,
    Include,
    MaxOutputTokens,
    Modality,
    NoiseReduction,
    PcmFormat,
    PromptTemplate,
    RealtimeSession,
    RealtimeSessionUpdate,
    Reasoning,
    SemanticVad,
    ServerVad,
    SessionBody,
    SessionUpdateBody,
    Tool,
    ToolChoice,
    Tracing,
    Transcription,
    TranscriptionAudio,
    TranscriptionSession,
    TranscriptionSessionUpdate,
    Truncation,
    TurnDetection,
    Voice,
)
from antiphon.protocol.wire import UNSET
from antiphon.session.tools import Refusal, choice_error, tools_error

Kind: TypeAlias = Literal["realtime", "transcription"]

DEFAULT_VOICE = "alloy"
DEFAULT_TRANSCRIPTION_MODEL = "whisper-1"
NOISE_STRENGTH = 1.0
"""What `noise_reduction.strength` is when it is first switched on."""

MODELS_WITHOUT_TURN_DETECTION = ("gpt-realtime-whisper", "gpt-live-transcribe")
"""In transcription sessions; in a realtime session the turns are the model's that answers."""

FINISHED_SILENCE_MS = {"low": 500, "medium": 350, "auto": 350, "high": 150}
"""`semantic_vad`: the silence that ends a turn that is finished for certain, by eagerness; `bench/semantic.py`."""

UNFINISHED_SILENCE_MS = {"low": 8000, "medium": 4000, "auto": 4000, "high": 2000}
"""`semantic_vad`: the longest wait for a caller who sounds as if there is more to come; by the reference."""

UNJUDGED_SILENCE_MS = {"low": 1200, "medium": 800, "auto": 800, "high": 450}
"""`semantic_vad` where no turn model or no recogniser can judge: plain silence, by eagerness."""

UNLIMITED_S = 365 * 24 * 3600
"""What `expires_at` shows when the operator sets no limit; the wire wants a number."""


@dataclass(frozen=True, slots=True)
class Context:
    """The model's context: its size in tokens, and how the engine counts text."""

    tokens: int
    count: Callable[[str], int]


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """What is fixed when a session opens: who it is, what its engines can do, and its limits."""

    session_id: str
    model: str
    new_id: Callable[[str], str]
    """Makes an id for a prefix (`item`, `resp`, …); the core itself knows no chance."""
    created_at: int = 0
    """Unix seconds."""
    kind: Kind = "realtime"
    lifetime_s: int | None = 3600
    instructions: str = ""
    voices: tuple[str, ...] = ()
    hears_audio: bool = False
    sees_images: bool = False
    has_asr: bool = True
    has_turn_model: bool = False
    anticipates: bool = False
    """Whether answers are drafted while the silence that ends a turn still lasts."""
    context: Context | None = None
    """The size of the model's context; None: nothing is ever left out."""
    templates: Mapping[str, str] = field(default_factory=dict)
    """The operator's prompt templates by id, or by `id@version`; `{{name}}` stands for a variable."""
    takes_duplicates: bool = False
    """Whether a client's item may have an id that is in use already; the id then means the newer item."""
    initial: SessionUpdateBody | None = None
    """What the session begins with, as if the client had sent it before it connected."""
    tool_refusal: Refusal | None = None
    """Why an MCP server may not be used, by its URL; None: there are no MCP tools here."""
    is_call: bool = False
    """Whether the server plays the answers (WebRTC, SIP): it knows what was heard, and its sound stays `pcm`."""
    follows_up: bool = False
    """Whether a response follows by itself when MCP tools have answered, or the client asks for it."""

    def template(self, prompt: PromptTemplate) -> str | None:
        """The text of a prompt template; None when the operator has none of that id and version."""
        return self.templates.get(f"{prompt.id}@{prompt.version}" if prompt.version else prompt.id)

    @property
    def expires_at(self) -> int:
        """Unix seconds."""
        return self.created_at + (UNLIMITED_S if self.lifetime_s is None else self.lifetime_s)


@dataclass(frozen=True, slots=True)
class TurnRules:
    """Turn detection with every key filled in."""

    kind: Literal["server_vad", "semantic_vad"] = "server_vad"
    threshold: float = 0.5
    prefix_padding_ms: int = 300
    silence_duration_ms: int = 200
    idle_timeout_ms: int | None = None
    eagerness: Literal["low", "medium", "high", "auto"] = "auto"
    create_response: bool = True
    interrupt_response: bool = True

    def silence_ms(self, finished: float | None) -> int:
        """The silence that ends a turn which is `finished` with this probability.

        None: not judged yet. Only `semantic_vad` asks. Between the shortest and the longest wait, each doubt
        counts by ratio: half as sure is not half of 4 s, but the geometric mean of both.
        """
        if self.kind == "server_vad":
            return self.silence_duration_ms
        shortest, longest = FINISHED_SILENCE_MS[self.eagerness], UNFINISHED_SILENCE_MS[self.eagerness]
        return round(shortest * math.pow(longest / shortest, 1 - (finished or 0.0)))

    @property
    def unjudged_silence_ms(self) -> int:
        """The silence that ends a turn when nothing can judge it."""
        return self.silence_duration_ms if self.kind == "server_vad" else UNJUDGED_SILENCE_MS[self.eagerness]


@dataclass(frozen=True, slots=True)
class InputConfig:
    """`audio.input`."""

    format: AudioFormat = field(default_factory=PcmFormat)
    transcription: Transcription | None = None
    noise_reduction: NoiseReduction | None = None
    turns: TurnRules | None = field(default_factory=TurnRules)


@dataclass(frozen=True, slots=True)
class OutputConfig:
    """`audio.output`."""

    format: AudioFormat = field(default_factory=PcmFormat)
    voice: Voice = DEFAULT_VOICE
    speed: float = 1.0


@dataclass(frozen=True, slots=True)
class SessionConfig:
    """The effective session."""

    instructions: str = ""
    modality: Modality = "audio"
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = "auto"
    max_output_tokens: MaxOutputTokens = "inf"
    tracing: Tracing = None
    truncation: Truncation = "auto"
    prompt: PromptTemplate | None = None
    include: tuple[Include, ...] | None = None
    reasoning: Reasoning | None = None
    parallel_tool_calls: bool | None = None
    temperature: float | None = None
    """Beta and preview only; GA neither takes nor shows it."""
    input: InputConfig = field(default_factory=InputConfig)
    output: OutputConfig = field(default_factory=OutputConfig)


def given(struct: Struct) -> dict[str, Any]:
    """The keys that are present."""
    values = {name: getattr(struct, name) for name in struct.__struct_fields__}
    return {name: value for name, value in values.items() if value is not UNSET}


# Updates


def first(settings: SessionSettings) -> SessionConfig:
    """The configuration that a session begins with; an initial update that cannot be applied any more is left out."""
    config = SessionConfig(instructions=settings.instructions)
    if settings.initial is None:
        return config
    after = apply(config, settings.initial, settings, has_spoken=False)
    return config if isinstance(after, ErrorDetail) else after


def apply(
    config: SessionConfig, update: SessionUpdateBody, settings: SessionSettings, *, has_spoken: bool
) -> SessionConfig | ErrorDetail:
    """The configuration after an update, or why the update is refused whole.

    `has_spoken` says that the session has produced assistant audio, which locks the voice.
    """
    if isinstance(update, TranscriptionSessionUpdate) != (settings.kind == "transcription"):
        return errors.wrong_session_kind(settings.kind)
    keys = given(update)
    audio = keys.pop("audio", None)
    if isinstance(update, RealtimeSessionUpdate):
        error = _refusal(config, update, settings)
        if error is not None:
            return error
        keys.pop("model", None)
        modalities = keys.pop("output_modalities", None)
        if modalities is not None:
            keys["modality"] = modalities[0]
    after = replace(config, **keys)
    return after if audio is None else _with_audio(after, audio, has_spoken=has_spoken)


def _refusal(config: SessionConfig, update: RealtimeSessionUpdate, settings: SessionSettings) -> ErrorDetail | None:
    keys = given(update)
    if keys.get("model", settings.model) != settings.model:
        return errors.not_allowed("session.model", "The model of a session cannot be changed.")
    if config.tracing is not None and keys.get("tracing", config.tracing) != config.tracing:
        return errors.not_allowed("session.tracing", "Tracing cannot be changed once it is enabled.")
    prompt = keys.get("prompt")
    if prompt is not None and settings.template(prompt) is None:
        return errors.prompt_unknown("session.prompt", prompt.id)
    return (
        modality_error(keys.get("output_modalities"), "session")
        or tools_error(keys.get("tools", ()), "session", settings.tool_refusal)
        or choice_error(keys.get("tool_choice", "auto"), keys.get("tools", config.tools), "session")
    )


def modality_error(modalities: Sequence[Modality] | None, owner: str) -> ErrorDetail | None:
    """An answer is text or audio, never both, never neither."""
    if modalities is None or len(modalities) == 1:
        return None
    return errors.modalities(f"{owner}.output_modalities", modalities)


def _with_audio(
    config: SessionConfig, audio: Audio | TranscriptionAudio, *, has_spoken: bool
) -> SessionConfig | ErrorDetail:
    keys = given(audio)
    if "input" in keys:
        heard = _with_input(config.input, keys["input"], transcribes=isinstance(audio, TranscriptionAudio))
        if isinstance(heard, ErrorDetail):
            return heard
        config = replace(config, input=heard)
    if "output" in keys:
        output = replace(config.output, **given(keys["output"]))
        if has_spoken and output.voice != config.output.voice:
            return errors.cannot_update_voice()
        config = replace(config, output=output)
    return config


def _with_input(config: InputConfig, update: AudioInput, *, transcribes: bool) -> InputConfig | ErrorDetail:
    """`transcribes` is a transcription session; a model without turn detection switches it off there."""
    keys = given(update)
    if "transcription" in keys:
        keys["transcription"] = _merged(config.transcription, keys["transcription"])
        if transcribes and keys["transcription"] and keys["transcription"].model in MODELS_WITHOUT_TURN_DETECTION:
            keys.setdefault("turn_detection", None)
    if "noise_reduction" in keys:
        keys["noise_reduction"] = _merged(config.noise_reduction, keys["noise_reduction"])
    if "turn_detection" in keys:
        keys["turns"] = _rules(config.turns, keys.pop("turn_detection"))
    after = replace(config, **keys)
    return _input_error(after, transcribes=transcribes) or after


def _merged(before: Any, update: Struct | None) -> Any:
    """An object after an update of some of its keys; `null` clears it."""
    if update is None or before is None:
        return update
    return type(before)(**(given(before) | given(update)))


def _rules(before: TurnRules | None, update: TurnDetection | None) -> TurnRules | None:
    """Missing keys keep their values while the kind stays, and return to the defaults when it changes."""
    if update is None:
        return None
    kind: Literal["server_vad", "semantic_vad"] = "server_vad" if isinstance(update, ServerVad) else "semantic_vad"
    base = before if before is not None and before.kind == kind else TurnRules(kind=kind)
    return replace(base, **given(update))


def _input_error(config: InputConfig, *, transcribes: bool) -> ErrorDetail | None:
    transcription = config.transcription
    if transcription is None:
        return None
    if transcription.language and transcription.languages:
        return errors.not_allowed(
            "session.audio.input.transcription.languages", "Set either 'language' or 'languages', not both."
        )
    if transcribes and transcription.model in MODELS_WITHOUT_TURN_DETECTION and config.turns is not None:
        return errors.not_allowed(
            "session.audio.input.turn_detection", "Turn detection is not supported for this transcription model."
        )
    return None


# The wire


def shown(config: SessionConfig, settings: SessionSettings) -> SessionBody:
    """The session as `session.created` and `session.updated` send it: every key, whatever was set."""
    heard = _shown_input(config.input, settings.kind)
    if settings.kind == "transcription":
        return TranscriptionSession(
            id=settings.session_id,
            expires_at=settings.expires_at,
            audio=TranscriptionAudio(input=heard),
            include=config.include,
        )
    output = AudioOutput(format=config.output.format, voice=config.output.voice, speed=config.output.speed)
    return RealtimeSession(
        id=settings.session_id,
        expires_at=settings.expires_at,
        model=settings.model,
        output_modalities=(config.modality,),
        instructions=config.instructions,
        tools=tuple(_shown_tool(tool) for tool in config.tools),
        tool_choice=config.tool_choice,
        max_output_tokens=config.max_output_tokens,
        tracing=config.tracing,
        truncation=config.truncation,
        prompt=config.prompt,
        reasoning=UNSET if config.reasoning is None else config.reasoning,
        parallel_tool_calls=UNSET if config.parallel_tool_calls is None else config.parallel_tool_calls,
        audio=Audio(input=heard, output=output),
        include=config.include,
    )


def _shown_tool(tool: Tool) -> Tool:
    """A tool without its secrets."""
    return tool if isinstance(tool, FunctionTool) else structs.replace(tool, authorization=UNSET, headers=UNSET)


def _shown_input(config: InputConfig, kind: Kind) -> AudioInput:
    return AudioInput(
        format=config.format,
        transcription=_shown_transcription(config.transcription),
        noise_reduction=_shown_noise_reduction(config.noise_reduction),
        turn_detection=_shown_rules(config.turns, kind),
    )


def _shown_transcription(transcription: Transcription | None) -> Transcription | None:
    if transcription is None:
        return None
    keys: dict[str, Any] = {"model": DEFAULT_TRANSCRIPTION_MODEL, "language": None, "prompt": None}
    keys |= given(transcription)
    keys.pop("delay", None)  # taken, and never shown again
    return Transcription(**keys)


def _shown_noise_reduction(noise: NoiseReduction | None) -> NoiseReduction | None:
    if noise is None or noise.strength is not UNSET:
        return noise
    return NoiseReduction(type=noise.type, strength=NOISE_STRENGTH)


def _shown_rules(rules: TurnRules | None, kind: Kind) -> TurnDetection | None:
    if rules is None:
        return None
    answers = kind == "realtime"  # a transcription session has no responses to create or interrupt
    create = rules.create_response if answers else UNSET
    interrupt = rules.interrupt_response if answers else UNSET
    if rules.kind == "semantic_vad":
        return SemanticVad(eagerness=rules.eagerness, create_response=create, interrupt_response=interrupt)
    return ServerVad(
        threshold=rules.threshold,
        prefix_padding_ms=rules.prefix_padding_ms,
        silence_duration_ms=rules.silence_duration_ms,
        idle_timeout_ms=rules.idle_timeout_ms if answers else UNSET,
        create_response=create,
        interrupt_response=interrupt,
    )
