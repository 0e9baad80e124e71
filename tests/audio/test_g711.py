"""Rules of the telephone codings."""

import hashlib
import importlib
import warnings

import numpy as np
import pytest

from antiphon.audio import pcm
from antiphon.audio.g711 import G711Decoder, G711Encoder, Law, decode, encode

ALL_SAMPLES = np.arange(1 << 16, dtype=np.uint16).tobytes()
ALL_CODES = bytes(range(256))
LAWS: list[Law] = ["pcmu", "pcma"]

# Taken from the standard library's `audioop` while there was one (Python 3.11), over all samples and all codes.
GOLDEN_CODES: dict[Law, str] = {
    "pcmu": "617fa4850d68d3906597e949f7625fb2fc46db479e29707f33159b3d131721cb",
    "pcma": "f77c76aa923ee25617453f87514828a12896227f82ff383bf3bb53d6ac7c2a0f",
}
GOLDEN_SAMPLES: dict[Law, str] = {
    "pcmu": "3dab54339e520bb2c924826e3b72a917a2b612e9fd12fc867500f1d983a75827",
    "pcma": "e04788d110e58ff8c70c93b8480190d973e3b67876b6119abbaec766cc75c174",
}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("law", LAWS)
def test_every_sample_and_every_code_is_as_the_standard_says(law: Law) -> None:
    """Both tables, whole, against their digests."""
    assert sha256(encode(law, ALL_SAMPLES)) == GOLDEN_CODES[law]
    assert sha256(decode(law, ALL_CODES)) == GOLDEN_SAMPLES[law]


@pytest.mark.parametrize("law", LAWS)
def test_we_agree_with_the_standard_library_where_it_has_the_codings(law: Law) -> None:
    """`audioop` says the same; from Python 3.13 on there is none, and the digests stand alone."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            audioop = importlib.import_module("audioop")
    except ImportError:
        return
    short = {"pcmu": "ulaw", "pcma": "alaw"}[law]

    assert encode(law, ALL_SAMPLES) == getattr(audioop, f"lin2{short}")(ALL_SAMPLES, 2)
    assert decode(law, ALL_CODES) == getattr(audioop, f"{short}2lin")(ALL_CODES, 2)


@pytest.mark.parametrize(
    ("law", "sample", "code", "decoded"),
    [
        ("pcmu", 0, 0xFF, 0),
        ("pcmu", -1, 0x7E, -8),
        ("pcmu", 32_767, 0x80, 32_124),
        ("pcmu", -32_768, 0x00, -32_124),
        ("pcmu", 1_000, 0xCE, 988),
        ("pcma", 0, 0xD5, 8),
        ("pcma", -1, 0x55, -8),
        ("pcma", 32_767, 0xAA, 32_256),
        ("pcma", -32_768, 0x2A, -32_256),
        ("pcma", 1_000, 0xFA, 1_008),
    ],
)
def test_landmarks(law: Law, sample: int, code: int, decoded: int) -> None:
    """The values one can look up by hand."""
    assert encode(law, np.int16(sample).tobytes()) == bytes([code])
    assert decode(law, bytes([code])) == np.int16(decoded).tobytes()


@pytest.mark.parametrize("law", LAWS)
def test_coding_twice_changes_nothing_more(law: Law) -> None:
    """A decoded code is coded to something that decodes to the same sample."""
    samples = decode(law, ALL_CODES)

    assert decode(law, encode(law, samples)) == samples


@pytest.mark.parametrize("law", LAWS)
def test_a_call_through_both_ways_is_still_the_same_sound(law: Law) -> None:
    """`pcm` to the line and back, in 20 ms pieces: the same length and time, noise about 36 dB down."""
    times = np.arange(pcm.RATE_HZ) / pcm.RATE_HZ
    sound = (0.5 * np.sin(2 * np.pi * 440 * times)).astype(np.float32)
    encoder, decoder = G711Encoder(law), G711Decoder(law)
    sent = pcm.from_float(sound)
    step = 20 * pcm.BYTES_PER_MS
    line = [encoder.encode(sent[at : at + step]) for at in range(0, len(sent), step)] + [encoder.flush()]
    heard = b"".join([decoder.decode(piece) for piece in line] + [decoder.flush()])

    assert len(b"".join(line)) == 8_000
    assert len(heard) == len(sent)
    noise = (pcm.to_float(heard) - sound)[2_400:-2_400]
    assert 10 * np.log10(np.mean(sound**2) / np.mean(noise**2)) > 34


@pytest.mark.parametrize("law", LAWS)
def test_the_line_is_two_milliseconds_late(law: Law) -> None:
    """20 ms in, 18 ms out, each way; flush gives the rest."""
    encoder, decoder = G711Encoder(law), G711Decoder(law)

    assert len(encoder.encode(pcm.silence(20))) == 18 * 8
    assert len(encoder.flush()) == 2 * 8
    assert pcm.ms_of(decoder.decode(bytes(160))) == 18
    assert pcm.ms_of(decoder.flush()) == 2
