"""Ask aloud, hear the answer: a WAV in, a WAV out, through the official openai SDK, unchanged.

    python examples/sdk_speech.py examples/question.wav answer.wav

The server finds the end of the question by itself (server VAD), so silence follows the recording.
"""

import asyncio
import base64
import os
import sys
from pathlib import Path

from openai import AsyncOpenAI

from antiphon.audio import wav
from antiphon.audio.pcm import RATE_HZ, silence

BASE_URL = os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1")
CHUNK_BYTES = RATE_HZ // 10 * 2  # 100 ms of 16-bit audio


async def main(question: Path, answer: Path) -> None:
    """Say a recording, and save what is answered."""
    client = AsyncOpenAI(base_url=BASE_URL, api_key=os.environ.get("OPENAI_API_KEY", "none"))
    pcm = wav.read(question) + silence(1000)
    heard = bytearray()
    async with client.realtime.connect(model="gpt-realtime") as connection:
        await connection.session.update(
            session={"type": "realtime", "audio": {"input": {"transcription": {"model": "gpt-4o-mini-transcribe"}}}}
        )
        for start in range(0, len(pcm), CHUNK_BYTES):
            piece = base64.b64encode(pcm[start : start + CHUNK_BYTES]).decode()
            await connection.input_audio_buffer.append(audio=piece)
        async for event in connection:
            if event.type == "conversation.item.input_audio_transcription.completed":
                print("you:   ", event.transcript)
            elif event.type == "response.output_audio.delta":
                heard += base64.b64decode(event.delta)
            elif event.type == "response.output_audio_transcript.done":
                print("answer:", event.transcript)
            elif event.type == "response.done":
                break
    wav.write(answer, bytes(heard))
    print(f"saved  {answer}")


asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
