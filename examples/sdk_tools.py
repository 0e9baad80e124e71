"""Let the model call a function of yours, and answer with what it gave: the official openai SDK, unchanged.

    python examples/sdk_tools.py "What is the weather in Paris?"

Small models call badly or not at all; see the guide to own models. With the `tone` engines say: call weather {}.
"""

import asyncio
import os
import sys

from openai import AsyncOpenAI
from openai.types.realtime import RealtimeFunctionToolParam

BASE_URL = os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1")
WEATHER: RealtimeFunctionToolParam = {
    "type": "function",
    "name": "weather",
    "description": "Tells the weather of a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


async def main(question: str) -> None:
    """Ask one question, and run what the model calls."""
    client = AsyncOpenAI(base_url=BASE_URL, api_key=os.environ.get("OPENAI_API_KEY", "none"))
    async with client.realtime.connect(model="gpt-realtime") as connection:
        await connection.session.update(session={"type": "realtime", "output_modalities": ["text"], "tools": [WEATHER]})
        await connection.conversation.item.create(
            item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": question}]}
        )
        await connection.response.create()
        async for event in connection:
            if event.type == "response.function_call_arguments.done":
                print(f"called {event.name}({event.arguments})")
                await connection.conversation.item.create(
                    item={"type": "function_call_output", "call_id": event.call_id, "output": "Sunny, 21 degrees."}
                )
            elif event.type == "response.output_text.done":
                print(event.text)
            elif event.type == "response.done":
                if not any(item.type == "function_call" for item in event.response.output or ()):
                    break
                await connection.response.create()


asyncio.run(main(" ".join(sys.argv[1:]) or "What is the weather in Paris?"))
