"""Sidebands over real sockets: a WebSocket with `call_id` joins a running call, or is refused before the upgrade."""

import json
from typing import Any

import pytest
from socket_server import dial, listening, play
from websockets.exceptions import InvalidStatus

from antiphon.link import Link, Scope
from antiphon.transports.admission import Gate, Knock, admit
from antiphon.transports.auth import Keys

KEYS = Gate(keys=Keys({"ann": "sk-ann-0123456789", "bob": "sk-bob-0123456789"}))
ANN = "Bearer sk-ann-0123456789"
BOB = "Bearer sk-bob-0123456789"


class OneCall:
    """A call of Ann's, and who was attached to it."""

    def __init__(self) -> None:
        self.attached: list[Scope] = []

    def find(self, call_id: str) -> Scope | None:
        return Scope("webrtc", call_id=call_id, principal="ann") if call_id == "rtc_1" else None

    async def attach(self, call_id: str, link: Link) -> None:
        self.attached.append(link.scope)
        await link.send(json.dumps({"type": "session.created", "call": call_id}).encode())
        await link.close(1000, "The call has ended.")

    def end(self, call_id: str) -> bool:
        return call_id == "rtc_1"


async def nobody(link: Link) -> None:
    """A session of its own is not what a sideband wants."""
    raise AssertionError(link.scope)


async def refused(url: str, **headers: str) -> tuple[int, dict[str, Any]]:
    """The status and the body that a client gets in place of an upgrade."""
    with pytest.raises(InvalidStatus) as caught:
        async with dial(url, **headers):
            pass
    response = caught.value.response
    return response.status_code, json.loads(response.body or b"")


def test_a_sideband_joins_the_call_of_its_key() -> None:
    """No model is needed; the scope says what it is, and audio is not sent to it."""
    calls = OneCall()

    async def scene() -> None:
        async with listening(nobody, KEYS, calls) as url, dial(f"{url}?call_id=rtc_1", Authorization=ANN) as socket:
            assert json.loads(await socket.recv())["call"] == "rtc_1"
            await socket.wait_closed()
            assert socket.close_code == 1000

    play(scene)
    [scope] = calls.attached
    assert (scope.transport, scope.call_id, scope.takes_audio, scope.principal) == ("sideband", "rtc_1", False, "ann")


@pytest.mark.parametrize(("call_id", "key"), [("rtc_2", ANN), ("rtc_1", BOB)])
def test_an_unknown_call_is_not_found(call_id: str, key: str) -> None:
    """HTTP 404 on the upgrade, with the provider's code; another key's call is as unknown as none."""

    async def scene() -> None:
        async with listening(nobody, KEYS, OneCall()) as url:
            status, body = await refused(f"{url}?call_id={call_id}", Authorization=key)

        assert status == 404
        assert body["error"]["code"] == "call_id_not_found"
        assert call_id in body["error"]["message"]

    play(scene)


def test_an_overseer_joins_every_call() -> None:
    """The operator's console looks into all of them."""
    calls = OneCall()
    gate = Gate(keys=KEYS.keys, overseer="bob")

    async def scene() -> None:
        async with listening(nobody, gate, calls) as url, dial(f"{url}?call_id=rtc_1", Authorization=BOB) as socket:
            assert json.loads(await socket.recv())["call"] == "rtc_1"
        async with listening(nobody, gate, calls) as url:
            assert (await refused(f"{url}?call_id=rtc_2", Authorization=BOB))[0] == 404

    play(scene)


def test_a_server_without_calls_finds_none() -> None:
    """A relay, for one."""

    async def scene() -> None:
        async with listening(nobody) as url:
            status, _ = await refused(f"{url}?call_id=rtc_1")
        assert status == 404

    play(scene)


def test_a_wrong_key_is_refused_as_ever() -> None:
    """After the upgrade, by an error and 3000: nothing is told of calls."""

    async def scene() -> None:
        async with (
            listening(nobody, KEYS, OneCall()) as url,
            dial(f"{url}?call_id=rtc_1", Authorization="Bearer sk-nobody-0123456789") as socket,
        ):
            assert json.loads(await socket.recv())["error"]["code"] == "invalid_api_key"
            await socket.wait_closed()
            assert socket.close_code == 3000

    play(scene)


def test_an_empty_call_id_is_none() -> None:
    """Then the request is judged as any other."""
    scope = admit(Knock(query={"call_id": "", "model": "tone"}), Gate())
    assert isinstance(scope, Scope)
    assert (scope.transport, scope.call_id, scope.takes_audio) == ("websocket", None, True)
