"""Verdicts of the turn model."""

import asyncio

import pytest
from scripted_runtime import Notes, others, play

from antiphon.facts import EngineFailed
from antiphon.owner import TaskOwner
from antiphon.ports import EngineError, TurnModel
from antiphon.runtime import judging as module
from antiphon.runtime.judging import Judges
from antiphon.session.effects import Judge
from antiphon.session.inputs import Input, Judged

JUDGE = Judge("item_1", 100, "and then", b"")


class HandTurn:
    """A turn model that does as it is told."""

    name = "hand"

    def __init__(self, outcome: float | Exception | None) -> None:
        self.outcome = outcome

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def judge(self, text: str, pcm: bytes) -> float:
        if self.outcome is None:
            await asyncio.Event().wait()
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome or 0.0


class Stage:
    """Judges with a core that only listens."""

    def __init__(self, model: TurnModel | None) -> None:
        self.notes = Notes()
        self.news: asyncio.Queue[Input] = asyncio.Queue()
        self.judges = Judges(model, self.news.put, TaskOwner(lambda: None), self.notes, "sess_1")


def test_a_pause_is_judged() -> None:
    """The verdict carries the pause that it is about."""

    async def scene() -> None:
        stage = Stage(HandTurn(0.25))
        stage.judges.judge(JUDGE)

        assert await stage.news.get() == Judged("item_1", 100, 0.25)

    play(scene)


def test_without_a_model_nobody_judges() -> None:
    """The pause lasts its longest wait."""

    async def scene() -> None:
        stage = Stage(None)
        stage.judges.judge(JUDGE)
        await others()

        assert stage.news.empty()

    play(scene)


@pytest.mark.parametrize(
    ("outcome", "message"),
    [
        (EngineError("Not loaded."), "Not loaded."),
        (ValueError("secret"), "The turn model failed."),
        (None, "The turn model did not answer in time."),
    ],
)
def test_a_model_that_fails_is_reported(
    outcome: Exception | None, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The turn goes on without its verdict."""
    monkeypatch.setattr(module, "LIMIT_S", 0.01)

    async def scene() -> None:
        stage = Stage(HandTurn(outcome))
        stage.judges.judge(JUDGE)
        await others()

        assert stage.news.empty()
        assert stage.notes.facts == [EngineFailed("sess_1", "turn", message)]

    play(scene)
