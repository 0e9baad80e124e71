"""A real relay on a free port, for tests."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from starlette.middleware import Middleware

from antiphon.gateway.house import RelayHouse
from antiphon.gateway.reading import Given, load
from antiphon.transports.listening import address_of, bound, uvicorn_server


@asynccontextmanager
async def relaying(
    *upstreams: str,
    toml: str = "",
    given: Given | None = None,
    middleware: Sequence[Middleware] = (),
    **relay: Any,
) -> AsyncIterator["Relaying"]:
    """A running relay before these addresses, with more settings by name or as a file has them."""
    chosen = given or Given({"health_seconds": 0.0, **relay}, upstreams)
    loaded = load(toml, {}, chosen)
    house = RelayHouse(loaded.config, loaded.keys, loaded.upstream_keys)
    house.asgi.user_middleware.extend(middleware)
    with bound("127.0.0.1", 0) as sock:
        server = uvicorn_server(house.asgi)
        running = asyncio.get_running_loop().create_task(server.serve(sockets=[sock]))
        try:
            yield Relaying(f"http://{address_of(sock)}", house)
        finally:
            await house.relay.stop(0)
            server.should_exit = True
            await running


class Relaying:
    """Where it is, and what is in it."""

    def __init__(self, url: str, house: RelayHouse) -> None:
        self.url = url
        self.house = house

    @property
    def socket_url(self) -> str:
        """For a client of WebSocket."""
        return f"{self.url.replace('http', 'ws')}/v1/realtime"
