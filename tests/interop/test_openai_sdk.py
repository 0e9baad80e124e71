"""The official `openai` SDK, unmodified, against a real server with the `tone` engines."""

import asyncio
import json

import pytest
from openai import AsyncOpenAI, AuthenticationError
from sdk import audio_of, only, play, session, sine, spoken_turn, types, ulaw_of, until, write

from antiphon.audio.pcm import ms_of
from antiphon.config import Config, Server
from antiphon.testing import TONE, serving

pytestmark = pytest.mark.interop

TEXT = {"output_modalities": ["text"]}
MANUAL = {"audio": {"input": {"turn_detection": None}}}
HEARD = {"audio": {"input": {"transcription": {"model": "gpt-4o-mini-transcribe"}}}}


def test_text_in_text_out() -> None:
    """A written question has a written answer, in deltas that make up its text."""

    async def main() -> None:
        async with session(TEXT) as connection:
            await write(connection, "say one two three")
            await connection.response.create()
            events = await until(connection)

            assert (
                types(events)
                == [
                    "conversation.item.added",
                    "conversation.item.done",
                    "response.created",
                    "response.output_item.added",
                    "conversation.item.added",
                    "response.content_part.added",
                    "response.output_text.delta",
                    "response.output_text.done",
                    "response.content_part.done",
                    "conversation.item.done",
                    "response.output_item.done",
                    "response.done",
                ]
                or types(events)[-1] == "response.done"
            )
            assert "".join(event.delta for event in only(events, "response.output_text.delta")) == "one two three"
            assert events[-1].response.status == "completed"
            assert events[-1].response.output[0].content[0].text == "one two three"
            assert events[-1].response.usage.output_tokens == 3

    asyncio.run(main())


def test_text_in_audio_out() -> None:
    """A session speaks unless told otherwise: a transcript, and the sound of it."""

    async def main() -> None:
        async with session() as connection:
            await write(connection, "say good morning")
            await connection.response.create()
            events = await until(connection)

            transcript = "".join(event.delta for event in only(events, "response.output_audio_transcript.delta"))
            assert transcript == "good morning"
            assert ms_of(audio_of(events)) > 400
            assert types(events)[-1] == "response.done"
            assert events[-1].response.output[0].content[0].transcript == "good morning"

    asyncio.run(main())


def test_speech_in_audio_out() -> None:
    """Server VAD finds the turn, the recogniser writes it down, the answer is spoken."""

    async def main() -> None:
        async with session(HEARD) as connection:
            await play(connection, spoken_turn(1200))
            events = await until(connection)

            named = [name for name in types(events) if not name.startswith("response.output")]
            assert named[:3] == [
                "input_audio_buffer.speech_started",
                "input_audio_buffer.speech_stopped",
                "input_audio_buffer.committed",
            ]
            started, stopped = events[0], only(events, "input_audio_buffer.speech_stopped")[0]
            assert 0 <= started.audio_start_ms <= 300
            assert 1400 <= stopped.audio_end_ms <= 2500
            heard = only(events, "conversation.item.input_audio_transcription.completed")[0]
            assert heard.transcript.startswith("tone 440 hz")
            assert heard.item_id == started.item_id
            said = events[-1].response.output[0].content[0].transcript
            assert said == f"You said: {heard.transcript}"
            assert ms_of(audio_of(events)) > 400

    asyncio.run(main())


def test_manual_turns() -> None:
    """Without turn detection the client commits, and asks for the answer."""

    async def main() -> None:
        async with session(MANUAL) as connection:
            await play(connection, sine(1000))
            await connection.input_audio_buffer.commit()
            committed = await until(connection, "conversation.item.done")
            await connection.response.create(response={"output_modalities": ["text"]})
            events = await until(connection)

            assert "input_audio_buffer.speech_started" not in types(committed)
            assert types(committed)[0] == "input_audio_buffer.committed"
            assert "tone 440 hz" in events[-1].response.output[0].content[0].text

    asyncio.run(main())


