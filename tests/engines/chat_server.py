"""A real HTTP server on loopback that speaks the chat completions stream, well or badly.

Each test gives it a script: what to do with the next request. A script is an async generator of bytes for the
body, or a ready response.
"""

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, TypeAlias

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

Script: TypeAlias = Callable[[], AsyncIterator[bytes] | Response]


class ChatServer:
    """What was asked of it, and what it shall answer."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.scripts: list[Script] = []
        self.clients: set[tuple[str, int]] = set()
        self.dropped = threading.Event()
        """Set once a client has gone before its answer's end."""

    async def answer(self, request: Request) -> Response:
        """Do what the next script says."""
        self.requests.append(await request.json())
        self.headers.append(dict(request.headers))
        assert request.client is not None
        self.clients.add((request.client.host, request.client.port))
        made = self.scripts.pop(0)()
        return (
            made if isinstance(made, Response) else StreamingResponse(self._watch(made), media_type="text/event-stream")
        )

    async def _watch(self, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        try:
            async for part in body:
                yield part
        except asyncio.CancelledError:
            self.dropped.set()
            raise


@contextlib.contextmanager
def serving() -> Iterator[ChatServer]:
    """A running server; it ends with the block."""
    chat = ChatServer()
    app = Starlette(routes=[Route("/v1/chat/completions", chat.answer, methods=["POST"])])
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.005)
        assert thread.is_alive(), "the server did not start"
    chat.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/v1"
    try:
        yield chat
    finally:
        server.should_exit = True
        thread.join()


def event(delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any) -> bytes:
    """One chunk of a stream."""
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": choices, **more}
    return f"data: {json.dumps(chunk)}\n\n".encode()


DONE = b"data: [DONE]\n\n"
USAGE = {
    "prompt_tokens": 30,
    "completion_tokens": 5,
    "total_tokens": 35,
    "prompt_tokens_details": {"cached_tokens": 20},
}


def saying(*words: str, finish: str = "stop", usage: dict[str, Any] | None = USAGE) -> Script:
    """An answer as it should be."""

    async def body() -> AsyncIterator[bytes]:
        yield event({"role": "assistant", "content": ""})
        for word in words:
            yield event({"content": word})
        yield event({}, finish)
        if usage is not None:
            yield event(usage=usage)
        yield DONE

    return body


def sending(*parts: bytes, then_hang: bool = False) -> Script:
    """These very bytes, and then the end, or nothing more."""

    async def body() -> AsyncIterator[bytes]:
        for part in parts:
            yield part
        if then_hang:
            await asyncio.Event().wait()

    return body


def refusing(status: int, body: Any, headers: dict[str, str] | None = None) -> Script:
    """An HTTP error."""
    return lambda: JSONResponse(body, status, {"x-should-retry": "false", **(headers or {})})
