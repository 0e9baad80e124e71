"""Calls over WebRTC with aiortc as the caller: HTTP, ICE, DTLS, SRTP and SCTP over this machine's loopback."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import numpy as np
import psutil
import pytest
import uvloop
from rtc_caller import LINE_HZ, PATIENCE_S, Event, Line, RtcCaller, caller, dial, multipart, plain
from served import engines, play, tone
from websockets.asyncio.client import connect

from antiphon.config import Config, Server
from antiphon.config.settings import WebRTC
from antiphon.facts import Fact, SessionClosed
from antiphon.testing import TONE, serving

M_HZ = 1_390
"""The pitch of the tone voice's letter m."""
LOCKED = Config(engines=TONE, server=Server(api_keys={"ann": "sk-ann-0123456789", "bob": "sk-bob-0123456789"}))
ANN, BOB = {"authorization": "Bearer sk-ann-0123456789"}, {"authorization": "Bearer sk-bob-0123456789"}


class Closings:
    """Tells when a session has been closed."""

    def __init__(self) -> None:
        self.closed = asyncio.Event()

    def report(self, fact: Fact) -> None:
        if isinstance(fact, SessionClosed):
            self.closed.set()


@asynccontextmanager
async def called(config: Config | None = None, **session: Any) -> AsyncIterator[RtcCaller]:
    """A caller whose session has begun."""
    async with serving(config or "tone") as url, caller() as made:
        await dial(made, url, multipart(session))
        assert (await made.next())["type"] == "session.created"
        yield made


def pitch_of(line: Line) -> int:
    """The strongest frequency."""
    power = np.abs(np.fft.rfft(line * np.hanning(len(line)), LINE_HZ))
    return int(np.argmax(power))


def kinds(events: list[Event]) -> list[str]:
    return [event["type"] for event in events]


async def freed(before: int) -> None:
    """Wait until no task of a call is left, and no socket more than before."""
    tasks = {task for task in asyncio.all_tasks() if task.get_name().startswith("call ")}
    if tasks:
        _, late = await asyncio.wait(tasks, timeout=PATIENCE_S)
        assert not late
    assert udp_sockets() <= before


def udp_sockets() -> int:
    return len(psutil.Process().net_connections("udp"))


def test_an_answer_is_heard_and_told() -> None:
    """The caller hears the answer's own tone; the channel tells all but the audio, and when it began and ended."""

    async def scene() -> None:
        async with called() as made:
            made.ask("say mmmmmmmmmmmmmmmmmmmmmmmmm")
            events = await made.until("output_audio_buffer.stopped")
            heard = await made.until_heard(0.9)

            told = kinds(events)
            assert abs(pitch_of(heard) - M_HZ) <= 10
            assert 0.9 <= len(heard) / LINE_HZ <= 1.2
            assert "response.output_audio.delta" not in told
            assert told.count("output_audio_buffer.started") == 1
            assert told.index("output_audio_buffer.started") > told.index("response.created")
            assert "response.output_audio.done" in told

    play(scene)


def test_a_spoken_turn_is_answered() -> None:
    """A tone, and then nothing at all: silence is put in, the turn ends, and the tone is echoed in words."""

    async def scene() -> None:
        async with called(audio={"input": {"transcription": {"model": "tone"}}}) as made:
            made.voice.say(tone(800))
            events = await made.until("output_audio_buffer.stopped")

            told = kinds(events)
            order = ["speech_started", "speech_stopped", "committed"]
            places = [told.index(f"input_audio_buffer.{kind}") for kind in order]
            assert places == sorted(places)
            (words,) = [e["transcript"] for e in events if e["type"].endswith("transcription.completed")]
            assert words == "tone 440 hz 0.8 seconds"
            assert len(await made.until_heard(0.5)) > 0

    play(scene)


def test_a_call_on_the_servers_own_loop() -> None:
    """The server runs on uvloop, whose timers and sockets differ in small ways."""

    async def scene() -> None:
        async with called() as made:
            made.voice.say(tone(800))
            await made.until("output_audio_buffer.stopped")
            made.ask("say mmm")
            await made.until("output_audio_buffer.stopped")

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(asyncio.wait_for(scene(), 60))


def test_a_barge_in_silences_and_truncates() -> None:
    """Speech over an answer: the buffer is cleared, and the server itself tells how much was really played."""

    async def scene() -> None:
        async with called() as made:
            made.ask("say " + "m" * 250)
            await made.until("output_audio_buffer.started")
            await made.until_heard(0.5)
            made.voice.say(tone(600))
            events = await made.until("conversation.item.truncated")

            told = kinds(events)
            places = [told.index("input_audio_buffer.speech_started"), told.index("output_audio_buffer.cleared")]
            assert places == sorted(places)
            assert 400 <= events[-1]["audio_end_ms"] <= 6_000
            assert "output_audio_buffer.stopped" not in told
            assert len(made.loud()) / LINE_HZ * 1000 <= events[-1]["audio_end_ms"] + 200

    play(scene)


def test_a_client_clears_the_output_buffer() -> None:
    """`output_audio_buffer.clear` is for calls alone: silence at once, and the item is cut where it was."""

    async def scene() -> None:
        async with called() as made:
            made.ask("say " + "m" * 250)
            await made.until("output_audio_buffer.started")
            await made.until("response.done")
            made.say("output_audio_buffer.clear")
            events = await made.until("conversation.item.truncated")

            assert "output_audio_buffer.cleared" in kinds(events)
            assert "error" not in kinds(events)

    play(scene)


