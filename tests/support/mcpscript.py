"""The words of tests about MCP tools, beside those of `corescript`."""

from collections.abc import Iterable
from typing import Any

from corescript import Stage, new_session, play

from antiphon.protocol.client_events import ConversationItemCreate, SessionUpdate
from antiphon.protocol.items import McpApprovalResponse, McpHttpError, McpListedTool, McpToolExecutionError
from antiphon.protocol.session import FunctionTool, McpTool, RealtimeSessionUpdate
from antiphon.session.effects import CallTool, Effect, ListTools
from antiphon.session.inputs import Called, Listed

READS = McpListedTool(name="read", input_schema={"type": "object"}, annotations={"readOnlyHint": True})
WRITES = McpListedTool(name="write", input_schema={"type": "object"}, description="Write it down.")
BROKEN = McpHttpError(code=500, message="Internal Server Error")

FILES = McpTool(server_label="files", server_url="https://files.example.com/mcp", require_approval="never")
ASKING = McpTool(server_label="files", server_url="https://files.example.com/mcp")


def refusal(url: str) -> str | None:
    """All hosts below example.com may be used."""
    return None if ".example.com" in url else "Not this one."


def with_tools(*tools: McpTool | FunctionTool, **keys: Any) -> RealtimeSessionUpdate:
    """An update that brings tools; answers are written."""
    return RealtimeSessionUpdate(output_modalities=("text",), tools=tools, **keys)


def mcp_session(*tools: McpTool | FunctionTool, **settings: Any) -> Stage:
    """A session whose servers have been listed; their items are `item_1`, …."""
    session = new_session(tool_refusal=refusal, **settings)
    effects = play(session, SessionUpdate(session=with_tools(*tools)))
    play(session, (lists(effect) for effect in effects if isinstance(effect, ListTools)))
    return session


def lists(effect: ListTools | str, *tools: McpListedTool) -> Listed:
    """A server names its tools: those of `FILES` unless others are given."""
    return Listed(effect if isinstance(effect, str) else effect.item_id, tools or (READS, WRITES))


def gives(item_id: str, output: str) -> Called:
    """A tool answers."""
    return Called(item_id, output)


def fails(item_id: str, message: str) -> Called:
    """A tool fails."""
    return Called(item_id, error=McpToolExecutionError(message=message))


def verdict(request_id: str, *, approve: bool, **keys: Any) -> ConversationItemCreate:
    """The client approves a call, or does not."""
    return ConversationItemCreate(item=McpApprovalResponse(approval_request_id=request_id, approve=approve, **keys))


def called(effects: Iterable[Effect]) -> list[str]:
    """The tools that are called, with the items of their calls."""
    return [f"{effect.name} {effect.item_id}" for effect in effects if isinstance(effect, CallTool)]
