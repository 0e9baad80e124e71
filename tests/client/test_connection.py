"""A connection to servers that behave, and to servers that do not."""

import asyncio
import errno
import json
import os
import socket
import ssl
from collections.abc import Coroutine
from http import HTTPStatus
from typing import Any, TypeVar

import pytest
from scripted_server import created, error, port_of, say, scripted
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from antiphon.client import BadAddress, ConnectionLost, Unreachable, UpgradeRefused, connect
from antiphon.client.connection import _why as why_of
from antiphon.protocol import server_events as ev
from antiphon.protocol.client_events import InputAudioBufferAppend, ResponseCancel, ResponseCreate
from antiphon.protocol.codec import Unknown

T = TypeVar("T")
KEY = "sk-test-123"


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run to the end, with asyncio's own checks."""
    return asyncio.run(coroutine, debug=True)


def test_events_go_both_ways() -> None:
    """What is sent arrives as JSON, what the server says comes as typed events, and the end is quiet."""
    received: list[Any] = []

    async def script(socket: ServerConnection) -> None:
        await say(socket, created())
        received.extend([json.loads(await socket.recv()), json.loads(await socket.recv())])
        await say(socket, {"type": "input_audio_buffer.cleared"})

    async def talk() -> list[type]:
        async with scripted(script) as url, connect(url, model="gpt-realtime") as connection:
            await connection.send(InputAudioBufferAppend(audio=b"\1\2"))
            await connection.send(ResponseCreate(event_id="mine"))
            assert connection.url == f"{url}?model=gpt-realtime"
            return [type(event) async for event in connection]

    assert run(talk()) == [ev.SessionCreated, ev.InputAudioBufferCleared]
    assert received == [
        {"type": "input_audio_buffer.append", "audio": "AQI="},
        {"type": "response.create", "event_id": "mine"},
    ]


def test_what_cannot_be_read_is_passed_on() -> None:
    """Garbage, unknown types, broken UTF-8 and binary frames come as they are; the next event comes too."""

    async def script(socket: ServerConnection) -> None:
        await socket.send("{")
        await socket.send("[1]")
        await say(socket, {"type": "weather.changed", "sky": "blue"}, {"type": 7})
        await socket.send(b"\xff\xfe")
        await socket.send(b"\xff\xfe", text=True)
        await say(socket, created())

    async def talk() -> list[Any]:
        async with scripted(script) as url, connect(url) as connection:
            return [event async for event in connection]

    events = run(talk())

    assert [event.type for event in events if isinstance(event, Unknown)] == ["", "", "weather.changed", "", "", ""]
    assert events[2].tree == {"event_id": "event_1", "type": "weather.changed", "sky": "blue"}
    assert isinstance(events[-1], ev.SessionCreated)


def test_raw_frames_go_both_ways() -> None:
    """A frame is sent and given as it is, event or not; text unless told otherwise."""
    received: list[bytes | str] = []

    async def script(socket: ServerConnection) -> None:
        received.extend([await socket.recv() for _ in range(3)])
        await socket.send("{ ")
        await socket.send(b"\xff", text=True)
        await socket.close(4000, "enough")

    async def talk() -> list[bytes | None]:
        async with scripted(script) as url, connect(url) as connection:
            await connection.send_raw(b'{"type":1}')
            await connection.send_raw("hm")
            await connection.send_raw("hm", is_binary=True)
            frames = [await connection.receive_raw(), await connection.receive_raw()]
            with pytest.raises(ConnectionLost) as lost:
                await connection.receive_raw()
            assert (lost.value.code, lost.value.detail) == (4000, None)
            with pytest.raises(ConnectionLost):
                await connection.send_raw("late")
            return frames

    assert run(talk()) == [b"{ ", b"\xff"]
    assert received == ['{"type":1}', "hm", b"hm"]