def test_barge_in_stops_the_answer() -> None:
    """Who speaks over an answer ends it: `cancelled`, because of the turn; the new turn is answered."""

    async def main() -> None:
        async with session() as connection:
            await write(connection, "slow " + "One. Two. Three. " * 30)
            await connection.response.create()
            await until(connection, "response.output_audio.delta")
            await play(connection, spoken_turn(1200, hz=880))
            stopped = await until(connection)
            answered = await until(connection)

            assert stopped[-1].response.status == "cancelled"
            assert stopped[-1].response.status_details.reason == "turn_detected"
            assert "input_audio_buffer.speech_started" in types(stopped)
            assert answered[-1].response.status == "completed"
            assert "tone 880 hz" in answered[-1].response.output[0].content[0].transcript

    asyncio.run(main())


def test_cancel() -> None:
    """`response.cancel` ends the answer; without one it is an error, and the session goes on."""

    async def main() -> None:
        async with session(TEXT) as connection:
            await write(connection, "slow " + "word " * 100)
            await connection.response.create()
            await until(connection, "response.output_text.delta")
            await connection.response.cancel()
            events = await until(connection)
            assert events[-1].response.status == "cancelled"
            assert events[-1].response.status_details.reason == "client_cancelled"

            await connection.response.cancel()
            refused = await until(connection, "error")
            assert refused[-1].error.code == "response_cancel_not_active"
            await write(connection, "say still here")
            await connection.response.create()
            assert (await until(connection))[-1].response.output[0].content[0].text == "still here"

    asyncio.run(main())


