"""Calls that a model makes: their arguments as they are written and, of MCP calls, all until the tool has answered.

An MCP call outlives its response, as with the provider: the response ends when the model has, and what the tool gave
is told after that. So a client that asks for the next response as soon as a call is done is never refused.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from msgspec import structs

from antiphon.ports import ToolServer
from antiphon.protocol.items import (
    FunctionCall,
    ItemStatus,
    McpApprovalResponse,
    McpCall,
    McpError,
    McpToolExecutionError,
)
from antiphon.protocol.server_events import (
    ConversationItemDone,
    ResponseFunctionCallArgumentsDelta,
    ResponseFunctionCallArgumentsDone,
    ResponseMcpCallArgumentsDelta,
    ResponseMcpCallArgumentsDone,
    ResponseMcpCallCompleted,
    ResponseMcpCallFailed,
    ResponseMcpCallInProgress,
    ResponseOutputItemDone,
    ServerEvent,
)
from antiphon.session.conversation import Conversation, Entry
from antiphon.session.effects import CallTool, Effect, Send
from antiphon.session.inputs import Called
from antiphon.session.tools import Route

MAX_OPEN_CALLS = 64
"""MCP calls that run or wait for approval. One more takes the place of the one that has waited longest; where all of
them run, it fails."""

CANCELLED = "The call was cancelled."
CUT_SHORT = "The call was cut short before it was complete."
NOT_AN_OBJECT = "The arguments of the call are not a JSON object."
NOT_APPROVED = "The call was not approved."
NOT_APPROVED_IN_TIME = "The call was not approved in time."
TOO_MANY = "Too many calls are running."


@dataclass(slots=True)
class OpenCall:
    """The call that the model is making."""

    id: str
    index: int
    call_id: str
    name: str
    number: int
    """The engine's number of the call."""
    route: Route | None = None
    """Where it goes; None: to the client."""
    arguments: str = ""
    entry: Entry = field(init=False)
    """Its item."""

    def __post_init__(self) -> None:
        self.entry = Entry(self.item("in_progress") if self.route is None else self.mcp_item(self.route))

    def item(self, status: ItemStatus) -> FunctionCall:
        """The call of a function as an item."""
        return FunctionCall(id=self.id, status=status, call_id=self.call_id, name=self.name, arguments=self.arguments)

    def mcp_item(self, route: Route) -> McpCall:
        """The call of an MCP tool as an item."""
        return McpCall(
            id=self.id,
            server_label=route.server.server_label,
            name=route.tool.name,
            arguments=self.arguments,
            approval_request_id=None,  # null and not absent: clients read them in every `mcp_call`
            output=None,
            error=None,
        )

    def more(self, response_id: str, piece: str) -> ServerEvent:
        """The event of some more of the arguments."""
        if self.route is not None:
            return ResponseMcpCallArgumentsDelta(
                response_id=response_id,
                item_id=self.id,
                output_index=self.index,
                delta=piece,
                obfuscation="",  # the agents SDK for JavaScript takes no such event without it
            )
        return ResponseFunctionCallArgumentsDelta(
            response_id=response_id, item_id=self.id, output_index=self.index, call_id=self.call_id, delta=piece
        )

    def whole(self, response_id: str) -> ServerEvent:
        """The event of all arguments."""
        if self.route is not None:
            return ResponseMcpCallArgumentsDone(
                response_id=response_id, item_id=self.id, output_index=self.index, arguments=self.arguments
            )
        return ResponseFunctionCallArgumentsDone(
            response_id=response_id,
            item_id=self.id,
            output_index=self.index,
            call_id=self.call_id,
            name=self.name,
            arguments=self.arguments,
        )


@dataclass(slots=True)
class Call:
    """An MCP call that the model has made."""

    entry: Entry
    item: McpCall
    response_id: str
    index: int
    server: ToolServer
    in_conversation: bool
    request_id: str | None = None
    """The approval that it waits for."""
    outcome: Called | None = None
    """What the tool gave, held back until the response has ended."""


