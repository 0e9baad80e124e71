"""One connection to a Realtime server: typed events both ways.

    async with connect("http://localhost:8000/v1", model="gpt-realtime") as connection:
        await connection.send(ResponseCreate())
        async for event in connection:
            ...

It adds nothing and hides nothing: an event that we do not know comes as `Unknown`, an `error` event is an event.
Only the end is interpreted: the iteration stops when both sides were done, and raises `ConnectionLost` otherwise.
"""

import asyncio
import errno
import logging
import os
import ssl as tls
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_socket
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI, ProxyError
from websockets.protocol import State

from antiphon.client.address import Dialect, credentials, dialect_of, endpoint
from antiphon.client.errors import BadAddress, ConnectionLost, Unreachable, UpgradeRefused
from antiphon.client.older import Older
from antiphon.protocol.client_events import ClientEvent
from antiphon.protocol.codec import Unknown, decode_server, encode_client
from antiphon.protocol.errors import ErrorDetail
from antiphon.protocol.server_events import Error, ServerEvent

MAX_FRAME_BYTES: Final = 64 * 1024 * 1024
"""Largest frame we take: an item retrieved with a quarter of an hour of audio."""

OPEN_TIMEOUT_S: Final = 10.0

CLOSE_TIMEOUT_S: Final = 2.0
"""How long a server may take to say goodbye; who leaves does not want to wait."""

DONE_CODES: Final = frozenset({1000, 1005})
"""Close codes of a peer that has nothing more to say; 1005 is a close without a code."""

VANISHED: Final = 1006
"""The code for no close at all."""

HINTS: Final[dict[int, str]] = {
    401: "give the server's key with --api-key or in OPENAI_API_KEY",
    403: "is the address right (it usually ends in /v1/realtime), and may the key use it?",
    404: "is this the address of a Realtime server? It usually ends in /v1/realtime",
    429: "the server is full; try again later",
}
"""What to do about an HTTP status, where we know."""


class Connection:
    """An open connection. One task may iterate it while others send."""

    def __init__(self, socket: ClientConnection, url: str, older: Older | None = None) -> None:
        """`older` translates for a server that does not speak GA; what is raw passes by it."""
        self._socket = socket
        self._older = older
        self._read: deque[ServerEvent | Unknown] = deque()
        """Events of the last frame that are still to be given."""
        self._last_frame = b""
        self.url = url
        """The whole address that was reached."""

    async def send(self, event: ClientEvent) -> None:
        """Send one event; returns when the socket has room for more.

        Raise ConnectionLost when the connection has ended. Why it ended is known to the one who iterates.
        """
        await self.send_raw(self._older.frame(event) if self._older else encode_client(event))

    async def send_raw(self, frame: bytes | str, *, is_binary: bool = False) -> None:
        """Send a frame as it is, be it no event at all; a text frame unless `is_binary`. Raise as `send` does."""
        try:
            await self._socket.send(frame, text=not is_binary)
        except ConnectionClosed as closed:
            raise self._lost(closed) from None

    async def receive(self) -> ServerEvent | Unknown | None:
        """The next event; None when the connection has ended well. Raise ConnectionLost when it has not."""
        if not self._read:
            frame = await self.receive_raw()
            if frame is None:
                return None
            self._read.extend(self._older.events(frame) if self._older else [decode_server(frame)])
        return self._read.popleft()

    async def receive_raw(self) -> bytes | None:
        """The next frame as it came; None when the connection has ended well. Raise ConnectionLost when it has not."""
        try:
            self._last_frame = await self._socket.recv(decode=False)
        except ConnectionClosed as closed:
            if (closed.rcvd or closed.sent) and _code(closed) in DONE_CODES:
                return None
            raise self._lost(closed) from None
        return self._last_frame

    async def __aiter__(self) -> AsyncIterator[ServerEvent | Unknown]:
        while (event := await self.receive()) is not None:
            yield event

    @property
    def is_open(self) -> bool:
        """Whether neither side has begun to end it; frames that came before may still wait to be taken."""
        return self._socket.state is State.OPEN

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol that the server chose, if any."""
        return self._socket.subprotocol

    @property
    def last_error(self) -> ErrorDetail | None:
        """The server's `error` event, when it was the last thing that the server said."""
        last = decode_server(self._last_frame)
        return last.error if isinstance(last, Error) else None

    async def close(self) -> None:
        """End the connection; the iteration then stops. Safe to call twice."""
        await self._socket.close()

    def _lost(self, closed: ConnectionClosed) -> ConnectionLost:
        code, detail = _code(closed), self.last_error
        reason = closed.rcvd.reason if closed.rcvd else ""
        if detail:
            message = f"The server said: {detail.message}"
        elif closed.rcvd:
            message = f"The server closed the connection: {code}{f' {reason}' if reason else ''}."
        elif closed.sent and code != VANISHED:
            message = f"The connection was given up: {code} {closed.sent.reason}."
        else:
            message = "The connection broke: the server went away without a word."
        return ConnectionLost(message, HINTS[401] if code == 3000 else None, code=code, reason=reason, detail=detail)


