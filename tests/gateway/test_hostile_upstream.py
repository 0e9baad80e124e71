"""Upstreams that refuse, stall, break off and talk nonsense: the client is told so, after all that came before."""

import asyncio
import json

import pytest
from hostile import BINARY, Peer, head_of, hostile, listen
from relayed import relaying
from served import play
from websockets.asyncio.client import connect

from antiphon.gateway.frames import MAX_UPSTREAM_FRAME_BYTES

UNAVAILABLE = ("server_error", "upstream_unavailable", "No upstream server could be reached. Please try again later.")


async def refuses(peer: Peer) -> None:
    await peer.request()
    await peer.answer("401 Unauthorized", '{"error": "sk-secret-of-the-operator is wrong"}')


async def is_broken(peer: Peer) -> None:
    await peer.request()
    await peer.answer("500 Internal Server Error", "<html>sorry</html>")


async def is_a_web_page(peer: Peer) -> None:
    await peer.request()
    await peer.answer("200 OK", "<html>welcome</html>")


async def is_no_web_server(peer: Peer) -> None:
    peer.writer.write(b"220 smtp.example.com ESMTP\r\n" * 100)
    await peer.writer.drain()


async def hangs_up(peer: Peer) -> None:
    peer.reset()


async def says_nothing(peer: Peer) -> None:
    await asyncio.Event().wait()


async def upgrades_and_says_nothing(peer: Peer) -> None:
    await peer.upgrade()
    await asyncio.Event().wait()


async def upgrades_and_leaves(peer: Peer) -> None:
    await peer.upgrade()
    await peer.send((1000).to_bytes(2, "big"), 8)


@pytest.mark.parametrize(
    "treat",
    [
        refuses,
        is_broken,
        is_a_web_page,
        is_no_web_server,
        hangs_up,
        says_nothing,
        upgrades_and_says_nothing,
        upgrades_and_leaves,
    ],
)
def test_one_that_opens_no_session_is_no_upstream(treat: object) -> None:
    """Whatever it does instead: one error, nothing of what it said, and a close that says try again later."""

    async def scene() -> None:
        async with hostile(treat) as url, relaying(url, open_seconds=0.5) as relay:  # type: ignore[arg-type]  # a Play
            told = await listen(relay.socket_url)

            assert (told.errors, len(told.events)) == ([UNAVAILABLE], 1)
            assert (told.code, told.reason) == (1013, "server_error.upstream_unavailable")
            (upstream,) = relay.house.upstreams.all
            assert (upstream.is_up, upstream.failures, relay.house.relay.sessions) == (False, 1, 0)

    play(scene)


def test_one_that_is_not_there() -> None:
    """Nobody listens at the address."""

    async def scene() -> None:
        async with hostile(hangs_up) as url:
            pass
        async with relaying(url) as relay:
            assert (await listen(relay.socket_url)).errors == [UNAVAILABLE]

    play(scene)


def lost(why: str) -> tuple[str, str, str]:
    return ("server_error", "upstream_lost", f"The upstream server is gone. {why}")


def test_one_that_closes_in_the_middle_of_a_frame() -> None:
    """What came whole is passed on; the half is not; the error follows."""

    async def breaks(peer: Peer) -> None:
        await peer.open()
        await peer.say({"type": "response.created"})
        peer.writer.write(head_of(1000) + b'{"type":"response.')
        await peer.writer.drain()

    async def scene() -> None:
        async with hostile(breaks) as url, relaying(url) as relay:
            told = await listen(relay.socket_url)

            assert told.types == ["session.created", "response.created", "error"]
            assert told.errors == [lost("The connection broke: the server went away without a word.")]
            assert (told.code, told.reason) == (1011, "server_error.upstream_lost")

    play(scene)


def test_one_that_crashes() -> None:
    """A reset of the connection, as when a process dies."""

    async def crashes(peer: Peer) -> None:
        await peer.open()
        await peer.heard()
        peer.reset()

    async def scene() -> None:
        async with hostile(crashes) as url, relaying(url) as relay:
            told = await listen(relay.socket_url, '{"type":"response.create"}')

            assert told.types == ["session.created", "error"]
            assert told.errors[0][1] == "upstream_lost"
            assert told.code == 1011

    play(scene)


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        (b"not JSON", 1),
        (b'["a", "list"]', 1),
        (b'{"no":"type"}', 1),
        (b'{"type":7}', 1),
        (b'{"type":"response.done","x":"\xff\xfe"}', 1),
        (b'{"type":"x","a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", 1),
        (b"", 1),
        (b"\x00\x01\x02", BINARY),
    ],
)
def test_nonsense_is_not_passed_on(payload: bytes, kind: int) -> None:
    """It is told as an error, and the session goes on."""

    async def talks_nonsense(peer: Peer) -> None:
        await peer.open()
        await peer.send(payload, kind)
        await peer.say({"type": "response.done", "response": {}})
        await peer.send((1000).to_bytes(2, "big"), 8)

    async def scene() -> None:
        async with hostile(talks_nonsense) as url, relaying(url) as relay:
            told = await listen(relay.socket_url)

            assert told.types == ["session.created", "error", "response.done"]
            assert told.errors == [
                ("server_error", "upstream_invalid_event", "The upstream server sent a frame that is no event.")
            ]
            assert told.code == 1000

    play(scene)


