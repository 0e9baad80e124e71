"""The eleven events that a GA client sends."""

from typing import Annotated, TypeAlias

from antiphon.protocol.items import Item
from antiphon.protocol.response import ResponseParams
from antiphon.protocol.session import SessionUpdateBody
from antiphon.protocol.wire import UNSET, Count, EventId, Meta, Ms, Tagged, UnsetType

MAX_APPEND_BYTES = 15 * 1024 * 1024
"""Decoded audio in one append, by the reference."""


class ClientEventBase(Tagged, frozen=True, kw_only=True, tag="?"):
    """`event_id` is the client's own name for the event; an error that it causes carries it back."""

    event_id: EventId | UnsetType = UNSET


class SessionUpdate(ClientEventBase, frozen=True, kw_only=True, tag="session.update"):
    """Change the keys that are present; answered by `session.updated`."""

    session: SessionUpdateBody


class InputAudioBufferAppend(ClientEventBase, frozen=True, kw_only=True, tag="input_audio_buffer.append"):
    """More audio, in the session's input format; no answer of its own."""

    audio: Annotated[bytes, Meta(min_length=1, max_length=MAX_APPEND_BYTES)]


class InputAudioBufferCommit(ClientEventBase, frozen=True, kw_only=True, tag="input_audio_buffer.commit"):
    """Turn what was heard into a user item. Never starts a response."""


class InputAudioBufferClear(ClientEventBase, frozen=True, kw_only=True, tag="input_audio_buffer.clear"):
    """Forget what was heard and not yet committed."""


class OutputAudioBufferClear(ClientEventBase, frozen=True, kw_only=True, tag="output_audio_buffer.clear"):
    """Stop playing now; WebRTC and SIP only."""


class ConversationItemCreate(ClientEventBase, frozen=True, kw_only=True, tag="conversation.item.create"):
    """Add an item: at the end, at the start (`root`) or after another."""

    item: Item
    previous_item_id: str | UnsetType | None = UNSET


class ConversationItemRetrieve(ClientEventBase, frozen=True, kw_only=True, tag="conversation.item.retrieve"):
    """Ask for an item as the server has it, with its audio."""

    item_id: str


class ConversationItemTruncate(ClientEventBase, frozen=True, kw_only=True, tag="conversation.item.truncate"):
    """Cut an assistant item to what was heard."""

    item_id: str
    content_index: Count
    audio_end_ms: Ms


class ConversationItemDelete(ClientEventBase, frozen=True, kw_only=True, tag="conversation.item.delete"):
    """Remove an item."""

    item_id: str


class ResponseCreate(ClientEventBase, frozen=True, kw_only=True, tag="response.create"):
    """Answer now."""

    response: ResponseParams | UnsetType | None = UNSET


class ResponseCancel(ClientEventBase, frozen=True, kw_only=True, tag="response.cancel"):
    """Stop a response; without an id, the one that speaks."""

    response_id: str | UnsetType | None = UNSET


ClientEvent: TypeAlias = (
    SessionUpdate
    | InputAudioBufferAppend
    | InputAudioBufferCommit
    | InputAudioBufferClear
    | OutputAudioBufferClear
    | ConversationItemCreate
    | ConversationItemTruncate
    | ConversationItemDelete
    | ConversationItemRetrieve
    | ResponseCreate
    | ResponseCancel
)
