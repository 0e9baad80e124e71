"""The session object of GA, in the two kinds `realtime` and `transcription`.

The `…Update` structs are what a client may send (every key optional); the others are what we return,
with all keys present. Defaults live in `antiphon.session.config`, not here.
"""

from typing import Annotated, Literal, TypeAlias

from antiphon.protocol.wire import UNSET, Count, Json, Meta, Ms, Ratio, Tagged, UnsetType, Wire

MIN_OUTPUT_TOKENS, MAX_OUTPUT_TOKENS = 1, 4096
MIN_SPEED, MAX_SPEED = 0.25, 1.5

MaxOutputTokens: TypeAlias = Annotated[int, Meta(ge=MIN_OUTPUT_TOKENS, le=MAX_OUTPUT_TOKENS)] | Literal["inf"]
Modality: TypeAlias = Literal["text", "audio"]
Include: TypeAlias = Literal["item.input_audio_transcription.logprobs"]


class PcmFormat(Tagged, frozen=True, kw_only=True, tag="audio/pcm"):
    """16-bit little-endian mono samples at 24,000 Hz."""

    rate: Annotated[int, Meta(ge=24000, le=24000)] = 24000


class PcmuFormat(Tagged, frozen=True, kw_only=True, tag="audio/pcmu"):
    """G.711 mu-law at 8,000 Hz, one byte a sample."""


class PcmaFormat(Tagged, frozen=True, kw_only=True, tag="audio/pcma"):
    """G.711 A-law at 8,000 Hz, one byte a sample."""


AudioFormat: TypeAlias = PcmFormat | PcmuFormat | PcmaFormat


class ServerVad(Tagged, frozen=True, kw_only=True, tag="server_vad"):
    """End a turn after a length of silence."""

    threshold: Ratio | UnsetType = UNSET
    prefix_padding_ms: Ms | UnsetType = UNSET
    silence_duration_ms: Ms | UnsetType = UNSET
    idle_timeout_ms: Annotated[int, Meta(ge=5000, le=30000)] | UnsetType | None = UNSET
    create_response: bool | UnsetType = UNSET
    interrupt_response: bool | UnsetType = UNSET


class SemanticVad(Tagged, frozen=True, kw_only=True, tag="semantic_vad"):
    """End a turn when the words sound finished."""

    eagerness: Literal["low", "medium", "high", "auto"] | UnsetType = UNSET
    create_response: bool | UnsetType = UNSET
    interrupt_response: bool | UnsetType = UNSET


TurnDetection: TypeAlias = ServerVad | SemanticVad


class NoiseReduction(Wire, frozen=True, kw_only=True):
    """How the input audio is cleaned before VAD and ASR hear it."""

    type: Literal["near_field", "far_field"] | UnsetType = UNSET
    strength: float | UnsetType = UNSET


class Transcription(Wire, frozen=True, kw_only=True):
    """How the input audio is put into words for the client."""

    model: str | UnsetType = UNSET
    language: str | UnsetType | None = UNSET
    languages: Annotated[tuple[str, ...], Meta(min_length=1)] | UnsetType | None = UNSET
    prompt: str | UnsetType | None = UNSET
    keywords: tuple[str, ...] | UnsetType | None = UNSET
    delay: Literal["minimal", "low", "medium", "high", "xhigh"] | UnsetType | None = UNSET


class AudioInput(Wire, frozen=True, kw_only=True):
    """`audio.input`: what is heard, and how."""

    format: AudioFormat | UnsetType = UNSET
    transcription: Transcription | UnsetType | None = UNSET
    noise_reduction: NoiseReduction | UnsetType | None = UNSET
    turn_detection: TurnDetection | UnsetType | None = UNSET


class VoiceId(Wire, frozen=True, kw_only=True):
    """A custom voice."""

    id: str


Voice: TypeAlias = str | VoiceId


class AudioOutput(Wire, frozen=True, kw_only=True):
    """`audio.output`: how the answer sounds."""

    format: AudioFormat | UnsetType = UNSET
    voice: Voice | UnsetType = UNSET
    speed: Annotated[float, Meta(ge=MIN_SPEED, le=MAX_SPEED)] | UnsetType = UNSET


class Audio(Wire, frozen=True, kw_only=True):
    """`audio` of a realtime session."""

    input: AudioInput | UnsetType = UNSET
    output: AudioOutput | UnsetType = UNSET


class TranscriptionAudio(Wire, frozen=True, kw_only=True):
    """`audio` of a transcription session."""

    input: AudioInput | UnsetType = UNSET


class FunctionTool(Tagged, frozen=True, kw_only=True, tag="function"):
    """A function that the client runs."""

    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    parameters: Json | UnsetType = UNSET


class ToolFilter(Wire, frozen=True, kw_only=True):
    """Which tools of an MCP server a rule speaks of."""

    tool_names: tuple[str, ...] | UnsetType = UNSET
    read_only: bool | UnsetType = UNSET


class ApprovalFilter(Wire, frozen=True, kw_only=True):
    """Which tools always need approval, and which never do."""

    always: ToolFilter | UnsetType = UNSET
    never: ToolFilter | UnsetType = UNSET


Connector: TypeAlias = Literal[
    "connector_dropbox",
    "connector_gmail",
    "connector_googlecalendar",
    "connector_googledrive",
    "connector_microsoftteams",
    "connector_outlookcalendar",
    "connector_outlookemail",
    "connector_sharepoint",
]


