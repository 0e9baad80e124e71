"""Speech recognition by Moonshine tiny-en: English, 55 MB of weights that come with its package.

It is no streaming model (see `pieces`): a reading takes about 30 ms per second of its audio.

What was measured on real speech, cut by our own turn detection, and is done here:
- A second of digital silence after the audio: asked at the first quiet frame, the word error rate fell from 5 %
  to 2.7 % (at the end of 500 ms silence: from 2.3 to 1.7 %), and repeated words, which came in 26 of 1,455 short or
  noisy cuts, in none. It costs 5 ms.
- Of noise and silence the model says `You`, without a mark, or draws notes: both are taken as nothing.
"""

import ctypes
import os
from pathlib import Path
from typing import Any

import moonshine_voice
import msgspec
import numpy as np
from moonshine_voice.errors import MoonshineError, check_error
from moonshine_voice.moonshine_api import TranscriptC
from moonshine_voice.transcriber import Transcriber

from antiphon.audio.pcm import BYTES_PER_MS, RATE_HZ, to_float
from antiphon.audio.resample import whole_float
from antiphon.engines.pieces import Cutting, PiecewiseHearing
from antiphon.engines.registry import EngineSpec, SetupError
from antiphon.engines.repeats import unlooped
from antiphon.engines.worker import Worker
from antiphon.ports import EngineError, HearingOptions, Transcript

MODEL = "tiny-en"
MODEL_RATE_HZ = 16_000

SHORTEST_MS = 200
"""Below this there is no word in it, but the model would find one."""
PADDING_MS = 1000
"""Digital silence after what is read; see above."""
PIECE_MAX_S = 12
"""A longer stretch is cut. Whole turns of 25 to 44 s read at once had 4.5 % wrong words, so cut 1.1 %."""
PIECE_MIN_S = 6
"""A cut leaves at least this much; pieces of 3 to 6 s had 3.1 % wrong words."""

NOTHING = "You"
"""What the model says when there was nothing; a real "you" has a mark after it."""

OPTIONS = {"vad_threshold": "0.0", "transcription_interval": "0.0", "return_audio_data": "false"}
"""Moonshine's own voice detection stays out of it: it puts stray words at the start of turns."""


class MoonshineOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the operator may set."""

    partials_ms: int = 0
    """Audio after which the turn so far is read for a passing text; 0 for never. Each reading costs as much as
    the last one, and the final text comes no sooner for it."""


class Moonshine:
    """The model, and the one thread in which it reads for all sessions."""

    def __init__(self, name: str = "moonshine", options: MoonshineOptions | None = None) -> None:
        self.name = name
        self.options = options or MoonshineOptions()
        self._model: Any = None
        self._worker = Worker("moonshine")

    @property
    def waiting(self) -> int:
        """Readings that wait for the thread."""
        return self._worker.waiting

    async def start(self) -> None:
        """Load the model, about 0.2 s and 180 MB, and read once."""
        self._model = await self._worker.run(_load)
        await self._worker.run(self.read, bytes(1000 * BYTES_PER_MS))

    async def stop(self) -> None:
        """Let the reading that runs come to its end, then free the model."""
        model, self._model = self._model, None
        if model is not None:
            await self._worker.run(model.close)
        self._worker.stop()

    def open(self, options: HearingOptions) -> PiecewiseHearing:  # noqa: ARG002 -- the port has it
        """Begin an utterance. The model knows English alone and takes no hints: `options` change nothing.

        Its `settle` takes 90 ms for 3 s, 300 ms for 11 s on one core.
        """
        cutting = Cutting(PIECE_MAX_S, PIECE_MIN_S, self.options.partials_ms)
        return PiecewiseHearing(self._worker, lambda pcm: Transcript(self.read(pcm), language="en"), cutting)

    def read(self, pcm: bytes | bytearray) -> str:
        """The words in one piece of audio; call it in the worker's thread only."""
        if self._model is None:
            raise EngineError("The speech recognition is not running.")
        if len(pcm) < SHORTEST_MS * BYTES_PER_MS:
            return ""
        heard = whole_float(to_float(pcm), RATE_HZ, MODEL_RATE_HZ)
        try:
            text = _transcribe(self._model, np.append(heard, np.zeros(PADDING_MS * MODEL_RATE_HZ // 1000, np.float32)))
        except MoonshineError as error:
            raise EngineError("The speech recognition failed.") from error
        if text == NOTHING or not any(letter.isalnum() for letter in text):
            return ""
        return unlooped(text, len(heard) / MODEL_RATE_HZ)


def make(spec: EngineSpec) -> Moonshine:
    """Make the engine. Raise SetupError for a model that the package does not bring."""
    if spec.url or spec.model not in {None, MODEL}:
        raise SetupError(f'Moonshine has no model "{spec.model or spec.url}".', f"write {spec.name}")
    return Moonshine(spec.text or spec.name, spec.read(MoonshineOptions))


def _load() -> Any:
    """Load the model for one thread: half the CPU of many, as fast, and no threads that spin beside ours."""
    os.environ.setdefault("MOONSHINE_ORT_SINGLE_THREAD", "1")
    folder = Path(moonshine_voice.__file__).parent / "assets" / MODEL
    try:
        return Transcriber(str(folder), moonshine_voice.ModelArch.TINY, options=OPTIONS)
    except MoonshineError as error:
        raise EngineError(f"Moonshine could not be loaded: {error}") from error


def _transcribe(model: Any, samples: np.ndarray[Any, np.dtype[np.float32]]) -> str:
    """The text of `samples`, as the model gives it.

    Moonshine's own call copies the samples through a Python list, and holds the GIL for all of it.
    """
    transcript = ctypes.POINTER(TranscriptC)()
    pointer = samples.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
    library, handle = model._lib, model._handle  # noqa: SLF001 -- see above; the version is pinned
    check_error(
        library.moonshine_transcribe_without_streaming(
            handle, pointer, len(samples), MODEL_RATE_HZ, 0, ctypes.byref(transcript)
        )
    )
    lines = model._parse_transcript(transcript).lines  # noqa: SLF001 -- as above
    return " ".join(line.text.strip() for line in lines).strip()
