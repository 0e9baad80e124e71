"""A conversation as its client sees it: server events folded into items and responses.

Feed every event to `fold`, in order. Nothing is sent, nothing raises: an event that we do not know changes
nothing, and one whose beginning was missed makes a view of what can be known. What is held mirrors the wire,
but for one thing: words that a truncate made the server forget stay here, beside the place where it was cut.
"""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from antiphon.client.views import ItemView, ResponseView, bytes_per_ms, grow, id_of, read
from antiphon.protocol import server_events as ev
from antiphon.protocol.codec import Unknown
from antiphon.protocol.errors import ErrorDetail
from antiphon.protocol.response import Cancelled, Failed, Incomplete
from antiphon.protocol.session import SessionBody

Event: TypeAlias = ev.ServerEvent | Unknown

MAX_ERRORS: Final = 100
"""Errors kept; a server that says nothing else must not fill our memory."""


class Conversation:
    """The folded view. `keeps_audio` says whether sound is kept, or only counted."""

    def __init__(self, *, keeps_audio: bool = True) -> None:
        self.keeps_audio = keeps_audio
        self.session: SessionBody | None = None
        self.items: list[ItemView] = []
        """The items of the conversation, in its order."""
        self.responses: dict[str, ResponseView] = {}
        """Every response of the session, in the order of their creation."""
        self.errors: deque[ErrorDetail] = deque(maxlen=MAX_ERRORS)
        self.speaking: str | None = None
        """The item that the caller is speaking, by the server's turn detection."""
        self._known: dict[str, ItemView] = {}
        self._deleted: set[str] = set()

    def fold(self, event: Event) -> None:
        """Take one event."""
        folded = FOLDS.get(type(event))
        if folded:
            folded(self, event)

    def cut(self, item_id: str, content_index: int, audio_end_ms: int) -> None:
        """Cut an item to what was heard, as a truncate will; what comes of it later is not kept."""
        item = self.item(item_id)
        item.cut_ms = audio_end_ms
        audio = item.audio.get(content_index)
        if audio is not None:
            del audio[audio_end_ms * item.bytes_per_ms :]

    def heard(self, item_id: str, played_ms: int) -> None:
        """Note how much of an item was played by now."""
        item = self.item(item_id)
        item.heard_ms = max(item.heard_ms, played_ms)

    def item(self, item_id: str) -> ItemView:
        """The item of that id, in the conversation or not; a new view if nothing is known of it."""
        return self._known.setdefault(item_id, ItemView(item_id))

    def response(self, response_id: str) -> ResponseView:
        """The response of that id; a new view if nothing is known of it."""
        return self.responses.setdefault(response_id, ResponseView(response_id))

    @property
    def active(self) -> list[ResponseView]:
        """The responses that still run."""
        return [response for response in self.responses.values() if response.status == "in_progress"]

    def place(self, item_id: str, previous_item_id: str | None) -> None:
        """Put an item into the order: after another, or in front. Known items stay where they are."""
        item = self.item(item_id)
        if item in self.items or item_id in self._deleted:
            return
        ids = [other.id for other in self.items]
        if previous_item_id is None:
            self.items.insert(0, item)
        elif previous_item_id in ids:
            self.items.insert(ids.index(previous_item_id) + 1, item)
        else:
            self.items.append(item)

    def remove(self, item_id: str) -> None:
        """Take an item out of the order; what belongs to a response stays known there."""
        self._deleted.add(item_id)
        self.items = [item for item in self.items if item.id != item_id]

    def made_by(self, item_id: str, response_id: str) -> ItemView:
        """The item of that id, as a part of a response."""
        item, response = self.item(item_id), self.response(response_id)
        if item.response_id is None:
            item.response_id, item.role = response_id, item.role or "assistant"
            item.bytes_per_ms = response.bytes_per_ms
            response.items.append(item)
        return item


# The session and the caller.


def _session(view: Conversation, event: ev.SessionCreated | ev.SessionUpdated) -> None:
    view.session = event.session


def _error(view: Conversation, event: ev.Error) -> None:
    view.errors.append(event.error)


def _speech_started(view: Conversation, event: ev.InputAudioBufferSpeechStarted) -> None:
    view.speaking = event.item_id
    view.item(event.item_id).role = "user"


def _speech_stopped(view: Conversation, event: ev.InputAudioBufferSpeechStopped) -> None:
    view.speaking = None
    view.item(event.item_id).role = "user"


def _committed(view: Conversation, event: ev.InputAudioBufferCommitted) -> None:
    view.speaking = None
    view.item(event.item_id).role = "user"
    if event.previous_item_id is not None or not view.items:
        view.place(event.item_id, event.previous_item_id)


def _cleared(view: Conversation, _event: ev.InputAudioBufferCleared) -> None:
    view.speaking = None


def _heard_delta(view: Conversation, event: ev.ConversationItemInputAudioTranscriptionDelta) -> None:
    item = view.item(event.item_id)
    item.role, item.hearing = "user", "started"
    grow(item, event.content_index, event.delta)


def _heard_completed(view: Conversation, event: ev.ConversationItemInputAudioTranscriptionCompleted) -> None:
    item = view.item(event.item_id)
    item.role, item.hearing = "user", "completed"
    item.texts[event.content_index] = event.transcript


