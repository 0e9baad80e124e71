"""Hearing with a recogniser that is no streaming model: it reads a stretch of audio, and each reading begins anew.

So nothing is read while the caller speaks, and `settle` reads once, in a thread. A turn that gets long is closed
piece by piece at its quietest spots; a closed piece is read in the background, once, and its text stands.
`settle` then has no more than one piece left to read.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from antiphon.audio.pcm import BYTES_PER_MS, RATE_HZ, SAMPLE_BYTES, to_float
from antiphon.engines.worker import Worker
from antiphon.ports import Transcript

CUT_FRAME_MS = 20
CUT_FRAMES = 15
"""A cut lies in the middle of the quietest 300 ms."""


@dataclass(frozen=True, slots=True)
class Cutting:
    """How long pieces are, and how often a turn that goes on is read. Times of audio."""

    max_s: int
    """A longer stretch is cut."""
    min_s: int
    """A cut leaves at least this much."""
    partials_ms: int = 0
    """Audio after which the turn so far is read for a passing text; 0 for never."""


@dataclass(slots=True)
class _Piece:
    """A closed stretch of an utterance; its audio is kept until it was read."""

    pcm: bytes
    heard: Transcript | None = None


class PiecewiseHearing:
    """One utterance. Its audio is gathered on the event loop; pieces are read in the worker's thread."""

    def __init__(self, worker: Worker, read: Callable[[bytes], Transcript], cutting: Cutting) -> None:
        """`read` gives the words of one piece, and their language if it is known. Called in the worker's thread."""
        self._worker = worker
        self._read_piece = read
        self._cutting = cutting
        self._pieces: list[_Piece] = []
        self._rest = bytearray()
        self._fed = 0
        self._partial_due = cutting.partials_ms * BYTES_PER_MS
        self._heard = Transcript("")
        self._told = ""
        self._is_open = True

    async def feed(self, pcm: bytes) -> Transcript | None:
        """Gather audio. Texts that came up meanwhile are given: of closed pieces, or passing ones if wished."""
        self._rest += pcm
        self._fed += len(pcm)
        while len(self._rest) > self._longest:
            self._close_piece()
        if self._cutting.partials_ms and self._fed >= self._partial_due:
            self._partial_due = self._fed + self._cutting.partials_ms * BYTES_PER_MS
            self._worker.submit(self._listen, tuple(self._pieces), bytes(self._rest))
        return self._news()

    async def settle(self) -> Transcript:
        """Read what no piece holds yet."""
        return await self._worker.run(self._read, tuple(self._pieces), bytes(self._rest))

    async def close(self) -> None:
        """Forget the audio; what waits to be read is passed over."""
        self._is_open = False
        self._rest.clear()
        self._pieces.clear()

    @property
    def _longest(self) -> int:
        return self._cutting.max_s * RATE_HZ * SAMPLE_BYTES

    def _close_piece(self) -> None:
        """Cut the rest at its quietest spot, and have the piece before it read."""
        end = quietest(self._rest[: self._longest], self._cutting.min_s)
        self._pieces.append(_Piece(bytes(self._rest[:end])))
        del self._rest[:end]
        self._worker.submit(self._listen, tuple(self._pieces))

    def _news(self) -> Transcript | None:
        """The text that came up since the last one was given."""
        heard = self._heard
        if heard.text == self._told:
            return None
        self._told = heard.text
        return heard

    def _listen(self, pieces: Sequence[_Piece], rest: bytes | None = None) -> None:
        """Read in the background; without `rest` the text is of closed pieces alone, and stands."""
        if self._is_open:
            self._heard = self._read(pieces, rest)

    def _read(self, pieces: Sequence[_Piece], rest: bytes | None) -> Transcript:
        """In the worker's thread: read what was not, and join all texts.

        A piece that could not be read before is tried again, so that its failure comes out at `settle`.
        """
        for piece in pieces:
            if piece.heard is None:
                piece.heard, piece.pcm = self._read_piece(piece.pcm), b""
        heard = [piece.heard for piece in pieces if piece.heard is not None]
        if rest is not None:
            heard.append(self._read_piece(rest))
        text = " ".join(each.text for each in heard if each.text)
        language = next((each.language for each in heard if each.language), None)
        return Transcript(text, stable=rest is None, language=language)


def quietest(pcm: bytes | bytearray, min_s: int) -> int:
    """Where to cut, in bytes: in the quietest spot after `min_s`."""
    first = min_s * 1000 // CUT_FRAME_MS
    frames = to_float(pcm).reshape(-1, RATE_HZ * CUT_FRAME_MS // 1000)[first:]
    loudness = np.convolve(np.square(frames).mean(axis=1), np.ones(CUT_FRAMES), "valid")
    return (first + int(np.argmin(loudness)) + CUT_FRAMES // 2) * CUT_FRAME_MS * BYTES_PER_MS
