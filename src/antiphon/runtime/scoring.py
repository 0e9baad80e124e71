"""Voice activity detection for all sessions of the process: one worker thread, frames of many sessions at once.

A session's audio is brought to the engine's rate and cut into frames on the loop, which costs little; the frames
go to the worker. It scores one frame of every waiting session together, and whoever has no more frames is told
at once: a session alone waits for nobody, and one with much audio does not hold up the others.
"""

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antiphon.audio.pcm import RATE_HZ, samples_of
from antiphon.audio.resample import Resampler
from antiphon.ports import VAD
from antiphon.session.inputs import Score

MAX_BATCH = 32
"""Frames in one call; more gain nothing and make all wait longer."""

PAUSE_S = 0.008
"""How long the worker lets frames come together under load, and scores before it wakes the loop: in a batch of 8
a frame costs 60 % of one alone, and each waking of the loop as much as a frame. Longer gains nothing more."""
WORTH_PAUSING = 3
"""Jobs that have to be expected in a pause; with few sessions nobody waits."""
RECENT_S = 0.1
"""Over which it is counted how many come."""

NO_ANSWER = "The voice activity detection does not answer."

STOP_LIMIT_S = 5.0
"""How long a frame may keep the worker from ending."""

Floats = NDArray[np.float32]


class ScoringError(Exception):
    """The VAD failed, or does not come back. The stream has begun anew; more audio may be tried."""


@dataclass(slots=True, eq=False)
class _Job:
    """Frames of one session, one after the other."""

    frames: Floats
    state: Any
    done: "asyncio.Future[None]"
    scores: list[float] = field(default_factory=list)
    error: Exception | None = None

    @property
    def is_over(self) -> bool:
        return self.error is not None or len(self.scores) == len(self.frames)


class _Pace:
    """How fast jobs come."""

    def __init__(self) -> None:
        self._per_s = 0.0
        self._jobs = 0
        self._since = time.monotonic()

    @property
    def is_worth_pausing(self) -> bool:
        return self._per_s * PAUSE_S > WORTH_PAUSING

    def count(self, jobs: int) -> None:
        """So many have come."""
        self._jobs += jobs
        passed = time.monotonic() - self._since
        if passed > RECENT_S:
            self._per_s = self._jobs / passed
            self._jobs, self._since = 0, self._since + passed


