"""Resampling: a stream with next to no delay for live audio, and whole recordings at full quality.

Live audio goes through a polyphase bank: a windowed sinc, cut into one row of weights per output phase. soxr
would be sharper, but its stream holds back 20 to 85 ms, and that would be added to every turn; this one
holds back 16 zeros of its sinc, which is 1 ms from 24 to 16 kHz and 2 ms between 8 and 24 kHz.

The output depends on the samples alone, never on how they were cut into chunks: weights and samples are
rounded to a grid on which float64 adds without rounding, so the order of additions cannot matter.
"""

import math
from functools import lru_cache

import numpy as np
import soxr
from numpy.typing import NDArray

from antiphon.audio import pcm as _pcm

ZEROS = 16
"""Zero crossings of the sinc on each side: the compromise between delay and how steep the filter is."""
ROLLOFF = 0.92
"""Centre of the filter's edge, as a share of the lower Nyquist frequency: the edge is 18 % of it to each side."""
KAISER_BETA = 9.0
"""Window shape: stop band about 90 dB down, below what 16 bits hold."""
GRID = 2.0**24
"""Steps per unit of samples and weights: finer than 16 bits, and sums stay under the 2**53 of float64."""
MAX_PHASES = 640
"""Largest term of the ratio; 44.1 to 24 kHz is 80/147, 11.025 to 24 kHz 320/147. Odder ones are for `whole`."""
BLOCK_OUTPUTS = 40
"""Outputs per row of the matrix product: small wastes calls, large wastes multiplications by zero."""
PIECE_SAMPLES = 2_400
"""Inputs taken at once: below the size at which BLAS wakes threads of its own, on the loop's core."""

Floats = NDArray[np.float32]


class Resampler:
    """One live stream from one rate to another.

    Output sample `m` lies at the time of input sample `m * from_hz / to_hz`: nothing is shifted, the newest
    `delay_ms` are only held back until the audio after them is known. `flush` gives them and starts anew.
    """

    def __init__(self, from_hz: int, to_hz: int) -> None:
        """Raise ValueError where the ratio needs a bank of more than `MAX_PHASES`."""
        common = math.gcd(from_hz, to_hz)
        self._up, self._down = to_hz // common, from_hz // common
        if max(self._up, self._down) > MAX_PHASES:
            raise ValueError(f"{from_hz} to {to_hz} Hz is no ratio for a live stream; resample it whole.")
        self._half = _half_taps(self._up, self._down)
        self._matrix = _matrix(self._up, self._down)
        self.delay_ms = 1000 * self._half / from_hz
        self._restart()

    def _restart(self) -> None:
        self._seen = 0
        self._made = 0
        self._held = np.zeros(max(self._half - 1, 0))

    def feed(self, samples: Floats) -> Floats:
        """Take samples in -1 to 1, any number of them; give all outputs that are settled by now."""
        if not self._half:
            return samples
        if len(samples) <= PIECE_SAMPLES:
            return self._feed(samples)
        return np.concatenate(
            [self._feed(piece) for piece in np.split(samples, range(PIECE_SAMPLES, len(samples), PIECE_SAMPLES))]
        )

    def flush(self) -> Floats:
        """What was held back, as if silence followed. The next `feed` begins a new stream."""
        rest = self.feed(np.zeros(self._half, np.float32))
        self._restart()
        return rest

    def feed_pcm(self, pcm: bytes) -> bytes:
        """As `feed`, for whole 16-bit samples."""
        return _pcm.from_float(self.feed(_pcm.to_float(pcm)))

    def floats_of(self, pcm: bytes) -> Floats:
        """As `feed`, of 16-bit samples; they lie on the grid, which saves half of the work."""
        if not self._half or len(pcm) > PIECE_SAMPLES * _pcm.SAMPLE_BYTES:
            return self.feed(_pcm.to_float(pcm))
        return self._feed(np.frombuffer(pcm, "<i2"), GRID / _pcm.FULL_SCALE)

    def flush_pcm(self) -> bytes:
        """As `flush`, for 16-bit samples."""
        return _pcm.from_float(self.flush())

    def _feed(self, samples: Floats | NDArray[np.int16], scale: float = GRID) -> Floats:
        """One piece, `scale` grid steps to its unit.

        `_held` starts where the window of the first output of the current cycle starts.
        """
        held, fresh = len(self._held), len(samples)
        self._seen += fresh
        ready = -(-max(self._seen - self._half, 0) * self._up // self._down)
        done = self._made // self._up * self._up
        width, outputs = self._matrix.shape
        step = outputs // self._up * self._down
        rows = -(-(ready - done) // outputs)
        inputs = np.zeros(max(held + fresh, rows * step + width))
        inputs[:held] = self._held
        on_grid = inputs[held : held + fresh]
        np.multiply(samples, scale, out=on_grid, dtype=np.float64)
        if scale == GRID:
            np.rint(on_grid, out=on_grid)
        windows = np.ndarray((rows, width), np.float64, inputs, strides=(step * inputs.itemsize, inputs.itemsize))
        product = np.ascontiguousarray(windows) @ self._matrix
        outcome = product.reshape(-1)[self._made - done : ready - done]
        self._held = inputs[(ready - done) // self._up * self._down : held + fresh]
        self._made = ready
        return (outcome / GRID**2).astype(np.float32)


def whole(pcm: bytes, from_hz: int, to_hz: int) -> bytes:
    """A whole recording of 16-bit samples at another rate: soxr at its high quality, no lost edges."""
    if from_hz == to_hz:
        return pcm
    return _pcm.from_float(whole_float(_pcm.to_float(pcm), from_hz, to_hz))


def whole_float(samples: Floats, from_hz: int, to_hz: int) -> Floats:
    """As `whole`, for samples in -1 to 1."""
    return np.asarray(soxr.resample(samples, from_hz, to_hz), np.float32)


def _half_taps(up: int, down: int) -> int:
    """Input samples on each side of an output; none where there is nothing to do."""
    return 0 if up == down else math.ceil(ZEROS * max(1, down / up))


@lru_cache(maxsize=16)
def _matrix(up: int, down: int) -> NDArray[np.float64]:
    """Weights (window of inputs, outputs of some whole cycles), on the grid; a cycle is `down` in, `up` out."""
    bank = _bank(up, down)
    outputs = max(BLOCK_OUTPUTS // up, 1) * up
    first = np.arange(outputs) * down // up
    matrix = np.zeros((first[-1] + bank.shape[1], outputs))
    taps = first[:, None] + np.arange(bank.shape[1])
    matrix[taps, np.arange(outputs)[:, None]] = bank[np.arange(outputs) * down % up]
    return matrix


def _bank(up: int, down: int) -> NDArray[np.float64]:
    """Weights (phase, tap): phase `p` lies `p / up` of an input sample after the middle of the window."""
    half = _half_taps(up, down)
    cutoff = ROLLOFF * min(1.0, up / down)
    distance = np.arange(1 - half, half + 1) - (np.arange(up) / up)[:, None]
    window = np.i0(KAISER_BETA * np.sqrt(np.maximum(1 - (distance / max(half, 1)) ** 2, 0)))
    weights: NDArray[np.float64] = np.sinc(cutoff * distance) * window
    weights /= weights.sum(axis=1, keepdims=True)
    return np.rint(GRID * weights)
