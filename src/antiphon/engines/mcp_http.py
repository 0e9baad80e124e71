"""How MCP servers are reached: which hosts may be, what is sent along, how much is read."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client

from antiphon.engines.registry import SetupError
from antiphon.ports import ToolServer

MAX_BODY_BYTES = 2 * 1024 * 1024
"""Of one answer over HTTP. More is not read."""

CONNECT_LIMIT_S = 10.0
READ_LIMIT_S = 600.0
"""Longer than any tool may take; the runtime has its own, tighter limit."""
PARTING_LIMIT_S = 2.0
"""How long a server may take to be told that its session has ended."""


# Hosts


@dataclass(frozen=True, slots=True)
class Host:
    """A host that is allowed."""

    name: str
    port: int | None = None
    """None: any."""

    def covers(self, url: httpx2.URL) -> bool:
        """Whether the URL is on it."""
        if self.port is not None and self.port != (url.port or {"http": 80, "https": 443}[url.scheme]):
            return False
        if self.name == "*":
            return True
        if self.name.startswith("*."):
            return url.host.endswith(self.name[1:])
        return url.host == self.name


def host(text: str) -> Host:
    """A host as the operator writes it. Raises `SetupError`."""
    wild = "*." if text.startswith("*.") else ""
    try:
        url = httpx2.URL(f"http://{text.removeprefix(wild) if text != '*' else 'any'}")
    except httpx2.InvalidURL:
        url = httpx2.URL("")
    if not url.host or url.path not in ("", "/") or url.userinfo or url.query or "%" in url.host or "://" in text:
        raise SetupError(f'"{text}" is not a host.', "write HOST, HOST:PORT, *.DOMAIN or *")
    port = int(text.rpartition(":")[2]) if text.endswith(":80") else url.port
    return Host("*" if text == "*" else wild + url.host, port)


# HTTP


class Line:
    """What was seen of one connection."""

    def __init__(self) -> None:
        self.is_open = False
        """Whether the server has greeted us."""
        self.status = 0
        """Of the last answer to a message."""
        self.reason = ""
        self.fault: str | None = None
        """Why its answer was not read to the end."""

    async def sent(self, request: httpx2.Request) -> None:
        """Parting may not take long."""
        if request.method == "DELETE":
            request.extensions["timeout"] = httpx2.Timeout(PARTING_LIMIT_S).as_dict()

    async def answered(self, response: httpx2.Response) -> None:
        """Note how it went, and bound what is read."""
        if response.request.method == "POST":
            self.status, self.reason = response.status_code, response.reason_phrase
        if response.headers.get("content-encoding", "identity") != "identity":
            self.fault = "The MCP server compressed its answer, although it was asked not to."
            raise httpx2.StreamError(self.fault)
        response.stream = Bounded(response.stream, self)


class Bounded(httpx2.AsyncByteStream):
    """A body of `MAX_BODY_BYTES` at most."""

    def __init__(self, body: Any, line: Line) -> None:
        self._body = body
        self._line = line
        self._left = MAX_BODY_BYTES

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._body:
            self._left -= len(chunk)
            if self._left < 0:
                self._line.fault = f"The MCP server sent more than {MAX_BODY_BYTES} bytes."
                raise httpx2.StreamError(self._line.fault)
            yield chunk

    async def aclose(self) -> None:
        """Let go of the connection."""
        await self._body.aclose()


@asynccontextmanager
async def streamable(server: ToolServer, line: Line) -> AsyncIterator[Any]:
    """Streamable HTTP, as the SDK's client wants it."""
    async with (
        _http(server, line) as http,
        streamable_http_client(server.url, http_client=http, max_sse_event_size=MAX_BODY_BYTES) as streams,
    ):
        yield streams


@asynccontextmanager
async def sse(server: ToolServer, line: Line) -> AsyncIterator[Any]:
    """The older transport, as the SDK's client wants it."""

    def client(
        headers: object = None,  # noqa: ARG001 -- the SDK calls it so
        timeout: object = None,  # noqa: ARG001
        auth: object = None,  # noqa: ARG001
    ) -> httpx2.AsyncClient:
        return _http(server, line)

    async with sse_client(server.url, httpx_client_factory=client) as streams:
        yield streams


def _http(server: ToolServer, line: Line) -> httpx2.AsyncClient:
    headers = {**server.headers, "Accept-Encoding": "identity"}
    if server.authorization is not None:
        headers = {name: value for name, value in headers.items() if name.lower() != "authorization"}
        headers["Authorization"] = f"Bearer {server.authorization.removeprefix('Bearer ')}"
    return httpx2.AsyncClient(
        headers=headers,
        timeout=httpx2.Timeout(READ_LIMIT_S, connect=CONNECT_LIMIT_S),
        event_hooks={"request": [line.sent], "response": [line.answered]},
    )
