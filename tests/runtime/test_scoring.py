"""VAD scoring over sessions: one worker, the same results as alone."""

import asyncio
import threading
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scripted_runtime import play

from antiphon.audio.pcm import RATE_HZ, from_float, silence
from antiphon.audio.resample import Resampler
from antiphon.ports import VAD
from antiphon.runtime import scoring as module
from antiphon.runtime.scoring import Scoring, ScoringError, Stream
from antiphon.session.inputs import Score

FRAME = 768
"""32 ms at 24 kHz."""


class MemoryVAD:
    """Scores by the mean of all it has heard of a stream, so that mixing streams up would show."""

    name = "memory"
    rate_hz = 16_000
    frame_samples = 512

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.going = threading.Event()
        self.going.set()
        self.rounds: threading.Semaphore | None = None
        """How many batches may be scored; None: all."""
        self.breaks: Exception | None = None

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def new_state(self) -> Any:
        return (0.0, 0)

    def score(self, frames: NDArray[np.float32], states: list[Any]) -> tuple[list[float], list[Any]]:
        self.going.wait()
        if self.rounds is not None:
            self.rounds.acquire()
        self.batches.append(len(frames))
        if self.breaks is not None:
            raise self.breaks
        after = [(total + float(np.abs(f).mean()), n + 1) for f, (total, n) in zip(frames, states, strict=True)]
        return [total / n for total, n in after], after


def noise(seed: int, samples: int) -> bytes:
    """Some audio, another for each seed."""
    return from_float(np.random.default_rng(seed).uniform(-0.5, 0.5, samples).astype(np.float32) * seed)


async def heard(stream: Stream, pcm: bytes, chunk_bytes: int) -> list[Score]:
    """All scores of some audio that comes in chunks."""
    chunks = [pcm[start : start + chunk_bytes] for start in range(0, len(pcm), chunk_bytes)]
    return [score for chunk in chunks for score in await stream.hear(chunk)]


def alone(vad: VAD, pcm: bytes) -> list[float]:
    """What the engine says of a recording when nothing stands between."""
    samples = Resampler(RATE_HZ, vad.rate_hz).feed(np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32768))
    state = vad.new_state()
    speech: list[float] = []
    for start in range(0, len(samples) - vad.frame_samples + 1, vad.frame_samples):
        scores, states = vad.score(samples[None, start : start + vad.frame_samples], [state])
        state = states[0]
        speech += scores
    return speech


async def many(vad: VAD, sessions: int) -> None:
    """Sessions with audio of their own, all at once and in chunks of their own, score as each would alone."""
    scoring = Scoring(vad, 5.0)
    clips = [noise(n, 24_000 + 100 * n) for n in range(1, sessions + 1)]
    sizes = [2 * FRAME, 960, 4800, 24_000]
    together = await asyncio.gather(
        *(heard(scoring.open(), clip, sizes[n % len(sizes)]) for n, clip in enumerate(clips))
    )
    await scoring.stop()

    assert [[score.speech for score in scores] for scores in together] == [alone(vad, clip) for clip in clips]


def test_sessions_score_together_as_they_would_alone() -> None:
    """Batches and chunks change nothing; and batches there are."""
    vad = MemoryVAD()
    play(lambda: many(vad, 40))

    assert 1 < max(vad.batches) <= module.MAX_BATCH


@pytest.mark.embedded
def test_silero_scores_together_as_it_would_alone() -> None:
    """To the last bit."""
    from antiphon.engines.silero import Silero  # noqa: PLC0415 -- needs the embedded extra

    async def scene() -> None:
        vad = Silero()
        await vad.start()
        await many(vad, 8)
        await vad.stop()

    play(scene)


def test_scores_lie_where_the_audio_lies() -> None:
    """Positions count all audio of the session at 24 kHz, whatever the engine's rate and the chunks."""

    async def scene() -> None:
        scoring = Scoring(MemoryVAD(), 5.0)
        stream = scoring.open()
        scores = await heard(stream, silence(200), 1000)
        await scoring.stop()

        assert [(score.start, score.end) for score in scores] == [(n * FRAME, (n + 1) * FRAME) for n in range(6)]

    play(scene)


def test_a_score_comes_with_the_audio_that_completes_its_frame() -> None:
    """The filter holds back 1 ms, no more."""

    async def scene() -> None:
        scoring = Scoring(MemoryVAD(), 5.0)
        stream = scoring.open()
        assert await stream.hear(bytes(2 * FRAME)) == ()
        assert [score.end for score in await stream.hear(silence(1))] == [FRAME]
        await scoring.stop()

    play(scene)


