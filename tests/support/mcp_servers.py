"""MCP servers on loopback: real ones, made with the official SDK, and some that mean no good."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import uvicorn
from mcp.server.mcpserver import Image, MCPServer
from mcp_types import CallToolResult, EmbeddedResource, ResourceLink, TextContent, TextResourceContents, ToolAnnotations
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

Answer: TypeAlias = Callable[[Request], Awaitable[Response]]

PIXEL = bytes.fromhex("89504e470d0a1a0a")


def real_server(name: str = "test") -> MCPServer:
    """A server with tools of all kinds."""
    server: MCPServer = MCPServer(name)

    @server.tool(annotations=ToolAnnotations(read_only_hint=True))
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    @server.tool(structured_output=False)
    def boom() -> str:
        """Fail."""
        raise ValueError("a secret of the server")

    @server.tool(structured_output=False)
    def repeat(text: str, times: int) -> str:
        """Say it again."""
        return text * times

    @server.tool(structured_output=False)
    def picture() -> Image:
        """Show it."""
        return Image(data=PIXEL, format="png")

    @server.tool()
    def papers() -> CallToolResult:
        """Everything at once."""
        page = TextResourceContents(uri="file:///a.txt", text="page one")
        return CallToolResult(
            content=[
                TextContent(text="see"),
                EmbeddedResource(resource=page),
                ResourceLink(name="b.txt", uri="file:///b.txt"),
            ]
        )

    @server.tool(structured_output=False)
    async def hang() -> str:
        """Never answer."""
        await asyncio.Event().wait()
        return ""

    return server


class Seen:
    """An app that notes what comes to it, and hands it on."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.requests: list[str] = []
        self.headers: list[dict[str, str]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self.requests.append(scope["method"])
            self.headers.append({name.decode(): value.decode() for name, value in scope["headers"]})
        await self._app(scope, receive, send)


class Greeted:
    """An app that knows only the greeting of 2025: it has not heard of `server/discover`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        body = await Request(scope, receive).body()
        if b'"server/discover"' in body:
            await Response("no such method", 400)(scope, receive, send)
            return
        came = False

        async def again() -> dict[str, Any]:
            nonlocal came
            if came:
                return dict(await receive())
            came = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, again, send)


def answering(answer: Answer) -> Starlette:
    """A server that gives every message the same answer."""
    return Starlette(routes=[Route("/mcp", answer, methods=["GET", "POST", "DELETE"])])


@asynccontextmanager
async def running(app: ASGIApp) -> AsyncIterator[str]:
    """The app on a free port; gives its address."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        config = uvicorn.Config(app, log_config=None, ws="none", lifespan="auto", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        task = asyncio.get_running_loop().create_task(server.serve(sockets=[sock]))
        while not server.started:  # noqa: ASYNC110 -- uvicorn tells it in no other way
            await asyncio.sleep(0.005)
        try:
            yield f"http://127.0.0.1:{sock.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task