def test_a_frame_of_50_mib() -> None:
    """A server may put a long recording into one event."""

    async def script(socket: ServerConnection) -> None:
        await say(
            socket,
            {
                "type": "response.output_audio.delta",
                "response_id": "resp_1",
                "item_id": "item_1",
                "output_index": 0,
                "content_index": 0,
                "delta": "AAAA" * (50 * 1024 * 1024 // 4),
            },
        )

    async def talk() -> Any:
        async with scripted(script) as url, connect(url) as connection:
            return await connection.receive()

    assert len(run(talk()).delta) == 50 * 1024 * 1024 * 3 // 4


def test_a_key_by_header_and_by_subprotocol() -> None:
    """The key is in the header, or where a browser puts it: never in both."""
    seen: list[tuple[str | None, str | None, str | None]] = []

    def note(_socket: ServerConnection, request: Request) -> None:
        headers = request.headers
        seen.append((headers.get("Authorization"), headers.get("Sec-WebSocket-Protocol"), headers.get("X-Mine")))

    async def script(socket: ServerConnection) -> None:
        await say(socket, created())

    async def talk() -> None:
        async with scripted(script, on_request=note) as url:
            async with connect(url, api_key=KEY, headers={"X-Mine": "1"}) as connection:
                await connection.receive()
            async with connect(url, api_key=KEY, subprotocol_auth=True) as connection:
                await connection.receive()

    run(talk())

    assert seen == [(f"Bearer {KEY}", None, "1"), (None, f"realtime, openai-insecure-api-key.{KEY}", None)]


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        (HTTPStatus.UNAUTHORIZED, "give the server's key with --api-key or in OPENAI_API_KEY"),
        (HTTPStatus.NOT_FOUND, "is this the address of a Realtime server? It usually ends in /v1/realtime"),
        (HTTPStatus.INTERNAL_SERVER_ERROR, None),
    ],
)
def test_an_upgrade_that_is_refused(status: HTTPStatus, hint: str | None) -> None:
    """The status and the server's own words in one line, and what to do where we know it."""

    def refuse(socket: ServerConnection, _request: Request) -> Response:
        return socket.respond(status, "Not\nfor you.")

    async def talk() -> UpgradeRefused:
        async with scripted(nobody, on_request=refuse) as url:
            with pytest.raises(UpgradeRefused) as raised:
                await opened(url + "?model=secret")
            assert raised.value.message == f"{url} refused the WebSocket: HTTP {status.value}: Not for you."
            return raised.value

    refusal = run(talk())

    assert (refusal.status, refusal.hint) == (status, hint)


def test_a_redirect_is_not_followed() -> None:
    """The key goes to the address that was given, and to no other."""
    paths: list[str] = []

    def redirect(socket: ServerConnection, request: Request) -> Response:
        paths.append(request.path)
        response = socket.respond(HTTPStatus.FOUND, "")
        response.headers["Location"] = "/elsewhere"
        return response

    async def talk() -> UpgradeRefused:
        async with scripted(nobody, on_request=redirect) as url:
            with pytest.raises(UpgradeRefused) as raised:
                await opened(url)
            return raised.value

    refusal = run(talk())

    assert (refusal.status, refusal.hint) == (302, "it moved to /elsewhere")
    assert paths == ["/v1/realtime"]


def test_nobody_listens() -> None:
    """A port without a server is said to be one."""

    async def talk() -> Unreachable:
        server = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0)
        port = port_of(server)
        server.close()
        await server.wait_closed()
        with pytest.raises(Unreachable) as raised:
            await opened(f"127.0.0.1:{port}")
        assert raised.value.message == (
            f"Nobody answers at ws://127.0.0.1:{port}/v1/realtime: the connection was refused."
        )
        return raised.value

    assert run(talk()).hint == "is the server running?"


def test_a_host_that_does_not_exist() -> None:
    """An unknown name is unreachable as well."""
    with pytest.raises(Unreachable, match=r"Nobody answers at ws://nowhere\.invalid/v1/realtime: "):
        run(opened("ws://nowhere.invalid/v1"))


@pytest.mark.parametrize(
    ("raised", "why"),
    [
        (OSError(errno.ENETUNREACH, "Connect call failed ('10.0.0.1', 80)"), os.strerror(errno.ENETUNREACH)),
        (
            OSError("Multiple exceptions: [Errno 111] Connect call failed ('::1', 9), [Errno 111] Connect call failed"),
            "the connection was refused",
        ),
        (OSError("Multiple exceptions: [Errno 101] a, [Errno 113] b"), "none of its addresses can be reached"),
        (socket.gaierror(-2, "Name or service not known"), "Name or service not known"),
        (EOFError(), "the connection was cut at once"),
        (OSError(), "OSError"),
    ],
)
def test_the_systems_reasons_in_words(raised: Exception, why: str) -> None:
    """A host with several addresses fails in as many ways; one line tells it."""
    assert why_of(raised) == why


@pytest.mark.parametrize("answer", [b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b""])
def test_a_server_of_another_kind(answer: bytes) -> None:
    """What answers and is no WebSocket server ends the attempt with one line."""

    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()
        await writer.wait_closed()

    async def talk() -> str:
        async with await asyncio.start_server(reply, "127.0.0.1", 0) as server:
            with pytest.raises((UpgradeRefused, Unreachable)) as raised:
                await opened(f"127.0.0.1:{port_of(server)}")
            return raised.value.message

    message = run(talk())

    assert "\n" not in message
    assert message.startswith(("ws://127.0.0.1", "Nobody answers at ws://127.0.0.1"))


def test_a_server_that_says_nothing() -> None:
    """Waiting has an end."""

    async def talk() -> None:
        gone = asyncio.Event()

        async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await gone.wait()
            writer.close()

        async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
            with pytest.raises(Unreachable, match=r"did not answer within 0\.05 s\."):
                await opened(f"127.0.0.1:{port_of(server)}", open_timeout_s=0.05)
            gone.set()

    run(talk())


