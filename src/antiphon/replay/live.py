"""The client's side of a recording, played to a live server: its events, its sound, at its pace."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from antiphon.client import ClientError, Connection, ConnectionLost, connect
from antiphon.client.address import Dialect, dialect_of
from antiphon.recording import Recording
from antiphon.replay.moments import Answer, Moment, Step, answers, recorded_moments, side_by_side
from antiphon.replay.naming import Names

LINK: Final = "link_1"
"""The link that is played: the session's first."""

APPEND: Final = "input_audio_buffer.append"
"""Sound waits for nobody: callers do not, either."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Where and how to play a recording."""

    url: str
    api_key: str | None = None
    model: str | None = None
    """Another model than the recording's."""
    speed: float = 1.0
    """How many times as fast as it was."""
    patience_s: float = 10.0
    """How long the server may be silent before it counts as finished."""


@dataclass(frozen=True, slots=True)
class Performance:
    """What came of it, beside what was recorded."""

    recorded: tuple[Moment, ...]
    live: tuple[Moment, ...]
    lost: str = ""
    """How the server ended the session, if it did."""

    @property
    def steps(self) -> list[Step]:
        """What the two servers told, side by side."""
        return side_by_side(self.recorded, self.live)

    @property
    def is_same(self) -> bool:
        """Whether they told events of the same types in the same order."""
        return not self.lost and all(step.mark == "=" for step in self.steps)

    @property
    def answers(self) -> tuple[tuple[Answer, ...], tuple[Answer, ...]]:
        """The responses of both."""
        return tuple(answers(self.recorded)), tuple(answers(self.live))


async def perform(recording: Recording, wish: Wish) -> Performance:
    """Play a recording to a server. Raise ClientError where the session cannot be opened, or BadRecording."""
    moments = recorded_moments(recording, LINK)
    model = wish.model or recording.about.model or None
    async with connect(wish.url, api_key=wish.api_key, model=model, dialect=_dialect(recording, wish.url)) as socket:
        return await _Playing(moments, wish, socket).play()


def _dialect(recording: Recording, url: str) -> Dialect:
    """What to speak: the recording's dialect, unless the address knows better."""
    match recording.about.dialect:
        case "beta":
            return "beta"
        case "azure" | "preview":
            return "azure"
        case _:
            return dialect_of(url)


def _is_done(moment: Moment) -> bool:
    return moment.way == "server" and moment.kind == "response.done"


class _Playing:
    """One performance."""

    def __init__(self, moments: tuple[Moment, ...], wish: Wish, connection: Connection) -> None:
        self._moments = moments
        self._wish = wish
        self._connection = connection
        self._names = Names(moments)
        self._clock = asyncio.get_running_loop().time
        self._live: list[Moment] = []
        self._began: float | None = None
        self._news = asyncio.Event()
        self._lost = ""
        self._is_in_step = True
        """Whether the server has finished as many responses as the recorded one had, whenever it was waited for."""

    async def play(self) -> Performance:
        """Say all that the client said, and hear the server out."""
        async with asyncio.TaskGroup() as tasks:
            listening = tasks.create_task(self._listen())
            await self._wait(lambda: self._began is not None)
            await self._say_all()
            await self._wait(self._has_all)
            listening.cancel()
        live = tuple(sorted(self._live, key=lambda moment: moment.at))
        return Performance(self._moments, live, self._lost)

    async def _say_all(self) -> None:
        done = 0
        for moment in self._moments:
            done += _is_done(moment)
            if moment.way == "client":
                await asyncio.sleep(moment.at / self._wish.speed - self._now())
                if moment.kind != APPEND:
                    await self._catch_up(done)
                if self._lost:
                    return
                await self._say(moment)

    async def _catch_up(self, done: int) -> None:
        """Let a slower server finish the responses that the client had seen finish; one that does not is no model."""
        if self._is_in_step:
            await self._wait(lambda: sum(map(_is_done, self._live)) >= done)
            self._is_in_step = sum(map(_is_done, self._live)) >= done

    async def _say(self, moment: Moment) -> None:
        frame: bytes | str
        if moment.raw is not None:
            event, frame = moment.event, moment.raw
        else:
            event = await self._names.translated(moment.event, self._wish.patience_s)
            frame = msgspec.json.encode(event)
        self._live.append(Moment(self._now(), "client", event, moment.raw))
        try:
            await self._connection.send_raw(frame)
        except ConnectionLost as error:
            self._lost = self._lost or error.message

    async def _listen(self) -> None:
        try:
            while (frame := await self._connection.receive_raw()) is not None:
                self._hear(frame)
            self._lost = "The server ended the session."
        except ClientError as error:
            self._lost = str(error)
        self._news.set()

    def _hear(self, frame: bytes) -> None:
        if self._began is None:
            self._began = self._clock()
        try:
            event = msgspec.json.decode(frame)
        except (ValueError, RecursionError):
            event = None
        moment = Moment(self._now(), "server", event if isinstance(event, dict) else {})
        self._live.append(moment)
        self._names.learn(moment)
        self._news.set()

    def _now(self) -> float:
        return 0.0 if self._began is None else round(self._clock() - self._began, 6)

    def _has_all(self) -> bool:
        """Whether the server has told as much as the recorded one, but for what comes in pieces."""
        recorded, live = (
            Counter(m.kind for m in moments if m.way == "server" and not m.kind.endswith(".delta"))
            for moments in (self._moments, self._live)
        )
        return live >= recorded

    async def _wait(self, is_over: Callable[[], bool]) -> None:
        """Until something is so, the session has ended, or the server has been silent for too long."""
        try:
            while not is_over() and not self._lost:
                self._news.clear()
                async with asyncio.timeout(self._wish.patience_s):
                    await self._news.wait()
        except TimeoutError:
            pass