class Scoring:
    """One VAD and its worker, shared by all sessions of the process."""

    def __init__(self, vad: VAD, limit_s: float) -> None:
        self.vad = vad
        self._limit_s = limit_s
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._worker: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_stuck = False
        self._pending: dict[_Job, float] = {}
        """What the worker has not told yet, with the time by which it has to; the oldest first."""
        self._watch: asyncio.TimerHandle | None = None
        self._pace = _Pace()

    def open(self) -> "Stream":
        """The scoring of one session."""
        return Stream(self)

    async def score(self, frames: Floats, state: Any) -> tuple[list[float], Any]:
        """Score frames (n, frame_samples) of one session in order. Raise ScoringError when the VAD fails."""
        if self._is_stuck:
            raise ScoringError(NO_ANSWER)
        self._start()
        loop = asyncio.get_running_loop()
        job = _Job(frames, state, loop.create_future())
        self._pending[job] = loop.time() + self._limit_s
        self._jobs.put(job)
        if self._watch is None:
            self._watch = loop.call_later(self._limit_s, self._look)
        try:
            await job.done
        finally:
            del self._pending[job]
        if job.error is not None:
            raise ScoringError("The voice activity detection failed.") from job.error
        return job.scores, job.state

    async def stop(self) -> None:
        """End the worker; a frame that is being scored may take its time, but not for ever."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        if self._worker is None:
            return
        self._jobs.put(None)
        await asyncio.get_running_loop().run_in_executor(None, self._worker.join, STOP_LIMIT_S)
        self._worker = None

    def _start(self) -> None:
        if self._worker is None:
            self._loop = asyncio.get_running_loop()
            self._worker = threading.Thread(target=self._work, name="vad", daemon=True)
            self._worker.start()

    # In the worker

    def _work(self) -> None:
        active: list[_Job] = []
        while self._gather(active):
            over = self._score_round(active)
            if over and self._loop is not None:
                self._loop.call_soon_threadsafe(self._tell, over)

    def _gather(self, active: list[_Job]) -> bool:
        """Take up all that has come; wait only when there is nothing to do. False: it is time to stop."""
        if not active and self._pace.is_worth_pausing:
            time.sleep(PAUSE_S)
        before = len(active)
        is_wanted = self._take_up(active)
        self._pace.count(len(active) - before)
        return is_wanted

    def _take_up(self, active: list[_Job]) -> bool:
        try:
            while True:
                job = self._jobs.get(block=not active)
                if job is None:
                    return False
                active.append(job)
        except queue.Empty:
            return True

    def _score_round(self, active: list[_Job]) -> list[_Job]:
        """Score the next frame of each; under load more, so that the loop is woken seldom. Gives who has no more."""
        over: list[_Job] = []
        until = time.monotonic() + (PAUSE_S if self._pace.is_worth_pausing else 0.0)
        while active:
            batch = active[:MAX_BATCH]
            self._score_next(batch)
            over += [job for job in batch if job.is_over]
            active[:] = [*active[MAX_BATCH:], *(job for job in batch if not job.is_over)]
            if time.monotonic() >= until:
                break
        return over

    def _score_next(self, batch: list[_Job]) -> None:
        """Score the next frame of each."""
        frames = np.concatenate([job.frames[len(job.scores), np.newaxis] for job in batch])
        try:
            speech, states = self.vad.score(frames, [job.state for job in batch])
        except Exception as error:  # noqa: BLE001 -- whatever the engine raises is its failure, told to all who wait
            for job in batch:
                job.error = error
            return
        for job, probability, state in zip(batch, speech, states, strict=True):
            job.scores.append(probability)
            job.state = state

    # On the loop

    def _look(self) -> None:
        """One timer for all jobs: the oldest that is still there has to be told by its time."""
        self._watch = None
        if not self._pending:
            return
        loop, due = asyncio.get_running_loop(), next(iter(self._pending.values()))
        if due > loop.time():
            self._watch = loop.call_at(due, self._look)
            return
        self._is_stuck = True
        for job in self._pending:
            if not job.done.done():
                job.done.set_exception(ScoringError(NO_ANSWER))

    def _tell(self, over: list[_Job]) -> None:
        self._is_stuck = False
        for job in over:
            if not job.done.done():
                job.done.set_result(None)


class Stream:
    """One session's audio on its way to the VAD. Positions are samples of all audio of the session."""

    def __init__(self, scoring: Scoring) -> None:
        self.listener: Callable[[Sequence[Score]], None] | None = None
        """Told of all scores, where somebody watches; it must be quick and must not raise."""
        self._scoring = scoring
        self._vad = scoring.vad
        self._heard = 0
        self._start: int | None = None
        """Where the stretch began that is being scored; None while nobody wants scores."""
        self._frames = 0
        self._resampler = Resampler(RATE_HZ, self._vad.rate_hz)
        self._rest: Floats = np.zeros(0, np.float32)
        self._state: Any = None

    def skip(self, pcm: bytes) -> None:
        """Count audio that nobody wants scored; the next that is wanted begins a fresh stretch."""
        self._heard += samples_of(pcm)
        self._start = None

    async def hear(self, pcm: bytes) -> tuple[Score, ...]:
        """Score the frames that this audio completes. After a ScoringError the audio counts as skipped."""
        if self._start is None:
            self._begin()
        self._heard += samples_of(pcm)
        frames = self._cut(pcm)
        if not len(frames):
            return ()
        try:
            speech, self._state = await self._scoring.score(frames, self._state)
        except ScoringError:
            self._start = None
            raise
        scores = tuple(Score(self._end(n), self._end(n + 1), p) for n, p in enumerate(speech, self._frames))
        self._frames += len(scores)
        if self.listener is not None:
            self.listener(scores)
        return scores

    def _begin(self) -> None:
        self._start = self._heard
        self._frames = 0
        self._resampler = Resampler(RATE_HZ, self._vad.rate_hz)
        self._rest = np.zeros(0, np.float32)
        self._state = self._vad.new_state()

    def _cut(self, pcm: bytes) -> Floats:
        """The whole frames at the engine's rate; what is left waits."""
        samples = self._resampler.floats_of(pcm)
        if len(self._rest):
            samples = np.concatenate([self._rest, samples])
        count = len(samples) // self._vad.frame_samples
        whole = count * self._vad.frame_samples
        self._rest = samples[whole:]
        return samples[:whole].reshape(count, self._vad.frame_samples)

    def _end(self, frames: int) -> int:
        """Where the session's audio is after so many frames of this stretch."""
        return (self._start or 0) + frames * self._vad.frame_samples * RATE_HZ // self._vad.rate_hz
