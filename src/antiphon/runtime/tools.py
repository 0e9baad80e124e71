"""Tools of MCP servers: `ListTools` and `CallTool`, a task each, a few at a time."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from antiphon.owner import TaskOwner
from antiphon.ports import EngineError, ToolBox, ToolError
from antiphon.protocol.items import McpError, McpProtocolError
from antiphon.runtime.failures import failure_of
from antiphon.runtime.inbox import Put
from antiphon.session.effects import CallTool, ListTools
from antiphon.session.inputs import Called, Listed

MAX_AT_ONCE = 8
"""Of one session. What comes on top waits, and its time limit begins when it runs."""

TIMED_OUT, INTERNAL = -32001, -32603
"""Codes of JSON-RPC, which MCP speaks, for failures on our side."""

SERVER = "MCP server"
MISSING = "This server does not call MCP tools."

_Result = TypeVar("_Result")


class ToolCalls:
    """All that one session asks of MCP servers."""

    def __init__(self, toolbox: ToolBox | None, put: Put, tasks: TaskOwner, limit_s: float) -> None:
        """`limit_s` is how long a server may take for one answer."""
        self._toolbox = toolbox
        self._put = put
        self._tasks = tasks
        self._limit_s = limit_s
        self._room = asyncio.Semaphore(MAX_AT_ONCE)
        self._running: dict[str, set[asyncio.Task[None]]] = {}

    def list(self, effect: ListTools) -> None:
        """Ask a server for its tools."""
        self._tasks.start(self._list(effect), f"listing {effect.item_id}")

    def call(self, effect: CallTool) -> None:
        """Call a tool."""
        running = self._running.setdefault(effect.response_id, set())
        task = self._tasks.start(self._call(effect), f"calling {effect.item_id}")
        running.add(task)
        task.add_done_callback(lambda _: self._forget(effect.response_id, task))

    def stop(self, response_id: str) -> None:
        """End the calls of a response; nothing more is said of them."""
        for task in self._running.pop(response_id, ()):
            task.cancel()

    def _forget(self, response_id: str, task: asyncio.Task[None]) -> None:
        running = self._running.get(response_id, set())
        running.discard(task)
        if not running:
            self._running.pop(response_id, None)

    async def _list(self, effect: ListTools) -> None:
        try:
            tools = await self._limited(self._open.list_tools(effect.server))
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 -- ends this listing only
            await self._put(Listed(effect.item_id, error=_error_of(error)))
        else:
            await self._put(Listed(effect.item_id, tools))

    async def _call(self, effect: CallTool) -> None:
        try:
            output = await self._limited(self._open.call(effect.server, effect.name, effect.arguments))
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 -- ends this call only
            await self._put(Called(effect.item_id, error=_error_of(error)))
        else:
            await self._put(Called(effect.item_id, output))

    @property
    def _open(self) -> ToolBox:
        if self._toolbox is None:
            raise EngineError(MISSING)
        return self._toolbox

    async def _limited(self, work: Awaitable[_Result]) -> _Result:
        async with self._room, asyncio.timeout(self._limit_s):
            return await work


def _error_of(error: BaseException) -> McpError:
    """What the client is told."""
    if isinstance(error, ToolError):
        return error.error
    code = TIMED_OUT if isinstance(error, TimeoutError) else INTERNAL
    return McpProtocolError(code=code, message=failure_of(error, SERVER).message)
