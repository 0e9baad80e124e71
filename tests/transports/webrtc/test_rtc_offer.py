"""SDP offers: what browsers and gateways write is understood; what cannot be answered is told why; nothing crashes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.protocol.errors import ErrorDetail
from antiphon.transports.webrtc.answer import Local, write_answer
from antiphon.transports.webrtc.offer import (
    DEFAULT_MAX_MESSAGE_BYTES,
    MAX_CANDIDATES,
    MAX_OFFER_CHARS,
    Codec,
    DataSection,
    Offer,
    read_offer,
)

FINGERPRINT = ":".join(["AB"] * 32)
TRANSPORT = ["a=ice-ufrag:abcd", "a=ice-pwd:" + "p" * 24, f"a=fingerprint:sha-256 {FINGERPRINT}", "a=setup:actpass"]
AUDIO = [
    "m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13",
    "c=IN IP4 0.0.0.0",
    *TRANSPORT,
    "a=mid:0",
    "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid",
    "a=sendrecv",
    "a=rtcp-mux",
    "a=rtpmap:111 opus/48000/2",
    "a=fmtp:111 minptime=10;useinbandfec=1",
    "a=rtpmap:63 red/48000/2",
]
DATA = [
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
    "c=IN IP4 0.0.0.0",
    *TRANSPORT,
    "a=mid:1",
    "a=sctp-port:5000",
    "a=max-message-size:262144",
]
VIDEO = ["m=video 9 UDP/TLS/RTP/SAVPF 96 97", *TRANSPORT, "a=mid:2", "a=rtcp-mux", "a=rtpmap:96 VP8/90000"]
HEAD = ["v=0", "o=- 1 2 IN IP4 127.0.0.1", "s=-", "t=0 0"]
LOCAL = Local("ufrag", "password", "CD:EF", ["1 1 udp 1 192.0.2.9 4000 typ host"], ssrc=7, session_id=5)


def sdp(*sections: list[str], head: list[str] | None = None) -> str:
    mids = " ".join(str(at) for at in range(len(sections)))
    lines = [*(head or [*HEAD, f"a=group:BUNDLE {mids}"]), *(line for section in sections for line in section)]
    return "\r\n".join(lines) + "\r\n"


def read(text: str) -> Offer:
    offer = read_offer(text)
    assert isinstance(offer, Offer), offer
    return offer


def refused(text: str) -> str:
    error = read_offer(text)
    assert isinstance(error, ErrorDetail)
    assert (error.code, error.param) == ("invalid_offer", "sdp")
    return error.message.removeprefix("The SDP offer cannot be answered: ")


def without(lines: list[str], start: str) -> list[str]:
    return [line for line in lines if not line.startswith(start)]


def test_a_browsers_offer_is_understood() -> None:
    """Opus by its own number, the data channel's limits, and the transport."""
    offer = read(sdp(AUDIO, DATA))

    assert offer.codec == Codec("opus", 111)
    assert (offer.audio, offer.data, offer.direction, offer.mid_extension) == (0, 1, "sendrecv", 4)
    assert offer.channel == DataSection(5000, 262_144)
    assert (offer.transport.ufrag, offer.transport.setup) == ("abcd", "active")
    assert offer.transport.fingerprints == (("sha-256", FINGERPRINT),)


def test_the_answer_is_one_bundle_with_candidates() -> None:
    """Active, multiplexed, full candidates; Opus in one channel, with copies and without packets of silence."""
    answer = write_answer(read(sdp(AUDIO, DATA)), LOCAL).split("\r\n")

    assert "a=group:BUNDLE 0 1" in answer
    assert answer.count("a=setup:active") == 2
    assert "m=audio 4000 UDP/TLS/RTP/SAVPF 111" in answer
    assert "a=candidate:1 1 udp 1 192.0.2.9 4000 typ host" in answer
    assert "a=end-of-candidates" in answer
    assert "a=fmtp:111 minptime=10;useinbandfec=1;usedtx=1;stereo=0;sprop-stereo=0" in answer
    assert "a=sctp-port:5000" in answer
    assert not any("trickle" in line for line in answer)


def test_video_is_turned_down_in_its_place() -> None:
    """The call goes on by sound; sections keep their order, as SDP demands."""
    offer = read(sdp(AUDIO, DATA, VIDEO))
    answer = write_answer(offer, LOCAL).split("\r\n")

    assert [line for line in answer if line.startswith("m=")] == [
        "m=audio 4000 UDP/TLS/RTP/SAVPF 111",
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
        "m=video 0 UDP/TLS/RTP/SAVPF 96 97",
    ]
    assert "a=group:BUNDLE 0 1" in answer


def test_a_second_audio_section_is_turned_down() -> None:
    """One caller has one voice."""
    second = [line.replace("a=mid:0", "a=mid:1") for line in AUDIO]
    answer = write_answer(read(sdp(AUDIO, second)), LOCAL)

    assert "m=audio 0 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13" in answer


@pytest.mark.parametrize(
    ("formats", "rtpmaps", "codec"),
    [
        ("0 8", [], Codec("pcmu", 0)),
        ("8 0", [], Codec("pcma", 8)),
        ("8 101", ["a=rtpmap:101 telephone-event/8000"], Codec("pcma", 8)),
        ("0 96", ["a=rtpmap:96 OPUS/48000/2"], Codec("opus", 96)),
        ("9 0", ["a=rtpmap:0 PCMU/8000"], Codec("pcmu", 0)),
    ],
)
def test_opus_is_preferred_and_g711_is_enough(formats: str, rtpmaps: list[str], codec: Codec) -> None:
    """Static numbers need no map; else the caller's order counts."""
    audio = [f"m=audio 9 RTP/SAVPF {formats}", *without(AUDIO, "a=rtpmap")[1:], *rtpmaps]

    assert read(sdp(audio)).codec == codec


