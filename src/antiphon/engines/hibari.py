"""Speech synthesis by Hibari: a small English voice, 100 times faster than real time on one core, at 24 kHz.

Each sentence, or stretch of `MAX_PART_CHARACTERS`, is spoken in one go in the engine's thread, so that sessions
take turns and a stop comes soon. The voice begins each with 300 ms of silence and ends it with as much; that
is cut away, for the answer should start at once, and a pause that fits the last mark is left.
What cannot be spoken (signs alone, other scripts) is silence, never an error.
"""

import re
import textwrap
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import hibari
import numpy as np
from hibari.voices import DEFAULT, VOICES, voice_path
from numpy.typing import NDArray

from antiphon.audio.pcm import from_float, samples_in, silence
from antiphon.engines.registry import EngineSpec, NoOptions, SetupError
from antiphon.engines.worker import Worker
from antiphon.ports import EngineError

MAX_PART_CHARACTERS = 240
"""About 15 s of speech, made in 150 ms: what one session may keep the thread for."""
MAX_DIGITS = 15
"""A longer number is read digit by digit; from 67 digits on Hibari has no words for one."""
SLOWEST, FASTEST = 0.25, 4.0

QUIET_RMS = 0.001
"""60 dB below full scale: below it is the silence around speech, above it already a breathed `h`."""
QUIET_FRAME = samples_in(5)
LEAD_MS = 20
"""Kept before the first sound, for its very beginning."""
PAUSES_MS = {".": 350, "!": 350, "?": 350, "…": 350, ",": 150, ";": 200, ":": 200, "—": 200}
"""Silence after a part, by its last mark, at speed 1."""
NO_PAUSE_MS = 60

_LONG_NUMBER = re.compile(rf"\d{{{MAX_DIGITS + 1},}}")

Floats = NDArray[np.float32]


class Hibari:
    """The voices that are on this machine, and the one thread in which they speak for all sessions."""

    def __init__(self, name: str = "hibari", voice: str = DEFAULT) -> None:
        self.name = name
        self.voices: tuple[str, ...] = (voice, *(each for each in on_this_machine() if each != voice))
        self._worker = Worker("hibari")
        self._loaded: dict[str, Any] = {}
        """Voices by name: 8 MB each, loaded when they are first wanted."""
        self._is_running = False

    @property
    def waiting(self) -> int:
        """Sentences that wait for the thread."""
        return self._worker.waiting

    async def start(self) -> None:
        """Load the first voice, about 0.8 s with its dictionary, and speak a word."""
        self._is_running = True
        await self._worker.run(self._say, "Hello.", self.voices[0], 1.0)

    async def stop(self) -> None:
        """Drop what waits to be spoken, and the voices."""
        self._is_running = False
        self._worker.stop()
        self._loaded.clear()

    async def speak(self, text: str, voice: str, speed: float) -> AsyncGenerator[bytes, None]:
        """Speak sentence by sentence; `speed` is that of the voice itself, at the same pitch, 0.25 to 4."""
        for part in parts(text):
            if not self._is_running:
                raise EngineError("The speech synthesis is not running.")
            pcm = await self._worker.run(self._say, part, voice, min(max(speed, SLOWEST), FASTEST))
            if pcm:
                yield pcm

    def _say(self, text: str, voice: str, speed: float) -> bytes:
        """In the worker's thread."""
        speaker = self._speaker(voice if voice in self.voices else self.voices[0])
        try:
            phonemes = speaker.phonemize(text)
        except Exception:  # noqa: BLE001 -- its rules fail on rare signs and numbers; those are not spoken
            return b""
        try:
            sounds = [speaker.from_phonemes(each, speed, seed=0) for each in phonemes if _is_speech(each)]
        except Exception as error:
            raise EngineError("The speech synthesis failed.") from error
        return b"".join(_trimmed(sound, _pause_ms(text) / speed) for sound in sounds)

    def _speaker(self, voice: str) -> Any:
        if voice not in self._loaded:
            try:
                self._loaded[voice] = hibari.Hibari(voice, model=voice_path(voice, download_missing=False))
            except Exception as error:
                raise EngineError(f'The voice "{voice}" could not be loaded.') from error
        return self._loaded[voice]


def make(spec: EngineSpec) -> Hibari:
    """Make the engine; `hibari#VOICE` chooses the voice that speaks when the client's is unknown.

    Raise SetupError for a voice that is not on this machine.
    """
    spec.read(NoOptions)
    voice, known = spec.url or spec.model or DEFAULT, on_this_machine()
    if voice not in known:
        raise SetupError(f'Hibari has no voice "{voice}" on this machine.', f"its voices are: {', '.join(known)}")
    return Hibari(spec.text or spec.name, voice)


def on_this_machine() -> tuple[str, ...]:
    """The voices whose weights are here; Hibari would download the others when they are first used."""
    return tuple(voice for voice in VOICES if _is_here(voice))


def parts(text: str) -> Iterator[str]:
    """What is spoken in one go: sentences, long ones cut between words where there are any."""
    readable = _LONG_NUMBER.sub(lambda number: " ".join(number[0]), text)
    for sentence in hibari.Hibari.split_sentences(readable):
        yield from textwrap.wrap(sentence, MAX_PART_CHARACTERS, break_on_hyphens=False)


def _is_here(voice: str) -> bool:
    try:
        voice_path(voice, download_missing=False)
    except FileNotFoundError:
        return False
    return True


def _is_speech(phonemes: str) -> bool:
    """Marks alone would be spoken as a breath."""
    return any(phoneme.isalpha() for phoneme in phonemes)


def _pause_ms(text: str) -> int:
    marks = [mark for mark in text[-3:] if mark in PAUSES_MS]
    return PAUSES_MS[marks[-1]] if marks else NO_PAUSE_MS


def _trimmed(sound: Floats, pause_ms: float) -> bytes:
    """The sound without the silence around it, and a pause; nothing where it is silent altogether."""
    frames = sound[: len(sound) // QUIET_FRAME * QUIET_FRAME].reshape(-1, QUIET_FRAME)
    loud = np.flatnonzero(np.square(frames).mean(axis=1) > QUIET_RMS**2)
    if not len(loud):
        return b""
    start = max(int(loud[0]) * QUIET_FRAME - samples_in(LEAD_MS), 0)
    end = (int(loud[-1]) + 1) * QUIET_FRAME
    return from_float(sound[start:end]) + silence(round(pause_ms))
