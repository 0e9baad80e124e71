"""Items of a conversation and their content parts; the same structs in both directions.

What a client must send in which role is checked by the core (`antiphon.session.conversation`), since it
depends on more than one field.
"""

from typing import Annotated, Literal, TypeAlias

from antiphon.protocol.wire import UNSET, Json, Meta, Tagged, UnsetType, Wire

MAX_ITEM_ID_LENGTH = 32

ItemId: TypeAlias = Annotated[str, Meta(max_length=MAX_ITEM_ID_LENGTH)]
CallId: TypeAlias = Annotated[str, Meta(pattern="^[a-zA-Z0-9_-]+$")]
ItemStatus: TypeAlias = Literal["in_progress", "completed", "incomplete"]
ItemObject: TypeAlias = Literal["realtime.item"]


class InputText(Tagged, frozen=True, kw_only=True, tag="input_text"):
    """Text from the system or the caller."""

    text: str


class InputAudio(Tagged, frozen=True, kw_only=True, tag="input_audio"):
    """Speech from the caller. `audio` travels only in `create` and `retrieved`."""

    audio: bytes | UnsetType = UNSET
    transcript: str | UnsetType | None = UNSET


class InputImage(Tagged, frozen=True, kw_only=True, tag="input_image"):
    """A picture from the caller, as a data URI."""

    image_url: str
    detail: Literal["auto", "low", "high"] | UnsetType = UNSET


class OutputText(Tagged, frozen=True, kw_only=True, tag="output_text"):
    """Text of an answer."""

    text: str


class OutputAudio(Tagged, frozen=True, kw_only=True, tag="output_audio"):
    """Speech of an answer. `audio` travels only in `retrieved`."""

    audio: bytes | UnsetType = UNSET
    transcript: str | UnsetType | None = UNSET


ContentPart: TypeAlias = InputText | InputAudio | InputImage | OutputText | OutputAudio


class Message(Tagged, frozen=True, kw_only=True, tag="message"):
    """What the system, the caller or the answerer said."""

    id: ItemId | UnsetType = UNSET
    object: ItemObject | UnsetType = UNSET
    status: ItemStatus | UnsetType = UNSET
    role: Literal["system", "user", "assistant"]
    content: tuple[ContentPart, ...]


class FunctionCall(Tagged, frozen=True, kw_only=True, tag="function_call"):
    """The model's wish to have a function run by the client."""

    id: ItemId | UnsetType = UNSET
    object: ItemObject | UnsetType = UNSET
    status: ItemStatus | UnsetType = UNSET
    call_id: CallId | UnsetType = UNSET
    name: str
    arguments: str
    """A JSON object, as text."""


class FunctionCallOutput(Tagged, frozen=True, kw_only=True, tag="function_call_output"):
    """What the function gave."""

    id: ItemId | UnsetType = UNSET
    object: ItemObject | UnsetType = UNSET
    status: ItemStatus | UnsetType = UNSET
    call_id: CallId
    output: str


class McpListedTool(Wire, frozen=True, kw_only=True):
    """One tool that an MCP server offers."""

    name: str
    input_schema: Json
    description: str | UnsetType | None = UNSET
    annotations: Json | UnsetType | None = UNSET


class McpListTools(Tagged, frozen=True, kw_only=True, tag="mcp_list_tools"):
    """The tools that an MCP server offers."""

    id: ItemId | UnsetType = UNSET
    server_label: str
    tools: tuple[McpListedTool, ...]


class McpProtocolError(Tagged, frozen=True, kw_only=True, tag="protocol_error"):
    """The MCP server broke its protocol."""

    code: int
    message: str


class McpHttpError(Tagged, frozen=True, kw_only=True, tag="http_error"):
    """The MCP server answered with an HTTP error."""

    code: int
    message: str


class McpToolExecutionError(Tagged, frozen=True, kw_only=True, tag="tool_execution_error"):
    """The tool ran and failed."""

    message: str


McpError: TypeAlias = McpProtocolError | McpHttpError | McpToolExecutionError


class McpCall(Tagged, frozen=True, kw_only=True, tag="mcp_call"):
    """A call of an MCP tool, run by us."""

    id: ItemId
    server_label: str
    name: str
    arguments: str
    approval_request_id: str | UnsetType | None = UNSET
    output: str | UnsetType | None = UNSET
    error: McpError | UnsetType | None = UNSET


class McpApprovalRequest(Tagged, frozen=True, kw_only=True, tag="mcp_approval_request"):
    """May this MCP tool be called?"""

    id: ItemId
    server_label: str
    name: str
    arguments: str


class McpApprovalResponse(Tagged, frozen=True, kw_only=True, tag="mcp_approval_response"):
    """The client's verdict on an approval request. Most clients do not name it, although the SDK's types ask for it."""

    id: ItemId | UnsetType = UNSET
    approval_request_id: str
    approve: bool
    reason: str | UnsetType | None = UNSET


class ItemReference(Tagged, frozen=True, kw_only=True, tag="item_reference"):
    """An item of the session by its id; only in the `input` of a response."""

    id: str


Item: TypeAlias = (
    Message | FunctionCall | FunctionCallOutput | McpListTools | McpCall | McpApprovalRequest | McpApprovalResponse
)
InputItem: TypeAlias = Item | ItemReference
