"""A thread that does an engine's heavy work, off the event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Worker:
    """One thread; jobs run one after the other, in the order in which sessions asked.

    That is fair as long as no job is long: engines cut their work into pieces of well under a second.
    """

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    def submit(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Have `work` done, in its turn, without waiting for it."""
        return self._pool.submit(work, *args, **kwargs)

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do `work` and wait. A job whose caller is cancelled before its turn is never begun."""
        return await asyncio.wrap_future(self.submit(work, *args, **kwargs))

    def stop(self) -> None:
        """Drop what waits; the running job ends in its own time, and the thread with it."""
        self._pool.shutdown(wait=False, cancel_futures=True)
