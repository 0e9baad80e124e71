"""What client programs share: a task from standard input, and lines of JSON for what happened.

They run in environments of their own, so nothing here comes from outside the standard library.
"""

import asyncio
import json
import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PATIENCE_S = 60.0
"""For one thing to happen."""
CHUNK_BYTES = 4_800
"""100 ms of 16-bit mono at 24,000 Hz."""


def task() -> dict[str, Any]:
    """What the test wants: the `url`, the `acts` in their order, and files of `pcm` by name."""
    given: dict[str, Any] = json.loads(sys.stdin.readline())
    return given


def tell(kind: str, **facts: Any) -> None:
    """One line for the test to read."""
    sys.stdout.write(json.dumps({"kind": kind, **facts}) + "\n")
    sys.stdout.flush()


def tell_logs(level: int = logging.WARNING) -> None:
    """Tell every log line of this level and above, whoever writes it."""
    logging.basicConfig(level=level, handlers=[_Telling()])


def chunks(path: str) -> list[bytes]:
    """A file of `pcm` in pieces of 100 ms."""
    pcm = Path(path).read_bytes()
    return [pcm[at : at + CHUNK_BYTES] for at in range(0, len(pcm), CHUNK_BYTES)]


class Happenings:
    """Counts what happens, and waits for it."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._news = asyncio.Event()

    def note(self, kind: str) -> None:
        """It has happened once more."""
        self._counts[kind] = self._counts.get(kind, 0) + 1
        self._news.set()

    def count(self, kind: str) -> int:
        """How often it has happened."""
        return self._counts.get(kind, 0)

    async def until(self, kind: str, count: int = 1) -> None:
        """Wait until it has happened so often; raises TimeoutError."""
        await self.until_fact(lambda: self.count(kind) >= count, f"{count} x {kind}")

    async def until_fact(self, is_so: Callable[[], bool], name: str) -> None:
        """Wait until something is so; it is asked whenever something happens. Raises TimeoutError."""
        end = time.monotonic() + PATIENCE_S
        while not is_so():
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), end - time.monotonic())
            except TimeoutError:
                raise TimeoutError(f"waited for {name}; there were {self._counts}") from None


class _Telling(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        """Tell the record."""
        tell("log", level=record.levelname, name=record.name, text=record.getMessage())
