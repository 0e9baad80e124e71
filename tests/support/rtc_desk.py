"""The WebRTC transport alone, on a real port, with an app of the test's own."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette

from antiphon.link import App, Link, Scope
from antiphon.transports.admission import Gate
from antiphon.transports.listening import QuietServer, bound, uvicorn_server
from antiphon.transports.rest import Mint
from antiphon.transports.secrets import Secrets
from antiphon.transports.webrtc.desk import Desk
from antiphon.transports.webrtc.endpoint import Door
from antiphon.transports.webrtc.options import WebRTCOptions


class NoCalls:
    """No session runs here but those of the desk."""

    def find(self, call_id: str) -> Scope | None:
        return None

    async def attach(self, call_id: str, link: Link) -> None:
        raise AssertionError(call_id)

    def end(self, call_id: str) -> bool:
        return False


@asynccontextmanager
async def desk(app: App, options: WebRTCOptions | None = None) -> AsyncIterator[tuple[str, Desk]]:
    """The address of a server that has `app` serve its calls, and its desk."""
    made = Desk(app, options or WebRTCOptions())
    door = Door(made, Gate(), Mint(Secrets(time.monotonic), lambda _: True), NoCalls())
    server: QuietServer = uvicorn_server(Starlette(routes=list(door.routes())))
    with bound("127.0.0.1", 0) as sock:
        running = asyncio.get_running_loop().create_task(server.serve(sockets=[sock]))
        try:
            yield f"http://127.0.0.1:{sock.getsockname()[1]}", made
        finally:
            await made.stop()
            server.should_exit = True
            await running
