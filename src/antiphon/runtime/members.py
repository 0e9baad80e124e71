"""The links of one session, as the runtime holds them."""

import asyncio

from antiphon.dialects.detect import machine
from antiphon.dialects.dialect import Dialect
from antiphon.facts import Traffic
from antiphon.link import Link, Sound, Unheard
from antiphon.protocol import codec
from antiphon.protocol.ids import new_id
from antiphon.protocol.server_events import (
    Error,
    RateLimitsUpdated,
    ResponseDone,
    ResponseOutputAudioDelta,
    ServerEvent,
)
from antiphon.runtime.meaning import Reader
from antiphon.runtime.options import RuntimeOptions
from antiphon.runtime.outbound import Outbound
from antiphon.runtime.tape import Tape

AHEAD_MS = 60_000
"""How far a call's answers may be made ahead of their playing: 2.9 MB of sound that a barge-in throws away."""


class Member:
    """One link with its dialect, its way out and its audio stream in."""

    def __init__(
        self, origin: str, link: Link, outbound: Outbound, dialect: Dialect, *, traffic: Traffic, tape: Tape
    ) -> None:
        self.origin = origin
        self.link = link
        self.outbound = outbound
        self.dialect = dialect
        self.traffic = traffic
        self.reader = Reader(origin, dialect, traffic)
        self._tape = tape
        self.is_joined = False
        """Whether the core knows it: from then on it is told what all are told."""
        self.has_left = False
        """Whether it is gone, and only its last frames are still to be read."""

    @property
    def has_room(self) -> bool:
        """Whether an answer may go on, for all that this link cares."""
        playout = self.link.scope.playout
        return self.outbound.has_room and (playout is None or playout.queued_ms < AHEAD_MS)

    def tell(self, event: ServerEvent, event_id: str) -> None:
        """Send an event, in the link's own dialect; sound is played where the link plays it."""
        self._play(event)
        audio_of = event.response_id if isinstance(event, ResponseOutputAudioDelta) else None
        if audio_of is not None and not self.link.scope.takes_audio:
            return
        self.traffic.sent[type(event)] += 1
        if isinstance(event, Error):
            self.traffic.errors[event.error.code or event.error.type] += 1
        for data in self.dialect.send(event, event_id):
            self.traffic.sent_bytes += len(data)
            self._tape.told(self.origin, data)
            self.outbound.put(data, audio_of)

    def _play(self, event: ServerEvent) -> None:
        playout = self.link.scope.playout
        if playout is None:
            return
        if isinstance(event, ResponseOutputAudioDelta):
            sound = Sound(event.response_id, event.item_id, event.content_index, event.delta)
            self._tape.played(self.origin, sound)
            playout.play(sound)
        elif isinstance(event, ResponseDone):
            playout.finish(event.response.id)


class Members:
    """All links of one session, by origin."""

    def __init__(self, options: RuntimeOptions, traffic: Traffic, tape: Tape | None = None) -> None:
        self._options = options
        self._traffic = traffic
        self._tape = tape or Tape()
        self._by_origin: dict[str, Member] = {}
        self._room = asyncio.Event()
        self._departure = asyncio.Event()
        self._admitted = 0
        self._end: tuple[int, str] | None = None

    def admit(self, link: Link) -> Member:
        """Take in a link; one that comes after the session's end is closed at once."""
        self._admitted += 1
        outbound = Outbound(self._options.outbound_bytes, self._options.stall_limit_s, self._room.set)
        dialect = machine(
            link.scope.dialect,
            codec.WEBSOCKET_TYPES if link.scope.call_id is None else codec.CALL_TYPES,
            session=link.scope.session,
            announces_conversation=self._options.announces_conversation,
        )
        member = Member(f"link_{self._admitted}", link, outbound, dialect, traffic=self._traffic, tape=self._tape)
        self._tape.linked(member.origin, link.scope, announces_conversation=self._options.announces_conversation)
        self._by_origin[member.origin] = member
        if link.scope.playout is not None:
            link.scope.playout.on_drain = self._room.set
        if self._end is not None:
            outbound.close(*self._end)
        return member

    def leave(self, member: Member) -> None:
        """A link is gone; what it said last may still be on its way to the core."""
        member.has_left = True
        self._room.set()
        self._departure.set()

    async def gone(self) -> None:
        """Return when no link is left."""
        while len(self):
            self._departure.clear()
            await self._departure.wait()

    def dismiss(self, origin: str) -> None:
        """Forget a link that is gone."""
        self._by_origin.pop(origin, None)

    def __getitem__(self, origin: str) -> Member:
        return self._by_origin[origin]

    def tell(self, event: ServerEvent, event_id: str, to: str | None = None) -> None:
        """Send an event to one link, or to all that the core knows."""
        for member in self._by_origin.values():
            if member.origin == to or (to is None and member.is_joined):
                member.tell(event, event_id)

    def tell_limits(self, limits: RateLimitsUpdated) -> None:
        """Tell all links of the limits of their key, which are no business of the core's."""
        self._tape.limited(limits)
        self.tell(limits, new_id("event"))

    def drop_audio(self, response_id: str) -> None:
        """Forget audio of a response that has not been sent."""
        for member in self._by_origin.values():
            self._tape.unsent(member.origin, response_id, member.outbound.drop_audio(response_id))

    def clear_output(self) -> tuple[Unheard, ...]:
        """Have the call that is played be silent; tells what was not heard of it."""
        playouts = (member.link.scope.playout for member in self._by_origin.values())
        return tuple(part for playout in playouts if playout is not None for part in playout.clear())

    def close(self, code: int, reason: str) -> None:
        """End all links once what waits has been sent, and those that come later."""
        self._end = (code, reason)
        for member in self._by_origin.values():
            member.outbound.close(code, reason)

    async def room(self) -> None:
        """Return when an answer may go on: as soon as the quickest link has room, or nobody listens any more."""
        while len(self) and not any(m.has_room for m in self._by_origin.values() if not m.has_left):
            self._room.clear()
            await self._room.wait()

    def __len__(self) -> int:
        """How many are still there."""
        return sum(not member.has_left for member in self._by_origin.values())
