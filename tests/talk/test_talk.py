"""`antiphon talk` and a real server, on engines without models."""

import asyncio
import io
import json
import sys
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec import structs
from numpy.typing import NDArray
from rich.console import Console

from antiphon.audio import wav
from antiphon.audio.pcm import ms_of
from antiphon.config import Config, Server
from antiphon.talk import TalkOptions, talk
from antiphon.testing import TONE, serving

EXAMPLE = Path(__file__).parents[2] / "examples" / "client_speech.py"


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Answers are saved where nobody minds."""
    monkeypatch.chdir(tmp_path)


def tone(ms: int, rate_hz: int, pitch_hz: int = 440) -> NDArray[np.float64]:
    """A tone, which the recogniser without a model can tell; or silence."""
    return 0.4 * np.sin(2 * np.pi * pitch_hz * np.arange(ms * rate_hz // 1000) / rate_hz)


def recorded(path: Path, samples: NDArray[np.float64], rate_hz: int, channels: int = 1) -> Path:
    """A WAV file as a recorder of that rate writes it."""
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, 2, rate_hz, 0, "NONE", ""))
        file.writeframes((np.repeat(samples, channels) * 32767).astype("<i2").tobytes())
    return path


def talked(config: Config | None = None, **options: Any) -> tuple[int, list[dict[str, Any]]]:
    """The exit code of a run against a server of our own, and its turns."""
    shown = io.StringIO()

    async def both() -> int:
        async with serving(config or "tone") as url:
            return await talk(TalkOptions(url=f"{url}/v1", json=True, **options), Console(file=shown))

    code = asyncio.run(both())
    return code, [json.loads(line) for line in shown.getvalue().splitlines()]


@pytest.mark.parametrize(("rate_hz", "channels"), [(8_000, 1), (44_100, 1), (48_000, 2)])
def test_a_question_at_any_rate(tmp_path: Path, rate_hz: int, channels: int) -> None:
    """The server hears the same words whatever the file, and the steps come in their order."""
    samples = np.concatenate([np.zeros(rate_hz // 5), tone(800, rate_hz), np.zeros(rate_hz // 10)])
    code, (turn,) = talked(wav=recorded(tmp_path / "q.wav", samples, rate_hz, channels), silence_ms=200)

    assert code == 0
    assert turn["you"].startswith("tone 440 hz 0.8 seconds")
    assert turn["answer"] == f"You said: {turn['you']}"
    assert (turn["status"], turn["heard_ms"]) == ("completed", None)
    assert sorted(turn["ms"].values()) == list(turn["ms"].values())
    assert 190 <= turn["ms"]["speech_stopped"] < 1_000
    assert ms_of(wav.read("q.answer.wav")) == turn["audio_ms"] > 0


def test_barge_in(tmp_path: Path) -> None:
    """The second tone falls into the first answer, which ends where it was heard; each turn has its figures."""
    rate_hz = 24_000
    samples = np.concatenate([tone(600, rate_hz), np.zeros(rate_hz * 3 // 2), tone(600, rate_hz, 880)])
    long = structs.replace(TONE, options={"asr": {"says": "say one two three four five six seven eight nine ten"}})
    talkative = Config(engines=long)
    code, (first, second) = talked(talkative, wav=recorded(tmp_path / "q.wav", samples, rate_hz), silence_ms=200)

    assert code == 0
    assert 0 < first["heard_ms"] < first["audio_ms"]
    assert (second["status"], second["heard_ms"]) == ("completed", None)
    assert ms_of(wav.read("q.answer.wav")) == first["heard_ms"] + second["audio_ms"]


def test_one_turn_without_turn_detection(tmp_path: Path) -> None:
    """Pauses do not cut the recording."""
    rate_hz = 16_000
    samples = np.concatenate([tone(400, rate_hz), np.zeros(rate_hz), tone(400, rate_hz, 880)])
    code, (turn,) = talked(wav=recorded(tmp_path / "q.wav", samples, rate_hz), vad="none")

    assert (code, turn["status"]) == (0, "completed")
    assert "tone 440 hz" in turn["you"]
    assert "tone 880 hz" in turn["you"]
    assert "speech_stopped" not in turn["ms"]


def test_a_recording_of_nothing(tmp_path: Path) -> None:
    """The server hears no speech, and that is said."""
    path = recorded(tmp_path / "q.wav", np.zeros(2_400), 24_000)

    assert talked(wav=path) == (1, [{"error": f"The server heard no speech in {path}.", "hint": None}])


def test_the_key(tmp_path: Path) -> None:
    """With it the door is open; without it the server's own words are shown."""
    locked = Config(engines=TONE, server=Server(api_keys={"me": "sk-secret"}))
    path = recorded(tmp_path / "q.wav", tone(400, 24_000), 24_000)

    assert talked(locked, wav=path, silence_ms=200, api_key="sk-secret")[0] == 0
    code, (refusal,) = talked(locked, wav=path, api_key="sk-wrong")

    assert (code, refusal["hint"]) == (1, "give the server's key with --api-key or in OPENAI_API_KEY")
    assert refusal["error"].startswith("The server said: Incorrect API key provided")


def test_the_example(tmp_path: Path) -> None:
    """`examples/client_speech.py` prints the answer as it comes and keeps its sound."""
    path = recorded(tmp_path / "q.wav", tone(800, 24_000), 24_000)

    async def both() -> tuple[bytes, int | None]:
        async with serving("tone") as url:
            command = (sys.executable, str(EXAMPLE), str(path), f"{url}/v1")
            example = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
            shown, _ = await example.communicate()
            return shown, example.returncode

    assert asyncio.run(both()) == (b"You said: tone 440 hz 0.8 seconds\n", 0)
    assert ms_of(wav.read("answer.wav")) > 0
