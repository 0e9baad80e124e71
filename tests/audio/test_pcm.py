"""Rules of `pcm`."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.audio import pcm


@pytest.mark.parametrize(
    ("size", "samples", "ms"), [(0, 0, 0), (2, 1, 0), (48, 24, 1), (95, 47, 1), (48_000, 24_000, 1000)]
)
def test_lengths_are_rounded_down(size: int, samples: int, ms: int) -> None:
    """Bytes to samples and milliseconds, never more than there is."""
    assert pcm.samples_of(bytes(size)) == samples
    assert pcm.ms_of(bytes(size)) == ms
    assert pcm.ms_in(samples) == ms


@pytest.mark.parametrize(("ms", "samples"), [(0, 0), (1, 24), (32, 768), (0.05, 1)])
def test_milliseconds_to_samples(ms: float, samples: int) -> None:
    """24 samples a millisecond."""
    assert pcm.samples_in(ms) == samples


def test_silence_is_zeros() -> None:
    """20 ms of it are 960 bytes."""
    assert pcm.silence(20) == bytes(960)


@given(st.binary(max_size=100).filter(lambda data: len(data) % 2 == 0))
def test_floats_and_back_is_the_same_sound(sound: bytes) -> None:
    """Nothing is lost on the way to a model's floats and back."""
    assert pcm.from_float(pcm.to_float(sound)) == sound


def test_louder_than_full_scale_is_clipped() -> None:
    """It does not wrap round to the other side."""
    assert (
        pcm.from_float(np.array([1.0, 1.5, -1.0, -2.0], np.float32))
        == np.array([32_767, 32_767, -32_768, -32_768], "<i2").tobytes()
    )
