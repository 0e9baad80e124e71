"""What callers should not do: each request is told what is wrong, and nothing else is disturbed."""

import asyncio
import json
import logging
import secrets
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from typing import Any

import httpx2
import psutil
import pytest
from rtc_caller import LOOPBACK, PATIENCE_S, caller, dial, multipart, offer_of
from served import play, tone

from antiphon.config import Config, Server
from antiphon.config.settings import Compat, WebRTC
from antiphon.testing import TONE, serving

CALLS = "/v1/realtime/calls"
SDP = {"content-type": "application/sdp"}
LOCKED = Config(engines=TONE, server=Server(api_keys={"ann": "sk-ann-0123456789"}))
ANN = {"authorization": "Bearer sk-ann-0123456789"}
STRICT = Config(engines=TONE, server=Server(strict_models=True))
QUIET_TURNS = {"type": "server_vad", "create_response": False}
HELLO = bytes([22, 254, 253]) + bytes(8) + b"\x00\x80" + bytes(128)
"""What begins like a DTLS handshake."""


def calls(**settings: Any) -> Config:
    return Config(engines=TONE, webrtc=WebRTC(**settings))


@asynccontextmanager
async def asking(config: Config | None = None) -> AsyncIterator[httpx2.AsyncClient]:
    async with serving(config or "tone") as url, httpx2.AsyncClient(base_url=url, timeout=PATIENCE_S) as http:
        yield http


async def an_offer() -> str:
    """A good offer of a caller that will not come."""
    async with caller() as made:
        return await offer_of(made)


def code_of(response: httpx2.Response) -> tuple[int, str | None, str | None]:
    error = response.json()["error"]
    return response.status_code, error["code"], error["param"]


def udp_sockets() -> int:
    return len(psutil.Process().net_connections("udp"))


@pytest.mark.parametrize(
    ("headers", "body", "told"),
    [
        (SDP, b"", (400, "invalid_offer", "sdp")),
        (SDP, b"\xff\xfe\x00", (400, "invalid_offer", "sdp")),
        (SDP, b"v=0\r\ns=-\r\n", (400, "invalid_offer", "sdp")),
        (SDP, b"v" * (1024 * 1024 + 1), (413, "request_too_large", None)),
        ({"content-type": "application/json"}, b'{"sdp": "v=0"}', (415, "unsupported_content_type", None)),
        ({}, b"v=0", (415, "unsupported_content_type", None)),
        ({"content-type": "multipart/form-data"}, b"v=0", (400, "unsupported_content_type", None)),
        ({"content-type": "multipart/form-data; boundary=b"}, b"nonsense", (400, "unsupported_content_type", None)),
    ],
)
def test_bodies_that_are_no_offer(headers: dict[str, str], body: bytes, told: tuple[int, str, str | None]) -> None:
    """Garbage, too much, or of another kind."""

    async def scene() -> None:
        async with asking() as http:
            response = await http.post(f"{CALLS}?model=gpt-realtime", content=body, headers=headers)

            assert code_of(response) == told
            assert response.headers["access-control-allow-origin"] == "*"

    play(scene)


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"session": (None, "{}")}, (400, "missing_required_parameter", "sdp")),
        ({"sdp": (None, "v=0"), "session": (None, "{")}, (400, "invalid_json", None)),
        ({"sdp": (None, "v=0"), "session": (None, "[]")}, (400, "invalid_event", None)),
        ({"sdp": (None, "v=0"), "session": (None, "{}")}, (400, "missing_required_parameter", "session.type")),
        (
            {"sdp": (None, "v=0"), "session": ("s.json", '{"type": "realtime", "bogus": 1}', "application/json")},
            (400, "unknown_parameter", "session.bogus"),
        ),
        (
            {"sdp": (None, "v=0"), "session": (None, '{"type": "realtime", "model": "nope"}')},
            (400, "invalid_model", None),
        ),
        ({"sdp": ("offer.sdp", "hello", "application/sdp")}, (400, "missing_model", None)),
    ],
)
def test_forms_with_a_fault(parts: dict[str, Any], told: tuple[int, str, str | None]) -> None:
    """The session is checked before the call is taken, as that of an ephemeral key."""

    async def scene() -> None:
        async with asking(STRICT) as http:
            assert code_of(await http.post(CALLS, files=parts)) == told

    play(scene)


