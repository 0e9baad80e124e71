"""Churn: sessions that come, speak, are answered, interrupt, cancel, and leave in every ugly way, as long as wished.

`python bench/churn.py --url ws://127.0.0.1:8000/v1/realtime?model=gpt-realtime --minutes 60` prints what it found as
JSON: sessions by fate, what was wrong or missing by the laws of `ledger.py`, and, with `--pid`, the server's memory,
threads and open files each minute, and its tasks where it was started by `serve_counted.py` (`--counts FILE`).
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import psutil
from callers import Voice, session_update, voice
from ledger import Event, Ledger
from load import SPEECH
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

PATIENCE_S = 20.0
"""What has not come by then is missing."""
LEAVING_S = 2.0
"""The server has so long to forget all visitors before its footprint is taken."""
COUNTING_S, LOOKING_S = 20.0, 0.1
"""The server's tasks are counted within, and the count is looked for so often; a mark may be without it."""
FIRST_SOUND = "response.output_audio.delta"
AT_MOST_TOLD = 50
NONSENSE: tuple[str | bytes, ...] = (
    "{",
    "[]",
    '{"type": "session.upset"}',
    '{"type": "conversation.item.delete", "item_id": "item_of_nobody"}',
    '{"type": "input_audio_buffer.append", "audio": "no base64!"}',
    '{"type": "session.update", "session": {"type": "realtime", "audio": {"input": {"turn_detection": 7}}}}',
)
"""Each must bring one error, and nothing else."""


class Missing(Exception):
    """Something did not come."""


class Visitor:
    """One session, from its connection to its end."""

    def __init__(self, socket: ClientConnection, voice: Voice, chance: random.Random) -> None:
        self.socket = socket
        self.voice = voice
        self.chance = chance
        self.ledger = Ledger()
        self.counts: Counter[str] = Counter()
        self.ended: list[str] = []
        """Statuses of the responses."""
        self._news = asyncio.Event()

    async def listen(self) -> None:
        """Enter all that comes."""
        async for frame in self.socket:
            event: Event = json.loads(frame)
            self.ledger.take(event)
            self.counts[event["type"]] += 1
            if event["type"] == "response.done":
                self.ended.append(event["response"]["status"])
            self._news.set()

    async def send(self, kind: str, **fields: Any) -> None:
        """Send one event."""
        await self.socket.send(json.dumps({"type": kind, **fields}))

    async def until(self, kind: str, times: int = 1, *, silent: bool = False) -> None:
        """Wait until an event has come so often in all, sending silence meanwhile. Raises Missing."""
        clock = asyncio.get_running_loop().time
        limit = clock() + PATIENCE_S
        while self.counts[kind] < times:
            if clock() > limit:
                raise Missing(f"{kind}, {times} in all")
            self._news.clear()
            if not silent:
                await self.socket.send(self.voice.silence)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.voice.chunk_s):
                    await self._news.wait()
                    await asyncio.sleep(0 if silent else self.voice.chunk_s)

    async def speak(self, share: float = 1.0) -> None:
        """Say a clip, or the first part of it, at the pace of speech."""
        frames = self.chance.choice(self.voice.clips).frames
        for frame in frames[: max(1, round(share * len(frames)))]:
            await self.socket.send(frame)
            await asyncio.sleep(self.voice.chunk_s)

    async def configure(self) -> None:
        """Server VAD that answers and interrupts; transcribed."""
        await self.until("session.created", silent=True)
        await self.socket.send(session_update(300, answers=True, transcribes=True))
        await self.until("session.updated", silent=True)

    async def ask(self, **wish: Any) -> None:
        """A written question and its answer's beginning."""
        content = [{"type": "input_text", "text": "Tell me something."}]
        await self.send("conversation.item.create", item={"type": "message", "role": "user", "content": content})
        await self.send("response.create", **({"response": wish} if wish else {}))


# Fates


async def hang_up(visitor: Visitor) -> None:
    """Gone before the first event is read."""
    visitor.socket.transport.abort()


async def break_off(visitor: Visitor) -> None:
    """Cut off in the middle of a sentence."""
    await visitor.configure()
    await visitor.speak(visitor.chance.random())
    visitor.socket.transport.abort()


