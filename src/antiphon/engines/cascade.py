"""An LLM and a TTS as one responder: the answer is spoken sentence by sentence while it is still written.

Two tasks and two short queues: the writer reads the LLM and cuts its text into clauses, the speaker has them
spoken one by one. Words reach the caller as they are written, sound as it is made, in one stream of deltas.

When the LLM fails, the clauses that it had finished are still spoken, then the failure is raised: the caller
hears whole sentences. When the TTS fails, the failure is raised at once: there is nothing left to hear.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass

from antiphon.audio.pcm import BYTES_PER_MS, SAMPLE_BYTES
from antiphon.engines.sentences import Splitter, spoken
from antiphon.engines.tasks import Tasks
from antiphon.ports import LLM, TTS, AudioDelta, CallDelta, Delta, Ending, EngineError, Prompt, Run, TextDelta, Usage

MIN_PIECE_BYTES = 100 * BYTES_PER_MS
"""Shorter audio deltas cost more than they carry; only the first of an answer and the last of a clause may be."""
MAX_PIECE_BYTES = 500 * BYTES_PER_MS
"""Barge-in drops whole deltas: what is longer would be dropped, or sent, for too long."""
WAITING_CLAUSES = 2
"""Clauses written and not yet spoken; with more, the LLM waits."""
WAITING_DELTAS = 16
"""Deltas made and not yet taken, some seconds of sound; with more, LLM and TTS wait."""


class Cascade:
    """A responder made of a language model and a voice; without a voice it answers in text only."""

    hears_audio = False

    def __init__(self, llm: LLM, tts: TTS | None = None) -> None:
        self.name = f"{llm.name} + {tts.name}" if tts else llm.name
        self.llm = llm
        self.tts = tts
        self.voices = tts.voices if tts else ()
        self.sees_images = llm.sees_images
        self.context_tokens = llm.context_tokens

    async def start(self) -> None:
        """Start both engines; when the second fails, the first is stopped again."""
        await self.llm.start()
        self.context_tokens = self.llm.context_tokens  # some learn it from their weights
        if self.tts is None:
            return
        try:
            await self.tts.start()
        except BaseException:
            await self.llm.stop()
            raise

    async def stop(self) -> None:
        """Stop both engines."""
        try:
            if self.tts is not None:
                await self.tts.stop()
        finally:
            await self.llm.stop()

    def run(self, prompt: Prompt) -> Run:
        """Begin an answer; a written one is the LLM's own."""
        if prompt.modality == "text":
            return self.llm.run(prompt)
        if self.tts is None:
            return Mute(self.name)
        voice = prompt.voice if prompt.voice in self.tts.voices else next(iter(self.tts.voices), "")
        return CascadeRun(self.llm.run(prompt), self.tts, voice, prompt.speed)

    async def warm(self, prompt: Prompt) -> None:
        """Let the LLM read the prompt."""
        await self.llm.warm(prompt)

    def count(self, text: str) -> int:
        """As the LLM counts."""
        return self.llm.count(text)


class Mute:
    """The answer of a responder that was asked to speak and has no voice."""

    usage = Usage()

    def __init__(self, name: str) -> None:
        self._name = name

    async def __aiter__(self) -> AsyncIterator[Delta]:
        raise EngineError(f'The responder "{self._name}" has no voice; ask for text output.')
        yield  # makes this an iterator

    async def aclose(self) -> None:
        """There is nothing to stop."""


@dataclass(frozen=True, slots=True)
class _Clause:
    """What is spoken in one go, and where it stands in the transcript."""

    text: str
    start: int


@dataclass(frozen=True, slots=True)
class _End:
    """Nothing more comes: done, cut short, or failed."""

    ending: Ending | None = None
    error: Exception | None = None


