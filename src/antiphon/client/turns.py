"""What comes unasked, for who listens: replies, the caller's words, errors, and news of the connection."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from antiphon.client.connection import DONE_CODES
from antiphon.client.errors import ClientError, ConnectionLost
from antiphon.client.replies import Reply
from antiphon.protocol.errors import ErrorDetail

MAX_TURNS: Final = 100
"""Turns that may wait; where nobody listens, the oldest are lost."""


@dataclass(frozen=True, slots=True)
class Heard:
    """The caller's words in one turn, as the server understood them."""

    item_id: str
    text: str | None
    """None where they could not be made out."""


@dataclass(frozen=True, slots=True)
class Restored:
    """The connection was lost, and the session goes on in another. Replies that had begun have failed."""

    lost: ConnectionLost
    attempts: int
    left_out: tuple[str, ...]
    """Ids of items that could not be told again."""


Turn: TypeAlias = Reply | Heard | Restored | ErrorDetail


class Turns:
    """The turns of a session, for one listener at a time."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[Turn | None] = asyncio.Queue(MAX_TURNS)
        self._failure: ClientError | None = None

    def put(self, turn: Turn | None) -> None:
        """Keep a turn until it is taken."""
        if self._waiting.full():
            self._waiting.get_nowait()
        self._waiting.put_nowait(turn)

    def end(self, failure: ClientError) -> None:
        """No more turns will come."""
        is_good = isinstance(failure, ConnectionLost) and failure.code in DONE_CODES and not failure.detail
        self._failure = None if is_good else failure
        self.put(None)

    async def __aiter__(self) -> AsyncIterator[Turn]:
        """Each turn as it begins. Ends with the session; raise ClientError where that ended badly."""
        while (turn := await self._waiting.get()) is not None:
            yield turn
        self.put(None)  # for who listens once more
        if self._failure:
            raise self._failure
