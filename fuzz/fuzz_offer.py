"""Feeds broken offers to the SDP reader: `python fuzz/fuzz_offer.py --seconds 60 [--seed N]`.

Whatever is posted, `read_offer` gives an offer that can be answered, or an error, never an exception. A failure prints
the seed and the offer.
"""

import argparse
import random
import sys
import time

from antiphon.protocol.errors import ErrorDetail
from antiphon.transports.webrtc.answer import Local, write_answer
from antiphon.transports.webrtc.offer import read_offer

TRANSPORT = ["a=ice-ufrag:abcd", "a=ice-pwd:" + "p" * 24, "a=fingerprint:sha-256 " + ":".join(["AB"] * 32)]
SEED_LINES = [
    "v=0",
    "o=- 1 2 IN IP4 127.0.0.1",
    "s=-",
    "t=0 0",
    "a=group:BUNDLE 0 1",
    "a=ice-lite",
    "m=audio 9 UDP/TLS/RTP/SAVPF 111 0 8",
    *TRANSPORT,
    "a=setup:actpass",
    "a=mid:0",
    "a=extmap:4/sendonly urn:ietf:params:rtp-hdrext:sdes:mid",
    "a=sendrecv",
    "a=rtcp-mux",
    "a=rtpmap:111 opus/48000/2",
    "a=candidate:1 1 udp 1 192.0.2.1 4000 typ host",
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
    *TRANSPORT,
    "a=mid:1",
    "a=sctp-port:5000",
    "a=max-message-size:262144",
]
LOCAL = Local("ufrag", "password", "CD:EF", ["1 1 udp 1 192.0.2.9 4000 typ host"], ssrc=7, session_id=5)
CHARACTERS = "\x00 \t:/=0123456789-\u0663\u00b2amv\u2028é\ud800"


def broken(chance: random.Random) -> str:
    """An offer with a few things wrong."""
    lines = list(SEED_LINES)
    for _ in range(chance.randrange(6)):
        at = chance.randrange(len(lines))
        match chance.randrange(4):
            case 0:
                del lines[at]
            case 1:
                lines.insert(at, chance.choice(lines))
            case 2:
                lines[at] = mangled(lines[at], chance)
            case _:
                chance.shuffle(lines)
        lines = lines or ["v=0"]
    return chance.choice(("\r\n", "\n", "\r")).join(lines)


def mangled(line: str, chance: random.Random) -> str:
    """A line with a piece replaced."""
    start = chance.randrange(len(line) + 1)
    end = min(len(line), start + chance.randrange(8))
    return line[:start] + "".join(chance.choices(CHARACTERS, k=chance.randrange(12))) + line[end:]


def main() -> None:
    """Read offers until the time is over."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))  # noqa: S311 -- to be repeated, not to be secret
    wish = parser.parse_args()
    chance, until, count, answered = random.Random(wish.seed), time.monotonic() + wish.seconds, 0, 0  # noqa: S311 -- to be repeated, not to be secret
    while time.monotonic() < until:
        text = broken(chance)
        try:
            offer = read_offer(text)
            if not isinstance(offer, ErrorDetail):
                write_answer(offer, LOCAL)
                answered += 1
        except Exception:
            print(f"seed {wish.seed}, offer {count}:\n{text!r}", file=sys.stderr)
            raise
        count += 1
    print(f"{count} offers, {answered} answered; seed {wish.seed}")


if __name__ == "__main__":
    main()
