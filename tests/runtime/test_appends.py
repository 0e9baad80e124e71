"""Appended audio, made into pcm."""

import pytest

from antiphon.audio.g711 import G711Decoder
from antiphon.protocol.session import AudioFormat, PcmaFormat, PcmFormat, PcmuFormat
from antiphon.runtime.appends import Appends

PCM, MULAW, ALAW = PcmFormat(), PcmuFormat(), PcmaFormat()


def test_whole_samples_pass() -> None:
    """The usual append is one piece."""
    assert list(Appends().pieces(b"abcd", PCM)) == [b"abcd"]


def test_an_odd_byte_waits_for_the_next_append() -> None:
    """Clients cut where they like; no sample is lost and none shifted."""
    appends = Appends()

    assert [list(appends.pieces(audio, PCM)) for audio in (b"abc", b"d", b"e", b"fg")] == [
        [b"ab"],
        [b"cd"],
        [],
        [b"ef"],
    ]


def test_half_a_sample_is_forgotten_with_its_stream() -> None:
    """After a commit or a clear, audio begins anew."""
    appends = Appends()
    list(appends.pieces(b"abc", PCM))
    appends.restart()

    assert list(appends.pieces(b"de", PCM)) == [b"de"]


def test_a_long_append_comes_in_pieces_of_half_a_second() -> None:
    """Nothing is lost between them."""
    audio = bytes(range(200)) * 300
    pieces = list(Appends().pieces(audio, PCM))

    assert [len(piece) for piece in pieces] == [24_000, 24_000, 12_000]
    assert b"".join(pieces) == audio


@pytest.mark.parametrize(("coded", "law"), [(MULAW, "pcmu"), (ALAW, "pcma")])
def test_telephone_audio_is_decoded(coded: AudioFormat, law: str) -> None:
    """As one stream over all appends and pieces."""
    audio = bytes(range(256)) * 20
    appends = Appends()
    pieces = [piece for part in (audio[:999], audio[999:]) for piece in appends.pieces(part, coded)]

    assert b"".join(pieces) == G711Decoder("pcmu" if law == "pcmu" else "pcma").decode(audio)
    assert max(map(len, pieces)) <= 24_000


def test_a_new_format_is_a_new_stream() -> None:
    """Neither the odd byte nor the decoder's memory crosses the change."""
    appends = Appends()
    list(appends.pieces(b"abc", PCM))
    first = list(appends.pieces(bytes(800), MULAW))
    list(appends.pieces(b"abcd", PCM))

    assert list(appends.pieces(bytes(800), MULAW)) == first
    assert list(appends.pieces(b"de", PCM)) == [b"de"]
