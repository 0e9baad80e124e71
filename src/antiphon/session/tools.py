"""What the model may call: the client's functions, and the tools of MCP servers as functions beside them.

The client is shown a tool by its server's label and its own name. The model knows functions only, so each tool gets
a name that no other has; the `Offer` of a response remembers which is which.
"""

import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

from msgspec import structs

from antiphon.ports import ToolServer
from antiphon.protocol import errors
from antiphon.protocol.errors import ErrorDetail
from antiphon.protocol.items import (
    Item,
    McpApprovalRequest,
    McpApprovalResponse,
    McpCall,
    McpError,
    McpListedTool,
    McpListTools,
    McpToolExecutionError,
)
from antiphon.protocol.session import (
    ApprovalFilter,
    FunctionTool,
    McpTool,
    Tool,
    ToolChoice,
    ToolChoiceFunction,
    ToolChoiceMcp,
    ToolFilter,
)
from antiphon.protocol.wire import UNSET

MAX_MCP_SERVERS = 16
"""In one list of tools: each is a connection of ours, and its tools are read by the model before every answer."""

MAX_NAME_LENGTH = 64
"""Of a function's name, as chat models and endpoints take it."""

OUR_HEADERS = frozenset(
    {"host", "content-length", "content-type", "transfer-encoding", "connection", "upgrade", "te", "trailer", "accept"}
)
"""Headers that say where a request goes and where it ends; a client's own would undo what the operator allowed."""

NO_TOOLBOX = "This server does not call MCP tools."

Refusal: TypeAlias = Callable[[str], str | None]
"""Why an MCP server's URL may not be used; None when it may."""

Listed: TypeAlias = Callable[[McpTool], tuple[McpListedTool, ...]]
"""The tools of an MCP server, as far as they are known."""


# What a client may ask for


def tools_error(tools: Sequence[Tool], owner: str, refusal: Refusal | None) -> ErrorDetail | None:
    """Why these tools cannot be had. `refusal` is None where MCP tools are not called at all."""
    labels: list[str] = []
    for index, tool in enumerate(tools):
        path = f"{owner}.tools[{index}]"
        if isinstance(tool, FunctionTool):
            if tool.name is UNSET:
                return errors.missing_parameter(f"{path}.name")
            continue
        error = _server_error(tool, path, refusal)
        if error is not None:
            return error
        if tool.server_label in labels:
            return errors.not_allowed(f"{path}.server_label", f"There are two servers '{tool.server_label}'.")
        labels.append(tool.server_label)
    if len(labels) > MAX_MCP_SERVERS:
        return errors.not_allowed(f"{owner}.tools", f"There may be {MAX_MCP_SERVERS} MCP servers at most.")
    return None


def _server_error(tool: McpTool, path: str, refusal: Refusal | None) -> ErrorDetail | None:
    if refusal is None:
        return errors.not_allowed(path, NO_TOOLBOX)
    for key, value in (("connector_id", tool.connector_id), ("tunnel_id", tool.tunnel_id)):
        if value is not UNSET:
            return errors.not_allowed(f"{path}.{key}", "This server reaches MCP servers by their 'server_url' only.")
    if tool.server_url is UNSET:
        return errors.missing_parameter(f"{path}.server_url")
    why = refusal(tool.server_url)
    if why is not None:
        return errors.not_allowed(f"{path}.server_url", why)
    ours = [name for name in tool.headers or () if name.lower() in OUR_HEADERS]
    if ours:
        return errors.not_allowed(f"{path}.headers", f"The header '{ours[0]}' cannot be set.")
    return None


def choice_error(choice: ToolChoice, tools: Sequence[Tool], owner: str) -> ErrorDetail | None:
    """A choice of an MCP server that is not among the tools."""
    if not isinstance(choice, ToolChoiceMcp) or choice.server_label in (tool.server_label for tool in servers(tools)):
        return None
    why = f"There is no MCP server '{errors.clipped(choice.server_label)}' among the tools."
    return errors.not_allowed(f"{owner}.tool_choice.server_label", why)


def servers(tools: Sequence[Tool]) -> Iterator[McpTool]:
    """The MCP servers among the tools."""
    return (tool for tool in tools if isinstance(tool, McpTool))


def server_of(tool: McpTool) -> ToolServer:
    """Where the server is, and what it is shown."""
    return ToolServer(tool.server_label, tool.server_url or "", tool.authorization or None, tool.headers or {})


def in_short(error: McpError) -> str:
    """An error for the operator: what a server says may quote what it was shown, and that is secret."""
    kind = str(error.__struct_config__.tag)
    return kind if isinstance(error, McpToolExecutionError) else f"{kind} {error.code}"


