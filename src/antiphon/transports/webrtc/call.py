"""One call over WebRTC: from the posted offer to the last packet."""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable
from dataclasses import replace

from aiortc import RTCCertificate, RTCDataChannel

from antiphon.link import App, Media, Scope
from antiphon.transports.webrtc.coding import ear_of, mouth_of
from antiphon.transports.webrtc.hearing import Heard, Hearing
from antiphon.transports.webrtc.link import CallLink
from antiphon.transports.webrtc.offer import Offer
from antiphon.transports.webrtc.options import WebRTCOptions
from antiphon.transports.webrtc.peer import Peer
from antiphon.transports.webrtc.playing import CallPlayout
from antiphon.transports.webrtc.reports import INTERVAL_S, Reports
from antiphon.transports.webrtc.rtp import RtpWriter, mid_extension, read_rtp

STALL_S = 0.02
"""By how much a timer may be late before the process counts as having stalled: a packet's time."""

_LOG = logging.getLogger("antiphon.calls")


class Call:
    """A caller, its sound both ways, and its link. `answer` comes first, then `serve`."""

    def __init__(self, offer: Offer, scope: Scope, options: WebRTCOptions, certificate: RTCCertificate) -> None:
        """`scope` lacks the playout, which is made here. Raises `OpusMissing`."""
        loop = asyncio.get_running_loop()
        section = offer.sections[offer.audio]
        self._offer = offer
        self._options = options
        self._peer = Peer(offer, options, certificate)
        self._writer = RtpWriter(
            codec=offer.codec,
            ssrc=self._peer.ssrc,
            sequence=secrets.randbits(15),
            timestamp=secrets.randbits(32),
            extension=mid_extension(offer.mid_extension, section.mid),
        )
        self._mouth = mouth_of(offer.codec)
        self._reports = Reports(self._writer, offer.codec.clock_hz)
        self._hearing = Hearing(ear_of(offer.codec), offer.codec.clock_hz, loop.time())
        self._timer: asyncio.Handle | None = None
        self._due = 0.0
        self._is_stalled = False
        limit = 0 if offer.channel is None else offer.channel.max_message_bytes
        self.link = CallLink(scope, self._peer.close, limit)
        self._playout = CallPlayout(self._mouth, self._writer, self._peer.media.send_media, self.link.put)
        self.link.scope = replace(scope, playout=self._playout)

    @property
    def heard(self) -> Heard:
        """What became of the caller's packets."""
        return self._hearing.heard

    async def answer(self) -> str:
        """Open the ports; gives the SDP answer. Raises OSError where there is no port."""
        return await self._peer.answer()

    async def serve(self, app: App, on_connected: Callable[[], None]) -> None:
        """Have `app` serve the call to its end, from now on: sidebands may join before the caller is connected."""
        async with asyncio.TaskGroup() as tasks:
            carrying = tasks.create_task(self._carry(on_connected))
            await app(self.link)
            carrying.cancel()

    async def _carry(self, on_connected: Callable[[], None]) -> None:
        """Connect the caller and keep the connection; without one the link is lost."""
        try:
            await self._connect()
        except (TimeoutError, ConnectionError):
            _LOG.info("call %s was never connected", self.link.scope.call_id)
            self.link.lose()
            return
        on_connected()
        if self._offer.speaks:
            self._set_timer()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._peer.watch())
            tasks.create_task(self._leave())
            tasks.create_task(self._report())
            tasks.create_task(self._channel_open())

    async def _connect(self) -> None:
        self._peer.on_channel = self._on_channel
        self._peer.media.on_rtp = self._on_rtp
        self._peer.media.on_rtcp = self._on_rtcp
        async with asyncio.timeout(self._options.setup_s):
            await self._peer.connect()

    async def close(self) -> None:
        """Free everything. Safe to call twice."""
        self.link.lose()
        self._playout.stop()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        await self._peer.close()

    async def hang_up(self) -> None:
        """End the call from outside."""
        await self._peer.close()
        self.link.lose()

    async def _channel_open(self) -> None:
        """Wait for the data channel, where the caller will open one, but not for ever."""
        if self._offer.channel is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._options.channel_s):
                    await self.link.opened.wait()
        self.link.settled.set()

    async def _leave(self) -> None:
        await self._peer.gone.wait()
        self.link.lose()

    async def _report(self) -> None:
        """Tell the peer of its packets, and learn of ours."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(INTERVAL_S)
            self._peer.media.send_media(self._reports.write(loop.time()))
            if self._reports.told_loss_percent is not None:
                self._mouth.expect_loss(self._reports.told_loss_percent)

    def _on_channel(self, channel: RTCDataChannel) -> None:
        self.link.attach(channel)

    def _on_rtp(self, data: bytes) -> None:
        packet = read_rtp(data)
        if packet is None or packet.payload_type != self._offer.codec.payload_type or not packet.payload:
            return
        self._reports.took(packet)
        self._hear(self._hearing.take(packet, asyncio.get_running_loop().time()))
        self._set_timer()

    def _on_rtcp(self, data: bytes) -> None:
        self._reports.read(data, asyncio.get_running_loop().time())

    def _hear(self, pcm: bytes) -> None:
        if pcm:
            self.link.put(Media(pcm))

    def _set_timer(self) -> None:
        """One timer, moved only when it would be late: most packets come before it is due."""
        deadline = self._hearing.deadline
        if self._timer is not None and self._due <= deadline:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._due = deadline
        self._timer = asyncio.get_running_loop().call_at(deadline, self._on_timer)

    def _on_timer(self) -> None:
        """Time has passed. After a stall of the process, what came meanwhile is read first: it was no silence."""
        loop = asyncio.get_running_loop()
        self._timer = None
        if self._peer.gone.is_set():
            return
        self._is_stalled = not self._is_stalled and loop.time() - self._due > STALL_S
        if self._is_stalled:
            self._due = loop.time() + STALL_S
            self._timer = loop.call_at(self._due, self._on_timer)
        else:
            self._hear(self._hearing.tick(loop.time()))
            self._set_timer()
