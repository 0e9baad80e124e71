"""Data channels by aiortc's SCTP, with an answer to what its code takes for granted of a peer."""

import struct

from aiortc import RTCSctpTransport
from aiortc.rtcsctptransport import WEBRTC_BINARY, WEBRTC_STRING

MAX_OVERDRAFT_BYTES = 1024 * 1024
"""How far a peer may exceed the window of a megabyte that SCTP grants it; aiortc holds what comes, however much."""


class Channels(RTCSctpTransport):
    """The data channels of one call."""

    @property
    def is_overdrawn(self) -> bool:
        """Whether the peer has sent far more than it was granted."""
        return self._advertised_rwnd < -MAX_OVERDRAFT_BYTES

    async def _handle_data(self, data: bytes) -> None:
        """Take a packet; one that makes no sense is as good as lost."""
        try:
            await super()._handle_data(data)
        except (AssertionError, LookupError, ValueError, struct.error):
            return

    async def _data_channel_receive(self, stream_id: int, pp_id: int, data: bytes) -> None:
        """Take a message; a string that is none is as good as binary."""
        if pp_id == WEBRTC_STRING and not _is_text(data):
            pp_id = WEBRTC_BINARY
        await super()._data_channel_receive(stream_id, pp_id, data)


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
