"""A session of the core as the runtime had it, without a runtime: links, inputs, and what comes of them."""

from collections import deque
from collections.abc import Iterator

import msgspec
from msgspec import Struct

from antiphon.dialects.detect import machine
from antiphon.dialects.dialect import Dialect, Name
from antiphon.facts import Traffic
from antiphon.link import PlayoutStarted, PlayoutStopped, Sound, Text
from antiphon.protocol import codec
from antiphon.protocol.server_events import RateLimitsUpdated, ResponseOutputAudioDelta, ServerEvent
from antiphon.protocol.wire import Json
from antiphon.replay.comparing import Told
from antiphon.runtime.meaning import Meaning, Reader
from antiphon.runtime.tape import SOUND, Noted, initial_of, news_of, scored, settings_of
from antiphon.session.effects import Send
from antiphon.session.inputs import Heard, Input, Joined, Left
from antiphon.session.session import Session

EVENT_ID = "event_replay"


class OutOfStep(Exception):
    """The core was told of something that no frame gave: the recording and the replay do not go together any more."""


class Script:
    """Answers the core as it was answered; what it asks beyond that gets answers that nobody can mistake."""

    def __init__(self) -> None:
        self._answers: deque[str | int | None] = deque()
        self._invented = 0

    def begin(self, answers: tuple[str | int | None, ...]) -> None:
        """The answers of the next input."""
        self._answers = deque(answers)

    def new_id(self, prefix: str) -> str:
        """As a session's `new_id`."""
        if self._answers and isinstance(self._answers[0], str) and self._answers[0].startswith(f"{prefix}_"):
            return str(self._answers.popleft())
        self._invented += 1
        return f"{prefix}_replay_{self._invented}"

    def count(self, text: str) -> int:
        """As a context's `count`."""
        if self._answers and isinstance(self._answers[0], int):
            return int(self._answers.popleft() or 0)
        return len(text)

    def refusal(self, _: str) -> str | None:
        """As a tool box's `refusal`."""
        answer = self._answers.popleft() if self._answers else None
        return answer if isinstance(answer, str) else None


class Linked(Struct, frozen=True):
    """The note of a link."""

    link: str
    dialect: Name
    is_call: bool
    takes_audio: bool
    plays: bool
    announces_conversation: bool
    session: Json = None


class _Member:
    """One link."""

    def __init__(self, linked: Linked) -> None:
        self.linked = linked
        self.dialect: Dialect = machine(
            linked.dialect,
            codec.CALL_TYPES if linked.is_call else codec.WEBSOCKET_TYPES,
            session=initial_of(linked.session),
            announces_conversation=linked.announces_conversation,
        )
        self.reader = Reader(linked.link, self.dialect, Traffic())
        self.is_joined = False

    def told(self, event: ServerEvent) -> Iterator[Told]:
        """What this link is told, or given to play."""
        if isinstance(event, ResponseOutputAudioDelta):
            if self.linked.plays:
                sound = Sound(event.response_id, event.item_id, event.content_index, event.delta)
                yield Told(self.linked.link, {"type": SOUND, **msgspec.to_builtins(sound)})
            if not self.linked.takes_audio:
                return
        for frame in self.dialect.send(event, EVENT_ID):
            yield Told(self.linked.link, msgspec.json.decode(frame))


class Stage:
    """One session. Notes raise `msgspec.ValidationError` or LookupError where they are not as they should be."""

    def __init__(self, opened: Json) -> None:
        """`opened` is the note of the session's beginning."""
        self._script = Script()
        self._script.begin(tuple(opened["answers"]))
        asked = self._script
        settings = settings_of(opened["settings"], new_id=asked.new_id, count=asked.count, refusal=asked.refusal)
        self._core = Session(settings)
        self._members: dict[str, _Member] = {}
        self._meanings: Iterator[Meaning] = iter(())

    def link(self, noted: Json) -> None:
        """A link was admitted."""
        linked = msgspec.convert(noted, Linked)
        self._members[linked.link] = _Member(linked)

    def take(self, link: str, frame: str) -> None:
        """A frame came; the inputs that it means are asked for one by one."""
        self._meanings = self._members[link].reader.read(Text(frame), self._core)

    def hand(self, noted: Noted) -> list[Told]:
        """One input, and what is told of it. Raise OutOfStep, or whatever the core raises."""
        news = self._news(noted)
        if isinstance(news, Joined):
            self._members[news.origin].is_joined = True
        elif isinstance(news, Left):
            self._members.pop(news.origin, None)
        self._script.begin(noted.answers)
        effects = self._core.handle(news, noted.now)
        return [told for effect in effects if isinstance(effect, Send) for told in self._told(effect.event, effect.to)]

    def limit(self, noted: Json) -> list[Told]:
        """The runtime told of rate limits."""
        return list(self._told(msgspec.convert(noted, RateLimitsUpdated), None))

    def _news(self, noted: Noted) -> Input:
        if noted.news is not None:
            try:
                return news_of(noted)
            except (msgspec.ValidationError, LookupError) as error:
                raise OutOfStep(f"its note cannot be read: {error}") from error
        meant: Meaning | None = next(self._meanings, None)
        if type(meant).__name__ != noted.kind or isinstance(meant, PlayoutStarted | PlayoutStopped | None):
            raise OutOfStep(
                f"the frame before it means {type(meant).__name__ if meant else 'no more'}, not {noted.kind}"
            )
        return scored(meant, noted) if isinstance(meant, Heard) else meant

    def _told(self, event: ServerEvent, to: str | None) -> Iterator[Told]:
        for member in self._members.values():
            if member.linked.link == to or (to is None and member.is_joined):
                yield from member.told(event)
