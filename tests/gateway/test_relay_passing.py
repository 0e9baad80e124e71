"""The rules of one session, frame by frame, and what becomes of one that nobody planned for."""

import json

import httpx2 as httpx
import pytest
from hostile import Peer, hostile, listen
from relayed import relaying
from scripted_server import created, say, scripted
from served import dial, play
from websockets.asyncio.server import ServerConnection

from antiphon.gateway.accounts import Account
from antiphon.gateway.models import MAX_LIST_BYTES, listed
from antiphon.gateway.passing import Moves, Passing, Same
from antiphon.gateway.settings import Key
from antiphon.gateway.upstreams import Upstream
from antiphon.gateway.usage import Usage
from antiphon.testing import serving


def spent() -> Passing:
    """The rules for a key that has nothing left."""
    account = Account("app", Key(tokens_per_minute=1), lambda: 0.0)
    account.spend(Usage(input_text_tokens=5))
    return Passing(Same(), account, Usage(), ("alias", "real"))


@pytest.mark.parametrize(("event_id", "named"), [('"mine"', "mine"), ("7", None), ("null", None)])
def test_a_refusal_names_what_it_refuses(event_id: str, named: str | None) -> None:
    """Where the name can be read."""
    moves = spent().heard(f'{{"type":"response.create","event_id":{event_id}}}', "response.create")

    assert moves is not None
    assert (moves.up, json.loads(moves.down[0])["error"]["event_id"]) == ((), named)


def test_an_answer_without_an_id_is_stopped_all_the_same() -> None:
    """As the one that speaks."""
    moves = spent().told(b'{"type":"response.created"}', "response.created")

    assert moves is not None
    assert [json.loads(one) for one in moves.up] == [{"type": "response.cancel"}]


@pytest.mark.parametrize(
    "frame",
    ['{"type":"session.update"}', '{"type":"session.update","session":7}', '{"type":"session.update","session":{}}'],
)
def test_an_update_without_a_model_stays_as_it_is(frame: str) -> None:
    """Only the alias is put right, and nothing else is the relay's affair."""
    assert spent().heard(frame, "session.update") == Moves(up=(frame,))


@pytest.mark.parametrize("error", ["null", "7", "{}", '{"code":7}', '{"code":"else"}'])
def test_other_errors_pass(error: str) -> None:
    """Only the one about the relay's key is put in other words."""
    assert spent().told(f'{{"type":"error","error":{error}}}'.encode(), "error") is None


def test_a_full_relay_says_so() -> None:
    """One session more than it may have."""

    async def scene() -> None:
        async with serving() as server, relaying(f"{server}/v1", max_sessions=1) as relay, dial(relay.url):
            told = await listen(relay.socket_url)
            assert (told.errors[0][1], told.code) == ("session_limit_reached", 1013)

    play(scene)


def test_a_fault_of_ours_costs_one_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client is told, and nothing stays open."""

    async def talks(socket: ServerConnection) -> None:
        await say(socket, created())
        await socket.wait_closed()

    def breaks(*_: object) -> None:
        raise ZeroDivisionError

    async def scene() -> None:
        async with scripted(talks) as url, relaying(url) as relay:
            monkeypatch.setattr(Passing, "told", breaks)
            told = await listen(relay.socket_url)
            assert ([kind for kind, _, _ in told.errors], told.code) == (["server_error"], 1011)
            house = relay.house
            assert (house.relay.sessions, house.accounts[""].open_sessions) == (0, 0)

    play(scene)


def test_a_list_of_models_without_end() -> None:
    """It is not read to its end."""

    async def endless(peer: Peer) -> None:
        await peer.request()
        peer.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n" + b" " * MAX_LIST_BYTES)
        await peer.writer.drain()
        peer.writer.write(b" " * MAX_LIST_BYTES)
        await peer.writer.drain()
        await peer.reader.read()

    async def scene() -> None:
        async with hostile(endless) as url, httpx.AsyncClient() as http:
            assert await listed([Upstream("one", url)], http) == []

    play(scene)
