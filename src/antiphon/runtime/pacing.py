"""How far an answer may be made ahead of its playing.

A WebSocket does not tell what its client has played. The estimate is simple: the client plays from the first sound
on, and without a break; so it has heard no more than the time since then.
"""

import asyncio
from collections.abc import Callable

from antiphon.audio.pcm import RATE_HZ, samples_of


class Pace:
    """The sound of one answer against the clock. With a limit of 0 it holds nothing back."""

    def __init__(self, limit_s: float, clock: Callable[[], float]) -> None:
        """`limit_s` of sound may be made that cannot have been played yet; `clock` gives seconds."""
        self._limit_s = limit_s
        self._clock = clock
        self._made_s = 0.0
        self._since: float | None = None

    def add(self, pcm: bytes) -> None:
        """Count sound that goes out now."""
        if self._since is None:
            self._since = self._clock()
        self._made_s += samples_of(pcm) / RATE_HZ

    def restart(self) -> None:
        """Only now can the client begin to play."""
        if self._since is not None:
            self._since = self._clock()

    @property
    def excess_s(self) -> float:
        """For how long nothing more is wanted; 0 when the answer may go on."""
        if not self._limit_s or self._since is None:
            return 0.0
        return max(0.0, self._made_s - (self._clock() - self._since) - self._limit_s)

    async def rest(self) -> None:
        """Return when the answer may go on."""
        if excess_s := self.excess_s:
            await asyncio.sleep(excess_s)
