"""A real HTTP server on loopback with `audio/transcriptions` and `audio/speech`, well-behaved or not.

Each test gives it a script: what to do with the next request.
"""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, TypeAlias

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

Script: TypeAlias = Callable[[], AsyncIterator[bytes] | Response]


class SpeechServer:
    """What was asked of it, and what it shall answer."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[dict[str, Any]] = []
        self.uploads: list[bytes] = []
        self.scripts: list[Script] = []
        self.dropped = threading.Event()
        """Set once a client has gone before its answer's end."""

    async def transcribe(self, request: Request) -> Response:
        """Take an upload, and do what the next script says."""
        async with request.form() as form:
            fields: dict[str, Any] = {}
            for key, value in form.multi_items():
                if isinstance(value, str):
                    fields[key] = value
                else:
                    self.uploads.append(await value.read())
        self.requests.append(fields)
        return self._answer("application/json")

    async def speak(self, request: Request) -> Response:
        """Do what the next script says."""
        self.requests.append(await request.json())
        return self._answer("audio/pcm")

    def _answer(self, kind: str) -> Response:
        made = self.scripts.pop(0)()
        return made if isinstance(made, Response) else StreamingResponse(self._watch(made), media_type=kind)

    async def _watch(self, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        try:
            async for part in body:
                yield part
        except asyncio.CancelledError:
            self.dropped.set()
            raise


@contextlib.contextmanager
def serving() -> Iterator[SpeechServer]:
    """A running server; it ends with the block."""
    speech = SpeechServer()
    app = Starlette(
        routes=[
            Route("/v1/audio/transcriptions", speech.transcribe, methods=["POST"]),
            Route("/v1/audio/speech", speech.speak, methods=["POST"]),
        ]
    )
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.005)
        assert thread.is_alive(), "the server did not start"
    speech.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/v1"
    try:
        yield speech
    finally:
        server.should_exit = True
        thread.join()


def sending(*parts: bytes, then_hang: bool = False) -> Script:
    """These very bytes, and then the end, or nothing more."""

    async def body() -> AsyncIterator[bytes]:
        for part in parts:
            yield part
            await asyncio.sleep(0)
        if then_hang:
            await asyncio.Event().wait()

    return body


def saying(content: Any, status: int = 200) -> Script:
    """JSON."""
    return lambda: JSONResponse(content, status, {"x-should-retry": "false"})


def page(status: int = 200) -> Script:
    """What a proxy shows instead of an answer."""
    return lambda: Response("<html>Bad</html>", status, {"x-should-retry": "false"}, media_type="text/html")
