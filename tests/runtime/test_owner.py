"""The owner of a session's tasks."""

import asyncio

import pytest
from scripted_runtime import play, settled

from antiphon.owner import TaskOwner


async def forever() -> None:
    """Wait for the end."""
    await asyncio.Event().wait()


async def fails() -> None:
    """Break a rule."""
    raise ValueError("what the caller said")


def test_tasks_come_and_go() -> None:
    """A task that has ended is not kept."""

    async def scene() -> None:
        owner = TaskOwner(lambda: None)
        owner.start(asyncio.sleep(0), "short")
        waiting = owner.start(forever(), "long")
        assert len(owner) == 2
        await settled()
        assert len(owner) == 1
        waiting.cancel()
        await settled()

        assert len(owner) == 0

    play(scene)


def test_the_end_ends_all() -> None:
    """Also when one of the tasks is who asks for it."""

    async def scene() -> None:
        owner = TaskOwner(lambda: None)
        tasks = [owner.start(forever(), str(n)) for n in range(3)]
        ended = asyncio.Event()

        async def end() -> None:
            await owner.end(1.0)
            ended.set()

        owner.start(end(), "the end")
        await ended.wait()

        assert all(task.cancelled() for task in tasks)

    play(scene)


def test_a_task_that_does_not_end_is_not_waited_for() -> None:
    """One faulty engine must not keep a session's memory, or the process, for ever."""

    async def scene() -> None:
        owner = TaskOwner(lambda: None)
        release = asyncio.Event()

        async def stubborn() -> None:
            try:
                await forever()
            finally:
                await release.wait()

        owner.start(stubborn(), "stubborn")
        await settled()
        await owner.end(0.01)
        assert len(owner) == 1
        release.set()
        await settled()

        assert len(owner) == 0

    play(scene)


def test_no_exception_goes_unseen(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged, without its words, and the owner's fault is told."""

    async def scene() -> None:
        faults: list[str] = []
        owner = TaskOwner(lambda: faults.append("fault"))
        owner.start(fails(), "broken")
        await settled()

        assert faults == ["fault"]
        assert [record.message for record in caplog.records] == [
            f"fault in task broken: ValueError (fails line {fails.__code__.co_firstlineno + 2})"
        ]

    play(scene)
