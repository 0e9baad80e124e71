"""What a client that reads slowly still gets of an answer that was cancelled."""

import asyncio
import base64
import socket

from served import Caller, dial, engines, play
from websockets.asyncio.client import connect

from antiphon.audio.pcm import ms_of
from antiphon.testing import serving

MINUTES = 20
"""Of speech: far more than sockets and queues hold."""
CHARACTERS = MINUTES * 60 * 1000 // 40
"""The tone voice speaks one in 40 ms."""


def test_late_audio_of_a_cancelled_answer_never_leaves() -> None:
    """What waited for the slow client is dropped: there is none after `response.done`, and little before it."""

    async def scene() -> None:
        narrow = socket.socket()
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        narrow.setblocking(False)
        async with serving(engines()) as url:
            await _connected(narrow, url)
            address = f"{url.replace('http', 'ws')}/v1/realtime?model=tone"
            async with connect(address, sock=narrow, max_queue=1, max_size=None) as link:
                caller = Caller(link)
                await caller.ask("say " + "word " * (CHARACTERS // 5))
                await caller.until("response.output_audio.delta")
                async with dial(url) as quick:  # meanwhile the slow one takes nothing, and its way fills up
                    for _ in range(5):
                        await quick.answers()
                await caller.say("response.cancel")

                heard_ms = await _heard_until_done(caller)

                assert heard_ms < MINUTES * 60 * 1000 // 2
                assert await _kinds_until_the_next_answer(caller) == {"conversation.item.added", "response.created"}
                await caller.until("response.done")

    play(scene)


async def _connected(narrow: socket.socket, url: str) -> None:
    host, _, port = url.removeprefix("http://").partition(":")
    await asyncio.get_running_loop().sock_connect(narrow, (host, int(port)))


async def _heard_until_done(caller: Caller) -> int:
    """How much sound comes before the end of the answer."""
    heard_ms = 0
    while (event := await caller.next())["type"] != "response.done":
        if event["type"] == "response.output_audio.delta":
            heard_ms += ms_of(base64.b64decode(event["delta"]))
    assert event["response"]["status"] == "cancelled"
    return heard_ms


async def _kinds_until_the_next_answer(caller: Caller) -> set[str]:
    await caller.ask("say yes.")
    kinds: set[str] = set()
    while (event := await caller.next())["type"] != "response.output_item.added":
        kinds.add(event["type"])
    return kinds - {"conversation.item.done"}
