"""A caller's RTP in, gapless `pcm` out: packets in order, losses concealed, silence where nothing was sent.

A loudspeaker must be fed in time; a listener need not. So nothing is held back while packets come in order, and the
first sound of a word arrives as soon as its packet. Only a gap makes later packets wait for the missing one.

A caller that is silent sends nothing (DTX), and turn detection counts samples. So silence is put in as time goes by,
and the timestamp of the next packet says how much of it was due.
"""

from dataclasses import dataclass

from antiphon.audio.opus import FRAME_MS
from antiphon.audio.pcm import RATE_HZ, SAMPLE_BYTES, samples_in
from antiphon.transports.webrtc.coding import Ear
from antiphon.transports.webrtc.rtp import RtpPacket

REORDER_S = 0.06
"""How long a gap is waited for. Packets overtake each other by a few milliseconds; three packets' time is generous."""
MAX_HELD = 64
"""Packets that may wait behind a gap: more than can come in its time, but for a flood."""
IDLE_S = 0.12
"""Without packets for this long, the caller is silent; for less, the network is late."""
SILENCE_STEP_S = 0.04
"""How much silence is put in at once: about one frame of the VAD."""
MAX_CONCEALED = samples_in(100)
"""A guess is good for so long; what is lost beyond it is silence."""
MAX_JUMP = 3_000
"""Sequence numbers within which packets belong together: a minute. Beyond, the caller has begun anew."""
MAX_SILENCE = 30 * RATE_HZ
"""What one packet's timestamp may claim to have been silence."""

_FRAME = samples_in(FRAME_MS)
_GRAIN = samples_in(2.5)
"""What libopus guesses in."""


@dataclass(slots=True)
class Heard:
    """What became of a caller's packets."""

    packets: int = 0
    lost: int = 0
    recovered: int = 0
    """Losses made good from the copy in the next packet."""
    late: int = 0
    """Came after their time, or twice."""
    bad: int = 0
    """Were no packets of their coding."""

    def __str__(self) -> str:
        came = f"{self.packets} packets heard, {self.lost} lost, {self.recovered} recovered"
        return f"{came}, {self.late} late, {self.bad} bad"


class Hearing:
    """One caller's stream. `now` is in seconds, of any clock that does not jump."""

    def __init__(self, ear: Ear, clock_hz: int, now: float) -> None:
        self.heard = Heard()
        self._ear = ear
        self._ticks_per_sample = clock_hz // RATE_HZ if clock_hz > RATE_HZ else 0
        self._samples_per_tick = max(RATE_HZ // clock_hz, 1)
        self._ssrc: int | None = None
        self._sequence = 0
        self._timestamp = 0
        self._held: dict[int, RtpPacket] = {}
        self._gap_since: float | None = None
        self._last = now
        self._filled = 0

    @property
    def deadline(self) -> float:
        """When `tick` is due."""
        if self._gap_since is not None:
            return self._gap_since + REORDER_S
        return self._last + max(IDLE_S, (self._filled + _FRAME) / RATE_HZ + SILENCE_STEP_S)

    def take(self, packet: RtpPacket, now: float) -> bytes:
        """A packet has come; gives what can be heard by it."""
        ahead = _signed(packet.sequence_number - self._sequence, 16)
        if packet.ssrc != self._ssrc or abs(ahead) > MAX_JUMP:
            self._begin(packet)
            ahead = 0
        if ahead < 0 or packet.sequence_number in self._held:
            self.heard.late += 1
            return b""
        self._held[packet.sequence_number] = packet
        self._last = now
        return self._released(now)

    def tick(self, now: float) -> bytes:
        """Time has passed; gives up a gap, or puts in silence."""
        if self._gap_since is not None:
            return self._released(now)
        # The packet that would come now would bring the last frame's time itself.
        due = round((now - self._last) * RATE_HZ) - _FRAME if now - self._last >= IDLE_S else 0
        frames = max(due - self._filled, 0) // _FRAME
        self._filled += frames * _FRAME
        return bytes(frames * _FRAME * SAMPLE_BYTES)

    def _begin(self, packet: RtpPacket) -> None:
        self._ssrc = packet.ssrc
        self._sequence = packet.sequence_number
        self._timestamp = packet.timestamp
        self._held.clear()
        self._gap_since = None

    def _released(self, now: float) -> bytes:
        out = bytearray()
        while self._held:
            if self._sequence not in self._held:
                if self._gap_since is None:
                    self._gap_since = now
                if now - self._gap_since < REORDER_S and len(self._held) < MAX_HELD:
                    return bytes(out)
                out += self._over_the_gap()
            self._gap_since = None
            out += self._played(self._held.pop(self._sequence))
        return bytes(out)

    def _over_the_gap(self) -> bytes:
        """What the missing packets before the next one would have been."""
        after = min(self._held, key=lambda number: (number - self._sequence) & 0xFFFF)
        packet = self._held[after]
        lost = (after - self._sequence) & 0xFFFF
        self.heard.lost += lost
        self._sequence = after
        missing = min(self._since(packet), MAX_SILENCE)
        self._timestamp = packet.timestamp
        missing, self._filled = max(missing - self._filled, 0), max(self._filled - missing, 0)
        return self._concealed(packet, missing)

    def _concealed(self, packet: RtpPacket, missing: int) -> bytes:
        try:
            copied = min(missing, self._ear.samples_of(packet.payload))
            guessed = min(missing - copied, MAX_CONCEALED) // _GRAIN * _GRAIN
            silent = bytes((missing - copied - guessed) * SAMPLE_BYTES)
            guess = self._ear.conceal(guessed) if guessed else b""
            copy = self._ear.recover(packet.payload, copied) if copied else b""
        except ValueError:
            return bytes(missing * SAMPLE_BYTES)
        self.heard.recovered += bool(copied)
        return guess + silent + copy

    def _played(self, packet: RtpPacket) -> bytes:
        silent = min(self._since(packet), MAX_SILENCE)
        due, self._filled = max(silent - self._filled, 0), 0
        self._sequence = (packet.sequence_number + 1) & 0xFFFF
        self.heard.packets += 1
        try:
            samples = self._ear.samples_of(packet.payload)
            sound = self._ear.decode(packet.payload)
        except ValueError:
            self.heard.bad += 1
            samples, sound = 0, b""
        self._timestamp = (packet.timestamp + self._ticks(samples)) & 0xFFFF_FFFF
        return bytes(due * SAMPLE_BYTES) + sound

    def _since(self, packet: RtpPacket) -> int:
        """How many samples lie between what was played last and a packet."""
        ticks = max(_signed(packet.timestamp - self._timestamp, 32), 0)
        return ticks // self._ticks_per_sample if self._ticks_per_sample else ticks * self._samples_per_tick

    def _ticks(self, samples: int) -> int:
        return samples * self._ticks_per_sample or samples // self._samples_per_tick


def _signed(difference: int, bits: int) -> int:
    """The shorter way around a counter."""
    half = 1 << bits - 1
    return (difference + half) % (1 << bits) - half
