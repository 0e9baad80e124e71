"""The codings of a call's sound, one shape for all: Opus, and the G.711 of gateways.

Lengths are `pcm` samples. An ear turns one caller's payloads into `pcm`; a mouth turns 20 ms of `pcm` into a payload.
"""

from typing import Protocol

from antiphon.audio.g711 import G711Decoder, G711Encoder, Law
from antiphon.audio.opus import FRAME_MS, OpusDecoder, OpusEncoder
from antiphon.audio.pcm import RATE_HZ, SAMPLE_BYTES
from antiphon.transports.webrtc.offer import Codec

G711_FRAME_BYTES = 8 * FRAME_MS
G711_SAMPLES_PER_BYTE = RATE_HZ // 8000


class Ear(Protocol):
    """Decodes. A payload that is none raises ValueError."""

    def samples_of(self, payload: bytes) -> int:
        """How long a payload is."""

    def decode(self, payload: bytes) -> bytes:
        """Its sound."""

    def recover(self, following: bytes, samples: int) -> bytes:
        """What was lost just before a payload."""

    def conceal(self, samples: int) -> bytes:
        """A guess at what was lost."""


class Mouth(Protocol):
    """Encodes."""

    def encode(self, pcm: bytes) -> bytes:
        """The payload of 20 ms."""

    def expect_loss(self, percent: int) -> None:
        """Learn how much the network loses."""


def ear_of(codec: Codec) -> Ear:
    """Raises `OpusMissing`."""
    return OpusDecoder() if codec.name == "opus" else G711Ear(codec.name)


def mouth_of(codec: Codec) -> Mouth:
    """Raises `OpusMissing`."""
    return OpusEncoder() if codec.name == "opus" else G711Mouth(codec.name)


class G711Ear:
    """G.711 has no redundancy; what is lost is silence."""

    def __init__(self, law: Law) -> None:
        self._decoder = G711Decoder(law)

    def samples_of(self, payload: bytes) -> int:
        """How long a payload is."""
        return len(payload) * G711_SAMPLES_PER_BYTE

    def decode(self, payload: bytes) -> bytes:
        """Its sound, late by the 2 ms that resampling takes."""
        return self._decoder.decode(payload)

    def recover(self, following: bytes, samples: int) -> bytes:  # noqa: ARG002 -- there is nothing in it
        """Silence."""
        return self.conceal(samples)

    def conceal(self, samples: int) -> bytes:
        """Silence."""
        return bytes(samples * SAMPLE_BYTES)


class G711Mouth:
    """Keeps frames whole, although resampling holds back 2 ms."""

    def __init__(self, law: Law) -> None:
        self._encoder = G711Encoder(law)
        self._held = self._encoder.encode(bytes(FRAME_MS * RATE_HZ // 1000 * SAMPLE_BYTES))

    def encode(self, pcm: bytes) -> bytes:
        """The payload of 20 ms."""
        held = self._held + self._encoder.encode(pcm)
        self._held = held[G711_FRAME_BYTES:]
        return held[:G711_FRAME_BYTES]

    def expect_loss(self, percent: int) -> None:
        """There is nothing to be done about it."""
