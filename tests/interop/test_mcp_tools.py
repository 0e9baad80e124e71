"""MCP tools in a session: the official SDKs on both sides, real sockets, `tone` engines.

The flows are those of clients that are made for the provider: of the .NET SDK's live tests, of the Ruby SDK's
example of approval, and of the agents SDK for JavaScript.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from mcp_servers import Seen, real_server, running
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from sdk import only, session, types, until, write
from sdk_types import faults
from starlette.types import ASGIApp

from antiphon.config import Config, Engines
from antiphon.config.settings import Limits, Sessions

pytestmark = pytest.mark.interop

TONE_AND_TOOLS = Engines(
    vad="tone",
    turn="tone",
    asr="tone",
    llm="tone",
    tts="tone",
    tools="mcp",
    options={"tools": {"allowed_hosts": ["127.0.0.1"]}},
)


class Talk:
    """A session whose one MCP server has been listed; every event is held to the SDK's types."""

    def __init__(self, connection: AsyncRealtimeConnection) -> None:
        self.connection = connection

    async def until(self, wanted: str | Callable[[Any], bool]) -> list[Any]:
        """As `sdk.until`."""
        events = await until(self.connection, wanted)
        assert [fault for event in events for fault in faults(event.model_dump(exclude_unset=True))] == []
        return events

    async def ask(self, text: str, **params: Any) -> None:
        """Write something, and want an answer."""
        await write(self.connection, text)
        await self.connection.response.create(response=params)  # type: ignore[arg-type]  # a dict of its keys


@asynccontextmanager
async def talk(
    app: ASGIApp | None = None, follow_up: bool = False, tool_seconds: float = 30.0, **tool: Any
) -> AsyncIterator[Talk]:
    """A session with the tools of `app`."""
    config = Config(
        engines=TONE_AND_TOOLS, session=Sessions(follow_up=follow_up), limits=Limits(tool_seconds=tool_seconds)
    )
    async with running(app or real_server().streamable_http_app()) as url, session(engines=config) as connection:
        spoken = Talk(connection)
        server = {"type": "mcp", "server_label": "calc", "server_url": f"{url}/mcp", **tool}
        update: Any = {"type": "realtime", "output_modalities": ["text"], "tools": [server]}
        await connection.session.update(session=update)
        yield spoken


def test_a_tool_is_called_and_its_output_spoken_of() -> None:
    """Listed, called, told; and the answer when the client asks for it, as the agents SDK does on `item.done`."""

    async def main() -> None:
        app = Seen(real_server().streamable_http_app())
        async with talk(app, require_approval="never", authorization="token-secret") as spoken:
            setup = await spoken.until("mcp_list_tools.completed")
            updated, listed = only(setup, "session.updated")[0], only(setup, "conversation.item.done")[0].item
            assert updated.session.tools[0].authorization is None
            assert [tool.name for tool in listed.tools][:2] == ["add", "boom"]
            await spoken.ask('call add {"a": 2, "b": 40}')
            events = await spoken.until("response.output_item.done")
            assert types(events) == [
                "conversation.item.added",
                "conversation.item.done",
                "response.created",
                "response.output_item.added",
                "conversation.item.added",
                "response.mcp_call_arguments.delta",
                "response.mcp_call_arguments.done",
                "response.mcp_call.in_progress",
                "response.done",
                "response.mcp_call.completed",
                "conversation.item.done",
                "response.output_item.done",
            ]
            assert events[-1].item.output == "42"
            await spoken.connection.response.create()
            done = (await spoken.until("response.done"))[-1]
            assert done.response.output[0].content[0].text == "The function gave: 42"
        assert {headers["authorization"] for headers in app.headers} == {"Bearer token-secret"}

    asyncio.run(main())


def test_approval_as_the_sdk_for_ruby_has_it() -> None:
    """One call, under one id, from its arguments to its end; the answer when call and response are done."""

    async def main() -> None:
        async with talk(require_approval="always") as spoken:
            setup = await spoken.until("mcp_list_tools.completed")
            tool = only(setup, "conversation.item.done")[0].item.tools[0]
            choice = {"type": "mcp", "server_label": "calc", "name": tool.name}
            await spoken.ask('call add {"a": 1, "b": 2}', tool_choice=choice)
            events = await spoken.until("response.done")
            (request,) = [
                e.item for e in only(events, "conversation.item.done") if e.item.type == "mcp_approval_request"
            ]
            (arguments,) = only(events, "response.mcp_call_arguments.done")
            assert (request.server_label, request.name) == ("calc", "add")
            assert arguments.response_id == events[-1].response.id
            item: Any = {
                "type": "mcp_approval_response",
                "id": "approval_response_1",
                "approval_request_id": request.id,
                "approve": True,
                "reason": "By policy.",
            }
            await spoken.connection.conversation.item.create(item=item)
            events = await spoken.until("response.output_item.done")
            (completed,) = only(events, "response.mcp_call.completed")
            call = events[-1].item
            assert completed.item_id == arguments.item_id == call.id
            assert (call.output, call.approval_request_id) == ("3", request.id)
            await spoken.connection.response.create(response={"tool_choice": "none"})
            done = (await spoken.until("response.done"))[-1]
            assert done.response.output[0].content[0].text == "The function gave: 3"

    asyncio.run(main())


