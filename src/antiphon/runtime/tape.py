"""What a recording holds beside the frames, so that the core can be told the same again.

Everything that the core cannot derive from the frames is a note: what the session began with, which links joined, each
input with its time, and what the core was answered when it asked for an id, a count of tokens or a refusal. An input
that a frame gave is noted by its name alone; the frame stands before it.
"""

import dataclasses
from collections.abc import Callable
from typing import Final, TypeVar, get_args, get_type_hints

import msgspec

from antiphon.link import Frame, Scope, Sound, Text
from antiphon.ports import Delta, Usage
from antiphon.protocol.beyond import SessionWishes
from antiphon.protocol.server_events import RateLimitsUpdated
from antiphon.protocol.session import SessionUpdateBody, TranscriptionSessionUpdate
from antiphon.protocol.wire import Json
from antiphon.recording import Recorder
from antiphon.session.config import Context, SessionSettings
from antiphon.session.inputs import Heard, Input, Produced, Received, Refused, Score

OPENED: Final = "opened"
LINKED: Final = "linked"
INPUT: Final = "input"
LIMITS: Final = "limits"
SOUND: Final = "sound"
UNSENT: Final = "unsent"
FAULT: Final = "fault"

ASKS: Final = ("new_id", "context", "tool_refusal")
"""The settings of a session that are asked for answers, and so cannot be written down themselves."""

Answer = TypeVar("Answer", bound=Json)

_INPUTS: Final[dict[str, type]] = {kind.__name__: kind for kind in get_args(Input)}
_DELTAS: Final[dict[str, type]] = {kind.__name__: kind for kind in get_args(Delta)}


class Noted(msgspec.Struct, frozen=True, omit_defaults=True):
    """An input as a recording has it."""

    kind: str
    now: float
    """The core's clock."""
    answers: tuple[str | int | None, ...] = ()
    """What the core was answered while it took the input, in order."""
    scores: tuple[tuple[int, int, float], ...] = ()
    """Of audio: start, end and speech of each frame."""
    news: Json = None
    """The input itself, where no frame gave it."""
    delta: str = ""
    """The kind of its delta."""


class _Produced(msgspec.Struct, frozen=True):
    """`Produced`, its delta still to be read by its kind."""

    response_id: str
    delta: Json
    usage: Usage


