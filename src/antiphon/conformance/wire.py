"""A connection in bare JSON both ways, so that anything can be sent and nothing is hidden."""

import asyncio
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import msgspec

from antiphon.client import Connection, ConnectionLost
from antiphon.conformance.case import Broken
from antiphon.conformance.expect import holds, told

Event: TypeAlias = dict[str, Any]
Note: TypeAlias = Callable[[Literal["client", "server"], str, Event, str | None], None]
"""Keeps a frame: its way, its link, the event; the raw frame where it is none."""


class Wire:
    """An open connection. Whatever is read or sent goes into the trace.

    An `error` event that nobody waits for breaks the rule at hand, and so does silence while something is due.
    """

    def __init__(self, connection: Connection, link: str, note: Note, patience_s: float) -> None:
        self._connection = connection
        self._link = link
        self._note = note
        self._patience_s = patience_s

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol that the server chose."""
        return self._connection.subprotocol

    async def send(self, kind: str, **keys: Any) -> None:
        """Send an event."""
        await self.send_frame(msgspec.json.encode({"type": kind, **keys}))

    async def send_frame(self, frame: bytes, *, is_binary: bool = False) -> None:
        """Send anything."""
        self._keep("client", frame)
        try:
            await self._connection.send_raw(frame, is_binary=is_binary)
        except ConnectionLost as lost:
            raise Broken(f"the connection has ended: {lost.message}") from None

    async def next(self, within_s: float | None = None) -> Event:
        """The next event."""
        limit_s = self._patience_s if within_s is None else within_s
        try:
            async with asyncio.timeout(limit_s):
                frame = await self._connection.receive_raw()
        except TimeoutError:
            raise Broken(f"nothing came within {limit_s:g} s") from None
        except ConnectionLost as lost:
            raise Broken(f"the connection ended: {lost.code} {lost.reason}".rstrip()) from None
        if frame is None:
            raise Broken("the server closed the connection")
        return self._keep("server", frame)

    async def until(self, *kinds: str, within_s: float | None = None) -> Event:
        """The next event of one of these types; others are passed over."""
        seen: list[str] = []
        try:
            while (event := await self.next(within_s)).get("type") not in kinds:
                seen.append(str(event.get("type")))
                holds(event.get("type") != "error", f"an error came: {told(event)}")
        except Broken as broken:
            came = f" after {', '.join(dict.fromkeys(seen))}" if seen else ""
            raise Broken(f"waited for {' or '.join(kinds)}: {broken}{came}") from None
        return event

    async def refused(self, code: str | None = "", param: str | None = "") -> dict[str, Any]:
        """The next error's detail; code and param must be these where they are given."""
        event = await self.until("error")
        detail = event.get("error")
        if not isinstance(detail, dict):
            raise Broken(f"the error event has no object `error`: {event}")
        if code != "" and detail.get("code") != code:
            raise Broken(f"expected error code {code!r}: {told(event)}")
        if param != "" and detail.get("param") != param:
            raise Broken(f"expected error param {param!r}: {told(event)}")
        return detail

    async def closes(self) -> tuple[int, str]:
        """Code and reason with which the server closes at once."""
        try:
            async with asyncio.timeout(self._patience_s):
                frame = await self._connection.receive_raw()
        except ConnectionLost as lost:
            return lost.code, lost.reason
        except TimeoutError:
            raise Broken("the server did not close the connection") from None
        if frame is None:
            return 1000, ""
        raise Broken(f"expected the close, but got {self._keep('server', frame).get('type')}")

    def _keep(self, way: Literal["client", "server"], frame: bytes) -> Event:
        try:
            event = msgspec.json.decode(frame)
        except ValueError:
            event = None
        if not isinstance(event, dict):
            self._note(way, self._link, {}, frame.decode(errors="replace"))
            if way == "server":
                raise Broken("a frame came that is no JSON object")
            return {}
        self._note(way, self._link, event, None)
        return event
