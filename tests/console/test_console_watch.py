"""Feeds of watched sessions: bounded, in order, and nothing for those whom nobody watches."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from antiphon.console import About, Console
from antiphon.console import watch as watching
from antiphon.console.watch import Observation, TooManyFeeds, Watch
from antiphon.facts import DraftEnded, SessionClosed, SessionOpened
from antiphon.ports import NO_USAGE
from antiphon.session.inputs import Score
from antiphon.transports.admission import Gate


def new_watch() -> Watch:
    return Watch(lambda: 5.0)


def read(watch: Watch, act: Callable[[], None], session_id: str = "sess_1") -> list[Observation]:
    """What one reader sees of what `act` does, and of the session's end."""

    async def main() -> list[Observation]:
        with watch.open(session_id) as feed:
            act()
            watch.report(SessionClosed(session_id, 1.0))
            return [observation async for observation in feed]

    return asyncio.run(main())


def test_facts_and_scores_come_in_order() -> None:
    """Each with the time it was told; scores as the end of their frame in milliseconds."""
    watch = new_watch()

    def act() -> None:
        watch.scored("sess_1", [Score(0, 768, 0.25), Score(768, 1536, 0.9876)])
        watch.report(DraftEnded("sess_1", was_kept=True, seconds=0.25, usage=NO_USAGE))

    seen = read(watch, act)

    assert seen[0] == {"kind": "Scored", "at": 5.0, "frames": [[32.0, 0.25], [64.0, 0.988]]}
    assert (seen[1]["kind"], seen[1]["was_kept"], seen[1]["seconds"]) == ("DraftEnded", True, 0.25)
    assert [one["kind"] for one in seen] == ["Scored", "DraftEnded", "SessionClosed"]


def test_other_sessions_are_not_told_of() -> None:
    """A feed is one session's; and a session's opening cannot be watched yet."""
    watch = new_watch()

    def act() -> None:
        watch.report(DraftEnded("sess_2", was_kept=True, seconds=0.25, usage=NO_USAGE))
        watch.scored("sess_2", [Score(0, 768, 0.25)])
        watch.report(SessionOpened("sess_1", "websocket", "ga"))

    assert [one["kind"] for one in read(watch, act)] == ["SessionClosed"]


def test_a_slow_reader_loses_the_oldest_and_is_told() -> None:
    """A feed is bounded: nobody's slowness costs the server memory."""
    watch = new_watch()

    def act() -> None:
        for n in range(watching.MAX_WAITING + 9):
            watch.scored("sess_1", [Score(n * 768, (n + 1) * 768, 0.0)])

    seen = read(watch, act)

    assert len(seen) == watching.MAX_WAITING + 1
    assert seen[0]["frames"][0][0] == (10 + 1) * 32.0  # nine, and one for the end
    assert seen[-1] == {"kind": "lost", "count": 10}


def test_readers_are_bounded_and_let_go() -> None:
    """One more than there may be is refused; one that leaves makes room, and leaves nothing behind."""
    watch = new_watch()
    feeds = [watch.open(f"sess_{n}") for n in range(watching.MAX_FEEDS)]
    for feed in feeds:
        feed.__enter__()

    with pytest.raises(TooManyFeeds), watch.open("sess_0"):
        pass
    assert watch.is_watched("sess_0")
    for feed in feeds:
        feed.__exit__(None, None, None)
    assert not watch.is_watched("sess_0")
    with watch.open("sess_0"):
        pass


def test_a_session_that_has_just_ended_is_nothing_to_wait_for() -> None:
    """It may end between the request and the first line: nobody would ever tell of its end."""
    watch = new_watch()
    nobody: Any = SimpleNamespace(running=())
    ended: Any = SimpleNamespace(session_id="sess_1", runner=SimpleNamespace(watch=lambda listener: None))
    console = Console(Gate(), nobody, watch, lambda model: About("ready", {}, ()))

    async def main() -> list[bytes]:
        return [line async for line in console._lines(ended)]

    assert asyncio.run(main()) == []
    assert not watch.is_watched("sess_1")


def test_two_readers_see_the_same() -> None:
    """Of one session, each its own copy of the row."""

    async def main() -> list[list[str]]:
        watch = new_watch()
        with watch.open("sess_1") as first, watch.open("sess_1") as second:
            watch.report(SessionClosed("sess_1", 1.0))
            return [[one["kind"] async for one in feed] for feed in (first, second)]

    assert asyncio.run(main()) == [["SessionClosed"], ["SessionClosed"]]
