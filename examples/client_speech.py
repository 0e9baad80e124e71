"""Say a WAV to a Realtime server, read along, and keep what it answers.

python examples/client_speech.py question.wav [http://localhost:8000/v1]

The key, where the server wants one, is taken from OPENAI_API_KEY.
"""

import asyncio
import os
import sys

from antiphon.audio import wav
from antiphon.client import Reply, Session
from antiphon.protocol.errors import ErrorDetail


async def read_along(session: Session) -> bytes:
    """Print the answer while it comes; its sound."""
    async for turn in session.listen():
        match turn:
            case Reply():
                async for piece in turn:
                    print(piece.text, end="", flush=True)
                print()
                return turn.audio
            case ErrorDetail():
                sys.exit(turn.message)
    sys.exit("The server left without an answer.")


async def main(question: str, url: str = "http://localhost:8000/v1") -> None:
    """One question, one answer."""
    key = os.environ.get("OPENAI_API_KEY")
    async with Session(url, api_key=key, model="gpt-realtime") as session, asyncio.TaskGroup() as tasks:
        tasks.create_task(session.speak(wav.read(question)))
        wav.write("answer.wav", await read_along(session))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
