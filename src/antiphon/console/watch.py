"""What watched sessions report of themselves: facts and VAD scores that no client is ever sent.

A feed is open as long as somebody reads it; sessions that nobody watches cost one look into a small dictionary.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import msgspec

from antiphon.facts import Fact, SessionClosed, SessionOpened
from antiphon.session.inputs import Score

MAX_FEEDS = 32
"""Readers at once: a console in a few tabs for a few people, not a bus."""

MAX_WAITING = 512
"""Observations that wait for one reader, some ten seconds of audio; then the oldest are lost, and it is told so."""

Observation: TypeAlias = dict[str, Any]


class TooManyFeeds(Exception):
    """As many feeds are open as there may be."""


class Feed:
    """The observations of one session on their way to one reader."""

    def __init__(self) -> None:
        self._waiting: deque[Observation] = deque(maxlen=MAX_WAITING)
        self._news = asyncio.Event()
        self._lost = 0
        self._is_over = False

    def put(self, observation: Observation) -> None:
        """Have something read."""
        self._lost += len(self._waiting) == MAX_WAITING
        self._waiting.append(observation)
        self._news.set()

    def end(self) -> None:
        """Nothing more comes."""
        self._is_over = True
        self._news.set()

    async def __aiter__(self) -> AsyncIterator[Observation]:
        while True:
            while self._waiting:
                yield self._waiting.popleft()
            if self._lost:
                lost, self._lost = self._lost, 0
                yield {"kind": "lost", "count": lost}
            if self._is_over:
                return
            self._news.clear()
            await self._news.wait()


class Watch:
    """A `Meter` that tells feeds what their session reports."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` gives monotonic seconds; observations carry it as `at`."""
        self._clock = clock
        self._feeds: dict[str, list[Feed]] = {}

    @contextmanager
    def open(self, session_id: str) -> Iterator[Feed]:
        """Watch a session. Raises `TooManyFeeds`."""
        if sum(map(len, self._feeds.values())) >= MAX_FEEDS:
            raise TooManyFeeds
        feed = Feed()
        self._feeds.setdefault(session_id, []).append(feed)
        try:
            yield feed
        finally:
            self._feeds[session_id].remove(feed)
            if not self._feeds[session_id]:
                del self._feeds[session_id]

    def is_watched(self, session_id: str) -> bool:
        """Whether anybody reads."""
        return session_id in self._feeds

    def report(self, fact: Fact) -> None:
        """Tell a fact to those who watch its session."""
        feeds = self._feeds.get(fact.session_id)
        if feeds is None or isinstance(fact, SessionOpened):  # which nobody can watch yet
            return
        told = msgspec.to_builtins(fact)
        del told["session_id"]
        self._tell(feeds, type(fact).__name__, told)
        if isinstance(fact, SessionClosed):
            for feed in feeds:
                feed.end()

    def scored(self, session_id: str, scores: Sequence[Score]) -> None:
        """Tell the scores of frames: where each ends in all audio of the session (ms), and how likely it is speech."""
        feeds = self._feeds.get(session_id, [])
        frames = [[round(score.end / 24, 1), round(score.speech, 3)] for score in scores]
        self._tell(feeds, "Scored", {"frames": frames})

    def _tell(self, feeds: list[Feed], kind: str, told: dict[str, Any]) -> None:
        for feed in feeds:
            feed.put({"kind": kind, "at": round(self._clock(), 4), **told})
