"""What the client is told of an engine that failed."""

import asyncio

import pytest
from scripted_runtime import play

from antiphon.ports import EngineError
from antiphon.runtime.failures import failure_of


def test_an_engines_own_words_are_passed_on() -> None:
    """With their code and type."""
    error = EngineError("Out of credit.", code="insufficient_quota", type="insufficient_quota")

    assert failure_of(error, "model") is error


def test_an_engine_that_hangs_is_late() -> None:
    """A time limit of ours, or of the engine's own."""
    assert failure_of(TimeoutError(), "model").message == "The model did not answer in time."


def test_other_exceptions_are_not_quoted(caplog: pytest.LogCaptureFixture) -> None:
    """They may hold anything; the log tells where, the client only that."""
    problem = failure_of(ValueError("secret"), "model")

    assert (problem.message, problem.code, problem.type) == ("The model failed.", None, "server_error")
    assert [record.message for record in caplog.records] == ["fault in model: ValueError (not raised)"]


def test_a_cancelled_task_ends() -> None:
    """Nobody is told of an end that we asked for."""

    async def scene() -> None:
        async def work() -> None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError as error:
                failure_of(error, "model")

        task = asyncio.ensure_future(work())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])

        assert task.cancelled()

    play(scene)


def test_an_engine_that_was_cancelled_has_failed() -> None:
    """A pool that shuts down cancels its jobs; whoever waits for one was not meant, and must be told."""

    async def scene() -> None:
        inner: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        inner.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await inner

        assert failure_of(caught.value, "model").message == "The model failed."

    play(scene)
