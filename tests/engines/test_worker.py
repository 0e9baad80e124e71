"""Rules of an engine's thread."""

import asyncio
import contextvars
import threading

import pytest
from answering import run_async

from antiphon.engines import worker as module
from antiphon.engines.worker import Worker
from antiphon.ports import CLAIM, Claim, EngineError


class Gate:
    """A job that begins when the worker is free, and lasts until the test opens the gate."""

    def __init__(self, worker: Worker) -> None:
        self._began, self._open = threading.Event(), threading.Event()
        self._job = worker.submit(self._hold)

    def _hold(self) -> None:
        self._began.set()
        self._open.wait()

    async def closed(self) -> None:
        """Return once the worker is busy."""
        await asyncio.to_thread(self._began.wait)

    async def open(self) -> None:
        """Let the worker go on."""
        self._open.set()
        await asyncio.wrap_future(self._job)


def test_all_work_is_done_in_one_thread_in_order() -> None:
    """Who asks first is served first."""

    async def main() -> tuple[list[int], set[str]]:
        worker = Worker("hibari")
        threads: set[str] = set()
        done: list[int] = []

        def work(number: int) -> int:
            threads.add(threading.current_thread().name)
            done.append(number)
            return number

        assert await asyncio.gather(*(worker.run(work, n) for n in range(20))) == list(range(20))
        worker.stop()
        return done, threads

    done, threads = run_async(main)

    assert done == list(range(20))
    assert threads == {"hibari_0"}


def test_what_work_raises_reaches_who_asked() -> None:
    """An error is that job's alone."""

    async def main() -> float:
        worker = Worker("test")
        with pytest.raises(ZeroDivisionError):
            await worker.run(lambda: 1 / 0)
        again = await worker.run(lambda: 1 / 2)
        worker.stop()
        return again

    assert run_async(main) == 0.5


def test_work_that_nobody_waits_for_any_more_is_not_begun() -> None:
    """A caller that is cancelled takes its job out of the queue at once; a stop takes all."""

    async def main() -> list[str]:
        worker = Worker("test")
        gate, done = Gate(worker), list[str]()
        await gate.closed()
        async with asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(worker.run(done.append, "cancelled"))
            await asyncio.sleep(0)
            assert worker.waiting == 1
            waiting.cancel()
        assert worker.waiting == 0
        dropped = worker.submit(done.append, "dropped")
        worker.stop()
        await gate.open()
        assert dropped.cancelled()
        return done

    assert run_async(main) == []


def test_work_after_dropped_work_is_done() -> None:
    """One job that leaves takes nothing with it."""

    async def main() -> list[str]:
        worker = Worker("test")
        gate, done = Gate(worker), list[str]()
        await gate.closed()
        dropped, kept = worker.submit(done.append, "dropped"), worker.submit(done.append, "kept")
        dropped.cancel()
        await gate.open()
        await asyncio.wrap_future(kept)
        worker.stop()
        return done

    assert run_async(main) == ["kept"]


def test_sessions_take_turns_and_drafts_wait() -> None:
    """The claim under which a job comes decides its place, and what becomes of a draft counts."""

    async def main() -> list[str]:
        worker = Worker("test")
        gate, done = Gate(worker), list[str]()
        await gate.closed()
        draft = Claim("c", is_draft=True)
        jobs = [ask(worker, done, draft, "c draft")]
        jobs += [ask(worker, done, Claim("d", is_draft=True), "d draft")]
        jobs += [ask(worker, done, Claim("a"), f"a{n}") for n in range(10)]
        jobs += [ask(worker, done, Claim("b"), "b0")]
        draft.is_draft = False
        await gate.open()
        await asyncio.gather(*jobs)
        worker.stop()
        return done

    assert run_async(main) == ["c draft", "a0", "b0", *(f"a{n}" for n in range(1, 10)), "d draft"]


def test_only_so_much_may_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond it the engine is too busy, and says so."""
    monkeypatch.setattr(module, "MAX_WAITING", 1)

    async def main() -> None:
        worker = Worker("test")
        gate = Gate(worker)
        await gate.closed()
        worker.submit(len, "")
        with pytest.raises(EngineError, match="too busy") as refusal:
            worker.submit(len, "")
        assert refusal.value.code == "rate_limit_exceeded"
        worker.stop()
        await gate.open()

    run_async(main)


def ask(worker: Worker, done: list[str], claim: Claim, name: str) -> "asyncio.Future[None]":
    """A job under a claim."""

    def submit() -> "asyncio.Future[None]":
        CLAIM.set(claim)
        return asyncio.wrap_future(worker.submit(done.append, name))

    return contextvars.copy_context().run(submit)