@pytest.mark.parametrize(
    ("said", "speaks", "listens", "answer"),
    [
        ("sendonly", True, False, "recvonly"),
        ("recvonly", False, True, "sendonly"),
        ("inactive", False, False, "inactive"),
    ],
)
def test_directions_are_reversed(said: str, speaks: bool, listens: bool, answer: str) -> None:
    """Who only listens is still a caller."""
    offer = read(sdp([line.replace("a=sendrecv", f"a={said}") for line in AUDIO]))

    assert (offer.speaks, offer.listens) == (speaks, listens)
    assert f"a={answer}\r\n" in write_answer(offer, LOCAL)


def test_defaults_are_those_of_the_rfcs() -> None:
    """No direction is both ways; no size is 64 KiB; no port is 5000; no setup leaves us the choice."""
    data = [line for line in DATA if not line.startswith(("a=sctp-port", "a=max-message"))]
    offer = read(sdp(without(without(AUDIO, "a=sendrecv"), "a=setup"), data))

    assert offer.direction == "sendrecv"
    assert offer.channel == DataSection(5000, DEFAULT_MAX_MESSAGE_BYTES)
    assert offer.transport.setup == "active"


def test_transport_lines_may_stand_in_the_session() -> None:
    """And an active caller is waited for."""
    head = [*HEAD, "a=group:BUNDLE 0", *[line.replace("actpass", "active") for line in TRANSPORT]]
    offer = read(sdp([line for line in AUDIO if line not in TRANSPORT], head=head))

    assert (offer.transport.ufrag, offer.transport.setup) == ("abcd", "passive")


def test_a_data_section_outside_the_bundle_is_turned_down() -> None:
    """There is one transport."""
    offer = read(sdp(AUDIO, DATA, head=[*HEAD, "a=group:BUNDLE 0"]))

    assert (offer.data, offer.channel) == (None, None)
    assert "m=application 0 UDP/DTLS/SCTP webrtc-datachannel" in write_answer(offer, LOCAL)


def test_candidates_are_bounded() -> None:
    """An offer cannot have us send packets to a whole network."""
    candidates = [f"a=candidate:1 1 udp 1 192.0.2.{at} 4000 typ host" for at in range(200)]

    assert len(read(sdp([*AUDIO, *candidates])).transport.candidates) == MAX_CANDIDATES


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it does not begin with 'v=0'."),
        ("hello", "it does not begin with 'v=0'."),
        ('{"sdp": "v=0"}', "it does not begin with 'v=0'."),
        ("v=0" + " " * MAX_OFFER_CHARS, f"it has more than {MAX_OFFER_CHARS} characters."),
        (sdp(), "it has no audio section."),
        (sdp(DATA), "it has no audio section."),
        (sdp(VIDEO), "it has no audio section."),
        (sdp([AUDIO[0].replace(" 9 ", " 0 "), *AUDIO[1:]]), "it has no audio section."),
        (sdp(["m=audio", *AUDIO[1:]]), "a section of it cannot be read."),
        (sdp(*[AUDIO] * 17), "a section of it cannot be read."),
        (sdp([*without(AUDIO, "a=mid"), "a=mid:a b"]), "a section of it cannot be read."),
        (sdp(["m=audio 9 UDP/TLS/RTP/SAVPF 9 13", *AUDIO[1:]]), "its audio section names none of opus, PCMU and PCMA."),
        (
            sdp(["m=audio 9 UDP/TLS/RTP/SAVPF 0", *AUDIO[1:], "a=rtpmap:0 G729/8000"]),
            "its audio section names none of opus, PCMU and PCMA.",
        ),
        (sdp(["m=audio 9 RTP/SAVPF 72", *without(AUDIO, "a=rtpmap")[1:], "a=rtpmap:72 opus/48000/2"]), None),
        (sdp(without(AUDIO, "a=rtcp-mux")), "its audio section lacks 'rtcp-mux'."),
        (sdp(without(AUDIO, "a=ice-ufrag")), "it lacks 'ice-ufrag' or 'ice-pwd'."),
        (sdp([*without(AUDIO, "a=ice-pwd"), "a=ice-pwd:short"]), "it lacks 'ice-ufrag' or 'ice-pwd'."),
        (sdp(without(AUDIO, "a=fingerprint")), "it lacks a 'fingerprint' by sha-256, sha-384 or sha-512."),
        (
            sdp([*without(AUDIO, "a=fingerprint"), "a=fingerprint:md5 AB:CD"]),
            "it lacks a 'fingerprint' by sha-256, sha-384 or sha-512.",
        ),
        (
            sdp([*without(AUDIO, "a=setup"), "a=setup:holdconn"]),
            "its 'setup' is none of actpass, active and passive.",
        ),
    ],
)
def test_what_cannot_be_answered_is_told_why(text: str, why: str | None) -> None:
    """In words that name the line."""
    told = refused(text)

    assert why is None or told == why


@given(st.lists(st.sampled_from([*HEAD, *AUDIO, *DATA, *VIDEO, "a=group:BUNDLE 0 1", "m=", "a=", "a=mid:"])))
def test_any_order_of_lines_is_answered_or_refused(lines: list[str]) -> None:
    """Nothing that is posted leads to an exception."""
    offer = read_offer("\r\n".join(["v=0", *lines]))
    if isinstance(offer, Offer):
        write_answer(offer, LOCAL)


@given(st.text())
def test_any_text_is_refused(text: str) -> None:
    """Nor does any text at all."""
    read_offer(text)
    read_offer("v=0\nm=audio 9 RTP/SAVPF 0\n" + text)
