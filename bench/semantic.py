"""How well turns are ended: false cut-offs, and the wait after the true end, by way of turn detection.

`python bench/semantic.py report --clips DIR...` hears people who pause inside their turns, through our own VAD, ear,
recogniser and turn model, in the time of the audio: nothing depends on how busy the machine is. A false cut-off is
a turn that ended in a pause of 200 ms or more after which the caller went on. The wait runs from the end of the last
voiced frame to `speech_stopped`.

What is heard: the clips of `CLIPS` that lie in the folders, as they are and with each dip inside them made a pause of
300 to 1,500 ms; and the lines of `turns.txt`, spoken by `hibari`, with such pauses at their marks. Half of both was
tuned on (`tune`), the other half only reported (`report`).
"""

import argparse
import asyncio
import itertools
import statistics
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from antiphon.audio import wav
from antiphon.audio.pcm import SAMPLE_BYTES, ms_in, samples_in, samples_of, silence, to_float
from antiphon.catalogue import path_of
from antiphon.engines import registry
from antiphon.ports import ASR, TTS, HearingOptions, TurnModel
from antiphon.runtime.scoring import Scoring
from antiphon.session.caller import JUDGED_MS
from antiphon.session.config import TurnRules
from antiphon.session.inputs import Score
from antiphon.session.listening import Began, Ended, Listening, Paused, Resumed, Went
from antiphon.session.turns import Turn, TurnDetector

CLIPS = {
    "tune": ("jfk.wav", "lv0870.wav", "lv0880.wav", "lv0920.wav", "card00[135].wav"),
    "report": ("two_cities.wav", "beckett.wav", "lv0890.wav", "lv0930.wav", "card00[24].wav"),
}
"""jfk: `samples` of whisper.cpp. lvNNNN: `librivox/*-NNNN.wav`, card00N: `cards/00N.wav`, both in `test/data` of the
source package of pocketsphinx 5.1.1. two_cities, beckett: `assets` of the wheel moonshine-voice 0.1.0."""
PAUSES_MS = (300, 1500)
"""How long the pauses are that are put in, evenly spread."""
SHORTEST_PAUSE_MS = 200
DIP_FRAMES = 3
"""Frames without voice that are made a pause in a real clip."""
AFTER_MS = 9000
"""Silence after a turn: longer than the longest wait."""
LIMIT_S = 60.0
NEVER_MS = 1_000_000
SEED = 5
COMMA_MS = 150
"""What `hibari` leaves after a comma."""
SEARCH_MS = 300
QUIET_MS = 80


@dataclass(frozen=True, slots=True)
class Utterance:
    """One turn as it was spoken, its scores, and where its pauses are, in samples."""

    name: str
    group: str
    pcm: bytes
    scores: tuple[Score, ...]
    pauses: tuple[tuple[int, int], ...]

    @property
    def end(self) -> int:
        """Where the voice ends."""
        return self.pauses[-1][0]

    @property
    def inner(self) -> int:
        """How many pauses there are in which a turn could be ended wrongly."""
        return sum(ms_in(end - start) >= SHORTEST_PAUSE_MS for start, end in self.pauses[:-1])


@dataclass(frozen=True, slots=True)
class Mode:
    """One way of turn detection."""

    name: str
    rules: TurnRules
    model: TurnModel | None = None


@dataclass(slots=True)
class Tally:
    """What came of a mode."""

    pauses: int = 0
    cuts: int = 0
    waits_ms: list[int] = field(default_factory=list)

    def row(self) -> tuple[str, ...]:
        """Cells of the table."""
        waits = sorted(self.waits_ms)
        tenth = waits[int(0.9 * (len(waits) - 1))]
        share = f"{100 * self.cuts / self.pauses:.0f} %" if self.pauses else "-"
        return (f"{self.cuts} of {self.pauses}", share, f"{statistics.median(waits):.0f}", str(tenth), str(len(waits)))


