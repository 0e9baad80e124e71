"""The tool box against real MCP servers, and against some that mean no good."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
from mcp.server.mcpserver import MCPServer
from mcp_servers import Answer, Greeted, Seen, answering, real_server, running
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.types import ASGIApp

from antiphon.engines import mcp as module
from antiphon.engines import mcp_http
from antiphon.engines.mcp import McpOptions, McpToolBox, make
from antiphon.engines.registry import EngineSpec, SetupError
from antiphon.ports import ToolError, ToolServer
from antiphon.protocol.items import McpHttpError, McpProtocolError, McpToolExecutionError

LIMIT_S = 20.0


def box(*hosts: str) -> McpToolBox:
    """A tool box that may go to these hosts; by default to this machine."""
    return McpToolBox("mcp", McpOptions(allowed_hosts=hosts or ("127.0.0.1",)))


def play(scene: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a scene; nothing of it may be left at its end."""

    async def within_limit() -> None:
        async with asyncio.timeout(LIMIT_S):
            await scene()
            while left := [task for task in asyncio.all_tasks() if is_ours(task)]:
                await asyncio.wait(left)

    def is_ours(task: asyncio.Task[Any]) -> bool:
        """Not the scene itself, and not what SSE servers leave for the next connection."""
        return task is not asyncio.current_task() and "_shutdown_watcher" not in repr(task.get_coro())

    asyncio.run(within_limit())


async def failure(answer: Answer) -> Any:
    """What is told of a server that answers so."""
    async with running(answering(answer)) as url:
        with pytest.raises(ToolError) as raised:
            await box().list_tools(ToolServer("s", f"{url}/mcp"))
    assert str(raised.value) == raised.value.error.message
    return raised.value.error


# What works


def http_app() -> ASGIApp:
    return real_server().streamable_http_app()


def greeted_app() -> ASGIApp:
    return Greeted(real_server().streamable_http_app())


def json_app() -> ASGIApp:
    return Greeted(real_server().streamable_http_app(json_response=True, stateless_http=True))


def sse_app() -> ASGIApp:
    return real_server().sse_app(sse_path="/mcp")


@pytest.mark.parametrize("app", [http_app, greeted_app, json_app, sse_app])
def test_tools_are_listed_and_called(app: Callable[[], ASGIApp]) -> None:
    """On every transport, the first time and the next."""

    async def scene() -> None:
        async with running(app()) as url:
            server, tools = ToolServer("s", f"{url}/mcp"), box()
            listed = await tools.list_tools(server)

            add = listed[0]
            assert (add.name, add.description, add.annotations) == ("add", "Add two numbers.", {"readOnlyHint": True})
            assert add.input_schema["required"] == ["a", "b"]
            assert [tool.name for tool in listed] == ["add", "boom", "repeat", "picture", "papers", "hang"]
            assert await tools.call(server, "add", '{"a": 2, "b": 3}') == "5"
            assert await tools.call(server, "add", '{"a": 20, "b": 3}') == "23"

    play(scene)


def test_a_known_server_is_asked_no_more_than_needed() -> None:
    """The second call costs one message: on a voice path every round trip is heard."""

    async def scene() -> None:
        app = Seen(http_app())
        async with running(app) as url:
            server, tools = ToolServer("s", f"{url}/mcp"), box()
            await tools.list_tools(server)
            app.requests.clear()
            await tools.call(server, "add", '{"a": 1, "b": 1}')

        assert app.requests == ["POST"]

    play(scene)


def test_a_server_is_told_when_its_session_has_ended() -> None:
    """Those of 2025 keep one; it does not stay behind."""

    async def scene() -> None:
        app = Seen(greeted_app())
        async with running(app) as url:
            await box().list_tools(ToolServer("s", f"{url}/mcp"))

        assert app.requests[-1] == "DELETE"

    play(scene)


def test_secrets_are_shown_to_the_server_and_to_nobody_else(caplog: pytest.LogCaptureFixture) -> None:
    """The token and the headers go with every request, and into no log line and no `repr`."""
    caplog.set_level(logging.DEBUG)
    seen: list[dict[str, str]] = []

    async def scene() -> None:
        app = Seen(http_app())
        tools = box()
        await tools.start()
        async with running(app) as url:
            secret = {"X-Tenant": "tenant-secret", "authorization": "Basic lost"}
            server = ToolServer("s", f"{url}/mcp", authorization="token-secret", headers=secret)
            assert "secret" not in repr(server)
            await tools.list_tools(server)
            await tools.call(server, "repeat", '{"text": "word-secret", "times": 2}')
        await tools.stop()
        seen.extend(app.headers)

    play(scene)

    assert {headers["authorization"] for headers in seen} == {"Bearer token-secret"}
    assert {headers["x-tenant"] for headers in seen} == {"tenant-secret"}
    assert "secret" not in caplog.text


