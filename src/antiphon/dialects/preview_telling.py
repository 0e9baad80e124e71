"""How a preview client is told of what it calls otherwise than beta: mostly twice, in both spellings."""

from collections.abc import Mapping
from typing import Final

from msgspec import structs

from antiphon.dialects import beta_events as told
from antiphon.dialects import beta_response, beta_telling, preview_session
from antiphon.dialects.beta_telling import Telling, Told
from antiphon.dialects.memory import Memory
from antiphon.protocol import server_events as ga
from antiphon.protocol.server_events import ServerEvent, ServerEventBase

UNSAID: Final = beta_telling.UNSAID | {
    ga.ConversationItemRetrieved,
    ga.ConversationItemInputAudioTranscriptionDelta,
    ga.ConversationItemInputAudioTranscriptionSegment,
    ga.InputAudioBufferTimeoutTriggered,
    ga.OutputAudioBufferStarted,
    ga.OutputAudioBufferStopped,
    ga.OutputAudioBufferCleared,
}
"""What preview has no word for; its clients take an unknown event for a broken connection."""


def session_created(memory: Memory, event: ga.SessionCreated) -> Told:
    """The session."""
    return [_of_preview(one) for one in beta_telling.session_created(memory, event)]


def session_updated(memory: Memory, event: ga.SessionUpdated) -> Told:
    """The whole effective session."""
    return [_of_preview(one) for one in beta_telling.session_updated(memory, event)]


def response_created(memory: Memory, event: ga.ResponseCreated) -> Told:
    """A response; the limits come after it, as in GA."""
    temperature = memory.began(event.response.id)
    response = beta_response.shown(event.response, temperature, memory.conversation_id)
    return [told.ResponseCreated(response=preview_session.response_shown(response))]


def response_done(memory: Memory, event: ga.ResponseDone) -> Told:
    """A response that has ended."""
    temperature = memory.ended(event.response.id)
    response = beta_response.shown(event.response, temperature, memory.conversation_id)
    return [told.ResponseDone(response=preview_session.response_shown(response))]


def _of_preview(event: ServerEvent | ServerEventBase) -> ServerEvent | ServerEventBase:
    if isinstance(event, told.SessionCreated | told.SessionUpdated):
        return structs.replace(event, session=preview_session.shown(event.session))
    return event


def truncated(_: Memory, event: ga.ConversationItemTruncated) -> Told:
    """An answer was cut."""
    return [
        told.ConversationItemTruncated(
            item_id=event.item_id,
            content_index=event.content_index,
            index=event.content_index,
            audio_end_ms=event.audio_end_ms,
        )
    ]


def transcription_completed(_: Memory, event: ga.ConversationItemInputAudioTranscriptionCompleted) -> Told:
    """The caller's words, without their price."""
    return [
        told.TranscriptionCompleted(
            item_id=event.item_id, content_index=event.content_index, transcript=event.transcript
        )
    ]


def text_done(_: Memory, event: ga.ResponseOutputTextDone) -> Told:
    """The whole text."""
    return [
        told.ResponseTextDone(
            response_id=event.response_id,
            item_id=event.item_id,
            output_index=event.output_index,
            content_index=event.content_index,
            text=event.text,
            value=event.text,
        )
    ]


def as_it_is(_: Memory, event: ga.ServerEvent) -> Told:
    """What preview has from GA and not from beta."""
    return [event]


TELLINGS: Final[Mapping[type, Telling]] = {
    **beta_telling.TELLINGS,
    ga.SessionCreated: session_created,
    ga.SessionUpdated: session_updated,
    ga.ConversationItemInputAudioTranscriptionCompleted: transcription_completed,
    ga.ConversationItemTruncated: truncated,
    ga.RateLimitsUpdated: as_it_is,
    ga.ResponseCreated: response_created,
    ga.ResponseDone: response_done,
    ga.ResponseFunctionCallArgumentsDone: as_it_is,
    ga.ResponseOutputTextDone: text_done,
}
