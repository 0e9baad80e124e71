"""The official `openai` SDK against a real server with its default engines: real speech, real models."""

import asyncio
from pathlib import Path

import pytest
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from sdk import audio_of, only, play, session, types, until, write

from antiphon.audio import wav
from antiphon.audio.pcm import ms_of, silence
from antiphon.config import Config

pytestmark = [pytest.mark.interop, pytest.mark.embedded]

QUESTION = wav.read(Path(__file__).parents[2] / "examples" / "question.wav")
"""What is the capital of France?"""
HEARD = {"audio": {"input": {"transcription": {"model": "gpt-4o-mini-transcribe"}}}}


async def ask_aloud(connection: AsyncRealtimeConnection) -> str:
    """Say the question and let silence end the turn; returns the words that were recognised."""
    await play(connection, QUESTION + silence(1000))
    events = await until(connection, "conversation.item.input_audio_transcription.completed")
    return str(events[-1].transcript)


def test_speech_in_speech_out() -> None:
    """A spoken question is found, written down and answered aloud."""

    async def main() -> None:
        async with session(HEARD, Config()) as connection:
            await play(connection, QUESTION + silence(1000))
            events = await until(connection)

            heard = only(events, "conversation.item.input_audio_transcription.completed")[0].transcript
            assert "capital of france" in heard.lower()
            answer = events[-1].response
            assert answer.status in {"completed", "incomplete"}
            assert len(answer.output[0].content[0].transcript) > 5
            assert ms_of(audio_of(events)) > 300
            assert answer.usage.input_tokens > answer.usage.output_tokens > 0

    asyncio.run(main())


def test_text_in_text_out() -> None:
    """The model reads and writes; deltas make up the text."""

    async def main() -> None:
        async with session({"output_modalities": ["text"]}, Config()) as connection:
            await write(connection, "What is the capital of France?")
            await connection.response.create()
            events = await until(connection)

            text = events[-1].response.output[0].content[0].text
            assert "Paris" in text
            assert "".join(event.delta for event in only(events, "response.output_text.delta")) == text

    asyncio.run(main())


def test_barge_in_on_real_speech() -> None:
    """Speaking over the answer ends it, and the new question is answered."""

    async def main() -> None:
        async with session(HEARD, Config()) as connection:
            await write(connection, "Tell me a long story about a fox, a river and an old man, with many details.")
            await connection.response.create()
            await until(connection, "response.output_audio.delta")
            await play(connection, QUESTION + silence(1000))
            stopped = await until(connection)
            answered = await until(connection)

            assert stopped[-1].response.status == "cancelled"
            assert stopped[-1].response.status_details.reason == "turn_detected"
            assert answered[-1].response.status in {"completed", "incomplete"}

    asyncio.run(main())


def test_manual_turn_and_cancel() -> None:
    """Committed by hand, answered on request, cancelled on request."""

    async def main() -> None:
        update = {"audio": {"input": {"turn_detection": None, **HEARD["audio"]["input"]}}}
        async with session(update, Config()) as connection:
            await play(connection, QUESTION)
            await connection.input_audio_buffer.commit()
            events = await until(connection, "conversation.item.input_audio_transcription.completed")
            assert "capital of france" in events[-1].transcript.lower()
            assert "input_audio_buffer.speech_started" not in types(events)
            await connection.response.create()
            await until(connection, "response.output_audio_transcript.delta")
            await connection.response.cancel()
            assert (await until(connection))[-1].response.status_details.reason == "client_cancelled"

    asyncio.run(main())


def test_a_second_turn_uses_what_the_first_said() -> None:
    """The model is given the conversation: a word told in the first turn is known in the second."""

    async def main() -> None:
        async with session({"output_modalities": ["text"]}, Config()) as connection:
            await write(connection, "The code word is banana.")
            await connection.response.create()
            await until(connection)
            await write(connection, "What is the code word?")
            await connection.response.create()
            events = await until(connection)

            assert "banana" in events[-1].response.output[0].content[0].text
            assert events[-1].response.usage.input_token_details.cached_tokens > 0

    asyncio.run(main())
