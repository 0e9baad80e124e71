"""What a preview client may send: all that a beta client may, and what the first public version had beside it."""

from typing import Annotated, Literal, TypeAlias

from antiphon.dialects.beta_shapes import (
    ContentPart,
    ConversationItemCreate,
    Item,
    MessageFields,
    NamedChoice,
    Plain,
    ResponseFields,
    SessionFields,
    TranscriptionSessionUpdate,
)
from antiphon.protocol.client_events import ClientEventBase
from antiphon.protocol.items import FunctionCall, FunctionCallOutput, ItemReference
from antiphon.protocol.session import SemanticVad
from antiphon.protocol.wire import UNSET, Meta, Ms, Ratio, Tagged, UnsetType, Wire

DURATION = r"^(PT[0-9]{1,5}(\.[0-9]{1,9})?S|[0-9]{1,8}(ms)?)$"
"""A time as text: `200ms`, `200` or, by ISO 8601, `PT0.2S`."""

Duration: TypeAlias = Annotated[str, Meta(pattern=DURATION)]


class ServerVad(Tagged, frozen=True, kw_only=True, tag="server_vad"):
    """End a turn after a length of silence. The schema has times as text, the clients of the day sent numbers."""

    threshold: Ratio | UnsetType = UNSET
    prefix_padding_ms: Ms | Duration | UnsetType = UNSET
    silence_duration_ms: Ms | Duration | UnsetType = UNSET
    create_response: bool | UnsetType = UNSET
    interrupt_response: bool | UnsetType = UNSET


class NoTurnDetection(Tagged, frozen=True, kw_only=True, tag="none"):
    """The client says when its turn ends; later versions say `null`."""


TurnDetection: TypeAlias = ServerVad | SemanticVad | NoTurnDetection


class FunctionName(Wire, frozen=True, kw_only=True):
    """A function by its name."""

    name: str


class ToolChoiceFunction(Tagged, frozen=True, kw_only=True, tag="function"):
    """Call this function: as the schema nests it, as the client library of the day did, or as beta has it."""

    function: FunctionName | str | UnsetType = UNSET
    name: str | UnsetType = UNSET


class Session(SessionFields, frozen=True, kw_only=True):
    """`session` of `session.update`."""

    turn_detection: TurnDetection | UnsetType | None = UNSET
    tool_choice: NamedChoice | ToolChoiceFunction | UnsetType = UNSET


class InputMessage(MessageFields, frozen=True, kw_only=True, tag="message"):
    """A message, or the `id` alone of one that the session has."""

    role: Literal["system", "user", "assistant"] | UnsetType = UNSET
    content: tuple[ContentPart, ...] | UnsetType = UNSET


InputItem: TypeAlias = InputMessage | FunctionCall | FunctionCallOutput | ItemReference


class Response(ResponseFields, frozen=True, kw_only=True):
    """`response` of `response.create`."""

    tool_choice: NamedChoice | ToolChoiceFunction | UnsetType = UNSET
    commit: bool = True
    """Whether the items that are made, and the appended ones, stay in the conversation."""
    cancel_previous: bool | UnsetType = UNSET
    """Stop the response that runs (the default), or begin when it has ended."""
    append_input_items: tuple[Item, ...] = ()
    input_items: tuple[InputItem, ...] | UnsetType = UNSET
    """The whole context, in place of the conversation."""


OWN_KEYS = ("commit", "cancel_previous", "append_input_items", "input_items")
"""Keys of a response by which a client shows that it is of preview."""


class SessionUpdate(ClientEventBase, frozen=True, kw_only=True, tag="session.update"):
    """Change the keys that are present."""

    session: Session


class ResponseCreate(ClientEventBase, frozen=True, kw_only=True, tag="response.create"):
    """Answer now, or when the running response has ended."""

    response: Response | UnsetType | None = UNSET


ClientEvent: TypeAlias = SessionUpdate | TranscriptionSessionUpdate | ConversationItemCreate | ResponseCreate | Plain