async def answered(visitor: Visitor) -> None:
    """A turn, and its whole answer."""
    await visitor.configure()
    await visitor.speak()
    await visitor.until("response.done")


async def barge_in(visitor: Visitor) -> None:
    """Speak into the answer; that one ends, and the new turn is answered."""
    await visitor.configure()
    await visitor.speak()
    await visitor.until(FIRST_SOUND)
    await asyncio.sleep(visitor.chance.uniform(0, 0.5))
    turns = visitor.counts["input_audio_buffer.committed"]
    await visitor.speak()
    await visitor.until("input_audio_buffer.committed", turns + 1)
    await visitor.until("response.done", visitor.counts["response.created"])
    await visitor.until("response.done", 2)


async def cancel(visitor: Visitor) -> None:
    """Stop the answer at a moment of its course."""
    await visitor.configure()
    await visitor.ask()
    await visitor.until("response.created", silent=True)
    await asyncio.sleep(visitor.chance.uniform(0, 1.2))
    await visitor.send("response.cancel")
    await visitor.until("response.done", silent=True)


async def leave_in_answer(visitor: Visitor) -> None:
    """Gone while the answer comes: with a close, without, or with half of one."""
    await visitor.configure()
    await visitor.ask()
    await visitor.until(FIRST_SOUND, silent=True)
    match visitor.chance.randrange(3):
        case 0:
            await visitor.socket.close()
        case 1:
            visitor.socket.transport.abort()
        case _:
            visitor.socket.transport.write_eof()
            with contextlib.suppress(ConnectionClosed):
                await visitor.socket.wait_closed()


async def nonsense(visitor: Visitor) -> None:
    """What no client should send; a proper answer follows all the same."""
    await visitor.configure()
    for number, frame in enumerate(visitor.chance.sample(NONSENSE, len(NONSENSE)), 1):
        await visitor.socket.send(frame)
        await visitor.until("error", number, silent=True)
    await visitor.ask()
    await visitor.until("response.done", silent=True)


async def crowd(visitor: Visitor) -> None:
    """Several responses at once, one of them of the conversation."""
    await visitor.configure()
    for _ in range(3):
        await visitor.ask(conversation="none", output_modalities=["text"])
    await visitor.ask()
    await visitor.until("response.done", 4, silent=True)


async def by_hand(visitor: Visitor) -> None:
    """No turn detection: clear, commit, ask; and a commit of nothing, which is an error."""
    await visitor.configure()
    heard = {"input": {"turn_detection": None}}
    await visitor.send("session.update", session={"type": "realtime", "audio": heard})
    await visitor.until("session.updated", 2, silent=True)
    await visitor.send("input_audio_buffer.commit")
    await visitor.until("error", silent=True)
    await visitor.speak(0.3)
    await visitor.send("input_audio_buffer.clear")
    await visitor.speak(0.3)
    await visitor.send("input_audio_buffer.commit")
    await visitor.send("response.create")
    await visitor.until("response.done", silent=True)


FATES: tuple[Callable[[Visitor], Awaitable[None]], ...] = (
    hang_up,
    break_off,
    answered,
    barge_in,
    cancel,
    leave_in_answer,
    nonsense,
    crowd,
    by_hand,
)
HEARD_OUT = {answered, nonsense, crowd, by_hand}
"""Fates after which nothing may be left open."""
ERRORS = {"nonsense": len(NONSENSE), "by_hand": 1}
CANCEL_CAME_LATE = {"cancel": 1}
"""A cancel may meet a response that has just ended."""


