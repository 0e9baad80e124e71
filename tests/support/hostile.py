"""An upstream on a bare socket that does what no server should, and a client that tells what it was told."""

import asyncio
import base64
import contextlib
import hashlib
import json
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from scripted_server import created
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

Play = Callable[["Peer"], Awaitable[None]]

TEXT, BINARY, CLOSE = 1, 2, 8
MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
PATIENCE_S = 30.0
"""A guard: what takes longer has failed."""


class Peer:
    """One connection of a client, under the test's control byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.head = b""
        """What the client's upgrade request says."""

    async def request(self) -> None:
        """Read the upgrade request."""
        self.head = await self.reader.readuntil(b"\r\n\r\n")

    async def answer(self, status: str, body: str = "") -> None:
        """Answer the upgrade with something else."""
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}"
        self.writer.write(head.encode())
        await self.writer.drain()

    async def upgrade(self) -> None:
        """Become a WebSocket."""
        await self.request()
        key = next(
            line.split()[1] for line in self.head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key")
        )
        accept = base64.b64encode(hashlib.sha1(key + MAGIC, usedforsecurity=False).digest())
        self.writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )

    async def open(self) -> None:
        """Become a session."""
        await self.upgrade()
        await self.say(created())

    async def say(self, event: dict[str, Any]) -> None:
        """Send an event."""
        await self.send(json.dumps({"event_id": "event_1"} | event).encode())

    async def send(self, payload: bytes, kind: int = TEXT) -> None:
        """Send a whole frame."""
        self.writer.write(head_of(len(payload), kind) + payload)
        await self.writer.drain()

    async def heard(self) -> bytes:
        """The payload of the next frame of the client."""
        first, second = await self.reader.readexactly(2)
        length = second & 127
        if length > 125:
            size = 2 if length == 126 else 8
            length = int.from_bytes(await self.reader.readexactly(size), "big")
        mask = await self.reader.readexactly(4)
        masked = await self.reader.readexactly(length)
        payload = bytes(byte ^ mask[at % 4] for at, byte in enumerate(masked))
        assert first & 15 in (TEXT, CLOSE)
        return payload

    def reset(self) -> None:
        """Break the connection as a crash does."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(1, 13, struct.pack("ii", 1, 0))  # SO_LINGER of nothing: the close is a reset
        self.writer.transport.abort()


def head_of(length: int, kind: int = TEXT) -> bytes:
    """The beginning of a frame of a server."""
    if length < 126:
        return bytes([0x80 | kind, length])
    if length < 1 << 16:
        return bytes([0x80 | kind, 126]) + length.to_bytes(2, "big")
    return bytes([0x80 | kind, 127]) + length.to_bytes(8, "big")


@asynccontextmanager
async def hostile(play: Play) -> AsyncIterator[str]:
    """A server that has `play` treat its clients; its base address."""
    playing: set[asyncio.Task[None]] = set()

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        playing.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await play(Peer(reader, writer))
        finally:
            playing.discard(task)
            writer.close()

    server = await asyncio.start_server(client, "127.0.0.1", 0)
    try:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    finally:
        server.close()
        for task in tuple(playing):
            task.cancel()
        await asyncio.gather(*playing, return_exceptions=True)


class Told:
    """What a client was told until the end."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.code: int | None = None
        self.reason = ""

    @property
    def types(self) -> list[str]:
        """The events by type."""
        return [event["type"] for event in self.events]

    @property
    def errors(self) -> list[tuple[str, str | None, str]]:
        """Type, code and message of the errors."""
        errors = [event["error"] for event in self.events if event["type"] == "error"]
        return [(error["type"], error["code"], error["message"]) for error in errors]


async def listen(url: str, *say: str | bytes, **headers: str) -> Told:
    """Connect, say something, and listen to the end."""
    told = Told()
    async with (
        asyncio.timeout(PATIENCE_S),
        connect(f"{url}?model=gpt-realtime", max_size=None, compression=None, additional_headers=headers) as socket,
    ):
        try:
            for frame in say:
                await socket.send(frame)
            while True:
                told.events.append(json.loads(await socket.recv()))
        except ConnectionClosed:
            told.code, told.reason = socket.close_code, socket.close_reason or ""
    return told
