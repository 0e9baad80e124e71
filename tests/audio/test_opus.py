"""The Opus coding: what goes in comes out, losses are made good, and nonsense is refused."""

import ctypes.util
import gc

import numpy as np
import pytest

from antiphon.audio import opus
from antiphon.audio.opus import FRAME_BYTES, FRAME_SAMPLES, BadPacket, OpusDecoder, OpusEncoder, OpusMissing, libopus
from antiphon.audio.pcm import RATE_HZ, from_float, to_float


def tone(frames: int, hz: int = 440) -> bytes:
    times = np.arange(frames * FRAME_SAMPLES) / RATE_HZ
    return from_float((0.3 * np.sin(2 * np.pi * hz * times)).astype(np.float32))


def packets_of(pcm: bytes) -> list[bytes]:
    encoder = OpusEncoder()
    return [encoder.encode(pcm[at : at + FRAME_BYTES]) for at in range(0, len(pcm), FRAME_BYTES)]


def rms(pcm: bytes) -> float:
    return float(np.sqrt((to_float(pcm) ** 2).mean()))


def pitch(pcm: bytes) -> int:
    samples = to_float(pcm)
    return int(np.argmax(np.abs(np.fft.rfft(samples * np.hanning(len(samples)), RATE_HZ))))


def test_a_tone_comes_back_as_long_and_as_high() -> None:
    """Every packet is 20 ms; the coding keeps pitch and loudness."""
    decoder = OpusDecoder()
    packets = packets_of(tone(50))
    heard = b"".join(decoder.decode(packet) for packet in packets)

    assert len(heard) == 50 * FRAME_BYTES
    assert abs(pitch(heard[10 * FRAME_BYTES :]) - 440) <= 2
    assert abs(rms(heard[10 * FRAME_BYTES :]) / rms(tone(40)) - 1) < 0.1
    assert {decoder.samples_of(packet) for packet in packets} == {FRAME_SAMPLES}
    assert sum(map(len, packets)) / len(packets) < 100


def test_a_lost_packet_is_recovered_from_the_next() -> None:
    """With losses expected, a packet carries a copy of the one before; without a copy a guess is made."""
    decoder, packets = OpusDecoder(), packets_of(tone(50))
    for packet in packets[:30]:
        decoder.decode(packet)
    recovered = decoder.recover(packets[31], FRAME_SAMPLES)

    assert len(recovered) == FRAME_BYTES
    assert rms(recovered) > 0.5 * rms(tone(1))


def test_a_guess_fades() -> None:
    """What is lost for long is not played on for ever."""
    decoder = OpusDecoder()
    for packet in packets_of(tone(30)):
        decoder.decode(packet)
    guesses = [rms(decoder.conceal(FRAME_SAMPLES)) for _ in range(20)]

    assert guesses[0] > 0.05
    assert guesses[-1] < guesses[0] / 10


def test_expected_loss_changes_what_packets_carry() -> None:
    """All shares are taken; the packets stay packets."""
    encoder, decoder = OpusEncoder(), OpusDecoder()
    for percent in (0, 5, 40, 100):
        encoder.expect_loss(percent)
        assert len(decoder.decode(encoder.encode(tone(1)))) == FRAME_BYTES


@pytest.mark.parametrize("nonsense", [b"\xff\xff\xff", b"\x03\xff" + bytes(10)])
def test_nonsense_is_refused(nonsense: bytes) -> None:
    """The stream goes on afterwards."""
    decoder = OpusDecoder()
    with pytest.raises(BadPacket):
        decoder.decode(nonsense)

    assert len(decoder.decode(packets_of(tone(1))[0])) == FRAME_BYTES


@pytest.mark.parametrize("nonsense", [b"", b"\x03\xff" + bytes(10)])
def test_nonsense_has_no_length(nonsense: bytes) -> None:
    """Nothing, and more frames than a packet may have."""
    with pytest.raises(BadPacket):
        OpusDecoder().samples_of(nonsense)


def test_states_are_freed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Coders are made for each call; their memory goes with them."""
    freed: list[object] = []
    monkeypatch.setattr(libopus(), "opus_decoder_destroy", freed.append)
    decoder = OpusDecoder()
    state = decoder._state
    del decoder
    gc.collect()

    assert freed == [state]
    monkeypatch.undo()
    libopus().opus_decoder_destroy(state)


def test_without_the_library_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is no library is passed over; where there is none at all, that is told."""
    libopus.cache_clear()
    monkeypatch.setattr(opus, "_places", lambda: iter(["/dev/null"]))
    with pytest.raises(OpusMissing):
        libopus()
    libopus.cache_clear()


@pytest.mark.parametrize("found", [None, "libopus.so.0"])
def test_the_system_is_asked_where_no_wheel_has_it(monkeypatch: pytest.MonkeyPatch, found: str | None) -> None:
    """Without the wheel of av, what the system has counts."""
    monkeypatch.setattr(opus, "find_spec", lambda name: None)
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: found)

    assert list(opus._places()) == ([found] if found else [])


def test_the_wheels_library_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the version that was tested with."""
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: "of the system")
    *carried, last = opus._places()

    assert last == "of the system"
    assert all("libopus" in path for path in carried)
