"""Rules of the resampler."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.audio import pcm
from antiphon.audio.resample import PIECE_SAMPLES, Floats, Resampler, whole, whole_float

LIVE_RATES = [(24_000, 16_000), (8_000, 24_000), (24_000, 8_000), (16_000, 24_000), (48_000, 24_000), (44_100, 24_000)]


def tone(freq_hz: float, rate_hz: int, ms: int = 1000, level: float = 0.9) -> Floats:
    times = np.arange(rate_hz * ms // 1000) / rate_hz
    return (level * np.sin(2 * np.pi * freq_hz * times)).astype(np.float32)


def convert(samples: Floats, from_hz: int, to_hz: int) -> Floats:
    resampler = Resampler(from_hz, to_hz)
    return np.concatenate([resampler.feed(samples), resampler.flush()])


def level_db(samples: Floats) -> float:
    return float(20 * np.log10(np.sqrt(np.mean(np.square(samples, dtype=np.float64))) + 1e-12))


def middle(samples: Floats) -> Floats:
    """Without the edges, where a tone that starts from nothing is no tone."""
    return samples[len(samples) // 10 : -len(samples) // 10]


@pytest.mark.parametrize(("from_hz", "to_hz"), LIVE_RATES)
def test_a_tone_stays_that_tone_and_keeps_its_time(from_hz: int, to_hz: int) -> None:
    """1 kHz comes out as 1 kHz, unshifted, with everything else 90 dB below it."""
    heard = convert(tone(1000, from_hz), from_hz, to_hz)
    wanted = tone(1000, to_hz)

    assert len(heard) == len(wanted)
    assert level_db(middle(wanted)) - level_db(middle(heard - wanted)) >= 90


@pytest.mark.parametrize(("from_hz", "to_hz"), [(24_000, 16_000), (24_000, 8_000), (48_000, 24_000), (44_100, 24_000)])
def test_what_the_lower_rate_cannot_hold_is_gone(from_hz: int, to_hz: int) -> None:
    """A tone 20 % above the new Nyquist frequency leaves no alias above -85 dB."""
    heard = convert(tone(0.6 * to_hz, from_hz), from_hz, to_hz)

    assert level_db(middle(heard)) < -85


@pytest.mark.parametrize(("from_hz", "to_hz"), [(8_000, 24_000), (16_000, 24_000)])
def test_a_higher_rate_brings_no_mirror_image(from_hz: int, to_hz: int) -> None:
    """What was not below the old Nyquist frequency is not there: nothing but the tone, to -85 dB."""
    heard = convert(tone(0.3 * from_hz, from_hz, level=1.0), from_hz, to_hz)
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
    spectrum /= spectrum.max()
    images = spectrum[len(spectrum) * from_hz // to_hz :]

    assert 20 * np.log10(images.max()) < -85


@pytest.mark.parametrize(("from_hz", "to_hz"), LIVE_RATES)
def test_speech_keeps_its_level(from_hz: int, to_hz: int) -> None:
    """Up to 85 % of the lower Nyquist frequency, no tone loses more than 1.2 dB."""
    nyquist = min(from_hz, to_hz) / 2
    for share in (0.1, 0.3, 0.5, 0.7, 0.85):
        heard = convert(tone(share * nyquist, from_hz), from_hz, to_hz)

        assert abs(level_db(middle(heard)) - level_db(tone(share * nyquist, to_hz))) < 1.2


@given(
    rates=st.sampled_from([*LIVE_RATES, (22_050, 24_000), (24_000, 24_000), (3, 2)]),
    cuts=st.lists(st.integers(0, 3 * PIECE_SAMPLES), max_size=12),
    seed=st.integers(0, 1000),
)
def test_the_cuts_between_chunks_cannot_be_heard(rates: tuple[int, int], cuts: list[int], seed: int) -> None:
    """However a stream is cut, the same samples come out, to the last bit."""
    noise = np.random.default_rng(seed).uniform(-1, 1, 3 * PIECE_SAMPLES).astype(np.float32)
    resampler = Resampler(*rates)
    pieces = [resampler.feed(piece) for piece in np.split(noise, sorted(cuts))] + [resampler.flush()]

    assert np.concatenate(pieces).tobytes() == convert(noise, *rates).tobytes()


@pytest.mark.parametrize(
    ("from_hz", "to_hz", "delay_ms"), [(24_000, 16_000, 1), (8_000, 24_000, 2), (24_000, 8_000, 2)]
)
def test_only_the_newest_moments_are_held_back(from_hz: int, to_hz: int, delay_ms: int) -> None:
    """After every chunk, all but the last `delay_ms` has come out."""
    resampler = Resampler(from_hz, to_hz)
    came = 0
    for chunks in range(1, 20):
        came += len(resampler.feed(np.zeros(from_hz // 50, np.float32)))

        assert came == to_hz * (20 * chunks - delay_ms) // 1000
    assert resampler.delay_ms == delay_ms


def test_a_stream_may_follow_another() -> None:
    """After a flush nothing is left of what was before."""
    resampler = Resampler(24_000, 16_000)
    first = [resampler.feed(tone(440, 24_000)), resampler.flush()]
    second = [resampler.feed(tone(440, 24_000)), resampler.flush()]

    assert np.concatenate(first).tobytes() == np.concatenate(second).tobytes()


@pytest.mark.parametrize(("from_hz", "to_hz"), LIVE_RATES)
def test_no_click_where_sound_begins_and_ends(from_hz: int, to_hz: int) -> None:
    """A sound that swells from nothing and fades does so at the new rate: no sample leaves the curve."""

    def swell(rate_hz: int) -> Floats:
        times = np.arange(rate_hz // 5) / rate_hz
        return ((0.5 - 0.5 * np.cos(10 * np.pi * times)) * np.sin(600 * np.pi * times)).astype(np.float32)

    assert np.abs(convert(swell(from_hz), from_hz, to_hz) - swell(to_hz)).max() < 0.0001


def test_silence_stays_silence() -> None:
    """Zeros give zeros."""
    assert not convert(np.zeros(12_345, np.float32), 24_000, 16_000).any()


def test_bytes_go_the_same_road() -> None:
    """`feed_pcm` and `flush_pcm` are `feed` and `flush` for 16-bit samples."""
    resampler = Resampler(24_000, 16_000)
    sound = pcm.from_float(tone(1000, 24_000))
    came = resampler.feed_pcm(sound) + resampler.flush_pcm()

    assert came == pcm.from_float(convert(pcm.to_float(sound), 24_000, 16_000))


def test_nothing_in_nothing_out() -> None:
    """An empty chunk is no event."""
    assert Resampler(24_000, 16_000).feed(np.zeros(0, np.float32)).size == 0


def test_the_same_rate_passes_through_at_once() -> None:
    """There is nothing to hold back."""
    resampler = Resampler(24_000, 24_000)

    assert resampler.delay_ms == 0
    assert resampler.feed_pcm(b"\1\2\3\4") == b"\1\2\3\4"
    assert resampler.flush_pcm() == b""


def test_an_odd_ratio_is_refused() -> None:
    """A ratio that needs a huge bank is named, with the way out."""
    with pytest.raises(ValueError, match=r"24001 to 24000 Hz is no ratio for a live stream; resample it whole\."):
        Resampler(24_001, 24_000)


def test_a_whole_recording_loses_neither_edge_nor_length() -> None:
    """`whole` gives as many milliseconds as it took, and the same tone."""
    sound = pcm.from_float(tone(1000, 22_050))
    heard = pcm.to_float(whole(sound, 22_050, 24_000))

    assert len(heard) == 24_000
    assert level_db(middle(heard - tone(1000, 24_000))) < -75
    assert whole(sound, 24_000, 24_000) is sound
    assert whole(b"", 22_050, 24_000) == b""


def test_whole_takes_floats_too() -> None:
    """`whole_float` is `whole` without the 16 bits."""
    heard = whole_float(tone(1000, 48_000), 48_000, 24_000)

    assert heard.dtype == np.float32
    assert level_db(middle(heard - tone(1000, 24_000))) < -100


@pytest.mark.parametrize("rates", [*LIVE_RATES, (24_000, 24_000)])
@pytest.mark.parametrize("chunk", [480, PIECE_SAMPLES, PIECE_SAMPLES + 1])
def test_samples_may_come_as_they_are_on_the_wire(rates: tuple[int, int], chunk: int) -> None:
    """The shorter road for 16-bit samples gives the same, to the last bit."""
    samples = np.random.default_rng(1).integers(-32_768, 32_768, 3 * chunk).astype("<i2").tobytes()
    one, other = Resampler(*rates), Resampler(*rates)

    for start in range(0, len(samples), 2 * chunk):
        piece = samples[start : start + 2 * chunk]
        assert one.floats_of(piece).tobytes() == other.feed(pcm.to_float(piece)).tobytes()
