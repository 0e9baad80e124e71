"""The only place that starts tasks: whoever owns them can end them all, and none fails unseen."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from antiphon.faults import log_fault


class TaskOwner:
    """The tasks of one session, or of one call. They come and go; when it ends, so do they.

    A task is expected to deal with its own failures. An exception that leaves one is a fault of ours: it is
    logged, and `on_fault` is called.
    """

    def __init__(self, on_fault: Callable[[], None]) -> None:
        self._on_fault = on_fault
        self._running: set[asyncio.Task[None]] = set()

    def start(self, main: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Start a task. The result is for cancelling it early."""
        task = asyncio.get_running_loop().create_task(main, name=name)
        self._running.add(task)
        task.add_done_callback(self._done)
        return task

    async def end(self, limit_s: float) -> None:
        """Cancel what runs and wait for its end, but no longer than `limit_s` for one that will not."""
        running = [task for task in self._running if task is not asyncio.current_task()]
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=limit_s)

    def __len__(self) -> int:
        return len(self._running)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log_fault(f"task {task.get_name()}", error)
            self._on_fault()
