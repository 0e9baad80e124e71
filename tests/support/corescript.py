"""The words that tests of the session core are written in.

`play` hands steps to a session: inputs, client events of `link_1`, and sounds. `told` (of `corelines`) says in one line
each what the session then did, and `lines` reads the same lines from a script, so that a test compares whole lists:

    assert told(play(session, typed("Hello"), ResponseCreate())) == lines('''
        conversation.item.added  first item_1 user completed input_text "Hello"
        …
    ''')
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from corelines import item_line, type_of
from msgspec import UNSET

from antiphon.audio.pcm import samples_in, samples_of
from antiphon.ports import NO_USAGE, AudioDelta, CallDelta, Prompt, TextDelta, Transcript, Usage
from antiphon.protocol import server_events as tell
from antiphon.protocol.client_events import ClientEvent, ClientEventBase, ConversationItemCreate, SessionUpdate
from antiphon.protocol.errors import ErrorDetail
from antiphon.protocol.items import InputText, Message
from antiphon.protocol.server_events import ServerEvent
from antiphon.protocol.session import (
    Audio,
    AudioInput,
    AudioOutput,
    FunctionTool,
    RealtimeSessionUpdate,
    ServerVad,
    SessionUpdateBody,
    Transcription,
    TranscriptionAudio,
    TranscriptionSessionUpdate,
)
from antiphon.session.config import SessionSettings
from antiphon.session.effects import Effect, Report, Respond, Send, Settle
from antiphon.session.inputs import Finished, Heard, Input, Joined, Produced, Received, Recognised, Score
from antiphon.session.session import Session

LINK = "link_1"
"""The link that all sessions of tests begin with."""

FRAME = samples_in(32)
"""A frame of the VAD, in samples."""


# The stage


class Ids:
    """Counts: `item_1`, `item_2`, …, each prefix for itself."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def __call__(self, prefix: str) -> str:
        """The next name."""
        self._counts[prefix] += 1
        return f"{prefix}_{self._counts[prefix]}"


@dataclass(frozen=True)
class Sound:
    """What a microphone gives: `ms` of one loudness, and what the VAD thinks of it."""

    ms: int
    speech: float
    sample: bytes

    @property
    def pcm(self) -> bytes:
        """The audio."""
        return self.sample * samples_in(self.ms)


def speech(ms: int) -> Sound:
    """Somebody talks."""
    return Sound(ms, 0.9, b"\x10\x20")


def silence(ms: int) -> Sound:
    """Nobody talks."""
    return Sound(ms, 0.05, b"\0\0")


CLICK = speech(32)
"""One loud frame: too short for a turn."""

LOUD = speech(320)
"""Long enough to start a turn."""

QUIET = silence(320)
"""Long enough to end a turn, by the defaults."""

Step: TypeAlias = "Input | ClientEvent | Sound | Iterable[Step]"


class Stage(Session):
    """A session that keeps a tape of its inputs, and counts its audio for the VAD."""

    def __init__(self, settings: SessionSettings) -> None:
        super().__init__(settings)
        self.settings = settings
        self.tape: list[tuple[Input, float]] = []
        self.now = 0.0
        self._appended = 0
        self._scored = 0

    def handle(self, news: Input, now: float) -> list[Effect]:
        """As the session does; taped."""
        self.tape.append((news, now))
        return super().handle(news, now)

    def append_of(self, sound: Sound, origin: str = LINK) -> Heard:
        """A sound as the runtime hands it in: scored where the session wants scores."""
        self._appended += samples_of(sound.pcm)
        if not self.wants_scores:
            self._scored = self._appended
            return Heard(origin, sound.pcm)
        starts = range(self._scored, self._appended - FRAME + 1, FRAME)
        self._scored += len(starts) * FRAME
        return Heard(origin, sound.pcm, tuple(Score(start, start + FRAME, sound.speech) for start in starts))


def new_settings(**settings: Any) -> SessionSettings:
    """Settings with counted ids."""
    return replace(SessionSettings(session_id="sess_1", model="gpt-realtime", new_id=Ids()), **settings)


def new_session(*updates: SessionUpdateBody, **settings: Any) -> Stage:
    """A session that `link_1` has joined at time 0, updated as asked."""
    session = Stage(new_settings(**settings))
    play(session, Joined(LINK), (SessionUpdate(session=update) for update in updates))
    return session


def play(session: Stage, *steps: Step, at: float | None = None) -> list[Effect]:
    """Hand the steps in, one after the other, at one moment; give all effects."""
    session.now = session.now if at is None else at
    return [effect for step in steps for effect in _played(session, step)]


def _played(session: Stage, step: Step) -> list[Effect]:
    if isinstance(step, Sound):
        return session.handle(session.append_of(step), session.now)
    if isinstance(step, ClientEventBase):
        return session.handle(Received(LINK, step), session.now)
    if isinstance(step, Iterable):
        return play(session, *step)
    return session.handle(step, session.now)


