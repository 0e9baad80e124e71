"""A thread that does an engine's heavy work, off the event loop."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, ParamSpec, TypeVar

from antiphon.engines.fairness import FairQueue
from antiphon.ports import CLAIM, NOBODY, EngineError

P = ParamSpec("P")
T = TypeVar("T")

MAX_WAITING = 4096
"""Jobs that may wait: some of each session that a process can have, a bound on memory."""


@dataclass(eq=False, slots=True)
class _Job:
    work: Callable[[], Any]
    done: "Future[Any]"


class Worker:
    """One thread; jobs run one after the other, in an order that is fair to sessions (see `fairness`).

    A job that has begun is done to its end: engines cut their work into pieces of well under a second.
    """

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._queue: FairQueue[_Job] = FairQueue()
        self._lock = threading.Lock()

    @property
    def waiting(self) -> int:
        """How many jobs wait."""
        return len(self._queue)

    def submit(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        """Have `work` done, in its turn, without waiting for it. Raises EngineError when too much waits."""
        done: Future[T] = Future()
        job = _Job(partial(work, *args, **kwargs), done)
        with self._lock:
            if len(self._queue) >= MAX_WAITING:
                raise EngineError("The engine is too busy.", code="rate_limit_exceeded", type="rate_limit_error")
            self._queue.add(CLAIM.get(NOBODY), job)
        done.add_done_callback(lambda _: self._forget(job))
        self._pool.submit(self._do_next)
        return done

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do `work` and wait. A job whose caller is cancelled before its turn leaves the queue at once."""
        return await asyncio.wrap_future(self.submit(work, *args, **kwargs))

    def stop(self) -> None:
        """Drop what waits; the running job ends in its own time, and the thread with it."""
        with self._lock:
            dropped = self._queue.clear()
        for job in dropped:
            job.done.cancel()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _forget(self, job: _Job) -> None:
        if job.done.cancelled():
            with self._lock:
                self._queue.remove(job)

    def _do_next(self) -> None:
        """In the thread: one job, or none when as many were dropped."""
        with self._lock:
            job = self._queue.take()
        if job is None or not job.done.set_running_or_notify_cancel():
            return
        try:
            job.done.set_result(job.work())
        except BaseException as error:  # noqa: BLE001 -- carried to the one who asked
            job.done.set_exception(error)
