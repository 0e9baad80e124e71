"""Rules of the turn model that hears. Its weights are pulled once, as an operator would."""

import asyncio
import json
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from answering import run_async
from speech_clips import SPEECH, turning_loop

from antiphon.audio import wav
from antiphon.audio.resample import Floats
from antiphon.catalogue import Store, default_folder
from antiphon.engines import words
from antiphon.engines.registry import EngineSpec, MissingWeights, SetupError
from antiphon.engines.smart_turn import MODEL_RATE_HZ, WINDOW_SAMPLES, SmartTurn, features, make
from antiphon.ports import EngineError, TurnModel

HEARD_BY_REFERENCE = {"lv0880.wav": 0.077, "lv0890.wav": 0.908, "lv0930.wav": 0.099}
"""What the code of pipecat-ai 1.14.0 finds in whole clips with the same weights."""


@pytest.fixture(scope="module")
def weights() -> Path:
    return Store(default_folder()).pull("smart-turn")


@pytest.fixture(scope="module")
def smart_turn(weights: Path) -> Iterator[SmartTurn]:
    engine = make(EngineSpec("turn", "smart-turn", weights=lambda _: weights))
    run_async(engine.start)
    yield engine
    run_async(engine.stop)


def sweep(seconds: float) -> Floats:
    """A tone that rises and swells over a faint whistle."""
    t = np.arange(int(seconds * MODEL_RATE_HZ)) / MODEL_RATE_HZ
    rising = np.sin(2 * np.pi * (100 + 400 * t) * t) * np.sin(3 * t) ** 2
    return np.asarray(0.4 * rising + 0.01 * np.sin(2 * np.pi * 5000 * t), np.float32)


def judged(engine: TurnModel, text: str, pcm: bytes) -> float:
    async def ask() -> float:
        return await engine.judge(text, pcm)

    return asyncio.run(ask())


# The features: no weights are needed for these


def test_features_are_those_of_the_reference() -> None:
    """The figures come from `_whisper_features.py` of pipecat-ai 1.14.0; ours were equal in all 64,000."""
    expected = json.loads((Path(__file__).parent / "smart_turn_features.json").read_text())["values"]

    np.testing.assert_allclose(features(sweep(2.5))[::16, ::40], expected, atol=1e-4)


@pytest.mark.parametrize("seconds", [0.0, 0.01, 8.0, 11.0])
def test_features_of_any_length(seconds: float) -> None:
    """Always 80 bands of 800 frames, of the newest 8 s, with silence in front of less."""
    heard = features(sweep(seconds))

    assert heard.shape == (80, 800)
    assert heard.dtype == np.float32
    assert np.isfinite(heard).all()
    np.testing.assert_array_equal(heard, features(sweep(seconds)[-WINDOW_SAMPLES:]))


# Setting up


def test_weights_that_are_not_here() -> None:
    """The operator is told what to pull."""

    def missing(name: str) -> Path:
        raise MissingWeights(name)

    with pytest.raises(MissingWeights, match="hint: antiphon pull smart-turn"):
        make(EngineSpec("turn", "smart-turn", weights=missing))


@pytest.mark.parametrize("spec", [{"model": "v9"}, {"url": "http://localhost"}, {"options": {"threads": 2}}])
def test_there_is_nothing_to_choose(spec: dict[str, object]) -> None:
    """No model, no address, no option."""
    with pytest.raises(SetupError):
        make(EngineSpec("turn", "smart-turn", weights=Path, **spec))  # type: ignore[arg-type]  # one of three fields


def test_a_file_that_is_no_network(tmp_path: Path) -> None:
    """The start fails, and says of what."""
    (tmp_path / "no.onnx").write_bytes(b"nonsense")
    engine = SmartTurn(str(tmp_path / "no.onnx"))

    with pytest.raises(EngineError, match="Smart Turn could not be loaded"):
        run_async(engine.start)
    with pytest.raises(EngineError, match="not running"):
        judged(engine, "", b"")
    run_async(engine.stop)


# Hearing


@pytest.mark.embedded
@pytest.mark.parametrize("name", list(HEARD_BY_REFERENCE))
def test_the_voice_and_the_words_are_weighed_alike(smart_turn: SmartTurn, name: str) -> None:
    """The verdict is the geometric mean of what the network hears and what `words` reads."""
    text, pcm = "He was not an ill-disposed young man.", wav.read(SPEECH / name)
    by_voice = HEARD_BY_REFERENCE[name]

    assert judged(smart_turn, text, pcm) == pytest.approx(math.sqrt(by_voice * words.LIKELY), abs=0.02)
    assert judged(smart_turn, "He was not an", pcm) == pytest.approx(math.sqrt(by_voice * words.UNFINISHED), abs=0.02)


@pytest.mark.embedded
def test_the_loop_turns_while_it_judges(smart_turn: SmartTurn) -> None:
    """The network runs in a thread; eight verdicts wait for each other there, and not on the loop."""
    pcm = wav.read(SPEECH / "lv0890.wav")

    async def ask_much() -> tuple[list[float], list[float]]:
        async with turning_loop() as turns:
            verdicts = await asyncio.gather(*(smart_turn.judge("Yes.", pcm) for _ in range(8)))
        return verdicts, turns

    verdicts, turns = asyncio.run(ask_much())

    assert len(set(verdicts)) == 1
    assert len(turns) > 20