def test_a_frame_beyond_the_bound() -> None:
    """50 MiB end the session as soon as the frame says how long it is; nobody waits for it, nobody keeps it."""
    asked = 50 * 1024 * 1024
    assert asked > MAX_UPSTREAM_FRAME_BYTES

    async def is_huge(peer: Peer) -> None:
        await peer.open()
        peer.writer.write(head_of(asked) + b"a" * 100_000)
        await peer.writer.drain()
        await peer.heard()  # the close

    async def scene() -> None:
        async with hostile(is_huge) as url, relaying(url) as relay:
            told = await listen(relay.socket_url)

            assert told.types == ["session.created", "error"]
            assert told.errors[0][1] == "upstream_lost"
            assert "1009" in told.errors[0][2]
            assert told.code == 1011

    play(scene)


def test_one_that_breaks_the_protocol_and_stays() -> None:
    """Nobody waits for it to close the connection."""

    async def breaks(peer: Peer) -> None:
        await peer.open()
        await peer.send(b"", 7)  # no such kind of frame
        await peer.heard()
        await asyncio.Event().wait()

    async def scene() -> None:
        async with hostile(breaks) as url, relaying(url) as relay:
            listening = asyncio.ensure_future(listen(relay.socket_url))
            while not listening.done():
                relay.house.relay.look_over()
                await asyncio.sleep(0.05)
            told = listening.result()

            assert told.types == ["session.created", "error"]
            assert told.errors == [lost("It broke the protocol.")]
            assert told.code == 1011

    play(scene)


def test_a_frame_within_the_bound() -> None:
    """A retrieved item with 10 minutes of sound is one frame, and comes through."""
    payload = json.dumps({"type": "conversation.item.retrieved", "item": {"audio": "A" * 39_000_000}}).encode()

    async def is_large(peer: Peer) -> None:
        await peer.open()
        await peer.send(payload)
        await peer.heard()

    async def scene() -> None:
        async with (
            hostile(is_large) as url,
            relaying(url) as relay,
            connect(f"{relay.socket_url}?model=m", max_size=None) as socket,
        ):
            await socket.recv()
            assert await socket.recv(decode=False) == payload

    play(scene)


@pytest.mark.parametrize(("code", "reason"), [(4000, "why.not"), (3000, "invalid_request_error"), (1001, "bye")])
def test_its_own_goodbye_is_passed_on(code: int, reason: str) -> None:
    """After an error event of its own, nothing is added."""

    async def says_goodbye(peer: Peer) -> None:
        await peer.open()
        error = {"type": "invalid_request_error", "code": "session_expired", "message": "Too late.", "param": None}
        await peer.say({"type": "error", "error": error})
        await peer.send(code.to_bytes(2, "big") + reason.encode(), 8)

    async def scene() -> None:
        async with hostile(says_goodbye) as url, relaying(url) as relay:
            told = await listen(relay.socket_url)

            assert told.errors == [("invalid_request_error", "session_expired", "Too late.")]
            assert (told.code, told.reason) == (code, reason)

    play(scene)


def test_a_goodbye_without_an_error_gets_one() -> None:
    """A restart in the middle: the code says which, the error says it aloud."""

    async def restarts(peer: Peer) -> None:
        await peer.open()
        await peer.send((1012).to_bytes(2, "big") + b"restart", 8)

    async def scene() -> None:
        async with hostile(restarts) as url, relaying(url) as relay:
            told = await listen(relay.socket_url)

            assert told.errors == [lost("It closed with 1012 restart.")]
            assert (told.code, told.reason) == (1012, "restart")

    play(scene)


def test_a_key_of_ours_that_ends_in_the_middle() -> None:
    """The upstream shows parts of it; the client gets other words for it."""

    async def revokes(peer: Peer) -> None:
        await peer.open()
        message = "Incorrect API key provided: sk-***tail."
        error = {"type": "invalid_request_error", "code": "invalid_api_key", "message": message, "param": None}
        await peer.say({"type": "error", "error": error})
        await peer.send((3000).to_bytes(2, "big") + b"invalid_request_error.invalid_api_key", 8)

    async def scene() -> None:
        async with hostile(revokes) as url, relaying(url) as relay:
            (upstream,) = relay.house.upstreams.all
            assert upstream.is_up
            told = await listen(relay.socket_url)

            assert told.errors == [
                ("server_error", "upstream_key_refused", "The upstream server refused the relay's key.")
            ]
            assert told.code == 3000

    play(scene)