def test_keys_are_asked_for() -> None:
    """None, a wrong one, and an ephemeral key that is none; before anything is read."""

    async def scene() -> None:
        async with asking(LOCKED) as http:
            answers = [
                await http.post(CALLS, content=b"hello", headers=SDP | headers)
                for headers in ({}, {"authorization": "Bearer sk-no"}, {"authorization": "Bearer ek_no"})
            ]

            assert [answer.status_code for answer in answers] == [401, 401, 401]
            assert [code_of(answer)[1] for answer in answers] == [None, "invalid_api_key", "invalid_api_key"]

    play(scene)


def test_browsers_ask_before_they_call() -> None:
    """A preflight is answered without a key; the call's id may be read by pages."""

    async def scene() -> None:
        async with asking(LOCKED) as http:
            wanted = {
                "access-control-request-headers": "authorization,content-type,x-mine",
                "origin": "http://a.example",
            }
            answer = await http.options(CALLS, headers=wanted)

            assert answer.status_code == 204
            assert answer.headers["access-control-allow-headers"] == wanted["access-control-request-headers"]
            assert "POST" in answer.headers["access-control-allow-methods"]
            assert answer.headers["access-control-expose-headers"] == "Location"

    play(scene)


def test_beta_is_refused_where_the_operator_refuses_it() -> None:
    """As over WebSocket."""

    async def scene() -> None:
        config = Config(engines=TONE, compat=Compat(refuse_beta=True))
        async with asking(config) as http:
            answer = await http.post("/v1/realtime?model=m", content=await an_offer(), headers=SDP)

            assert code_of(answer) == (400, "beta_api_shape_disabled", None)

    play(scene)


def test_no_more_calls_than_the_operator_takes() -> None:
    """The next one is told to come again; a call that ends makes room."""

    async def scene() -> None:
        async with serving(calls(max_calls=1)) as url, caller() as made:
            await dial(made, url)
            await made.next()
            async with httpx2.AsyncClient(base_url=url) as http:
                refused = await http.post(f"{CALLS}?model=m", content=await an_offer(), headers=SDP)
                await http.delete(f"{CALLS}/{made.call_id}")
                await made.gone()
            assert code_of(refused)[:2] == (429, "rate_limit_exceeded")
            await ended()
            async with caller() as second:
                assert (await dial(second, url)).status_code == 201

    play(scene)


async def ended() -> None:
    """Wait until no call is left."""
    tasks = {task for task in asyncio.all_tasks() if task.get_name().startswith("call ")}
    if tasks:
        _, late = await asyncio.wait(tasks, timeout=PATIENCE_S)
        assert not late


def test_half_open_calls_are_few_and_short() -> None:
    """Hundreds of offers of callers that never come: beyond the cap nothing is made for them; the rest is freed."""

    async def scene() -> None:
        before = udp_sockets()
        async with asking(calls(max_half_open_calls=3, setup_seconds=1.0)) as http:
            offer = await an_offer()

            async def post() -> int:
                return (await http.post(f"{CALLS}?model=m", content=offer, headers=SDP)).status_code

            codes = await asyncio.gather(*(post() for _ in range(300)))
            each = (udp_sockets() - before) / 3
            assert sorted(codes)[:3] == [201, 201, 201]
            assert set(sorted(codes)[3:]) == {429}
            assert each <= len(psutil.net_if_addrs()) * 2 + 1
            await ended()
            assert udp_sockets() <= before
            assert await post() == 201

    play(scene)


def test_an_offer_that_is_posted_twice_makes_two_calls() -> None:
    """The caller can take one answer; the other call is given up, and does not disturb the first."""

    async def scene() -> None:
        async with serving(calls(setup_seconds=1.0)) as url, caller() as made:
            await dial(made, url)
            async with httpx2.AsyncClient(base_url=url) as http:
                second = await http.post(f"{CALLS}?model=m", content=made.peer.localDescription.sdp, headers=SDP)
                assert second.status_code == 201
                await made.next()
                half_open = [t for t in asyncio.all_tasks() if t.get_name().endswith(second.headers["location"][-32:])]
                await asyncio.wait(half_open, timeout=PATIENCE_S)
                made.ask("say m")
                await made.until("output_audio_buffer.stopped")
                answer = await http.post(f"{second.headers['location']}/hangup")
                assert answer.status_code == 404

    play(scene)


def test_a_half_open_call_is_hung_up() -> None:
    """It has no session yet, and is ended all the same."""

    async def scene() -> None:
        before = udp_sockets()
        async with asking() as http:
            made = await http.post(f"{CALLS}?model=m", content=await an_offer(), headers=SDP)
            assert udp_sockets() > before
            ended_call = await http.post(f"{made.headers['location']}/hangup")
            await ended()

            assert ended_call.status_code == 200
            assert udp_sockets() <= before

    play(scene)


