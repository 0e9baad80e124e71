"""The turn model Smart Turn v3.2: a small network that hears from the last 8 s whether the caller has finished.

It listens to the melody of the voice, and is now and then sure of the wrong thing; so are the words alone, of others.
The verdict is the geometric mean of both, so that one's strong doubt counts: it cut off fewer callers than either
(`bench/semantic.py`). The weights (8.7 MB,
BSD-2, by Daily) are pulled: `antiphon pull smart-turn`. A verdict takes about 50 ms of one core, in a thread of its
own, for all sessions in turn.

Its input is Whisper's: the loudness of 80 mel bands every 10 ms, in the newest 8 s at 16 kHz; what is missing at the
start is silence.
"""

import math
from functools import cache
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from antiphon.audio.pcm import RATE_HZ, to_float
from antiphon.audio.resample import whole_float
from antiphon.engines import words
from antiphon.engines.registry import EngineSpec, NoOptions, SetupError
from antiphon.engines.worker import Worker
from antiphon.ports import EngineError

WEIGHTS = "smart-turn"
MODEL_RATE_HZ = 16_000
WINDOW_SAMPLES = 8 * MODEL_RATE_HZ
BANDS = 80
FFT_SAMPLES = 400
HOP_SAMPLES = 160

LINEAR_BELOW_HZ = 1000.0
"""Slaney's mel scale is linear up to here and logarithmic above."""
MEL_PER_HZ = 3 / 200
LOG_STEP = np.log(6.4) / 27

VARIANCE_FLOOR = 1e-7
POWER_FLOOR = 1e-10
RANGE_DECADES = 8.0
"""What is this far below the loudest counts as silence."""

Floats = NDArray[np.float32]


class SmartTurn:
    """The network, shared by all sessions."""

    def __init__(self, path: str, name: str = WEIGHTS) -> None:
        self.name = name
        self._path = path
        self._worker = Worker("smart-turn")
        self._network: Any = None

    @property
    def waiting(self) -> int:
        """Verdicts that wait for the thread."""
        return self._worker.waiting

    async def start(self) -> None:
        """Load the network, and run it once. Raises `EngineError` where the file is no such network."""
        try:
            self._network = await self._worker.run(_load, self._path)
            await self._worker.run(self._judge, b"")
        except Exception as error:  # onnxruntime has many kinds, none of them public
            raise EngineError(f"Smart Turn could not be loaded: {error}") from error

    async def stop(self) -> None:
        """Let the network go."""
        self._network = None
        self._worker.stop()

    async def judge(self, text: str, pcm: bytes) -> float:
        """The probability that the turn is over: by the voice, and by the words."""
        if self._network is None:
            raise EngineError("The turn model is not running.")
        return math.sqrt(await self._worker.run(self._judge, pcm) * words.finished(text))

    def _judge(self, pcm: bytes) -> float:
        """In the worker's thread."""
        heard = features(whole_float(to_float(pcm), RATE_HZ, MODEL_RATE_HZ))
        (verdict,) = self._network.run(None, {"input_features": heard[np.newaxis]})
        return float(np.clip(verdict.reshape(-1)[0], 0.0, 1.0))


def features(samples: Floats) -> Floats:
    """What the network is given: (80, 800), of the last 8 s of samples at 16 kHz."""
    last = samples[-WINDOW_SAMPLES:]
    window = np.pad(last, (WINDOW_SAMPLES - len(last), 0))
    level = (window - window.mean()) / np.sqrt(window.var() + VARIANCE_FLOOR)
    padded = np.pad(level.astype(np.float64), FFT_SAMPLES // 2, mode="reflect")
    frames = sliding_window_view(padded, FFT_SAMPLES)[::HOP_SAMPLES][: WINDOW_SAMPLES // HOP_SAMPLES]
    spectrum = np.abs(np.fft.rfft(frames * np.hanning(FFT_SAMPLES + 1)[:-1])) ** 2
    loudness = np.log10(np.maximum(_bands() @ spectrum.T, POWER_FLOOR))
    return np.asarray((np.maximum(loudness, loudness.max() - RANGE_DECADES) + 4) / 4, np.float32)


def make(spec: EngineSpec) -> SmartTurn:
    """Make the engine: `smart-turn` with the pulled weights. Raises `MissingWeights` before they are."""
    if spec.url or spec.model:
        raise SetupError(f'Smart Turn has no model "{spec.model or spec.url}".', f"write {spec.name}")
    spec.read(NoOptions)
    return SmartTurn(str(spec.weights(WEIGHTS)), spec.text or spec.name)


@cache
def _bands() -> NDArray[np.float64]:
    """How much of each frequency belongs to each band: triangles of equal area, evenly spaced in mels."""
    edges = _hertz(np.linspace(0.0, _mels(MODEL_RATE_HZ / 2), BANDS + 2))
    low, peak, high = (edges[at : at + BANDS, np.newaxis] for at in range(3))
    hertz = np.linspace(0.0, MODEL_RATE_HZ / 2, FFT_SAMPLES // 2 + 1)
    rising, falling = (hertz - low) / (peak - low), (high - hertz) / (high - peak)
    triangles: NDArray[np.float64] = np.maximum(0.0, np.minimum(rising, falling)) * 2 / (high - low)
    return triangles


def _mels(hertz: float) -> float:
    """Above the linear part."""
    return float(MEL_PER_HZ * LINEAR_BELOW_HZ + np.log(hertz / LINEAR_BELOW_HZ) / LOG_STEP)


def _hertz(mels: NDArray[np.float64]) -> NDArray[np.float64]:
    first = MEL_PER_HZ * LINEAR_BELOW_HZ
    return np.where(mels < first, mels / MEL_PER_HZ, LINEAR_BELOW_HZ * np.exp(LOG_STEP * (mels - first)))


def _load(path: str) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
