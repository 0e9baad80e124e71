"""Verdicts of the turn model: `Judge`, a short task each."""

import asyncio

from antiphon.facts import EngineFailed, Meter
from antiphon.owner import TaskOwner
from antiphon.ports import TurnModel
from antiphon.runtime.failures import failure_of
from antiphon.runtime.inbox import Put
from antiphon.session.effects import Judge
from antiphon.session.inputs import Judged

LIMIT_S = 2.0
"""A verdict that comes later than this is of no use: the longest pause is nearly over."""

TURN_MODEL = "turn model"


class Judges:
    """The turn model of one session. Without one, or when it fails, the pause is left to its longest wait."""

    def __init__(self, model: TurnModel | None, put: Put, tasks: TaskOwner, meter: Meter, session_id: str) -> None:
        self._model = model
        self._put = put
        self._tasks = tasks
        self._meter = meter
        self._session_id = session_id

    def judge(self, effect: Judge) -> None:
        """Ask the model."""
        if self._model is not None:
            self._tasks.start(self._ask(self._model, effect), f"judging {effect.item_id}")

    async def _ask(self, model: TurnModel, effect: Judge) -> None:
        try:
            async with asyncio.timeout(LIMIT_S):
                finished = await model.judge(effect.text, effect.pcm)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 -- the turn ends without a verdict
            problem = failure_of(error, TURN_MODEL)
            self._meter.report(EngineFailed(self._session_id, "turn", problem.message))
        else:
            await self._put(Judged(effect.item_id, effect.cut, finished))
