"""The listening process: a socket, an event loop, and an orderly end."""

import asyncio
import contextlib
import errno
import signal
import socket
from collections.abc import Callable, Generator, Iterator

import uvicorn

from antiphon.config import Config, ConfigError, check_bind, read_keys
from antiphon.config.settings import Server as Address
from antiphon.server.house import House
from antiphon.server.pool import NotReady
from antiphon.transports.websocket import MAX_FRAME_BYTES

BACKLOG = 2048
"""Connections that may wait while the process is busy, as uvicorn has it."""
PING_INTERVAL_S = 20.0
"""A peer that vanished without a word is noticed after two of these."""
LAST_REQUESTS_S = 5.0
"""How long open HTTP requests may take once the sessions are gone."""


def serve(config: Config, *, listening: Callable[[House, str], None]) -> None:
    """Serve until SIGTERM or SIGINT, then let sessions end for `server.drain_seconds`; a second signal ends at once.

    `listening` is called with the address once the port is open; the engines are still warming up then.
    Raises `SetupError` for what the operator has to change, and what the engines raised if they could not start.
    """
    check_bind(config.server.host, read_keys(config.server))
    house = House(config)
    with bound(config.server) as sock:
        server = uvicorn_server(house)
        with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
            runner.run(_run(server, house, sock, lambda: listening(house, address_of(sock))))
    if house.pool.failure is not None:
        raise house.pool.failure


@contextlib.contextmanager
def bound(address: Address) -> Iterator[socket.socket]:
    """The socket to listen on. Raises `ConfigError` for an address that cannot be had."""
    host = address.host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        sock = socket.create_server((host, address.port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise _unbindable(address, error) from None
    with sock:
        yield sock


def address_of(sock: socket.socket) -> str:
    """The address of a socket as the start of a URL: `127.0.0.1:8000`."""
    return in_url(*sock.getsockname()[:2])


def in_url(host: str, port: int) -> str:
    """Host and port as a URL has them."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class QuietServer(uvicorn.Server):
    """Leaves signals to us: uvicorn would close every session at the first one."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Capture none."""
        yield


def uvicorn_server(house: House) -> QuietServer:
    """A server for the house, as the WebSocket transport needs it."""
    config = uvicorn.Config(
        house.asgi,
        ws="websockets-sansio",
        ws_max_size=MAX_FRAME_BYTES,
        ws_per_message_deflate=False,
        ws_ping_interval=PING_INTERVAL_S,
        ws_ping_timeout=PING_INTERVAL_S,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=round(LAST_REQUESTS_S),
    )
    return QuietServer(config)


class _End:
    """How the process is told to end: politely, then at once."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.hurried = asyncio.Event()

    def on_signal(self) -> None:
        """Count a signal: the first asks, the next one hurries."""
        (self.hurried if self.asked.is_set() else self.asked).set()


async def _run(server: QuietServer, house: House, sock: socket.socket, listening: Callable[[], None]) -> None:
    end = _End()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, end.on_signal)
    async with asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(_end_on_failure(house, end))
        ending = tasks.create_task(_end_in_order(server, house, end))
        listening()
        await server.serve(sockets=[sock])
        watching.cancel()
        ending.cancel()


async def _end_on_failure(house: House, end: _End) -> None:
    """Without engines there is nothing to serve."""
    try:
        await house.pool.until_ready()
    except NotReady:
        end.asked.set()


async def _end_in_order(server: QuietServer, house: House, end: _End) -> None:
    await end.asked.wait()
    async with asyncio.TaskGroup() as tasks:
        draining = tasks.create_task(house.drain(house.config.server.drain_seconds))
        hurrying = tasks.create_task(_hurry(draining, end))
        await asyncio.wait({draining})
        hurrying.cancel()
    server.should_exit = True


async def _hurry(draining: asyncio.Task[None], end: _End) -> None:
    await end.hurried.wait()
    draining.cancel()


def _unbindable(address: Address, error: OSError) -> ConfigError:
    where = f"{address.host}:{address.port}"
    if error.errno == errno.EADDRINUSE:
        return ConfigError(
            "", f"{where} is taken by another program.", "choose another port with --port, or a free one with --port 0"
        )
    if error.errno == errno.EACCES:
        return ConfigError("", f"{where} needs more rights than this user has.", "choose a --port from 1024 up")
    return ConfigError("", f"{where} cannot be listened on: {error.strerror or error}.", "check --host and --port")
