"""Talk to a Realtime server through microphone and loudspeaker; speak into an answer, and it stops.

pip install 'antiphon[mic]'
python examples/client_voice.py [http://localhost:8000/v1]

Use headphones: a loudspeaker that the microphone hears interrupts itself. Ctrl-C ends.
"""

import asyncio
import os
import sys
from contextlib import suppress

from antiphon.client import Heard, Reply, Restored, Session
from antiphon.client.devices import Loudspeaker, microphone
from antiphon.protocol.session import Audio, AudioInput, RealtimeSessionUpdate, Transcription

WISHES = RealtimeSessionUpdate(
    instructions="You are a friendly voice on the line. Be brief.",
    audio=Audio(input=AudioInput(transcription=Transcription(model="gpt-4o-mini-transcribe"))),
)


async def tell(session: Session) -> None:
    """Print what both sides say."""
    async for turn in session.listen():
        match turn:
            case Heard():
                print("you:   ", turn.text or "(not understood)")
            case Reply():
                print("answer:", (await turn).text)
            case Restored():
                print("(the connection was lost; we go on)")


async def main(url: str = "http://localhost:8000/v1") -> None:
    """Until Ctrl-C."""
    key = os.environ.get("OPENAI_API_KEY")
    with Loudspeaker() as speaker:
        async with (
            Session(url, WISHES, api_key=key, model="gpt-realtime", speaker=speaker) as session,
            microphone(chunk_ms=40) as heard,
            asyncio.TaskGroup() as tasks,
        ):
            tasks.create_task(tell(session))
            async for chunk in heard:
                await session.append(chunk)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main(*sys.argv[1:2]))