@asynccontextmanager
async def connect(
    url: str,
    *,
    api_key: str | None = None,
    model: str | None = None,
    dialect: Dialect | None = None,
    subprotocol_auth: bool = False,
    headers: Mapping[str, str] | None = None,
    ssl: tls.SSLContext | None = None,
    open_timeout_s: float = OPEN_TIMEOUT_S,
    max_frame_bytes: int = MAX_FRAME_BYTES,
) -> AsyncIterator[Connection]:
    """Connect to the Realtime server at `url` (see `antiphon.client.address`) for as long as the block runs.

    `dialect` is what the server speaks, by default what the URL tells; events are GA's both ways in any. The key
    goes by header, or with `subprotocol_auth` as a browser sends it. Proxies are taken from the environment. Raise
    BadAddress, Unreachable or UpgradeRefused; a server that refuses the key or the model usually does so by an
    `error` event after that, and closes.
    """
    spoken = dialect or dialect_of(url)
    address = endpoint(url, model, spoken)
    with_key, subprotocols = credentials(address, api_key, in_subprotocol=subprotocol_auth, dialect=spoken)
    trust: dict[str, Any] = {"ssl": ssl} if ssl else {}
    opening = _Opening(
        address,
        additional_headers={**with_key, **(headers or {})},
        subprotocols=subprotocols,
        compression=None,
        max_size=max_frame_bytes,
        open_timeout=open_timeout_s,
        close_timeout=CLOSE_TIMEOUT_S,
        logger=_socket_log(),
        **trust,
    )
    socket = await _opened(opening, address, open_timeout_s)
    try:
        yield Connection(socket, address, None if spoken == "ga" else Older())
    finally:
        await _left(socket)


async def _left(socket: ClientConnection) -> None:
    """Say goodbye: with 1000 whatever happened here, for our exceptions are not the server's business."""
    try:
        await socket.close()
    except asyncio.CancelledError:
        socket.transport.abort()  # who has no time for the server's goodbye must not leave the socket open
        raise


class _Opening(open_socket):
    """A redirect is not followed: it would carry the key to another host."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


async def _opened(opening: _Opening, address: str, timeout_s: float) -> ClientConnection:
    """The open socket, or one of our errors. Addresses in messages come without their query."""
    shown = address.partition("?")[0]
    try:
        return await opening
    except InvalidStatus as refused:
        status = refused.response.status_code
        where = refused.response.headers.get("Location")
        message = f"{shown} refused the WebSocket: HTTP {status}{_said(refused)}"
        raise UpgradeRefused(message, f"it moved to {where}" if where else HINTS.get(status), status=status) from None
    except ProxyError as error:
        raise Unreachable(f"The proxy on the way to {shown} failed: {error}.") from None
    except InvalidHandshake as error:
        raise UpgradeRefused(f"{shown} is no WebSocket server: {error}.", HINTS[404], status=101) from None
    except InvalidURI as error:
        raise BadAddress(f"`{shown}` is no address: {error.msg}.") from None
    except TimeoutError:
        raise Unreachable(f"{shown} did not answer within {timeout_s:g} s.") from None
    except tls.SSLCertVerificationError as error:
        raise Unreachable(
            f"{shown} has no certificate that is trusted here: {error.verify_message}.",
            "point SSL_CERT_FILE at the authority's certificate",
        ) from None
    except tls.SSLError as error:
        raise Unreachable(f"{shown} does not speak TLS: {error.reason}.", "is it ws:// rather than wss://?") from None
    except (OSError, EOFError) as error:
        hint = "is the server running, and with TLS?" if shown.startswith("wss:") else "is the server running?"
        raise Unreachable(f"Nobody answers at {shown}: {_why(error)}.", hint) from None


def _said(refused: InvalidStatus) -> str:
    """The beginning of what the server gave as its reason, on one line."""
    text = " ".join(bytes(refused.response.body or b"").decode(errors="replace").split())
    return f": {text[:200]}" if text else "."


def _why(error: Exception) -> str:
    """What the system says, without its numbers and address lists."""
    text, number = str(error), getattr(error, "errno", None)
    if isinstance(error, ConnectionRefusedError) or (number is None and f"[Errno {errno.ECONNREFUSED}]" in text):
        return "the connection was refused"
    if isinstance(error, ConnectionResetError | EOFError):
        return "the connection was cut at once"
    if number is not None and number > 0:
        return os.strerror(number)
    if text.startswith("Multiple exceptions"):
        return "none of its addresses can be reached"
    return (getattr(error, "strerror", None) or text or type(error).__name__).rstrip(".")


def _code(closed: ConnectionClosed) -> int:
    frame = closed.rcvd or closed.sent
    return frame.code if frame else VANISHED


def _socket_log() -> logging.Logger:
    """The socket library writes headers and frames into its debug log; keys and audio must not get there."""
    log = logging.getLogger("antiphon.client.socket")
    log.setLevel(logging.INFO)
    return log
