"""RTCP: what both sides tell each other of their packets, once in a while.

A sender that hears of losses makes its packets carry better copies of lost ones; so do we.
"""

from aiortc import clock
from aiortc.rtcrtpreceiver import StreamStatistics
from aiortc.rtp import (
    RtcpPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpSdesPacket,
    RtcpSenderInfo,
    RtcpSourceInfo,
    RtcpSrPacket,
)

from antiphon.transports.webrtc.rtp import RtpPacket, RtpWriter

INTERVAL_S = 2.0
"""Between reports. Browsers expect one about every five seconds; losses should be known sooner."""

_CNAME = b"antiphon"
_CNAME_ITEM = 1


class Reports:
    """The statistics of one call."""

    def __init__(self, writer: RtpWriter, clock_hz: int) -> None:
        self.told_loss_percent: int | None = None
        """What the peer said last that it misses of our packets."""
        self._writer = writer
        self._clock_hz = clock_hz
        self._stream: StreamStatistics | None = None
        self._source = 0
        self._last_report = 0
        self._last_report_at = 0.0

    def took(self, packet: RtpPacket) -> None:
        """A packet of the peer's has come."""
        if self._stream is None or packet.ssrc != self._source:
            self._stream, self._source = StreamStatistics(self._clock_hz), packet.ssrc
        self._stream.add(packet)  # type: ignore[arg-type]  # it reads two fields, which ours has under the same names

    def read(self, data: bytes, now: float) -> None:
        """A compound packet of the peer's."""
        try:
            packets = RtcpPacket.parse(data)
        except ValueError:
            return
        for packet in packets:
            if isinstance(packet, RtcpSrPacket):
                self._last_report = packet.sender_info.ntp_timestamp >> 16 & 0xFFFF_FFFF
                self._last_report_at = now
            if isinstance(packet, RtcpSrPacket | RtcpRrPacket):
                self._learn(packet.reports)

    def _learn(self, reports: list[RtcpReceiverInfo]) -> None:
        for report in reports:
            if report.ssrc == self._writer.ssrc:
                self.told_loss_percent = report.fraction_lost * 100 // 256

    def write(self, now: float) -> bytes:
        """A compound packet of ours."""
        reports = [] if self._stream is None else [self._received(self._stream, now)]
        if self._writer.packets:
            info = RtcpSenderInfo(
                ntp_timestamp=clock.current_ntp_time(),
                rtp_timestamp=self._writer.timestamp,
                packet_count=self._writer.packets & 0xFFFF_FFFF,
                octet_count=self._writer.octets & 0xFFFF_FFFF,
            )
            told: RtcpSrPacket | RtcpRrPacket = RtcpSrPacket(self._writer.ssrc, info, reports)
        else:
            told = RtcpRrPacket(self._writer.ssrc, reports)
        name = RtcpSourceInfo(ssrc=self._writer.ssrc, items=[(_CNAME_ITEM, _CNAME)])
        return bytes(told) + bytes(RtcpSdesPacket(chunks=[name]))

    def _received(self, stream: StreamStatistics, now: float) -> RtcpReceiverInfo:
        since = int((now - self._last_report_at) * 65_536) if self._last_report else 0
        return RtcpReceiverInfo(
            ssrc=self._source,
            fraction_lost=stream.fraction_lost,
            packets_lost=stream.packets_lost,
            highest_sequence=(stream.cycles + (stream.max_seq or 0)) & 0xFFFF_FFFF,
            jitter=stream.jitter,
            lsr=self._last_report,
            dlsr=min(since, 0xFFFF_FFFF),
        )
