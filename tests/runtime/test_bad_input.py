"""Bad input, over a real socket: each is answered as the protocol says, and the session lives.

The core has tests of its own for every refusal; here it is the whole way from the frame to the answer.
"""

import asyncio
import base64
from typing import Any

import pytest
from served import Caller, call, dial, engines, play, spoken, tone

from antiphon.audio.pcm import silence
from antiphon.facts import EngineFailed, Fact, SessionClosed
from antiphon.testing import serving

MIB = 1024 * 1024
LARGEST = 15 * MIB


class Notes:
    """A meter that remembers, and tells when a session has ended."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []
        self.ended = asyncio.Event()

    def report(self, fact: Fact) -> None:
        self.facts.append(fact)
        if isinstance(fact, SessionClosed):
            self.ended.set()


def mistake(code: str | None, param: str | None = None, event_id: str | None = None) -> dict[str, Any]:
    """An error that is the client's."""
    return {"type": "invalid_request_error", "code": code, "param": param, "event_id": event_id}


@pytest.mark.parametrize(
    ("frame", "error"),
    [
        ("{", mistake("invalid_json")),
        ("", mistake("invalid_json")),
        ("[" * 100_000, mistake("invalid_json")),
        ("[]", mistake("invalid_event")),
        (b"\x00\x01", mistake("invalid_event")),
        ('{"event_id":"e1"}', mistake("missing_required_parameter", "type", "e1")),
        ('{"type":"nope","event_id":"e1"}', mistake("invalid_value", "type", "e1")),
        ('{"type":"output_audio_buffer.clear"}', mistake("invalid_value", "type")),
        ('{"type":"response.cancel","response_id":7}', mistake("invalid_type", "response_id")),
        ('{"type":"response.create","bogus":1,"event_id":"e1"}', mistake("unknown_parameter", "bogus", "e1")),
        ('{"type":"input_audio_buffer.append","audio":"?"}', mistake("invalid_value", "audio")),
        ('{"type":"input_audio_buffer.append","audio":""}', mistake("invalid_value", "audio")),
        ('{"type":"input_audio_buffer.append"}', mistake("missing_required_parameter", "audio")),
        (
            '{"type":"input_audio_buffer.commit","event_id":"e1"}',
            mistake("input_audio_buffer_commit_empty", None, "e1"),
        ),
        ('{"type":"response.cancel"}', mistake("response_cancel_not_active")),
    ],
)
def test_a_mistake_is_an_error_and_no_end(frame: str | bytes, error: dict[str, Any]) -> None:
    """With the exact type, code, param and event id; the next event is served as if nothing had been."""

    async def scene() -> None:
        async with call() as caller:
            await caller.socket.send(frame)

            assert await caller.error() == error
            assert await caller.answers() == "still here."

    play(scene)


async def committed(caller: Caller) -> bytes:
    """The audio that a commit makes an item of."""
    await caller.say("input_audio_buffer.commit")
    item_id = (await caller.until("input_audio_buffer.committed"))["item_id"]
    await caller.say("conversation.item.retrieve", item_id=item_id)
    item = (await caller.until("conversation.item.retrieved"))["item"]
    return base64.b64decode(item["content"][0]["audio"])


def test_audio_may_be_cut_anywhere() -> None:
    """Odd byte counts lose no sample and shift none."""

    async def scene() -> None:
        async with call() as caller:
            await caller.update(audio={"input": {"turn_detection": None}})
            pcm = tone(400)
            await caller.speak(pcm, chunk_bytes=1_001)

            assert await committed(caller) == pcm

    play(scene)


