"""What a beta client may send, where GA says it otherwise: the flat session, items, responses and their events.

Everything else a beta client sends looks as in GA, and GA's own structs stand for it.
"""

from typing import Annotated, Literal, TypeAlias

from antiphon.protocol.client_events import (
    ClientEventBase,
    ConversationItemDelete,
    ConversationItemRetrieve,
    ConversationItemTruncate,
    InputAudioBufferAppend,
    InputAudioBufferClear,
    InputAudioBufferCommit,
    OutputAudioBufferClear,
    ResponseCancel,
)
from antiphon.protocol.items import (
    FunctionCall,
    FunctionCallOutput,
    InputAudio,
    InputText,
    ItemId,
    ItemObject,
    ItemReference,
    ItemStatus,
)
from antiphon.protocol.response import Metadata
from antiphon.protocol.session import (
    MAX_SPEED,
    MIN_SPEED,
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
from antiphon.protocol.wire import UNSET, Json, Meta, Tagged, UnsetType, Wire

MIN_TEMPERATURE, MAX_TEMPERATURE = 0.6, 1.2

AudioFormat: TypeAlias = Literal["pcm16", "g711_ulaw", "g711_alaw"]
Temperature: TypeAlias = Annotated[float, Meta(ge=MIN_TEMPERATURE, le=MAX_TEMPERATURE)]
NamedChoice: TypeAlias = Literal["auto", "none", "required"]


# Sessions


class Transcription(Wire, frozen=True, kw_only=True):
    """How the input audio is put into words for the client."""

    model: str | UnsetType = UNSET
    language: str | UnsetType | None = UNSET
    prompt: str | UnsetType | None = UNSET


class NoiseReduction(Wire, frozen=True, kw_only=True):
    """How the input audio is cleaned; beta knows no strength."""

    type: Literal["near_field", "far_field"] | UnsetType = UNSET


class Hearing(Wire, frozen=True, kw_only=True):
    """What both kinds of session may set."""

    modalities: tuple[Modality, ...] | UnsetType = UNSET
    input_audio_format: AudioFormat | UnsetType = UNSET
    input_audio_transcription: Transcription | UnsetType | None = UNSET
    input_audio_noise_reduction: NoiseReduction | UnsetType | None = UNSET
    include: tuple[Include, ...] | UnsetType | None = UNSET
    client_secret: Json | UnsetType = UNSET
    """Means something over REST alone; taken and not used."""


class SessionFields(Hearing, frozen=True, kw_only=True):
    """What beta and preview sessions share."""

    model: str | UnsetType = UNSET
    instructions: str | UnsetType = UNSET
    voice: str | UnsetType = UNSET
    output_audio_format: AudioFormat | UnsetType = UNSET
    tools: tuple[FunctionTool, ...] | UnsetType = UNSET
    temperature: Temperature | UnsetType = UNSET
    max_response_output_tokens: MaxOutputTokens | UnsetType = UNSET
    speed: Annotated[float, Meta(ge=MIN_SPEED, le=MAX_SPEED)] | UnsetType = UNSET
    tracing: Tracing | UnsetType = UNSET
    prompt: PromptTemplate | UnsetType | None = UNSET


class Session(SessionFields, frozen=True, kw_only=True):
    """`session` of `session.update`."""

    turn_detection: ServerVad | SemanticVad | UnsetType | None = UNSET
    tool_choice: NamedChoice | ToolChoiceFunction | UnsetType = UNSET


class TranscriptionSession(Hearing, frozen=True, kw_only=True):
    """`session` of `transcription_session.update`."""

    turn_detection: ServerVad | SemanticVad | UnsetType | None = UNSET


# Items


class Text(Tagged, frozen=True, kw_only=True, tag="text"):
    """Text of an answer; GA's `output_text`."""

    text: str


class Audio(Tagged, frozen=True, kw_only=True, tag="audio"):
    """Speech of an answer; GA's `output_audio`."""

    audio: bytes | UnsetType = UNSET
    transcript: str | UnsetType | None = UNSET


ContentPart: TypeAlias = InputText | InputAudio | Text | Audio


class MessageFields(Tagged, frozen=True, kw_only=True, tag="message"):
    """What every message has, whatever may be its content."""

    id: ItemId | UnsetType = UNSET
    object: ItemObject | UnsetType = UNSET
    status: ItemStatus | UnsetType = UNSET


class Message(MessageFields, frozen=True, kw_only=True, tag="message"):
    """What the system, the caller or the answerer said."""

    role: Literal["system", "user", "assistant"]
    content: tuple[ContentPart, ...]


class InputMessage(MessageFields, frozen=True, kw_only=True, tag="message"):
    """A message in the `input` of a response; its parts may be items of the session by their ids."""

    role: Literal["system", "user", "assistant"]
    content: tuple[ContentPart | ItemReference, ...]


Item: TypeAlias = Message | FunctionCall | FunctionCallOutput
InputItem: TypeAlias = InputMessage | FunctionCall | FunctionCallOutput | ItemReference


# Responses


class ResponseFields(Wire, frozen=True, kw_only=True):
    """What `response.create` of beta and of preview share."""

    conversation: Literal["auto", "none"] | UnsetType = UNSET
    input: tuple[InputItem, ...] | UnsetType = UNSET
    instructions: str | UnsetType | None = UNSET
    modalities: tuple[Modality, ...] | UnsetType = UNSET
    voice: str | UnsetType = UNSET
    output_audio_format: AudioFormat | UnsetType = UNSET
    tools: tuple[FunctionTool, ...] | UnsetType = UNSET
    temperature: Temperature | UnsetType = UNSET
    max_response_output_tokens: MaxOutputTokens | UnsetType = UNSET
    max_output_tokens: MaxOutputTokens | UnsetType | None = UNSET
    metadata: Metadata | UnsetType | None = UNSET


class Response(ResponseFields, frozen=True, kw_only=True):
    """`response` of `response.create`."""

    tool_choice: NamedChoice | ToolChoiceFunction | UnsetType = UNSET


# Events


class SessionUpdate(ClientEventBase, frozen=True, kw_only=True, tag="session.update"):
    """Change the keys that are present; answered by `session.updated`."""

    session: Session


class TranscriptionSessionUpdate(ClientEventBase, frozen=True, kw_only=True, tag="transcription_session.update"):
    """The same for a session that only transcribes; answered by `transcription_session.updated`."""

    session: TranscriptionSession


class ConversationItemCreate(ClientEventBase, frozen=True, kw_only=True, tag="conversation.item.create"):
    """Add an item; answered by `conversation.item.created`."""

    item: Item
    previous_item_id: str | UnsetType | None = UNSET


class ResponseCreate(ClientEventBase, frozen=True, kw_only=True, tag="response.create"):
    """Answer now."""

    response: Response | UnsetType | None = UNSET


Plain: TypeAlias = (
    InputAudioBufferAppend
    | InputAudioBufferCommit
    | InputAudioBufferClear
    | OutputAudioBufferClear
    | ConversationItemTruncate
    | ConversationItemDelete
    | ConversationItemRetrieve
    | ResponseCancel
)
"""Events that GA has not changed."""

ClientEvent: TypeAlias = SessionUpdate | TranscriptionSessionUpdate | ConversationItemCreate | ResponseCreate | Plain
