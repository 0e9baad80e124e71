"""A call as a link: frames in order, bounds on what waits, and an end that is told."""

import asyncio
import json

import httpx2
import pytest
from rtc_caller import PATIENCE_S, caller, dial, multipart
from rtc_desk import desk
from served import play, tone

from antiphon.link import Binary, Frame, Link, Media, PlayoutStarted, PlayoutStopped, Scope, Sound, Text
from antiphon.transports.webrtc.link import MAX_WAITING_BYTES, CallLink
from antiphon.transports.webrtc.options import WebRTCOptions


class Visitors:
    """An app that gives its links to the test."""

    def __init__(self) -> None:
        self.links: asyncio.Queue[Link] = asyncio.Queue()
        self.left = asyncio.Event()

    async def __call__(self, link: Link) -> None:
        self.links.put_nowait(link)
        await self.left.wait()

    async def next(self) -> Link:
        async with asyncio.timeout(PATIENCE_S):
            return await self.links.get()


async def until(link: Link, kind: type[Frame]) -> Frame:
    """The next frame of a kind; sound is passed over."""
    async with asyncio.timeout(PATIENCE_S):
        while not isinstance(frame := await link.receive(), kind):
            assert frame is not None
    return frame


def test_the_scope_says_what_it_is() -> None:
    """A call has an id and a playout, and takes no audio as events."""

    async def scene() -> None:
        app = Visitors()
        async with desk(app) as (url, front), caller() as made:
            await dial(made, url)
            link = await app.next()

            assert (link.scope.transport, link.scope.call_id, link.scope.takes_audio) == ("webrtc", made.call_id, False)
            assert made.call_id.startswith("rtc_u1_")
            assert len(made.call_id) == len("rtc_u1_") + 32
            assert link.scope.playout is not None
            await made.opened.wait()
            assert (front.calls, front.half_open) == (1, 0)
            app.left.set()

    play(scene)


def test_everything_comes_by_one_door() -> None:
    """Events, sound and what was played, as they happened."""

    async def scene() -> None:
        app = Visitors()
        async with desk(app) as (url, _), caller() as made:
            await dial(made, url)
            link = await app.next()
            await made.opened.wait()
            assert made.channel is not None
            made.channel.send("é")
            made.channel.send(b"abc")
            told = [await until(link, Text), await until(link, Binary)]
            assert link.scope.playout is not None
            link.scope.playout.play(Sound("resp_1", "item_1", 0, tone(40)))
            link.scope.playout.finish("resp_1")
            told += [await until(link, PlayoutStarted), await until(link, PlayoutStopped)]
            made.voice.say(tone(20))

            assert told == [Text("é"), Binary(3), PlayoutStarted("resp_1"), PlayoutStopped("resp_1")]
            assert isinstance(await until(link, Media), Media)
            app.left.set()

    play(scene)


def test_many_events_arrive_whole_and_in_order() -> None:
    """A sender waits while the channel is full."""

    async def scene() -> None:
        app = Visitors()
        async with desk(app) as (url, _), caller() as made:
            await dial(made, url)
            link = await app.next()
            for number in range(200):
                await link.send(json.dumps({"number": number, "filling": "x" * 8_000}).encode())
            told = [(await made.next())["number"] for _ in range(200)]

            assert told == list(range(200))
            app.left.set()

    play(scene, limit_s=60)


def test_the_last_words_are_heard_before_the_end() -> None:
    """A close waits for what was sent; afterwards nothing is taken or given."""

    async def scene() -> None:
        app = Visitors()
        async with desk(app) as (url, _), caller() as made:
            await dial(made, url)
            link = await app.next()
            await link.send(b'{"last": "words"}')
            await link.close(1001, "The server is shutting down.")
            await link.close(1000, "again")
            await link.send(b'{"too": "late"}')
            await made.gone()

            assert (await made.next(), made.events.empty()) == ({"last": "words"}, True)
            assert [await link.receive(), await link.receive()] == [None, None]
            app.left.set()

    play(scene)


def test_what_an_app_does_not_take_ends_the_call() -> None:
    """No more than the bound is kept for a session that has stopped listening, however small the pieces."""

    async def scene() -> None:
        for frame in (Media(bytes(960)), Text("x" * 100_000), PlayoutStarted("resp_1")):
            link = CallLink(Scope("webrtc"), nothing)
            link.put(frame)
            assert await link.receive() == frame
            for _ in range(MAX_WAITING_BYTES // 128 + 1):
                link.put(frame)

            assert await link.receive() is None

    play(scene)


async def nothing() -> None:
    """There is no connection below."""


def test_a_call_begins_without_the_channel_that_does_not_come() -> None:
    """A channel was offered and is never opened; sound makes the call, and events to nobody are dropped."""

    async def scene() -> None:
        app = Visitors()
        async with desk(app, WebRTCOptions(channel_s=0.2)) as (url, _), caller(channel=None) as made:
            made.peer.createDataChannel("agreed", negotiated=True, id=5)
            await dial(made, url)
            link = await app.next()
            await link.send(b"{}")
            made.voice.say(tone(20))
            assert isinstance(await until(link, Media), Media)
            await link.close(1000, "")
            app.left.set()

    play(scene)


def test_a_call_is_served_before_the_caller_is_connected() -> None:
    """Who posts the offer for a browser joins by sideband before the browser has the answer; events wait for it."""

    async def scene() -> None:
        app = Visitors()
        sending: list[asyncio.Future[None]] = []
        async with desk(app) as (url, front), caller() as made:

            async def post(http: httpx2.AsyncClient, offer: str) -> httpx2.Response:
                response: httpx2.Response = await multipart()(http, offer)
                link = await app.next()
                sending.append(asyncio.ensure_future(link.send(b'{"type":"session.created"}')))
                assert (front.calls, front.half_open, sending[0].done()) == (1, 1, False)
                return response

            await dial(made, url, post)
            await sending[0]

            assert (await made.next())["type"] == "session.created"

    play(scene)


@pytest.mark.parametrize("fails", [False, True])
def test_an_app_that_ends_or_fails_ends_the_call(fails: bool, caplog: pytest.LogCaptureFixture) -> None:
    """The caller is gone in both cases, and the desk is empty; a fault is logged."""

    async def scene() -> None:
        going = asyncio.Event()

        async def app(link: Link) -> None:
            await going.wait()
            if fails:
                raise LookupError("a fault of ours")

        async with desk(app) as (url, front), caller() as made:
            await dial(made, url)
            await made.opened.wait()
            going.set()
            await made.gone()
            await ended(made.call_id)

            assert (front.calls, front.half_open) == (0, 0)

    play(scene)
    assert fails == ("LookupError" in caplog.text)


async def ended(call_id: str) -> None:
    tasks = {task for task in asyncio.all_tasks() if task.get_name() == f"call {call_id}"}
    if tasks:
        await asyncio.wait(tasks, timeout=PATIENCE_S)
