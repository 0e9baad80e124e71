"""Word error rate of the caller's transcripts, through our own VAD, turn detection and recogniser.

`python bench/wer.py DIR` hears every clip of DIR as a session would: in 20 ms chunks, cut into turns, each turn's text
asked for twice: at the first quiet frame, as anticipation does, and at the end of the silence. DIR holds WAV files and
`transcripts.json` (file name -> {"text": words in lower case, without marks}). Each clip is heard several times,
shifted against the VAD's frames, for one shift alone is chance.
"""

import argparse
import asyncio
import itertools
import json
import re
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import jiwer
from rich.console import Console
from rich.table import Table

from antiphon.audio import wav
from antiphon.audio.pcm import BYTES_PER_MS, RATE_HZ, SAMPLE_BYTES, silence
from antiphon.engines import registry
from antiphon.ports import ASR, Hearing, HearingOptions
from antiphon.runtime.scoring import Scoring
from antiphon.session.config import TurnRules
from antiphon.session.listening import Began, Ended, Listening, Paused, Resumed, Went

CHUNK_BYTES = 20 * BYTES_PER_MS
FRAME_SAMPLES = 32 * RATE_HZ // 1000
AFTER_MS = 1500
"""Silence after a clip, so that its last turn ends."""
SCORING_LIMIT_S = 10.0

SPOKEN = {"mr": "mister", "mrs": "missus", "dr": "doctor", "st": "saint"}


@dataclass(slots=True)
class Outcome:
    """What was heard of a clip, at the pauses and at the ends of its turns, and how long each text took."""

    at_pause: list[str] = field(default_factory=list)
    at_end: list[str] = field(default_factory=list)
    waits_ms: list[float] = field(default_factory=list)


class Ears:
    """A session's hearing, without the session."""

    def __init__(self, asr: ASR, scoring: Scoring, rules: TurnRules) -> None:
        numbers = itertools.count()
        self.outcome = Outcome()
        self._asr = asr
        self._rules = rules
        self._stream = scoring.open()
        self._listening = Listening(lambda kind: f"{kind}_{next(numbers)}")
        self._hearing: Hearing | None = None
        self._pause = ""

    async def hear(self, pcm: bytes) -> Outcome:
        """Hear a whole clip."""
        for at in range(0, len(pcm), CHUNK_BYTES):
            chunk = pcm[at : at + CHUNK_BYTES]
            for stretch in self._listening.hear(chunk, await self._stream.hear(chunk), self._rules):
                await self._follow(stretch)
        return self.outcome

    async def _follow(self, stretch: object) -> None:
        match stretch:
            case Began():
                self._hearing = self._asr.open(HearingOptions())
            case Went(pcm=pcm) if self._hearing:
                await self._hearing.feed(pcm)
            case Paused() if self._hearing:
                self._pause = await self._settle(self._hearing)
            case Resumed():
                self._pause = ""
            case Ended() if self._hearing:
                self.outcome.at_pause.append(self._pause)
                self.outcome.at_end.append(await self._settle(self._hearing))
                await self._hearing.close()
                self._hearing = None

    async def _settle(self, hearing: Hearing) -> str:
        before = time.perf_counter()
        text = (await hearing.settle()).text
        self.outcome.waits_ms.append((time.perf_counter() - before) * 1000)
        return text


def words(text: str) -> str:
    """Lower case, no marks, titles written out."""
    plain = re.sub(r"[^a-z0-9 ]", " ", text.lower().replace("'", ""))
    return " ".join(SPOKEN.get(word, word) for word in plain.split())


def clips(folder: Path) -> Iterator[tuple[str, bytes, str]]:
    """Names, sounds and words."""
    for name, facts in json.loads((folder / "transcripts.json").read_text()).items():
        yield name, wav.read(folder / name), words(facts["text"])


@dataclass(slots=True)
class Tally:
    """What was said and heard, over the shifts of one clip or over all clips."""

    at_pause: list[tuple[str, str]] = field(default_factory=list)
    at_end: list[tuple[str, str]] = field(default_factory=list)
    turns: list[int] = field(default_factory=list)
    waits_ms: list[float] = field(default_factory=list)

    def add(self, said: str, outcome: Outcome) -> None:
        """Count one hearing of a clip."""
        self.at_pause.append((said, words(" ".join(outcome.at_pause))))
        self.at_end.append((said, words(" ".join(outcome.at_end))))
        self.turns.append(len(outcome.at_end))
        self.waits_ms += outcome.waits_ms

    def row(self, *head: str) -> tuple[str, ...]:
        """The figures, as the table shows them."""
        waits = f"{statistics.median(self.waits_ms):.0f}" if self.waits_ms else "-"
        return (*head, rate(self.at_pause), rate(self.at_end), f"{statistics.fmean(self.turns):.1f}", waits)


def rate(pairs: list[tuple[str, str]]) -> str:
    """The word error rate of (said, heard) pairs."""
    wer = jiwer.wer([said for said, _ in pairs], [heard for _, heard in pairs])
    return f"{100 * wer:.1f} %"


async def measure(arguments: argparse.Namespace, silence_ms: int, table: Table) -> None:
    """All clips at one silence."""
    vad, asr = registry.make("vad", arguments.vad), registry.make("asr", arguments.asr)
    await vad.start()
    await asr.start()
    scoring, rules, total = Scoring(vad, SCORING_LIMIT_S), TurnRules(silence_duration_ms=silence_ms), Tally()
    for name, sound, said in clips(arguments.folder):
        tally = Tally()
        for shift in range(arguments.shifts):
            late = bytes(shift * FRAME_SAMPLES // arguments.shifts * SAMPLE_BYTES)
            outcome = await Ears(asr, scoring, rules).hear(late + sound + silence(AFTER_MS))
            tally.add(said, outcome)
            total.add(said, outcome)
        table.add_row(*tally.row(str(silence_ms), name))
        for heard in sorted({heard for _, heard in tally.at_pause} if arguments.texts else ()):
            print(f"{silence_ms} {name}: {heard}")
    table.add_row(*total.row(str(silence_ms), "all"), end_section=True, style="bold")
    await scoring.stop()
    await asr.stop()
    await vad.stop()


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--silence", type=int, nargs="+", default=[200, 500], help="silence_duration_ms (200 500)")
    parser.add_argument("--shifts", type=int, default=4, help="how often each clip is heard (4)")
    parser.add_argument("--vad", default="silero")
    parser.add_argument("--asr", default="moonshine")
    parser.add_argument("--texts", action="store_true", help="show what was heard")
    arguments = parser.parse_args()
    table = Table("silence ms", "clip", "WER at the pause", "WER at the end", "turns", "text after ms")
    for silence_ms in arguments.silence:
        asyncio.run(measure(arguments, silence_ms, table))
    Console().print(table)


if __name__ == "__main__":
    main()