def test_the_largest_append_is_taken_whole() -> None:
    """15 MiB in one event, and one byte more is refused."""

    async def scene() -> None:
        async with call() as caller:
            await caller.update(audio={"input": {"turn_detection": None}})
            pcm = tone(1000)
            pcm = (pcm * (LARGEST // len(pcm) + 1))[:LARGEST]
            await caller.append(pcm)
            await caller.append(pcm + b"\0", event_id="e1")

            assert await caller.error() == mistake("invalid_value", "audio", "e1")
            assert await committed(caller) == pcm
            assert await caller.answers() == "still here."

    play(scene)


def test_a_full_buffer_refuses_an_append_whole() -> None:
    """One error for it; what was there before can be committed, and then there is room again."""

    async def scene() -> None:
        async with call() as caller:
            await caller.update(audio={"input": {"turn_detection": None}})
            await caller.append(bytes(LARGEST))
            await caller.append(bytes(LARGEST), event_id="e2")

            assert await caller.error() == mistake("input_audio_buffer_full", "audio", "e2")
            assert len(await committed(caller)) == LARGEST
            await caller.append(tone(200))
            assert await committed(caller) == tone(200)

    play(scene)


def test_the_largest_append_is_listened_to() -> None:
    """Turn detection hears it all; nothing overtakes it, and no other session waits for it."""

    async def scene() -> None:
        async with serving(engines()) as url, dial(url) as caller, dial(url) as other:
            await caller.append((silence(5_000) * 80)[: LARGEST - len(spoken())] + spoken())
            await caller.say("nope", event_id="after")
            assert await other.answers() == "still here."
            started = await caller.next()

            assert started["type"] == "input_audio_buffer.speech_started"
            assert started["audio_start_ms"] > 300_000
            assert (await caller.error())["event_id"] == "after"

    play(scene)


def test_audio_may_come_before_any_update() -> None:
    """A session listens from the start, with the default turn detection."""

    async def scene() -> None:
        async with call() as caller:
            await caller.speak(spoken())
            done = await caller.until("response.done")

            assert done["response"]["status"] == "completed"
            assert done["response"]["output"][0]["content"][0]["transcript"] == "You said: tone 440 hz 0.6 seconds"

    play(scene)


@pytest.mark.parametrize("says", ["half a word", "half an answer"])
def test_a_client_may_vanish(says: str) -> None:
    """While it speaks or is spoken to: its session ends, and others go on."""

    async def scene() -> None:
        notes = Notes()
        async with serving(engines(llm={"token_ms": 5}), meters=[notes]) as url:
            async with dial(url) as caller:
                if says == "half a word":
                    await caller.speak(tone(300))
                    await caller.until("input_audio_buffer.speech_started")
                else:
                    await caller.ask("count to 1000")
                    await caller.until("response.output_audio.delta")
                caller.socket.transport.abort()
            await notes.ended.wait()
            async with dial(url) as caller:
                assert await caller.answers() == "still here."

    play(scene)


def test_a_model_that_fails_ends_its_response_only() -> None:
    """What it had said stays; the failure is reported."""

    async def scene() -> None:
        notes = Notes()
        async with call(engines(), notes) as caller:
            await caller.ask("fail after 3", output_modalities=["text"])
            response = (await caller.until("response.done"))["response"]

            assert response["status"] == "failed"
            assert response["status_details"]["error"]["message"] == "The tone LLM was told to fail."
            assert response["output"][0]["content"][0]["text"] == "1 2 3"
            assert await caller.answers() == "still here."
            assert [fact.role for fact in notes.facts if isinstance(fact, EngineFailed)] == ["responder"]

    play(scene)


def test_a_model_that_hangs_ends_its_response_only() -> None:
    """After the limit."""

    async def scene() -> None:
        async with call(engines(limit_s=0.1)) as caller:
            await caller.ask("hang after 1", output_modalities=["text"])
            response = (await caller.until("response.done"))["response"]

            assert response["status"] == "failed"
            assert response["status_details"]["error"]["message"] == "The model did not answer in time."
            assert await caller.answers() == "still here."

    play(scene)


@pytest.mark.parametrize(
    ("tts", "message"),
    [
        ({"fails_on": "still"}, "The tone TTS was told to fail."),
        ({"hangs_on": "still"}, "The model did not answer in time."),
        (None, 'The responder "tone" has no voice; ask for text output.'),
    ],
)
def test_a_voice_that_fails_hangs_or_is_missing_ends_its_response_only(
    tts: dict[str, Any] | None, message: str
) -> None:
    """Written answers need none."""

    async def scene() -> None:
        async with call(engines(limit_s=0.2, tts=tts)) as caller:
            await caller.ask("say still here.")
            response = (await caller.until("response.done"))["response"]

            assert (response["status"], response["status_details"]["error"]["message"]) == ("failed", message)
            assert await caller.answers() == "still here."

    play(scene)


@pytest.mark.parametrize(
    ("asr", "message"),
    [
        ({"fails": True}, "The tone ASR was told to fail."),
        ({"hangs": True}, "The speech recogniser did not answer in time."),
        (None, "This server has no speech recogniser."),
    ],
)
def test_a_recogniser_that_fails_hangs_or_is_missing_ends_its_transcription_only(
    asr: dict[str, Any] | None, message: str
) -> None:
    """And the response that needed the words."""

    async def scene() -> None:
        async with call(engines(limit_s=0.2, asr=asr)) as caller:
            await caller.update(audio={"input": {"transcription": {"model": "whisper-1"}}})
            await caller.speak(spoken())
            seen: dict[str, Any] = {}
            while not {"conversation.item.input_audio_transcription.failed", "response.done"} <= seen.keys():
                event = await caller.next()
                seen[event["type"]] = event
            failed = seen["conversation.item.input_audio_transcription.failed"]
            response = seen["response.done"]["response"]

            assert failed["error"]["message"] == message
            assert (response["status"], response["status_details"]["error"]["message"]) == ("failed", message)
            await caller.say("conversation.item.delete", item_id=failed["item_id"])
            assert await caller.answers() == "still here."

    play(scene)
