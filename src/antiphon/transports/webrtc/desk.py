"""The desk of calls over WebRTC: who may call, how many at once, and the end of each."""

import asyncio
import importlib
import logging
from typing import TYPE_CHECKING

from antiphon.link import App, Scope
from antiphon.owner import TaskOwner
from antiphon.protocol import errors
from antiphon.protocol.errors import ErrorDetail
from antiphon.transports.webrtc.offer import Offer
from antiphon.transports.webrtc.options import WebRTCOptions

if TYPE_CHECKING:
    from aiortc import RTCCertificate

    from antiphon.transports.webrtc.call import Call

END_S = 5.0
"""How long calls may take to part when the server stops."""

_LOG = logging.getLogger("antiphon.calls")


class Desk:
    """Takes calls for `app`. Its owner stops it."""

    def __init__(self, app: App, options: WebRTCOptions) -> None:
        self._app = app
        self._options = options
        self._owner = TaskOwner(_nothing)
        self._calls: dict[str, Call | None] = {}
        """None while a call is being made."""
        self._half_open: set[str] = set()
        self._certificate: RTCCertificate | None = None

    @property
    def calls(self) -> int:
        """How many calls there are, those included that are not connected yet."""
        return len(self._calls)

    @property
    def half_open(self) -> int:
        """How many calls are not connected yet."""
        return len(self._half_open)

    async def open(self, call_id: str, offer: Offer, scope: Scope) -> str | ErrorDetail:
        """Take a call: its SDP answer, or why not. Raises ImportError where WebRTC is not installed."""
        if len(self._calls) >= self._options.max_calls:
            return errors.too_many_calls(self._options.max_calls)
        if self.half_open >= self._options.max_half_open:
            return errors.too_many_half_open(self._options.max_half_open)
        self._calls[call_id] = None
        self._half_open.add(call_id)
        call = None
        try:
            call = await self._make(offer, scope)
            answer = await call.answer()
        except BaseException:
            await self._forget(call_id, call)
            raise
        self._calls[call_id] = call
        self._owner.start(self._run(call_id, call), f"call {call_id}")
        return answer

    def is_half_open(self, call_id: str) -> bool:
        """Whether a call is not connected yet."""
        return call_id in self._half_open

    def scope_of(self, call_id: str) -> Scope | None:
        """What is known of a call; None when there is none of that id."""
        call = self._calls.get(call_id)
        return None if call is None else call.link.scope

    async def end(self, call_id: str) -> bool:
        """End a call at once; False when there is no such call."""
        call = self._calls.get(call_id)
        if call is not None:
            await call.hang_up()
        return call is not None

    async def stop(self) -> None:
        """End all calls."""
        await self._owner.end(END_S)

    async def _make(self, offer: Offer, scope: Scope) -> "Call":
        """Import what WebRTC needs beside the loop, the first time; it takes a good part of a second."""
        module = await asyncio.to_thread(importlib.import_module, "antiphon.transports.webrtc.call")
        if self._certificate is None:
            self._certificate = module.RTCCertificate.generateCertificate()
        call: Call = module.Call(offer, scope, self._options, self._certificate)
        return call

    async def _run(self, call_id: str, call: "Call") -> None:
        try:
            await call.serve(self._app, lambda: self._half_open.discard(call_id))
            _LOG.info("call %s is over: %s", call_id, call.heard)
        finally:
            await self._forget(call_id, call)

    async def _forget(self, call_id: str, call: "Call | None") -> None:
        try:
            if call is not None:
                await call.close()
        finally:
            self._half_open.discard(call_id)
            del self._calls[call_id]


def _nothing() -> None:
    """A fault of one call is logged, and concerns no other."""
