"""When the caller really stopped, by what was sent."""

import numpy as np
import pytest

from antiphon.audio.pcm import from_float, samples_in, silence
from antiphon.talk.sent import KEPT_FRAMES, SentAudio


def tone(ms: int, level: float = 0.5) -> bytes:
    """A steady sound."""
    return from_float(np.full(samples_in(ms), level, np.float32))


def sent(pcm: bytes, chunk_ms: int = 20) -> SentAudio:
    """That sound, sent in chunks from 0 s on, each when it is over."""
    record = SentAudio()
    for start in range(0, len(pcm), chunk_ms * 48):
        record.add(pcm[start : start + chunk_ms * 48], (start // 48 + chunk_ms) / 1000)
    return record


@pytest.mark.parametrize("chunk_ms", [20, 40, 100])
def test_the_end_of_speech_is_the_last_loud_frame(chunk_ms: int) -> None:
    """Its end in the sound is its time, however the sound was cut into chunks."""
    record = sent(silence(100) + tone(250) + silence(250), chunk_ms)

    assert record.sent_ms == 600
    assert record.speech_end(0) == pytest.approx(0.35)
    assert record.speech_end(0, 590) == pytest.approx(0.35)


def test_loud_is_within_20_db() -> None:
    """A breath at the end is not speech; a soft word is."""
    assert sent(tone(100, 0.5) + tone(100, 0.051)).speech_end(0) == pytest.approx(0.2)
    assert sent(tone(100, 0.5) + tone(100, 0.049)).speech_end(0) == pytest.approx(0.1)


def test_each_turn_has_its_own_loudest_frame() -> None:
    """A soft turn after a loud one is found; the loud one next to it is not taken for its end."""
    record = sent(tone(100, 0.9) + silence(100) + tone(100, 0.01) + silence(100) + tone(100, 0.9))

    assert record.speech_end(150, 400) == pytest.approx(0.3)


def test_an_end_that_makes_no_sense() -> None:
    """A server whose offsets run backwards leaves us with all that was sent."""
    assert sent(tone(100) + silence(100)).speech_end(50, 20) == pytest.approx(0.1)


def test_silence_has_no_end_of_speech() -> None:
    """Nor has a stretch of which nothing was sent."""
    assert sent(silence(200)).speech_end(0) is None
    assert sent(tone(200)).speech_end(400, 500) is None


def test_pieces_of_a_frame_wait_for_the_rest() -> None:
    """Odd chunks lose nothing."""
    record = SentAudio()
    sound = tone(95) + silence(105)
    for start in range(0, len(sound), 34):
        record.add(sound[start : start + 34], min(start + 34, len(sound)) / 48_000)

    assert record.speech_end(0) == pytest.approx(0.1, abs=0.001)


def test_only_the_last_minutes_are_remembered() -> None:
    """A long session does not grow, and the newest turn is still found."""
    record = SentAudio()
    record.add(tone(KEPT_FRAMES * 10), 600.0)
    record.add(silence(500) + tone(100) + silence(400), 601.0)

    assert record.speech_end(600_400, 601_000) == pytest.approx(600.6)