class Churn:
    """All visits of a run."""

    def __init__(self, wish: argparse.Namespace) -> None:
        self.wish = wish
        self.voice = voice(wish.speech, 100, wish.clips, wish.seed)
        self.chance = self.voice.chance
        self.visits: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()
        self.events = 0
        self.wrong: list[str] = []
        self.missing: list[str] = []
        self.footprints: list[dict[str, float]] = []

    async def run(self) -> dict[str, Any]:
        """Visit until it is time, then take the last footprint."""
        await self._measure(0)
        begun = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as tasks:
            until = begun + 60 * self.wish.minutes
            watching = tasks.create_task(self._watch(begun))
            async with asyncio.TaskGroup() as visits:
                for _ in range(self.wish.visitors):
                    visits.create_task(self._come_and_go(until))
            watching.cancel()
            ended = asyncio.get_running_loop().time()
        await asyncio.sleep(LEAVING_S)
        await self._measure(ended - begun)
        return {
            "minutes": round((ended - begun) / 60, 2),
            "visitors": self.wish.visitors,
            "sessions": sum(self.visits.values()),
            "by_fate": dict(self.visits),
            "responses": dict(self.statuses),
            "events": self.events,
            "wrong": len(self.wrong),
            "missing": len(self.missing),
            "told": (self.wrong + self.missing)[:AT_MOST_TOLD],
            "footprints": self.footprints,
        }

    async def _come_and_go(self, until: float) -> None:
        while asyncio.get_running_loop().time() < until:
            fate = self.chance.choice(FATES)
            self.visits[fate.__name__] += 1
            try:
                await self._visit(fate)
            except (OSError, TimeoutError, ConnectionClosed) as error:
                self.missing.append(f"{fate.__name__}: the connection: {error!r}")

    async def _visit(self, fate: Callable[[Visitor], Awaitable[None]]) -> None:
        name = fate.__name__
        async with connect(self.wish.url, max_size=None, compression=None, ping_interval=None) as socket:
            visitor = Visitor(socket, self.voice, self.chance)
            listening = asyncio.create_task(visitor.listen())
            try:
                await fate(visitor)
            except Missing as missing:
                self.missing.append(f"{name}: {missing}")
            finally:
                await socket.close()
                await asyncio.gather(listening, return_exceptions=True)
        self._take_stock(name, visitor, is_heard_out=fate in HEARD_OUT)

    def _take_stock(self, name: str, visitor: Visitor, *, is_heard_out: bool) -> None:
        self.events += visitor.ledger.seen
        self.statuses.update(visitor.ended)
        self.wrong += [f"{name}: {fault}" for fault in visitor.ledger.faults]
        if is_heard_out:
            self.wrong += [f"{name}: never ended: {each}" for each in visitor.ledger.open_things()]
        excess = visitor.counts["error"] - ERRORS.get(name, 0)
        if excess > CANCEL_CAME_LATE.get(name, 0):
            self.wrong.append(f"{name}: {excess} errors too many")
        if failed := visitor.ended.count("failed"):
            self.wrong.append(f"{name}: {failed} responses failed")

    async def _watch(self, begun: float) -> None:
        while True:
            await asyncio.sleep(min(60.0, 15 * self.wish.minutes))
            await self._measure(asyncio.get_running_loop().time() - begun)

    async def _measure(self, at_s: float) -> None:
        if self.wish.pid is None:
            return
        server = psutil.Process(self.wish.pid)
        seen: dict[str, float] = {
            "at_s": round(at_s, 1),
            "rss_mib": server.memory_info().rss / 2**20,
            "threads": server.num_threads(),
            "files": server.num_fds(),
        }
        if self.wish.counts is not None:
            self.wish.counts.unlink(missing_ok=True)
            server.send_signal(signal.SIGUSR1)
            for _ in range(round(COUNTING_S / LOOKING_S)):
                await asyncio.sleep(LOOKING_S)
                if self.wish.counts.exists():
                    seen |= json.loads(self.wish.counts.read_text())
                    break
        self.footprints.append(seen)


def main() -> None:
    """Run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--visitors", type=int, default=6)
    parser.add_argument("--pid", type=int)
    parser.add_argument("--counts", type=Path)
    parser.add_argument("--speech", type=Path, default=SPEECH)
    parser.add_argument("--clips", nargs="*", default=[])
    parser.add_argument("--seed", type=int, default=1)
    wish = parser.parse_args()
    json.dump({**asyncio.run(Churn(wish).run()), "load_average": os.getloadavg()[0]}, sys.stdout)


if __name__ == "__main__":
    main()
