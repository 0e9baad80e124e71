"""Rules of the voice activity detection."""

import sys
from collections.abc import Iterator

import numpy as np
import pytest
from answering import run_async
from speech_clips import CLIPS, clip

from antiphon.audio.pcm import RATE_HZ, to_float
from antiphon.audio.resample import Floats, whole_float
from antiphon.engines import registry
from antiphon.engines.registry import SetupError, UnloadableEngine
from antiphon.engines.silero import FRAME_SAMPLES, Silero
from antiphon.engines.silero import RATE_HZ as VAD_RATE_HZ
from antiphon.ports import VAD, EngineError

pytestmark = pytest.mark.embedded


@pytest.fixture(scope="module")
def silero() -> Iterator[Silero]:
    engine = Silero()
    run_async(engine.start)
    yield engine
    run_async(engine.stop)


def frames_of(pcm: bytes) -> Floats:
    samples = whole_float(to_float(pcm), RATE_HZ, VAD_RATE_HZ)
    return samples[: len(samples) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)


def alone(silero: Silero, frames: Floats) -> list[float]:
    """The scores of one stream, frame by frame."""
    states, scores = [silero.new_state()], []
    for frame in frames:
        speech, states = silero.score(frame[None], states)
        scores += speech
    return scores


@pytest.mark.parametrize("name", list(CLIPS))
def test_speech_is_speech_until_its_end(silero: Silero, name: str) -> None:
    """The last frame that scores 0.5 or more ends where the clip's label says; silence after it scores low."""
    scores = alone(silero, frames_of(clip(name)))
    last = max(n for n, score in enumerate(scores) if score >= 0.5)

    assert abs((last + 1) * 32 - int(CLIPS[name]["speech_end_ms"])) <= 64
    assert max(scores[-10:]) < 0.1


@pytest.mark.parametrize("sessions", [2, 3, 8, 32])
def test_company_changes_nothing(silero: Silero, sessions: int) -> None:
    """Each stream of a batch scores the same, to the last bit, as it does alone."""
    frames = frames_of(clip("lv0880.wav"))
    streams = [np.roll(frames, 5 * n, axis=0) for n in range(sessions)]
    states = [silero.new_state() for _ in streams]
    together: list[list[float]] = [[] for _ in streams]
    for step in zip(*streams, strict=True):
        speech, states = silero.score(np.stack(step), states)
        for scores, score in zip(together, speech, strict=True):
            scores.append(score)

    assert together == [alone(silero, stream) for stream in streams]


def test_a_state_is_a_value(silero: Silero) -> None:
    """Scoring the same frame from the same state gives the same, however often."""
    frames = frames_of(clip("lv0880.wav"))[20:22]
    _, states = silero.score(frames[:1], [silero.new_state()])

    assert silero.score(frames[1:], states)[0] == silero.score(frames[1:], states)[0]


def test_nobody_waits_and_nothing_is_scored(silero: Silero) -> None:
    """An empty batch is no error."""
    assert silero.score(np.zeros((0, FRAME_SAMPLES), np.float32), []) == ([], [])


def test_a_frame_is_a_whole_number_of_our_samples(silero: Silero) -> None:
    """As the port demands."""
    assert silero.frame_samples * RATE_HZ % silero.rate_hz == 0


def test_it_scores_only_while_it_runs() -> None:
    """Before `start` and after `stop` the failure says so."""
    engine = Silero()
    frame = np.zeros((1, FRAME_SAMPLES), np.float32)
    with pytest.raises(EngineError, match="is not running"):
        engine.score(frame, [engine.new_state()])
    run_async(engine.start)
    run_async(engine.stop)
    with pytest.raises(EngineError, match="is not running"):
        engine.score(frame, [engine.new_state()])


def test_the_operator_gets_it_by_name() -> None:
    """`--vad silero`; it has no options."""
    engine: VAD = registry.make("vad", "silero")

    assert engine.name == "silero"
    with pytest.raises(SetupError, match="unknown field"):
        registry.make("vad", "silero", options={"threshold": 0.5})


def test_without_its_package_the_hint_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator is told what to install."""
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.delitem(sys.modules, "antiphon.engines.silero")

    with pytest.raises(UnloadableEngine, match=r'hint: pip install "antiphon\[embedded\]"'):
        registry.make("vad", "silero")