def _heard_failed(view: Conversation, event: ev.ConversationItemInputAudioTranscriptionFailed) -> None:
    item = view.item(event.item_id)
    item.role, item.hearing = "user", "failed"


# Items.


def _added(
    view: Conversation, event: ev.ConversationItemCreated | ev.ConversationItemAdded | ev.ConversationItemDone
) -> None:
    item_id = id_of(event.item)
    if item_id:
        read(view.item(item_id), event.item)
        view.place(item_id, event.previous_item_id)


def _retrieved(view: Conversation, event: ev.ConversationItemRetrieved) -> None:
    item_id = id_of(event.item)
    if item_id:
        read(view.item(item_id), event.item, with_audio=view.keeps_audio)


def _truncated(view: Conversation, event: ev.ConversationItemTruncated) -> None:
    view.cut(event.item_id, event.content_index, event.audio_end_ms)


def _deleted(view: Conversation, event: ev.ConversationItemDeleted) -> None:
    view.remove(event.item_id)


# Responses.


def _response(view: Conversation, event: ev.ResponseCreated | ev.ResponseDone) -> None:
    wire = event.response
    response = view.response(wire.id)
    response.status, response.usage = wire.status, wire.usage
    response.conversation_id, response.metadata = wire.conversation_id, wire.metadata or {}
    response.bytes_per_ms = bytes_per_ms(wire, view.session)
    match wire.status_details:
        case Cancelled(reason=reason) | Incomplete(reason=reason):
            response.reason = reason
        case Failed(error=error):
            response.reason = error.code or error.type
            response.error = error.message or ""
    for item in wire.output:
        item_id = id_of(item)
        if item_id:
            read(view.made_by(item_id, wire.id), item)


def _response_done(view: Conversation, event: ev.ResponseDone) -> None:
    """Items that a server never put into the conversation by an event of their own come in now."""
    _response(view, event)
    if event.response.conversation_id is not None:
        for item in view.response(event.response.id).items:
            view.place(item.id, view.items[-1].id if view.items else None)


def _output_item(view: Conversation, event: ev.ResponseOutputItemAdded | ev.ResponseOutputItemDone) -> None:
    item_id = id_of(event.item)
    if item_id:
        read(view.made_by(item_id, event.response_id), event.item)


def _text_delta(view: Conversation, event: ev.ResponseOutputTextDelta | ev.ResponseOutputAudioTranscriptDelta) -> None:
    grow(view.made_by(event.item_id, event.response_id), event.content_index, event.delta)


def _text_done(view: Conversation, event: ev.ResponseOutputTextDone) -> None:
    view.made_by(event.item_id, event.response_id).texts[event.content_index] = event.text


def _transcript_done(view: Conversation, event: ev.ResponseOutputAudioTranscriptDone) -> None:
    view.made_by(event.item_id, event.response_id).texts[event.content_index] = event.transcript


def _audio_delta(view: Conversation, event: ev.ResponseOutputAudioDelta) -> None:
    item = view.made_by(event.item_id, event.response_id)
    item.audio_bytes += len(event.delta)
    if view.keeps_audio and item.cut_ms is None:
        item.audio.setdefault(event.content_index, bytearray()).extend(event.delta)


def _call_delta(view: Conversation, event: ev.ResponseFunctionCallArgumentsDelta) -> None:
    item = view.made_by(event.item_id, event.response_id)
    item.kind, item.call_id = "function_call", event.call_id
    item.arguments += event.delta


def _call_done(view: Conversation, event: ev.ResponseFunctionCallArgumentsDone) -> None:
    item = view.made_by(event.item_id, event.response_id)
    item.kind, item.call_id = "function_call", event.call_id
    item.name, item.arguments = event.name or item.name, event.arguments


FOLDS: Final[Mapping[type, Callable[[Conversation, Any], None]]] = {
    ev.Error: _error,
    ev.SessionCreated: _session,
    ev.SessionUpdated: _session,
    ev.InputAudioBufferSpeechStarted: _speech_started,
    ev.InputAudioBufferSpeechStopped: _speech_stopped,
    ev.InputAudioBufferCommitted: _committed,
    ev.InputAudioBufferCleared: _cleared,
    ev.ConversationItemInputAudioTranscriptionDelta: _heard_delta,
    ev.ConversationItemInputAudioTranscriptionCompleted: _heard_completed,
    ev.ConversationItemInputAudioTranscriptionFailed: _heard_failed,
    ev.ConversationItemCreated: _added,
    ev.ConversationItemAdded: _added,
    ev.ConversationItemDone: _added,
    ev.ConversationItemRetrieved: _retrieved,
    ev.ConversationItemTruncated: _truncated,
    ev.ConversationItemDeleted: _deleted,
    ev.ResponseCreated: _response,
    ev.ResponseDone: _response_done,
    ev.ResponseOutputItemAdded: _output_item,
    ev.ResponseOutputItemDone: _output_item,
    ev.ResponseOutputTextDelta: _text_delta,
    ev.ResponseOutputTextDone: _text_done,
    ev.ResponseOutputAudioTranscriptDelta: _text_delta,
    ev.ResponseOutputAudioTranscriptDone: _transcript_done,
    ev.ResponseOutputAudioDelta: _audio_delta,
    ev.ResponseFunctionCallArgumentsDelta: _call_delta,
    ev.ResponseFunctionCallArgumentsDone: _call_done,
}
"""What each event does to the view; an event that is not here does nothing."""
