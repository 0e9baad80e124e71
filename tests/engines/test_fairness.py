"""Whose work comes next."""

import pytest

from antiphon.engines import fairness
from antiphon.engines.fairness import FairQueue
from antiphon.ports import Claim


def queue_of(*work: tuple[str, str]) -> FairQueue[str]:
    """A queue of (session, work); a session in capitals has drafts."""
    queue: FairQueue[str] = FairQueue()
    for session, each in work:
        queue.add(Claim(session.lower(), is_draft=session.isupper()), each)
    return queue


def emptied(queue: FairQueue[str]) -> list[str]:
    """All that waits, in its order."""
    return [work for _ in range(len(queue)) if (work := queue.take()) is not None]


def test_sessions_take_turns() -> None:
    """Each session's work stays in its own order."""
    queue = queue_of(("a", "a1"), ("a", "a2"), ("a", "a3"), ("b", "b1"), ("c", "c1"), ("c", "c2"))

    assert emptied(queue) == ["a1", "b1", "c1", "a2", "c2", "a3"]
    assert queue.take() is None


def test_who_comes_later_waits_for_one_piece_of_work() -> None:
    """Ten sentences of one session do not delay another's first one by more than the one that is spoken."""
    queue = queue_of(*[("a", f"a{n}") for n in range(10)])
    taken = [queue.take()]
    queue.add(Claim("b"), "b0")

    assert [*taken, *emptied(queue)][:3] == ["a0", "b0", "a1"]


def test_one_who_always_comes_again_starves_nobody() -> None:
    """A session is not new each time: who waited longer goes first."""
    queue = queue_of(("a", "a1"), ("a", "a2"))
    order = []
    for n in range(4):
        queue.add(Claim("b"), f"b{n}")
        order.append(queue.take())

    assert order == ["a1", "b0", "a2", "b1"]


def test_drafts_wait_behind_all_real_work() -> None:
    """Of every session, also of their own; among themselves they take turns too."""
    queue = queue_of(("A", "a draft"), ("A", "a draft 2"), ("B", "b draft"), ("a", "a"), ("c", "c1"), ("c", "c2"))

    assert emptied(queue) == ["a", "c1", "c2", "b draft", "a draft", "a draft 2"]


def test_a_draft_that_became_the_answer_is_real_work() -> None:
    """Also where it waits already."""
    queue: FairQueue[str] = FairQueue()
    claim = Claim("a", is_draft=True)
    queue.add(Claim("b", is_draft=True), "b draft")
    queue.add(claim, "a")
    claim.is_draft = False

    assert emptied(queue) == ["a", "b draft"]


def test_work_that_is_not_wanted_is_forgotten() -> None:
    """At once, wherever it stands; what does not wait is passed over."""
    queue = queue_of(("a", "a1"), ("a", "a2"), ("b", "b1"))

    queue.remove("a1")
    queue.remove("b1")
    queue.remove("never there")

    assert len(queue) == 1
    assert emptied(queue) == ["a2"]


def test_a_queue_can_be_cleared() -> None:
    """It tells what was in it, so that those who wait can be told."""
    queue = queue_of(("a", "a1"), ("b", "b1"))

    assert queue.clear() == ["a1", "b1"]
    assert len(queue) == 0
    assert queue.take() is None


def test_only_so_many_sessions_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is forgotten counts as new."""
    monkeypatch.setattr(fairness, "REMEMBERED", 1)
    queue = queue_of(("a", "a1"), ("b", "b1"))
    emptied(queue)
    queue.add(Claim("b"), "b2")
    queue.add(Claim("a"), "a2")

    assert emptied(queue) == ["a2", "b2"]
