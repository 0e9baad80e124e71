"""One session passed between a client and an upstream.

Two loops, one each way: a frame is sent on before the next is taken, so that order is kept, and whoever is slow holds
back the other end and nobody else. What waits is what the two sockets hold.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from antiphon.client.errors import ConnectionLost
from antiphon.gateway import errors
from antiphon.gateway.figures import Flow
from antiphon.gateway.frames import type_of
from antiphon.gateway.passing import Passing
from antiphon.gateway.upstreams import Leg
from antiphon.link import Link, Text
from antiphon.protocol import errors as wire_errors
from antiphon.protocol.errors import ErrorDetail
from antiphon.recording import Recorder

DONE: Final = 1000
TOO_SLOW: Final = 1008
INTERNAL_ERROR: Final = 1011

PASSED_CODES: Final = frozenset({1001, 1008, 1012, 1013})
"""Close codes below 3000 that only a server chooses to send; they, and all above, are passed on with their reason."""

CLOSE_LIMIT_S: Final = 2.0
"""How long saying goodbye may take; a peer that takes nothing cannot be told."""


@dataclass(frozen=True, slots=True)
class Goodbye:
    """How a client is told that its session has ended."""

    code: int
    reason: str = ""
    error: ErrorDetail | None = None


@dataclass(frozen=True, slots=True)
class Ends:
    """What a session stands between, and who watches."""

    link: Link
    leg: Leg
    to_upstream: Flow
    to_client: Flow
    recorder: Recorder | None = None


class Session:
    """The two loops of one session. Run it once."""

    def __init__(self, ends: Ends, passing: Passing, clock: Callable[[], float]) -> None:
        """`clock` gives seconds that never go back."""
        self._ends = ends
        self._passing = passing
        self._clock = clock
        self._telling = asyncio.Lock()
        self._loops: tuple[asyncio.Task[None], ...] = ()
        self._goodbye: Goodbye | None = None
        self._is_ending = False
        """Whether the upstream's connection was about to end when it was last looked at."""
        self._up_since: float | None = None
        self._down_since: float | None = None

    async def run(self) -> None:
        """Pass frames on until either side ends; then tell the client how."""
        async with asyncio.TaskGroup() as loops:
            self._loops = (loops.create_task(self._from_client()), loops.create_task(self._from_upstream()))
        if self._goodbye is not None:
            await self._say(self._goodbye)

    def end(self, goodbye: Goodbye | None) -> None:
        """Stop both loops; None when there is no client left to be told. The first end counts."""
        if self._goodbye is None:
            self._goodbye = goodbye
        for loop in self._loops:
            loop.cancel()

    def check(self, stall_limit_s: float) -> None:
        """End the session if one side has taken nothing for so long, or does not go. To be called now and then."""
        now = self._clock()
        if self._is_ending and self._down_since is None:
            self.end(_lost("It broke the protocol."))
        self._is_ending = not self._ends.leg.connection.is_open
        if self._down_since is not None and now - self._down_since > stall_limit_s:
            self.end(Goodbye(TOO_SLOW, "The client is too slow.", errors.client_too_slow()))
        elif self._up_since is not None and now - self._up_since > stall_limit_s:
            self.end(_lost("It takes nothing that is sent to it."))

    async def _from_client(self) -> None:
        ends, passing, clock = self._ends, self._passing, self._clock
        while (frame := await ends.link.receive()) is not None:
            began = clock()
            if not isinstance(frame, Text):
                await self._tell(passing.error(wire_errors.binary_frame()))
                continue
            data = frame.data
            if ends.recorder is not None:
                ends.recorder.heard(data)
            moves = passing.heard(data, type_of(data))
            try:
                await self._send_up((data,) if moves is None else moves.up)
            except ConnectionLost:
                return  # the other loop knows why, once it has passed on what came before
            if moves is not None:
                await self._tell(moves.down)
            ends.to_upstream.count(len(data), clock() - began)
        self.end(None)

    async def _from_upstream(self) -> None:
        ends, clock = self._ends, self._clock
        try:
            for frame in ends.leg.early:
                await self._pass_down(frame)
            while (data := await ends.leg.connection.receive_raw()) is not None:
                began = clock()
                await self._pass_down(data)
                ends.to_client.count(len(data), clock() - began)
        except ConnectionLost as lost:
            goodbye = _goodbye_after(lost)
            ends.leg.upstream.failures += goodbye.code == INTERNAL_ERROR
            self.end(goodbye)
        else:
            self.end(Goodbye(DONE))

    async def _pass_down(self, data: bytes) -> None:
        kind = type_of(data)
        if kind is None:
            await self._tell(self._passing.error(errors.upstream_garbled()))
            return
        moves = self._passing.told(data, kind)
        if moves is None:
            await self._tell((data,))
            return
        await self._tell(moves.down)
        await self._send_up(moves.up)

    async def _send_up(self, frames: Sequence[bytes | str]) -> None:
        """Send frames to the upstream. Raises `ConnectionLost`."""
        for data in frames:
            self._up_since = self._clock()
            await self._ends.leg.connection.send_raw(data)
        self._up_since = None

    async def _tell(self, frames: Sequence[bytes]) -> None:
        """Send frames to the client, all of them before anybody else does."""
        async with self._telling:
            for data in frames:
                self._down_since = self._clock()
                if self._ends.recorder is not None:
                    self._ends.recorder.told(data)
                await self._ends.link.send(data)
            self._down_since = None

    async def _say(self, goodbye: Goodbye) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_LIMIT_S):
                if goodbye.error is not None:
                    await self._tell(self._passing.error(goodbye.error))
                await self._ends.link.close(goodbye.code, goodbye.reason)


def _goodbye_after(lost: ConnectionLost) -> Goodbye:
    """What the upstream chose to say is passed on; whatever else ended it is a fault."""
    if lost.code in PASSED_CODES or lost.code >= 3000:
        said = f"It closed with {lost.code}{f' {lost.reason}' if lost.reason else ''}."
        return Goodbye(lost.code, lost.reason, None if lost.detail else errors.upstream_lost(said))
    return _lost(lost.message)


def _lost(why: str) -> Goodbye:
    error = errors.upstream_lost(why)
    return Goodbye(INTERNAL_ERROR, f"{error.type}.{error.code}", error)
