"""Every event that a GA server sends.

`event_id` belongs to the envelope: the core leaves it out, and the edge names each event as it leaves.
"""

from typing import Literal, TypeAlias

from antiphon.protocol.errors import ErrorDetail
from antiphon.protocol.items import Item
from antiphon.protocol.response import Response
from antiphon.protocol.session import SessionBody
from antiphon.protocol.wire import UNSET, Count, Tagged, UnsetType, Wire


class ServerEventBase(Tagged, frozen=True, kw_only=True, tag="?"):
    """What all server events share."""

    event_id: str | UnsetType = UNSET


class Error(ServerEventBase, frozen=True, kw_only=True, tag="error"):
    """A client's mistake or a fault of ours; the session goes on unless a close follows at once."""

    error: ErrorDetail


class SessionCreated(ServerEventBase, frozen=True, kw_only=True, tag="session.created"):
    """The first event of every connection."""

    session: SessionBody


class SessionUpdated(ServerEventBase, frozen=True, kw_only=True, tag="session.updated"):
    """The whole effective session after a `session.update`."""

    session: SessionBody


class Conversation(Wire, frozen=True, kw_only=True):
    """The conversation of a session."""

    id: str
    object: Literal["realtime.conversation"] = "realtime.conversation"


class ConversationCreated(ServerEventBase, frozen=True, kw_only=True, tag="conversation.created"):
    """Early beta only; off by default."""

    conversation: Conversation


class ConversationItemCreated(ServerEventBase, frozen=True, kw_only=True, tag="conversation.item.created"):
    """Beta's word for `added`; GA types it and never sends it."""

    previous_item_id: str | None = None
    item: Item


class ConversationItemAdded(ServerEventBase, frozen=True, kw_only=True, tag="conversation.item.added"):
    """An item entered the conversation; an answer that still runs has no content yet."""

    previous_item_id: str | None = None
    item: Item


class ConversationItemDone(ServerEventBase, frozen=True, kw_only=True, tag="conversation.item.done"):
    """An item is final."""

    previous_item_id: str | None = None
    item: Item


class ConversationItemRetrieved(ServerEventBase, frozen=True, kw_only=True, tag="conversation.item.retrieved"):
    """An item with its audio."""

    item: Item


class ConversationItemTruncated(ServerEventBase, frozen=True, kw_only=True, tag="conversation.item.truncated"):
    """An answer was cut to what was heard."""

    item_id: str
    content_index: int
    audio_end_ms: int


class ConversationItemDeleted(ServerEventBase, frozen=True, kw_only=True, tag="conversation.item.deleted"):
    """An item is gone."""

    item_id: str


class LogProb(Wire, frozen=True, kw_only=True):
    """How sure the recogniser is of a token."""

    token: str
    logprob: float
    bytes: tuple[int, ...]


class TranscriptionLanguage(Wire, frozen=True, kw_only=True):
    """A language that was heard."""

    code: str


class TranscriptionInputTokenDetails(Wire, frozen=True, kw_only=True):
    """Input tokens of a transcription by modality."""

    text_tokens: int = 0
    audio_tokens: int = 0


class TranscriptionTokens(Tagged, frozen=True, kw_only=True, tag="tokens"):
    """What a transcription has cost, in tokens."""

    total_tokens: int
    input_tokens: int
    output_tokens: int
    input_token_details: TranscriptionInputTokenDetails | UnsetType = UNSET


class TranscriptionDuration(Tagged, frozen=True, kw_only=True, tag="duration"):
    """What a transcription has cost, in seconds of audio."""

    seconds: float


TranscriptionUsage: TypeAlias = TranscriptionTokens | TranscriptionDuration


class ConversationItemInputAudioTranscriptionDelta(
    ServerEventBase, frozen=True, kw_only=True, tag="conversation.item.input_audio_transcription.delta"
):
    """More words of the caller."""

    item_id: str
    content_index: int = 0
    delta: str = ""
    logprobs: tuple[LogProb, ...] | UnsetType | None = UNSET


class ConversationItemInputAudioTranscriptionCompleted(
    ServerEventBase, frozen=True, kw_only=True, tag="conversation.item.input_audio_transcription.completed"
):
    """The caller's words, final. The deltas before it make up the same text."""

    item_id: str
    content_index: int = 0
    transcript: str
    usage: TranscriptionUsage
    logprobs: tuple[LogProb, ...] | UnsetType | None = UNSET
    languages: tuple[TranscriptionLanguage, ...] | UnsetType | None = UNSET


class ConversationItemInputAudioTranscriptionSegment(
    ServerEventBase, frozen=True, kw_only=True, tag="conversation.item.input_audio_transcription.segment"
):
    """Who said what and when; `start` and `end` in seconds."""

    item_id: str
    content_index: int = 0
    id: str
    text: str
    speaker: str
    start: float
    end: float


