"""Tools of MCP servers: each listing and each call is a task that ends in time."""

import asyncio

import pytest
from scripted_runtime import others, play, settled

from antiphon.owner import TaskOwner
from antiphon.ports import ToolError, ToolServer
from antiphon.protocol.items import McpHttpError, McpListedTool, McpProtocolError
from antiphon.runtime import tools as module
from antiphon.runtime.tools import ToolCalls
from antiphon.session.effects import CallTool, ListTools
from antiphon.session.inputs import Called, Input, Listed

SERVER = ToolServer("s", "https://example.com", authorization="secret")
ADD = McpListedTool(name="add", input_schema={})
DOWN = McpHttpError(code=500, message="Internal Server Error")
LIST = ListTools("item_1", SERVER)


def call(item_id: str = "item_2", response_id: str = "resp_1") -> CallTool:
    return CallTool(response_id, item_id, SERVER, "add", '{"a": 1}')


class HandBox:
    """A tool box that does as it is told."""

    name = "hand"

    def __init__(self, outcome: str | Exception | None) -> None:
        self.outcome = outcome
        self.working: list[str] = []
        self.most = 0

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def refusal(self, url: str) -> str | None:
        return None

    async def list_tools(self, server: ToolServer) -> tuple[McpListedTool, ...]:
        await self._work("list")
        return (ADD,)

    async def call(self, server: ToolServer, name: str, arguments: str) -> str:
        return await self._work(f"{server.label}.{name}{arguments}")

    async def _work(self, what: str) -> str:
        self.working.append(what)
        self.most = max(self.most, len(self.working))
        try:
            if self.outcome is None:
                await asyncio.Event().wait()
            if isinstance(self.outcome, Exception):
                raise self.outcome
            await asyncio.sleep(0)
            return self.outcome or ""
        finally:
            self.working.remove(what)


class Stage:
    """Tool calls with a core that only listens."""

    def __init__(self, outcome: str | Exception | None, limit_s: float = 5.0) -> None:
        self.news: asyncio.Queue[Input] = asyncio.Queue()
        self.faults = 0
        self.box = HandBox(outcome)
        self.tasks = TaskOwner(self._fault)
        self.tools = ToolCalls(self.box, self.news.put, self.tasks, limit_s)

    def _fault(self) -> None:
        self.faults += 1


def test_tools_are_listed_and_called() -> None:
    """What the server says comes back under the item that asked."""

    async def scene() -> None:
        stage = Stage("5")
        stage.tools.list(LIST)
        assert await stage.news.get() == Listed("item_1", (ADD,))
        stage.tools.call(call())
        assert await stage.news.get() == Called("item_2", "5")
        await others()

    play(scene)


@pytest.mark.parametrize(
    ("outcome", "error"),
    [
        (ToolError(DOWN), DOWN),
        (ValueError("secret"), McpProtocolError(code=-32603, message="The MCP server failed.")),
        (None, McpProtocolError(code=-32001, message="The MCP server did not answer in time.")),
    ],
)
def test_failures_are_told(outcome: Exception | None, error: object, caplog: pytest.LogCaptureFixture) -> None:
    """In the tool box's words; of a fault of ours nothing is told but that there was one."""

    async def scene() -> None:
        stage = Stage(outcome, limit_s=0.01)
        stage.tools.list(LIST)
        assert await stage.news.get() == Listed("item_1", error=error)  # type: ignore[arg-type]  # as parametrized
        stage.tools.call(call())
        assert await stage.news.get() == Called("item_2", error=error)  # type: ignore[arg-type]  # as parametrized
        await others()
        assert stage.faults == 0
        assert stage.box.working == []

    play(scene)
    assert "secret" not in caplog.text


def test_without_a_tool_box_there_is_nothing_to_ask() -> None:
    """The core does not ask then; if it did, it would be told."""

    async def scene() -> None:
        stage = Stage("")
        tools = ToolCalls(None, stage.news.put, stage.tasks, 1.0)
        tools.call(call())
        assert await stage.news.get() == Called("item_2", error=McpProtocolError(code=-32603, message=module.MISSING))

    play(scene)


def test_the_calls_of_a_response_are_stopped_together() -> None:
    """Nothing more is said of them; those of others go on."""

    async def scene() -> None:
        stage = Stage(None)
        for effect in (call("item_2"), call("item_3"), call("item_4", "resp_2")):
            stage.tools.call(effect)
        await settled()
        stage.tools.stop("resp_1")
        stage.tools.stop("resp_9")
        await settled()

        assert len(stage.box.working) == 1
        assert stage.news.empty()
        stage.tools.stop("resp_2")
        await others()
        assert stage.news.empty()

    play(scene)


def test_only_so_many_run_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model can ask for many; the rest waits."""
    monkeypatch.setattr(module, "MAX_AT_ONCE", 2)

    async def scene() -> None:
        stage = Stage("5")
        for number in range(6):
            stage.tools.call(call(f"item_{number}"))
        await others()

        assert stage.news.qsize() == 6
        assert stage.box.most == 2

    play(scene)


def test_a_session_that_ends_ends_its_tools() -> None:
    """Listings and calls alike."""

    async def scene() -> None:
        stage = Stage(None)
        stage.tools.list(LIST)
        stage.tools.call(call())
        await settled()
        assert len(stage.box.working) == 2
        await stage.tasks.end(5.0)

        assert stage.box.working == []
        assert stage.news.empty()
        assert stage.faults == 0

    play(scene)
