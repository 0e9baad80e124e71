"""Rules of an engine's thread."""

import asyncio
import threading

import pytest
from answering import run_async

from antiphon.engines.worker import Worker


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
    """A caller that is cancelled, and a stop, take the waiting jobs with them."""

    async def main() -> list[str]:
        worker, running, go_on = Worker("test"), threading.Event(), threading.Event()
        done: list[str] = []

        def hold() -> None:
            running.set()
            go_on.wait()

        holding = worker.submit(hold)
        await asyncio.to_thread(running.wait)
        async with asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(worker.run(done.append, "cancelled"))
            await asyncio.sleep(0)
            waiting.cancel()
        dropped = worker.submit(done.append, "dropped")
        worker.stop()
        go_on.set()
        await asyncio.wrap_future(holding)
        assert dropped.cancelled()
        return done

    assert run_async(main) == []