class Tape:
    """Notes one session. Without a recorder it does nothing."""

    def __init__(self, recorder: Recorder | None = None) -> None:
        self._recorder = recorder
        self._answers: list[str | int | None] = []
        self._is_framed = False
        """Whether a text frame is being read: what the core is told of it needs no words of ours."""

    def watched(self, settings: SessionSettings) -> SessionSettings:
        """The settings, with every answer that the core is given by them kept."""
        if self._recorder is None:
            return settings
        context, refusal = settings.context, settings.tool_refusal
        return dataclasses.replace(
            settings,
            new_id=self._kept(settings.new_id),
            context=context and Context(context.tokens, self._kept(context.count)),
            tool_refusal=refusal and self._kept(refusal),
        )

    def opened(self, settings: SessionSettings) -> None:
        """The session has begun."""
        if self._recorder is not None:
            self._recorder.note(OPENED, {"settings": written(settings), "answers": self._drained()})

    def linked(self, origin: str, scope: Scope, *, announces_conversation: bool) -> None:
        """A link was admitted."""
        if self._recorder is not None:
            told = {
                "link": origin,
                "transport": scope.transport,
                "dialect": scope.dialect,
                "session": scope.session,
                "is_call": scope.call_id is not None,
                "takes_audio": scope.takes_audio,
                "plays": scope.playout is not None,
                "announces_conversation": announces_conversation,
            }
            self._recorder.note(LINKED, told)

    def took(self, origin: str, frame: Frame) -> None:
        """A frame is about to be read."""
        if self._recorder is not None:
            self._is_framed = isinstance(frame, Text)
            if isinstance(frame, Text):
                self._recorder.heard(frame.data, origin)

    def handled(self, news: Input, now: float) -> None:
        """The core has taken an input; what it makes the runtime tell comes after this."""
        if self._recorder is not None:
            noted = Noted(type(news).__name__, now, tuple(self._drained()))
            if not self._is_framed or not isinstance(news, Received | Refused | Heard):
                delta = type(news.delta).__name__ if isinstance(news, Produced) else ""
                noted = msgspec.structs.replace(noted, news=news, delta=delta)
            elif isinstance(news, Heard):
                scores = tuple((score.start, score.end, score.speech) for score in news.scores)
                noted = msgspec.structs.replace(noted, scores=scores)
            self._recorder.note(INPUT, noted)

    def told(self, origin: str, frame: bytes) -> None:
        """A frame is on its way to a link."""
        if self._recorder is not None:
            self._recorder.told(frame, origin)

    def played(self, origin: str, sound: Sound) -> None:
        """A sound was given to a call's playout."""
        if self._recorder is not None:
            self._recorder.note(SOUND, {"link": origin, "sound": sound})

    def limited(self, limits: RateLimitsUpdated) -> None:
        """The runtime is about to tell of rate limits, of which the core knows nothing."""
        if self._recorder is not None:
            self._recorder.note(LIMITS, limits)

    def unsent(self, origin: str, response_id: str, events: int) -> None:
        """Audio events that had been told were dropped before they left, as the response was stopped."""
        if self._recorder is not None and events:
            self._recorder.note(UNSENT, {"link": origin, "response_id": response_id, "events": events})

    def broke(self) -> None:
        """A fault of ours ends the session here."""
        if self._recorder is not None:
            self._recorder.note(FAULT, {})

    def close(self) -> None:
        """The session is over."""
        if self._recorder is not None:
            self._recorder.close()

    def _kept(self, ask: Callable[[str], Answer]) -> Callable[[str], Answer]:
        def asked(text: str) -> Answer:
            answer = ask(text)
            self._answers.append(answer)
            return answer

        return asked

    def _drained(self) -> list[str | int | None]:
        answers, self._answers = self._answers, []
        return answers


# Written and read


def written(settings: SessionSettings) -> dict[str, Json]:
    """Settings as a note has them: of what is asked only that it is there, and the size of the context."""
    plain = {field.name: getattr(settings, field.name) for field in dataclasses.fields(settings)}
    for name in ASKS:
        del plain[name]
    tokens = settings.context and settings.context.tokens
    noted: dict[str, Json] = msgspec.to_builtins(
        plain | {"context_tokens": tokens, "has_tools": settings.tool_refusal is not None}
    )
    return noted


def settings_of(
    noted: dict[str, Json],
    *,
    new_id: Callable[[str], str],
    count: Callable[[str], int],
    refusal: Callable[[str], str | None],
) -> SessionSettings:
    """The settings in a note, with others to ask. Raise `msgspec.ValidationError` or LookupError."""
    hints = get_type_hints(SessionSettings)
    values = {name: msgspec.convert(noted[name], hints[name]) for name in noted.keys() & hints.keys() - {"initial"}}
    tokens = msgspec.convert(noted["context_tokens"], int | None)
    return SessionSettings(
        **values,
        initial=initial_of(noted["initial"]),
        new_id=new_id,
        context=None if tokens is None else Context(tokens, count),
        tool_refusal=refusal if noted["has_tools"] else None,
    )


def initial_of(noted: Json) -> SessionUpdateBody | None:
    """What a session begins with, of any dialect. Raise `msgspec.ValidationError`."""
    return msgspec.convert(noted, SessionWishes | TranscriptionSessionUpdate | None)


def news_of(noted: Noted) -> Input:
    """The input in a note. Raise `msgspec.ValidationError` or LookupError."""
    if noted.delta:
        body = msgspec.convert(noted.news, _Produced)
        return Produced(body.response_id, msgspec.convert(body.delta, _DELTAS[noted.delta]), body.usage)
    news: Input = msgspec.convert(noted.news, _INPUTS[noted.kind])
    return news


def scored(news: Heard, noted: Noted) -> Heard:
    """Audio that a frame gave, with the scores of its note."""
    return dataclasses.replace(news, scores=tuple(Score(*score) for score in noted.scores))
