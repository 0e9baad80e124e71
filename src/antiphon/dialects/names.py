"""Beta's words for what GA says: event types, audio formats, content types, and where a field stands."""

from typing import Final

from antiphon.protocol import server_events as ga

RENAMED: Final[dict[type, str]] = {
    ga.ResponseOutputTextDelta: "response.text.delta",
    ga.ResponseOutputTextDone: "response.text.done",
    ga.ResponseOutputAudioDelta: "response.audio.delta",
    ga.ResponseOutputAudioDone: "response.audio.done",
    ga.ResponseOutputAudioTranscriptDelta: "response.audio_transcript.delta",
    ga.ResponseOutputAudioTranscriptDone: "response.audio_transcript.done",
}
"""Events that differ in their type alone."""

FORMATS: Final = {"audio/pcm": "pcm16", "audio/pcmu": "g711_ulaw", "audio/pcma": "g711_alaw"}

PARTS: Final = {"output_text": "text", "output_audio": "audio"}

CONTENT_TYPES: Final = ("input_text", "input_audio", "text", "audio")
"""What beta has; GA has images too."""

PATHS: Final = {
    "session.audio.input.format": "session.input_audio_format",
    "session.audio.input.transcription": "session.input_audio_transcription",
    "session.audio.input.noise_reduction": "session.input_audio_noise_reduction",
    "session.audio.input.turn_detection": "session.turn_detection",
    "session.audio.output.format": "session.output_audio_format",
    "session.audio.output.voice": "session.voice",
    "session.audio.output.speed": "session.speed",
    "session.output_modalities": "session.modalities",
    "session.max_output_tokens": "session.max_response_output_tokens",
    "response.audio.output.format": "response.output_audio_format",
    "response.audio.output.voice": "response.voice",
    "response.output_modalities": "response.modalities",
    "response.max_output_tokens": "response.max_response_output_tokens",
}
"""Where a field of GA stands in beta; what lies below it keeps its name."""

STRINGS: Final = frozenset(
    {
        "session.input_audio_format",
        "session.output_audio_format",
        "session.voice",
        "response.output_audio_format",
        "response.voice",
    }
)
"""Fields that are objects in GA and plain strings in beta: nothing lies below them."""


class Renaming:
    """Gives a GA frame beta's event type. The type stands first in every frame that we encode."""

    def __init__(self, event_type: type, name: str) -> None:
        tag = str(event_type.__struct_config__.tag)  # type: ignore[attr-defined]  # every event is a struct
        self._skipped = len(_opening(tag))
        self._opening = _opening(name)

    def __call__(self, frame: bytes) -> bytes:
        """The frame under its other name."""
        return self._opening + frame[self._skipped :]


def _opening(name: str) -> bytes:
    return b'{"type":"%b"' % name.encode()


RENAMINGS: Final = {event_type: Renaming(event_type, name) for event_type, name in RENAMED.items()}
