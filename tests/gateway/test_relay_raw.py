"""A relay between two that speak the same: frames pass as they are, in order, and whoever is slow is waited for."""

import asyncio
import base64
import json
from typing import Any

import pytest
from hostile import Peer, hostile, listen
from openai import AsyncOpenAI
from relayed import relaying
from scripted_server import created, say, scripted
from served import dial, play, spoken
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection

from antiphon.gateway.house import RelayHouse
from antiphon.testing import serving

STRANGE = [
    '{"type":"session.dance" , "steps":[1,2.50,1e3], "type2":null}',
    '  {"a":{"type":"inner"},"type":"x.y"}  ',
    '{"type":"schön","text":"\\u00e9 é 🎶"}',
    '{"type":"twice","type":"once more"}',
]
"""Events of no protocol, in spellings that no encoder of ours would choose."""


async def echo(socket: ServerConnection) -> None:
    await say(socket, created())
    async for frame in socket:
        await socket.send(frame)


def test_frames_pass_untouched() -> None:
    """Unknown types, spaces, numbers, letters: byte for byte, both ways."""

    async def scene() -> None:
        async with scripted(echo) as url, relaying(url) as relay, connect(f"{relay.socket_url}?model=m") as socket:
            await socket.recv()
            for frame in STRANGE:
                await socket.send(frame)
                assert await socket.recv() == frame

    play(scene)


def test_what_a_client_says_wrong_is_the_upstreams_to_refuse() -> None:
    """Broken JSON goes up as it came; only a binary frame, which no server takes, is answered here."""

    async def scene() -> None:
        async with scripted(echo) as url, relaying(url) as relay, connect(f"{relay.socket_url}?model=m") as socket:
            await socket.recv()
            await socket.send(b"\x00\x01")
            refused = json.loads(await socket.recv())["error"]
            await socket.send('{"type":"ping.pong"}')

            assert refused["message"] == "Expected a text WebSocket message; binary frames are not supported."
            assert json.loads(await socket.recv()) == {"type": "ping.pong"}

    async def broken() -> None:
        async with serving() as server, relaying(f"{server}/v1") as relay, dial(relay.url) as caller:
            await caller.socket.send("{not JSON")
            assert (await caller.error())["code"] == "invalid_json"
            assert await caller.answers() == "still here."

    play(scene)
    play(broken)


def test_order_is_kept_both_ways() -> None:
    """Thousands of frames of all sizes, sent without waiting."""
    sent = [
        json.dumps({"type": "numbered", "number": number, "pad": "x" * (number * 7919 % 20_000)})
        for number in range(3000)
    ]

    async def scene() -> None:
        async with scripted(echo) as url, relaying(url) as relay, connect(f"{relay.socket_url}?model=m") as socket:
            await socket.recv()

            async def talk() -> None:
                for frame in sent:
                    await socket.send(frame)

            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(talk())
                assert [await socket.recv() for _ in sent] == sent
            figures = relay.house.figures
            assert (figures.to_upstream.frames, figures.to_client.frames) == (3000, 3000)
            assert figures.to_upstream.size == figures.to_client.size == sum(map(len, sent))

    play(scene)


FLOOD_BYTES = 256 * 1024
FLOOD_FRAMES = 600
HELD_BYTES = 64 * 1024 * 1024
"""More than the sockets and queues on the way hold, by far less than what is offered."""


def test_a_client_slower_than_the_upstream_holds_it_back() -> None:
    """The upstream cannot send on while the client takes nothing; nothing is lost, nothing piles up."""
    sent = 0
    stalled = asyncio.Event()

    async def floods(peer: Peer) -> None:
        nonlocal sent
        await peer.open()
        for number in range(FLOOD_FRAMES):
            frame = json.dumps({"type": "numbered", "number": number, "pad": "x" * FLOOD_BYTES}).encode()
            sending = asyncio.ensure_future(peer.send(frame))
            done, _ = await asyncio.wait({sending}, timeout=2)
            if not done:
                stalled.set()
            await sending
            sent += 1
        await peer.send((1000).to_bytes(2, "big"), 8)

    async def scene() -> None:
        async with (
            hostile(floods) as url,
            relaying(url) as relay,
            connect(f"{relay.socket_url}?model=m", max_queue=1) as socket,
        ):
            await socket.recv()
            await stalled.wait()
            assert sent * FLOOD_BYTES < HELD_BYTES
            numbers = [json.loads(frame)["number"] async for frame in socket]
            assert numbers == list(range(FLOOD_FRAMES))

    play(scene)


def test_a_client_that_takes_nothing_for_too_long_is_let_go() -> None:
    """So that it holds neither an upstream's session nor memory for ever."""
    is_gone = asyncio.Event()

    async def floods(peer: Peer) -> None:
        await peer.open()
        try:
            while True:
                await peer.say({"type": "more", "pad": "x" * FLOOD_BYTES})
        finally:
            is_gone.set()

    async def scene() -> None:
        async with (
            hostile(floods) as url,
            relaying(url, stall_seconds=0.2) as relay,
            connect(f"{relay.socket_url}?model=m", max_queue=1, close_timeout=0.1) as socket,
        ):
            await socket.recv()
            while not is_gone.is_set():
                relay.house.relay.look_over()
                await asyncio.sleep(0.05)

    play(scene)


