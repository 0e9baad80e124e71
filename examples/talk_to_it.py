"""Say a WAV to a Realtime server, read along, and keep what it answers.

python examples/talk_to_it.py question.wav [http://localhost:8000/v1]

The key, where the server wants one, is taken from OPENAI_API_KEY.
"""

import asyncio
import os
import sys

from antiphon.audio import wav
from antiphon.audio.pcm import silence
from antiphon.client import Connection, Conversation, connect
from antiphon.client.audio import chunks_of, paced
from antiphon.protocol.client_events import InputAudioBufferAppend
from antiphon.protocol.server_events import Error, ResponseDone, ResponseOutputAudioTranscriptDelta

CHUNK_MS = 40


async def say(connection: Connection, pcm: bytes) -> None:
    """Send sound as a microphone would, and then the silence that ends the turn."""
    async for chunk in paced(chunks_of(pcm + silence(2_000), CHUNK_MS), CHUNK_MS):
        await connection.send(InputAudioBufferAppend(audio=chunk))


async def read_along(connection: Connection) -> bytes:
    """Print the answer while it comes; its sound."""
    view = Conversation()
    async for event in connection:
        view.fold(event)
        match event:
            case ResponseOutputAudioTranscriptDelta():
                print(event.delta, end="", flush=True)
            case ResponseDone():
                print()
                return b"".join(bytes(item.audio.get(0, b"")) for item in view.response(event.response.id).items)
            case Error():
                sys.exit(event.error.message)
    sys.exit("The server left without an answer.")


async def main(question: str, url: str = "http://localhost:8000/v1") -> None:
    """One question, one answer."""
    key = os.environ.get("OPENAI_API_KEY")
    async with connect(url, api_key=key, model="gpt-realtime") as connection, asyncio.TaskGroup() as tasks:
        saying = tasks.create_task(say(connection, wav.read(question)))
        wav.write("answer.wav", await read_along(connection))
        saying.cancel()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
