"""What sessions have cost, by modality, as the upstream counts it: read from the ends of responses and transcriptions.

Only the numbers are read, and leniently: beta and GA write them alike, and an upstream that leaves some out, or says
nonsense, costs no session anything.
"""

from dataclasses import dataclass, fields
from typing import Final

from msgspec import Struct, field, json

RESPONSE_DONE: Final = "response.done"
TRANSCRIBED: Final = "conversation.item.input_audio_transcription.completed"

MAX_COUNTED: Final = 10**9
"""More tokens or seconds than any response has; what is beyond is nonsense."""


@dataclass(slots=True)
class Usage:
    """Counters: of one key, or of one session."""

    input_text_tokens: int = 0
    input_audio_tokens: int = 0
    input_image_tokens: int = 0
    input_other_tokens: int = 0
    """Of no modality that the upstream names."""
    cached_tokens: int = 0
    """A part of the input."""
    output_text_tokens: int = 0
    output_audio_tokens: int = 0
    output_other_tokens: int = 0
    transcription_tokens: int = 0
    transcription_seconds: float = 0.0
    responses: int = 0
    sessions: int = 0
    session_seconds: float = 0.0

    def add(self, more: "Usage") -> None:
        """Count more."""
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name) + getattr(more, one.name))

    @property
    def tokens(self) -> int:
        """All tokens, in and out."""
        named = self.input_text_tokens + self.input_audio_tokens + self.input_image_tokens + self.output_text_tokens
        others = self.input_other_tokens + self.output_other_tokens + self.transcription_tokens
        return named + others + self.output_audio_tokens

    def shown(self) -> dict[str, float]:
        """As `GET /usage` and logs have it: what is not zero."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: round(value, 3) for name, value in values.items() if value}


class _Details(Struct):
    text_tokens: int = 0
    audio_tokens: int = 0
    image_tokens: int = 0
    cached_tokens: int = 0


class _Tokens(Struct):
    total_tokens: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    seconds: float = 0.0
    input_token_details: _Details | None = field(default_factory=_Details)
    output_token_details: _Details | None = field(default_factory=_Details)


class _Response(Struct):
    usage: _Tokens | None = None


class _Done(Struct):
    response: _Response


class _Transcribed(Struct):
    usage: _Tokens | None = None


_DONE: Final = json.Decoder(_Done)
_TRANSCRIBED: Final = json.Decoder(_Transcribed)


def usage_in(frame: bytes, kind: str) -> Usage:
    """What an event says of the price of what has ended; nothing for other events and for what cannot be read."""
    try:
        if kind == RESPONSE_DONE:
            return _of_response(_DONE.decode(frame).response.usage or _Tokens())
        if kind == TRANSCRIBED:
            return _of_transcription(_TRANSCRIBED.decode(frame).usage or _Tokens())
    except (ValueError, RecursionError):
        pass
    return Usage(responses=int(kind == RESPONSE_DONE))


def _of_response(tokens: _Tokens) -> Usage:
    heard, said = tokens.input_token_details or _Details(), tokens.output_token_details or _Details()
    return Usage(
        input_text_tokens=_counted(heard.text_tokens),
        input_audio_tokens=_counted(heard.audio_tokens),
        input_image_tokens=_counted(heard.image_tokens),
        input_other_tokens=_counted(tokens.input_tokens - heard.text_tokens - heard.audio_tokens - heard.image_tokens),
        cached_tokens=_counted(heard.cached_tokens),
        output_text_tokens=_counted(said.text_tokens),
        output_audio_tokens=_counted(said.audio_tokens),
        output_other_tokens=_counted(tokens.output_tokens - said.text_tokens - said.audio_tokens),
        responses=1,
    )


def _of_transcription(tokens: _Tokens) -> Usage:
    seconds = tokens.seconds if 0 <= tokens.seconds <= MAX_COUNTED else 0.0
    return Usage(transcription_tokens=_counted(tokens.total_tokens), transcription_seconds=seconds)


def _counted(number: int) -> int:
    return number if 0 <= number <= MAX_COUNTED else 0
