"""One caller's connection: ICE, DTLS, SRTP and SCTP put together, from the answer to the end."""

import asyncio
import contextlib
import secrets
from collections.abc import Callable

from aiortc import RTCCertificate, RTCDataChannel, RTCSctpCapabilities

from antiphon.transports.webrtc.answer import Local, write_answer
from antiphon.transports.webrtc.channels import Channels
from antiphon.transports.webrtc.ice import CallIce
from antiphon.transports.webrtc.offer import Offer
from antiphon.transports.webrtc.options import WebRTCOptions
from antiphon.transports.webrtc.secure import Secured

CLOSE_S = 2.0
"""How long a peer may take part in its own end; then it goes without a word."""


class Peer:
    """A connection to one caller. Whoever opens one closes it."""

    def __init__(self, offer: Offer, options: WebRTCOptions, certificate: RTCCertificate) -> None:
        self.ssrc = secrets.randbits(32)
        self.gone = asyncio.Event()
        """Set when the caller has left, or can be reached no more."""
        self.on_channel: Callable[[RTCDataChannel], None] = _ignore
        """Called for every data channel that the caller opens."""
        self._offer = offer
        self._certificate = certificate
        self._ice = CallIce(options, self._take)
        self.media = Secured(self._ice.send_now, certificate)
        self._sctp = Channels(self.media)
        self._sctp.on("datachannel", self._on_datachannel)
        self.media.on("statechange", self._on_state)

    async def answer(self) -> str:
        """Open the ports, and answer the offer. Raises OSError where there is no port."""
        await self._ice.gather_candidates()
        fingerprint = next(f.value for f in self._certificate.getFingerprints() if f.algorithm == "sha-256")
        local = Local(
            ufrag=self._ice.local_username,
            password=self._ice.local_password,
            fingerprint=fingerprint,
            candidates=[candidate.to_sdp() for candidate in self._ice.local_candidates],
            ssrc=self.ssrc,
            session_id=secrets.randbits(62),
        )
        return write_answer(self._offer, local)

    async def connect(self) -> None:
        """Find the caller, and agree on keys. Raises ConnectionError; its time is the caller's to limit."""
        await self._ice.reach(self._offer.transport)
        await self.media.shake_hands(self._offer.transport)
        if self._offer.channel is not None:
            limit = RTCSctpCapabilities(maxMessageSize=self._offer.channel.max_message_bytes)
            await self._sctp.start(limit, self._offer.channel.port)

    async def watch(self) -> None:
        """Notice when the caller can be reached no more."""
        await self._ice.lost.wait()
        self._leave()

    async def close(self) -> None:
        """Free everything. Safe to call twice."""
        self.gone.set()
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(CLOSE_S):
                await self._sctp.stop()
                await self.media.stop()
        self._leave()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await self._ice.close()
        self.media.remove_all_listeners()
        self._sctp.remove_all_listeners()

    def _take(self, data: bytes) -> None:
        self.media.take(data)
        if self._sctp.is_overdrawn:
            self._leave()

    def _on_datachannel(self, channel: RTCDataChannel) -> None:
        self.on_channel(channel)

    def _on_state(self) -> None:
        if self.media.state in ("closed", "failed"):
            self.gone.set()

    def _leave(self) -> None:
        """Wake whoever waits for the caller."""
        self.media.wire.put(None)
        self.gone.set()


def _ignore(_: RTCDataChannel) -> None:
    """Nobody listens yet."""
