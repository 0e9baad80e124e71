"""The load generator, a process of its own: N callers at any Realtime server; what they saw as JSON on stdout.

`python bench/load.py answer --url ws://127.0.0.1:8000/v1/realtime?model=gpt-realtime --sessions 4 --seconds 30`
With `--pid` the CPU time and memory of that process and its children are measured over the same seconds.
"""

import argparse
import asyncio
import json
import os
import resource
import statistics
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
from callers import Caller, Notes, Stamped, Voice, calling, session_update, voice

SPEECH = Path(__file__).parent.parent / "tests" / "speech"
SPOKEN_CHARACTERS = 70
"""About as long as the stub's answer."""
CONNECTING = 20
"""Connections that are opened at once."""


class Footprint:
    """CPU seconds and memory of a process and all below it."""

    def __init__(self, pid: int | None) -> None:
        self._root = None if pid is None else psutil.Process(pid)

    def _all(self) -> list[psutil.Process]:
        return [] if self._root is None else [self._root, *self._root.children(recursive=True)]

    def cpu_s(self) -> float:
        """User and system time so far."""
        return sum(sum(process.cpu_times()[:2]) for process in self._all())

    def rss(self) -> int:
        """Resident bytes."""
        return sum(process.memory_info().rss for process in self._all())


class Run:
    """One scenario against one server."""

    def __init__(self, wish: argparse.Namespace) -> None:
        self.wish = wish
        self.notes = Notes(reads_stamps=wish.stamped)
        self.server = Footprint(wish.pid)
        self.voice: Voice = voice(wish.speech, wish.chunk_ms, wish.clips, wish.seed, joined=wish.joined)
        self.update = session_update(
            wish.silence_ms, answers=wish.scenario != "listen", transcribes=wish.scenario == "answer"
        )

    async def together(self, act: Callable[[Caller, float], Awaitable[None]]) -> dict[str, Any]:
        """All sessions connected, then all acting for the given time, out of step; CPU over what is common to all."""
        wish, loop = self.wish, asyncio.get_running_loop()
        knocking, ready, go = asyncio.Semaphore(CONNECTING), asyncio.Semaphore(0), loop.create_future()

        async def one() -> None:
            async with knocking:
                call = calling(wish.url, self.update, self.voice, self.notes)
                caller = await call.__aenter__()
            ready.release()
            try:
                until = await asyncio.shield(go)
                await asyncio.sleep(self.voice.chance.uniform(0, wish.spread_s))
                caller.restart()
                await act(caller, until)
            finally:
                await call.__aexit__(*sys.exc_info())

        async with asyncio.TaskGroup() as tasks:
            for _ in range(wish.sessions):
                tasks.create_task(one())
            for _ in range(wish.sessions):
                await ready.acquire()
            go.set_result(loop.time() + wish.spread_s + wish.seconds)
            await asyncio.sleep(wish.spread_s)
            self.notes.pings_s.clear()
            self.notes.lags_s.clear()
            cpu, begun = self.server.cpu_s(), loop.time()
            await asyncio.sleep(wish.seconds)
            spent, seconds, rss = self.server.cpu_s() - cpu, loop.time() - begun, self.server.rss()
        return {
            "cpu_ms_per_session_s": 1000 * spent / seconds / wish.sessions,
            "cpu_share": spent / seconds,
            "rss_mib": rss / 2**20,
        }

    async def answer(self) -> dict[str, Any]:
        """Conversations."""
        return await self.together(lambda caller, until: caller.converse(until, self.wish.think_s))

    async def listen(self) -> dict[str, Any]:
        """Callers who talk and are not answered."""
        return await self.together(lambda caller, until: caller.talk_on(until, self.wish.share, self.wish.ping_s))

    async def idle(self) -> dict[str, Any]:
        """Sessions that are connected and do nothing: memory at none and at all, and CPU."""
        before = self.server.rss()

        async def wait(_: Caller, until: float) -> None:
            await asyncio.sleep(until - asyncio.get_running_loop().time())

        measured = await self.together(wait)
        grown = measured["rss_mib"] * 2**20 - before
        return {**measured, "rss_before_mib": before / 2**20, "kib_per_session": grown / 1024 / self.wish.sessions}

    async def engine(self) -> dict[str, Any]:
        """No server: the stub's voice read as it comes, by so many at a time. What stamps cost by themselves."""
        address, until = urlsplit(self.wish.url), asyncio.get_running_loop().time() + self.wish.seconds
        shares: list[float] = []

        async def read() -> None:
            while asyncio.get_running_loop().time() < until:
                shares.extend(await _spoken(str(address.hostname), address.port or 80))

        async with asyncio.TaskGroup() as tasks:
            for _ in range(self.wish.sessions):
                tasks.create_task(read())
        return {"share_ms": _percentiles(shares)}

    def report(self, measured: dict[str, Any]) -> dict[str, Any]:
        """All figures of the run."""
        notes, wish = self.notes, self.wish
        return {
            "scenario": wish.scenario,
            "sessions": wish.sessions,
            "silence_ms": wish.silence_ms,
            "chunk_ms": wish.chunk_ms,
            **measured,
            "turns": [turn.report() for turn in notes.turns],
            **self._shares(),
            "missing": notes.missing,
            "errors": notes.errors[:20],
            "closed": notes.closed,
            "ping_ms": _percentiles(notes.pings_s),
            "connect_ms": _percentiles(notes.connects_s),
            "generator_lag_ms": _percentiles(notes.lags_s),
            "speech_started": notes.started,
            "speech_stopped": notes.stopped,
            "clips_spoken": notes.spoken,
            "load_average": os.getloadavg()[0],
        }

    def _shares(self) -> dict[str, Any]:
        stamped = [turn.stamped for turn in self.notes.turns if turn.stamped is not None]
        if not stamped:
            return {}
        shares = [share for each in stamped for share in each.shares_s]
        return {"share_ms": _percentiles(shares), "unmatched": sum(each.unmatched for each in stamped)}


