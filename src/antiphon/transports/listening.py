"""The listening process of an ASGI application: its socket, its server, and an orderly end."""

import asyncio
import contextlib
import errno
import signal
import socket
import ssl
from collections.abc import Awaitable, Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any

import uvicorn

from antiphon.engines.registry import SetupError
from antiphon.transports.websocket import MAX_FRAME_BYTES

BACKLOG = 2048
"""Connections that may wait while the process is busy, as uvicorn has it."""
PING_INTERVAL_S = 20.0
"""A peer that vanished without a word is noticed after two of these."""
LAST_REQUESTS_S = 5.0
"""How long open HTTP requests may take once the sessions are gone."""


class Unbindable(SetupError):
    """The address cannot be listened on."""


class BadCertificate(SetupError):
    """The certificate or its key cannot be used."""


@dataclass(frozen=True, slots=True)
class Tls:
    """Files in PEM: a certificate with those that sign it, and its key."""

    certificate: str
    key: str

    def check(self) -> None:
        """Raise `BadCertificate` where a server could not use them."""
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self.certificate, self.key)
        except (OSError, ssl.SSLError) as error:
            why = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
            message = f"TLS cannot be served with {self.certificate} and {self.key}: {why}."
            raise BadCertificate(message, "both are PEM files, and the key has no password") from None


@contextlib.contextmanager
def bound(host: str, port: int) -> Iterator[socket.socket]:
    """The socket to listen on. Raises `Unbindable`."""
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        sock = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise _unbindable(f"{host}:{port}", error) from None
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


def uvicorn_server(asgi: Any, tls: Tls | None = None) -> QuietServer:
    """A server for an ASGI application, as the WebSocket transport needs it; `tls` was checked."""
    config = uvicorn.Config(
        asgi,
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
        ssl_certfile=tls.certificate if tls else None,
        ssl_keyfile=tls.key if tls else None,
    )
    return QuietServer(config)


class End:
    """How the process is told to end: politely by the first SIGTERM or SIGINT, then at once."""

    def __init__(self) -> None:
        """For the loop that runs."""
        self.asked = asyncio.Event()
        self._hurried = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._on_signal)

    def _on_signal(self) -> None:
        (self._hurried if self.asked.is_set() else self.asked).set()

    async def in_order(self, server: uvicorn.Server, drain: Callable[[], Awaitable[None]]) -> None:
        """Once asked, let `drain` end the sessions, unless it is hurried; then stop the server."""
        await self.asked.wait()
        async with asyncio.TaskGroup() as tasks:
            draining = tasks.create_task(_awaited(drain))
            hurrying = tasks.create_task(self._hurry(draining))
            await asyncio.wait({draining})
            hurrying.cancel()
        server.should_exit = True

    async def _hurry(self, draining: asyncio.Task[None]) -> None:
        await self._hurried.wait()
        draining.cancel()


async def _awaited(drain: Callable[[], Awaitable[None]]) -> None:
    await drain()


def _unbindable(where: str, error: OSError) -> Unbindable:
    if error.errno == errno.EADDRINUSE:
        return Unbindable(
            f"{where} is taken by another program.", "choose another port with --port, or a free one with --port 0"
        )
    if error.errno == errno.EACCES:
        return Unbindable(f"{where} needs more rights than this user has.", "choose a --port from 1024 up")
    return Unbindable(f"{where} cannot be listened on: {error.strerror or error}.", "check --host and --port")
