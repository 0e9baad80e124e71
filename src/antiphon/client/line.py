"""A connection and its successors: what is sent waits while there is none."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from typing import Final

from antiphon.client.connection import Connection
from antiphon.client.errors import ClientError, ConnectionLost, Unreachable, UpgradeRefused
from antiphon.protocol.client_events import ClientEvent

FINAL_CODES: Final = frozenset({1003, 1007, 1008, 3000, 4000})
"""Close codes by which a server refuses us; it would refuse us again. 1001, the end of a session's time, is none."""

PASSING: Final = frozenset({101, 408, 429})
"""HTTP answers that are no refusal, beside all of 500 and above: 101 is a handshake that was broken off."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """How often and how soon a lost connection is opened again."""

    first_s: float = 0.5
    factor: float = 2.0
    limit_s: float = 30.0
    """Longest wait between two attempts."""
    attempts: int = 10

    async def pauses(self) -> AsyncIterator[int]:
        """The number of each attempt when it is due.

        Waits differ by chance, since all clients of a server lose it at the same time.
        """
        for attempt in range(self.attempts):
            wait_s = min(self.limit_s, self.first_s * self.factor**attempt)
            await asyncio.sleep(wait_s * random.uniform(0.5, 1.0))  # noqa: S311 -- no secret
            yield attempt + 1


def may_pass(error: ClientError) -> bool:
    """Whether another attempt may go better."""
    match error:
        case ConnectionLost():
            return error.code not in FINAL_CODES
        case UpgradeRefused():
            return error.status in PASSING or error.status >= 500
        case _:
            return isinstance(error, Unreachable)


class Line:
    """What a session is connected by. `dial` opens a connection for as long as its block runs."""

    def __init__(self, dial: Callable[[], AbstractAsyncContextManager[Connection]]) -> None:
        self._dial = dial
        self._stack = AsyncExitStack()
        self._is_ready = asyncio.Event()
        self._connection: Connection | None = None
        self.failure: ClientError | None = None
        """Why there will be no connection any more."""

    async def open(self) -> Connection:
        """A new connection, in place of any other. Raise ClientError. Only `ready` lets others send."""
        await self.close()
        self._connection = await self._stack.enter_async_context(self._dial())
        return self._connection

    def ready(self) -> None:
        """Others may send."""
        self._is_ready.set()

    def pause(self) -> None:
        """Others must wait."""
        self._is_ready.clear()

    async def close(self) -> None:
        """Hang up. Safe to call twice."""
        await self._stack.aclose()

    def end(self, failure: ClientError) -> None:
        """There will be no other connection: who sends is told why. The first reason counts."""
        self.failure = self.failure or failure
        self._is_ready.set()

    @property
    def is_ready(self) -> bool:
        """Whether what is sent would go out at once."""
        return self._is_ready.is_set() and self.failure is None

    async def send(self, event: ClientEvent) -> None:
        """Send as soon as there is a connection. Raise ClientError when it is lost, or when there will be none."""
        await self.until_ready()
        await self.connection.send(event)

    async def until_ready(self) -> None:
        """Wait until what is sent goes out at once. Raise ClientError where that will not be."""
        await self._is_ready.wait()
        if self.failure:
            raise self.failure

    @property
    def connection(self) -> Connection:
        """The last that was opened."""
        if self._connection is None:
            raise Unreachable("Nothing was opened yet.")
        return self._connection
