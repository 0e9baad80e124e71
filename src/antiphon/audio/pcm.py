"""The audio inside: 16-bit little-endian mono PCM at 24,000 Hz, as `bytes`.

`pcm` always means this. Other rates and codings exist only at the edges and inside engines.
"""

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 24_000
SAMPLE_BYTES = 2
BYTES_PER_MS = RATE_HZ * SAMPLE_BYTES // 1000

FULL_SCALE = 32_768.0


def ms_of(pcm: bytes | bytearray | memoryview) -> int:
    """Length in whole milliseconds, rounded down."""
    return len(pcm) // BYTES_PER_MS


def samples_of(pcm: bytes | bytearray | memoryview) -> int:
    """Length in samples."""
    return len(pcm) // SAMPLE_BYTES


def samples_in(ms: float) -> int:
    """How many samples `ms` lasts, rounded down."""
    return int(ms * RATE_HZ / 1000)


def ms_in(samples: int) -> int:
    """How many whole milliseconds `samples` last."""
    return samples * 1000 // RATE_HZ


def silence(ms: int) -> bytes:
    """Digital silence."""
    return bytes(ms * BYTES_PER_MS)


def to_float(pcm: bytes | bytearray | memoryview) -> NDArray[np.float32]:
    """Samples as floats in -1 to 1, as models take them."""
    return np.frombuffer(pcm, dtype="<i2").astype(np.float32) / np.float32(FULL_SCALE)


def from_float(samples: NDArray[np.float32]) -> bytes:
    """Floats in -1 to 1 as PCM; louder is clipped."""
    scaled = np.clip(np.rint(samples * np.float32(FULL_SCALE)), -FULL_SCALE, FULL_SCALE - 1)
    return bytes(scaled.astype("<i2").data)
