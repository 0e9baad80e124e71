"""SDP offers: text in, the facts that an answer needs out, or what is wrong with it.

One audio section is answered, and one data channel section in the same bundle; all others are turned down in the
answer, as SDP has it. Nothing here trusts the text: it comes from whoever may post it.
"""

import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal, TypeAlias

from antiphon.protocol import errors
from antiphon.protocol.errors import ErrorDetail

MAX_OFFER_CHARS = 64 * 1024
"""A browser's offer has 2 to 6 thousand; with many codecs and candidates it may have more."""
MAX_CANDIDATES = 20
"""Each one is sent packets, so an offer must not name a whole network."""
MAX_SECTIONS = 16

DEFAULT_SCTP_PORT = 5000
DEFAULT_MAX_MESSAGE_BYTES = 65_536
"""What RFC 8841 says of a peer that says nothing."""

MID_EXTENSION = "urn:ietf:params:rtp-hdrext:sdes:mid"

Direction: TypeAlias = Literal["sendrecv", "sendonly", "recvonly", "inactive"]
CodecName: TypeAlias = Literal["opus", "pcmu", "pcma"]

_DIRECTIONS: dict[str, Direction] = {
    "sendrecv": "sendrecv",
    "sendonly": "sendonly",
    "recvonly": "recvonly",
    "inactive": "inactive",
}
_CODECS: dict[str, CodecName] = {"opus/48000/2": "opus", "pcmu/8000": "pcmu", "pcma/8000": "pcma"}
_STATIC: dict[str, CodecName] = {"0": "pcmu", "8": "pcma"}
"""Formats that need no `rtpmap`."""
_HASHES = ("sha-256", "sha-384", "sha-512")
_ICE_TEXT = re.compile(r"[A-Za-z0-9+/]{1,256}")
_TOKEN = re.compile(r"[!-~]{1,64}")
_MEDIA = re.compile(r"m=(\S+) (\d{1,5})(?:/\d+)? (\S+) (.+)")


