"""The session: one door, `handle(input, now) -> effects`.

It decides everything and does nothing: it never awaits, logs, reads a clock or invents an id. A client's
mistake is an `error` event and changes nothing; an exception is a bug of ours.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain
from typing import Any

from msgspec import structs

from antiphon.audio import g711
from antiphon.facts import EngineFailed
from antiphon.link import PlayoutStarted, PlayoutStopped
from antiphon.protocol import client_events as said
from antiphon.protocol import errors
from antiphon.protocol import server_events as tell
from antiphon.protocol.beyond import ResponseWishes
from antiphon.protocol.errors import ErrorDetail
from antiphon.protocol.items import McpApprovalResponse, McpToolExecutionError
from antiphon.protocol.response import Cancelled, ResponseParams
from antiphon.protocol.session import AudioFormat, PcmFormat, PcmuFormat, RealtimeSessionUpdate, SessionUpdateBody
from antiphon.protocol.wire import UNSET
from antiphon.session import inputs
from antiphon.session.caller import Caller, announced
from antiphon.session.calls import Calls
from antiphon.session.config import SessionConfig, SessionSettings, apply, first, shown
from antiphon.session.conversation import Conversation, Entry, entry_of
from antiphon.session.effects import ClearOutput, Close, Effect, Report, Send
from antiphon.session.followups import Followups
from antiphon.session.inputs import Input
from antiphon.session.listings import Listings
from antiphon.session.output_buffer import OutputBuffer
from antiphon.session.planning import additions, is_out_of_band, plan_of
from antiphon.session.response import Plan
from antiphon.session.responses import Responses
from antiphon.session.tools import in_short
from antiphon.session.transcription import Transcriptions

MAX_QUEUED_RESPONSES = 16
"""Responses that wait for the running one (preview); one more is refused like a second response of GA."""

SPEED_IS_FIXED = "The speed can only be changed between responses."

EXPIRED = 1001
"""The close code of a session that has reached its end."""


class Session:
    """One client's configured connection to the core."""

    def __init__(self, settings: SessionSettings) -> None:
        self.config = first(settings)
        self._settings = settings
        self._expires: float | None = None
        self._has_opened = False
        self._queue: deque[inputs.Received] = deque()
        self._conversation = Conversation(settings.new_id("conv"))
        self._words = Transcriptions(settings)
        self._listings = Listings(settings, self._conversation)
        self._calls = Calls(self._conversation)
        self._followups = Followups(settings, self._conversation, self._calls)
        self._responses = Responses(settings, self._conversation, self._words, self._listings, self._followups)
        self._output = OutputBuffer(self._conversation)
        self._caller = Caller(settings, self._conversation, self._words, self._responses)

    def handle(self, news: Input, now: float) -> list[Effect]:
        """Take one input; give all its effects, to be performed in order before the next input.

        `now` is monotonic seconds. It never goes back.
        """
        return [*_ON_INPUT[type(news)](self, news, now), *self._follow(now), *self._next_in_queue(now)]

    @property
    def deadline(self) -> float | None:
        """When a `Tick` is due, in seconds of the runtime's clock."""
        idle_at = None if self._calls.is_running() else self._caller.idle_at(self.config.input.turns)
        times = [time for time in (self._expires, idle_at) if time is not None]
        return min(times, default=None)

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
        return PcmFormat() if self._settings.is_call else self.config.input.format

    # Links

    def _joined(self, news: inputs.Joined, now: float) -> Iterator[Effect]:
        if self._expires is None and self._settings.lifetime_s is not None:
            self._expires = now + self._settings.lifetime_s
        yield Send(tell.SessionCreated(session=shown(self.config, self._settings)), to=news.origin)
        if self.config.tools and not self._has_opened:
            self._listings.keep(self.config.tools)
            yield from self._listings.ask(self.config.tools)
        self._has_opened = True

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
        elif not self._calls.is_running():
            yield from self._caller.tick(self.config, now)

    def _received(self, news: inputs.Received, now: float) -> Iterator[Effect]:
        """Obey a client event, or refuse it whole."""
        event = news.event
        if self._has_to_wait(event):
            self._queue.append(news)
            return
        if not isinstance(event, said.ConversationItemRetrieve):
            yield from self._responses.drop_draft(now)
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
        after = apply(self.config, event.session, self._settings, has_spoken=self._responses.has_spoken)
        if isinstance(after, ErrorDetail):
            return after
        if self._responses.active_id is not None and after.output.speed != self.config.output.speed:
            return errors.not_allowed("session.audio.output.speed", SPEED_IS_FIXED)
        before, self.config = self.config, after
        return self._updated(before, event.session)

    def _updated(self, before: SessionConfig, update: SessionUpdateBody) -> Iterator[Effect]:
        yield from self._caller.reconfigured(before.input, self.config.input)
        yield Send(tell.SessionUpdated(session=shown(self.config, self._settings)))
        if isinstance(update, RealtimeSessionUpdate) and update.tools is not UNSET:
            self._listings.keep(update.tools)
            yield from self._listings.ask(update.tools)

    # Hearing

    def _heard(self, news: inputs.Heard, now: float) -> Iterator[Effect]:
        yield from self._caller.hear(news, self.config, now)

    def _commit(self, event: said.InputAudioBufferCommit, now: float) -> "Answered":
        return self._caller.commit(self.config, now)

    def _clear(self, event: said.InputAudioBufferClear, now: float) -> "Answered":
        return self._caller.clear()

    def _recognised(self, news: inputs.Recognised, now: float) -> Iterator[Effect]:
        yield from self._words.recognised(news, now)
        if not self._words.is_hearing(news.item_id):
            yield from self._responses.item_settled(news.item_id, now)
        else:
            yield from self._caller.recognised(news, self.config, now)

    def _unrecognised(self, news: inputs.Unrecognised, now: float) -> Iterator[Effect]:
        yield from self._words.unrecognised(news, now)
        yield from self._responses.item_settled(news.item_id, now, problem=news.message)

    def _judged(self, news: inputs.Judged, now: float) -> Iterator[Effect]:
        self._caller.judged(news)
        yield from ()

    # Items

    def _create_item(self, event: said.ConversationItemCreate, now: float) -> "Answered":
        after = event.previous_item_id or None
        error = self._conversation.refusal(
            event.item, after, sees_images=self._settings.sees_images, takes_duplicates=self._settings.takes_duplicates
        )
        if error is not None:
            return error
        if event.item.id == self._caller.turn_id:
            return errors.item_exists(str(event.item.id))
        if isinstance(event.item, McpApprovalResponse) and not self._calls.awaits(event.item.approval_request_id):
            return errors.approval_unknown(event.item.approval_request_id)
        entry = entry_of(event.item, self._settings.new_id, self._decode)
        self._conversation.add(entry, after)
        self._conversation.let_go()
        return self._created(entry)

    def _created(self, entry: Entry) -> Iterator[Effect]:
        yield from announced(self._conversation, entry)
        if isinstance(entry.item, McpApprovalResponse):
            yield from self._calls.decide(entry.item)

    def _decode(self, coded: bytes) -> bytes:
        """Audio of a whole item, from the input format."""
        coding = self.config.input.format
        if isinstance(coding, PcmFormat):
            return coded[: len(coded) & ~1]
        decoder = g711.G711Decoder("pcmu" if isinstance(coding, PcmuFormat) else "pcma")
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
        added = additions(
            wishes.appends, self._conversation, self._settings, self._decode, announced_id=self._caller.turn_id
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
        if isinstance(plan, ErrorDetail):
            return plan
        return chain(self._ask(params, plan), self._respond(plan, wishes, added, now))

    def _ask(self, params: ResponseParams, plan: Plan) -> Iterator[Effect]:
        """The response may bring MCP servers of its own."""
        if params.tools is not UNSET:
            yield from self._listings.ask(params.tools, is_shown=plan.in_conversation)

    def _respond(self, plan: Plan, wishes: ResponseWishes, added: tuple[Entry, ...], now: float) -> Iterator[Effect]:
        if wishes.replaces:
            yield from self._responses.cancel(None, Cancelled(reason="client_cancelled"), now)
        for entry in added if plan.in_conversation else ():
            self._conversation.add(entry)
            yield from announced(self._conversation, entry)
        yield from self._responses.create(replace(plan, context=(*plan.context, *added)), now)

    def _cancel_response(self, event: said.ResponseCancel, now: float) -> "Answered":
        response_id = event.response_id or self._responses.active_id
        if response_id is None or response_id not in self._responses:
            return errors.nothing_to_cancel()
        return self._responses.cancel(response_id, Cancelled(reason="client_cancelled"), now)

    def _clear_output(self, event: said.OutputAudioBufferClear, now: float) -> "Answered":
        if not self._settings.is_call:
            return errors.not_allowed("type", "This connection has no output audio buffer.")
        return iter([ClearOutput()])

    def _playout_started(self, news: PlayoutStarted, now: float) -> Iterator[Effect]:
        yield from self._output.started(news)

    def _playout_stopped(self, news: PlayoutStopped, now: float) -> Iterator[Effect]:
        self._responses.played_at = now
        yield from self._output.stopped(news)

    def _playout_cleared(self, news: inputs.PlayoutCleared, now: float) -> Iterator[Effect]:
        if self._caller.turn_id is None:
            self._responses.played_at = now
        yield from self._output.cleared(news)

    def _produced(self, news: inputs.Produced, now: float) -> Iterator[Effect]:
        yield from self._responses.produced(news, now)

    def _finished(self, news: inputs.Finished, now: float) -> Iterator[Effect]:
        yield from self._responses.finished(news, now)

    def _broke(self, news: inputs.Broke, now: float) -> Iterator[Effect]:
        yield from self._responses.broke(news, now)

    # Tools

    def _listed(self, news: inputs.Listed, now: float) -> Iterator[Effect]:
        if self._listings.awaits(news.item_id):
            yield from self._listings.listed(news)
            yield from self._responses.item_settled(news.item_id, now)

    def _called(self, news: inputs.Called, now: float) -> Iterator[Effect]:
        response_id = self._calls.response_of(news.item_id)
        if response_id is not None and news.error is not None and not isinstance(news.error, McpToolExecutionError):
            yield Report(EngineFailed(self.session_id, "tools", in_short(news.error)))
        yield from self._calls.called(news, is_held=response_id in self._responses)

    def _follow(self, now: float) -> Iterator[Effect]:
        """What can go on now that calls have ended."""
        ended = self._calls.take_ended()
        for item_id in ended:
            yield from self._responses.item_settled(item_id, now)
        if ended and self._responses.played_at is not None:
            self._responses.played_at = max(now, self._responses.played_at)  # until now, nobody was idle
        is_free = self._responses.active_id is None and self._caller.turn_id is None
        for plan in self._followups.due(is_free=is_free):
            yield from self._responses.create(plan, now)


Answered = Iterator[Effect] | ErrorDetail
"""Effects, or the error that the event is refused with."""


_ON_INPUT: dict[type, Callable[[Session, Any, float], Iterator[Effect]]] = {
    inputs.Joined: Session._joined,
    inputs.Left: Session._left,
    inputs.Received: Session._received,
    inputs.Refused: Session._refused,
    inputs.Heard: Session._heard,
    inputs.Recognised: Session._recognised,
    inputs.Unrecognised: Session._unrecognised,
    inputs.Judged: Session._judged,
    inputs.Produced: Session._produced,
    inputs.Finished: Session._finished,
    inputs.Broke: Session._broke,
    PlayoutStarted: Session._playout_started,
    PlayoutStopped: Session._playout_stopped,
    inputs.PlayoutCleared: Session._playout_cleared,
    inputs.Listed: Session._listed,
    inputs.Called: Session._called,
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
