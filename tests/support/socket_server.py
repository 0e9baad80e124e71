"""Real sockets for the tests of the transports: uvicorn on a free port, an app of the test's own."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
import websockets
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute

from antiphon.link import App, Calls
from antiphon.transports.admission import Gate
from antiphon.transports.websocket import MAX_FRAME_BYTES, realtime_endpoint

LIMIT_S = 20.0
"""A test that waits longer has failed."""


def play(scene: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a scene on a loop in debug mode; it may not last long."""

    async def within_limit() -> None:
        async with asyncio.timeout(LIMIT_S):
            await scene()

    asyncio.run(within_limit(), debug=True)


@asynccontextmanager
async def listening(app: App, gate: Gate | None = None, calls: Calls | None = None) -> AsyncIterator[str]:
    """The URL of an endpoint that has `app` serve its links, and `calls` their sidebands."""
    routes = [WebSocketRoute("/v1/realtime", realtime_endpoint(app, gate or Gate(), calls))]
    config = uvicorn.Config(
        Starlette(routes=routes),
        port=0,
        ws="websockets-sansio",
        ws_max_size=MAX_FRAME_BYTES,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"ws://127.0.0.1:{port}/v1/realtime"
    finally:
        await server.shutdown()


def dial(url: str, *, subprotocols: Sequence[str] = (), **headers: str) -> websockets.connect:
    """A client of a URL; an underscore in a header's name is a hyphen."""
    return websockets.connect(
        url,
        max_size=None,
        subprotocols=[websockets.Subprotocol(name) for name in subprotocols] or None,
        additional_headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


async def refusal(client: websockets.connect) -> tuple[str, str | None, int | None, str | None]:
    """What a connection that is not let in is told: message and code of the error, code and reason of the close."""
    async with client as socket:
        told = json.loads(await socket.recv())
        assert told["type"] == "error"
        assert told["event_id"].startswith("event_")
        await socket.wait_closed()
        return told["error"]["message"], told["error"]["code"], socket.close_code, socket.close_reason
