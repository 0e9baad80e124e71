"""The input audio buffer: what was heard and not yet committed.

Positions are samples of all audio ever appended to the session; they never go back.
"""

from collections import deque

from antiphon.audio.pcm import SAMPLE_BYTES, ms_in, samples_in, samples_of

MIN_COMMIT_MS = 100
MAX_BUFFER_S = 600
"""10 minutes, 29 MB. The provider names no limit, but a buffer without one ends a process. By hand, more is
refused; a turn that turn detection holds open is ended there."""
QUIET_KEPT_MS = 10_000
"""With turn detection on and nobody speaking, older audio can never be part of a turn; 10 s (0.5 MB) stay for
an `input_audio_buffer.commit` by hand."""


class InputBuffer:
    """A window on the session's audio. The appends are kept as they came: none is ever copied to make room."""

    def __init__(self) -> None:
        self.start = 0
        """First sample that is still here."""
        self.end = 0
        """One past the last sample."""
        self._since = 0
        self._first = 0
        """First sample of the oldest append that is kept; it may begin before the window does."""
        self._appends: deque[bytes] = deque()

    @property
    def pending_ms(self) -> float:
        """Audio since the last commit or clear, in ms; counts what was let go as well."""
        return (self.end - self._since) * 1000 / samples_in(1000)

    def has_room(self, pcm: bytes) -> bool:
        """Whether an append stays within the bound."""
        return self.end + samples_of(pcm) - self.start < samples_in(MAX_BUFFER_S * 1000)

    @property
    def is_full(self) -> bool:
        """Whether the bound is reached."""
        return not self.has_room(b"")

    def append(self, pcm: bytes) -> None:
        """Add audio at the end; whole samples only."""
        self._appends.append(pcm)
        self.end += samples_of(pcm)

    def read(self, start: int, end: int) -> bytes:
        """Audio between two positions, as far as it is here."""
        pieces: list[bytes] = []
        start, place = max(start, self.start), self.end
        for pcm in reversed(self._appends):
            if place <= start:
                break
            place -= samples_of(pcm)
            pieces.append(pcm[max(0, start - place) * SAMPLE_BYTES : max(0, end - place) * SAMPLE_BYTES])
        return b"".join(reversed(pieces))

    def drop_before(self, position: int) -> None:
        """Let go of audio before a position."""
        self.start = min(max(position, self.start), self.end)
        while self._appends and self._first + samples_of(self._appends[0]) <= self.start:
            self._first += samples_of(self._appends.popleft())

    def keep_last(self, ms: int) -> None:
        """Let go of all but the last `ms`."""
        self.drop_before(self.end - samples_in(ms))

    def take(self, end: int | None = None) -> bytes:
        """Commit: everything up to `end` leaves the buffer."""
        end = self.end if end is None else end
        pcm = self.read(self.start, end)
        self.drop_before(end)
        self._since = end
        return pcm

    def clear(self) -> None:
        """Forget everything; positions go on counting."""
        self.take()

    @property
    def end_ms(self) -> int:
        """The end, in ms of the session's audio."""
        return ms_in(self.end)
