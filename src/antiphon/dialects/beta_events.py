"""What a beta or preview client is told, where GA says it otherwise: objects with all their keys, and their events."""

from typing import Literal, TypeAlias

from antiphon.dialects.beta_shapes import AudioFormat, Item, NamedChoice, NoiseReduction, Transcription
from antiphon.dialects.preview_shapes import NoTurnDetection
from antiphon.protocol.response import Metadata, OutputTokenDetails, ResponseStatus, StatusDetails
from antiphon.protocol.server_events import LogProb, ServerEventBase, TranscriptionUsage
from antiphon.protocol.session import (
    FunctionTool,
    Include,
    MaxOutputTokens,
    Modality,
    PromptTemplate,
    SemanticVad,
    ServerVad,
    ToolChoiceFunction,
    Tracing,
)
from antiphon.protocol.wire import UNSET, UnsetType, Wire


class FunctionName(Wire, frozen=True, kw_only=True):
    """A function by its name."""

    name: str


class NestedChoice(ToolChoiceFunction, frozen=True, kw_only=True, tag="function"):
    """Call this function, in preview's spelling and in beta's."""

    function: FunctionName


class Session(Wire, frozen=True, kw_only=True):
    """A realtime session. Upstream servers may leave keys out, ours does not."""

    id: str
    object: Literal["realtime.session"] = "realtime.session"
    expires_at: int
    """Unix seconds; the session ends then."""
    input_audio_noise_reduction: NoiseReduction | None = None
    turn_detection: ServerVad | SemanticVad | NoTurnDetection | None = None
    input_audio_format: AudioFormat | UnsetType = UNSET
    input_audio_transcription: Transcription | None = None
    client_secret: None = None
    include: tuple[Include, ...] | None = None
    model: str | UnsetType = UNSET
    modalities: tuple[Modality, ...] | UnsetType = UNSET
    instructions: str | UnsetType = UNSET
    voice: str | UnsetType = UNSET
    output_audio_format: AudioFormat | UnsetType = UNSET
    tool_choice: NamedChoice | ToolChoiceFunction | UnsetType = UNSET
    temperature: float
    max_response_output_tokens: MaxOutputTokens | UnsetType | None = UNSET
    speed: float | UnsetType = UNSET
    tools: tuple[FunctionTool, ...] = ()
    tracing: Tracing = None
    prompt: PromptTemplate | None = None


class TranscriptionSession(Wire, frozen=True, kw_only=True):
    """A session that only transcribes."""

    id: str
    object: Literal["realtime.transcription_session"] = "realtime.transcription_session"
    expires_at: int
    modalities: tuple[Modality, ...] = ("audio", "text")
    input_audio_format: AudioFormat | UnsetType = UNSET
    input_audio_transcription: Transcription | None = None
    input_audio_noise_reduction: NoiseReduction | None = None
    turn_detection: ServerVad | SemanticVad | None = None
    include: tuple[Include, ...] | None = None


class CachedTokens(Wire, frozen=True, kw_only=True):
    """Cached input tokens by modality; beta has no images."""

    text_tokens: int
    audio_tokens: int


class InputTokens(Wire, frozen=True, kw_only=True):
    """Input tokens by modality."""

    text_tokens: int
    audio_tokens: int
    cached_tokens: int
    cached_tokens_details: CachedTokens | UnsetType = UNSET
    """Absent in preview."""


class Usage(Wire, frozen=True, kw_only=True):
    """What a response has cost, in tokens."""

    total_tokens: int
    input_tokens: int
    output_tokens: int
    input_token_details: InputTokens
    output_token_details: OutputTokenDetails


class Response(Wire, frozen=True, kw_only=True):
    """One run of the model."""

    object: Literal["realtime.response"] = "realtime.response"
    id: str
    status: ResponseStatus
    status_details: StatusDetails | None = None
    output: tuple[Item, ...] = ()
    conversation_id: str | None
    modalities: tuple[Modality, ...]
    voice: str | UnsetType = UNSET
    output_audio_format: AudioFormat | UnsetType = UNSET
    temperature: float
    max_output_tokens: MaxOutputTokens
    usage: Usage | None = None
    metadata: Metadata | None = None


# Events


class SessionCreated(ServerEventBase, frozen=True, kw_only=True, tag="session.created"):
    """The first event of a connection."""

    session: Session


class SessionUpdated(ServerEventBase, frozen=True, kw_only=True, tag="session.updated"):
    """The whole effective session after an update."""

    session: Session


class TranscriptionSessionCreated(ServerEventBase, frozen=True, kw_only=True, tag="transcription_session.created"):
    """The first event of a connection that only transcribes."""

    session: TranscriptionSession


class TranscriptionSessionUpdated(ServerEventBase, frozen=True, kw_only=True, tag="transcription_session.updated"):
    """The whole effective session after an update."""

    session: TranscriptionSession


class ConversationItemCreated(ServerEventBase, frozen=True, kw_only=True, tag="conversation.item.created"):
    """An item entered the conversation; an answer that still runs has no content yet."""

    previous_item_id: str | None = None
    item: Item


class ConversationItemRetrieved(ServerEventBase, frozen=True, kw_only=True, tag="conversation.item.retrieved"):
    """An item with its audio."""

    item: Item


class ConversationItemTruncated(ServerEventBase, frozen=True, kw_only=True, tag="conversation.item.truncated"):
    """An answer was cut: the index in preview's spelling and in beta's."""

    item_id: str
    content_index: int
    index: int
    audio_end_ms: int


class TranscriptionCompleted(
    ServerEventBase, frozen=True, kw_only=True, tag="conversation.item.input_audio_transcription.completed"
):
    """The caller's words, final. Preview says nothing of their price."""

    item_id: str
    content_index: int
    transcript: str
    usage: TranscriptionUsage | UnsetType = UNSET
    logprobs: tuple[LogProb, ...] | UnsetType | None = UNSET


class ResponseCreated(ServerEventBase, frozen=True, kw_only=True, tag="response.created"):
    """A response runs."""

    response: Response


class ResponseDone(ServerEventBase, frozen=True, kw_only=True, tag="response.done"):
    """A response has ended, however it ended."""

    response: Response


class ResponseOutputItemAdded(ServerEventBase, frozen=True, kw_only=True, tag="response.output_item.added"):
    """The response makes another item."""

    response_id: str
    output_index: int
    item: Item


class ResponseOutputItemDone(ServerEventBase, frozen=True, kw_only=True, tag="response.output_item.done"):
    """An item of the response is final."""

    response_id: str
    output_index: int
    item: Item


class ResponseTextDone(ServerEventBase, frozen=True, kw_only=True, tag="response.text.done"):
    """The whole text, in preview's spelling and in beta's."""

    response_id: str
    item_id: str
    output_index: int
    content_index: int
    text: str
    value: str


class ResponseFunctionCallArgumentsDone(
    ServerEventBase, frozen=True, kw_only=True, tag="response.function_call_arguments.done"
):
    """The whole arguments; beta's item alone names the function."""

    response_id: str
    item_id: str
    output_index: int
    call_id: str
    arguments: str


BetaEvent: TypeAlias = (
    SessionCreated
    | SessionUpdated
    | TranscriptionSessionCreated
    | TranscriptionSessionUpdated
    | ConversationItemCreated
    | ConversationItemRetrieved
    | ConversationItemTruncated
    | TranscriptionCompleted
    | ResponseCreated
    | ResponseDone
    | ResponseOutputItemAdded
    | ResponseOutputItemDone
    | ResponseTextDone
    | ResponseFunctionCallArgumentsDone
)
