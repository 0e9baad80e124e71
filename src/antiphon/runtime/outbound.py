"""What waits to be sent over one link, and the loop that sends it.

Nobody who puts an event here ever waits; a slow client delays only itself. Answers ask for room before they go on,
and a client that takes nothing for too long, or lets too much pile up, is closed.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from antiphon.link import Link

MAX_BYTES = 64 * 1024 * 1024
"""More than the longest item that `retrieve` can give: 10 minutes of audio are 38 MB in base64."""

CLOSE_LIMIT_S = 5.0
"""How long saying goodbye may take; a peer that takes nothing cannot be told."""

GONE = 1000
TOO_SLOW = 1008

_LOG = logging.getLogger("antiphon.runtime")


@dataclass(frozen=True, slots=True)
class _Waiting:
    """An encoded event."""

    data: bytes
    audio_of: str | None
    """The response whose audio it carries."""


class Outbound:
    """The way out of one link; `write` is its only writer."""

    def __init__(self, bound: int, stall_limit_s: float, on_room: Callable[[], None]) -> None:
        """`on_room` is told whenever there is room again below `bound` bytes."""
        self._bound = bound
        self._stall_limit_s = stall_limit_s
        self._on_room = on_room
        self._queue: deque[_Waiting] = deque()
        self._bytes = 0
        self._news = asyncio.Event()
        self._end: tuple[int, str] | None = None

    @property
    def has_room(self) -> bool:
        """Whether an answer may go on; always so once the end is near."""
        return self._bytes < self._bound or self._end is not None

    def put(self, data: bytes, audio_of: str | None = None) -> None:
        """Queue an event; `audio_of` names the response whose audio it carries. After the end it does nothing."""
        if self._end is not None:
            return
        if self._bytes > MAX_BYTES:
            self._give_up("its queue is full")
            return
        self._queue.append(_Waiting(data, audio_of))
        self._bytes += len(data)
        self._news.set()

    def drop_audio(self, response_id: str) -> int:
        """Forget the audio of a response that has not been sent; tells how many events that were."""
        kept = [waiting for waiting in self._queue if waiting.audio_of != response_id]
        dropped = len(self._queue) - len(kept)
        if dropped:
            self._queue = deque(kept)
            self._count(-self._bytes + sum(len(waiting.data) for waiting in kept))
        return dropped

    def close(self, code: int, reason: str) -> None:
        """End the link after what waits has been sent. The first end counts."""
        if self._end is None:
            self._end = (code, reason)
            self._news.set()
            self._on_room()

    def abandon(self) -> None:
        """The peer has gone: nothing more is sent."""
        self._clear()
        self.close(GONE, "")

    async def write(self, link: Link) -> None:
        """Send what comes, until the end; then close the link."""
        try:
            while (waiting := await self._next()) is not None:
                async with asyncio.timeout(self._stall_limit_s):
                    await link.send(waiting.data)
        except TimeoutError:
            self._give_up("it takes nothing")
        code, reason = self._end or (GONE, "")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_LIMIT_S):
                await link.close(code, reason)

    async def _next(self) -> _Waiting | None:
        """The oldest event; None at the end."""
        while not self._queue:
            if self._end is not None:
                return None
            self._news.clear()
            await self._news.wait()
        waiting = self._queue.popleft()
        self._count(-len(waiting.data))
        return waiting

    def _give_up(self, why: str) -> None:
        _LOG.warning("closing a slow link: %s", why)
        self._clear()
        self._end = (TOO_SLOW, f"The client is too slow: {why}.")
        self._news.set()
        self._on_room()

    def _clear(self) -> None:
        self._queue.clear()
        self._bytes = 0

    def _count(self, change: int) -> None:
        had_room = self.has_room
        self._bytes += change
        if self.has_room and not had_room:
            self._on_room()