def test_an_answer_that_is_asked_for_with_the_approval() -> None:
    """The .NET SDK's tests ask right away; and the agents SDKs do not name their verdicts."""

    async def main() -> None:
        async with talk() as spoken:
            await spoken.until("mcp_list_tools.completed")
            await spoken.ask('call add {"a": 1, "b": 2}')
            events = await spoken.until("response.done")
            (request,) = [
                e.item for e in only(events, "conversation.item.done") if e.item.type == "mcp_approval_request"
            ]
            item: Any = {"type": "mcp_approval_response", "approval_request_id": request.id, "approve": True}
            await spoken.connection.conversation.item.create(previous_item_id=request.id, item=item)
            await spoken.connection.response.create()
            events = await spoken.until("response.done")
            assert "response.mcp_call.completed" in types(events)
            assert events[-1].response.output[0].content[0].text == "The function gave: 3"

    asyncio.run(main())


def test_a_call_that_is_denied() -> None:
    """It never reaches the server."""

    async def main() -> None:
        app = Seen(real_server().streamable_http_app())
        async with talk(app) as spoken:
            await spoken.until("mcp_list_tools.completed")
            app.requests.clear()
            await spoken.ask('call add {"a": 1, "b": 2}')
            events = await spoken.until("response.done")
            (request,) = [
                e.item for e in only(events, "conversation.item.done") if e.item.type == "mcp_approval_request"
            ]
            item: Any = {"type": "mcp_approval_response", "approval_request_id": request.id, "approve": False}
            await spoken.connection.conversation.item.create(item=item)
            call = (await spoken.until("response.output_item.done"))[-1].item
            assert call.error.message == "The call was not approved."
            assert app.requests == []

    asyncio.run(main())


def test_the_answer_follows_where_the_operator_wants_it() -> None:
    """Without a word of the client; also in audio, where the tools are listed while the first turn is spoken."""

    async def main() -> None:
        async with talk(follow_up=True, require_approval="never") as spoken:
            await spoken.ask('call add {"a": 2, "b": 2}')
            events = await spoken.until(
                lambda event: event.type == "response.done" and event.response.output[0].type == "message"
            )
            assert types(events).count("response.created") == 2
            assert events[-1].response.output[0].content[0].text == "The function gave: 4"

    asyncio.run(main())


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        ("call boom", "tool_execution_error", "Error executing tool boom"),
        ("call hang", "protocol_error", "The MCP server did not answer in time."),
    ],
)
def test_tools_that_fail_or_hang(call: str, kind: str, message: str) -> None:
    """The call ends in time, with its reason, and the session goes on."""

    async def main() -> None:
        async with talk(require_approval="never", tool_seconds=2.0) as spoken:
            await spoken.until("mcp_list_tools.completed")
            await spoken.ask(call)
            item = (await spoken.until("response.output_item.done"))[-1].item
            assert (item.error.type, item.error.message) == (kind, message)
            await spoken.ask("say all is well")
            assert (await spoken.until("response.done"))[-1].response.output[0].content[0].text == "all is well"

    asyncio.run(main())


def test_a_session_that_ends_while_a_tool_hangs() -> None:
    """The client goes away, and the server can be stopped."""

    async def main() -> None:
        async with asyncio.timeout(20):
            async with talk(require_approval="never") as spoken:
                await spoken.until("mcp_list_tools.completed")
                await spoken.ask("call hang")
                await spoken.until("response.done")

    asyncio.run(main())


def test_a_host_that_is_not_allowed() -> None:
    """The update is refused whole, by its path."""

    async def main() -> None:
        async with session(engines=Config(engines=TONE_AND_TOOLS)) as connection:
            server = {"type": "mcp", "server_label": "s", "server_url": "https://example.com/mcp"}
            update: Any = {"type": "realtime", "instructions": "New.", "tools": [server]}
            await connection.session.update(session=update)
            error = (await until(connection, "error"))[-1].error
            assert (error.code, error.param) == ("invalid_value", "session.tools[0].server_url")
            assert error.message == (
                "The host 'example.com' is not among those that the operator of this server allows."
            )

    asyncio.run(main())


def test_a_server_without_a_tool_box() -> None:
    """As it is until the operator says otherwise."""

    async def main() -> None:
        async with session() as connection:
            server = {"type": "mcp", "server_label": "s", "server_url": "https://example.com/mcp"}
            await connection.session.update(session={"type": "realtime", "tools": [server]})  # type: ignore[list-item]  # a dict of its keys
            error = (await until(connection, "error"))[-1].error
            assert (error.param, error.message) == ("session.tools[0]", "This server does not call MCP tools.")

    asyncio.run(main())