@pytest.mark.parametrize(
    ("name", "output"),
    [("picture", "(image/png)"), ("papers", "see\npage one\n(b.txt: file:///b.txt)")],
)
def test_what_is_no_text_is_named(name: str, output: str) -> None:
    """A model reads what it can, and is told of the rest."""

    async def scene() -> None:
        async with running(http_app()) as url:
            assert await box().call(ToolServer("s", f"{url}/mcp"), name, "{}") == output

    play(scene)


def test_long_output_is_cut() -> None:
    """No model could hold it, and no client would want it."""

    async def scene() -> None:
        async with running(http_app()) as url:
            output = await box().call(ToolServer("s", f"{url}/mcp"), "repeat", '{"text": "ab", "times": 50000}')

            assert len(output) < module.MAX_OUTPUT_CHARS + 64
            assert output.endswith("\n(cut: 100000 characters in all)")

    play(scene)


def test_long_lists_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many tools and pages a server has."""
    monkeypatch.setattr(module, "MAX_TOOLS", 4)

    async def scene() -> None:
        async with running(http_app()) as url:
            assert len(await box().list_tools(ToolServer("s", f"{url}/mcp"))) == 4
        async with running(answering(endless_pages)) as url:
            assert len(await box().list_tools(ToolServer("s", f"{url}/mcp"))) == 0

    async def endless_pages(request: Request) -> Response:
        message = json.loads(await request.body())
        if message["method"] == "server/discover":
            return PlainTextResponse("", 400)
        results = {
            "initialize": {
                "protocolVersion": "2025-11-25",
                "capabilities": {},
                "serverInfo": {"name": "x", "version": "1"},
            },
            "tools/list": {"tools": [], "nextCursor": "more"},
        }
        if message["method"] not in results:
            return Response(status_code=202)
        return JSONResponse({"jsonrpc": "2.0", "id": message["id"], "result": results[message["method"]]})

    play(scene)


def test_structured_content_without_text_is_json() -> None:
    """Some servers give nothing else."""

    async def scene() -> None:
        async with running(answering(structured)) as url:
            assert await box().call(ToolServer("s", f"{url}/mcp"), "any", "{}") == '{"sum":5}'

    async def structured(request: Request) -> Response:
        message = json.loads(await request.body())
        if message["method"] == "server/discover":
            meta = {"supportedVersions": ["2026-07-28"], "capabilities": {}, "ttlMs": 0, "cacheScope": "public"}
            return JSONResponse({"jsonrpc": "2.0", "id": message["id"], "result": meta | {"resultType": "complete"}})
        result = {"content": [], "structuredContent": {"sum": 5}, "resultType": "complete"}
        return JSONResponse({"jsonrpc": "2.0", "id": message["id"], "result": result})

    play(scene)


# What does not


def test_a_tool_that_fails_says_so() -> None:
    """In the server's own words."""

    async def scene() -> None:
        async with running(http_app()) as url:
            for name, message in (("boom", "Error executing tool boom"), ("nope", "Unknown tool: nope")):
                with pytest.raises(ToolError) as raised:
                    await box().call(ToolServer("s", f"{url}/mcp"), name, "{}")
                assert raised.value.error == McpToolExecutionError(message=message)

    play(scene)


@pytest.mark.parametrize("arguments", ["", "[1]", "{", '{"a":' * 5000])
def test_arguments_that_are_no_object_are_not_sent(arguments: str) -> None:
    """Models write all sorts of things."""

    async def scene() -> None:
        with pytest.raises(ToolError) as raised:
            await box().call(ToolServer("s", "http://127.0.0.1:9/mcp"), "add", arguments)
        assert isinstance(raised.value.error, McpToolExecutionError)

    play(scene)


async def broken(_: Request) -> Response:
    return PlainTextResponse("Traceback: secret", 500)


async def locked(_: Request) -> Response:
    return JSONResponse({"detail": "who are you?"}, 401, {"www-authenticate": "Bearer"})


async def absent(_: Request) -> Response:
    return PlainTextResponse("", 404)


async def elsewhere(_: Request) -> Response:
    return RedirectResponse("http://127.0.0.2:1/mcp", 307)