def test_function_call_round_trip() -> None:
    """The model calls, the client runs it, the model uses what came back."""

    async def main() -> None:
        tool = {"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {}}}
        async with session({**TEXT, "tools": [tool]}) as connection:
            await write(connection, 'call weather {"city": "Paris"}')
            await connection.response.create()
            events = await until(connection)
            call = events[-1].response.output[0]
            assert (call.type, call.name, json.loads(call.arguments)) == ("function_call", "weather", {"city": "Paris"})
            assert only(events, "response.function_call_arguments.done")[0].call_id == call.call_id

            await connection.conversation.item.create(
                item={"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
            )
            await connection.response.create()
            answered = await until(connection)
            assert answered[-1].response.output[0].content[0].text == "The function gave: sunny"

    asyncio.run(main())


def test_a_second_turn_knows_the_first() -> None:
    """The conversation is kept: what was said first can be asked for later."""

    async def main() -> None:
        async with session(TEXT) as connection:
            await write(connection, "my name is Ada")
            await connection.response.create()
            await until(connection)
            await write(connection, "what did I say first?")
            await connection.response.create()
            events = await until(connection)

            assert events[-1].response.output[0].content[0].text == "First you said: my name is Ada"

    asyncio.run(main())


def test_a_spoken_turn_after_a_spoken_turn() -> None:
    """Speech, answer, speech, answer: each turn becomes its own item."""

    async def main() -> None:
        async with session(HEARD) as connection:
            await play(connection, spoken_turn(1000, hz=440))
            first = await until(connection)
            await play(connection, spoken_turn(1000, hz=660))
            second = await until(connection)

            assert "440 hz" in first[-1].response.output[0].content[0].transcript
            assert "660 hz" in second[-1].response.output[0].content[0].transcript

    asyncio.run(main())


def test_a_clients_mistake_is_an_error_event() -> None:
    """Type, code and param as the protocol says; the session goes on."""

    async def main() -> None:
        async with session(TEXT) as connection:
            await connection.send({"type": "no.such.event", "event_id": "event_mine"})  # type: ignore[arg-type]  # the mistake
            (mistake,) = await until(connection, "error")
            await connection.input_audio_buffer.commit()
            (empty,) = await until(connection, "error")
            await write(connection, "say fine")
            await connection.response.create()

            assert (mistake.error.type, mistake.error.event_id) == ("invalid_request_error", "event_mine")
            assert empty.error.code == "input_audio_buffer_commit_empty"
            assert (await until(connection))[-1].response.output[0].content[0].text == "fine"

    asyncio.run(main())


def test_an_engine_that_fails_ends_the_response_only() -> None:
    """A broken model is a failed response; the next one works."""

    async def main() -> None:
        async with session(TEXT) as connection:
            await write(connection, "fail")
            await connection.response.create()
            failed = await until(connection)
            await write(connection, "say better")
            await connection.response.create()
            better = await until(connection)

            assert failed[-1].response.status == "failed"
            assert better[-1].response.output[0].content[0].text == "better"

    asyncio.run(main())


def test_telephone_audio_both_ways() -> None:
    """G.711 mu-law at 8 kHz in and out, as telephone gateways speak it."""

    async def main() -> None:
        pcmu = {"format": {"type": "audio/pcmu"}}
        heard = {**pcmu, "transcription": {"model": "gpt-4o-mini-transcribe"}}
        async with session({"audio": {"input": heard, "output": pcmu}}) as connection:
            await play(connection, ulaw_of(spoken_turn(1200)), chunk_bytes=800)
            events = await until(connection)

            said = events[-1].response.output[0].content[0].transcript
            assert said.startswith("You said: tone 440 hz")
            assert len(audio_of(events)) / 8 == pytest.approx(40 * len(said), rel=0.1)  # ms, at 40 ms a character

    asyncio.run(main())


def test_truncate_and_delete() -> None:
    """What was not heard of an answer is cut off; what is deleted is gone."""

    async def main() -> None:
        async with session() as connection:
            await write(connection, "say one two three four five six")
            await connection.response.create()
            item = (await until(connection))[-1].response.output[0]
            await connection.conversation.item.truncate(item_id=item.id, content_index=0, audio_end_ms=300)
            truncated = (await until(connection, "conversation.item.truncated"))[-1]
            await connection.conversation.item.retrieve(item_id=item.id)
            kept = (await until(connection, "conversation.item.retrieved"))[-1].item
            await connection.conversation.item.delete(item_id=item.id)
            deleted = (await until(connection, "conversation.item.deleted"))[-1]

            assert (truncated.item_id, truncated.audio_end_ms) == (item.id, 300)
            assert kept.id == item.id
            assert deleted.item_id == item.id

    asyncio.run(main())


def test_out_of_band_response() -> None:
    """A response beside the conversation uses its own input and leaves no item behind."""

    async def main() -> None:
        async with session(TEXT) as connection:
            await connection.response.create(
                response={
                    "conversation": "none",
                    "metadata": {"topic": "side"},
                    "input": [
                        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "say aside"}]}
                    ],
                }
            )
            aside = await until(connection)
            await write(connection, "what did I say first?")
            await connection.response.create()
            answered = await until(connection)

            assert aside[-1].response.metadata == {"topic": "side"}
            assert aside[-1].response.output[0].content[0].text == "aside"
            assert only(aside, "conversation.item.added") == []
            assert "aside" not in answered[-1].response.output[0].content[0].text

    asyncio.run(main())


def test_keys_are_asked_for() -> None:
    """With keys, a wrong one is refused over WebSocket and over REST; the right one works."""

    async def main() -> None:
        config = Config(engines=TONE, server=Server(api_keys={"phone": "sk-right"}))
        async with serving(config) as url:
            async with AsyncOpenAI(base_url=f"{url}/v1", api_key="sk-wrong-and-long-enough") as client:
                async with client.realtime.connect(model="gpt-realtime") as connection:
                    event = await connection.recv()
                assert event.type == "error"
                assert event.error.code == "invalid_api_key"
                with pytest.raises(AuthenticationError):
                    await client.models.list()
            async with AsyncOpenAI(base_url=f"{url}/v1", api_key="sk-right") as client:
                assert "gpt-realtime" in [model.id for model in (await client.models.list()).data]
                async with client.realtime.connect(model="gpt-realtime") as connection:
                    assert (await connection.recv()).type == "session.created"

    asyncio.run(main())