class Calls:
    """The MCP calls of a session that have not ended."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._open: dict[str, Call] = {}
        self._ended: list[str] = []

    def begin(self, call: Call, *, is_whole: bool) -> Iterator[Effect]:
        """The model has made a call; it runs now, or waits for its approval."""
        yield from self._make_room()
        if not is_whole:
            yield from self._end(call, Called(call.item.id, error=_failed(CUT_SHORT)))
        elif not is_object(call.item.arguments):
            yield from self._end(call, Called(call.item.id, error=_failed(NOT_AN_OBJECT)))
        elif len(self._open) >= MAX_OPEN_CALLS:
            yield from self._end(call, Called(call.item.id, error=_failed(TOO_MANY)))
        else:
            self._open[call.item.id] = call
            if call.request_id is None:
                yield from self._run(call)

    def _make_room(self) -> Iterator[Effect]:
        waiting = [call for call in self._open.values() if call.request_id is not None]
        if waiting and len(self._open) >= MAX_OPEN_CALLS:
            yield from self._end(waiting[0], Called(waiting[0].item.id, error=_failed(NOT_APPROVED_IN_TIME)))

    def _run(self, call: Call) -> Iterator[Effect]:
        yield Send(ResponseMcpCallInProgress(output_index=call.index, item_id=call.item.id))
        yield CallTool(call.response_id, call.item.id, call.server, call.item.name, call.item.arguments)

    def awaits(self, request_id: str) -> bool:
        """Whether a call waits for this approval."""
        return any(call.request_id == request_id for call in self._open.values())

    def decide(self, verdict: McpApprovalResponse) -> Iterator[Effect]:
        """The client has approved a call, or has not."""
        call = next(one for one in self._open.values() if one.request_id == verdict.approval_request_id)
        call.item = structs.replace(call.item, approval_request_id=call.request_id)
        call.request_id = None
        if verdict.approve:
            yield from self._run(call)
        else:
            why = f"{NOT_APPROVED} {verdict.reason}" if verdict.reason else NOT_APPROVED
            yield from self._end(call, Called(call.item.id, error=_failed(why)))

    def called(self, news: Called, *, is_held: bool) -> Iterator[Effect]:
        """The tool has answered; `is_held` while the call's response goes on."""
        call = self._open.get(news.item_id)
        if call is None:
            return
        if is_held:
            call.outcome = news
        else:
            yield from self._end(call, news)

    def response_of(self, item_id: str) -> str | None:
        """The response that has made a call which has not ended."""
        call = self._open.get(item_id)
        return None if call is None else call.response_id

    def release(self, response_id: str) -> Iterator[Effect]:
        """The response has ended: tell what its tools have given meanwhile."""
        for call in self._of(response_id):
            if call.outcome is not None:
                yield from self._end(call, call.outcome)

    def stop(self, response_id: str) -> Iterator[Effect]:
        """The response is broken off, and with it the calls that run. Those that wait may still be approved."""
        for call in self._of(response_id):
            if call.request_id is None:
                yield from self._end(call, call.outcome or Called(call.item.id, error=_failed(CANCELLED)))

    def is_running(self, response_id: str | None = None) -> bool:
        """Whether a tool works, for this response or any."""
        return any(call.request_id is None and response_id in (None, call.response_id) for call in self._open.values())

    def running(self, entries: Sequence[Entry]) -> set[str]:
        """The calls among these items whose tools work."""
        calls = (self._open.get(entry.id) for entry in entries)
        return {call.item.id for call in calls if call is not None and call.request_id is None}

    def take_ended(self) -> list[str]:
        """The calls that have ended since this was last asked."""
        ended, self._ended = self._ended, []
        return ended

    def open_of(self, response_id: str) -> set[str]:
        """The calls of a response that have not ended."""
        return {call.item.id for call in self._of(response_id)}

    def _of(self, response_id: str) -> list[Call]:
        return [call for call in self._open.values() if call.response_id == response_id]

    def _end(self, call: Call, news: Called) -> Iterator[Effect]:
        self._open.pop(call.item.id, None)
        self._ended.append(call.item.id)
        output = news.output if news.error is None else None
        item = structs.replace(call.item, output=output, error=news.error)
        call.entry.finish(item)
        kind = ResponseMcpCallCompleted if news.error is None else ResponseMcpCallFailed
        yield Send(kind(output_index=call.index, item_id=item.id))
        if call.in_conversation:
            yield Send(ConversationItemDone(previous_item_id=self._conversation.previous_of(item.id), item=item))
        yield Send(ResponseOutputItemDone(response_id=call.response_id, output_index=call.index, item=item))


def is_object(arguments: str) -> bool:
    """Whether a model's arguments are what a tool can be given."""
    try:
        return isinstance(json.loads(arguments), dict)
    except (ValueError, RecursionError):
        return False


def _failed(message: str) -> McpError:
    return McpToolExecutionError(message=message)
