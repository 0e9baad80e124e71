"""From RTP to `pcm`: nothing is missing, nothing is held back, and time goes on while the caller is silent."""

import numpy as np
import pytest

from antiphon.audio.opus import FRAME_BYTES, FRAME_SAMPLES, OpusDecoder, OpusEncoder
from antiphon.audio.pcm import RATE_HZ, from_float, ms_of, to_float
from antiphon.transports.webrtc.coding import G711Ear, G711Mouth
from antiphon.transports.webrtc.hearing import IDLE_S, MAX_JUMP, REORDER_S, Hearing
from antiphon.transports.webrtc.offer import Codec
from antiphon.transports.webrtc.rtp import RtpPacket, RtpWriter, is_rtcp, mid_extension, read_rtp

TICKS = 960
FRAME_S = 0.02


def tone(frames: int) -> bytes:
    times = np.arange(frames * FRAME_SAMPLES) / RATE_HZ
    return from_float((0.3 * np.sin(2 * np.pi * 440 * times)).astype(np.float32))


def stream(frames: int, sequence: int = 65_530, timestamp: int = 2**32 - 5 * TICKS) -> list[RtpPacket]:
    """Packets of a tone; both counters run over."""
    encoder, pcm = OpusEncoder(), tone(frames)
    return [
        RtpPacket(
            111,
            (sequence + at) % 2**16,
            (timestamp + at * TICKS) % 2**32,
            1,
            encoder.encode(pcm[at * FRAME_BYTES : (at + 1) * FRAME_BYTES]),
        )
        for at in range(frames)
    ]


def hearing() -> Hearing:
    return Hearing(OpusDecoder(), 48_000, now=0.0)


def take(ear: Hearing, packets: list[RtpPacket], start: float = 0.0) -> list[bytes]:
    """Packets, one every 20 ms."""
    return [ear.take(packet, start + at * FRAME_S) for at, packet in enumerate(packets)]


def rms(pcm: bytes) -> float:
    return float(np.sqrt((to_float(pcm) ** 2).mean())) if pcm else 0.0


def test_packets_in_order_are_heard_at_once() -> None:
    """No packet waits for another, across the ends of both counters."""
    ear = hearing()

    assert [len(pcm) for pcm in take(ear, stream(20))] == [FRAME_BYTES] * 20
    assert (ear.heard.packets, ear.heard.lost, ear.heard.late) == (20, 0, 0)