def test_a_call_that_nobody_has() -> None:
    """404 in the provider's shape."""

    async def scene() -> None:
        async with asking() as http:
            assert code_of(await http.post(f"{CALLS}/rtc_nope/hangup")) == (404, "call_id_not_found", "call_id")

    play(scene)


def test_a_caller_with_another_certificate_is_not_let_in() -> None:
    """The fingerprint of the offer is what counts; the call is freed."""

    async def scene() -> None:
        async with serving() as url, caller() as made:

            async def forged(http: httpx2.AsyncClient, offer: str) -> httpx2.Response:
                lines = [
                    "a=fingerprint:sha-256 " + ":".join(["00"] * 32) if line.startswith("a=fingerprint") else line
                    for line in offer.splitlines()
                ]
                return await http.post(f"{CALLS}?model=m", content="\r\n".join(lines) + "\r\n", headers=SDP)

            await dial(made, url, forged)
            await ended()
            assert made.events.empty()

    play(scene)


def test_strangers_do_not_reach_a_call() -> None:
    """Junk, forged handshakes and forged checks from another address: the call goes on as if nothing had come."""

    async def scene() -> None:
        async with serving() as url, caller() as made:
            await dial(made, url)
            await made.next()
            ports = [int(line.split()[5]) for line in made.answer.splitlines() if line.startswith("a=candidate")]
            with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as stranger:
                for _ in range(500):
                    for port in ports:
                        for datagram in (
                            HELLO,
                            b"\x80" + secrets.token_bytes(50),
                            b"\x00",
                            secrets.token_bytes(20),
                            b"",
                        ):
                            stranger.sendto(datagram, (LOOPBACK, port))
                    await asyncio.sleep(0)
            made.voice.say(tone(600))
            told = [event["type"] for event in await made.until("output_audio_buffer.stopped")]

            assert "error" not in told
            assert made.peer.connectionState == "connected"

    play(scene)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("{", "invalid_json"),
        ("[]", "invalid_event"),
        (b"\x00\x01", "invalid_event"),
        ('{"type": "nope"}', "invalid_value"),
    ],
)
def test_events_that_are_none_are_errors(message: str | bytes, code: str) -> None:
    """On the data channel as on a socket; the session lives."""

    async def scene() -> None:
        async with serving() as url, caller() as made:
            await dial(made, url)
            await made.next()
            assert made.channel is not None
            made.channel.send(message)
            (*_, error) = await made.until("error")
            made.ask("say m")
            await made.until("output_audio_buffer.stopped")

            assert error["error"]["code"] == code

    play(scene)


def test_words_that_are_no_text_are_refused() -> None:
    """A string that is no UTF-8 is as good as binary."""

    async def scene() -> None:
        async with serving() as url, caller() as made:
            await dial(made, url)
            await made.next()
            assert made.channel is not None
            await made.channel.transport._send(made.channel.id or 0, 51, b"\xff\xfe")
            error = (await made.until("error"))[-1]
            made.ask("say m")
            await made.until("output_audio_buffer.stopped")

            assert error["error"]["code"] == "invalid_event"

    play(scene)


def test_an_event_that_is_too_large_goes_without_its_sound() -> None:
    """Clients read each message as one event, so none is cut; they have heard the sound anyway."""

    async def scene() -> None:
        async with serving() as url, caller() as made:
            await dial(made, url, multipart({"audio": {"input": {"turn_detection": QUIET_TURNS}}}))
            await made.next()
            made.voice.say(tone(8_000))
            (*_, added) = await made.until("conversation.item.done")
            made.say("conversation.item.retrieve", item_id=added["item"]["id"])
            (*_, retrieved) = await made.until("conversation.item.retrieved")

            assert retrieved["item"]["content"] == [{"type": "input_audio", "transcript": None}]

    play(scene)


@pytest.mark.parametrize("limit", [400])
def test_an_event_that_is_too_large_without_sound_is_told_by_an_error(limit: int) -> None:
    """The client learns what it missed."""

    async def scene() -> None:
        async with serving() as url, caller() as made:

            async def small(http: httpx2.AsyncClient, offer: str) -> httpx2.Response:
                lines = [
                    f"a=max-message-size:{limit}" if line.startswith("a=max-message-size") else line
                    for line in offer.splitlines()
                ]
                return await http.post(f"{CALLS}?model=m", content="\r\n".join(lines) + "\r\n", headers=SDP)

            await dial(made, url, small)
            error = await made.next()

            assert (error["type"], error["error"]["code"]) == ("error", "event_too_large")
            assert "session.created" in error["error"]["message"]

    play(scene)


