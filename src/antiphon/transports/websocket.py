"""Realtime over WebSocket: frames of an ASGI server in, a `Link` out.

Meant for uvicorn with `ws="websockets-sansio"`, which answers pings, keeps the peer alive with its own and
stops reading while nobody takes the frames. A frame may have 21 MiB: 15 MiB of audio in base64.
"""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TypeAlias

from starlette.responses import JSONResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from antiphon.dialects.ga import GA
from antiphon.link import App, Binary, Calls, Frame, Scope, Text
from antiphon.protocol import errors
from antiphon.protocol.ids import new_id
from antiphon.protocol.server_events import Error
from antiphon.transports.admission import CALL_PARAMETER, Gate, Knock, Refusal, admit

MAX_FRAME_BYTES = 21 * 1024 * 1024
"""For the server's configuration: the largest append, with room for the JSON around it."""

SUBPROTOCOL = "realtime"
"""The only one that we ever choose; the others that clients offer carry keys and names."""

MAX_REASON_BYTES = 123
"""What a close frame has room for."""

Endpoint: TypeAlias = Callable[[WebSocket], Awaitable[None]]


def realtime_endpoint(app: App, gate: Gate, calls: Calls | None = None) -> Endpoint:
    """A Starlette endpoint that lets connections in by `gate` and has `app` serve them.

    A sideband joins one of `calls`; one that names none that it may join is refused before the upgrade.
    """

    async def endpoint(websocket: WebSocket) -> None:
        knock = _knock(websocket)
        admitted = admit(knock, gate)
        call = calls.find(knock.query.get(CALL_PARAMETER, "")) if calls is not None else None
        if isinstance(admitted, Scope) and admitted.call_id is not None and not gate.joins(admitted, call):
            body = errors.call_unknown(admitted.call_id).body
            await websocket.send_denial_response(JSONResponse(body, HTTPStatus.NOT_FOUND))
            return
        await websocket.accept(subprotocol=SUBPROTOCOL if SUBPROTOCOL in knock.subprotocols else None)
        if isinstance(admitted, Refusal):
            link = WebSocketLink(websocket, Scope("websocket"))
            for data in GA().send(Error(error=admitted.error), new_id("event")):
                await link.send(data)
            await link.close(admitted.code, admitted.reason)
        elif admitted.call_id is not None and calls is not None:
            await calls.attach(admitted.call_id, WebSocketLink(websocket, admitted))
        else:
            await app(WebSocketLink(websocket, admitted))

    return endpoint


class WebSocketLink:
    """One accepted WebSocket."""

    def __init__(self, websocket: WebSocket, scope: Scope) -> None:
        self.scope = scope
        self._websocket = websocket
        self._is_gone = False

    async def receive(self) -> Frame | None:
        """The next frame; None once the peer has gone, or we have closed."""
        if self._is_gone:
            return None
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect":
            self._is_gone = True
            return None
        text = message.get("text")
        return Binary(len(message["bytes"])) if text is None else Text(text)

    async def send(self, data: bytes) -> None:
        """Send one event. Returns when the transport has room again; after a loss it does nothing."""
        await self._give({"type": "websocket.send", "text": data.decode()})

    async def close(self, code: int, reason: str) -> None:
        """End the connection. Safe to call twice."""
        shown = reason.encode()[:MAX_REASON_BYTES].decode(errors="ignore")
        await self._give({"type": "websocket.close", "code": code, "reason": shown})
        self._is_gone = True

    async def _give(self, message: dict[str, str | int]) -> None:
        if self._is_gone:
            return
        try:
            await self._websocket.send(message)
        except (WebSocketDisconnect, RuntimeError):
            # The server raises RuntimeError for what is sent after a close of its own: a peer that did not answer
            # its pings, a frame that was too large.
            self._is_gone = True


def _knock(websocket: WebSocket) -> Knock:
    peer = websocket.client
    return Knock(
        headers={name.lower(): value for name, value in websocket.headers.items()},
        subprotocols=tuple(websocket.scope.get("subprotocols", ())),
        query=dict(websocket.query_params),
        client=f"{peer.host}:{peer.port}" if peer else "",
    )