async def html(_: Request) -> Response:
    return Response("<html>", media_type="text/html")


async def garbage(_: Request) -> Response:
    return Response("]]]", media_type="application/json")


async def deep(_: Request) -> Response:
    return Response("[" * 100_000, media_type="application/json")


async def odd(request: Request) -> Response:
    message = json.loads(await request.body())
    return JSONResponse({"jsonrpc": "2.0", "id": message.get("id", 0), "result": {"tools": 7}})


async def refusing(request: Request) -> Response:
    message = json.loads(await request.body())
    error = {"code": -32603, "message": "not today"}
    return JSONResponse({"jsonrpc": "2.0", "id": message["id"], "error": error}, 400)


async def cut_off(_: Request) -> Response:
    return Response("", media_type="text/event-stream")


async def packed(_: Request) -> Response:
    return Response(b"\x1f\x8b", media_type="application/json", headers={"content-encoding": "gzip"})


async def flood(_: Request) -> Response:
    async def body() -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(0)
            yield b" " * 65_536

    return StreamingResponse(body(), media_type="application/json")


async def event_flood(_: Request) -> Response:
    async def body() -> AsyncIterator[bytes]:
        yield b"event: message\ndata: "
        while True:
            await asyncio.sleep(0)
            yield b"x" * 65_536

    return StreamingResponse(body(), media_type="text/event-stream")


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (broken, McpHttpError(code=500, message="Internal Server Error")),
        (locked, McpHttpError(code=401, message="Unauthorized")),
        (absent, McpHttpError(code=404, message="Not Found")),
        (refusing, McpProtocolError(code=-32603, message="not today")),
        (flood, McpProtocolError(code=-32700, message="The MCP server sent more than 2097152 bytes.")),
        (
            packed,
            McpProtocolError(
                code=-32700, message="The MCP server compressed its answer, although it was asked not to."
            ),
        ),
    ],
)
def test_a_server_that_misbehaves_is_told_apart(answer: Answer, told: object) -> None:
    """HTTP errors by their status, errors of MCP by their code, the rest by what was seen."""

    async def scene() -> None:
        assert await failure(answer) == told

    play(scene)


@pytest.mark.parametrize("answer", [html, garbage, deep, odd, cut_off, elsewhere, event_flood])
def test_nonsense_is_an_error_of_the_protocol(answer: Answer) -> None:
    """Whatever it is, it ends the one use, and in time."""

    async def scene() -> None:
        error = await failure(answer)

        assert isinstance(error, McpProtocolError)
        assert len(error.message) <= module.MAX_MESSAGE_CHARS

    play(scene)


def test_a_server_that_is_not_there() -> None:
    """Nobody listens."""

    async def scene() -> None:
        async with running(http_app()) as url:
            pass
        with pytest.raises(ToolError) as raised:
            await box().list_tools(ToolServer("s", f"{url}/mcp"))
        assert raised.value.error == McpProtocolError(code=-32000, message="The MCP server cannot be reached.")

    play(scene)


def test_an_sse_server_that_fails_after_its_greeting() -> None:
    """Its own failure is told, not that it takes no POST."""

    async def scene() -> None:
        async with running(sse_app()) as url:
            with pytest.raises(ToolError) as raised:
                await box().call(ToolServer("s", f"{url}/mcp"), "nope", "{}")
        assert raised.value.error == McpToolExecutionError(message="Unknown tool: nope")

    play(scene)


def test_a_server_that_has_changed_is_asked_anew() -> None:
    """What was known of it is forgotten after a failure."""

    async def scene() -> None:
        tools = box()
        apps: list[ASGIApp] = [http_app(), answering(broken), sse_app()]
        switch = Switch()
        async with running(apps[0]) as one, running(apps[2]) as two, running(switch) as url:
            server = ToolServer("s", f"{url}/mcp")
            switch.app = apps[0]
            assert await tools.list_tools(server)
            switch.app = apps[1]
            with pytest.raises(ToolError):
                await tools.list_tools(server)
            switch.app = apps[2]
            assert await tools.list_tools(server)
            assert one != two

    class Switch:
        app: ASGIApp

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http":
                await self.app(scope, receive, send)

    play(scene)


