"""The session: one door, `handle(input, now) -> effects`.

It decides everything and does nothing: it never awaits, logs, reads a clock or invents an id. A client's
mistake is an `error` event and changes nothing; an exception is a bug of ours.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from msgspec import structs

from antiphon.audio import g711
from antiphon.audio.pcm import ms_of
from antiphon.ports import TurnEnded
from antiphon.protocol import client_events as said
from antiphon.protocol import errors
from antiphon.protocol import server_events as tell
from antiphon.protocol.beyond import ResponseWishes
from antiphon.protocol.errors import ErrorDetail
from antiphon.protocol.items import InputAudio, Message
from antiphon.protocol.response import Cancelled, ResponseParams
from antiphon.protocol.session import AudioFormat, PcmFormat, PcmuFormat
from antiphon.protocol.wire import UNSET
from antiphon.session import inputs
from antiphon.session.config import SessionConfig, SessionSettings, TurnRules, apply, shown
from antiphon.session.conversation import Conversation, Entry, entry_of
from antiphon.session.effects import Close, Effect, Report, Send
from antiphon.session.input_buffer import MAX_BUFFER_S, MIN_COMMIT_MS
from antiphon.session.inputs import Input
from antiphon.session.listening import Began, Ended, Listening, Went
from antiphon.session.planning import entries_of, is_out_of_band, plan_of, standing
from antiphon.session.response import Plan
from antiphon.session.responses import Responses
from antiphon.session.transcription import Transcriptions

MAX_QUEUED_RESPONSES = 16
"""Responses that wait for the running one (preview); one more is refused like a second response of GA."""

EXPIRED = 1001
"""The close code of a session that has reached its end."""


class Session:
    """One client's configured connection to the core."""

    def __init__(self, settings: SessionSettings) -> None:
        self.config = SessionConfig(instructions=settings.instructions)
        self._settings = settings
        self._expires: float | None = None
        self._queue: deque[inputs.Received] = deque()
        self._conversation = Conversation(settings.new_id("conv"))
        self._listening = Listening(settings.new_id)
        self._words = Transcriptions(settings)
        self._responses = Responses(settings, self._conversation, self._words)

    def handle(self, news: Input, now: float) -> list[Effect]:
        """Take one input; give all its effects, to be performed in order before the next input.

        `now` is monotonic seconds. It never goes back.
        """
        return [*_ON_INPUT[type(news)](self, news, now), *self._next_in_queue(now)]

    @property
    def deadline(self) -> float | None:
        """When a `Tick` is due, in seconds of the runtime's clock."""
        times = [time for time in (self._expires, self._idle_at) if time is not None]
        return min(times, default=None)

    @property
    def _idle_at(self) -> float | None:
        """When the caller will have been silent for too long."""
        rules, played_at = self.config.input.turns, self._responses.played_at
        if rules is None or rules.idle_timeout_ms is None or played_at is None:
            return None
        if self._listening.turn_id is not None or self._responses.active_id is not None:
            return None
        return played_at + rules.idle_timeout_ms / 1000

    @property
    def session_id(self) -> str:
        """The session's id."""
        return self._settings.session_id

    @property
    def wants_scores(self) -> bool:
        """Whether audio that is taken now should be scored by the VAD."""
        return self.config.input.turns is not None

    @property
    def input_format(self) -> AudioFormat:
        """What appends are coded in; the runtime makes `pcm` of them."""
        return self.config.input.format

    # Links

    def _joined(self, news: inputs.Joined, now: float) -> Iterator[Effect]:
        if self._expires is None and self._settings.lifetime_s is not None:
            self._expires = now + self._settings.lifetime_s
        yield Send(tell.SessionCreated(session=shown(self.config, self._settings)), to=news.origin)

    def _left(self, news: inputs.Left, now: float) -> Iterator[Effect]:
        yield from ()

    def _refused(self, news: inputs.Refused, now: float) -> Iterator[Effect]:
        yield Send(tell.Error(error=news.error), to=news.origin)

    def _tick(self, news: inputs.Tick, now: float) -> Iterator[Effect]:
        if self._expires is not None and now >= self._expires:
            self._expires = None
            error = errors.session_expired((self._settings.lifetime_s or 0) // 60)
            yield Send(tell.Error(error=error))
            yield Close(EXPIRED, error.message)
        elif self._idle_at is not None and now >= self._idle_at:
            yield from self._fell_silent(now)

    def _received(self, news: inputs.Received, now: float) -> Iterator[Effect]:
        """Obey a client event, or refuse it whole."""
        event = news.event
        if self._has_to_wait(event):
            self._queue.append(news)
            return
        answer = _ON_EVENT[type(event)](self, event, now)
        if isinstance(answer, ErrorDetail):
            event_id = None if event.event_id is UNSET else event.event_id
            yield Send(tell.Error(error=structs.replace(answer, event_id=event_id)), to=news.origin)
        else:
            yield from answer

    def _has_to_wait(self, event: said.ClientEvent) -> bool:
        """Whether a response was asked for that begins when the running one has ended."""
        wishes = event.response if isinstance(event, said.ResponseCreate) else None
        if not isinstance(wishes, ResponseWishes) or not wishes.queues or len(self._queue) >= MAX_QUEUED_RESPONSES:
            return False
        return self._responses.active_id is not None

    def _next_in_queue(self, now: float) -> Iterator[Effect]:
        while self._queue and self._responses.active_id is None:
            yield from self._received(self._queue.popleft(), now)

    # Configuration

    def _update(self, event: said.SessionUpdate, now: float) -> "Answered":
        before = self.config.input
        after = apply(self.config, event.session, self._settings, has_spoken=self._responses.has_spoken)
        if isinstance(after, ErrorDetail):
            return after
        self.config = after
        return self._updated(before.format != after.input.format, _kind(before.turns) != _kind(after.input.turns))

    def _updated(self, format_changed: bool, detection_changed: bool) -> Iterator[Effect]:
        if (format_changed or detection_changed) and self._listening.turn_id is not None:
            yield from self._words.forget(self._listening.turn_id)
        if format_changed:
            self._listening.clear()
        elif detection_changed:
            self._listening.reset()
        yield Send(tell.SessionUpdated(session=shown(self.config, self._settings)))

    # Hearing

    def _heard(self, news: inputs.Heard, now: float) -> Iterator[Effect]:
        rules = self.config.input.turns
        if rules is None and not self._listening.buffer.has_room(news.pcm):
            error = structs.replace(errors.buffer_full(MAX_BUFFER_S), event_id=news.event_id)
            yield Send(tell.Error(error=error), to=news.origin)
            return
        for stretch in self._listening.hear(news.pcm, news.scores, rules):
            if isinstance(stretch, Went):
                yield from self._words.hear(stretch.item_id, stretch.pcm)
            elif isinstance(stretch, Began):
                yield from self._turn_began(stretch, rules or TurnRules(), now)
            else:
                yield from self._turn_ended(stretch, rules or TurnRules(), now)

    def _turn_began(self, turn: Began, rules: TurnRules, now: float) -> Iterator[Effect]:
        self._responses.played_at = None
        yield Send(tell.InputAudioBufferSpeechStarted(audio_start_ms=turn.start_ms, item_id=turn.item_id))
        if rules.interrupt_response:
            yield from self._responses.cancel(None, Cancelled(reason="turn_detected"), now)
        transcription = self.config.input.transcription
        if transcription is not None or (self._answers_turns(rules) and not self._settings.hears_audio):
            self._words.open(turn.item_id, transcription, logprobs=bool(self.config.include))

    def _turn_ended(self, turn: Ended, rules: TurnRules, now: float) -> Iterator[Effect]:
        yield Send(tell.InputAudioBufferSpeechStopped(audio_end_ms=turn.end_ms, item_id=turn.item_id))
        yield from self._commit_item(turn.item_id, turn.pcm, now)
        if not self._answers_turns(rules):
            return
        active = self._responses.active_id
        if active is not None:
            yield Send(tell.Error(error=errors.active_response(active)))
            return
        plan = Plan(config=self.config, context=standing(self._conversation), follows_turn=True)
        yield from self._responses.create(plan, now)

    def _fell_silent(self, now: float) -> Iterator[Effect]:
        """The caller has said nothing for the idle timeout: a turn of silence, and an answer to it."""
        silent_ms = (self.config.input.turns or TurnRules()).idle_timeout_ms or 0
        end_ms = self._listening.buffer.end_ms
        item_id, pcm = self._listening.take()
        yield Send(
            tell.InputAudioBufferTimeoutTriggered(
                audio_start_ms=max(0, end_ms - silent_ms), audio_end_ms=end_ms, item_id=item_id
            )
        )
        yield from self._commit_item(item_id, pcm, now, words="")
        yield from self._responses.create(Plan(config=self.config, context=standing(self._conversation)), now)

    def _answers_turns(self, rules: TurnRules) -> bool:
        return rules.create_response and self._settings.kind == "realtime"

    def _commit(self, event: said.InputAudioBufferCommit, now: float) -> "Answered":
        pending_ms = self._listening.buffer.pending_ms
        if pending_ms < MIN_COMMIT_MS:
            return errors.commit_too_small(pending_ms, MIN_COMMIT_MS)
        return self._commit_item(*self._listening.take(), now)

    def _commit_item(self, item_id: str, pcm: bytes, now: float, words: str | None = None) -> Iterator[Effect]:
        """The caller's audio becomes an item; `words` are given where they are known without hearing."""
        previous = self._conversation.last_id
        item = Message(id=item_id, status="completed", role="user", content=(InputAudio(transcript=None),))
        entry = Entry(item, pcm=pcm, words=words)
        self._conversation.add(entry)
        self._conversation.let_go()
        yield Send(tell.InputAudioBufferCommitted(previous_item_id=previous, item_id=item_id))
        yield from self._show(entry)
        yield Report(TurnEnded(self.session_id, item_id, ms_of(pcm)))
        if words is None:
            yield from self._words.commit(entry, self.config.input.transcription, now)

    def _clear(self, event: said.InputAudioBufferClear, now: float) -> "Answered":
        turn_id = self._listening.turn_id
        self._listening.clear()
        return self._cleared(turn_id)

    def _cleared(self, turn_id: str | None) -> Iterator[Effect]:
        if turn_id is not None:
            yield from self._words.forget(turn_id)
        yield Send(tell.InputAudioBufferCleared())

    def _recognised(self, news: inputs.Recognised, now: float) -> Iterator[Effect]:
        yield from self._words.recognised(news, now)
        if not self._words.is_hearing(news.item_id):
            yield from self._responses.item_settled(news.item_id, now)

    def _unrecognised(self, news: inputs.Unrecognised, now: float) -> Iterator[Effect]:
        yield from self._words.unrecognised(news, now)
        yield from self._responses.item_settled(news.item_id, now, problem=news.message)

    # Items

    def _create_item(self, event: said.ConversationItemCreate, now: float) -> "Answered":
        after = event.previous_item_id or None
        error = self._conversation.refusal(event.item, after, sees_images=self._settings.sees_images)
        if error is not None:
            return error
        entry = entry_of(event.item, event.item.id or self._settings.new_id("item"), self._decode)
        self._conversation.add(entry, after)
        self._conversation.let_go()
        return self._show(entry)

    def _show(self, entry: Entry) -> Iterator[Effect]:
        """An item that is complete as it enters."""
        previous = self._conversation.previous_of(entry.id)
        yield Send(tell.ConversationItemAdded(previous_item_id=previous, item=entry.item))
        yield Send(tell.ConversationItemDone(previous_item_id=previous, item=entry.item))

    def _decode(self, coded: bytes) -> bytes:
        """Audio of a whole item, from the input format."""
        if isinstance(self.input_format, PcmFormat):
            return coded[: len(coded) & ~1]
        decoder = g711.G711Decoder("pcmu" if isinstance(self.input_format, PcmuFormat) else "pcma")
        return decoder.decode(coded) + decoder.flush()

    def _retrieve_item(self, event: said.ConversationItemRetrieve, now: float) -> "Answered":
        entry = self._conversation.get(event.item_id)
        if entry is None:
            return errors.item_unknown("retrieve", event.item_id)
        return iter([Send(tell.ConversationItemRetrieved(item=entry.retrieved()))])

    def _truncate_item(self, event: said.ConversationItemTruncate, now: float) -> "Answered":
        entry = self._conversation.get(event.item_id)
        if entry is None:
            return errors.truncate_unknown(event.item_id)
        error = entry.truncate(event.audio_end_ms)
        if error is not None:
            return error
        truncated = tell.ConversationItemTruncated(
            item_id=event.item_id, content_index=event.content_index, audio_end_ms=event.audio_end_ms
        )
        return iter([Send(truncated)])

    def _delete_item(self, event: said.ConversationItemDelete, now: float) -> "Answered":
        if not self._conversation.delete(event.item_id):
            return errors.item_unknown("delete", event.item_id)
        return self._deleted(event.item_id, now)

    def _deleted(self, item_id: str, now: float) -> Iterator[Effect]:
        yield Send(tell.ConversationItemDeleted(item_id=item_id))
        yield from self._words.forget(item_id)
        yield from self._responses.item_settled(item_id, now)

    # Answering

    def _create_response(self, event: said.ResponseCreate, now: float) -> "Answered":
        if self._settings.kind == "transcription":
            return errors.no_responses_here()
        params = event.response or ResponseParams()
        wishes = params if isinstance(params, ResponseWishes) else ResponseWishes()
        active = self._responses.active_id
        if active is not None and not wishes.replaces and not is_out_of_band(params):
            return errors.active_response(active)
        added = entries_of(
            wishes.appends, "response.append_input_items", self._conversation, self._settings, self._decode
        )
        if isinstance(added, ErrorDetail):
            return added
        plan = plan_of(
            params,
            self.config,
            self._conversation,
            self._settings,
            has_spoken=self._responses.has_spoken,
            decode=self._decode,
        )
        return plan if isinstance(plan, ErrorDetail) else self._respond(plan, wishes, added, now)

    def _respond(self, plan: Plan, wishes: ResponseWishes, added: tuple[Entry, ...], now: float) -> Iterator[Effect]:
        if wishes.replaces:
            yield from self._responses.cancel(None, Cancelled(reason="client_cancelled"), now)
        for entry in added if plan.in_conversation else ():
            self._conversation.add(entry)
            yield from self._show(entry)
        yield from self._responses.create(replace(plan, context=(*plan.context, *added)), now)

    def _cancel_response(self, event: said.ResponseCancel, now: float) -> "Answered":
        response_id = event.response_id or self._responses.active_id
        if response_id is None or response_id not in self._responses:
            return errors.nothing_to_cancel()
        return self._responses.cancel(response_id, Cancelled(reason="client_cancelled"), now)

    def _clear_output(self, event: said.OutputAudioBufferClear, now: float) -> "Answered":
        return errors.not_allowed("type", "This connection has no output audio buffer.")

    def _produced(self, news: inputs.Produced, now: float) -> Iterator[Effect]:
        yield from self._responses.produced(news, now)

    def _finished(self, news: inputs.Finished, now: float) -> Iterator[Effect]:
        yield from self._responses.finished(news, now)

    def _broke(self, news: inputs.Broke, now: float) -> Iterator[Effect]:
        yield from self._responses.broke(news, now)


Answered = Iterator[Effect] | ErrorDetail
"""Effects, or the error that the event is refused with."""


def _kind(rules: TurnRules | None) -> str | None:
    return None if rules is None else rules.kind


_ON_INPUT: dict[type, Callable[[Session, Any, float], Iterator[Effect]]] = {
    inputs.Joined: Session._joined,
    inputs.Left: Session._left,
    inputs.Received: Session._received,
    inputs.Refused: Session._refused,
    inputs.Heard: Session._heard,
    inputs.Recognised: Session._recognised,
    inputs.Unrecognised: Session._unrecognised,
    inputs.Produced: Session._produced,
    inputs.Finished: Session._finished,
    inputs.Broke: Session._broke,
    inputs.Tick: Session._tick,
}

_ON_EVENT: dict[type, Callable[[Session, Any, float], Answered]] = {
    said.SessionUpdate: Session._update,
    said.InputAudioBufferCommit: Session._commit,
    said.InputAudioBufferClear: Session._clear,
    said.OutputAudioBufferClear: Session._clear_output,
    said.ConversationItemCreate: Session._create_item,
    said.ConversationItemRetrieve: Session._retrieve_item,
    said.ConversationItemTruncate: Session._truncate_item,
    said.ConversationItemDelete: Session._delete_item,
    said.ResponseCreate: Session._create_response,
    said.ResponseCancel: Session._cancel_response,
}
