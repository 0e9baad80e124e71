"""Rules of WAV files."""

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.audio import pcm, wav
from antiphon.audio.resample import Floats
from antiphon.audio.wav import WavError, Writer, decode, read, write

SOUND = (0.5 * np.sin(2 * np.pi * 500 * np.arange(12_000) / 24_000)).astype(np.float32)


def chunk(name: bytes, body: bytes, size: int | None = None) -> bytes:
    return name + struct.pack("<I", len(body) if size is None else size) + body + b"\0" * (len(body) % 2)


def fmt(coding: int, bits: int, *, rate_hz: int = 24_000, channels: int = 1, extra: bytes = b"") -> bytes:
    frame = channels * bits // 8
    return chunk(b"fmt ", struct.pack("<HHIIHH", coding, channels, rate_hz, rate_hz * frame, frame, bits) + extra)


def riff(*chunks: bytes, size: int | None = None) -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body) if size is None else size) + body


def coded(samples: Floats, coding: int, bits: int) -> bytes:
    """The same sound in any of the codings."""
    if coding == wav.FLOATS:
        return samples.astype("<f4").tobytes()
    if bits == 8:
        return (samples * 127 + 128).astype(np.uint8).tobytes()
    wide = (samples.astype(np.float64) * (2**31 - 1)).astype("<i4").view(np.uint8).reshape(-1, 4)
    return wide[:, 4 - bits // 8 :].tobytes()


@pytest.mark.parametrize(("coding", "bits"), list(wav.SAMPLES))
@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 24_000, 44_100, 48_000])
def test_any_width_at_any_rate_is_the_same_sound(coding: int, bits: int, rate_hz: int) -> None:
    """Whatever a file is made of, its `pcm` has the same tone and length."""
    samples = (0.5 * np.sin(2 * np.pi * 500 * np.arange(rate_hz // 2) / rate_hz)).astype(np.float32)
    heard = pcm.to_float(decode(riff(fmt(coding, bits, rate_hz=rate_hz), chunk(b"data", coded(samples, coding, bits)))))

    assert len(heard) == len(SOUND)
    assert np.abs(heard - SOUND)[1_200:-1_200].max() < (0.02 if bits == 8 else 0.001)


def test_channels_are_mixed_to_one() -> None:
    """Left and right, half of each."""
    both = np.stack([SOUND, np.zeros_like(SOUND)], axis=1).reshape(-1)
    heard = pcm.to_float(decode(riff(fmt(1, 16, channels=2), chunk(b"data", coded(both, 1, 16)))))

    assert np.abs(heard - SOUND / 2).max() < 0.001


@pytest.mark.parametrize(("coding", "bits"), [(1, 16), (1, 24), (3, 32)])
def test_the_extensible_header_is_read(coding: int, bits: int) -> None:
    """Many programs write it; the coding then stands in its tail."""
    tail = struct.pack("<HHIH", 22, bits, 4, coding) + bytes.fromhex("000000001000800000aa00389b71")
    heard = decode(riff(fmt(wav.EXTENSIBLE, bits, extra=tail), chunk(b"data", coded(SOUND, coding, bits))))

    assert np.abs(pcm.to_float(heard) - SOUND).max() < 0.001


def test_other_chunks_are_stepped_over() -> None:
    """Also one of an odd length, which is followed by one byte of nothing."""
    sound = coded(SOUND, 1, 16)

    assert decode(riff(chunk(b"LIST", b"odd"), fmt(1, 16), chunk(b"fact", b"1234"), chunk(b"data", sound))) == sound


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(riff(fmt(1, 16), chunk(b"data", b"\1\0\2\0", 1000)), id="cut off"),
        pytest.param(riff(fmt(1, 16), chunk(b"data", b"\1\0\2\0", 0xFFFFFFFF), size=0xFFFFFFFF), id="from a pipe"),
        pytest.param(riff(fmt(1, 16), chunk(b"data", b"\1\0\2\0", 0), size=36), id="never closed"),
        pytest.param(riff(fmt(1, 16), chunk(b"data", b"\1\0\2\0\3")), id="half a sample more"),
    ],
)
def test_an_unfinished_file_is_read_as_far_as_it_goes(data: bytes) -> None:
    """Lengths in a header are believed no further than the file reaches."""
    assert decode(data) == b"\1\0\2\0"


def test_a_file_without_any_sound_is_empty() -> None:
    """A data chunk of no length is no error, and what follows it is no sound."""
    assert decode(riff(fmt(1, 16), chunk(b"data", b""), chunk(b"LIST", b"abcd"))) == b""


def test_what_is_no_number_is_silence() -> None:
    """Floats that are infinite or none at all do no harm."""
    body = np.array([np.nan, np.inf, -np.inf, 7.0], "<f4").tobytes()

    assert decode(riff(fmt(3, 32), chunk(b"data", body))) == np.array([0, 32767, -32768, 32767], "<i2").tobytes()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "This is no WAV file: it does not begin with RIFF and WAVE."),
        (b"ID3 and an MP3 after it", "This is no WAV file: it does not begin with RIFF and WAVE."),
        (riff(), "This WAV file has no format in it."),
        (riff(chunk(b"data", b"1234")), "This WAV file has no format in it."),
        (riff(fmt(1, 16)), "This WAV file has no sound in it."),
        (riff(chunk(b"fmt ", b"short")), "This WAV file's format is cut off."),
        (riff(fmt(85, 0)), "This WAV file's coding (85, 0 bits) is not read here; convert it to 16-bit PCM."),
        (
            riff(fmt(wav.EXTENSIBLE, 16)),
            "This WAV file's coding (65534, 16 bits) is not read here; convert it to 16-bit PCM.",
        ),
        (riff(fmt(1, 16, rate_hz=1)), "This WAV file claims 1 channels at 1 Hz."),
        (riff(fmt(1, 16, channels=0)), "This WAV file claims 0 channels at 24000 Hz."),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(data: bytes, why: str) -> None:
    """One sentence that a user understands."""
    with pytest.raises(WavError) as caught:
        decode(data)

    assert str(caught.value) == why


@given(st.binary(max_size=200), st.integers(0, 60))
def test_no_bytes_can_break_the_reader(noise: bytes, keep: int) -> None:
    """Any bytes are `pcm` in the end, or a WavError."""
    try:
        sound = decode(riff(fmt(1, 16), chunk(b"data", b"1234"))[:keep] + noise)
    except WavError:
        return
    assert len(sound) % 2 == 0


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    """`write`, then `read`: the same bytes."""
    sound = pcm.from_float(SOUND)
    write(tmp_path / "answer.wav", sound)

    assert read(tmp_path / "answer.wav") == sound


def test_a_file_may_grow(tmp_path: Path) -> None:
    """A `Writer` takes pieces; closing it twice is no error, and its header tells the whole length."""
    with Writer(tmp_path / "answer.wav") as writer:
        writer.write(b"\1\0")
        writer.write(b"\2\0\3\0")
    writer.close()
    data = (tmp_path / "answer.wav").read_bytes()

    assert decode(data) == b"\1\0\2\0\3\0"
    assert struct.unpack_from("<I", data, 4) == (len(data) - 8,)


def test_a_missing_file_is_the_systems_error(tmp_path: Path) -> None:
    """Reading does not hide why a file cannot be opened."""
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "none.wav")