def test_overtaking_packets_are_put_in_order() -> None:
    """The later one waits for the earlier, and no longer."""
    packets = stream(6)
    ear = hearing()
    lengths = [len(ear.take(packets[at], 0.001 * at)) // FRAME_BYTES for at in (0, 1, 3, 2, 5, 4)]

    assert lengths == [1, 1, 0, 2, 0, 2]
    assert (ear.heard.lost, ear.heard.late) == (0, 0)


def test_a_copy_is_late() -> None:
    """A packet that comes twice is heard once, waiting or played."""
    packets = stream(4)
    ear = hearing()
    for packet in (packets[0], packets[0], packets[2], packets[2]):
        ear.take(packet, 0.0)

    assert (ear.heard.packets, ear.heard.late) == (1, 2)


def test_a_loss_is_recovered_once_it_was_waited_for() -> None:
    """The gap is filled to the sample from the copy in the next packet."""
    packets = stream(30)
    ear = hearing()
    before = take(ear, packets[:20])
    waiting = ear.take(packets[21], 0.42)
    assert ear.deadline == pytest.approx(0.42 + REORDER_S)
    early, due = ear.tick(0.43), ear.tick(0.42 + REORDER_S)

    assert (waiting, early) == (b"", b"")
    assert len(b"".join(before) + due) == 22 * FRAME_BYTES
    assert rms(due[:FRAME_BYTES]) > 0.1
    assert (ear.heard.lost, ear.heard.recovered) == (1, 1)


def test_a_long_loss_is_guessed_and_then_silent() -> None:
    """All the time is there; only its beginning is a guess."""
    packets = stream(60)
    ear = hearing()
    take(ear, packets[:20])
    heard = ear.take(packets[50], 1.0) + ear.tick(1.0 + REORDER_S)

    assert len(heard) == 31 * FRAME_BYTES
    assert rms(heard[10 * FRAME_BYTES : 25 * FRAME_BYTES]) == 0
    assert ear.heard.lost == 30


def test_a_lost_packet_that_comes_after_all_is_late() -> None:
    """Its time is over."""
    packets = stream(10)
    ear = hearing()
    take(ear, packets[:5])
    ear.take(packets[6], 0.12)
    ear.tick(0.12 + REORDER_S)

    assert ear.take(packets[5], 0.2) == b""
    assert ear.heard.late == 1


def test_many_packets_behind_a_gap_do_not_wait() -> None:
    """A flood ends the waiting."""
    packets = stream(100)
    ear = hearing()
    ear.take(packets[0], 0.0)
    given = b"".join(ear.take(packet, 0.001) for packet in packets[2:])

    assert len(given) == 99 * FRAME_BYTES


def test_silence_goes_by_in_real_time() -> None:
    """While nothing is sent, as much silence is put in as time goes by; at first, the network may just be late."""
    ear = hearing()
    take(ear, stream(5))
    assert ear.deadline == pytest.approx(4 * FRAME_S + IDLE_S)
    now, given = 0.08, 0
    for _ in range(100):
        now = ear.deadline
        given += len(ear.tick(now))

    assert now > 4
    assert ms_of(bytes(given)) == pytest.approx((now - 0.08) * 1000, abs=21)


def test_the_next_words_come_where_they_were_said() -> None:
    """The timestamp tells how long the silence was; what was put in by then is not put in again."""
    packets = stream(200)
    ear = hearing()
    total = sum(map(len, take(ear, packets[:10])))
    now = 9 * FRAME_S
    while ear.deadline < 0.18 + 2.0:
        now = ear.deadline
        total += len(ear.tick(now))
    resumed = packets[110]._replace(sequence_number=packets[10].sequence_number)
    total += len(ear.take(resumed, 0.18 + 2.02))

    assert total == 111 * FRAME_BYTES


def test_silence_without_ticks_is_put_in_by_the_timestamp() -> None:
    """A caller that speaks again before time was looked at."""
    packets = stream(20)
    ear = hearing()
    take(ear, packets[:5])

    assert len(ear.take(packets[15]._replace(sequence_number=packets[5].sequence_number), 0.1)) == 11 * FRAME_BYTES


def test_a_caller_that_begins_anew_is_followed() -> None:
    """Another source, or numbers far away: no gap is waited for."""
    ear = hearing()
    take(ear, stream(5))
    other = [packet._replace(ssrc=2) for packet in stream(3, sequence=9, timestamp=77)]
    far = [packet._replace(ssrc=2) for packet in stream(3, sequence=9 + MAX_JUMP + 4, timestamp=5)]

    assert [len(pcm) for pcm in take(ear, other + far)] == [FRAME_BYTES] * 6


def test_nonsense_is_counted_and_passed_over() -> None:
    """A payload that is no packet of its coding is no sound, and no end, alone or after a loss."""
    packets = stream(10)
    ear = hearing()
    bad = packets[2]._replace(payload=b"\x03\xff" + bytes(10))
    heard = [*take(ear, [*packets[:2], bad, packets[3]])]
    gap = ear.take(packets[6]._replace(payload=bad.payload), 0.1) + ear.tick(0.2)

    assert heard[2] == b""
    assert len(heard[3]) == 2 * FRAME_BYTES  # the bad packet's time is silence
    assert len(gap) == 2 * FRAME_BYTES
    assert ear.heard.bad == 2


def test_g711_is_heard_as_well() -> None:
    """At its own clock; a loss is silence."""
    mouth, pcm = G711Mouth("pcmu"), tone(10)
    packets = [
        RtpPacket(0, at, at * 160, 1, mouth.encode(pcm[at * FRAME_BYTES : (at + 1) * FRAME_BYTES])) for at in range(10)
    ]
    mouth.expect_loss(10)
    ear = Hearing(G711Ear("pcmu"), 8_000, now=0.0)
    heard = b"".join([*take(ear, packets[:5]), ear.take(packets[6], 0.12), ear.tick(0.2)])

    assert {len(packet.payload) for packet in packets} == {160}
    assert 7 * FRAME_BYTES - 100 <= len(heard) <= 7 * FRAME_BYTES
    assert rms(heard) > 0.1


def test_packets_are_read_as_they_were_written() -> None:
    """With the extension that names the section, and the marker at the start of a stretch."""
    writer = RtpWriter(
        Codec("opus", 111), ssrc=5, sequence=65_535, timestamp=2**32 - 1, extension=mid_extension(4, "0")
    )
    first = writer.write(b"abc", starts=True)
    writer.advance(0.02)
    second = writer.write(b"def", starts=False)

    assert read_rtp(first) == RtpPacket(111, 65_535, 2**32 - 1, 5, b"abc")
    assert read_rtp(second) == RtpPacket(111, 0, 959, 5, b"def")
    assert (first[1] & 0x80, second[1] & 0x80) == (0x80, 0)
    assert (writer.packets, writer.octets) == (2, 6)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80" * 11,
        b"\x40" + bytes(20),
        b"\x90" + bytes(11),
        b"\x90" + bytes(13) + b"\xff\xff",
        b"\x8f" + bytes(20),
    ],
)
def test_what_is_no_packet_is_not_read(data: bytes) -> None:
    """Too short, of another version, with extensions or sources beyond its end."""
    assert read_rtp(data) is None


def test_padding_is_taken_off() -> None:
    """And more padding than there is packet is none."""
    head = b"\xa0\x6f" + bytes(10)

    assert read_rtp(head + b"abc\x00\x02") == RtpPacket(111, 0, 0, 0, b"abc")
    assert read_rtp(head + b"\xff") is None


def test_rtcp_is_told_apart() -> None:
    """By its kind, on the shared port."""
    assert is_rtcp(b"\x80\xc8")
    assert not is_rtcp(b"\x80\x6f")
    assert not is_rtcp(b"\x80")


def test_a_section_without_number_or_name_is_not_named() -> None:
    """Nor one whose name is too long for the header."""
    assert mid_extension(None, "0") == mid_extension(4, "") == mid_extension(4, "m" * 17) == b""
    assert len(mid_extension(4, "audio")) % 4 == 0