def test_a_browser_calls_with_an_ephemeral_key() -> None:
    """The key's stored session is what the call begins with; the offer is the whole body."""

    async def scene() -> None:
        async with serving(LOCKED) as url, caller() as made:
            async with httpx2.AsyncClient(base_url=url, headers=ANN) as http:
                body = {"session": {"type": "realtime", "model": "gpt-realtime", "instructions": "Hum."}}
                secret = (await http.post("/v1/realtime/client_secrets", json=body)).json()["value"]
            response = await dial(made, url, plain(authorization=f"Bearer {secret}"))
            created = await made.next()

            assert response.headers["content-type"].partition(";")[0] == "application/sdp"
            assert (created["type"], created["session"]["instructions"]) == ("session.created", "Hum.")

    play(scene)


def test_beta_calls_at_its_own_address() -> None:
    """`POST /v1/realtime?model=`; events are beta's."""

    async def scene() -> None:
        async with serving() as url, caller() as made:
            await dial(made, url, plain("/v1/realtime?model=gpt-4o-realtime-preview"))
            created = await made.next()
            made.ask("say m", modalities=["audio", "text"])
            told = kinds(await made.until("output_audio_buffer.stopped"))

            assert created["session"]["modalities"] in (["audio", "text"], ["text", "audio"])
            assert "conversation.item.created" in told
            assert "response.audio.delta" not in told

    play(scene)


@pytest.mark.parametrize("codec", ["audio/PCMU", "audio/PCMA"])
def test_gateways_speak_g711(codec: str) -> None:
    """An offer without Opus is answered in what it has, and works both ways."""

    async def scene() -> None:
        async with serving() as url, caller(codec=codec) as made:
            await dial(made, url, multipart({"audio": {"input": {"transcription": {"model": "tone"}}}}))
            made.voice.say(tone(800))
            (*_, done) = await made.until("conversation.item.input_audio_transcription.completed")
            await made.until("output_audio_buffer.stopped")
            made.ask("say mmmmmmmmmmmmmmmmmmmm")
            await made.until("output_audio_buffer.started")
            made.heard.clear()
            heard = await made.until_heard(0.5)

            assert done["transcript"] == "tone 440 hz 0.8 seconds"
            assert abs(pitch_of(heard[-LINE_HZ // 4 :]) - M_HZ) <= 30

    play(scene)


def test_a_call_without_a_data_channel_is_steered_by_a_sideband() -> None:
    """Sound alone makes a session; who knows the id and has the key joins it."""

    async def scene() -> None:
        async with serving() as url, caller(channel=None) as made:
            await dial(made, url)
            made.voice.say(tone(800))
            await made.until_heard(0.3)
            async with connect(f"ws{url.removeprefix('http')}/v1/realtime?call_id={made.call_id}") as socket:
                assert json.loads(await socket.recv())["type"] == "session.created"
                await socket.send(json.dumps({"type": "response.create", "response": {"instructions": "say mmm"}}))
                async with asyncio.timeout(PATIENCE_S):
                    while json.loads(await socket.recv())["type"] != "output_audio_buffer.stopped":
                        pass

    play(scene)


@pytest.mark.parametrize(("method", "ending"), [("POST", "/hangup"), ("DELETE", "")])
def test_a_call_is_hung_up(method: str, ending: str) -> None:
    """By its own key only; then the caller is gone, and everything of the call is freed."""

    async def scene() -> None:
        before = udp_sockets()
        async with serving(LOCKED) as url, caller() as made:
            await dial(made, url, multipart(None, **ANN))
            await made.next()
            path = f"/v1/realtime/calls/{made.call_id}{ending}"
            async with httpx2.AsyncClient(base_url=url) as http:
                strange = await http.request(method, path, headers=BOB)
                nobody = await http.request(method, path)
                ended = await http.request(method, path, headers=ANN)
                await made.gone()
                await made.peer.close()
                await freed(before)
                again = await http.request(method, path, headers=ANN)

            assert [strange.status_code, nobody.status_code] == [404, 401]
            assert (ended.status_code, ended.content) == (200, b"")
            assert again.json()["error"]["code"] == "call_id_not_found"

    play(scene)


def test_a_caller_that_hangs_up_ends_its_session() -> None:
    """Its tasks and sockets go with it."""

    async def scene() -> None:
        before, closings = udp_sockets(), Closings()
        async with serving(meters=[closings]) as url, caller() as made:
            await dial(made, url)
            await made.next()
            await made.peer.close()
            async with asyncio.timeout(PATIENCE_S):
                await closings.closed.wait()
            await freed(before)

    play(scene)


def test_a_caller_that_vanishes_is_given_up() -> None:
    """Its sockets are gone without a word: consent expires, and the session ends in bounded time."""
    config = Config(engines=TONE, webrtc=WebRTC(lost_seconds=1.0))

    async def scene() -> None:
        before, closings = udp_sockets(), Closings()
        async with serving(config, meters=[closings]) as url, caller() as made:
            await dial(made, url)
            await made.next()
            vanish(made)
            async with asyncio.timeout(PATIENCE_S):
                await closings.closed.wait()
            await freed(before)

    play(scene)


def vanish(made: RtcCaller) -> None:
    """Cut the caller off the network: nothing is sent, nothing arrives."""
    assert made.peer.sctp is not None
    for protocol in made.peer.sctp.transport.transport._connection._protocols:
        protocol.transport.abort()


def test_a_slow_answer_is_played_as_it_comes() -> None:
    """Sound that is made slower than it is played goes out in pieces; its end is told once, after the last one."""

    async def scene() -> None:
        async with called(engines(tts={"first_ms": 200.0, "piece_ms": 40})) as made:
            made.ask("say mmmmmmmm. mmmmmmmm. mmmmmmmm.")
            told = kinds(await made.until("output_audio_buffer.stopped"))

            assert told.count("output_audio_buffer.started") == 1
            assert told.index("response.done") < len(told) - 1

    play(scene)
