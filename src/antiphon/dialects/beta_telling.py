"""How a beta client is told of what GA says otherwise: one function for each kind of event that differs."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from msgspec import structs

from antiphon.dialects import beta_events as told
from antiphon.dialects import beta_items, beta_response, beta_session
from antiphon.dialects.memory import Memory
from antiphon.dialects.wording import in_clients_words
from antiphon.protocol import server_events as ga
from antiphon.protocol.server_events import ServerEvent, ServerEventBase
from antiphon.protocol.session import SessionBody, TranscriptionSession

Told: TypeAlias = Sequence[ServerEvent | ServerEventBase]
Telling: TypeAlias = Callable[[Memory, Any], Told]

UNSAID: Final[frozenset[type]] = frozenset(
    {
        ga.ConversationCreated,  # told with `session.created`, if at all
        ga.ConversationItemDone,
        ga.InputAudioBufferDtmfEventReceived,
        ga.McpListToolsInProgress,
        ga.McpListToolsCompleted,
        ga.McpListToolsFailed,
        ga.ResponseMcpCallArgumentsDelta,
        ga.ResponseMcpCallArgumentsDone,
        ga.ResponseMcpCallInProgress,
        ga.ResponseMcpCallCompleted,
        ga.ResponseMcpCallFailed,
    }
)
"""What beta has no word for."""


def error(memory: Memory, event: ga.Error) -> Told:
    """An error under the client's own name for the event that caused it, and in the client's words."""
    asked = None if event.error.event_id is None else memory.refused(event.error.event_id)
    if asked is None:
        return [ga.Error(error=in_clients_words(event.error, {}))]
    detail = structs.replace(event.error, event_id=asked.event_id or None)
    return [ga.Error(error=in_clients_words(detail, asked.paths))]


def session_created(memory: Memory, event: ga.SessionCreated) -> Told:
    """The session; in the first weeks the conversation came with it."""
    created = _created(event.session, memory.temperature)
    conversation_id = memory.open_conversation()
    if conversation_id is None:
        return [created]
    return [created, ga.ConversationCreated(conversation=ga.Conversation(id=conversation_id))]


def _created(session: SessionBody, temperature: float) -> ServerEventBase:
    if isinstance(session, TranscriptionSession):
        return told.TranscriptionSessionCreated(session=beta_session.transcription_shown(session))
    return told.SessionCreated(session=beta_session.shown(session, temperature))


def session_updated(memory: Memory, event: ga.SessionUpdated) -> Told:
    """The whole effective session."""
    if isinstance(event.session, TranscriptionSession):
        return [told.TranscriptionSessionUpdated(session=beta_session.transcription_shown(event.session))]
    return [told.SessionUpdated(session=beta_session.shown(event.session, memory.updated()))]


def item_created(_: Memory, event: ga.ConversationItemAdded | ga.ConversationItemCreated) -> Told:
    """An item, once, as it enters."""
    item = beta_items.shown(event.item)
    return [] if item is None else [told.ConversationItemCreated(previous_item_id=event.previous_item_id, item=item)]


def item_retrieved(_: Memory, event: ga.ConversationItemRetrieved) -> Told:
    """An item with its audio."""
    item = beta_items.shown(event.item)
    return [] if item is None else [told.ConversationItemRetrieved(item=item)]


def transcription_completed(_: Memory, event: ga.ConversationItemInputAudioTranscriptionCompleted) -> Told:
    """The caller's words; beta does not name their language."""
    return [
        told.TranscriptionCompleted(
            item_id=event.item_id,
            content_index=event.content_index,
            transcript=event.transcript,
            usage=event.usage,
            logprobs=event.logprobs,
        )
    ]


def response_created(memory: Memory, event: ga.ResponseCreated) -> Told:
    """A response, and the limits as they were last known: beta has them before the answer."""
    temperature = memory.began(event.response.id)
    response = beta_response.shown(event.response, temperature, memory.conversation_id)
    created = told.ResponseCreated(response=response)
    return [created] if memory.limits is None else [created, ga.RateLimitsUpdated(rate_limits=memory.limits)]


def response_done(memory: Memory, event: ga.ResponseDone) -> Told:
    """A response that has ended."""
    temperature = memory.ended(event.response.id)
    response = beta_response.shown(event.response, temperature, memory.conversation_id)
    return [told.ResponseDone(response=response)]


def rate_limits_updated(memory: Memory, event: ga.RateLimitsUpdated) -> Told:
    """GA has limits after the answer: they wait for the next one, but for the first, which nobody knows yet."""
    is_first = memory.limits is None
    memory.limits = event.rate_limits
    return [event] if is_first else []


def output_item_added(_: Memory, event: ga.ResponseOutputItemAdded) -> Told:
    """The response makes another item."""
    item = beta_items.shown(event.item)
    if item is None:
        return []
    return [told.ResponseOutputItemAdded(response_id=event.response_id, output_index=event.output_index, item=item)]


def output_item_done(_: Memory, event: ga.ResponseOutputItemDone) -> Told:
    """An item of the response is final."""
    item = beta_items.shown(event.item)
    if item is None:
        return []
    return [told.ResponseOutputItemDone(response_id=event.response_id, output_index=event.output_index, item=item)]


def arguments_done(_: Memory, event: ga.ResponseFunctionCallArgumentsDone) -> Told:
    """The whole arguments, without the function's name."""
    return [
        told.ResponseFunctionCallArgumentsDone(
            response_id=event.response_id,
            item_id=event.item_id,
            output_index=event.output_index,
            call_id=event.call_id,
            arguments=event.arguments,
        )
    ]


TELLINGS: Final[Mapping[type, Telling]] = {
    ga.Error: error,
    ga.SessionCreated: session_created,
    ga.SessionUpdated: session_updated,
    ga.ConversationItemAdded: item_created,
    ga.ConversationItemCreated: item_created,
    ga.ConversationItemRetrieved: item_retrieved,
    ga.ConversationItemInputAudioTranscriptionCompleted: transcription_completed,
    ga.ResponseCreated: response_created,
    ga.ResponseDone: response_done,
    ga.RateLimitsUpdated: rate_limits_updated,
    ga.ResponseOutputItemAdded: output_item_added,
    ga.ResponseOutputItemDone: output_item_done,
    ga.ResponseFunctionCallArgumentsDone: arguments_done,
}