# What an MCP server offers


def is_allowed(tool: McpListedTool, server: McpTool) -> bool:
    """Whether the client lets the model use this tool."""
    if isinstance(server.allowed_tools, ToolFilter):
        return _matches(tool, server.allowed_tools)
    return server.allowed_tools is UNSET or server.allowed_tools is None or tool.name in server.allowed_tools


def needs_approval(tool: McpListedTool, server: McpTool) -> bool:
    """Whether the client wants to be asked first: always, unless it says otherwise of this tool."""
    rule = server.require_approval
    if isinstance(rule, ApprovalFilter):
        return _is_named(tool, rule.always or ToolFilter()) or not _is_named(tool, rule.never or ToolFilter())
    return rule != "never"


def _is_named(tool: McpListedTool, rule: ToolFilter) -> bool:
    """As `_matches`, but a filter without conditions names nothing: approval is not given by leaving words out."""
    return rule != ToolFilter() and _matches(tool, rule)


def _matches(tool: McpListedTool, rule: ToolFilter) -> bool:
    if rule.tool_names is not UNSET and tool.name not in rule.tool_names:
        return False
    hints = tool.annotations if isinstance(tool.annotations, dict) else {}
    return rule.read_only is UNSET or rule.read_only == (hints.get("readOnlyHint") is True)


# What the model is given


@dataclass(frozen=True, slots=True)
class Route:
    """Where a call of the model goes."""

    server: McpTool
    tool: McpListedTool


@dataclass(frozen=True, slots=True)
class Offer:
    """What the model may call in one response."""

    tools: tuple[FunctionTool, ...] = ()
    choice: ToolChoice = "auto"
    routes: Mapping[str, Route] = field(default_factory=dict)
    """MCP tools by the names that the model knows."""

    def shown(self, items: Sequence[Item]) -> tuple[Item, ...]:
        """Items as the model should know them: calls by its own names, and nothing of lists and approvals."""
        names = {(route.server.server_label, route.tool.name): name for name, route in self.routes.items()}
        return tuple(
            structs.replace(item, name=names.get((item.server_label, item.name), item.name))
            if isinstance(item, McpCall)
            else item
            for item in items
            if not isinstance(item, McpListTools | McpApprovalRequest | McpApprovalResponse)
        )


def offer_of(tools: Sequence[Tool], choice: ToolChoice, listed: Listed) -> Offer:
    """What the model may call; the tools of a server that has not named any are not there."""
    functions = [tool for tool in tools if isinstance(tool, FunctionTool)]
    taken = {tool.name for tool in functions}
    routes: dict[str, Route] = {}
    for server in servers(tools):
        for tool in listed(server):
            name = next(name for name in _names(server.server_label, tool.name) if name not in taken)
            taken.add(name)
            routes[name] = Route(server, tool)
    functions += [_function(name, route.tool) for name, route in routes.items()]
    return _chosen(Offer(tuple(functions), choice, routes))


def _function(name: str, tool: McpListedTool) -> FunctionTool:
    return FunctionTool(name=name, description=tool.description or UNSET, parameters=tool.input_schema)


def _names(label: str, name: str) -> Iterator[str]:
    """Names to try: the tool's own, then with its server's, then numbered."""
    yield _clean(name)
    yield (longer := _clean(f"{label}_{name}"))
    yield from map(partial(_numbered, longer), itertools.count(2))


def _numbered(name: str, number: int) -> str:
    return f"{name[: MAX_NAME_LENGTH - len(str(number)) - 1]}_{number}"


def _clean(name: str) -> str:
    return re.sub(r"[^a-zA-Z0-9_-]", "_", name)[:MAX_NAME_LENGTH] or "_"


def _chosen(offer: Offer) -> Offer:
    """The choice of an MCP server in the model's terms. Where its tools are not known, the model is free."""
    choice = offer.choice
    if not isinstance(choice, ToolChoiceMcp):
        return offer
    named = [name for name, route in offer.routes.items() if _is_chosen(route, choice)]
    if not named:
        return Offer(offer.tools, "auto", offer.routes)
    if choice.name:
        return Offer(offer.tools, ToolChoiceFunction(name=named[0]), offer.routes)
    return Offer(tuple(tool for tool in offer.tools if tool.name in named), "required", offer.routes)


def _is_chosen(route: Route, choice: ToolChoiceMcp) -> bool:
    return route.server.server_label == choice.server_label and choice.name in (UNSET, None, route.tool.name)
