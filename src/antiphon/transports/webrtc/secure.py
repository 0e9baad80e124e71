"""DTLS and SRTP over one call's ICE, by aiortc, with a road of our own for media.

aiortc takes every datagram through a queue and a task. Here only DTLS goes that way, and the queue is bounded; RTP is
unprotected and handed on where it arrives.
"""

import asyncio
from collections.abc import Callable
from typing import cast

import pylibsrtp
from aiortc import RTCCertificate, RTCDtlsFingerprint, RTCDtlsParameters, RTCDtlsTransport, RTCIceTransport

from antiphon.transports.webrtc.offer import Transport
from antiphon.transports.webrtc.rtp import is_rtcp

MAX_WAITING = 256
"""DTLS records that may wait. A data channel's window is a megabyte, but the loop takes them as they come."""


class Wire:
    """What aiortc's DTLS needs of an ICE transport."""

    role = "controlled"

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._waiting: asyncio.Queue[bytes | None] = asyncio.Queue(MAX_WAITING)
        self._send_now = send

    def put(self, record: bytes | None) -> None:
        """A record has come, or the end. What has no room is lost, and DTLS and SCTP send it again."""
        if record is None and self._waiting.full():
            self._waiting.get_nowait()
        if not self._waiting.full():
            self._waiting.put_nowait(record)

    async def _recv(self) -> bytes:
        record = await self._waiting.get()
        if record is None:
            self.put(None)
            raise ConnectionError("The call has ended.")
        return record

    async def _send(self, data: bytes) -> None:
        self._send_now(data)


class Secured(RTCDtlsTransport):
    """The secured path of one call."""

    def __init__(self, send: Callable[[bytes], None], certificate: RTCCertificate) -> None:
        self.wire = Wire(send)
        super().__init__(cast(RTCIceTransport, self.wire), [certificate])  # it calls no more than `Wire` has
        self.on_rtp: Callable[[bytes], None] = _ignore
        self.on_rtcp: Callable[[bytes], None] = _ignore
        self._send_now = send

    async def shake_hands(self, peer: Transport) -> None:
        """Agree on keys with the peer that the offer named. Raises ConnectionError."""
        self._set_role("client" if peer.setup == "active" else "server")
        fingerprints = [RTCDtlsFingerprint(algorithm=name, value=value) for name, value in peer.fingerprints]
        await self.start(RTCDtlsParameters(fingerprints=fingerprints))
        if self.state != "connected":
            raise ConnectionError("The DTLS handshake failed.")

    def take(self, data: bytes) -> None:
        """A datagram of the peer's."""
        first = data[0]
        if 128 <= first <= 191 and self._rx_srtp is not None:
            self._take_media(data)
        elif 20 <= first <= 63:
            self.wire.put(data)

    def send_media(self, packet: bytes) -> None:
        """Protect and send an RTP or RTCP packet. Before the handshake and after the end, it is lost."""
        if self.state != "connected":
            return
        protect = self._tx_srtp.protect_rtcp if is_rtcp(packet) else self._tx_srtp.protect
        self._send_now(protect(packet))

    def _take_media(self, data: bytes) -> None:
        try:
            if is_rtcp(data):
                self.on_rtcp(self._rx_srtp.unprotect_rtcp(data))
            else:
                self.on_rtp(self._rx_srtp.unprotect(data))
        except pylibsrtp.Error:
            return  # forged, damaged, or sent twice


def _ignore(_: bytes) -> None:
    """Nobody listens yet."""
