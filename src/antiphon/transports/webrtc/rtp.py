"""RTP packets: bytes in, a packet out, and back. SRTP has vouched for them by then; their sense is still unproved."""

import struct
from dataclasses import dataclass
from typing import NamedTuple

from antiphon.transports.webrtc.offer import Codec

_HEADER = struct.Struct("!BBHLL")
_VERSION = 0x80
_HAS_PADDING, _HAS_EXTENSION, _SOURCES = 0x20, 0x10, 0x0F
_MARKER = 0x80
_ONE_BYTE_EXTENSIONS = 0xBEDE


class RtpPacket(NamedTuple):
    """What we use of a packet. The names are those that aiortc's statistics read."""

    payload_type: int
    sequence_number: int
    timestamp: int
    ssrc: int
    payload: bytes


def read_rtp(data: bytes) -> RtpPacket | None:
    """The packet; None for bytes that are none."""
    if len(data) < _HEADER.size or data[0] & 0xC0 != _VERSION:
        return None
    flags, kind, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
    start, end = _HEADER.size + 4 * (flags & _SOURCES), len(data)
    if flags & _HAS_EXTENSION:
        if end < start + 4:
            return None
        start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4])
    if flags & _HAS_PADDING:
        end -= data[-1]
    return RtpPacket(kind & 0x7F, sequence, timestamp, ssrc, data[start:end]) if start <= end else None


def is_rtcp(data: bytes) -> bool:
    """Whether a packet on the shared port is RTCP, by RFC 5761."""
    return len(data) > 1 and 192 <= data[1] <= 223


@dataclass(slots=True)
class RtpWriter:
    """Numbers and writes the packets of one stream of ours."""

    codec: Codec
    ssrc: int
    sequence: int
    timestamp: int
    """Of the next packet."""
    extension: bytes = b""
    packets: int = 0
    octets: int = 0

    def write(self, payload: bytes, *, starts: bool) -> bytes:
        """The next packet; `starts` is for the first one after a pause."""
        flags = _VERSION | (_HAS_EXTENSION if self.extension else 0)
        kind = self.codec.payload_type | (_MARKER if starts else 0)
        head = _HEADER.pack(flags, kind, self.sequence, self.timestamp, self.ssrc)
        self.sequence = (self.sequence + 1) & 0xFFFF
        self.packets += 1
        self.octets += len(payload)
        return head + self.extension + payload

    def advance(self, seconds: float) -> None:
        """Let the stream's clock run."""
        self.timestamp = (self.timestamp + round(seconds * self.codec.clock_hz)) & 0xFFFF_FFFF


def mid_extension(number: int | None, mid: str) -> bytes:
    """The header extension that names the section; nothing where the peer did not number it."""
    text = mid.encode()
    if number is None or not 1 <= len(text) <= 16:
        return b""
    body = bytes([number << 4 | len(text) - 1]) + text
    body += bytes(-len(body) % 4)
    return struct.pack("!HH", _ONE_BYTE_EXTENSIONS, len(body) // 4) + body