@pytest.mark.parametrize("app", [http_app, greeted_app, sse_app])
def test_a_call_that_hangs_can_be_cancelled(app: Callable[[], ASGIApp]) -> None:
    """Nothing of it is left: no task, no connection, no exception that nobody sees."""

    async def scene() -> None:
        async with running(app()) as url:
            tools, server = box(), ToolServer("s", f"{url}/mcp")
            await tools.list_tools(server)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await tools.call(server, "hang", "{}")
            assert await tools.call(server, "add", '{"a": 1, "b": 2}') == "3"

    play(scene)


def test_a_server_that_does_not_let_go_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it has told is not lost for it."""
    monkeypatch.setattr(mcp_http, "PARTING_LIMIT_S", 0.2)

    class Clinging(Greeted):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http" and scope["method"] == "DELETE":
                await asyncio.sleep(1)
            await super().__call__(scope, receive, send)

    async def scene() -> None:
        async with running(Clinging(http_app())) as url:
            async with asyncio.timeout(1):
                assert await box().list_tools(ToolServer("s", f"{url}/mcp"))

    play(scene)


# Hosts


@pytest.mark.parametrize(
    ("hosts", "url"),
    [
        (("api.example.com",), "https://api.example.com/mcp"),
        (("API.example.com",), "https://Api.Example.com:8443/mcp"),
        (("api.example.com:443",), "https://api.example.com/mcp"),
        (("api.example.com:80",), "http://api.example.com/mcp"),
        (("localhost:8931",), "http://localhost:8931/mcp"),
        (("*.example.com",), "https://a.b.example.com/mcp"),
        (("*.example.com:8443",), "https://a.example.com:8443/mcp"),
        (("[::1]:80",), "http://[::1]/mcp"),
        (("*",), "http://10.0.0.1/mcp"),
    ],
)
def test_hosts_that_are_allowed(hosts: tuple[str, ...], url: str) -> None:
    """By name, with or without a port, or by domain."""
    assert box(*hosts).refusal(url) is None


@pytest.mark.parametrize(
    ("hosts", "url", "why"),
    [
        ((), "https://example.com/mcp", "not among those"),
        (("api.example.com",), "https://example.com/mcp", "not among those"),
        (("api.example.com",), "https://api.example.com.evil.com/mcp", "not among those"),
        (("*.example.com",), "https://example.com/mcp", "not among those"),
        (("*.example.com",), "https://evilexample.com/mcp", "not among those"),
        (("api.example.com:443",), "http://api.example.com/mcp", "not among those"),
        (("localhost:80",), "http://localhost:81/mcp", "not among those"),
        (("*",), "file:///etc/passwd", "begins with"),
        (("*",), "mcp.example.com", "begins with"),
        (("*",), "https:///mcp", "begins with"),
        (("*",), "https://a:b@example.com/mcp", "use 'authorization'"),
        (("*",), "https://exa\nmple.com", "not a URL"),
    ],
)
def test_hosts_that_are_not(hosts: tuple[str, ...], url: str, why: str) -> None:
    """Without a word of the operator none is."""
    refusal = McpToolBox("mcp", McpOptions(allowed_hosts=hosts)).refusal(url)

    assert refusal is not None
    assert why in refusal


def test_a_host_that_is_not_allowed_is_not_reached() -> None:
    """The tool box itself keeps the rule, whoever asks it."""

    async def scene() -> None:
        app = Seen(http_app())
        async with running(app) as url:
            with pytest.raises(ToolError) as raised:
                await box("example.com").list_tools(ToolServer("s", f"{url}/mcp"))
        assert isinstance(raised.value.error, McpProtocolError)
        assert app.requests == []

    play(scene)


@pytest.mark.parametrize("text", ["", "https://example.com", "example.com/mcp", "a b", "*.", "me@example.com"])
def test_a_host_that_cannot_be_read(text: str) -> None:
    """The operator is told how to write one."""
    with pytest.raises(SetupError, match="is not a host"):
        box(text)


def test_the_registry_makes_it() -> None:
    """With the operator's options."""
    made = make(EngineSpec("tools", "mcp", options={"allowed_hosts": ["localhost"]}))

    assert made.name == "mcp"
    assert made.refusal("http://localhost/mcp") is None


def test_only_so_many_servers_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients name them; the memory is bounded."""
    monkeypatch.setattr(module, "REMEMBERED_SERVERS", 1)

    async def scene() -> None:
        app = Seen(MCPServer("x").streamable_http_app())
        tools = box()
        async with running(app) as url:
            for query in ("?a", "?b", "?a"):
                await tools.list_tools(ToolServer("s", f"{url}/mcp{query}"))

        assert len(app.requests) == 6

    play(scene)
