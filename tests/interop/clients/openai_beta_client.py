"""A program with the Python SDK `openai` as it was in beta (1.97): spoken to, with a tool, and interrupted.

Only the address is not the SDK's own; it sends the header `OpenAI-Beta: realtime=v1` by itself.
"""

import asyncio
import base64
import json
from typing import Any, cast

from openai import AsyncOpenAI
from openai.resources.beta.realtime.realtime import AsyncRealtimeConnection
from telling import CHUNK_BYTES, Happenings, chunks, task, tell, tell_logs

WEATHER: Any = {"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {}}}


class Talk:
    """One connection, and what was seen of it."""

    def __init__(self, connection: AsyncRealtimeConnection, pcm: dict[str, str]) -> None:
        self.connection = connection
        self.seen = Happenings()
        self.pcm = pcm
        self.spoken = ""

    async def listen(self) -> None:
        """Tell what comes."""
        async for event in self.connection:
            match event.type:
                case "response.audio.delta":
                    self.spoken = event.item_id
                    tell("audio", bytes=len(base64.b64decode(event.delta)))
                case "error":
                    tell("error", text=event.error.message, code=event.error.code)
                case "response.function_call_arguments.done":
                    tell("tool", arguments=json.loads(event.arguments), call_id=event.call_id)
                case "conversation.item.input_audio_transcription.completed":
                    tell("heard", text=event.transcript)
                case "response.done":
                    tell("done", response=event.response.model_dump(mode="json"))
            self.seen.note(event.type)

    async def write(self, **item: Any) -> None:
        """Add an item, and ask for an answer."""
        await self.connection.conversation.item.create(item=cast("Any", item))
        await self.connection.response.create()

    async def speak(self, name: str) -> None:
        """Say something; the microphone stays open until the turn has been found."""
        turns = self.seen.count("input_audio_buffer.speech_stopped")
        for chunk in chunks(self.pcm[name]):
            await self.connection.input_audio_buffer.append(audio=base64.b64encode(chunk).decode())
        while self.seen.count("input_audio_buffer.speech_stopped") == turns:
            await self.connection.input_audio_buffer.append(audio=base64.b64encode(bytes(CHUNK_BYTES)).decode())
            await asyncio.sleep(0.02)

    async def act(self, name: str) -> None:
        """Play one act to its end."""
        seen, ends = self.seen, self.seen.count("response.done")
        match name:
            case "speak":
                await self.speak("question")
                await seen.until("response.done", ends + 1)
            case "tool":
                await self.write(**user('call weather {"city": "Paris"}'))
                await seen.until("response.done", ends + 1)
                await self.write(type="function_call_output", call_id="call_tone_0", output="sunny")
                await seen.until("response.done", ends + 2)
            case "interrupt":
                heard = seen.count("response.audio.delta")
                await self.write(**user("slow " + "One. Two. Three. " * 30))
                await seen.until("response.audio.delta", heard + 2)
                interrupted = self.spoken
                await self.speak("interruption")
                await self.connection.conversation.item.truncate(item_id=interrupted, content_index=0, audio_end_ms=100)
                await seen.until("conversation.item.truncated")
                await seen.until("response.done", ends + 2)
            case "mistake":
                await self.connection.response.cancel()
                await seen.until("error")
                await self.connection.session.update(session={"temperature": 5})
                await seen.until("error", 2)
        tell("acted", name=name)


def user(text: str) -> dict[str, Any]:
    """A written message."""
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


async def main() -> None:
    """Play the acts."""
    wanted = task()
    address = f"{wanted['url'].replace('http', 'ws')}/v1"
    client = AsyncOpenAI(websocket_base_url=address, api_key="none")
    async with client.beta.realtime.connect(model="gpt-4o-realtime-preview") as connection:
        talk = Talk(connection, wanted["pcm"])
        listening = asyncio.create_task(talk.listen())
        await connection.session.update(
            session={
                "modalities": ["audio", "text"],
                "voice": "sage",
                "temperature": 0.7,
                "tools": [WEATHER],
                "input_audio_transcription": {"model": "whisper-1"},
                "turn_detection": {"type": "server_vad", "silence_duration_ms": 300},
            }
        )
        await talk.seen.until("session.updated")
        for name in wanted["acts"]:
            await talk.act(name)
        listening.cancel()


tell_logs()
asyncio.run(main())
