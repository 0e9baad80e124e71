"""Answers: one task and one engine run per response."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from scripted_runtime import FREE, HandResponder, HandRun, others, play, settled

from antiphon.audio.pcm import BYTES_PER_MS
from antiphon.owner import TaskOwner
from antiphon.ports import AudioDelta, Ending, EngineError, Prompt, TextDelta, Usage
from antiphon.runtime import answering as module
from antiphon.runtime.answering import Answers
from antiphon.runtime.limits import Limits
from antiphon.session.effects import Respond, Warm
from antiphon.session.inputs import Broke, Finished, Input, Produced

RESPOND = Respond("resp_1", Prompt("sess_1", "", ()))


class Stage:
    """Answers with a core that only listens, and a way out that can be full."""

    def __init__(self, *runs: HandRun | Exception, limit_s: float = 5.0, ahead_s: float = 0.0) -> None:
        self.tasks = TaskOwner(lambda: None)
        self.news: asyncio.Queue[Input] = asyncio.Queue()
        self.room = asyncio.Event()
        self.room.set()
        self.answers = Answers(
            HandResponder(*runs),
            self.news.put,
            self._has_room,
            self.tasks,
            limit_s,
            allowance=FREE,
            ahead_s=ahead_s,
        )

    async def _has_room(self) -> None:
        await self.room.wait()


def test_an_answer_is_told_piece_by_piece() -> None:
    """Each piece with what the run had cost by then; then the end, and the run is closed."""

    async def scene() -> None:
        run = HandRun()
        stage = Stage(run)
        stage.answers.start(RESPOND)
        for delta in (TextDelta("a"), Ending("content_filter"), None):
            run.deltas.put_nowait(delta)
        news = [await stage.news.get() for _ in range(3)]
        await settled()

        assert news == [
            Produced("resp_1", TextDelta("a"), Usage(output_tokens=1)),
            Produced("resp_1", Ending("content_filter"), Usage(output_tokens=2)),
            Finished("resp_1", Usage(output_tokens=2)),
        ]
        assert run.is_closed
        assert len(stage.tasks) == 0

    play(scene)


def test_half_a_sample_ends_the_answer() -> None:
    """Sound of a stranger's engine is whole samples, or an encoder would have to guess."""

    async def scene() -> None:
        run = HandRun()
        stage = Stage(run)
        stage.answers.start(RESPOND)
        run.deltas.put_nowait(AudioDelta(bytes(4801)))

        assert await stage.news.get() == Broke(
            "resp_1", "The responder gave half a sample of sound.", None, "server_error", Usage(output_tokens=1)
        )

    play(scene)


def test_an_answer_runs_ahead_of_its_playing_only_so_far() -> None:
    """Sound that the client cannot have played yet holds the engine back; a stop ends the wait."""

    async def scene() -> None:
        run = HandRun()
        stage = Stage(run, ahead_s=1.0)
        stage.answers.start(RESPOND)
        run.deltas.put_nowait(AudioDelta(bytes(1000 * BYTES_PER_MS)))
        run.deltas.put_nowait(AudioDelta(bytes(3_600_000 * BYTES_PER_MS)))
        run.deltas.put_nowait(TextDelta("too early"))
        assert [len(await spoken(stage)) for _ in range(2)] == [1000 * BYTES_PER_MS, 3_600_000 * BYTES_PER_MS]
        await settled()

        assert run.deltas.qsize() == 1
        assert stage.news.empty()
        stage.answers.stop("resp_1")
        await others()
        assert run.is_closed

    play(scene)


def test_a_draft_runs_ahead_no_further_than_an_answer() -> None:
    """Nothing of it is played before it is an answer; then its playing begins."""

    async def scene() -> None:
        run = HandRun()
        stage = Stage(run, ahead_s=1.0)
        stage.answers.start(Respond("resp_1", replace(RESPOND.prompt, draft=True)))
        run.deltas.put_nowait(AudioDelta(bytes(2000 * BYTES_PER_MS)))
        run.deltas.put_nowait(TextDelta("later"))
        await spoken(stage)
        await settled()
        assert run.deltas.qsize() == 1

        stage.answers.release("resp_1")

        assert await stage.news.get() == Produced("resp_1", TextDelta("later"), Usage(output_tokens=2))
        stage.answers.stop("resp_1")
        await others()

    play(scene)


async def spoken(stage: Stage) -> bytes:
    news = await stage.news.get()
    assert isinstance(news, Produced)
    assert isinstance(news.delta, AudioDelta)
    return news.delta.pcm


def test_answers_run_side_by_side() -> None:
    """Out-of-band responses do not wait for the one in the conversation."""

    async def scene() -> None:
        one, two = HandRun(), HandRun()
        stage = Stage(one, two)
        stage.answers.start(RESPOND)
        stage.answers.start(Respond("resp_2", RESPOND.prompt))
        await settled()
        two.deltas.put_nowait(None)

        assert await stage.news.get() == Finished("resp_2", Usage())

    play(scene)


def test_a_stopped_answer_is_told_no_more_of() -> None:
    """Its run is closed at once."""

    async def scene() -> None:
        run = HandRun()
        stage = Stage(run)
        stage.answers.start(RESPOND)
        await settled()
        stage.answers.stop("resp_1")
        stage.answers.stop("resp_1")
        run.deltas.put_nowait(TextDelta("late"))
        await settled()

        assert stage.news.empty()
        assert run.is_closed
        assert len(stage.tasks) == 0

    play(scene)


