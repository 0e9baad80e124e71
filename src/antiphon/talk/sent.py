"""When the caller really stopped speaking, by our own ears: the reference of every figure.

A server says when it noticed; we know what we sent, and when. The end of speech is the last 10 ms frame that
is within 20 dB of the loudest one of its turn.
"""

from collections import deque
from typing import Final

import numpy as np

from antiphon.audio.pcm import BYTES_PER_MS, to_float

FRAME_MS: Final = 10
LOUD: Final = 10.0 ** (-20 / 10)
"""Energy of a loud frame, as a share of the loudest one's: 20 dB."""

KEPT_FRAMES: Final = 60_000
"""Frames remembered: ten minutes, more than a turn lasts."""


class SentAudio:
    """The energy of what was sent and the moment when each frame went out."""

    def __init__(self) -> None:
        self._frames: deque[tuple[float, float]] = deque(maxlen=KEPT_FRAMES)  # energy, clock when it was over
        self._count = 0
        self._rest = b""
        self._bytes = 0

    @property
    def sent_ms(self) -> int:
        """How much was sent."""
        return self._bytes // BYTES_PER_MS

    def add(self, pcm: bytes, now: float) -> None:
        """Note a chunk that was just sent; its last sample was spoken at `now`."""
        sound = self._rest + pcm
        self._bytes += len(pcm)
        size = FRAME_MS * BYTES_PER_MS
        whole = len(sound) // size * size
        self._rest = sound[whole:]
        energies = np.square(to_float(sound[:whole])).reshape(-1, size // 2).mean(axis=1)
        behind_ms = len(self._rest) / BYTES_PER_MS + FRAME_MS * len(energies)
        for energy in energies:
            behind_ms -= FRAME_MS
            self._frames.append((float(energy), now - behind_ms / 1000))
        self._count += len(energies)

    def speech_end(self, start_ms: int, end_ms: int | None = None) -> float | None:
        """The clock at the end of the speech in a stretch of the audio sent; None if nothing in it was loud.

        `end_ms` is the server's word for the end of the turn; without it, or if it makes no sense, all that
        was sent is searched.
        """
        if end_ms is None or end_ms <= start_ms:
            end_ms = self.sent_ms
        first = self._count - len(self._frames)
        frames = list(self._frames)[max(0, start_ms // FRAME_MS - first) : max(0, end_ms // FRAME_MS - first)]
        loudest = max((energy for energy, _ in frames), default=0.0)
        if not loudest:
            return None
        return next(over_at for energy, over_at in reversed(frames) if energy >= loudest * LOUD)