class CascadeRun:
    """One spoken answer."""

    def __init__(self, answer: Run, tts: TTS, voice: str, speed: float) -> None:
        self._answer = answer
        self._tts = tts
        self._voice = voice
        self._speed = speed
        self._has_spoken = False
        self._written = 0
        """Characters of the transcript that were cut into clauses."""
        self._clauses: asyncio.Queue[_Clause | _End] = asyncio.Queue(WAITING_CLAUSES)
        self._made: asyncio.Queue[Delta | _End] = asyncio.Queue(WAITING_DELTAS)
        self._deltas = self._run()

    @property
    def usage(self) -> Usage:
        """What the LLM has cost; a voice costs no tokens."""
        return self._answer.usage

    def __aiter__(self) -> AsyncIterator[Delta]:
        return self._deltas

    async def aclose(self) -> None:
        """Stop the LLM and the TTS."""
        await self._deltas.aclose()
        await self._answer.aclose()

    async def _run(self) -> AsyncGenerator[Delta, None]:
        tasks = Tasks()
        try:
            tasks.spawn(self._write(), "cascade writes")
            tasks.spawn(self._speak(), "cascade speaks")
            while not isinstance(made := await self._made.get(), _End):
                yield made
            if made.error is not None:
                raise made.error
        finally:
            await tasks.aclose()

    async def _write(self) -> None:
        """Pass on the words and cut them into clauses."""
        splitter = Splitter()
        end = _End()
        try:
            async for delta in self._answer:
                if isinstance(delta, Ending):
                    end = _End(ending=delta)
                    continue
                await self._made.put(delta)
                if isinstance(delta, TextDelta):
                    await self._queue(splitter.feed(delta.text))
                elif isinstance(delta, CallDelta):
                    await self._queue(splitter.flush())
            await self._queue(splitter.flush())
        except Exception as error:  # noqa: BLE001 -- carried to the one who iterates
            end = _End(error=error)
        finally:
            await self._answer.aclose()
        await self._clauses.put(end)

    async def _queue(self, pieces: list[str]) -> None:
        for piece in pieces:
            await self._clauses.put(_Clause(piece, self._written))
            self._written += len(piece)

    async def _speak(self) -> None:
        """Speak the clauses in order, then pass on the end."""
        end = _End()
        try:
            while isinstance(clause := await self._clauses.get(), _Clause):
                await self._say(clause)
            end = clause
        except EngineError as error:
            end = _End(error=error)
        except Exception as error:  # noqa: BLE001 -- whatever the voice raises ends this answer, not the process
            failure = EngineError(f'The TTS engine "{self._tts.name}" failed.')
            failure.__cause__ = error
            end = _End(error=failure)
        if end.ending is not None:
            await self._made.put(end.ending)
        await self._made.put(end)

    async def _say(self, clause: _Clause) -> None:
        text = spoken(clause.text)
        if not text:
            return
        span = (clause.start, clause.start + len(clause.text))
        held = bytearray()
        async with _closing(self._tts.speak(text, self._voice, self._speed)) as pieces:
            async for pcm in pieces:
                held += pcm
                while len(held) >= (MIN_PIECE_BYTES if self._has_spoken else SAMPLE_BYTES):
                    await self._sound(held, span)
        if len(held) >= SAMPLE_BYTES:
            await self._sound(held, span)

    async def _sound(self, held: bytearray, span: tuple[int, int]) -> None:
        """Give the next piece of what is `held`; the first of an answer goes out however short it is."""
        self._has_spoken = True
        await self._made.put(AudioDelta(_take(held), span))


def _take(held: bytearray) -> bytes:
    """The first bytes of `held`, whole samples: no more than a delta may have, and no small rest is left."""
    size = min(len(held) & ~1, MAX_PIECE_BYTES)
    rest = len(held) - size
    if SAMPLE_BYTES <= rest < MIN_PIECE_BYTES and size == MAX_PIECE_BYTES:
        size -= MIN_PIECE_BYTES
    piece = bytes(held[:size])
    del held[:size]
    return piece


@contextlib.asynccontextmanager
async def _closing(pieces: AsyncIterator[bytes]) -> AsyncIterator[AsyncIterator[bytes]]:
    """Close an iterator that can be closed; the port promises no more than an iterator."""
    try:
        yield pieces
    finally:
        close = getattr(pieces, "aclose", None)
        if close is not None:
            await close()
