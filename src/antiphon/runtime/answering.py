"""Answers: `Respond` and `Stop`, one task and one engine run per response."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from antiphon.audio.pcm import SAMPLE_BYTES
from antiphon.faults import log_fault
from antiphon.owner import TaskOwner
from antiphon.ports import CLAIM, NO_USAGE, AudioDelta, Claim, EngineError, Responder, Run
from antiphon.runtime.failures import failure_of
from antiphon.runtime.inbox import Put
from antiphon.runtime.limits import Allowance
from antiphon.runtime.pacing import Pace
from antiphon.session.effects import Respond, Warm
from antiphon.session.inputs import Broke, Finished, Produced

CLOSE_LIMIT_S = 5.0
"""How long a run may take to stop its work."""

DRAFT_PIECES = 64
"""Pieces that a draft may be ahead of the end of the turn, a sentence or two; then its engine waits."""

MODEL = "model"


@dataclass(frozen=True, slots=True)
class _Draft:
    """An answer that is not wanted for certain yet."""

    claim: Claim
    released: asyncio.Event = field(default_factory=asyncio.Event)

    def release(self) -> None:
        self.claim.is_draft = False
        self.released.set()


class Answers:
    """All responses of one session that an engine works on."""

    def __init__(
        self,
        responder: Responder,
        put: Put,
        room: Callable[[], Awaitable[None]],
        tasks: TaskOwner,
        limit_s: float,
        *,
        allowance: Allowance,
        ahead_s: float = 0.0,
    ) -> None:
        """`room` returns when there is room for more on the way out; `limit_s` is the longest time without progress.

        `ahead_s` of sound may be made that the client cannot have played yet; 0 sets no limit.
        """
        self._responder = responder
        self._put = put
        self._room = room
        self._tasks = tasks
        self._limit_s = limit_s
        self._allowance = allowance
        self._ahead_s = ahead_s
        self._running: dict[str, asyncio.Task[None]] = {}
        self._drafts: dict[str, _Draft] = {}

    def start(self, effect: Respond) -> None:
        """Have the engine answer."""
        claim = Claim(effect.prompt.session_id, effect.prompt.draft)
        task = self._tasks.start(self._work(effect, claim), f"answering {effect.response_id}")
        self._running[effect.response_id] = task
        if effect.prompt.draft:
            self._drafts[effect.response_id] = _Draft(claim)
        task.add_done_callback(lambda _: self._forget(effect.response_id))

    def warm(self, effect: Warm) -> None:
        """Have the engine read ahead."""
        self._tasks.start(self._warm(effect), "warming")

    async def _warm(self, effect: Warm) -> None:
        CLAIM.set(Claim(effect.prompt.session_id, effect.prompt.draft))
        try:
            async with asyncio.timeout(self._limit_s):
                await self._responder.warm(effect.prompt)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 -- the answer itself will tell
            failure_of(error, MODEL)

    def release(self, response_id: str) -> None:
        """The draft is an answer: let its engine go on."""
        if response_id in self._drafts:
            self._drafts[response_id].release()

    def _forget(self, response_id: str) -> None:
        self._running.pop(response_id, None)
        self._drafts.pop(response_id, None)

    def stop(self, response_id: str) -> None:
        """End the engine's work; nothing more is said of the response."""
        task = self._running.get(response_id)
        self._forget(response_id)
        if task is not None:
            task.cancel()

    async def _work(self, effect: Respond, claim: Claim) -> None:
        CLAIM.set(claim)
        run: Run | None = None
        is_allowed = effect.prompt.draft  # a draft that is dropped has used nothing, as far as the client knows
        try:
            if not is_allowed:
                self._allowance.begin()
                is_allowed = True
            run = self._responder.run(effect.prompt)
            await self._answer(effect.response_id, run)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 -- ends this response only
            problem = failure_of(error, MODEL)
            usage = NO_USAGE if run is None else run.usage
            broke = Broke(effect.response_id, problem.message, problem.code, problem.type, usage, is_fault=is_allowed)
            await self._put(broke)
        finally:
            if run is not None:
                await _close(run)

    async def _answer(self, response_id: str, run: Run) -> None:
        deltas = aiter(run)
        draft = self._drafts.get(response_id)
        released = None if draft is None else draft.released
        pace = Pace(self._ahead_s, asyncio.get_running_loop().time)
        for pieces in itertools.count():
            if released is not None and (pieces >= DRAFT_PIECES or pace.excess_s) and not released.is_set():
                await released.wait()
                pace.restart()
            try:
                async with asyncio.timeout(self._limit_s):
                    delta = await anext(deltas)
            except StopAsyncIteration:
                break
            if isinstance(delta, AudioDelta):
                pace.add(_whole(delta.pcm))
            await self._put(Produced(response_id, delta, run.usage))
            await asyncio.sleep(0)  # the core takes it now; and an engine with much at hand does not keep the loop
            await self._room()
            if released is None or released.is_set():
                await pace.rest()
        await self._put(Finished(response_id, run.usage))


def _whole(pcm: bytes) -> bytes:
    """The sound of an engine, which may be a stranger's. Raises EngineError for half a sample."""
    if len(pcm) % SAMPLE_BYTES:
        raise EngineError("The responder gave half a sample of sound.")
    return pcm


async def _close(run: Run) -> None:
    try:
        async with asyncio.timeout(CLOSE_LIMIT_S):
            await run.aclose()
    except Exception as error:  # noqa: BLE001 -- its answer is complete, or nobody waits for it
        log_fault("the closing of an answer", error)