class McpTool(Tagged, frozen=True, kw_only=True, tag="mcp"):
    """The tools of an MCP server, called by us. `authorization` is never sent back or logged."""

    server_label: str
    server_url: str | UnsetType = UNSET
    connector_id: Connector | UnsetType = UNSET
    tunnel_id: str | UnsetType = UNSET
    server_description: str | UnsetType = UNSET
    authorization: str | UnsetType = UNSET
    headers: dict[str, str] | UnsetType | None = UNSET
    allowed_tools: tuple[str, ...] | ToolFilter | UnsetType | None = UNSET
    require_approval: Literal["always", "never"] | ApprovalFilter | UnsetType | None = UNSET
    allowed_callers: tuple[Literal["direct", "programmatic"], ...] | UnsetType | None = UNSET
    defer_loading: bool | UnsetType = UNSET


Tool: TypeAlias = FunctionTool | McpTool


class ToolChoiceFunction(Tagged, frozen=True, kw_only=True, tag="function"):
    """Call this function."""

    name: str


class ToolChoiceMcp(Tagged, frozen=True, kw_only=True, tag="mcp"):
    """Call a tool of this MCP server."""

    server_label: str
    name: str | UnsetType | None = UNSET


ToolChoice: TypeAlias = Literal["auto", "none", "required"] | ToolChoiceFunction | ToolChoiceMcp


class TracingConfiguration(Wire, frozen=True, kw_only=True):
    """How the session appears in the operator's traces."""

    workflow_name: str | UnsetType = UNSET
    group_id: str | UnsetType = UNSET
    metadata: Json | UnsetType = UNSET


Tracing: TypeAlias = Literal["auto"] | TracingConfiguration | None


class TokenLimits(Wire, frozen=True, kw_only=True):
    """Bounds on what a truncated context keeps."""

    post_instructions: Count | UnsetType = UNSET


class RetentionRatio(Wire, frozen=True, kw_only=True):
    """Keep this share of the context when it grows too long."""

    type: Literal["retention_ratio"]  # a field, since a tag outside a union of structs may be left out
    retention_ratio: Ratio
    token_limits: TokenLimits | UnsetType = UNSET


Truncation: TypeAlias = Literal["auto", "disabled"] | RetentionRatio


class PromptCacheBreakpoint(Wire, frozen=True, kw_only=True):
    """Where the caller would like a prompt cache to break; taken and not used."""

    mode: Literal["explicit"]
    ttl: Literal["30m", "12h"] | UnsetType = UNSET


class PromptText(Tagged, frozen=True, kw_only=True, tag="input_text"):
    """Text as a template variable."""

    text: str
    prompt_cache_breakpoint: PromptCacheBreakpoint | UnsetType = UNSET


class PromptImage(Tagged, frozen=True, kw_only=True, tag="input_image"):
    """An image as a template variable."""

    detail: Literal["low", "high", "auto", "original"]
    file_id: str | UnsetType | None = UNSET
    image_url: str | UnsetType | None = UNSET
    prompt_cache_breakpoint: PromptCacheBreakpoint | UnsetType = UNSET


class PromptFile(Tagged, frozen=True, kw_only=True, tag="input_file"):
    """A file as a template variable."""

    detail: Literal["auto", "low", "high"] | UnsetType = UNSET
    file_data: str | UnsetType = UNSET
    file_id: str | UnsetType | None = UNSET
    file_url: str | UnsetType = UNSET
    filename: str | UnsetType = UNSET
    prompt_cache_breakpoint: PromptCacheBreakpoint | UnsetType = UNSET


class PromptTemplate(Wire, frozen=True, kw_only=True):
    """A prompt that the operator keeps, by id."""

    id: str
    version: str | UnsetType | None = UNSET
    variables: dict[str, str | PromptText | PromptImage | PromptFile] | UnsetType | None = UNSET


class Reasoning(Wire, frozen=True, kw_only=True):
    """How long the model may think."""

    effort: Literal["minimal", "low", "medium", "high", "xhigh"] | UnsetType = UNSET


class RealtimeSessionUpdate(Tagged, frozen=True, kw_only=True, tag="realtime"):
    """What `session.update` may change in a realtime session."""

    model: str | UnsetType = UNSET
    output_modalities: tuple[Modality, ...] | UnsetType = UNSET
    instructions: str | UnsetType = UNSET
    tools: tuple[Tool, ...] | UnsetType = UNSET
    tool_choice: ToolChoice | UnsetType = UNSET
    max_output_tokens: MaxOutputTokens | UnsetType = UNSET
    tracing: Tracing | UnsetType = UNSET
    truncation: Truncation | UnsetType = UNSET
    prompt: PromptTemplate | UnsetType | None = UNSET
    reasoning: Reasoning | UnsetType = UNSET
    parallel_tool_calls: bool | UnsetType = UNSET
    audio: Audio | UnsetType = UNSET
    include: tuple[Include, ...] | UnsetType | None = UNSET


class RealtimeSession(RealtimeSessionUpdate, frozen=True, kw_only=True, tag="realtime"):
    """A realtime session as `session.created` and `session.updated` show it."""

    object: Literal["realtime.session"] = "realtime.session"
    id: str
    expires_at: int
    """Unix seconds; the session ends then."""


class TranscriptionSessionUpdate(Tagged, frozen=True, kw_only=True, tag="transcription"):
    """What `session.update` may change in a transcription session."""

    audio: TranscriptionAudio | UnsetType = UNSET
    include: tuple[Include, ...] | UnsetType | None = UNSET


class TranscriptionSession(TranscriptionSessionUpdate, frozen=True, kw_only=True, tag="transcription"):
    """A transcription session as the server shows it."""

    object: Literal["realtime.transcription_session"] = "realtime.transcription_session"
    id: str
    expires_at: int


SessionUpdateBody: TypeAlias = RealtimeSessionUpdate | TranscriptionSessionUpdate
SessionBody: TypeAlias = RealtimeSession | TranscriptionSession
