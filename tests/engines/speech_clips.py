"""What the tests of speech engines share: real speech with its words, and a watch on the event loop."""

import asyncio
import contextlib
import json
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path

import jiwer

from antiphon.audio import wav
from antiphon.audio.pcm import BYTES_PER_MS, silence

SPEECH = Path(__file__).parent.parent / "speech"
CLIPS: dict[str, dict[str, str]] = json.loads((SPEECH / "transcripts.json").read_text())


def clip(name: str) -> bytes:
    """One clip as `pcm`, with the silence that ends a turn."""
    return wav.read(SPEECH / name) + silence(500)


def words(text: str) -> str:
    """Text as the transcripts have it: lower case, no marks."""
    return " ".join(re.sub(r"[^a-z0-9 ]", " ", text.lower().replace("'", "")).split())


def errors(heard: str, said: str) -> int:
    """How many words are wrong, missing or too many."""
    output = jiwer.process_words(words(said), words(heard))
    return output.substitutions + output.deletions + output.insertions


def chunks(pcm: bytes, ms: int = 100) -> list[bytes]:
    """Audio as it comes over the wire."""
    size = ms * BYTES_PER_MS
    return [pcm[at : at + size] for at in range(0, len(pcm), size)]


@contextlib.asynccontextmanager
async def turning_loop() -> AsyncIterator[list[float]]:
    """How long each turn of the event loop took, in ms, while the block runs; a blocked loop makes few, long ones."""
    turns: list[float] = []

    async def watch() -> None:
        before = time.perf_counter()
        while True:
            await asyncio.sleep(0.001)
            now = time.perf_counter()
            turns.append((now - before) * 1000)
            before = now

    async with asyncio.TaskGroup() as tasks:
        watcher = tasks.create_task(watch())
        yield turns
        watcher.cancel()
