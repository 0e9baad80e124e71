"""Ask in writing, read the answer as it is written: the official openai SDK, unchanged.

    python examples/sdk_text.py "What is the capital of France?"

The server's address is OPENAI_BASE_URL, by default a server on this machine.
"""

import asyncio
import os
import sys

from openai import AsyncOpenAI

BASE_URL = os.environ.get("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1")


async def main(question: str) -> None:
    """Ask one question."""
    client = AsyncOpenAI(base_url=BASE_URL, api_key=os.environ.get("OPENAI_API_KEY", "none"))
    async with client.realtime.connect(model="gpt-realtime") as connection:
        await connection.session.update(session={"type": "realtime", "output_modalities": ["text"]})
        await connection.conversation.item.create(
            item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": question}]}
        )
        await connection.response.create()
        async for event in connection:
            if event.type == "response.output_text.delta":
                print(event.delta, end="", flush=True)
            elif event.type == "response.done":
                print()
                break


asyncio.run(main(" ".join(sys.argv[1:]) or "What is the capital of France?"))
