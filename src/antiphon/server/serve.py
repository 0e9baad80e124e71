"""The process of a server: one house on one socket, until it is told to end."""

import asyncio
import socket
import sys
from collections.abc import Callable

from antiphon.config import Config, check_bind, read_keys
from antiphon.server.house import House
from antiphon.server.pool import NotReady
from antiphon.transports.listening import End, QuietServer, address_of, bound, uvicorn_server

SWITCH_S = 0.002
"""How long a thread may keep another from running. With Python's own 5 ms, events wait that long behind an engine's
thread; with much less, threads disturb each other more than they work, which calls pay for."""


def serve(config: Config, *, listening: Callable[[House, str], None]) -> None:
    """Serve until SIGTERM or SIGINT, then let sessions end for `server.drain_seconds`; a second signal ends at once.

    `listening` is called with the address once the port is open; the engines are still warming up then.
    Raises `SetupError` for what the operator has to change, and what the engines raised if they could not start.
    """
    check_bind(config.server.host, read_keys(config.server))
    house = House(config)
    sys.setswitchinterval(SWITCH_S)
    with bound(config.server.host, config.server.port) as sock:
        server = uvicorn_server(house.asgi, house.tls)
        with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
            runner.run(_run(server, house, sock, lambda: listening(house, address_of(sock))))
    if house.pool.failure is not None:
        raise house.pool.failure


async def _run(server: QuietServer, house: House, sock: socket.socket, listening: Callable[[], None]) -> None:
    end = End()
    async with asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(_end_on_failure(house, end))
        ending = tasks.create_task(end.in_order(server, lambda: house.drain(house.config.server.drain_seconds)))
        listening()
        await server.serve(sockets=[sock])
        watching.cancel()
        ending.cancel()


async def _end_on_failure(house: House, end: End) -> None:
    """Without engines there is nothing to serve."""
    try:
        await house.pool.until_ready()
    except NotReady:
        end.asked.set()
