"""The owner of an answer's tasks: what it starts, it ends."""

import asyncio
from collections.abc import Coroutine
from typing import Any


class Tasks:
    """A few tasks that live and die together, across the yields of a generator, where a `TaskGroup` cannot.

    A task must deal with its own failures; cancelling is all that it may be ended by.
    """

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def spawn(self, main: Coroutine[Any, Any, None], name: str) -> None:
        """Start a task."""
        task = asyncio.get_running_loop().create_task(main, name=name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def aclose(self) -> None:
        """Cancel what still runs and wait for its end. Cancelled itself, it has still told all to stop."""
        running = tuple(self._running)
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)
