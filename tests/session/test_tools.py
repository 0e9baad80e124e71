"""Which tools a client may bring, and what becomes of them for the model."""

from typing import Any

import pytest
from msgspec import structs

from antiphon.ports import ToolServer
from antiphon.protocol.items import (
    McpApprovalRequest,
    McpApprovalResponse,
    McpCall,
    McpHttpError,
    McpListedTool,
    McpListTools,
    McpProtocolError,
    McpToolExecutionError,
    Message,
)
from antiphon.protocol.session import (
    ApprovalFilter,
    FunctionTool,
    McpTool,
    ToolChoiceFunction,
    ToolChoiceMcp,
    ToolFilter,
)
from antiphon.session import tools as module
from antiphon.session.tools import (
    NO_TOOLBOX,
    choice_error,
    in_short,
    is_allowed,
    needs_approval,
    offer_of,
    server_of,
    tools_error,
)

URL = "https://example.com/mcp"
ADD = McpListedTool(name="add", input_schema={"type": "object"}, annotations={"readOnlyHint": True})


def server(label: str = "s", **keys: Any) -> McpTool:
    return McpTool(server_label=label, **({"server_url": URL} | keys))


def refusal(url: str) -> str | None:
    return None if url == URL else "Not there."


@pytest.mark.parametrize(
    ("tools", "param", "code", "message"),
    [
        ([FunctionTool()], "tools[0].name", "missing_required_parameter", "Missing required parameter: "),
        ([server(server_url="https://evil.com")], "tools[0].server_url", "invalid_value", "Not there."),
        ([McpTool(server_label="s")], "tools[0].server_url", "missing_required_parameter", "Missing required"),
        (
            [server(connector_id="connector_gmail")],
            "tools[0].connector_id",
            "invalid_value",
            "This server reaches MCP servers by their 'server_url' only.",
        ),
        (
            [McpTool(server_label="s", tunnel_id="t")],
            "tools[0].tunnel_id",
            "invalid_value",
            "This server reaches MCP servers by their 'server_url' only.",
        ),
        ([server(headers={"X-A": "1", "HOST": "x"})], "tools[0].headers", "invalid_value", "The header 'HOST' cannot"),
        ([server(), FunctionTool(name="f"), server()], "tools[2].server_label", "invalid_value", "There are two"),
        (
            [server(str(number)) for number in range(module.MAX_MCP_SERVERS + 1)],
            "tools",
            "invalid_value",
            "There may be 16 MCP servers at most.",
        ),
    ],
)
def test_tools_that_cannot_be_had(tools: list[Any], param: str, code: str, message: str) -> None:
    """Each with its place and its reason."""
    error = tools_error(tools, "session", refusal)

    assert error is not None
    assert (error.code, error.param) == (code, f"session.{param}")
    assert error.message.startswith(message)


def test_without_a_tool_box_there_are_no_mcp_tools() -> None:
    """Functions are the client's business."""
    error = tools_error([FunctionTool(name="f"), server()], "response", None)

    assert error is not None
    assert (error.param, error.message) == ("response.tools[1]", NO_TOOLBOX)
    assert tools_error([FunctionTool(name="f")], "response", None) is None


def test_tools_that_can_be_had() -> None:
    """Headers of the client's own are no harm."""
    assert tools_error([server(headers={"X-Key": "1"}), server("t", headers=None)], "session", refusal) is None


@pytest.mark.parametrize(
    ("error", "short"),
    [
        (McpHttpError(code=401, message="Bearer secret"), "http_error 401"),
        (McpProtocolError(code=-32000, message="secret"), "protocol_error -32000"),
        (McpToolExecutionError(message="secret"), "tool_execution_error"),
    ],
)
def test_an_error_for_the_operator(error: Any, short: str) -> None:
    """Its kind and code; no word of the server's."""
    assert in_short(error) == short


def test_a_choice_needs_its_server() -> None:
    """By its label; anything else is not our business here."""
    choice = ToolChoiceMcp(server_label="t")

    error = choice_error(choice, [FunctionTool(name="t"), server()], "session")
    assert error is not None
    assert (error.param, error.message) == (
        "session.tool_choice.server_label",
        "There is no MCP server 't' among the tools.",
    )
    assert choice_error(choice, [server("t")], "session") is None
    assert choice_error("auto", [], "session") is None


def test_what_a_server_is_shown() -> None:
    """Its token and headers, where there are any."""
    assert server_of(server()) == ToolServer("s", URL)
    assert server_of(server(authorization="t", headers={"a": "b"})) == ToolServer("s", URL, "t", {"a": "b"})


@pytest.mark.parametrize(
    ("allowed", "expected"),
    [(None, True), ((), False), (("add",), True), (ToolFilter(tool_names=("sub",)), False), (ToolFilter(), True)],
)
def test_what_is_allowed(*, allowed: Any, expected: bool) -> None:
    """No word allows all; an empty list allows nothing."""
    assert is_allowed(ADD, server(allowed_tools=allowed)) is expected
    assert is_allowed(ADD, server())


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (None, True),
        ("always", True),
        ("never", False),
        (ApprovalFilter(), True),
        (ApprovalFilter(never=ToolFilter(read_only=True)), False),
        (ApprovalFilter(never=ToolFilter(read_only=False)), True),
    ],
)
def test_what_needs_approval(*, rule: Any, expected: bool) -> None:
    """Everything that the client has not set free; hints that are none of our kind do not count."""
    assert needs_approval(ADD, server(require_approval=rule)) is expected
    assert needs_approval(McpListedTool(name="add", input_schema={}, annotations=[1]), server())


@pytest.mark.parametrize(
    ("choice", "expected", "names"),
    [
        ("auto", "auto", ["f", "add"]),
        (ToolChoiceMcp(server_label="s"), "required", ["add"]),
        (ToolChoiceMcp(server_label="s", name="add"), ToolChoiceFunction(name="add"), ["f", "add"]),
        (ToolChoiceMcp(server_label="t"), "auto", ["f", "add"]),
    ],
)
def test_what_the_model_is_offered(choice: Any, expected: Any, names: list[str]) -> None:
    """Functions, and tools of servers that have named them."""
    offer = offer_of([server("quiet"), server(), FunctionTool(name="f")], choice, listed)

    assert offer.choice == expected
    assert [tool.name for tool in offer.tools] == names
    assert list(offer.routes) == ["add"]


def listed(tool: McpTool) -> tuple[McpListedTool, ...]:
    return (ADD,) if tool.server_label == "s" else ()


def test_the_model_sees_calls_by_its_own_names() -> None:
    """And neither lists nor approvals; what is not offered any more keeps its name."""
    offer = offer_of([server(), FunctionTool(name="add")], "auto", listed)
    call = McpCall(id="1", server_label="s", name="add", arguments="{}")
    old = McpCall(id="2", server_label="gone", name="add", arguments="{}")
    said = Message(role="user", content=())
    beside = (
        McpListTools(server_label="s", tools=()),
        McpApprovalRequest(id="3", server_label="s", name="add", arguments="{}"),
        McpApprovalResponse(approval_request_id="3", approve=True),
    )

    assert offer.shown((said, call, *beside, old)) == (said, structs.replace(call, name="s_add"), old)


def test_every_name_is_free() -> None:
    """Numbers at last, and never more letters than a chat model takes."""
    label = "x" * 80
    odd = tuple(McpListedTool(name=name, input_schema={}) for name in ("a.b", "a/b", "a b", ""))

    offer = offer_of([server(label)], "auto", lambda _: odd)
    assert list(offer.routes) == ["a_b", "x" * 64, f"{'x' * 62}_2", "_"]