def test_an_answer_waits_for_room() -> None:
    """No more than one piece is made for a client that is behind."""

    async def scene() -> None:
        run = HandRun()
        stage = Stage(run)
        stage.room.clear()
        stage.answers.start(RESPOND)
        for _ in range(3):
            run.deltas.put_nowait(TextDelta("a"))
        await settled()
        assert stage.news.qsize() == 1
        stage.room.set()
        await settled()

        assert stage.news.qsize() == 3
        stage.answers.stop("resp_1")
        await settled()

    play(scene)


@pytest.mark.parametrize(
    ("breaks", "told"),
    [
        (
            EngineError("Out of credit.", code="insufficient_quota", type="insufficient_quota"),
            Broke("resp_1", "Out of credit.", "insufficient_quota", "insufficient_quota", Usage(output_tokens=1)),
        ),
        (ValueError("secret"), Broke("resp_1", "The model failed.", usage=Usage(output_tokens=1))),
    ],
)
def test_an_engine_that_breaks_is_told_of(breaks: Exception, told: Broke) -> None:
    """With its own words where it means them to be read, and what it had cost."""

    async def scene() -> None:
        run = HandRun()
        stage = Stage(run)
        stage.answers.start(RESPOND)
        run.deltas.put_nowait(TextDelta("a"))
        run.deltas.put_nowait(breaks)
        await stage.news.get()

        assert await stage.news.get() == told
        await settled()
        assert run.is_closed
        assert stage.news.empty()

    play(scene)


def test_an_engine_that_cannot_begin_is_told_of() -> None:
    """There is no run to close, and nothing was spent."""

    async def scene() -> None:
        stage = Stage(EngineError("Not loaded."))
        stage.answers.start(RESPOND)

        assert await stage.news.get() == Broke("resp_1", "Not loaded.")

    play(scene)


def test_an_engine_that_hangs_has_failed() -> None:
    """The limit counts from the last piece, not from the start."""

    async def scene() -> None:
        run = HandRun()
        stage = Stage(run, limit_s=0.01)
        run.deltas.put_nowait(TextDelta("a"))
        stage.answers.start(RESPOND)
        await stage.news.get()

        assert await stage.news.get() == Broke(
            "resp_1", "The model did not answer in time.", usage=Usage(output_tokens=1)
        )
        await settled()
        assert run.is_closed

    play(scene)


def test_a_draft_runs_only_so_far_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its engine waits for the turn to end: what nobody may ever hear is not made without end."""
    monkeypatch.setattr(module, "DRAFT_PIECES", 2)

    async def scene() -> None:
        run = HandRun()
        stage = Stage(run)
        stage.answers.start(Respond("resp_1", Prompt("sess_1", "", (), draft=True)))
        for _ in range(4):
            run.deltas.put_nowait(TextDelta("a"))
        run.deltas.put_nowait(None)
        await settled()
        assert stage.news.qsize() == 2
        stage.answers.release("resp_9")
        stage.answers.release("resp_1")
        await settled()

        assert stage.news.qsize() == 5
        assert len(stage.tasks) == 0

    play(scene)


def test_reading_ahead_that_fails_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """The answer itself will tell of what is wrong."""

    class ForgetfulResponder(HandResponder):
        async def warm(self, prompt: Prompt) -> None:
            raise ValueError("secret")

    async def scene() -> None:
        stage = Stage()
        stage.answers._responder = ForgetfulResponder()
        stage.answers.warm(Warm(Prompt("sess_1", "", ())))
        await others()

        assert stage.news.empty()

    play(scene)
    assert [record.message.split(" (")[0] for record in caplog.records] == ["fault in model: ValueError"]


class StubbornRun(HandRun):
    """Does not let itself be closed."""

    def __init__(self, error: Exception | None) -> None:
        super().__init__()
        self.error = error

    async def __aiter__(self) -> AsyncIterator[TextDelta]:
        yield TextDelta("a")

    async def aclose(self) -> None:
        if self.error is not None:
            raise self.error
        await asyncio.Event().wait()


@pytest.mark.parametrize("error", [ValueError("secret"), None])
def test_a_run_that_cannot_be_closed_harms_nobody(
    error: Exception | None, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answer was complete; the log tells of it."""
    monkeypatch.setattr(module, "CLOSE_LIMIT_S", 0.01)

    async def scene() -> None:
        stage = Stage(StubbornRun(error))
        stage.answers.start(RESPOND)
        await stage.news.get()
        assert await stage.news.get() == Finished("resp_1", Usage())
        await others()

    play(scene)
    assert [record.message.split(":")[0] for record in caplog.records] == ["fault in the closing of an answer"]
    assert "secret" not in caplog.text


def test_a_key_without_anything_left_gets_a_failed_response() -> None:
    """As with the provider: not an `error` event, but a response that fails; the engine is not asked."""

    async def scene() -> None:
        stage = Stage(HandRun())
        spent = Limits(lambda: 0.0, requests=1)
        spent.begin("alice")
        stage.answers = Answers(
            HandResponder(HandRun()),
            stage.news.put,
            stage._has_room,
            stage.tasks,
            5.0,
            allowance=spent.allowance("alice"),
        )
        stage.answers.start(RESPOND)

        news = await stage.news.get()
        assert isinstance(news, Broke)
        assert (news.code, news.type) == ("rate_limit_exceeded", "rate_limit_error")
        assert not news.is_fault

    play(scene)