@dataclass(frozen=True, slots=True)
class Section:
    """One `m=` section, as far as turning it down needs to know it."""

    kind: str
    protocol: str
    formats: str
    mid: str
    is_alive: bool
    """Whether it is offered at all; a section may be a grave."""
    attributes: tuple[tuple[str, str], ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Codec:
    """A coding of sound that both sides know."""

    name: CodecName
    payload_type: int

    @property
    def clock_hz(self) -> int:
        """The rate of its RTP timestamps."""
        return 48_000 if self.name == "opus" else 8_000


@dataclass(frozen=True, slots=True)
class DataSection:
    """How the peer takes a data channel."""

    port: int
    max_message_bytes: int
    """0 is without limit."""


@dataclass(frozen=True, slots=True)
class Transport:
    """How the peer is reached, and known."""

    ufrag: str
    password: str = field(repr=False)
    fingerprints: tuple[tuple[str, str], ...]
    is_lite: bool
    setup: Literal["active", "passive"]
    """The role that is left to us."""
    candidates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Offer:
    """An offer that can be answered."""

    sections: tuple[Section, ...]
    audio: int
    """Which section is answered with sound."""
    data: int | None
    """Which section is answered with a data channel."""
    codec: Codec
    direction: Direction
    """From the peer's side."""
    transport: Transport
    channel: DataSection | None
    mid_extension: int | None
    """Under which number RTP packets name their section."""

    @property
    def speaks(self) -> bool:
        """Whether the peer will send sound."""
        return self.direction in ("sendrecv", "sendonly")

    @property
    def listens(self) -> bool:
        """Whether the peer takes sound."""
        return self.direction in ("sendrecv", "recvonly")


def read_offer(text: str) -> Offer | ErrorDetail:
    """Read an offer, or say what is wrong with it."""
    if len(text) > MAX_OFFER_CHARS:
        return errors.bad_offer(f"it has more than {MAX_OFFER_CHARS} characters")
    lines = [line.rstrip() for line in text.splitlines()]
    if not lines or lines[0] != "v=0":
        return errors.bad_offer("it does not begin with 'v=0'")
    starts = [at for at, line in enumerate(lines) if line.startswith("m=")]
    session = _attributes(lines[: starts[0]] if starts else lines)
    sections = [_section(lines[start:end]) for start, end in pairwise([*starts, len(lines)])]
    known = tuple(section for section in sections if section is not None)
    if len(known) < len(sections) or len(known) > MAX_SECTIONS:
        return errors.bad_offer("a section of it cannot be read")
    return _offer(known, session)


def _offer(sections: tuple[Section, ...], session: dict[str, str]) -> Offer | ErrorDetail:
    audio = _first(sections, "audio", range(len(sections)))
    if audio is None:
        return errors.bad_offer("it has no audio section")
    section = sections[audio]
    codec = _codec(section)
    if codec is None:
        return errors.bad_offer("its audio section names none of opus, PCMU and PCMA")
    if not any(name == "rtcp-mux" for name, _ in section.attributes):
        return errors.bad_offer("its audio section lacks 'rtcp-mux'")
    bundle = _bundle(session, section.mid)
    together = [at for at, other in enumerate(sections) if other.mid in bundle]
    transport = _transport([dict(sections[at].attributes) for at in together or [audio]], session, sections, together)
    if isinstance(transport, ErrorDetail):
        return transport
    data = _first(sections, "application", together)
    own = dict(section.attributes)
    return Offer(
        sections=sections,
        audio=audio,
        data=data,
        codec=codec,
        direction=_direction(own, session),
        transport=transport,
        channel=None if data is None else _channel(dict(sections[data].attributes)),
        mid_extension=_mid_extension(section),
    )


def _section(lines: list[str]) -> Section | None:
    found = _MEDIA.fullmatch(lines[0])
    if found is None:
        return None
    kind, port, protocol, formats = found.groups()
    attributes = tuple(_pair(line) for line in lines[1:] if line.startswith("a="))
    own = dict(attributes)
    mid = own.get("mid", "")
    if mid and not _TOKEN.fullmatch(mid):
        return None
    is_alive = port != "0" or "bundle-only" in own
    return Section(kind, protocol, formats, mid, is_alive, attributes)


def _pair(line: str) -> tuple[str, str]:
    name, _, value = line[2:].partition(":")
    return name, value


def _attributes(lines: list[str]) -> dict[str, str]:
    return dict(_pair(line) for line in lines if line.startswith("a="))


def _first(sections: tuple[Section, ...], kind: str, among: range | list[int]) -> int | None:
    """The first living section of a kind that we know the protocol of."""
    wanted = {"audio": "SAVP", "application": "SCTP"}[kind]
    return next(
        (
            at
            for at in among
            if sections[at].kind == kind and sections[at].is_alive and wanted in sections[at].protocol.upper()
        ),
        None,
    )


def _bundle(session: dict[str, str], mid: str) -> tuple[str, ...]:
    """The sections that share a transport with this one, the one that describes it first."""
    semantics, *mids = session.get("group", "").split() or [""]
    return tuple(mids) if semantics == "BUNDLE" and mid in mids else ((mid,) if mid else ())


def _codec(section: Section) -> Codec | None:
    """Opus if the peer knows it, else the first that we know."""
    names: dict[str, CodecName] = dict(_STATIC)
    for name, value in section.attributes:
        number, _, coding = value.partition(" ")
        if name == "rtpmap":
            names.pop(number, None)
            if coding.lower() in _CODECS:
                names[number] = _CODECS[coding.lower()]
    formats = [number for number in section.formats.split() if number in names and _is_payload_type(number)]
    formats.sort(key=lambda number: names[number] != "opus")
    return Codec(names[formats[0]], int(formats[0])) if formats else None


def _is_payload_type(number: str) -> bool:
    """Not those that RTCP packets would be taken for."""
    return number.isascii() and number.isdecimal() and int(number) < 128 and not 64 <= int(number) <= 95


def _direction(own: dict[str, str], session: dict[str, str]) -> Direction:
    named = [direction for name, direction in _DIRECTIONS.items() if name in own]
    named += [direction for name, direction in _DIRECTIONS.items() if name in session]
    return named[0] if named else "sendrecv"


def _mid_extension(section: Section) -> int | None:
    for name, value in section.attributes:
        number, _, uri = value.partition(" ")
        number = number.partition("/")[0]
        if name == "extmap" and uri.strip() == MID_EXTENSION and number.isdecimal() and 1 <= int(number) <= 14:
            return int(number)
    return None


def _channel(own: dict[str, str]) -> DataSection:
    return DataSection(
        port=_number(own.get("sctp-port", ""), 65_535, DEFAULT_SCTP_PORT),
        max_message_bytes=_number(own.get("max-message-size", ""), 2**63, DEFAULT_MAX_MESSAGE_BYTES),
    )


def _number(text: str, most: int, otherwise: int) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 and int(text) <= most else otherwise


def _transport(
    bundled: list[dict[str, str]], session: dict[str, str], sections: tuple[Section, ...], together: list[int]
) -> Transport | ErrorDetail:
    """What describes the transport: the first bundled section that says it, or the session."""

    def told(name: str) -> str:
        return next((own[name] for own in [*bundled, session] if name in own), "")

    ufrag, password = told("ice-ufrag"), told("ice-pwd")
    if not _ICE_TEXT.fullmatch(ufrag) or not _ICE_TEXT.fullmatch(password) or len(ufrag) < 4 or len(password) < 22:
        return errors.bad_offer("it lacks 'ice-ufrag' or 'ice-pwd'")
    hash_name, _, digest = told("fingerprint").strip().partition(" ")
    if hash_name.lower() not in _HASHES or not re.fullmatch(r"[0-9A-Fa-f:]{32,200}", digest.strip()):
        return errors.bad_offer("it lacks a 'fingerprint' by sha-256, sha-384 or sha-512")
    setup = told("setup").strip() or "actpass"
    if setup not in ("actpass", "active", "passive"):
        return errors.bad_offer("its 'setup' is none of actpass, active and passive")
    candidates = [value for at in together for name, value in sections[at].attributes if name == "candidate"]
    return Transport(
        ufrag=ufrag,
        password=password,
        fingerprints=((hash_name.lower(), digest.strip()),),
        is_lite="ice-lite" in session,
        setup="passive" if setup == "active" else "active",
        candidates=tuple(dict.fromkeys(candidates))[:MAX_CANDIDATES],
    )
