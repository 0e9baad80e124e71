"""A program with the Python SDK `openai-agents`: an agent with a tool, spoken to, and interrupted.

Only the address is not the SDK's own.
"""

import asyncio
import os

from agents import function_tool
from agents.realtime import RealtimeAgent, RealtimeRunner, RealtimeSession
from telling import CHUNK_BYTES, Happenings, chunks, task, tell, tell_logs

os.environ["OPENAI_AGENTS_DISABLE_TRACING"] = "1"
"""The SDK's own traces go to its vendor; what it asks of the server stays as it is."""


@function_tool
def weather(city: str) -> str:
    """Tell the weather of a city."""
    tell("tool", city=city)
    return f"sunny in {city}"


async def listen(session: RealtimeSession, seen: Happenings) -> None:
    """Tell what an application is told."""
    async for event in session:
        match event.type:
            case "raw_model_event":
                if event.data.type == "raw_server_event":
                    seen.note(event.data.data["type"])
                    continue
                if event.data.type in {"error", "exception"}:
                    tell("model_error", text=repr(event.data))
            case "audio":
                tell("audio", bytes=len(event.audio.data), item_id=event.item_id)
            case "history_updated":
                tell("history", items=[item.model_dump(mode="json") for item in event.history])
            case "error":
                tell("error", text=repr(event.error))
            case "tool_end":
                tell("tool_end", output=str(event.output))
            case _:
                tell(event.type)
        seen.note(event.type)


async def speak(session: RealtimeSession, seen: Happenings, path: str) -> None:
    """Say something, faster than real time; the microphone stays open until the turn has been found."""
    turns = seen.count("input_audio_buffer.speech_stopped")
    for chunk in chunks(path):
        await session.send_audio(chunk)
    while seen.count("input_audio_buffer.speech_stopped") == turns:
        await session.send_audio(bytes(CHUNK_BYTES))
        await asyncio.sleep(0.02)


async def act(name: str, session: RealtimeSession, seen: Happenings, pcm: dict[str, str]) -> None:
    """Play one act to its end."""
    ends = seen.count("agent_end")
    match name:
        case "speak":
            await speak(session, seen, pcm["question"])
            await seen.until("conversation.item.input_audio_transcription.completed")
            await seen.until("agent_end", ends + 1)
        case "tool":
            await session.send_message('call weather {"city": "Paris"}')
            await seen.until("tool_end")
            await seen.until("agent_end", ends + 2)
        case "interrupt":
            heard = seen.count("audio")
            await session.send_message("slow " + "One. Two. Three. " * 30)
            await seen.until("audio", heard + 2)
            await speak(session, seen, pcm["interruption"])
            await seen.until("audio_interrupted")
            await seen.until("conversation.item.truncated")
            await seen.until("agent_end", ends + 2)
    retrieved = seen.count("conversation.item.retrieved")
    tell("acted", name=name, retrieved=retrieved)


async def main() -> None:
    """Play the acts."""
    wanted = task()
    agent = RealtimeAgent(name="Helper", instructions="Be helpful.", tools=[weather])
    runner = RealtimeRunner(agent, config={"model_settings": {"model_name": "gpt-realtime"}})
    address = f"{wanted['url'].replace('http', 'ws')}/v1/realtime?model=gpt-realtime"
    async with await runner.run(model_config={"api_key": "none", "url": address}) as session:
        seen = Happenings()
        listening = asyncio.create_task(listen(session, seen))
        for name in wanted["acts"]:
            await act(name, session, seen, wanted["pcm"])
        listening.cancel()


tell_logs()
asyncio.run(main())