def test_audio_that_was_not_scored_counts_and_is_not_remembered() -> None:
    """Turn detection switched off and on again begins a fresh stream, where the session's audio is by then."""

    async def scene() -> None:
        vad = MemoryVAD()
        scoring = Scoring(vad, 5.0)
        stream = scoring.open()
        await stream.hear(noise(1, 1000))
        stream.skip(silence(10))
        scores = await stream.hear(noise(2, 1000))
        await scoring.stop()

        assert scores == (Score(1240, 1240 + FRAME, alone(vad, noise(2, 1000))[0]),)

    play(scene)


def test_one_with_much_audio_does_not_hold_up_the_others() -> None:
    """Its frames take turns with theirs."""

    async def scene() -> None:
        vad = MemoryVAD()
        scoring = Scoring(vad, 5.0)
        vad.rounds = threading.Semaphore(0)
        long = asyncio.ensure_future(scoring.open().hear(noise(1, 100 * FRAME)))
        short = asyncio.ensure_future(scoring.open().hear(noise(2, 2 * FRAME)))
        await asyncio.sleep(0)
        vad.rounds.release(4)
        await short

        assert not long.done()
        vad.rounds.release(100)
        await long
        await scoring.stop()

    play(scene)


def test_a_vad_that_fails_says_so_and_may_be_tried_again() -> None:
    """The frames of that batch have no scores; what follows is a fresh stream."""

    async def scene() -> None:
        vad = MemoryVAD()
        scoring = Scoring(vad, 5.0)
        stream = scoring.open()
        vad.breaks = ValueError("secret")
        with pytest.raises(ScoringError):
            await stream.hear(noise(1, 1000))
        vad.breaks = None
        scores = await stream.hear(noise(2, 1000))
        await scoring.stop()

        assert scores == (Score(1000, 1000 + FRAME, alone(vad, noise(2, 1000))[0]),)

    play(scene)


def test_a_vad_that_hangs_is_not_asked_until_it_is_back() -> None:
    """The first session waits for the limit, the others for nothing."""

    async def scene() -> None:
        vad = MemoryVAD()
        scoring = Scoring(vad, 0.02)
        one, two = scoring.open(), scoring.open()
        vad.going.clear()
        for stream in (one, two, one):
            with pytest.raises(ScoringError):
                await stream.hear(noise(1, 1000))
        vad.going.set()
        scores: tuple[Score, ...] = ()
        while not scores:
            await asyncio.sleep(0)
            try:
                scores = await two.hear(noise(1, 1000))
            except ScoringError:
                continue
        await scoring.stop()

        assert scores[0].speech == alone(vad, noise(1, 1000))[0]

    play(scene)


def test_a_session_that_ends_does_not_disturb_the_worker() -> None:
    """Its frame is scored for nobody."""

    async def scene() -> None:
        vad = MemoryVAD()
        scoring = Scoring(vad, 5.0)
        vad.going.clear()
        gone = asyncio.ensure_future(scoring.open().hear(noise(1, 1000)))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.wait([gone])
        vad.going.set()

        assert len(await scoring.open().hear(noise(2, 1000))) == 1
        await scoring.stop()

    play(scene)


def test_the_worker_ends() -> None:
    """No thread is left behind; stopping without having begun is nothing."""

    async def scene() -> None:
        idle = Scoring(MemoryVAD(), 5.0)
        await idle.stop()
        scoring = Scoring(MemoryVAD(), 5.0)
        await scoring.open().hear(noise(1, 1000))
        assert "vad" in {thread.name for thread in threading.enumerate()}
        await scoring.stop()

        assert "vad" not in {thread.name for thread in threading.enumerate()}

    play(scene)


def test_a_crowd_is_scored_as_each_would_be_alone() -> None:
    """Under load the worker lets frames come together; the scores of each stream are those of that stream."""
    sounds = [noise(number, 30 * FRAME) for number in range(1, 31)]

    async def crowd(scoring: Scoring) -> list[list[float]]:
        async def one(pcm: bytes) -> list[float]:
            stream, found = scoring.open(), []
            for at in range(0, len(pcm), FRAME * 2):
                found += [score.speech for score in await stream.hear(pcm[at : at + FRAME * 2])]
            return found

        return await asyncio.gather(*map(one, sounds))

    async def main() -> None:
        scoring = Scoring(MemoryVAD(), 10)
        idle = Scoring(MemoryVAD(), 10)
        await crowd(scoring)
        busy = await crowd(scoring)  # by now it is known that there is a crowd
        alone = [[score.speech for score in await idle.open().hear(pcm)] for pcm in sounds]
        await scoring.stop()
        await idle.stop()

        assert busy == alone

    asyncio.run(main())
