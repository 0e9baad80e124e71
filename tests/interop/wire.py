"""Listens in: what went over the sockets of a server under test."""

import json
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from starlette.types import ASGIApp, Message, Receive, Scope, Send

Side: TypeAlias = Literal["client", "server"]


@dataclass
class Wire:
    """All frames of a server's WebSockets, in the order in which they passed."""

    frames: list[tuple[Side, str]] = field(default_factory=list)

    def events(self, side: Side, *kinds: str) -> list[dict[str, Any]]:
        """What one side said; only events of these types, if any are named."""
        said = [json.loads(text) for who, text in self.frames if who == side]
        return [event for event in said if not kinds or event["type"] in kinds]


class Tap:
    """ASGI middleware that notes frames on their way; it changes nothing."""

    def __init__(self, app: ASGIApp, wire: Wire) -> None:
        self._app = app
        self._wire = wire

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def receiving() -> Message:
            return self._noted("client", await receive(), "websocket.receive")

        async def sending(message: Message) -> None:
            await send(self._noted("server", message, "websocket.send"))

        await self._app(scope, receiving, sending)

    def _noted(self, side: Side, message: Message, kind: str) -> Message:
        if message["type"] == kind and message.get("text") is not None:
            self._wire.frames.append((side, message["text"]))
        return message
