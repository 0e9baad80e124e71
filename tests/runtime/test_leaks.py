"""Nothing of a session stays: connects and drops by the thousand, 64 of them at once."""

import asyncio
import gc
import json
import os
import subprocess
import sys
import threading
from collections import Counter

import psutil
from served import engines, play
from websockets.asyncio.client import connect

from antiphon.runtime.members import Member
from antiphon.runtime.runner import Runner
from antiphon.session.session import Session
from antiphon.testing import serving
from antiphon.transports.websocket import WebSocketLink

CONNECTS = 1_000
AT_ONCE = 64
KEPT_BYTES = 5_000
"""What a connect may leave behind, of noise in the allocator; a session that stays would be four times that."""

OURS = (Runner, Member, Session, WebSocketLink)


def ours() -> Counter[type]:
    """How many objects of a session there are."""
    gc.collect()
    return Counter(type(thing) for thing in gc.get_objects() if isinstance(thing, OURS))


async def visit(url: str, number: int) -> None:
    """Connect, be greeted, and leave in one of the ways in which clients do."""
    async with connect(f"{url.replace('http', 'ws')}/v1/realtime?model=tone") as socket:
        assert json.loads(await socket.recv())["type"] == "session.created"
        if number % 4 == 1:
            await socket.send('{"type":"input_audio_buffer.append","audio":"AAAAAAAA"}')
        if number % 4 == 2:
            await socket.send('{"type":"response.create"}')
        if number % 2:
            socket.transport.abort()


async def visits(url: str, count: int) -> None:
    """So many visits, `AT_ONCE` of them at a time."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        async with room:
            await visit(url, number)

    async with asyncio.TaskGroup() as tasks:
        for number in range(count):
            tasks.create_task(one(number))


async def at_rest(idle: set[asyncio.Task[object]]) -> tuple[int, int]:
    """Threads and bytes, once no task is left but those of an idle server."""
    while tasks := asyncio.all_tasks() - idle:
        await asyncio.wait(tasks)
    assert ours() == Counter()
    return threading.active_count(), psutil.Process().memory_info().rss


def test_a_thousand_connects_leave_nothing() -> None:
    """Each is greeted first of all; tasks, threads and memory are afterwards what they were before.

    A first thousand fills the pools of the allocator, the second must find room there. In a process of its own:
    in that of the tests, what other tests have left would be counted as well.
    """
    paths = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, __file__], capture_output=True, text=True, check=False, env=paths)

    assert done.returncode == 0, done.stderr


async def thousands() -> None:
    """The scene of the test above."""
    async with serving(engines()) as url:
        idle = asyncio.all_tasks()
        await visits(url, CONNECTS)
        threads, rss = await at_rest(idle)
        await visits(url, CONNECTS)
        threads_after, rss_after = await at_rest(idle)

        assert threads_after == threads
        assert rss_after - rss < CONNECTS * KEPT_BYTES


def test_an_idle_house_holds_no_session() -> None:
    """What the test above counts is what there is to count."""

    async def scene() -> None:
        async with serving(engines()) as url, connect(f"{url.replace('http', 'ws')}/v1/realtime?model=tone") as socket:
            await socket.recv()

            assert ours() == Counter(dict.fromkeys(OURS, 1))

    play(scene)


if __name__ == "__main__":
    play(thousands, limit_s=110)
