"""WAV files: what people have, read as `pcm`; `pcm`, written so that everything plays it.

Reads any rate, any number of channels (mixed to one), whole numbers of 8, 16, 24 and 32 bits, and 32-bit
floats, plain or with the extensible header. A file that was cut off, or written to a pipe with its length
unknown, is read as far as it goes.
"""

import os
import struct
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np

from antiphon.audio.pcm import RATE_HZ, SAMPLE_BYTES, from_float
from antiphon.audio.resample import Floats, whole_float

WHOLE_NUMBERS, FLOATS, EXTENSIBLE = 1, 3, 0xFFFE

RATES_HZ = range(2_000, 768_001)
"""Rates that are believed: a lower one would make a small file a huge recording."""


class WavError(ValueError):
    """The bytes are no WAV that we read; the text says why."""


def read(path: str | os.PathLike[str]) -> bytes:
    """The `pcm` of a file. Raise WavError where it is no WAV that we read, OSError where it cannot be opened."""
    return decode(Path(path).read_bytes())


def decode(data: bytes) -> bytes:
    """The `pcm` of a file's bytes. Raise WavError where they are no WAV that we read."""
    if data[:4] not in {b"RIFF", b"RF64"} or data[8:12] != b"WAVE":
        raise WavError("This is no WAV file: it does not begin with RIFF and WAVE.")
    form = None
    for name, body in _chunks(data):
        if name == b"fmt ":
            form = _Form.of(body)
        elif name == b"data" and form:
            return from_float(whole_float(form.mono(body), form.rate_hz, RATE_HZ))
    raise WavError(f"This WAV file has no {'sound' if form else 'format'} in it.")


def write(path: str | os.PathLike[str], pcm: bytes) -> None:
    """Write a whole recording."""
    with Writer(path) as writer:
        writer.write(pcm)


class Writer:
    """A WAV file that grows: 16-bit mono at 24,000 Hz.

    Close it, or use it as a context manager: the header is right only then.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._file = wave.open(os.fspath(path), "wb")  # noqa: SIM115 -- closed by `close`
        self._file.setparams((1, SAMPLE_BYTES, RATE_HZ, 0, "NONE", ""))

    def write(self, pcm: bytes) -> None:
        """Add whole samples."""
        self._file.writeframesraw(pcm)

    def close(self) -> None:
        """Complete the header. Safe to call twice."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Names and bodies, cut to what is there.

    A writer that never came back to its header leaves both its lengths short: then the sound is all the rest.
    """
    view, at = memoryview(data), 12
    is_unfinished = int.from_bytes(data[4:8], "little") + 8 < len(data)
    while at + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        if name == b"data" and not size and is_unfinished:
            size = len(data)
        yield name, view[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


@dataclass(frozen=True, slots=True)
class _Form:
    """What the format chunk says."""

    coding: int
    channels: int
    rate_hz: int
    bits: int

    @classmethod
    def of(cls, body: memoryview) -> "_Form":
        """Raise WavError for what cannot be read."""
        if len(body) < 16:
            raise WavError("This WAV file's format is cut off.")
        coding, channels, rate_hz, _, _, bits = struct.unpack_from("<HHIIHH", body)
        if coding == EXTENSIBLE and len(body) >= 26:
            coding = int.from_bytes(body[24:26], "little")
        if (coding, bits) not in SAMPLES:
            raise WavError(
                f"This WAV file's coding ({coding}, {bits} bits) is not read here; convert it to 16-bit PCM."
            )
        if not channels or rate_hz not in RATES_HZ:
            raise WavError(f"This WAV file claims {channels} channels at {rate_hz} Hz.")
        return cls(coding, channels, rate_hz, bits)

    def mono(self, body: memoryview) -> Floats:
        """All whole frames, mixed to one channel."""
        frame_bytes = self.channels * self.bits // 8
        samples = SAMPLES[self.coding, self.bits](body[: len(body) // frame_bytes * frame_bytes])
        mixed: Floats = samples.reshape(-1, self.channels).mean(axis=1, dtype=np.float32)
        return mixed


def _from_8(body: memoryview) -> Floats:
    return (np.frombuffer(body, np.uint8).astype(np.float32) - 128) / np.float32(1 << 7)


def _from_16(body: memoryview) -> Floats:
    return np.frombuffer(body, "<i2").astype(np.float32) / np.float32(1 << 15)


def _from_24(body: memoryview) -> Floats:
    wide = np.zeros((len(body) // 3, 4), np.uint8)
    wide[:, 1:] = np.frombuffer(body, np.uint8).reshape(-1, 3)
    return _from_32(wide.data)


def _from_32(body: memoryview) -> Floats:
    return np.frombuffer(body, "<i4").astype(np.float32) / np.float32(1 << 31)


def _from_floats(body: memoryview) -> Floats:
    """Files hold what they like: what is no number is silence."""
    samples: Floats = np.nan_to_num(np.frombuffer(body, "<f4"), posinf=1.0, neginf=-1.0)
    return samples


SAMPLES: Final[dict[tuple[int, int], Callable[[memoryview], Floats]]] = {
    (WHOLE_NUMBERS, 8): _from_8,
    (WHOLE_NUMBERS, 16): _from_16,
    (WHOLE_NUMBERS, 24): _from_24,
    (WHOLE_NUMBERS, 32): _from_32,
    (FLOATS, 32): _from_floats,
}
"""How samples are read, by coding and bits."""
