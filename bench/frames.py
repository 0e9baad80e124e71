"""WebSocket frames at the least cost: what the mock upstream and the relay's load generator are made of.

No extensions, no fragments, no checks: both ends are ours, or a relay that has checked. A library would cost as much as
the relays that are measured.
"""

import asyncio
import base64
import hashlib
import os
from collections.abc import Iterator
from typing import cast

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
MASK = b"\1\2\3\4"
"""Of all frames to a server; any will do on loopback."""


def frame(payload: bytes, opcode: int = TEXT, *, masked: bool = False) -> bytes:
    """One frame."""
    flag, size = 0x80 if masked else 0, len(payload)
    if size < 126:
        head = bytes((0x80 | opcode, flag | size))
    elif size < 65_536:
        head = bytes((0x80 | opcode, flag | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, flag | 127)) + size.to_bytes(8, "big")
    return head + MASK + _unmasked(MASK, payload) if masked else head + payload


def _unmasked(mask: bytes, payload: bytes) -> bytes:
    size = len(payload)
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")


class Peer(asyncio.Protocol):
    """Either end of a connection: bytes in, payloads out. Answers pings and closes itself."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        """Cut what has come into the head of HTTP, then frames."""
        self._buffer += data
        if not self._is_open:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = bytes(self._buffer[: end + 4])
            del self._buffer[: end + 4]
            self._is_open = self.on_head(head)
        for opcode, payload in self._frames():
            if opcode == TEXT:
                self.on_text(payload)
            elif opcode == PING:
                self.transport.write(frame(payload, PONG))
            elif opcode == CLOSE:
                self.transport.close()

    def _frames(self) -> Iterator[tuple[int, bytes]]:
        buffer, at = self._buffer, 0
        while len(buffer) - at >= 2:
            size, head = buffer[at + 1] & 0x7F, 2
            if size >= 126:
                head = 4 if size == 126 else 10
                size = int.from_bytes(buffer[at + 2 : at + head], "big")
            is_masked = buffer[at + 1] & 0x80
            begin = at + head + (4 if is_masked else 0)
            if len(buffer) < begin + size:
                break
            payload = bytes(buffer[begin : begin + size])
            opcode, mask = buffer[at] & 0x0F, bytes(buffer[at + head : begin])
            at = begin + size
            yield opcode, _unmasked(mask, payload) if is_masked else payload
        del buffer[:at]

    def on_head(self, head: bytes) -> bool:
        """The head of the HTTP request or answer; True where frames follow."""
        raise NotImplementedError

    def on_text(self, payload: bytes) -> None:
        """One message."""
        raise NotImplementedError


def accepted(head: bytes) -> bytes:
    """The answer to a client's request to upgrade."""
    lines = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
    key = next(value for name, value in lines.items() if name.lower() == b"sec-websocket-key")
    accept = base64.b64encode(hashlib.sha1(key + GUID).digest())  # noqa: S324 -- what RFC 6455 says
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
        + accept
        + b"\r\n\r\n"
    )


def request(host: str, path: str) -> bytes:
    """A client's request to upgrade."""
    key = base64.b64encode(os.urandom(16)).decode()
    lines = (
        f"GET {path} HTTP/1.1",
        f"Host: {host}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
        "Authorization: Bearer none",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
