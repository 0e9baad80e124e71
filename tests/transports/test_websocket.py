"""The WebSocket transport, over real sockets: what comes in becomes frames, what goes out becomes text."""

import asyncio

import pytest
from socket_server import dial, listening, play, refusal
from websockets.exceptions import ConnectionClosed

from antiphon.link import Binary, Frame, Link, Scope, Text
from antiphon.transports.admission import Gate
from antiphon.transports.auth import Keys

LOCKED = Gate(keys=Keys({"ann": "sk-ann"}))


class Visitors:
    """An app that gives its links to the test."""

    def __init__(self) -> None:
        self.links: asyncio.Queue[Link] = asyncio.Queue()
        self.done = asyncio.Event()

    async def __call__(self, link: Link) -> None:
        self.links.put_nowait(link)
        await self.done.wait()


async def nobody(link: Link) -> None:
    """An app that should not be reached."""
    raise AssertionError(link)


def test_frames_come_in_as_they_were_sent() -> None:
    """Text as text; of a binary frame only its size; the end as none, for ever."""

    async def scene() -> None:
        app = Visitors()
        async with listening(app) as url, dial(f"{url}?model=m") as client:
            link = await app.links.get()
            await client.send('{"type": "é"}')
            await client.send(b"abc")
            frames: list[Frame | None] = [await link.receive() for _ in range(2)]
            await client.close(1000)

            assert frames == [Text('{"type": "é"}'), Binary(3)]
            assert [await link.receive(), await link.receive()] == [None, None]
            app.done.set()

    play(scene)


def test_events_go_out_as_text() -> None:
    """Strings of JSON, as all clients expect."""

    async def scene() -> None:
        app = Visitors()
        async with listening(app) as url, dial(f"{url}?model=m") as client:
            link = await app.links.get()
            await link.send('{"type": "é"}'.encode())

            assert await client.recv() == '{"type": "é"}'
            app.done.set()

    play(scene)


def test_a_close_has_its_code_and_reason() -> None:
    """A reason that is too long for the frame is cut, between characters. After it, nothing is sent."""

    async def scene() -> None:
        app = Visitors()
        async with listening(app) as url, dial(f"{url}?model=m") as client:
            link = await app.links.get()
            await link.close(4000, "é" * 100)
            await link.close(1000, "again")
            await link.send(b"{}")
            with pytest.raises(ConnectionClosed):
                await client.recv()

            assert (client.close_code, client.close_reason) == (4000, "é" * 61)
            assert await link.receive() is None
            app.done.set()

    play(scene)


def test_a_peer_that_vanished_is_sent_nothing() -> None:
    """Without an exception: its session ends by itself."""

    async def scene() -> None:
        app = Visitors()
        async with listening(app) as url:
            async with dial(f"{url}?model=m") as client:
                link = await app.links.get()
                client.transport.abort()
            assert await link.receive() is None
            await link.send(b"{}")
            await link.close(1000, "")
            app.done.set()

    play(scene)


def test_a_loss_may_be_noticed_while_sending() -> None:
    """The peer may be gone before anybody reads that it is."""

    async def scene() -> None:
        app = Visitors()
        async with listening(app) as url:
            async with dial(f"{url}?model=m") as client:
                link = await app.links.get()
                client.transport.abort()
            for _ in range(100):
                await link.send(b"{}" * 1000)
            app.done.set()

    play(scene)


def test_sending_waits_for_a_slow_peer() -> None:
    """What a client does not read is not piled up without end."""

    async def scene() -> None:
        app = Visitors()
        async with listening(app) as url, dial(f"{url}?model=m") as client:
            link = await app.links.get()
            client.transport.pause_reading()

            async def flood() -> None:
                for _ in range(100):
                    await link.send(b"x" * 1024 * 1024)

            flooding = asyncio.ensure_future(flood())
            done, _ = await asyncio.wait([flooding], timeout=0.5)
            assert not done
            client.transport.abort()
            await flooding
            app.done.set()

    play(scene)


def test_a_scope_tells_what_is_known() -> None:
    """The model, the key's name, the peer; a sub-protocol is chosen where one was offered, never the key."""

    async def scene() -> None:
        app = Visitors()
        offers = ["realtime", "openai-insecure-api-key.sk-ann", "openai-organization.org"]
        async with (
            listening(app, LOCKED) as url,
            dial(f"{url}?model=gpt-realtime&x=1", subprotocols=offers) as client,
        ):
            link = await app.links.get()
            host, port = client.local_address[:2]

            assert client.subprotocol == "realtime"
            assert link.scope == Scope(
                transport="websocket",
                model="gpt-realtime",
                principal="ann",
                client=f"{host}:{port}",
                query={"model": "gpt-realtime", "x": "1"},
            )
            app.done.set()

    play(scene)


def test_no_subprotocol_is_chosen_where_none_is_known() -> None:
    """The key alone is not answered."""

    async def scene() -> None:
        app = Visitors()
        async with (
            listening(app, LOCKED) as url,
            dial(f"{url}?model=m", Authorization="Bearer sk-ann") as client,
        ):
            await app.links.get()

            assert client.subprotocol is None
            app.done.set()

    play(scene)


def test_a_refusal_comes_after_the_upgrade() -> None:
    """First the error event, then the close, at once; the app is not asked."""

    async def scene() -> None:
        async with listening(nobody, LOCKED) as url:
            assert await refusal(dial(f"{url}?model=m")) == (
                "Missing bearer or basic authentication in header",
                None,
                3000,
                "invalid_request_error",
            )
            assert await refusal(dial(url, api_key="sk-ann")) == (
                "You must provide a model parameter, for example wss://HOST/v1/realtime?model=gpt-realtime",
                "missing_model",
                4000,
                "invalid_request_error.missing_model",
            )
            offers = ["realtime", "openai-insecure-api-key.sk-eve", "openai-beta.realtime-v1"]
            assert (await refusal(dial(f"{url}?model=m", subprotocols=offers)))[1:] == (
                "invalid_api_key",
                3000,
                "invalid_request_error.invalid_api_key",
            )

    play(scene)


def test_the_largest_append_fits_into_a_frame() -> None:
    """15 MiB of audio are 20 MiB of base64."""

    async def scene() -> None:
        app = Visitors()
        async with listening(app) as url, dial(f"{url}?model=m") as client:
            link = await app.links.get()
            sending = asyncio.ensure_future(client.send("x" * 20 * 1024 * 1024 + "é"))
            frame = await link.receive()
            await sending
            app.done.set()

            assert isinstance(frame, Text)
            assert len(frame.data) == 20 * 1024 * 1024 + 1

    play(scene)


def test_a_frame_that_is_too_large_ends_the_link() -> None:
    """The server closes by itself then; what is sent after that is let go."""

    async def scene() -> None:
        app = Visitors()
        async with listening(app) as url, dial(f"{url}?model=m") as client:
            link = await app.links.get()
            sending = asyncio.ensure_future(client.send("x" * 22 * 1024 * 1024))
            assert await link.receive() is None
            await link.send(b"{}")
            app.done.set()
            await asyncio.wait([sending])

            assert isinstance(sending.exception(), ConnectionClosed | None)

    play(scene)
