"""Engines without a model, for tests and for trying things out: same input, same output, always.

They are engines like any other (`--asr tone --llm tone --tts tone`, VAD `tone`) and really work on what they get:

- **VAD**: a frame is speech when it is louder than `LOUD_RMS`.
- **ASR**: tells what it heard: `tone 440 hz 1.2 seconds, tone 880 hz 0.5 seconds`. Partials end before the duration.
- **LLM**: echoes, and obeys the commands listed in `antiphon.engines.tone_llm`.
- **TTS**: a short sine per character, a pause per space; the height tells the character.
- **Turn model**: trusts the punctuation.

Options set delays and failures, so that slow and broken engines can be played; see the `…Options` structs.
"""

import asyncio
import math
import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from antiphon.audio.pcm import RATE_HZ, SAMPLE_BYTES, from_float, samples_in, to_float
from antiphon.engines.registry import EngineSpec, NoOptions
from antiphon.engines.tone_llm import ToneLLM, ToneLLMOptions
from antiphon.ports import EngineError, HearingOptions, Segment, TokenProb, Transcript

LOUD_RMS = 0.01
"""What counts as sound: -40 dB below full scale, far above the noise of a quiet line."""

VAD_RATE_HZ = 16_000
VAD_FRAME_SAMPLES = 512

HEARING_FRAME_MS = 20
PAUSE_FRAMES = 10
"""Quiet frames (200 ms) after which the next sound is a new tone."""
CLICK_FRAMES = 3
"""A sound of fewer frames is no tone."""
PITCH_FRAMES = 10
"""Loud frames (200 ms) after which a tone's frequency is told, and no longer corrected."""
PITCH_STEP_HZ = 10

LOWEST_HZ = 300
AMPLITUDE = 0.3

_TONE = re.compile(r"tone (\d+) hz ([\d.]+) seconds")


class _Named:
    """What all tone engines share: a name, and nothing to load or free."""

    def __init__(self, name: str = "tone") -> None:
        self.name = name

    async def start(self) -> None:
        """There is nothing to load."""

    async def stop(self) -> None:
        """There is nothing to free."""


class ToneVAD(_Named):
    """Speech is what is loud."""

    rate_hz = VAD_RATE_HZ
    frame_samples = VAD_FRAME_SAMPLES

    def new_state(self) -> Any:
        """Loudness has no memory."""
        return None

    def score(self, frames: NDArray[np.float32], states: list[Any]) -> tuple[list[float], list[Any]]:
        """1.0 for a loud frame, 0.0 for a quiet one."""
        rms = np.sqrt(np.mean(np.square(frames, dtype=np.float64), axis=1))
        return [1.0 if loud else 0.0 for loud in rms > LOUD_RMS], states


class ToneTurn(_Named):
    """A sentence mark ends a turn; a comma or a dangling word does not."""

    async def judge(self, text: str, pcm: bytes) -> float:  # noqa: ARG002 -- judges by words alone
        """0.95 after a sentence mark, 0.05 after a comma, a dash, dots or `and`; else 0.6."""
        words = text.rstrip().lower()
        if words.endswith((",", "-", "…", "...")) or words.split()[-1:] in (["and"], ["or"], ["but"], ["so"], ["um"]):
            return 0.05
        return 0.95 if words.endswith((".", "?", "!")) else 0.6


# ASR


class ToneASROptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the ASR behaves."""

    settle_ms: float = 0.0
    """How long a final text takes."""
    says: str = ""
    """Words to hear instead of a description, wherever there was a tone."""
    fails: bool = False
    hangs: bool = False


class ToneASR(_Named):
    """Tells the frequency and the length of the tones that it hears."""

    def __init__(self, name: str = "tone", options: ToneASROptions | None = None) -> None:
        super().__init__(name)
        self.options = options or ToneASROptions()

    def open(self, options: HearingOptions) -> "ToneHearing":
        """Begin an utterance."""
        return ToneHearing(self.options, options)


@dataclass(slots=True)
class _Tone:
    """A stretch of sound."""

    loud: int = 0
    """Frames with sound."""
    quiet: int = 0
    """Frames without, since the last one with sound."""
    samples: list[NDArray[np.float32]] = field(default_factory=list)
    pitch: tuple[int, float] | None = None
    """Hertz, and the share of the energy that lies there."""

    def add(self, frame: NDArray[np.float32]) -> None:
        """Take one more frame."""
        if math.sqrt(float(np.mean(np.square(frame)))) <= LOUD_RMS:
            self.quiet += 1 if self.loud else 0
            return
        self.loud, self.quiet = self.loud + 1, 0
        if self.pitch is None:
            self.samples.append(frame)
            if self.loud == PITCH_FRAMES:
                self.pitch = _pitch_of(np.concatenate(self.samples))

    def told(self) -> tuple[str, float]:
        """The whole tone in words, and how sure that is; no words for a click."""
        if self.loud < CLICK_FRAMES:
            return "", 0.0
        hz, share = self.pitch or _pitch_of(np.concatenate(self.samples))
        return f"tone {hz} hz {self.loud * HEARING_FRAME_MS / 1000:.1f} seconds", share


class ToneHearing:
    """One utterance. Its memory is bounded, however long it lasts: a few hundred samples and the words."""

    def __init__(self, engine: ToneASROptions, wanted: HearingOptions) -> None:
        self._engine = engine
        self._wanted = wanted
        self._rest = b""
        self._tone = _Tone()
        self._told: list[tuple[str, float]] = []
        self._given = ""

    async def feed(self, pcm: bytes) -> Transcript | None:
        """Listen; a tone is told as soon as its frequency is known, its length when it has ended."""
        if self._engine.fails:
            raise EngineError("The tone ASR was told to fail.")
        data = self._rest + pcm
        size = samples_in(HEARING_FRAME_MS) * SAMPLE_BYTES
        whole = len(data) - len(data) % size
        self._rest = data[whole:]
        for frame in to_float(data[:whole]).reshape(-1, size // SAMPLE_BYTES):
            self._tone.add(frame)
            if self._tone.quiet == PAUSE_FRAMES:
                self._end_tone()
        text = self._partial()
        if text == self._given:
            return None
        self._given = text
        return Transcript(text)

    async def settle(self) -> Transcript:
        """Everything heard, with the length so far of a tone that goes on."""
        if self._engine.hangs:
            await asyncio.Event().wait()
        await asyncio.sleep(self._engine.settle_ms / 1000)
        told = [*self._told, *([self._tone.told()] if self._tone.told()[0] else [])]
        if self._engine.says and told:
            told = [(self._engine.says, 1.0)]
        text = ", ".join(words for words, _ in told)
        return Transcript(
            text, stable=not self._tone.loud, language="en", tokens=self._tokens(told), segments=self._segments(told)
        )

    async def close(self) -> None:
        """There is nothing to free."""

    def _end_tone(self) -> None:
        words = self._tone.told()
        if words[0]:
            self._told.append(words)
        self._tone = _Tone()

    def _partial(self) -> str:
        """What will not change any more."""
        told = [words for words, _ in self._told]
        if self._tone.pitch is not None:
            told.append(f"tone {self._tone.pitch[0]} hz")
        if self._engine.says:
            return self._engine.says if told else ""
        return ", ".join(told)

    def _segments(self, told: list[tuple[str, float]]) -> tuple[Segment, ...]:
        """A segment per tone for a model that tells speakers apart: each pitch is a speaker; silence takes no time."""
        if "diarize" not in (self._wanted.model or ""):
            return ()
        segments: list[Segment] = []
        for words, _ in told:
            found = _TONE.fullmatch(words)
            speaker, length = (f"tone_{found[1]}", float(found[2])) if found else ("tone", 0.0)
            start = segments[-1].end if segments else 0.0
            segments.append(Segment(words, speaker, round(start, 1), round(start + length, 1)))
        return tuple(segments)

    def _tokens(self, told: list[tuple[str, float]]) -> tuple[TokenProb, ...]:
        """The words with their log probabilities; together they are the text."""
        if not self._wanted.logprobs:
            return ()
        tokens = []
        for n, (words, share) in enumerate(told):
            parts = (words + ("," if n + 1 < len(told) else "")).split(" ")
            tokens += [TokenProb((" " if n or k else "") + part, _log(share)) for k, part in enumerate(parts)]
        return tuple(tokens)


def _log(share: float) -> float:
    return round(math.log(min(max(share, 1e-6), 1.0)), 4) + 0.0  # never -0.0


def _pitch_of(samples: NDArray[np.float32]) -> tuple[int, float]:
    """The strongest frequency, and the share of the energy within one step of it."""
    windowed = samples * np.hanning(len(samples))
    power = np.abs(np.fft.rfft(windowed, RATE_HZ)) ** 2  # one bin a hertz
    peak = int(np.argmax(power))
    near = power[max(0, peak - 2 * PITCH_STEP_HZ) : peak + 2 * PITCH_STEP_HZ]
    return round(peak / PITCH_STEP_HZ) * PITCH_STEP_HZ, float(near.sum() / power.sum())


# TTS


class ToneTTSOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the TTS behaves."""

    ms_per_character: int = 40
    first_ms: float = 0.0
    """How long the first sound of a clause takes."""
    piece_ms: int = 200
    """Length of the pieces in which a clause is given."""
    fails_on: str = ""
    """Fail at a clause with these words."""
    hangs_on: str = ""
    """Never come to an end with a clause that has these words."""


