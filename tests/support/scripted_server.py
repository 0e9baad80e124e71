"""A real WebSocket server that plays a script: recorded-like traces, and worse."""

import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

Script = Callable[[ServerConnection], Awaitable[None]]
OnRequest = Callable[[ServerConnection, Request], Response | None]

AUDIO = {"input": {}, "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "alloy"}}

SESSION = {
    "type": "realtime",
    "object": "realtime.session",
    "id": "sess_1",
    "model": "gpt-realtime",
    "expires_at": 1756324625,
    "audio": AUDIO,
}


@asynccontextmanager
async def scripted(script: Script, *, on_request: OnRequest | None = None) -> AsyncIterator[str]:
    """Serve `script` to every client, at the address that is given."""
    async with serve(
        script,
        "127.0.0.1",
        0,
        max_size=None,
        compression=None,
        process_request=on_request,
        select_subprotocol=lambda _socket, offered: Subprotocol("realtime") if offered else None,
        close_timeout=1,
    ) as server:
        yield f"ws://127.0.0.1:{port_of(server)}/v1/realtime"


def port_of(server: Any) -> int:
    """The port that a server of asyncio or websockets listens at."""
    return int(next(iter(server.sockets)).getsockname()[1])


async def say(socket: ServerConnection, *events: dict[str, Any]) -> None:
    """Send events as a server does: JSON text with an id each."""
    for event in events:
        await socket.send(json.dumps({"event_id": "event_1"} | event))


def created() -> dict[str, Any]:
    """The first event of every connection."""
    return {"type": "session.created", "session": SESSION}


def error(message: str, code: str | None = None) -> dict[str, Any]:
    """An error event."""
    return {
        "type": "error",
        "error": {"type": "invalid_request_error", "code": code, "message": message, "param": None, "event_id": None},
    }


class Scene:
    """A server that says its lines when so much sound has come in, and notes what the client sends."""

    def __init__(self, lines: dict[int, list[dict[str, Any]]], *, opening: list[dict[str, Any]] | None = None) -> None:
        self._lines = sorted(lines.items())
        self._opening = [created()] if opening is None else opening
        self.heard_ms = 0.0
        self.received: list[dict[str, Any]] = []
        """Everything but appends."""

    async def play(self, socket: ServerConnection) -> None:
        """Serve one client to its end."""
        await say(socket, *self._opening)
        async for frame in socket:
            event = json.loads(frame)
            if event["type"] == "input_audio_buffer.append":
                pcm = base64.b64decode(event["audio"])
                self.heard_ms += len(pcm) / 48
                self.hear(pcm)
            else:
                self.received.append(event)
                await self.answer(socket, event)
            while self._lines and self.heard_ms >= self._lines[0][0]:
                await say(socket, *self._lines.pop(0)[1])

    def hear(self, pcm: bytes) -> None:
        """What else is to be done with the sound."""

    async def answer(self, socket: ServerConnection, event: dict[str, Any]) -> None:
        """What follows from an event that is no sound."""
        if event["type"] == "session.update":
            await say(socket, {"type": "session.updated", "session": SESSION})