class TranscriptionError(Wire, frozen=True, kw_only=True):
    """Why a transcription failed. What is unknown is left out: the agents SDK for JavaScript passes over nulls here."""

    type: str
    code: str | UnsetType | None = UNSET
    message: str
    param: str | UnsetType | None = UNSET


class ConversationItemInputAudioTranscriptionFailed(
    ServerEventBase, frozen=True, kw_only=True, tag="conversation.item.input_audio_transcription.failed"
):
    """The caller's words could not be made out; the session goes on."""

    item_id: str
    content_index: int = 0
    error: TranscriptionError


class InputAudioBufferCommitted(ServerEventBase, frozen=True, kw_only=True, tag="input_audio_buffer.committed"):
    """What was heard is now the user item `item_id`."""

    previous_item_id: str | None = None
    item_id: str


class InputAudioBufferCleared(ServerEventBase, frozen=True, kw_only=True, tag="input_audio_buffer.cleared"):
    """What was heard and not committed is forgotten."""


class InputAudioBufferSpeechStarted(
    ServerEventBase, frozen=True, kw_only=True, tag="input_audio_buffer.speech_started"
):
    """The caller speaks. The offset counts all audio of the session; prefix padding is in it."""

    audio_start_ms: Count
    item_id: str


class InputAudioBufferSpeechStopped(
    ServerEventBase, frozen=True, kw_only=True, tag="input_audio_buffer.speech_stopped"
):
    """The caller's turn has ended, the silence that proved it included."""

    audio_end_ms: Count
    item_id: str


class InputAudioBufferTimeoutTriggered(
    ServerEventBase, frozen=True, kw_only=True, tag="input_audio_buffer.timeout_triggered"
):
    """The caller has been silent for `idle_timeout_ms` after the answer."""

    audio_start_ms: Count
    audio_end_ms: Count
    item_id: str


class InputAudioBufferDtmfEventReceived(
    Tagged, frozen=True, kw_only=True, tag="input_audio_buffer.dtmf_event_received"
):
    """A key was pressed on the telephone. The one event without an `event_id`."""

    event: str
    received_at: int


class OutputAudioBufferStarted(ServerEventBase, frozen=True, kw_only=True, tag="output_audio_buffer.started"):
    """The answer begins to sound."""

    response_id: str


class OutputAudioBufferStopped(ServerEventBase, frozen=True, kw_only=True, tag="output_audio_buffer.stopped"):
    """The answer has been played to its end."""

    response_id: str


class OutputAudioBufferCleared(ServerEventBase, frozen=True, kw_only=True, tag="output_audio_buffer.cleared"):
    """The rest of the answer will not be played."""

    response_id: str


class McpListToolsInProgress(ServerEventBase, frozen=True, kw_only=True, tag="mcp_list_tools.in_progress"):
    """An MCP server is asked for its tools."""

    item_id: str


class McpListToolsCompleted(ServerEventBase, frozen=True, kw_only=True, tag="mcp_list_tools.completed"):
    """An MCP server has named its tools."""

    item_id: str


class McpListToolsFailed(ServerEventBase, frozen=True, kw_only=True, tag="mcp_list_tools.failed"):
    """An MCP server could not name its tools."""

    item_id: str


class RateLimit(Wire, frozen=True, kw_only=True):
    """One limit of the operator and what is left of it."""

    name: Literal["requests", "tokens"]
    limit: int
    remaining: int
    reset_seconds: float


class RateLimitsUpdated(ServerEventBase, frozen=True, kw_only=True, tag="rate_limits.updated"):
    """The limits after a response."""

    rate_limits: tuple[RateLimit, ...]


class ResponseCreated(ServerEventBase, frozen=True, kw_only=True, tag="response.created"):
    """A response runs."""

    response: Response


class ResponseDone(ServerEventBase, frozen=True, kw_only=True, tag="response.done"):
    """A response has ended, however it ended."""

    response: Response


class _OfItem(ServerEventBase, frozen=True, kw_only=True, tag="?"):
    response_id: str
    output_index: int


class ResponseOutputItemAdded(_OfItem, frozen=True, kw_only=True, tag="response.output_item.added"):
    """The response makes another item."""

    item: Item


class ResponseOutputItemDone(_OfItem, frozen=True, kw_only=True, tag="response.output_item.done"):
    """An item of the response is final."""

    item: Item


class _OfPart(ServerEventBase, frozen=True, kw_only=True, tag="?"):
    response_id: str
    item_id: str
    output_index: int
    content_index: int


class TextPart(Tagged, frozen=True, kw_only=True, tag="text"):
    """A part that is written; unlike in items, GA keeps the short type name here."""

    text: str = ""


class AudioPart(Tagged, frozen=True, kw_only=True, tag="audio"):
    """A part that is spoken; unlike in items, GA keeps the short type name here."""

    transcript: str = ""


Part: TypeAlias = TextPart | AudioPart


