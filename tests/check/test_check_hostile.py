"""Servers that speak nonsense: the check says so, and comes to its end."""

import asyncio
import itertools
import json
from typing import Any

import pytest
from scripted_server import Script, scripted
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from antiphon.conformance.bench import Target
from antiphon.conformance.families import ALL
from antiphon.conformance.manner import Manner
from antiphon.conformance.report import as_json, as_junit, as_markdown
from antiphon.conformance.run import Outcome, Round, Verdict, ask

LIMIT_S = 90
JOBS = 32
HASTY = Manner(patience_s=0.3, pace=0, speech=b"\1\0" * 4800)

NONSENSE: list[Any] = [
    None,
    7,
    "text",
    [],
    {"type": None},
    {"type": "session.created"},
    {"type": "session.created", "session": 7},
    {"type": "session.updated", "session": []},
    {"type": "session.updated", "session": {"audio": "none", "tools": {}}},
    {"type": "response.created", "response": {"id": "resp_1", "output": 3}},
    {"type": "conversation.item.added", "item": {"id": 7, "content": "text"}},
    {"type": "conversation.item.done"},
    {"type": "input_audio_buffer.committed", "item_id": {}},
    {"type": "response.done", "response": {"id": "resp_1", "output": [7], "usage": {"total_tokens": "many"}}},
    {"type": "error", "error": "No."},
    {"type": "error", "error": {"code": [], "type": {}}},
]


async def silent(socket: ServerConnection) -> None:
    """Takes everything, says nothing."""
    await socket.wait_closed()


async def gone(socket: ServerConnection) -> None:
    """Leaves at once."""
    await socket.close(4000, "no")


async def cut(socket: ServerConnection) -> None:
    """Breaks without a word."""
    socket.transport.abort()


async def binary(socket: ServerConnection) -> None:
    """Answers in bytes that are no text."""
    async for _ in socket:
        await socket.send(b"\xff\xfe")


async def babbling(socket: ServerConnection) -> None:
    """Answers anything with the next nonsense, and begins with the right words."""
    await socket.send(json.dumps({"type": "session.created", "event_id": "e", "session": {"type": "realtime"}}))
    rest = itertools.cycle(NONSENSE)
    async for _ in socket:
        await socket.send(json.dumps(next(rest)))


async def flooding(socket: ServerConnection) -> None:
    """Never stops saying what nobody asked for."""
    frame = json.dumps({"type": "session.created", "event_id": "e", "session": {}})
    try:
        while True:
            await socket.send(frame)
    except ConnectionClosed:
        return


@pytest.mark.parametrize("script", [silent, gone, cut, binary, babbling], ids=lambda script: script.__name__)
def test_every_case_comes_to_its_end(script: Script) -> None:
    """Only cases that ask for an error or for nothing may pass by luck; none ends the run, and reports are written."""
    verdicts = asyncio.run(asked(script, len(ALL)))

    assert len(verdicts) == len(ALL)
    scenes = [verdict for verdict in verdicts if verdict.case.scene is not None]
    failed = [verdict for verdict in scenes if verdict.outcome in {Outcome.FAILED, Outcome.ADVICE}]
    assert len(failed) > 0.8 * len(scenes)
    assert all(verdict.message for verdict in failed)
    columns = [(Target("ws://hostile"), verdicts)]
    assert all((as_json(columns), as_junit(columns), as_markdown(columns)))


def test_a_flood_is_cut_off() -> None:
    """A server cannot fill our memory."""
    verdict = asyncio.run(asked(flooding, 1, case="errors.goes_on"))[0]

    assert verdict.outcome is Outcome.FAILED


async def asked(script: Script, count: int, case: str = "") -> list[Verdict]:
    cases = [each for each in ALL if case in {"", each.id}]
    assert len(cases) == count
    async with asyncio.timeout(LIMIT_S), scripted(script) as url:
        return await ask(Target(url), Round(cases, HASTY, jobs=JOBS))
