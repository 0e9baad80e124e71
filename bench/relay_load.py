"""The load of the relay bench, a process of its own: N sessions at an upstream or a relay before it; JSON on stdout.

`paced`: each session sends 20 ms of audio each 20 ms and has answers spoken to it, a pair of deltas each 20 ms; both
ways' frames bear the time of their sending. `burst`: each session asks again as soon as it is answered.
"""

import argparse
import asyncio
import json
import statistics
import sys
import time
import urllib.request
from typing import Any
from urllib.parse import urlsplit

import uvloop
from frames import Peer, frame, request
from load import Footprint
from upstream import age_ms, stamp

CHUNK_S = 0.02
SOUND = "A" * (1280 - 16)
"""20 ms in base64, less a stamp."""
ASK = frame(b'{"type":"response.create"}', masked=True)
ASK_PACED = frame(b'{"type":"response.create","response":{"metadata":{"gap_ms":"20"}}}', masked=True)
READY_S = 30.0


class Notes:
    """What all sessions of a run have seen, since it was last begun."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Forget."""
        self.down_ms: list[float] = []
        self.done_ms: list[float] = []
        self.frames = 0
        self.late_ms: list[float] = []


class Asker(Peer):
    """One session."""

    def __init__(self, url: str, notes: Notes, *, is_paced: bool) -> None:
        super().__init__()
        self._url = urlsplit(url)
        self._notes = notes
        self._ask = ASK_PACED if is_paced else ASK
        self._is_paced = is_paced
        self._asked = 0.0
        self.ready = asyncio.get_running_loop().create_future()
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask to upgrade."""
        super().connection_made(transport)
        self.transport.write(request(self._url.netloc, f"{self._url.path}?{self._url.query}"))

    def connection_lost(self, exc: Exception | None) -> None:
        """Take note."""
        self.lost = True
        if not self.ready.done():
            self.ready.set_exception(exc or ConnectionError("closed before the session was"))

    def on_head(self, head: bytes) -> bool:
        """Frames follow, or nothing."""
        if b" 101 " not in head[:20]:
            raise ConnectionError(head.decode())
        return True

    def on_text(self, payload: bytes) -> None:
        """Count; ask again when the answer has ended."""
        notes, begin = self._notes, payload[:300]
        notes.frames += 1
        if self._is_paced and b"output_audio.delta" in begin:
            age = age_ms(payload)
            if age is not None:
                notes.down_ms.append(age)
        elif b"response.done" in begin:
            notes.done_ms.append(1000 * (time.monotonic() - self._asked))
            self.ask()
        elif b"session.created" in begin and not self.ready.done():
            self.ready.set_result(None)

    def ask(self) -> None:
        """Ask for an answer."""
        self._asked = time.monotonic()
        self.transport.write(self._ask)

    async def talk(self, until: float) -> None:
        """Send audio at the pace of speech."""
        due = time.monotonic()
        while (due := due + CHUNK_S) < until:
            await asyncio.sleep(max(0, due - time.monotonic()))
            self._notes.late_ms.append(1000 * (time.monotonic() - due))
            self._notes.frames += 1
            text = f'{{"type":"input_audio_buffer.append","audio":"{stamp()}{SOUND}"}}'
            self.transport.write(frame(text.encode(), masked=True))


async def run(wish: argparse.Namespace) -> dict[str, Any]:
    """Connect all, warm up, measure."""
    loop, notes, relay = asyncio.get_running_loop(), Notes(), Footprint(wish.pid)
    url, is_paced = urlsplit(wish.url), wish.way == "paced"
    askers = []
    for _ in range(wish.sessions):
        _, asker = await loop.create_connection(
            lambda: Asker(wish.url, notes, is_paced=is_paced), url.hostname, url.port
        )
        askers.append(asker)
        await asyncio.wait_for(asker.ready, READY_S)
    begin = time.monotonic() + wish.warm_s
    until = begin + wish.seconds
    async with asyncio.TaskGroup() as tasks:
        for number, asker in enumerate(askers):
            loop.call_later(wish.warm_s / 2 * number / len(askers), asker.ask)
            if is_paced:
                tasks.create_task(asker.talk(until))
        await asyncio.sleep(begin - time.monotonic())
        await loop.run_in_executor(None, _report, wish.upstream)
        notes.begin()
        cpu, began = relay.cpu_s(), time.monotonic()
        await asyncio.sleep(until - time.monotonic())
        spent, seconds = relay.cpu_s() - cpu, time.monotonic() - began
        seen = _seen(notes, seconds, spent)
    up_ms = await loop.run_in_executor(None, _report, wish.upstream)
    return {
        "way": wish.way,
        "sessions": wish.sessions,
        "seconds": seconds,
        **seen,
        "up_ms": percentiles(up_ms),
        "lost": sum(asker.lost for asker in askers),
        "rss_mib": relay.rss() / 2**20,
    }


def _seen(notes: Notes, seconds: float, spent: float) -> dict[str, Any]:
    return {
        "responses_per_s": len(notes.done_ms) / seconds,
        "frames_per_s": notes.frames / seconds,
        "done_ms": percentiles(notes.done_ms),
        "down_ms": percentiles(notes.down_ms),
        "generator_lag_ms": percentiles(notes.late_ms),
        "cpu_share": spent / seconds,
        "cpu_us_per_frame": 1e6 * spent / max(1, notes.frames),
    }


def _report(upstream: str) -> list[float]:
    with urllib.request.urlopen(f"{upstream}/report", timeout=10) as answer:  # noqa: S310 -- our own mock
        ages: list[float] = json.load(answer)
    return ages


def percentiles(values: list[float]) -> dict[str, float]:
    """The usual ones; empty where there is nothing."""
    if len(values) < 2:
        return {}
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return {"p50": cuts[49], "p95": cuts[94], "p99": cuts[98], "max": max(values)}


def main() -> None:
    """Run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("way", choices=("paced", "burst"))
    parser.add_argument("--url", required=True)
    parser.add_argument("--upstream", required=True, help="the mock's http address")
    parser.add_argument("--sessions", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--warm-s", type=float, default=2)
    parser.add_argument("--pid", type=int)
    json.dump(uvloop.run(run(parser.parse_args())), sys.stdout)


if __name__ == "__main__":
    main()
