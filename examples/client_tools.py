"""Chat in the terminal with a model that may call functions of yours.

python examples/client_tools.py [http://localhost:8000/v1]

Small models call badly or not at all; see the guide to own models. With the `tone` engines say: call weather {}.
"""

import asyncio
import os
import sys
from datetime import datetime
from typing import Annotated, Literal

from antiphon.client import ClientError, Session, Tools
from antiphon.protocol.session import RealtimeSessionUpdate

tools = Tools()


@tools.function
def now() -> str:
    """Tell the date and the time."""
    return datetime.now().astimezone().isoformat(timespec="minutes")


@tools.function
async def weather(
    city: Annotated[str, "Its name in English."] = "Oslo", unit: Literal["C", "F"] = "C"
) -> dict[str, str]:
    """Tell the weather of a city."""
    return {"city": city, "sky": "sunny", "temperature": "21 C" if unit == "C" else "70 F"}


async def main(url: str = "http://localhost:8000/v1") -> None:
    """Ask what is typed, line by line, and print each answer as it is written."""
    wishes = RealtimeSessionUpdate(instructions="Be brief.", output_modalities=("text",))
    key = os.environ.get("OPENAI_API_KEY")
    async with Session(url, wishes, api_key=key, model="gpt-realtime", tools=tools) as session:
        while question := (await asyncio.to_thread(sys.stdin.readline)).strip():
            try:
                async for piece in session.ask(question):
                    print(piece.text, end="", flush=True)
            except ClientError as error:  # a connection that was lost is open again: ask once more
                print(error, end="")
            print()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:2]))
