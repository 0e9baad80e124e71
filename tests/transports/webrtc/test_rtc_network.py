"""How a call is reached by the servers of the operator, and what a peer may say beside events."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from aioice import stun
from rtc_caller import LOOPBACK, PATIENCE_S, caller, dial
from served import play
from test_rtc_bad_input import CALLS, GOOD_OFFER, SDP, ended

from antiphon.config import Config
from antiphon.config.settings import WebRTC
from antiphon.testing import TONE, serving

SEEN_AT = ("203.0.113.9", 40_001)


class Mirror(asyncio.DatagramProtocol):
    """A STUN server that tells everyone the same address; for TURN, it refuses."""

    transport: asyncio.DatagramTransport

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        request = stun.parse_message(data)
        is_binding = request.message_method == stun.Method.BINDING
        answer = stun.Message(
            message_method=request.message_method,
            message_class=stun.Class.RESPONSE if is_binding else stun.Class.ERROR,
            transaction_id=request.transaction_id,
        )
        if is_binding:
            answer.attributes["XOR-MAPPED-ADDRESS"] = SEEN_AT
        else:
            answer.attributes["ERROR-CODE"] = (403, "Forbidden")
        self.transport.sendto(bytes(answer), addr)


@asynccontextmanager
async def mirror() -> AsyncIterator[str]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Mirror, (LOOPBACK, 0))
    try:
        yield f"{LOOPBACK}:{transport.get_extra_info('sockname')[1]}"
    finally:
        transport.close()


async def candidates(**settings: Any) -> list[list[str]]:
    """What a call is answered with, under these settings."""
    config = Config(engines=TONE, webrtc=WebRTC(setup_seconds=0.2, **settings))
    async with serving(config) as url, httpx2.AsyncClient(base_url=url, timeout=PATIENCE_S) as http:
        answer = await http.post(f"{CALLS}?model=m", content=GOOD_OFFER, headers=SDP)
        await ended()
    assert answer.status_code == 201
    return [line.split() for line in answer.text.splitlines() if line.startswith("a=candidate")]


def test_a_turn_server_that_refuses_gives_no_candidate() -> None:
    """The call is answered with what there is."""

    async def scene() -> None:
        async with mirror() as address:
            told = await candidates(turn_server=address, turn_username="u", turn_password="p")

        assert {candidate[7] for candidate in told} == {"host"}

    play(scene)


def test_a_stun_server_that_is_not_there_holds_up_nobody_for_long() -> None:
    """A name that nobody knows: the call is answered with what there is."""

    async def scene() -> None:
        told = await candidates(stun_server="nowhere.invalid")

        assert {candidate[7] for candidate in told} == {"host"}

    play(scene)


def test_packets_of_sctp_that_make_no_sense_are_lost() -> None:
    """Whatever comes through DTLS beside events: the call goes on."""

    async def scene() -> None:
        async with serving() as url, caller() as made:
            await dial(made, url)
            await made.next()
            assert made.channel is not None
            sctp = made.channel.transport
            for nonsense in (b"", b"\x00", bytes(12), struct.pack("!HHLL", 5000, 5000, 1, 2) + b"\xff" * 40):
                await sctp.transport._send_data(nonsense or b"\x01")
            opened = struct.pack("!BBHLHH", 3, 0, 0, 0, 200, 0) + b"\xff\xfe"
            await sctp._send(made.channel.id or 0, 50, opened)
            await sctp._send(7, 50, opened)
            await sctp._send(9, 51, b"to no channel")
            made.ask("say m")
            await made.until("output_audio_buffer.stopped")

    play(scene)


def test_a_second_channel_is_passed_over() -> None:
    """Events go over the first one."""

    async def scene() -> None:
        async with serving() as url, caller() as made:
            await dial(made, url)
            await made.next()
            second = made.peer.createDataChannel("more")
            second.on("open", lambda: second.send('{"type": "response.create"}'))
            made.ask("say m")
            told = [event["type"] for event in await made.until("output_audio_buffer.stopped")]

            assert told.count("response.created") == 1

    play(scene)


def test_a_caller_that_closes_its_channel_still_talks() -> None:
    """The session is the sound's as well; it ends when the caller goes."""

    async def scene() -> None:
        async with serving() as url, caller() as made:
            await dial(made, url)
            await made.next()
            made.ask("say " + "m" * 40)
            await made.until("output_audio_buffer.started")
            assert made.channel is not None
            made.channel.close()

            assert len(await made.until_heard(1.0)) > 0

    play(scene)
