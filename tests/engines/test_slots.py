"""Slots go back to the session that used them, and are waited for in a fair order."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from answering import run_async

from antiphon.engines.slots import MAX_WAITING, Slots
from antiphon.ports import Claim, EngineError


async def started(group: asyncio.TaskGroup, *coros: Coroutine[Any, Any, int]) -> list[asyncio.Task[int]]:
    """Tasks that have run up to their first wait."""
    tasks = [group.create_task(coro) for coro in coros]
    await asyncio.sleep(0)
    return tasks


def test_a_session_gets_its_own_slot_back() -> None:
    """Another one takes the slot that was idle for longest."""

    async def main() -> None:
        slots = Slots(3)
        assert [await slots.take(Claim(name)) for name in "abc"] == [0, 1, 2]
        for slot in (1, 0, 2):
            slots.give_back(slot)

        assert await slots.take(Claim("c")) == 2
        assert await slots.take(Claim("new")) == 1
        assert await slots.take(Claim("b")) == 0
        assert slots.free == 0

    run_async(main)


def test_a_second_answer_of_a_session_takes_another_slot() -> None:
    """Several responses of one session may run at once."""

    async def main() -> None:
        slots = Slots(2)
        assert [await slots.take(Claim("a")), await slots.take(Claim("a"))] == [0, 1]
        assert slots.take_now("a") is None

    run_async(main)


def test_who_waits_is_served_in_order() -> None:
    """First come, first served."""

    async def main() -> list[str]:
        slots = Slots(1)
        order: list[str] = []

        async def use(name: str) -> int:
            slot = await slots.take(Claim(name))
            order.append(name)
            await asyncio.sleep(0)
            slots.give_back(slot)
            return slot

        async with asyncio.TaskGroup() as group:
            await started(group, *(use(name) for name in "abcde"))
        assert (slots.free, slots.waiting) == (1, 0)
        return order

    assert run_async(main) == list("abcde")


def test_drafts_wait_behind_answers() -> None:
    """What may be thrown away does not hold up what was asked for."""

    async def main() -> None:
        slots = Slots(1)
        slot = await slots.take(Claim("a"))
        async with asyncio.TaskGroup() as group:
            draft, answer = await started(group, slots.take(Claim("d", is_draft=True)), slots.take(Claim("e")))
            slots.give_back(slot)
            await asyncio.sleep(0)
            assert answer.done()
            assert not draft.done()
            slots.give_back(slot)
        assert draft.result() == 0

    run_async(main)


def test_a_flood_of_one_session_does_not_hold_up_another() -> None:
    """Who was not served yet goes before who was; a draft that has become the answer is no draft."""

    async def main() -> list[str]:
        slots = Slots(1)
        slot = await slots.take(Claim("z"))
        order: list[str] = []

        async def use(claim: Claim) -> int:
            slot = await slots.take(claim)
            order.append(claim.session_id)
            await asyncio.sleep(0)
            slots.give_back(slot)
            return slot

        draft = Claim("c", is_draft=True)
        async with asyncio.TaskGroup() as group:
            await started(group, use(draft), *(use(Claim(name)) for name in "aaab"))
            draft.is_draft = False
            slots.give_back(slot)
        return order

    assert run_async(main) == list("cabaa")


def test_a_cancelled_waiter_leaves_no_trace() -> None:
    """Whether it still waited, or had just been given a slot."""

    async def main() -> None:
        slots = Slots(1)
        slot = await slots.take(Claim("a"))
        async with asyncio.TaskGroup() as group:
            first, second, third = await started(group, *(slots.take(Claim(name)) for name in "bcd"))
            first.cancel()
            await asyncio.sleep(0)
            assert slots.waiting == 2
            slots.give_back(slot)
            second.cancel()
        assert first.cancelled()
        assert second.cancelled()
        assert third.result() == 0
        slots.give_back(0)
        assert (slots.free, slots.waiting) == (1, 0)

    run_async(main)


def test_a_waiter_cancelled_in_the_same_moment_as_served_is_passed_over() -> None:
    """Its future is done for; the slot goes to the next."""

    async def main() -> None:
        slots = Slots(1)
        slot = await slots.take(Claim("a"))
        async with asyncio.TaskGroup() as group:
            first, second = await started(group, slots.take(Claim("b")), slots.take(Claim("c")))
            first.cancel()
            slots.give_back(slot)
        assert first.cancelled()
        assert second.result() == 0

    run_async(main)


def test_the_queue_is_bounded() -> None:
    """One more than may wait is told so at once."""

    async def main() -> None:
        slots = Slots(1)
        await slots.take(Claim("a"))
        async with asyncio.TaskGroup() as group:
            tasks = await started(group, *(slots.take(Claim(str(n))) for n in range(MAX_WAITING)))
            with pytest.raises(EngineError) as caught:
                await slots.take(Claim("late"))
            assert caught.value.code == "rate_limit_exceeded"
            for task in tasks:
                task.cancel()
        assert slots.waiting == 0

    run_async(main)


def test_stopping_refuses_all_who_wait() -> None:
    """Also one that is being cancelled."""

    async def main() -> list[BaseException | int]:
        slots = Slots(1)
        await slots.take(Claim("a"))
        waiting = [asyncio.ensure_future(slots.take(Claim(name))) for name in "bc"]
        await asyncio.sleep(0)
        waiting[1].cancel()
        slots.refuse_all(EngineError("stopping"))
        return await asyncio.gather(*waiting, return_exceptions=True)

    refused, cancelled = run_async(main)
    assert isinstance(refused, EngineError)
    assert isinstance(cancelled, asyncio.CancelledError)


def test_a_waiter_refused_and_cancelled_at_once_just_ends() -> None:
    """There is no slot to give back."""

    async def main() -> None:
        slots = Slots(1)
        await slots.take(Claim("a"))
        waiting = asyncio.ensure_future(slots.take(Claim("b")))
        await asyncio.sleep(0)
        slots.refuse_all(EngineError("stopping"))
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert slots.free == 0

    run_async(main)
