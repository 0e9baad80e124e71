"""Sound in real time: chunks that come when a microphone would give them, and playback with a position.

A server must be told how much of an answer was heard, and a recording must arrive no faster than speech does:
both are a matter of the clock, and both are here. Devices are in `antiphon.client.devices`.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from antiphon.audio.pcm import BYTES_PER_MS

Clock: TypeAlias = Callable[[], float]
"""Monotonic seconds."""


# Giving.


def chunks_of(pcm: bytes, chunk_ms: int) -> Iterator[bytes]:
    """The recording in whole chunks; silence fills up the last one."""
    size = chunk_ms * BYTES_PER_MS
    for start in range(0, len(pcm), size):
        yield pcm[start : start + size].ljust(size, b"\0")


async def paced(chunks: Iterable[bytes], chunk_ms: int) -> AsyncGenerator[bytes, None]:
    """Each chunk at the moment when its last sample would have been spoken.

    The times are counted from the first call and do not drift: who is late gets the next chunks at once.
    """
    clock = asyncio.get_running_loop().time
    due = clock()
    for chunk in chunks:
        due += chunk_ms / 1000
        await asyncio.sleep(max(0.0, due - clock()))
        yield chunk


# Playing.


@dataclass(frozen=True, slots=True)
class Position:
    """How far the playing of one content part had come."""

    item_id: str
    content_index: int
    played_ms: int


class Speaker(Protocol):
    """Plays answers one after the other and knows how far it is."""

    def play(self, item_id: str, content_index: int, pcm: bytes) -> None:
        """Add sound to what is to be played."""

    def finish(self, item_id: str) -> None:
        """No more sound of this item will come."""

    def stop(self) -> Position | None:
        """Be silent now. Tells where, unless all that was to be said has been heard."""

    def played_ms(self, item_id: str) -> int:
        """How much of an item was heard."""

    @property
    def remaining_ms(self) -> int:
        """How much is still to be played."""


class Playback:
    """What is to be played, and what was: a queue without a clock or a device. Safe for one thread at a time."""

    def __init__(self) -> None:
        self._queue: deque[tuple[str, int, memoryview]] = deque()
        self._played: dict[tuple[str, int], int] = {}  # bytes
        self._finished: set[str] = set()
        self._last: tuple[str, int] | None = None
        self._pending = 0  # bytes

    def add(self, item_id: str, content_index: int, pcm: bytes) -> None:
        """Queue sound."""
        self._queue.append((item_id, content_index, memoryview(pcm)))
        self._pending += len(pcm)
        self._last = self._last or (item_id, content_index)

    def finish(self, item_id: str) -> None:
        """The item is complete: once it is played, there is nothing to cut."""
        self._finished.add(item_id)

    def take(self, size: int) -> bytes:
        """The next bytes to be heard; fewer when there are no more."""
        taken = bytearray()
        while self._queue and len(taken) < size:
            item_id, index, sound = self._queue.popleft()
            piece, rest = sound[: size - len(taken)], sound[size - len(taken) :]
            taken += piece
            self._last = item_id, index
            self._played[self._last] = self._played.get(self._last, 0) + len(piece)
            if rest:
                self._queue.appendleft((item_id, index, rest))
        self._pending -= len(taken)
        return bytes(taken)

    def cut(self) -> Position | None:
        """Forget what was not played. Where in which item, or None when nothing was missed by that."""
        is_whole = not self._queue and (self._last is None or self._last[0] in self._finished)
        where = None if is_whole or not self._last else self._last
        self._queue.clear()
        self._pending, self._last = 0, None
        return Position(*where, self._played.get(where, 0) // BYTES_PER_MS) if where else None

    def played_ms(self, item_id: str) -> int:
        """How much of an item was taken."""
        return sum(size for (played, _), size in self._played.items() if played == item_id) // BYTES_PER_MS

    @property
    def has_more(self) -> bool:
        """Whether anything is queued, be it less than a millisecond."""
        return bool(self._queue)

    @property
    def remaining_ms(self) -> int:
        """How much is queued."""
        return self._pending // BYTES_PER_MS


class SilentSpeaker:
    """Plays to nobody, but in real time: what a listener would have heard by now counts as heard."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._playback = Playback()
        self._until = clock()

    def play(self, item_id: str, content_index: int, pcm: bytes) -> None:
        """Add sound to what is to be played."""
        self._advance()
        self._playback.add(item_id, content_index, pcm)

    def finish(self, item_id: str) -> None:
        """No more sound of this item will come."""
        self._playback.finish(item_id)

    def stop(self) -> Position | None:
        """Be silent now. Tells where, unless all that was to be said has been heard."""
        self._advance()
        return self._playback.cut()

    def played_ms(self, item_id: str) -> int:
        """How much of an item was heard."""
        self._advance()
        return self._playback.played_ms(item_id)

    @property
    def remaining_ms(self) -> int:
        """How much is still to be played."""
        self._advance()
        return self._playback.remaining_ms

    def _advance(self) -> None:
        """Let the time since the last look pass. Time without sound is lost, as it is for a listener."""
        now = self._clock()
        elapsed_ms = int((now - self._until) * 1000)
        if not self._playback.has_more:
            self._until = now
        elif elapsed_ms:
            self._playback.take(elapsed_ms * BYTES_PER_MS)
            self._until += elapsed_ms / 1000