class Bench:
    """The engines, and what the recogniser has already said of a stretch of sound."""

    def __init__(self, scoring: Scoring, asr: ASR, answer_ms: dict[str, int]) -> None:
        self._scoring = scoring
        self._asr = asr
        self._answer_ms = answer_ms
        self._texts: dict[bytes, str] = {}
        self.lines: list[str] = []

    async def utterance(self, name: str, group: str, pcm: bytes) -> Utterance:
        """Score a clip, and find its pauses."""
        pcm += silence(AFTER_MS)
        scores = await self._scoring.open().hear(pcm)
        return Utterance(name, group, pcm, scores, tuple(pauses(scores)))

    async def hear(self, heard: Utterance, mode: Mode, tally: Tally) -> None:
        """Let one turn be taken; counts what became of it."""
        numbers = itertools.count()
        listening = Listening(lambda _: str(next(numbers)), judges=mode.model is not None)
        turn, verdict, at = b"", None, 0
        tally.pauses += heard.inner
        for score in heard.scores:
            if verdict is not None and score.end >= verdict[0]:
                listening.finished, verdict = verdict[1], None
            chunk = heard.pcm[at * SAMPLE_BYTES : score.end * SAMPLE_BYTES]
            at = score.end
            for stretch in listening.hear(chunk, (score,), mode.rules):
                match stretch:
                    case Began():
                        turn, verdict = b"", None
                    case Went(pcm=pcm):
                        turn += pcm
                    case Paused() if mode.model is not None:
                        finished = await self._judge(heard, mode, mode.model, turn, listening.last(JUDGED_MS))
                        verdict = (score.end + samples_in(self._answer_ms.get(mode.model.name, 0)), finished)
                    case Resumed():
                        verdict = None
                    case Ended() if score.end < heard.end:
                        tally.cuts += 1
                        self.lines.append(f"{mode.name}: CUT {heard.name} at {ms_in(score.end)} ms")
                    case Ended():
                        tally.waits_ms.append(ms_in(score.end - heard.end))
                        return

    async def _judge(self, heard: Utterance, mode: Mode, model: TurnModel, turn: bytes, last: bytes) -> float:
        if turn not in self._texts:
            hearing = self._asr.open(HearingOptions())
            await hearing.feed(turn)
            self._texts[turn] = (await hearing.settle()).text
            await hearing.close()
        text = self._texts[turn]
        finished = await model.judge(text, last)
        self.lines.append(f"{mode.name}: {finished:.2f} {heard.name}: {text[-90:]}")
        return finished


def pauses(scores: tuple[Score, ...]) -> Iterator[tuple[int, int]]:
    """Where the voice is quiet inside the sound and after it: (start, end) in samples, the last one with the end."""
    detector, quiet = TurnDetector(), 0
    for score in scores:
        turn = detector.hear(score, TurnRules(), NEVER_MS)
        if turn is Turn.PAUSED:
            quiet = score.start
        elif turn is Turn.RESUMED:
            yield quiet, score.start
    yield quiet, scores[-1].end


def stretched(heard: Utterance, chance: np.random.Generator) -> bytes:
    """A real clip with its dips made pauses."""
    pieces, at = [], 0
    for start, end in heard.pauses[:-1]:
        if end - start < DIP_FRAMES * samples_in(32):
            continue
        middle = (start + end) // 2
        missing_ms = max(0, int(chance.integers(*PAUSES_MS)) - ms_in(end - start))
        pieces += [heard.pcm[at * SAMPLE_BYTES : middle * SAMPLE_BYTES], silence(missing_ms)]
        at = middle
    return b"".join((*pieces, heard.pcm[at * SAMPLE_BYTES : -samples_in(AFTER_MS) * SAMPLE_BYTES]))


async def spoken(voice: TTS, line: str, chance: np.random.Generator) -> bytes:
    """A line with pauses at its marks: spoken as one sentence with a comma at each, and that moment made longer."""
    parts = [part.strip() for part in line.split("|")]
    sound, done, pieces, at = await say(voice, commas(parts)), "", [], 0
    for number in range(1, len(parts)):
        done = commas(parts[:number])
        cut = quietest(sound, samples_of(await say(voice, done.rstrip(",") + ",")) - samples_in(COMMA_MS))
        pieces += [sound[at * SAMPLE_BYTES : cut * SAMPLE_BYTES], silence(int(chance.integers(*PAUSES_MS)))]
        at = cut
    return silence(200) + b"".join((*pieces, sound[at * SAMPLE_BYTES :]))


def commas(parts: list[str]) -> str:
    """The parts as one sentence."""
    return ", ".join(part.rstrip(",") for part in parts)


