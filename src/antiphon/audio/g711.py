"""G.711, the coding of telephone lines: 8-bit mu-law and A-law at 8,000 Hz, by table.

`encode` and `decode` change the coding alone; `G711Encoder` and `G711Decoder` also carry one live stream
between 8,000 Hz and the 24,000 Hz of `pcm`.
"""

from functools import lru_cache
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from antiphon.audio.pcm import RATE_HZ
from antiphon.audio.resample import Resampler

LINE_RATE_HZ = 8_000

Law: TypeAlias = Literal["pcmu", "pcma"]
"""mu-law or A-law, by the last part of its media type."""


def decode(law: Law, coded: bytes) -> bytes:
    """16-bit samples at 8,000 Hz, two bytes for each byte."""
    return _decoded(law).take(np.frombuffer(coded, np.uint8)).tobytes()


def encode(law: Law, pcm_8k: bytes) -> bytes:
    """Coded bytes of whole 16-bit samples at 8,000 Hz, one for two."""
    return _coded(law).take(np.frombuffer(pcm_8k, "<u2")).tobytes()


class G711Decoder:
    """A live stream of coded bytes to `pcm`."""

    def __init__(self, law: Law) -> None:
        self._law: Law = law
        self._resampler = Resampler(LINE_RATE_HZ, RATE_HZ)

    def decode(self, coded: bytes) -> bytes:
        """The `pcm` that is settled by now: all but the newest 2 ms."""
        return self._resampler.feed_pcm(decode(self._law, coded))

    def flush(self) -> bytes:
        """The last 2 ms; a new stream may follow."""
        return self._resampler.flush_pcm()


class G711Encoder:
    """A live stream of `pcm` to coded bytes."""

    def __init__(self, law: Law) -> None:
        self._law: Law = law
        self._resampler = Resampler(RATE_HZ, LINE_RATE_HZ)

    def encode(self, pcm: bytes) -> bytes:
        """The coded bytes that are settled by now: all but the newest 2 ms."""
        return encode(self._law, self._resampler.feed_pcm(pcm))

    def flush(self) -> bytes:
        """The last 2 ms; a new stream may follow."""
        return encode(self._law, self._resampler.flush_pcm())


@lru_cache(maxsize=2)
def _decoded(law: Law) -> NDArray[np.int16]:
    """The sample of each code."""
    codes = np.arange(256) ^ (0xFF if law == "pcmu" else 0x55)
    segment, step = (codes >> 4) & 7, codes & 15
    if law == "pcmu":
        size = (((step << 3) + 0x84) << segment) - 0x84
        is_negative = codes & 0x80 != 0
    else:
        size = (step << 4) + np.where(segment == 0, 8, 0x108)
        size <<= np.maximum(segment - 1, 0)
        is_negative = codes & 0x80 == 0
    return np.where(is_negative, -size, size).astype("<i2")


@lru_cache(maxsize=2)
def _coded(law: Law) -> NDArray[np.uint8]:
    """The code of each sample, with the sample's 16 bits read as unsigned.

    A sample loses its lowest bits first (2 by mu-law, 3 by A-law), towards minus infinity; its code is then
    sign, segment and step within the segment, some bits inverted for the sake of old lines.
    """
    samples = np.arange(1 << 16, dtype=np.uint16).view(np.int16).astype(np.int32)
    is_negative = samples < 0
    if law == "pcmu":
        size = np.minimum(np.abs(samples >> 2), 8158) + 33
        segment = np.maximum(_bits(size) - 6, 0)
        step = (size >> (segment + 1)) & 15
        mask = np.where(is_negative, 0x7F, 0xFF)
    else:
        size = np.where(is_negative, ~samples, samples) >> 3
        segment = np.maximum(_bits(size) - 5, 0)
        step = (size >> np.maximum(segment, 1)) & 15
        mask = np.where(is_negative, 0x55, 0xD5)
    codes: NDArray[np.int32] = ((segment << 4) | step) ^ mask
    return codes.astype(np.uint8)


def _bits(sizes: NDArray[np.int32]) -> NDArray[np.int32]:
    """How many bits each number needs."""
    return np.frexp(sizes)[1].astype(np.int32)
