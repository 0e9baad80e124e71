"""Tools of MCP servers, through the official SDK: streamable HTTP first, then the older SSE.

A server is connected to for each use and let go after it: nothing has to be kept alive through a conversation, and
a call that is cancelled leaves nothing behind. How a server wants to be spoken to is remembered, so that the next use
asks for no more than it needs.

Only hosts that the operator allows are reached; redirects never lead elsewhere.
"""

import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import httpx2
import msgspec
from mcp import Client, MCPError
from mcp_types import (
    CONNECTION_CLOSED,
    HEADER_MISMATCH,
    INVALID_REQUEST,
    PARSE_ERROR,
    CallToolRequest,
    CallToolRequestParams,
    CallToolResult,
    ContentBlock,
    EmbeddedResource,
    Implementation,
    ResourceLink,
    TextContent,
    TextResourceContents,
    Tool,
)
from pydantic import ValidationError

from antiphon.engines.mcp_http import Line, host, sse, streamable
from antiphon.engines.registry import EngineSpec
from antiphon.ports import ToolError, ToolServer
from antiphon.protocol.errors import clipped
from antiphon.protocol.items import McpError, McpHttpError, McpListedTool, McpProtocolError, McpToolExecutionError
from antiphon.protocol.wire import UNSET

MAX_TOOLS = 128
"""Of one server: a model reads all of them before every answer."""
MAX_PAGES = 32
"""Of a list of tools, however short the pages are."""
MAX_OUTPUT_CHARS = 65_536
"""Of what a tool gives; about 16,000 tokens, more than most local models can hold."""
MAX_MESSAGE_CHARS = 1_024
"""Of what a server says went wrong."""
REMEMBERED_SERVERS = 256

AUTO, LEGACY, SSE = "auto", "legacy", "sse"
OLDER = frozenset({400, 404, 405})
"""What a server that knows only SSE answers to a POST."""

QUIET = ("mcp", "client")
"""The SDK's loggers: they quote what servers send."""

STAND_INS = ("Server returned an error response", "Not Found", "Session terminated")
"""What the SDK says where a server has answered with an HTTP error and nothing more."""

ME = Implementation(name="antiphon", version="1")

_Result = TypeVar("_Result")
_Work = Callable[[Client], Awaitable[_Result]]


class McpOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which servers may be used."""

    allowed_hosts: tuple[str, ...] = ()
    """`HOST`, `HOST:PORT`, or `*.DOMAIN` for all below a domain; `*` for any, which lets clients reach your network."""


def make(spec: EngineSpec) -> "McpToolBox":
    """The factory that the registry calls."""
    return McpToolBox(spec.text or spec.name, spec.read(McpOptions))


class McpToolBox:
    """The way to MCP servers."""

    def __init__(self, name: str = "mcp", options: McpOptions | None = None) -> None:
        """Raises `SetupError` for a host that cannot be read."""
        self.name = name
        self._hosts = tuple(host(text) for text in (options or McpOptions()).allowed_hosts)
        self._ways: OrderedDict[str, str] = OrderedDict()

    async def start(self) -> None:
        """Nothing is loaded; the SDK is told to keep what it sees to itself."""
        for name in QUIET:
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)

    async def stop(self) -> None:
        """Nothing is held."""

    def refusal(self, url: str) -> str | None:
        """As `ToolBox.refusal`."""
        try:
            where = httpx2.URL(url)
        except httpx2.InvalidURL:
            return "This is not a URL."
        if where.scheme not in ("http", "https") or not where.host:
            return "The URL of an MCP server begins with 'https://' or 'http://'."
        if where.userinfo:
            return "The URL must not hold a name or password; use 'authorization' instead."
        if not any(one.covers(where) for one in self._hosts):
            return f"The host '{clipped(where.host)}' is not among those that the operator of this server allows."
        return None

    async def list_tools(self, server: ToolServer) -> tuple[McpListedTool, ...]:
        """As `ToolBox.list_tools`; the first `MAX_TOOLS` of them."""
        return await self._use(server, _all_tools)

    async def call(self, server: ToolServer, name: str, arguments: str) -> str:
        """As `ToolBox.call`; the first `MAX_OUTPUT_CHARS` of the output."""
        given = _object(arguments)

        async def work(client: Client) -> CallToolResult:
            return await _called(client, name, given)

        result = await self._use(server, work)
        output = _text(result)
        if result.is_error:
            raise ToolError(McpToolExecutionError(message=clipped(output or "The tool failed.", MAX_MESSAGE_CHARS)))
        return output

    async def _use(self, server: ToolServer, work: _Work[_Result]) -> _Result:
        """Connect, work, and let go. Raises `ToolError`."""
        why = self.refusal(server.url)
        if why is not None:
            raise ToolError(McpProtocolError(code=INVALID_REQUEST, message=why))
        line = Line()
        try:
            return await self._by(self._ways.get(server.url, AUTO), server, line, work)
        except Exception as error:  # noqa: BLE001 -- whatever it is, it is told as what the server did
            problem = error
        knew_the_way = self._ways.pop(server.url, None) is not None
        if not knew_the_way and not line.is_open and line.status in OLDER:
            older = Line()
            try:
                return await self._by(SSE, server, older, work)
            except Exception as error:  # noqa: BLE001 -- as above
                line, problem = (older, error) if older.is_open else (line, problem)
        raise ToolError(error_of(problem, line)) from problem

    async def _by(self, way: str, server: ToolServer, line: Line, work: _Work[_Result]) -> _Result:
        transport = sse(server, line) if way == SSE else streamable(server, line)
        mode = LEGACY if way == SSE else way
        async with Client(transport, mode=mode, client_info=ME, cache=None) as client:
            line.is_open = True
            self._remember(server.url, SSE if way == SSE else _mode(client))
            return await work(client)

    def _remember(self, url: str, way: str) -> None:
        self._ways[url] = way
        self._ways.move_to_end(url)
        if len(self._ways) > REMEMBERED_SERVERS:
            self._ways.popitem(last=False)


def _mode(client: Client) -> str:
    """How to begin the next time: a newer server needs no greeting."""
    return LEGACY if client.session.initialize_result is not None else client.protocol_version


# What comes back


async def _all_tools(client: Client) -> tuple[McpListedTool, ...]:
    tools: list[Tool] = []
    cursor = None
    for _ in range(MAX_PAGES):
        page = await client.list_tools(cursor=cursor)
        tools += page.tools
        cursor = page.next_cursor
        if cursor is None or len(tools) >= MAX_TOOLS:
            break
    return tuple(_listed(tool) for tool in tools[:MAX_TOOLS])


def _listed(tool: Tool) -> McpListedTool:
    hints = tool.annotations
    return McpListedTool(
        name=tool.name,
        description=tool.description or tool.title,
        input_schema=tool.input_schema,
        annotations=UNSET if hints is None else hints.model_dump(mode="json", by_alias=True, exclude_none=True),
    )


async def _called(client: Client, name: str, arguments: dict[str, Any]) -> CallToolResult:
    """One message there and back; `Client.call_tool` would first list all tools to check the result against."""
    request = CallToolRequest(params=CallToolRequestParams(name=name, arguments=arguments))
    try:
        return await client.session.send_request(request, CallToolResult)
    except MCPError as error:
        if error.code != HEADER_MISMATCH:
            raise
    return await client.call_tool(name, arguments)  # some arguments go in headers, by the list of tools


def _object(arguments: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(arguments, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError) as error:
        message = "The arguments of the call are not a JSON object."
        raise ToolError(McpToolExecutionError(message=message)) from error


def _text(result: CallToolResult) -> str:
    """What a model can read of a result."""
    text = "\n".join(_words(block) for block in result.content)
    if not text and result.structured_content is not None:
        text = msgspec.json.encode(result.structured_content).decode()
    if len(text) <= MAX_OUTPUT_CHARS:
        return text
    return f"{text[:MAX_OUTPUT_CHARS]}\n(cut: {len(text)} characters in all)"


def _words(block: ContentBlock) -> str:
    match block:
        case TextContent():
            return block.text
        case EmbeddedResource(resource=TextResourceContents() as resource):
            return resource.text
        case ResourceLink():
            return f"({block.name}: {block.uri})"
        case EmbeddedResource():
            return f"({block.resource.mime_type or 'file'}: {block.resource.uri})"
        case _:
            return f"({block.mime_type})"


def error_of(problem: BaseException, line: Line) -> McpError:
    """What went wrong, as the wire says it."""
    if line.fault is not None:
        return McpProtocolError(code=PARSE_ERROR, message=line.fault)
    leaf = _leaf(problem)
    match leaf:
        case MCPError(message=message) if line.status >= 400 and message in STAND_INS:
            return McpHttpError(code=line.status, message=line.reason or "Error")
        case ToolError():
            return leaf.error
        case MCPError():
            return McpProtocolError(code=leaf.code, message=clipped(leaf.message, MAX_MESSAGE_CHARS))
        case httpx2.HTTPStatusError():
            return McpHttpError(code=leaf.response.status_code, message=leaf.response.reason_phrase or "Error")
        case httpx2.TransportError():
            return McpProtocolError(code=CONNECTION_CLOSED, message="The MCP server cannot be reached.")
        case ValidationError():
            return McpProtocolError(code=PARSE_ERROR, message="The MCP server sent something that is not MCP.")
        case _:
            raise problem


def _leaf(problem: BaseException) -> BaseException:
    """The first of the exceptions that a task group raises together."""
    while isinstance(problem, BaseExceptionGroup):
        problem = problem.exceptions[0]
    return problem
