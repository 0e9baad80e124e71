"""The links of one session, as the runtime holds them."""

import asyncio

from antiphon.dialects.detect import machine
from antiphon.dialects.dialect import Dialect
from antiphon.link import Link
from antiphon.protocol.server_events import ResponseOutputAudioDelta, ServerEvent
from antiphon.runtime.appends import Appends
from antiphon.runtime.options import RuntimeOptions
from antiphon.runtime.outbound import Outbound


class Member:
    """One link with its dialect, its way out and its audio stream in."""

    def __init__(self, origin: str, link: Link, outbound: Outbound, dialect: Dialect) -> None:
        self.origin = origin
        self.link = link
        self.outbound = outbound
        self.dialect = dialect
        self.appends = Appends()
        self.is_joined = False
        """Whether the core knows it: from then on it is told what all are told."""
        self.has_left = False
        """Whether it is gone, and only its last frames are still to be read."""

    def tell(self, event: ServerEvent, event_id: str) -> None:
        """Send an event, in the link's own dialect."""
        audio_of = event.response_id if isinstance(event, ResponseOutputAudioDelta) else None
        if audio_of is not None and not self.link.scope.takes_audio:
            return
        for data in self.dialect.send(event, event_id):
            self.outbound.put(data, audio_of)


class Members:
    """All links of one session, by origin."""

    def __init__(self, options: RuntimeOptions) -> None:
        self._options = options
        self._by_origin: dict[str, Member] = {}
        self._room = asyncio.Event()
        self._admitted = 0
        self._end: tuple[int, str] | None = None

    def admit(self, link: Link) -> Member:
        """Take in a link; one that comes after the session's end is closed at once."""
        self._admitted += 1
        outbound = Outbound(self._options.outbound_bytes, self._options.stall_limit_s, self._room.set)
        dialect = machine(
            link.scope.dialect,
            session=link.scope.session,
            announces_conversation=self._options.announces_conversation,
        )
        member = Member(f"link_{self._admitted}", link, outbound, dialect)
        self._by_origin[member.origin] = member
        if self._end is not None:
            outbound.close(*self._end)
        return member

    def leave(self, member: Member) -> None:
        """A link is gone; what it said last may still be on its way to the core."""
        member.has_left = True
        self._room.set()

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

    def drop_audio(self, response_id: str) -> None:
        """Forget audio of a response that has not been sent."""
        for member in self._by_origin.values():
            member.outbound.drop_audio(response_id)

    def close(self, code: int, reason: str) -> None:
        """End all links once what waits has been sent, and those that come later."""
        self._end = (code, reason)
        for member in self._by_origin.values():
            member.outbound.close(code, reason)

    async def room(self) -> None:
        """Return when an answer may go on: as soon as the quickest link has room, or nobody listens any more."""
        while len(self) and not any(m.outbound.has_room for m in self._by_origin.values() if not m.has_left):
            self._room.clear()
            await self._room.wait()

    def __len__(self) -> int:
        """How many are still there."""
        return sum(not member.has_left for member in self._by_origin.values())
