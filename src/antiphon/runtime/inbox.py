"""The one door to a session's core: all that happens to it, in one order, and only so much at a time."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from antiphon.link import Frame
from antiphon.session.inputs import Input

MAX_ENTRIES = 64
"""Enough that nobody waits for a turn of the loop, few enough that a barge-in is soon noticed."""

MAX_BYTES = 24 * 1024 * 1024
"""One frame of the largest kind, and a little beside it."""


@dataclass(frozen=True, slots=True)
class Framed:
    """A frame as it came over a link. What it means is decided when it is taken out, not before."""

    origin: str
    frame: Frame
    size: int


Entry: TypeAlias = Framed | Input

Put: TypeAlias = Callable[[Input], Awaitable[None]]
"""Gives the core news, as soon as there is room."""


class Inbox:
    """A queue with many writers and one reader, bounded in entries and in bytes of frames."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque()
        self._bytes = 0
        self._news = asyncio.Event()
        self._room = asyncio.Event()

    async def put(self, entry: Entry) -> None:
        """Add an entry as soon as there is room: backpressure for links and engines."""
        while not self._has_room(_size(entry)):
            self._room.clear()
            await self._room.wait()
        self.post(entry)

    def post(self, entry: Entry) -> None:
        """Add an entry at once, room or not: for the few that the runtime itself has to say."""
        self._entries.append(entry)
        self._bytes += _size(entry)
        self._news.set()

    async def take(self) -> Entry:
        """The oldest entry."""
        while not self._entries:
            self._news.clear()
            await self._news.wait()
        entry = self._entries.popleft()
        self._bytes -= _size(entry)
        self._room.set()
        return entry

    def _has_room(self, size: int) -> bool:
        if len(self._entries) >= MAX_ENTRIES:
            return False
        return not self._bytes or self._bytes + size <= MAX_BYTES


def _size(entry: Entry) -> int:
    return entry.size if isinstance(entry, Framed) else 0