async def say(voice: TTS, text: str) -> bytes:
    """All of a text."""
    return b"".join([pcm async for pcm in voice.speak(text, "", 1.0)])


def quietest(sound: bytes, near: int) -> int:
    """The middle of the longest quiet within `SEARCH_MS` of a sample: the spot with the least sound around it."""
    step, wide = samples_in(5), samples_in(QUIET_MS)
    samples = np.abs(to_float(sound))
    low, high = max(0, near - samples_in(SEARCH_MS)), min(len(samples) - wide, near + samples_in(SEARCH_MS))
    loudness = {spot: float(samples[spot : spot + wide].mean()) for spot in range(low, high, step)}
    return min(loudness, key=lambda spot: loudness[spot]) + wide // 2 if loudness else near


async def material(bench: Bench, voice: TTS, half: str, folders: list[Path]) -> list[Utterance]:
    """All that is heard."""
    chance, found = np.random.default_rng(SEED), []
    for pattern in CLIPS[half]:
        for file in sorted(itertools.chain.from_iterable(folder.glob(pattern) for folder in folders)):
            heard = await bench.utterance(file.stem, "real", wav.read(file))
            found.append(heard)
            if len(heard.pauses) > 1:
                found.append(await bench.utterance(f"{file.stem}, stretched", "real", stretched(heard, chance)))
    for row in (Path(__file__).parent / "turns.txt").read_text("utf-8").splitlines():
        name, _, line = row.partition(" ")
        if name == half:
            found.append(await bench.utterance(line, "spoken", await spoken(voice, line, chance)))
    return found


def modes(models: list[TurnModel]) -> Iterator[Mode]:
    """What is compared."""
    for silence_ms in (200, 500, 800):
        yield Mode(f"server_vad {silence_ms}", TurnRules(silence_duration_ms=silence_ms))
    for model in models:
        for eagerness in ("low", "medium", "high"):
            yield Mode(f"{model.name} {eagerness}", TurnRules(kind="semantic_vad", eagerness=eagerness), model)


async def measure(arguments: argparse.Namespace) -> None:
    """Hear all, and print the table."""
    vad, asr, voice = registry.make("vad", "silero"), registry.make("asr", "moonshine"), registry.make("tts", "hibari")
    models = [registry.make("turn", name, weights=path_of) for name in arguments.turn]
    engines = (vad, asr, voice, *models)
    for engine in engines:
        await engine.start()
    scoring = Scoring(vad, LIMIT_S)
    answers = {name: arguments.answer_ms + (arguments.judge_ms if name != "words" else 0) for name in arguments.turn}
    bench = Bench(scoring, asr, answers)
    heard = await material(bench, voice, arguments.half, arguments.clips)
    table = Table("turn detection", "heard", "false cut-offs", "", "wait ms, median", "wait ms, 90 %", "ends")
    for mode in modes(models):
        tallies = {"real": Tally(), "spoken": Tally()}
        for each in heard:
            await bench.hear(each, mode, tallies[each.group])
        both = Tally(
            sum(t.pauses for t in tallies.values()),
            sum(t.cuts for t in tallies.values()),
            list(itertools.chain.from_iterable(t.waits_ms for t in tallies.values())),
        )
        for group, tally in {**tallies, "all": both}.items():
            if tally.waits_ms:
                table.add_row(mode.name, group, *tally.row(), end_section=group == "all")
    console = Console()
    if arguments.lines:
        console.print("\n".join(bench.lines), markup=False, highlight=False)
    console.print(table)
    await scoring.stop()
    for engine in engines:
        await engine.stop()


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else None)
    parser.add_argument("half", choices=tuple(CLIPS))
    parser.add_argument("--clips", type=Path, nargs="+", default=[], help="folders with WAV files named in CLIPS")
    parser.add_argument("--turn", nargs="+", default=["words"], help="turn models (words)")
    parser.add_argument("--answer-ms", type=int, default=120, help="what the recogniser takes, in audio time (120)")
    parser.add_argument("--judge-ms", type=int, default=60, help="what a turn model that runs a network adds (60)")
    parser.add_argument("--lines", action="store_true", help="show each verdict and each cut")
    asyncio.run(measure(parser.parse_args()))


if __name__ == "__main__":
    main()
