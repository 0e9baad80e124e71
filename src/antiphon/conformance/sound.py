"""The sentence that cases say, made with the embedded voice where it is installed, else as it once said it."""

import asyncio
from importlib.resources import files
from typing import Final

import numpy as np

from antiphon.audio import g711
from antiphon.audio.pcm import RATE_HZ, from_float, to_float
from antiphon.audio.resample import whole

SENTENCE: Final = "What will the weather be tomorrow morning?"
"""Without a pause in it, so that no turn detection ends the turn in the middle."""

PEAK: Final = 0.5
QUIET: Final = 0.005
"""46 dB below full scale: what is quieter at either end is cut away."""


def speech() -> bytes:
    """The sentence, as pcm, with no silence around it."""
    return _trimmed(_spoken() or recorded())


def recorded() -> bytes:
    """The sentence as it was recorded, at 8 kHz."""
    coded = (files("antiphon.conformance") / "sentence.ulaw").read_bytes()
    return whole(g711.decode("pcmu", coded), 8_000, RATE_HZ)


def _spoken() -> bytes | None:
    try:
        from antiphon.engines.hibari import Hibari  # noqa: PLC0415 -- an extra, and slow to load
    except ImportError:
        return None

    async def say() -> bytes:
        voice = Hibari()
        await voice.start()
        try:
            return b"".join([piece async for piece in voice.speak(SENTENCE, voice.voices[0], 1.0)])
        finally:
            await voice.stop()

    return asyncio.run(say())


def _trimmed(pcm: bytes) -> bytes:
    samples = to_float(pcm)
    loud = np.flatnonzero(np.abs(samples) > QUIET)
    part = samples[loud[0] : loud[-1] + 1]
    return from_float(part * np.float32(PEAK / np.abs(part).max()))
