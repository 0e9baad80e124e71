"""Which session may use which of a model's few slots, and when.

A slot remembers the prompt that it read last. A session gets its own slot back while nobody else needed it,
so that only the new part of its conversation is read. Who finds no free slot waits: answers before drafts, and
sessions in turn (see `fairness`).
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass

from antiphon.engines.fairness import FairQueue
from antiphon.ports import Claim, EngineError

MAX_WAITING = 512
"""Answers that may wait for a slot: far more than anyone would wait for, a bound on memory."""


@dataclass(eq=False, slots=True)
class _Waiter:
    session_id: str
    slot: asyncio.Future[int]


class Slots:
    """The slots of one model, numbered from 0."""

    def __init__(self, count: int) -> None:
        self._free: OrderedDict[int, str] = OrderedDict((slot, "") for slot in range(count))
        """Free slots with the session that each served last, the one idle for longest first."""
        self._taken: dict[int, str] = {}
        self._waiting: FairQueue[_Waiter] = FairQueue()

    @property
    def free(self) -> int:
        """How many slots are free."""
        return len(self._free)

    @property
    def waiting(self) -> int:
        """How many answers wait."""
        return len(self._waiting)

    def take_now(self, session_id: str) -> int | None:
        """A slot for the session, its own if that is free; None if there is none."""
        if not self._free:
            return None
        own = (slot for slot, session in self._free.items() if session == session_id)
        slot = next(own, next(iter(self._free)))
        del self._free[slot]
        self._taken[slot] = session_id
        return slot

    async def take(self, claim: Claim) -> int:
        """A slot for the claim's session, as soon as there is one. Cancelled, it leaves no trace."""
        slot = self.take_now(claim.session_id)
        if slot is not None:
            return slot
        if len(self._waiting) >= MAX_WAITING:
            raise EngineError("The model is too busy.", code="rate_limit_exceeded", type="rate_limit_error")
        waiter = _Waiter(claim.session_id, asyncio.get_running_loop().create_future())
        self._waiting.add(claim, waiter)
        try:
            return await waiter.slot
        except asyncio.CancelledError:
            self._waiting.remove(waiter)
            if waiter.slot.done() and not waiter.slot.cancelled() and waiter.slot.exception() is None:
                self.give_back(waiter.slot.result())  # it was given in the moment of cancelling
            raise

    def give_back(self, slot: int) -> None:
        """Free a slot, or hand it on."""
        self._free[slot] = self._taken.pop(slot)
        while self._free and (waiter := self._waiting.take()) is not None:
            if waiter.slot.done():
                continue
            taken = self.take_now(waiter.session_id)
            assert taken is not None  # noqa: S101 -- there is a free one, by the loop's condition
            waiter.slot.set_result(taken)

    def refuse_all(self, reason: EngineError) -> None:
        """Let all who wait fail: the model is stopping."""
        for waiter in self._waiting.clear():
            if not waiter.slot.done():
                waiter.slot.set_exception(reason)
