"""Appends of one link, made into `pcm`: formats decoded, samples whole, pieces short."""

from collections.abc import Iterator

from antiphon.audio.g711 import LINE_RATE_HZ, G711Decoder
from antiphon.audio.pcm import BYTES_PER_MS, SAMPLE_BYTES
from antiphon.protocol.session import AudioFormat, PcmFormat, PcmuFormat

PIECE_MS = 500
"""A longer append is handled in pieces, so that it does not hold up the loop and other sessions' scoring."""


class Appends:
    """The audio stream of one link.

    Clients cut where they like, also through the middle of a sample: the odd byte waits for the next append.
    """

    def __init__(self) -> None:
        self._format: AudioFormat = PcmFormat()
        self._rest = b""
        self._decoder: G711Decoder | None = None

    def pieces(self, audio: bytes, coded: AudioFormat) -> Iterator[bytes]:
        """The `pcm` of an append in pieces of at most `PIECE_MS`; none where no sample was completed."""
        if coded != self._format:
            self.restart(coded)
        decoder = self._decoder
        if decoder is not None:
            yield from (decoder.decode(part) for part in _parts(audio, LINE_RATE_HZ * PIECE_MS // 1000))
            return
        data = self._rest + audio
        whole = len(data) - len(data) % SAMPLE_BYTES
        self._rest = data[whole:]
        yield from _parts(data[:whole], BYTES_PER_MS * PIECE_MS)

    def restart(self, coded: AudioFormat | None = None) -> None:
        """Forget half samples: what follows is a new stream. Without `coded` the format stays."""
        self._format = coded or self._format
        self._rest = b""
        self._decoder = None
        if not isinstance(self._format, PcmFormat):
            self._decoder = G711Decoder("pcmu" if isinstance(self._format, PcmuFormat) else "pcma")


def _parts(data: bytes, size: int) -> Iterator[bytes]:
    if len(data) <= size:
        if data:
            yield data
        return
    for start in range(0, len(data), size):
        yield data[start : start + size]
