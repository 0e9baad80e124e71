"""A call as a `Link`: events over the data channel, sound by RTP, all that comes in one bounded queue, in order."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable

import msgspec
from aiortc import RTCDataChannel

from antiphon.link import Binary, Frame, Media, Scope, Text

MAX_WAITING_BYTES = 8 * 1024 * 1024
"""What may wait to be taken: half a minute of sound beside events of several times a channel's window. A session
that is so far behind is lost, and so is a client that sends so much at once: the call ends."""
FRAME_COST = 128
"""What an empty frame counts, so that their number is bounded, too."""
HIGH_WATER_BYTES = 256 * 1024
"""What may wait to be sent before `send` does: as much as the largest event of most clients."""
LOW_WATER_BYTES = 64 * 1024
CLOSE_S = 1.0
"""How long the last events may take to reach the client."""

LABEL = "oai-events"
TOO_LARGE = "The event {type} has {size} bytes, and this client's data channel takes {limit} at most."


class CallLink:
    """One call's link. It may be served before the caller is connected: what is sent waits for the data channel."""

    def __init__(self, scope: Scope, end: Callable[[], Awaitable[None]], max_message_bytes: int = 0) -> None:
        """`end` closes the connection below; 0 bytes are no limit."""
        self.scope = scope
        self.opened = asyncio.Event()
        """Set when the data channel is open."""
        self.settled = asyncio.Event()
        """Set when it is known whether there is a data channel; until then events to the client wait."""
        self._end = end
        self._limit = max_message_bytes
        self._channel: RTCDataChannel | None = None
        self._frames: deque[Frame] = deque()
        self._waiting = 0
        self._arrived = asyncio.Event()
        self._drained = asyncio.Event()
        self._is_closed = False

    def attach(self, channel: RTCDataChannel) -> None:
        """Speak over this channel; the first one that the client opens."""
        if self._channel is not None or self._is_closed:
            return
        self._channel = channel
        channel.bufferedAmountLowThreshold = LOW_WATER_BYTES
        channel.on("message", self._on_message)
        channel.on("bufferedamountlow", self._drained.set)
        channel.on("close", self._drained.set)
        self.opened.set()
        self.settled.set()

    def put(self, frame: Frame) -> None:
        """Something has come. What is beyond all bounds ends the call."""
        if self._is_closed:
            return
        self._waiting += _cost(frame)
        if self._waiting > MAX_WAITING_BYTES:
            self.lose()
            return
        self._frames.append(frame)
        self._arrived.set()

    def lose(self) -> None:
        """The peer has gone: nothing more is taken or given."""
        self._is_closed = True
        self._frames.clear()
        self._arrived.set()
        self._drained.set()
        self.settled.set()

    async def receive(self) -> Frame | None:
        """The next frame; None once the peer has gone, or we have closed."""
        while not self._frames:
            if self._is_closed:
                return None
            self._arrived.clear()
            await self._arrived.wait()
        frame = self._frames.popleft()
        self._waiting -= _cost(frame)
        return frame

    async def send(self, data: bytes) -> None:
        """Send one event. Returns when the transport has room again; after a loss it does nothing."""
        await self.settled.wait()
        channel = self._channel
        if self._is_closed or channel is None or channel.readyState != "open":
            return
        channel.send(self._fitting(data).decode())
        while channel.bufferedAmount > HIGH_WATER_BYTES and channel.readyState == "open" and not self._is_closed:
            self._drained.clear()
            await self._drained.wait()

    async def close(self, code: int, reason: str) -> None:  # noqa: ARG002 -- a data channel has neither
        """End the connection, once what was sent has arrived. Safe to call twice."""
        if not self._is_closed:
            await self._part()
        self.lose()
        await self._end()

    async def _part(self) -> None:
        """Close the channel: SCTP does so after what it still has to send."""
        channel = self._channel
        if channel is None or channel.readyState != "open":
            return
        closed = asyncio.Event()
        channel.on("close", closed.set)
        channel.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await closed.wait()

    def _on_message(self, message: str | bytes) -> None:
        self.put(Text(message) if isinstance(message, str) else Binary(len(message)))

    def _fitting(self, data: bytes) -> bytes:
        """The event as the client's channel takes it.

        Clients read each message as one event, so none is cut in pieces. One that is too large goes without its
        sound, which a client of WebRTC has heard anyway; if that is not enough, an error tells of it.
        """
        if not self._limit or len(data) <= self._limit:
            return data
        event = msgspec.json.decode(data)
        lean = msgspec.json.encode(_without_sound(event))
        if len(lean) <= self._limit:
            return lean
        message = TOO_LARGE.format(type=event.get("type"), size=len(data), limit=self._limit)
        error = {"type": "server_error", "code": "event_too_large", "message": message, "param": None, "event_id": None}
        return msgspec.json.encode({"type": "error", "event_id": event.get("event_id"), "error": error})


def _cost(frame: Frame) -> int:
    match frame:
        case Media(pcm):
            return FRAME_COST + len(pcm)
        case Text(data):
            return FRAME_COST + len(data)
        case _:
            return FRAME_COST


def _without_sound(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_sound(inner) for key, inner in value.items() if not _is_sound(key, inner)}
    return [_without_sound(inner) for inner in value] if isinstance(value, list) else value


def _is_sound(key: str, value: object) -> bool:
    return key == "audio" and isinstance(value, str)