class ResponseContentPartAdded(_OfPart, frozen=True, kw_only=True, tag="response.content_part.added"):
    """The item gets another part, still empty."""

    part: Part


class ResponseContentPartDone(_OfPart, frozen=True, kw_only=True, tag="response.content_part.done"):
    """A part is final; its whole text, never its audio."""

    part: Part


class ResponseOutputTextDelta(_OfPart, frozen=True, kw_only=True, tag="response.output_text.delta"):
    """More text."""

    delta: str


class ResponseOutputTextDone(_OfPart, frozen=True, kw_only=True, tag="response.output_text.done"):
    """The whole text."""

    text: str


class ResponseOutputAudioTranscriptDelta(
    _OfPart, frozen=True, kw_only=True, tag="response.output_audio_transcript.delta"
):
    """More words of what is spoken; usually ahead of the sound."""

    delta: str


class ResponseOutputAudioTranscriptDone(
    _OfPart, frozen=True, kw_only=True, tag="response.output_audio_transcript.done"
):
    """All words of what is spoken."""

    transcript: str


class ResponseOutputAudioDelta(_OfPart, frozen=True, kw_only=True, tag="response.output_audio.delta"):
    """More sound, in the output format of the response."""

    delta: bytes


class ResponseOutputAudioDone(_OfPart, frozen=True, kw_only=True, tag="response.output_audio.done"):
    """No more sound comes; sent on every transport."""


class _OfCall(_OfItem, frozen=True, kw_only=True, tag="?"):
    item_id: str


class ResponseFunctionCallArgumentsDelta(
    _OfCall, frozen=True, kw_only=True, tag="response.function_call_arguments.delta"
):
    """More of the arguments."""

    call_id: str
    delta: str


class ResponseFunctionCallArgumentsDone(
    _OfCall, frozen=True, kw_only=True, tag="response.function_call_arguments.done"
):
    """The whole arguments."""

    call_id: str
    name: str
    arguments: str


class ResponseMcpCallArgumentsDelta(_OfCall, frozen=True, kw_only=True, tag="response.mcp_call_arguments.delta"):
    """More of the arguments of an MCP call."""

    delta: str
    obfuscation: str | UnsetType | None = UNSET


class ResponseMcpCallArgumentsDone(_OfCall, frozen=True, kw_only=True, tag="response.mcp_call_arguments.done"):
    """The whole arguments of an MCP call."""

    arguments: str


class _OfMcpCall(ServerEventBase, frozen=True, kw_only=True, tag="?"):
    output_index: int
    item_id: str


class ResponseMcpCallInProgress(_OfMcpCall, frozen=True, kw_only=True, tag="response.mcp_call.in_progress"):
    """The MCP tool runs."""


class ResponseMcpCallCompleted(_OfMcpCall, frozen=True, kw_only=True, tag="response.mcp_call.completed"):
    """The MCP tool has answered."""


class ResponseMcpCallFailed(_OfMcpCall, frozen=True, kw_only=True, tag="response.mcp_call.failed"):
    """The MCP tool could not be run."""


ServerEvent: TypeAlias = (
    Error
    | SessionCreated
    | SessionUpdated
    | ConversationCreated
    | ConversationItemCreated
    | ConversationItemAdded
    | ConversationItemDone
    | ConversationItemRetrieved
    | ConversationItemTruncated
    | ConversationItemDeleted
    | ConversationItemInputAudioTranscriptionDelta
    | ConversationItemInputAudioTranscriptionCompleted
    | ConversationItemInputAudioTranscriptionSegment
    | ConversationItemInputAudioTranscriptionFailed
    | InputAudioBufferCommitted
    | InputAudioBufferCleared
    | InputAudioBufferSpeechStarted
    | InputAudioBufferSpeechStopped
    | InputAudioBufferTimeoutTriggered
    | InputAudioBufferDtmfEventReceived
    | OutputAudioBufferStarted
    | OutputAudioBufferStopped
    | OutputAudioBufferCleared
    | McpListToolsInProgress
    | McpListToolsCompleted
    | McpListToolsFailed
    | RateLimitsUpdated
    | ResponseCreated
    | ResponseDone
    | ResponseOutputItemAdded
    | ResponseOutputItemDone
    | ResponseContentPartAdded
    | ResponseContentPartDone
    | ResponseOutputTextDelta
    | ResponseOutputTextDone
    | ResponseOutputAudioTranscriptDelta
    | ResponseOutputAudioTranscriptDone
    | ResponseOutputAudioDelta
    | ResponseOutputAudioDone
    | ResponseFunctionCallArgumentsDelta
    | ResponseFunctionCallArgumentsDone
    | ResponseMcpCallArgumentsDelta
    | ResponseMcpCallArgumentsDone
    | ResponseMcpCallInProgress
    | ResponseMcpCallCompleted
    | ResponseMcpCallFailed
)
