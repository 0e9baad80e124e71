"""The SDP answer to an offer: full candidates, one bundle, no trickle."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from antiphon.transports.webrtc.offer import DEFAULT_SCTP_PORT, MID_EXTENSION, Direction, Offer, Section

MAX_MESSAGE_BYTES = 262_144
"""The largest event that we take over a data channel, as aiortc has it."""

_REVERSED: dict[Direction, Direction] = {
    "sendrecv": "sendrecv",
    "sendonly": "recvonly",
    "recvonly": "sendonly",
    "inactive": "inactive",
}
_CODINGS = {"opus": "opus/48000/2", "pcmu": "PCMU/8000", "pcma": "PCMA/8000"}
OPUS_WISHES = "minptime=10;useinbandfec=1;usedtx=1;stereo=0;sprop-stereo=0"
"""Packets that carry copies of lost ones, nothing while the caller is silent, and one channel."""


@dataclass(frozen=True, slots=True)
class Local:
    """What the answer says of us."""

    ufrag: str
    password: str
    fingerprint: str
    candidates: Sequence[str]
    """As SDP writes them; the first one is the default."""
    ssrc: int
    session_id: int


def write_answer(offer: Offer, local: Local) -> str:
    """The answer as text."""
    answered = [at for at in range(len(offer.sections)) if at in (offer.audio, offer.data)]
    mids = " ".join(offer.sections[at].mid for at in answered)
    lines = ["v=0", f"o=- {local.session_id} 1 IN IP4 127.0.0.1", "s=-", "t=0 0"]
    lines += [f"a=group:BUNDLE {mids}"] if mids.strip() else []
    lines += ["a=msid-semantic: WMS antiphon"]
    for at, section in enumerate(offer.sections):
        lines += _section(offer, local, at, section)
    return "\r\n".join(lines) + "\r\n"


def _section(offer: Offer, local: Local, at: int, section: Section) -> Iterator[str]:
    if at == offer.audio:
        yield from _audio(offer, local, section)
    elif at == offer.data:
        yield f"m=application 9 {section.protocol} webrtc-datachannel"
        yield "c=IN IP4 0.0.0.0"
        yield from _transport(offer, local, section)
        yield f"a=sctp-port:{DEFAULT_SCTP_PORT}"
        yield f"a=max-message-size:{MAX_MESSAGE_BYTES}"
    else:
        yield f"m={section.kind} 0 {section.protocol} {section.formats}"
        yield "c=IN IP4 0.0.0.0"
        yield from ([f"a=mid:{section.mid}"] if section.mid else [])
        yield "a=inactive"


def _audio(offer: Offer, local: Local, section: Section) -> Iterator[str]:
    codec = offer.codec
    host, port = local.candidates[0].split()[4:6]
    yield f"m=audio {port} {section.protocol} {codec.payload_type}"
    yield f"c=IN IP{6 if ':' in host else 4} {host}"
    yield f"a=rtcp:{port} IN IP{6 if ':' in host else 4} {host}"
    for candidate in local.candidates:
        yield f"a=candidate:{candidate}"
    yield "a=end-of-candidates"
    yield from _transport(offer, local, section)
    if offer.mid_extension is not None:
        yield f"a=extmap:{offer.mid_extension} {MID_EXTENSION}"
    yield f"a={_REVERSED[offer.direction]}"
    yield "a=msid:antiphon antiphon-audio"
    yield "a=rtcp-mux"
    yield f"a=rtpmap:{codec.payload_type} {_CODINGS[codec.name]}"
    if codec.name == "opus":
        yield f"a=fmtp:{codec.payload_type} {OPUS_WISHES}"
    yield "a=ptime:20"
    yield f"a=ssrc:{local.ssrc} cname:antiphon"


def _transport(offer: Offer, local: Local, section: Section) -> Iterator[str]:
    yield f"a=ice-ufrag:{local.ufrag}"
    yield f"a=ice-pwd:{local.password}"
    yield f"a=fingerprint:sha-256 {local.fingerprint}"
    yield f"a=setup:{offer.transport.setup}"
    yield from ([f"a=mid:{section.mid}"] if section.mid else [])