@pytest.mark.parametrize(
    ("answer", "message"),
    [(b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak TLS"), (b"", "the connection was cut at once")],
)
def test_tls_where_there_is_none(answer: bytes, message: str) -> None:
    """`wss://` to a plain port fails at once and says why."""

    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(answer)
        writer.close()

    async def talk() -> Unreachable:
        async with await asyncio.start_server(reply, "127.0.0.1", 0) as server:
            with pytest.raises(Unreachable) as raised:
                await opened(f"wss://127.0.0.1:{port_of(server)}", ssl=ssl.create_default_context())
            return raised.value

    refusal = run(talk())

    assert message in refusal.message
    assert refusal.hint in {"is it ws:// rather than wss://?", "is the server running, and with TLS?"}


def test_a_bad_address_is_told_before_anything_is_sent() -> None:
    """No task, no socket."""
    with pytest.raises(BadAddress):
        run(opened("ftp://example.com"))


@pytest.mark.parametrize(
    ("code", "hint"), [(3000, "give the server's key with --api-key or in OPENAI_API_KEY"), (4000, None)]
)
def test_an_error_and_a_close(code: int, hint: str | None) -> None:
    """The error comes as an event; the end then repeats it, so that it cannot be missed."""

    async def script(socket: ServerConnection) -> None:
        await say(socket, error("Incorrect API key provided: sk-…", "invalid_api_key"))
        await socket.close(code, "invalid_request_error.invalid_api_key")

    async def talk() -> ConnectionLost:
        async with scripted(script) as url, connect(url, api_key=KEY) as connection:
            assert isinstance(await connection.receive(), ev.Error)
            with pytest.raises(ConnectionLost) as raised:
                await connection.receive()
            return raised.value

    lost = run(talk())

    assert lost.message == "The server said: Incorrect API key provided: sk-…"
    assert (lost.code, lost.hint, lost.reason) == (code, hint, "invalid_request_error.invalid_api_key")
    assert lost.detail
    assert lost.detail.code == "invalid_api_key"


def test_an_error_long_ago_is_not_the_reason() -> None:
    """Only an error that was the last word explains a close."""

    async def script(socket: ServerConnection) -> None:
        await say(socket, error("No."), created())
        await socket.close(1011, "out of cheese")

    lost = run(lost_of(script))

    assert (lost.message, lost.detail) == ("The server closed the connection: 1011 out of cheese.", None)


def test_a_close_without_a_reason() -> None:
    """A code alone is told as it is."""

    async def script(socket: ServerConnection) -> None:
        await socket.close(1001)

    assert run(lost_of(script)).message == "The server closed the connection: 1001."


def test_a_server_that_vanishes() -> None:
    """A cut wire is no end: everything before it came through, then the loss is told."""

    async def script(socket: ServerConnection) -> None:
        await say(socket, created())
        socket.transport.abort()

    lost = run(lost_of(script))

    assert (lost.message, lost.code) == ("The connection broke: the server went away without a word.", 1006)


def test_a_frame_that_breaks_the_protocol() -> None:
    """We give up a connection whose frames make no sense, and say that it was us."""

    async def script(socket: ServerConnection) -> None:
        socket.transport.write(b"\xff\xff\xff\xff")
        await socket.wait_closed()

    lost = run(lost_of(script))

    assert lost.message.startswith("The connection was given up: 1002 ")


def test_sending_into_a_lost_connection() -> None:
    """Who sends too late is told, and nothing hangs."""

    async def script(socket: ServerConnection) -> None:
        await socket.close(4000, "enough")

    async def talk() -> ConnectionLost:
        async with scripted(script) as url, connect(url) as connection:
            with pytest.raises(ConnectionLost):
                await connection.receive()
            with pytest.raises(ConnectionLost) as raised:
                await connection.send(ResponseCancel())
            return raised.value

    assert run(talk()).code == 4000


def test_closing_ends_the_iteration() -> None:
    """Our own close is no loss; a second one does nothing."""

    async def script(socket: ServerConnection) -> None:
        await socket.wait_closed()

    async def talk() -> list[Any]:
        async with scripted(script) as url, connect(url) as connection:
            await connection.close()
            await connection.close()
            return [event async for event in connection]

    assert run(talk()) == []


async def nobody(socket: ServerConnection) -> None:
    """A script for servers that nobody reaches."""
    await socket.close()


async def opened(url: str, **options: Any) -> None:
    """Connect and leave."""
    async with connect(url, **options):
        pass


async def lost_of(script: Any) -> ConnectionLost:
    """How the iteration over a script's events ends."""
    async with scripted(script) as url, connect(url) as connection:
        with pytest.raises(ConnectionLost) as raised:
            async for _ in connection:
                pass
        return raised.value
