"""Whose work comes next, where many sessions want the same engine.

Answers go before drafts. Among equals the session goes first that was served longest ago: however much one session
has waiting, another's first piece of work waits for no more than the piece that is being done.
"""

from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Generic, TypeVar

from antiphon.ports import Claim

REMEMBERED = 4096
"""Sessions whose last turn is remembered: more than a process has at work. A forgotten one goes first, once."""

T = TypeVar("T")


@dataclass(slots=True)
class _Waiting(Generic[T]):
    claim: Claim
    work: T


class FairQueue(Generic[T]):
    """Work that waits, by session. It locks nothing."""

    def __init__(self) -> None:
        self._lanes: dict[str, deque[_Waiting[T]]] = {}
        self._served: OrderedDict[str, int] = OrderedDict()
        """At which turn each session was served last; the longest ago first."""
        self._turn = 0
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, claim: Claim, work: T) -> None:
        """Have work wait. What a claim says of drafts counts when the work is taken."""
        self._lanes.setdefault(claim.session_id, deque()).append(_Waiting(claim, work))
        self._count += 1

    def take(self) -> T | None:
        """The work that comes next; None when none waits."""
        chosen: tuple[bool, int] | None = None
        session_id, next_up = "", None
        for each, lane in self._lanes.items():
            waiting = _first(lane)
            rank = (waiting.claim.is_draft, self._served.get(each, 0))
            if chosen is None or rank < chosen:
                chosen, session_id, next_up = rank, each, waiting
        if next_up is None:
            return None
        self._note(session_id)
        self._drop(session_id, next_up)
        return next_up.work

    def remove(self, work: T) -> None:
        """Nobody wants it any more. Work that does not wait is passed over."""
        for session_id, lane in self._lanes.items():
            for waiting in lane:
                if waiting.work is work:
                    self._drop(session_id, waiting)
                    return

    def clear(self) -> list[T]:
        """Let nothing wait; gives what did."""
        all_work = [waiting.work for lane in self._lanes.values() for waiting in lane]
        self._lanes.clear()
        self._count = 0
        return all_work

    def _note(self, session_id: str) -> None:
        self._turn += 1
        self._served[session_id] = self._turn
        self._served.move_to_end(session_id)
        if len(self._served) > REMEMBERED:
            self._served.popitem(last=False)

    def _drop(self, session_id: str, waiting: _Waiting[T]) -> None:
        lane = self._lanes[session_id]
        lane.remove(waiting)
        self._count -= 1
        if not lane:
            del self._lanes[session_id]


def _first(lane: deque[_Waiting[T]]) -> _Waiting[T]:
    """A session's next work: in its own order, but answers before drafts."""
    return next((waiting for waiting in lane if not waiting.claim.is_draft), lane[0])
