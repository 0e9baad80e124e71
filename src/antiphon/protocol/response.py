"""The response object, its usage, and what `response.create` may ask of one response."""

from typing import Annotated, Literal, TypeAlias

from antiphon.protocol.items import InputItem, Item
from antiphon.protocol.session import (
    AudioFormat,
    MaxOutputTokens,
    Modality,
    PromptTemplate,
    Reasoning,
    Tool,
    ToolChoice,
    Voice,
)
from antiphon.protocol.wire import UNSET, Meta, Tagged, UnsetType, Wire

MAX_METADATA_KEYS = 16

MetadataKey: TypeAlias = Annotated[str, Meta(max_length=64)]
MetadataValue: TypeAlias = Annotated[str, Meta(max_length=512)]
Metadata: TypeAlias = Annotated[dict[MetadataKey, MetadataValue], Meta(max_length=MAX_METADATA_KEYS)]

ResponseStatus: TypeAlias = Literal["in_progress", "completed", "cancelled", "failed", "incomplete"]


class ResponseAudioOutput(Wire, frozen=True, kw_only=True):
    """How this one answer sounds."""

    format: AudioFormat | UnsetType = UNSET
    voice: Voice | UnsetType = UNSET


class ResponseAudio(Wire, frozen=True, kw_only=True):
    """`audio` of a response: output only."""

    output: ResponseAudioOutput | UnsetType = UNSET


class ResponseParams(Wire, frozen=True, kw_only=True):
    """What `response.create` may set for one response; everything else comes from the session."""

    conversation: Literal["auto", "none"] | UnsetType = UNSET
    input: tuple[InputItem, ...] | UnsetType = UNSET
    instructions: str | UnsetType | None = UNSET
    """null is taken for absent: LiveKit's plugin sends it with every `generate_reply`."""
    output_modalities: tuple[Modality, ...] | UnsetType = UNSET
    audio: ResponseAudio | UnsetType = UNSET
    tools: tuple[Tool, ...] | UnsetType = UNSET
    tool_choice: ToolChoice | UnsetType = UNSET
    max_output_tokens: MaxOutputTokens | UnsetType = UNSET
    metadata: Metadata | UnsetType | None = UNSET
    prompt: PromptTemplate | UnsetType | None = UNSET
    reasoning: Reasoning | UnsetType = UNSET
    parallel_tool_calls: bool | UnsetType = UNSET


class Cancelled(Tagged, frozen=True, kw_only=True, tag="cancelled"):
    """Stopped by the client or by the caller's voice."""

    reason: Literal["turn_detected", "client_cancelled"]


class Incomplete(Tagged, frozen=True, kw_only=True, tag="incomplete"):
    """Stopped before its end by a limit or a filter."""

    reason: Literal["max_output_tokens", "content_filter"]


class ResponseError(Wire, frozen=True, kw_only=True):
    """Why a response failed."""

    type: str
    code: str | None = None
    message: str | UnsetType = UNSET


class Failed(Tagged, frozen=True, kw_only=True, tag="failed"):
    """Ended by an engine's failure."""

    error: ResponseError


StatusDetails: TypeAlias = Cancelled | Incomplete | Failed


class CachedTokensDetails(Wire, frozen=True, kw_only=True):
    """Cached input tokens by modality."""

    text_tokens: int = 0
    audio_tokens: int = 0
    image_tokens: int = 0


class InputTokenDetails(Wire, frozen=True, kw_only=True):
    """Input tokens by modality; the cached ones are a part of them."""

    text_tokens: int = 0
    audio_tokens: int = 0
    image_tokens: int = 0
    cached_tokens: int = 0
    cached_tokens_details: CachedTokensDetails = CachedTokensDetails()


class OutputTokenDetails(Wire, frozen=True, kw_only=True):
    """Output tokens by modality."""

    text_tokens: int = 0
    audio_tokens: int = 0


class ResponseUsage(Wire, frozen=True, kw_only=True):
    """What a response has cost, in tokens."""

    total_tokens: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    input_token_details: InputTokenDetails = InputTokenDetails()
    output_token_details: OutputTokenDetails = OutputTokenDetails()


class Response(Wire, frozen=True, kw_only=True):
    """One run of the model. All keys are always sent."""

    object: Literal["realtime.response"] = "realtime.response"
    id: str
    status: ResponseStatus
    status_details: StatusDetails | None = None
    output: tuple[Item, ...] = ()
    conversation_id: str | None
    output_modalities: tuple[Modality, ...]
    max_output_tokens: MaxOutputTokens
    audio: ResponseAudio
    usage: ResponseUsage | None = None
    metadata: Metadata | None = None
