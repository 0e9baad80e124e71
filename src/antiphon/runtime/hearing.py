"""Recognition of the caller's items: `Hear`, `Settle` and `Forget`, one task and one engine stream per item."""

import asyncio
from collections import deque

from antiphon.audio.pcm import BYTES_PER_MS, RATE_HZ, samples_of
from antiphon.faults import log_fault
from antiphon.owner import TaskOwner
from antiphon.ports import ASR, EngineError, Hearing, HearingOptions
from antiphon.runtime.failures import failure_of
from antiphon.runtime.inbox import Put
from antiphon.session.effects import Hear, Settle
from antiphon.session.inputs import Input, Recognised, Unrecognised

MAX_WAITING_MS = 120_000
"""Audio that a recogniser may be behind when more comes; then it will not catch up while anybody cares."""

FEED_MS = 5_000
"""Audio given in one call: what has piled up goes in larger pieces, but not in one."""

CLOSE_LIMIT_S = 5.0
"""How long a stream may take to free what it holds."""

RECOGNISER = "speech recogniser"
BEHIND = "The speech recogniser cannot keep up."
MISSING = "This server has no speech recogniser."


class _Ear:
    """One item being heard: what the core has ordered and the task has not yet done."""

    def __init__(self, item_id: str) -> None:
        self.item_id = item_id
        self.owed = 0
        """Final texts that the core still waits for."""
        self.is_over = False
        """No more orders count: the last one has been given, or it has failed."""
        self.task: asyncio.Task[None] | None = None
        self._orders: deque[bytes | Settle] = deque()
        self._waiting = 0
        """Bytes of audio among the orders."""
        self._is_behind = False
        self._news = asyncio.Event()

    def order(self, order: Hear | Settle) -> None:
        """Take an order."""
        if self.is_over:
            return
        if isinstance(order, Settle):
            self.owed += 1
            self.is_over = order.last
            self._orders.append(order)
        else:
            self._is_behind = self._is_behind or self._waiting > MAX_WAITING_MS * BYTES_PER_MS
            self._waiting += len(order.pcm)
            self._orders.append(order.pcm)
        self._news.set()

    async def next(self) -> bytes | Settle:
        """The next order; audio that has piled up comes in pieces of `FEED_MS`. Raise EngineError if it is too much."""
        while not self._orders:
            self._news.clear()
            await self._news.wait()
        if self._is_behind:
            raise EngineError(BEHIND)
        order = self._orders.popleft()
        return order if isinstance(order, Settle) else self._piece(order)

    def _piece(self, pcm: bytes) -> bytes:
        limit = FEED_MS * BYTES_PER_MS
        while len(pcm) < limit and self._orders and isinstance(self._orders[0], bytes):
            pcm += self._orders[0]
            self._orders.popleft()
        if len(pcm) > limit:
            self._orders.appendleft(pcm[limit:])
        self._waiting -= len(pcm[:limit])
        return pcm[:limit]


class Hearings:
    """All items of one session that are being heard."""

    def __init__(self, asr: ASR | None, put: Put, tasks: TaskOwner, limit_s: float) -> None:
        self._asr = asr
        self._put = put
        self._tasks = tasks
        self._limit_s = limit_s
        self._ears: dict[str, _Ear] = {}

    def hear(self, effect: Hear) -> None:
        """Feed audio; the first of an item opens its stream."""
        ear = self._ears.get(effect.item_id)
        if ear is None:
            ear = self._open(effect.item_id, effect.options)
        ear.order(effect)

    def settle(self, effect: Settle) -> None:
        """Ask for the text of what has been fed."""
        ear = self._ears.get(effect.item_id)
        if ear is None:
            ear = self._open(effect.item_id, HearingOptions())
        ear.order(effect)

    def forget(self, item_id: str) -> None:
        """End the item's stream; nothing more is said of it."""
        ear = self._ears.pop(item_id, None)
        if ear is not None and ear.task is not None:
            ear.task.cancel()

    def noted(self, news: Input) -> None:
        """The core is being told: from its next order on, the item may be heard afresh."""
        if isinstance(news, Unrecognised):
            self._ears.pop(news.item_id, None)
        elif isinstance(news, Recognised) and news.final and news.item_id in self._ears:
            ear = self._ears[news.item_id]
            ear.owed -= 1
            if ear.is_over and not ear.owed:
                del self._ears[news.item_id]

    def _open(self, item_id: str, options: HearingOptions) -> _Ear:
        ear = self._ears[item_id] = _Ear(item_id)
        ear.task = self._tasks.start(self._work(ear, options), f"hearing {item_id}")
        return ear

    async def _work(self, ear: _Ear, options: HearingOptions) -> None:
        try:
            await self._hear_out(ear, options)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 -- ends this transcription only
            problem = failure_of(error, RECOGNISER)
            ear.is_over = True
            await self._put(Unrecognised(ear.item_id, problem.message, problem.code))

    async def _hear_out(self, ear: _Ear, options: HearingOptions) -> None:
        if self._asr is None:
            raise EngineError(MISSING)
        hearing = self._asr.open(options)
        try:
            await self._obey(ear, hearing)
        finally:
            await _close(hearing)

    async def _obey(self, ear: _Ear, hearing: Hearing) -> None:
        """Do what the core orders, until the last order."""
        fed = 0
        while True:
            order = await ear.next()
            limit_s = self._limit_s + fed / RATE_HZ
            if isinstance(order, bytes):
                async with asyncio.timeout(limit_s):
                    partial = await hearing.feed(order)
                fed += samples_of(order)
                if partial is not None:
                    await self._put(Recognised(ear.item_id, partial, cut=fed))
                continue
            async with asyncio.timeout(limit_s):
                final = await hearing.settle()
            await self._put(Recognised(ear.item_id, final, cut=order.cut, final=True))
            if order.last:
                return


async def _close(hearing: Hearing) -> None:
    try:
        async with asyncio.timeout(CLOSE_LIMIT_S):
            await hearing.close()
    except Exception as error:  # noqa: BLE001 -- its words are known already, or its failure
        log_fault("the closing of an ASR stream", error)
