"""Opus, the coding of WebRTC: packets to and from `pcm`, by libopus itself.

libopus codes 24,000 Hz mono directly, so nothing is resampled and nothing is stereo. It is called without a wrapper
in between, since none of those at hand offers what lost packets need: `recover` (the copy of a lost packet that the
next one carries) and `conceal` (a guess).
"""

import ctypes
import ctypes.util
import weakref
from collections.abc import Iterator
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from antiphon.audio.pcm import RATE_HZ, SAMPLE_BYTES, samples_in

FRAME_MS = 20
FRAME_SAMPLES = samples_in(FRAME_MS)
FRAME_BYTES = FRAME_SAMPLES * SAMPLE_BYTES

BIT_RATE = 32_000
"""Clear speech in one channel; higher, libopus leaves the mode in which packets carry a copy of their predecessor."""
COMPLEXITY = 5
"""Of 10: half the work of 10, and no difference that a telephone call would show."""
FIRST_LOSS_PERCENT = 5
"""What is assumed of the network before it has told: enough for packets to carry copies."""

MAX_PACKET_BYTES = 1275
"""The largest frame there is."""
MAX_SAMPLES = samples_in(120)
"""The longest packet there is."""

_VOIP = 2048
_SET_BITRATE, _SET_COMPLEXITY, _SET_FEC, _SET_LOSS, _SET_SIGNAL = 4002, 4010, 4012, 4014, 4024
_VOICE = 3001


class OpusMissing(ImportError):
    """There is no libopus on this machine."""


class BadPacket(ValueError):
    """Bytes that are no Opus packet."""


class OpusEncoder:
    """One live stream of `pcm` to packets of 20 ms."""

    def __init__(self, complexity: int = COMPLEXITY) -> None:
        """Raises `OpusMissing`."""
        self._opus = libopus()
        error = ctypes.c_int()
        self._state = self._opus.opus_encoder_create(RATE_HZ, 1, _VOIP, ctypes.byref(error))
        weakref.finalize(self, self._opus.opus_encoder_destroy, self._state)
        self._packet = ctypes.create_string_buffer(MAX_PACKET_BYTES)
        for request, value in (
            (_SET_BITRATE, BIT_RATE),
            (_SET_COMPLEXITY, complexity),
            (_SET_FEC, 1),
            (_SET_LOSS, FIRST_LOSS_PERCENT),
            (_SET_SIGNAL, _VOICE),
        ):
            self._set(request, value)

    def encode(self, pcm: bytes) -> bytes:
        """The packet of exactly 20 ms."""
        size = self._opus.opus_encode(self._state, pcm, FRAME_SAMPLES, self._packet, MAX_PACKET_BYTES)
        return ctypes.string_at(self._packet, size)

    def expect_loss(self, percent: int) -> None:
        """How much the network loses, from 0 to 100: the more, the better the copies that packets carry."""
        self._set(_SET_LOSS, percent)

    def _set(self, request: int, value: int) -> None:
        self._opus.opus_encoder_ctl(self._state, request, ctypes.c_int(value))


class OpusDecoder:
    """One live stream of packets to `pcm`. Every stretch of time is given to exactly one of its three methods."""

    def __init__(self) -> None:
        """Raises `OpusMissing`."""
        self._opus = libopus()
        error = ctypes.c_int()
        self._state = self._opus.opus_decoder_create(RATE_HZ, 1, ctypes.byref(error))
        weakref.finalize(self, self._opus.opus_decoder_destroy, self._state)
        self._pcm = ctypes.create_string_buffer(MAX_SAMPLES * SAMPLE_BYTES)

    def decode(self, packet: bytes) -> bytes:
        """The sound of a packet. Raises `BadPacket`."""
        return self._decode(packet, MAX_SAMPLES, from_copy=False)

    def recover(self, following: bytes, samples: int) -> bytes:
        """The last `samples` before a packet, from the copy in it; a guess where it has none. Raises `BadPacket`."""
        return self._decode(following, samples, from_copy=True)

    def conceal(self, samples: int) -> bytes:
        """A guess at what was lost: the sound before it, fading."""
        return self._decode(b"", samples, from_copy=False)

    def samples_of(self, packet: bytes) -> int:
        """How long a packet is. Raises `BadPacket`."""
        samples = int(self._opus.opus_packet_get_nb_samples(packet, len(packet), RATE_HZ))
        if not 0 < samples <= MAX_SAMPLES:
            raise BadPacket
        return samples

    def _decode(self, packet: bytes, samples: int, *, from_copy: bool) -> bytes:
        made = self._opus.opus_decode(self._state, packet or None, len(packet), self._pcm, samples, int(from_copy))
        if made < 0:
            raise BadPacket
        return ctypes.string_at(self._pcm, made * SAMPLE_BYTES)


@lru_cache(maxsize=1)
def libopus() -> ctypes.CDLL:
    """The library: what the wheel of `av` carries, else that of the system. Raises `OpusMissing`."""
    for path in _places():
        try:
            return _declared(ctypes.CDLL(path))
        except OSError:
            continue
    raise OpusMissing("There is no libopus on this machine.")


def _places() -> Iterator[str]:
    spec = find_spec("av")
    if spec is not None and spec.origin is not None:
        package = Path(spec.origin).parent
        for folder in (package.parent / "av.libs", package / ".dylibs"):
            yield from map(str, sorted(folder.glob("libopus*")))
    found = ctypes.util.find_library("opus")
    if found is not None:
        yield found


def _declared(opus: ctypes.CDLL) -> ctypes.CDLL:
    """The functions with their types; a variadic one with those that are fixed."""
    pointer, integer, chars = ctypes.c_void_p, ctypes.c_int32, ctypes.c_char_p
    error = ctypes.POINTER(ctypes.c_int)
    for name, result, arguments in (
        ("opus_encoder_create", pointer, (integer, integer, integer, error)),
        ("opus_encoder_destroy", None, (pointer,)),
        ("opus_encoder_ctl", integer, (pointer, integer)),
        ("opus_encode", integer, (pointer, chars, integer, chars, integer)),
        ("opus_decoder_create", pointer, (integer, integer, error)),
        ("opus_decoder_destroy", None, (pointer,)),
        ("opus_decode", integer, (pointer, chars, integer, chars, integer, integer)),
        ("opus_packet_get_nb_samples", integer, (chars, integer, integer)),
    ):
        function = getattr(opus, name)
        function.restype, function.argtypes = result, arguments
    return opus
