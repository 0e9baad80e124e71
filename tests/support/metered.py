"""A conversation with a real server in which everything happens that is measured."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
from served import Caller, dial, engines, spoken
from websockets.asyncio.client import connect

from antiphon.config import Config, Limits
from antiphon.facts import Meter
from antiphon.testing import serving


def config() -> Config:
    """Engines without models, of which the voice can fail; one session at once."""
    made = engines(tts={"fails_on": "boom"})
    return Config(engines=made.engines, limits=Limits(max_sessions=1))


@asynccontextmanager
async def after_a_conversation(*meters: Meter) -> AsyncIterator[str]:
    """The address of a server on which all of it has happened; the session is still open."""
    async with serving(config(), meters=meters) as url, dial(url) as caller:
        await converse(caller)
        async with connect(f"{url.replace('http', 'ws')}/v1/realtime?model=tone") as second:
            assert "session_limit_reached" in await second.recv()
        yield url


async def converse(caller: Caller) -> None:
    """A turn that is answered, an answer that a turn interrupts, one that is cancelled, one that fails, a refusal."""
    await caller.speak(spoken())
    await caller.until("response.done")
    await caller.ask("hang after 2")
    await caller.until("response.output_audio_transcript.delta")
    await caller.speak(spoken())
    await caller.until("response.done")
    await caller.until("response.done")
    await caller.ask("hang after 2")
    await caller.until("response.output_audio_transcript.delta")
    await caller.say("response.cancel")
    await caller.until("response.done")
    await caller.ask("say boom.")
    await caller.until("response.done")
    await caller.say("no.such.event")
    await caller.until("error")


async def scrape(url: str, accept: str = "") -> str:
    """What Prometheus gets."""
    async with httpx2.AsyncClient() as client:
        answer = await client.get(f"{url}/metrics", headers={"accept": accept})
        answer.raise_for_status()
        return answer.text