def test_an_upstream_that_never_reads_is_lost() -> None:
    """The client is told, although its own frames are stuck."""

    async def never_reads(peer: Peer) -> None:
        await peer.open()
        await asyncio.Event().wait()

    async def scene() -> None:
        async with (
            hostile(never_reads) as url,
            relaying(url, stall_seconds=0.2) as relay,
            connect(f"{relay.socket_url}?model=m") as socket,
        ):
            await socket.recv()

            async def flood() -> None:
                while True:
                    await socket.send(json.dumps({"type": "input_audio_buffer.append", "audio": "A" * 1_000_000}))

            async def look() -> None:
                while True:
                    relay.house.relay.look_over()
                    await asyncio.sleep(0.05)

            tasks = [asyncio.ensure_future(flood()), asyncio.ensure_future(look())]
            event = json.loads(await socket.recv())
            await socket.wait_closed()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

            assert event["error"]["message"] == "The upstream server is gone. It takes nothing that is sent to it."
            assert socket.close_code == 1011

    play(scene)


def test_a_client_that_leaves_ends_the_upstreams_session() -> None:
    """Politely or not; what it sent before it left has arrived."""
    heard: asyncio.Queue[Any] = asyncio.Queue()

    async def listens(socket: ServerConnection) -> None:
        await say(socket, created())
        async for frame in socket:
            await heard.put(frame)
        await heard.put(socket.close_code)

    async def scene() -> None:
        async with scripted(listens) as url, relaying(url) as relay:
            async with connect(f"{relay.socket_url}?model=m") as socket:
                await socket.send('{"type":"last.words"}')
            assert [await heard.get(), await heard.get()] == ['{"type":"last.words"}', 1000]

            async with connect(f"{relay.socket_url}?model=m") as socket:
                await socket.recv()
                socket.transport.abort()
                assert await heard.get() == 1000

    play(scene)


async def settled(house: RelayHouse, tasks: int | None = None) -> None:
    """Return when no session is left, and no more tasks than these."""
    while house.relay.sessions or (tasks is not None and len(asyncio.all_tasks()) > tasks):  # noqa: ASYNC110 -- no event tells
        await asyncio.sleep(0.01)


def test_a_hundred_sessions_leave_nothing_behind() -> None:
    """Talking at once, ended in different ways: no task, no session, no account is left open."""

    async def scene() -> None:
        async with serving() as server, relaying(f"{server}/v1") as relay:
            async with dial(relay.url) as caller:
                await caller.answers()
            await settled(relay.house)
            before = len(asyncio.all_tasks())

            async def talk(number: int) -> None:
                async with dial(relay.url) as caller:
                    assert await caller.answers() == "still here."
                    if number % 3 == 0:
                        caller.socket.transport.abort()
                    if number % 3 == 1:
                        await caller.say("response.create")

            async with asyncio.TaskGroup() as talks:
                for number in range(100):
                    talks.create_task(talk(number))
            house = relay.house
            await settled(house, before)
            assert [(one.sessions, one.opened, one.failures) for one in house.upstreams.all] == [(0, 101, 0)]
            assert (house.accounts[""].open_sessions, house.accounts[""].usage.sessions) == (0, 101)
            assert sum(house.figures.open.values()) == 0

    play(scene)


@pytest.mark.parametrize("grace_s", [0.0, 5.0])
def test_a_relay_that_stops_says_so(grace_s: float) -> None:
    """Open sessions may end by themselves for a while, then they are ended; new ones are refused."""

    async def scene() -> None:
        async with serving() as server, relaying(f"{server}/v1") as relay, dial(relay.url) as caller:
            stopping = asyncio.ensure_future(relay.house.relay.stop(grace_s))
            await asyncio.sleep(0)  # so that it has begun
            told = await listen(relay.socket_url)
            assert (told.errors[0][1], told.code) == ("shutting_down", 1001)
            if grace_s:
                assert await caller.answers() == "still here."
                await caller.socket.close()
            else:
                assert (await caller.until("error"))["error"]["code"] == "shutting_down"
            await stopping
            assert relay.house.relay.sessions == 0

    play(scene)


def test_the_official_sdk_notices_nothing() -> None:
    """A spoken turn through the relay, as with the server itself."""

    async def scene() -> None:
        async with serving() as server, relaying(f"{server}/v1") as relay:
            client = AsyncOpenAI(base_url=f"{relay.url}/v1", api_key="any")
            async with client, client.realtime.connect(model="gpt-realtime") as connection:
                for start in range(0, len(spoken()), 4_800):
                    chunk = spoken()[start : start + 4_800]
                    await connection.input_audio_buffer.append(audio=base64.b64encode(chunk).decode())
                heard, status = 0, None
                async for event in connection:
                    if event.type == "response.output_audio.delta":
                        heard += len(base64.b64decode(event.delta))
                    if event.type == "response.done":
                        status = event.response.status
                        break
        assert status == "completed"
        assert heard > 24_000

    play(scene)


def test_one_that_opens_as_the_relay_stops_is_refused() -> None:
    """The upstream was slow, and meanwhile the relay was told to stop."""
    asked, may_open = asyncio.Event(), asyncio.Event()

    async def hesitates(peer: Peer) -> None:
        await peer.upgrade()
        asked.set()
        await may_open.wait()
        await peer.say(created())
        await peer.heard()

    async def scene() -> None:
        async with hostile(hesitates) as url, relaying(url) as relay:
            listening = asyncio.ensure_future(listen(relay.socket_url))
            await asked.wait()
            await relay.house.relay.stop(0)
            may_open.set()
            told = await listening
            assert (told.errors[0][1], told.code) == ("shutting_down", 1001)

    play(scene)