async def _spoken(host: str, port: int) -> list[float]:
    """One answer of the stub's voice: how old each piece was when it had come."""
    reader, writer = await asyncio.open_connection(host, port)
    body = json.dumps({"model": "stub", "input": "a" * SPOKEN_CHARACTERS}).encode()
    head = f"POST /v1/audio/speech HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    await reader.readuntil(b"\r\n\r\n")
    stamped = Stamped()
    while size := int(await reader.readline(), 16):
        piece = (await reader.readexactly(size + 2))[:-2]
        stamped.take(piece, asyncio.get_running_loop().time())
    writer.close()
    return stamped.shares_s


def _percentiles(seconds: list[float]) -> dict[str, float]:
    if len(seconds) < 2:
        return {}
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return {"p50": 1000 * cuts[49], "p95": 1000 * cuts[94], "p99": 1000 * cuts[98], "max": 1000 * max(seconds)}


def main() -> None:
    """Run one scenario."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenario", choices=("answer", "listen", "idle", "engine"))
    parser.add_argument("--url", required=True)
    parser.add_argument("--sessions", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--spread-s", type=float, default=1.0, help="callers begin within so many seconds")
    parser.add_argument("--chunk-ms", type=int, default=20)
    parser.add_argument("--silence-ms", type=int, default=500)
    parser.add_argument("--think-s", type=float, default=0.3)
    parser.add_argument("--share", type=float, default=0.4, help="of the time that a listener's caller speaks")
    parser.add_argument("--ping-s", type=float, default=5.0)
    parser.add_argument("--speech", type=Path, default=SPEECH)
    parser.add_argument("--clips", nargs="*", default=[])
    parser.add_argument("--joined", action="store_true", help="all clips in one breath")
    parser.add_argument("--stamped", action="store_true", help="the engine stamps its audio")
    parser.add_argument("--pid", type=int)
    parser.add_argument("--seed", type=int, default=1)
    wish = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    run = Run(wish)
    measured = asyncio.run(getattr(run, wish.scenario)())
    json.dump(run.report(measured), sys.stdout)


if __name__ == "__main__":
    main()