class ToneTTS(_Named):
    """A sine per character. The voice `low` is half as high, `high` twice."""

    voices: tuple[str, ...] = ("mid", "low", "high")

    def __init__(self, name: str = "tone", options: ToneTTSOptions | None = None) -> None:
        super().__init__(name)
        self.options = options or ToneTTSOptions()

    async def speak(self, text: str, voice: str, speed: float) -> AsyncGenerator[bytes, None]:
        """Play the characters one after the other, each `ms_per_character / speed` long."""
        await asyncio.sleep(self.options.first_ms / 1000)
        if self.options.fails_on and self.options.fails_on in text:
            raise EngineError("The tone TTS was told to fail.")
        samples = samples_in(self.options.ms_per_character / speed)
        pitch = {"low": 0.5, "high": 2.0}.get(voice, 1.0)
        per_piece = max(1, samples_in(self.options.piece_ms) // max(1, samples))
        for at in range(0, len(text), per_piece):
            yield b"".join(_beep(character, samples, pitch) for character in text[at : at + per_piece])
            await asyncio.sleep(0)
        if self.options.hangs_on and self.options.hangs_on in text:
            await asyncio.Event().wait()


def _beep(character: str, samples: int, pitch: float) -> bytes:
    if character.isspace():
        return bytes(samples * SAMPLE_BYTES)
    hz = (LOWEST_HZ + PITCH_STEP_HZ * (ord(character) % 128)) * pitch
    return from_float((AMPLITUDE * np.sin(2 * np.pi * hz / RATE_HZ * np.arange(samples))).astype(np.float32))


# Entry points


def make_vad(spec: EngineSpec) -> ToneVAD:
    """Make the VAD; it has no options."""
    spec.read(NoOptions)
    return ToneVAD(spec.text)


def make_turn(spec: EngineSpec) -> ToneTurn:
    """Make the turn model; it has no options."""
    spec.read(NoOptions)
    return ToneTurn(spec.text)


def make_asr(spec: EngineSpec) -> ToneASR:
    """Make the ASR."""
    return ToneASR(spec.text, spec.read(ToneASROptions))


def make_llm(spec: EngineSpec) -> ToneLLM:
    """Make the LLM."""
    return ToneLLM(spec.text, spec.read(ToneLLMOptions))


def make_tts(spec: EngineSpec) -> ToneTTS:
    """Make the TTS."""
    return ToneTTS(spec.text, spec.read(ToneTTSOptions))