def test_without_the_extra_calls_are_refused_with_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    """501, and the rest of the server works."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "aiortc"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "antiphon.transports.webrtc.call", raising=False)
    monkeypatch.setitem(sys.modules, "aiortc", None)

    async def scene() -> None:
        offer = GOOD_OFFER
        async with asking() as http:
            answer = await http.post(f"{CALLS}?model=m", content=offer, headers=SDP)

            assert code_of(answer)[:2] == (501, "webrtc_not_available")
            assert "hint: install" in answer.json()["error"]["message"]

    play(scene)


GOOD_OFFER = "\r\n".join(
    [
        "v=0",
        "m=audio 9 UDP/TLS/RTP/SAVPF 0",
        "a=ice-ufrag:abcd",
        "a=ice-pwd:" + "p" * 24,
        "a=fingerprint:sha-256 " + ":".join(["AB"] * 32),
        "a=rtcp-mux",
        "a=candidate:1 1 udp 1 nowhere.local 4000 typ host",
        "a=candidate:1 1 udp 1 127.0.0.1 99999 typ host",
        "a=candidate:1 1 tcp 1 127.0.0.1 9 typ host",
        "a=candidate:nonsense",
        "",
    ]
)


def test_candidates_that_lead_nowhere_are_passed_over() -> None:
    """Names, ports beyond all ports, other protocols, nonsense: the call waits, and is given up."""

    async def scene() -> None:
        async with asking(calls(setup_seconds=0.5)) as http:
            answer = await http.post(f"{CALLS}?model=m", content=GOOD_OFFER, headers=SDP)
            assert answer.status_code == 201
            await ended()

    play(scene)


def test_where_no_port_is_free_it_says_so() -> None:
    """503, and the half-open call is not counted any more."""

    async def scene() -> None:
        with closing(socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)) as taken:
            taken.bind(("::", 0))
            port = taken.getsockname()[1]
            config = calls(udp_port_min=port, udp_port_max=port, max_half_open_calls=1)
            async with asking(config) as http:
                answers = [await http.post(f"{CALLS}?model=m", content=GOOD_OFFER, headers=SDP) for _ in range(2)]

            assert [code_of(answer)[:2] for answer in answers] == [(503, "no_media_port")] * 2

    play(scene)


def test_the_operators_ports_and_address_are_told() -> None:
    """All candidates are in the range; the public address comes first, with a port of ours."""

    async def scene() -> None:
        config = calls(udp_port_min=50_000, udp_port_max=59_999, public_address="203.0.113.7", setup_seconds=0.5)
        async with asking(config) as http:
            answer = await http.post(f"{CALLS}?model=m", content=GOOD_OFFER, headers=SDP)
            told = [line.split() for line in answer.text.splitlines() if line.startswith("a=candidate")]

            assert all(50_000 <= int(candidate[5]) <= 59_999 for candidate in told)
            assert LOOPBACK in [candidate[4] for candidate in told]

    play(scene)


def test_losses_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    """The log of a call's end says what was lost and what was recovered; no sound, no words."""
    caplog.set_level(logging.INFO, "antiphon.calls")

    async def scene() -> None:
        async with serving() as url, caller() as made:
            await dial(made, url)
            await made.next()
            send, sent = made.peer.getSenders()[0].transport._send_rtp, 0

            async def losing(data: bytes) -> None:
                nonlocal sent
                sent += 1
                if sent % 10:
                    await send(data)

            made.peer.getSenders()[0].transport._send_rtp = losing  # type: ignore[method-assign]  # a network
            made.voice.say(tone(1_500))
            await made.until("output_audio_buffer.stopped")
            await made.peer.close()
            await ended()

    play(scene)
    (told,) = [record.getMessage() for record in caplog.records if "is over" in record.getMessage()]

    assert " lost, " in told
    assert " 0 lost" not in told
    assert " 0 recovered" not in told


def test_a_flood_of_events_ends_the_call_alone() -> None:
    """What a session cannot take in its time is not kept for ever; the other call goes on."""

    async def scene() -> None:
        async with serving() as url, caller() as made:
            await dial(made, url)
            await made.next()
            assert made.channel is not None
            item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "x" * 1_000}]}
            for _ in range(200):
                made.channel.send(json.dumps({"type": "conversation.item.create", "item": item}))
            for _ in range(200):
                await made.until("conversation.item.done")

    play(scene)