def replayed(session: Stage) -> list[Effect]:
    """The effects of the session's tape on a fresh session that counts ids from the start."""
    again = Session(replace(session.settings, new_id=Ids()))
    return [effect for news, now in session.tape for effect in again.handle(news, now)]


# What a client says


def hearing(**keys: Any) -> RealtimeSessionUpdate:
    """An update of `audio.input`."""
    return RealtimeSessionUpdate(audio=Audio(input=AudioInput(**keys)))


def speaking(**keys: Any) -> RealtimeSessionUpdate:
    """An update of `audio.output`."""
    return RealtimeSessionUpdate(audio=Audio(output=AudioOutput(**keys)))


def transcribing(**keys: Any) -> TranscriptionSessionUpdate:
    """An update of a transcription session."""
    return TranscriptionSessionUpdate(audio=TranscriptionAudio(input=AudioInput(**keys)))


TEXT = RealtimeSessionUpdate(output_modalities=("text",))
MANUAL = hearing(turn_detection=None)
LISTEN_ONLY = hearing(turn_detection=ServerVad(create_response=False))
SHOW_WORDS = hearing(transcription=Transcription(model="whisper-1"))
WEATHER = RealtimeSessionUpdate(tools=(FunctionTool(name="get_weather"),))


def typed(text: str, role: Any = "user", **keys: Any) -> ConversationItemCreate:
    """A message of text, at the end unless `previous_item_id` says otherwise; `id` names it."""
    item_id = keys.pop("id", UNSET)
    return ConversationItemCreate(item=Message(id=item_id, role=role, content=(InputText(text=text),)), **keys)


# What engines say


def writes(response_id: str, *texts: str) -> list[Produced]:
    """The pieces of a written answer."""
    return [Produced(response_id, TextDelta(text)) for text in texts]


def says(response_id: str, *sentences: tuple[str, int], start: int = 0, usage: Usage = NO_USAGE) -> list[Produced]:
    """A spoken answer: sentences with the ms that each lasts. `start` is where in the transcript they begin."""
    pieces = []
    for text, ms in sentences:
        end = start + len(text)
        pieces += [
            Produced(response_id, TextDelta(text), usage),
            Produced(response_id, AudioDelta(speech(ms).pcm, (start, end)), usage),
        ]
        start = end
    return pieces


def calls(response_id: str, name: str, *arguments: str, index: int = 0, call_id: str = "") -> list[Produced]:
    """A function call, its arguments in pieces."""
    first = Produced(response_id, CallDelta(index, name=name, call_id=call_id))
    return [first, *(Produced(response_id, CallDelta(index, arguments=piece)) for piece in arguments)]


def finishes(response_id: str, *, read: int = 0, wrote: int = 0, cached: int = 0) -> Finished:
    """The end of an answer, and its tokens."""
    return Finished(response_id, Usage(input_tokens=read, cached_tokens=cached, output_tokens=wrote))


def recognises(item_id: str, text: str, *, of: int | Sound, **keys: Any) -> Recognised:
    """The final text of an item: of its first `of` samples, or of a sound."""
    cut = samples_of(of.pcm) if isinstance(of, Sound) else of
    return Recognised(item_id, Transcript(text, **keys), cut=cut, final=True)


def guesses(item_id: str, text: str, *, stable: bool = True) -> Recognised:
    """Text of an item that is still being heard."""
    return Recognised(item_id, Transcript(text, stable=stable))


def settled(effects: Iterable[Effect], text: str) -> list[Recognised]:
    """The recogniser's answers to all `Settle` among the effects."""
    return [
        Recognised(effect.item_id, Transcript(text), cut=effect.cut, final=True)
        for effect in effects
        if isinstance(effect, Settle)
    ]


# What the session did


def sent(effects: Iterable[Effect]) -> list[ServerEvent]:
    """The events, to whichever link."""
    return [effect.event for effect in effects if isinstance(effect, Send)]


def events(effects: Iterable[Effect], *kinds: type[Any]) -> list[Any]:
    """The events of some kinds."""
    return [event for event in sent(effects) if isinstance(event, kinds)]


def names(effects: Iterable[Effect]) -> list[str]:
    """The types of the events."""
    return [type_of(event) for event in sent(effects)]


def facts(effects: Iterable[Effect]) -> list[Any]:
    """What the meter was told."""
    return [effect.fact for effect in effects if isinstance(effect, Report)]


def refused(effects: Iterable[Effect]) -> ErrorDetail:
    """The error that is all there is."""
    (effect,) = effects
    assert isinstance(effect, Send), effect
    assert isinstance(effect.event, tell.Error), effect
    return effect.event.error


def asked(effects: Iterable[Effect]) -> Prompt:
    """The prompt of the one answer that was started."""
    (prompt,) = [effect.prompt for effect in effects if isinstance(effect, Respond)]
    return prompt


def context(effects: Iterable[Effect]) -> list[str]:
    """What the model of the one answer that was started is shown."""
    return [item_line(item) for item in asked(effects).items]
