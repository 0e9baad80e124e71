"""The flat session of beta: what a client sets made into GA, and GA's session shown as beta has it."""

from typing import Final, TypedDict, TypeVar

from msgspec import Struct, structs

from antiphon.dialects import beta_events as told
from antiphon.dialects import beta_shapes as beta
from antiphon.dialects import wording
from antiphon.dialects.wording import Worded
from antiphon.protocol import session as ga
from antiphon.protocol.beyond import SessionWishes
from antiphon.protocol.wire import UNSET, UnsetType, Wire

Part = TypeVar("Part", bound=Wire)

_FORMATS: Final[dict[beta.AudioFormat, ga.AudioFormat]] = {
    "pcm16": ga.PcmFormat(),
    "g711_ulaw": ga.PcmuFormat(),
    "g711_alaw": ga.PcmaFormat(),
}
_NAMES: Final = {type(audio_format): name for name, audio_format in _FORMATS.items()}

BOTH: Final[tuple[ga.Modality, ...]] = ("audio", "text")
"""`modalities` of a session that speaks; its words come as text beside the sound."""


# From the client


def modalities_to_ga(
    modalities: tuple[ga.Modality, ...] | UnsetType, path: str
) -> tuple[ga.Modality, ...] | UnsetType | Worded:
    """Text alone, or both in any order, which GA calls audio."""
    if isinstance(modalities, UnsetType):
        return UNSET
    if sorted(modalities) == sorted(BOTH):
        return ("audio",)
    return modalities if modalities == ("text",) else wording.modalities(path, modalities)


def format_to_ga(name: beta.AudioFormat | UnsetType) -> ga.AudioFormat | UnsetType:
    """The audio format by its short name."""
    return UNSET if isinstance(name, UnsetType) else _FORMATS[name]


def session_to_ga(session: beta.Session) -> SessionWishes | Worded:
    """An update of a realtime session."""
    modalities = modalities_to_ga(session.modalities, "session.modalities")
    if isinstance(modalities, Worded):
        return modalities
    heard = _heard_to_ga(session, session.turn_detection)
    output = _given(
        ga.AudioOutput(format=format_to_ga(session.output_audio_format), voice=session.voice, speed=session.speed)
    )
    return SessionWishes(
        model=session.model,
        output_modalities=modalities,
        instructions=session.instructions,
        tools=session.tools,
        tool_choice=session.tool_choice,
        max_output_tokens=session.max_response_output_tokens,
        tracing=session.tracing,
        prompt=session.prompt,
        audio=_given(ga.Audio(input=heard, output=output)),
        include=session.include,
        temperature=session.temperature,
    )


def transcription_to_ga(session: beta.TranscriptionSession) -> ga.TranscriptionSessionUpdate:
    """An update of a session that only transcribes. It has no answers, so its `modalities` say nothing."""
    heard = _heard_to_ga(session, session.turn_detection)
    return ga.TranscriptionSessionUpdate(
        audio=_given(ga.TranscriptionAudio(input=heard)),
        include=session.include,
    )


def _heard_to_ga(
    session: beta.Hearing, turns: ga.ServerVad | ga.SemanticVad | UnsetType | None
) -> ga.AudioInput | UnsetType:
    return _given(
        ga.AudioInput(
            format=format_to_ga(session.input_audio_format),
            transcription=_as(ga.Transcription, session.input_audio_transcription),
            noise_reduction=_as(ga.NoiseReduction, session.input_audio_noise_reduction),
            turn_detection=turns,
        )
    )


def _as(kind: type[Part], value: Struct | UnsetType | None) -> Part | UnsetType | None:
    """GA's object with the same keys; null and absence stay what they are."""
    return kind(**structs.asdict(value)) if isinstance(value, Struct) else value


def _given(part: Part) -> Part | UnsetType:
    """The part, or nothing where none of its keys is given."""
    return part if any(value is not UNSET for value in structs.astuple(part)) else UNSET


# To the client


def shown(session: ga.RealtimeSession, temperature: float) -> told.Session:
    """A realtime session; GA says nothing of the temperature."""
    audio = session.audio or ga.Audio()
    output = audio.output or ga.AudioOutput()
    return told.Session(
        id=session.id,
        expires_at=session.expires_at,
        model=session.model,
        modalities=modalities_shown(session.output_modalities),
        instructions=session.instructions,
        voice=voice_shown(output.voice),
        output_audio_format=format_shown(output.format),
        tool_choice="required" if isinstance(session.tool_choice, ga.ToolChoiceMcp) else session.tool_choice,
        temperature=temperature,
        max_response_output_tokens=session.max_output_tokens,
        speed=output.speed,
        tools=tuple(tool for tool in session.tools or () if isinstance(tool, ga.FunctionTool)),
        tracing=session.tracing or None,
        prompt=session.prompt or None,
        include=session.include or None,
        **_heard_shown(audio.input or ga.AudioInput()),
    )


def transcription_shown(session: ga.TranscriptionSession) -> told.TranscriptionSession:
    """A session that only transcribes."""
    audio = session.audio or ga.TranscriptionAudio()
    return told.TranscriptionSession(
        id=session.id,
        expires_at=session.expires_at,
        include=session.include or None,
        **_heard_shown(audio.input or ga.AudioInput()),
    )


class _Heard(TypedDict):
    input_audio_format: beta.AudioFormat | UnsetType
    input_audio_transcription: beta.Transcription | None
    input_audio_noise_reduction: beta.NoiseReduction | None
    turn_detection: ga.ServerVad | ga.SemanticVad | None


def _heard_shown(heard: ga.AudioInput) -> _Heard:
    words, noise, turns = heard.transcription or None, heard.noise_reduction or None, heard.turn_detection or None
    if isinstance(turns, ga.ServerVad) and turns.idle_timeout_ms is None:
        turns = structs.replace(turns, idle_timeout_ms=UNSET)  # only late beta has it, and only if it is set
    return {
        "input_audio_format": format_shown(heard.format),
        "input_audio_transcription": words
        and beta.Transcription(model=words.model, language=words.language, prompt=words.prompt),
        "input_audio_noise_reduction": noise and beta.NoiseReduction(type=noise.type),
        "turn_detection": turns,
    }


def modalities_shown(modalities: tuple[ga.Modality, ...] | UnsetType) -> tuple[ga.Modality, ...] | UnsetType:
    """GA's audio has its words beside it; beta names both."""
    return BOTH if modalities and "audio" in modalities else modalities


def voice_shown(voice: ga.Voice | UnsetType) -> str | UnsetType:
    """A custom voice is known by its id."""
    return voice.id if isinstance(voice, ga.VoiceId) else voice


def format_shown(audio_format: ga.AudioFormat | UnsetType) -> beta.AudioFormat | UnsetType:
    """The short name of an audio format."""
    return UNSET if isinstance(audio_format, UnsetType) else _NAMES[type(audio_format)]
