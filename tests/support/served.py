"""A served session as a client of bare WebSocket sees it, for tests that send what no SDK would."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, cast

import numpy as np
from websockets.asyncio.client import ClientConnection, connect

from antiphon.audio.pcm import RATE_HZ, from_float, silence
from antiphon.config import Config, Engines, Limits
from antiphon.facts import Meter
from antiphon.testing import TONE, serving

PATIENCE_S = 20.0


def play(scene: Callable[[], Coroutine[Any, Any, None]], *, limit_s: float = 60.0) -> None:
    """Run a scene; it may not last long."""

    async def within_limit() -> None:
        async with asyncio.timeout(limit_s):
            await scene()

    asyncio.run(within_limit())


class Caller:
    """One open session."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def say(self, kind: str, **keys: Any) -> None:
        """Send an event."""
        await self.socket.send(json.dumps({"type": kind, **keys}))

    async def append(self, pcm: bytes, **keys: Any) -> None:
        """Send audio."""
        await self.say("input_audio_buffer.append", audio=base64.b64encode(pcm).decode(), **keys)

    async def speak(self, pcm: bytes, chunk_bytes: int = 4_800) -> None:
        """Send audio in chunks."""
        for start in range(0, len(pcm), chunk_bytes):
            await self.append(pcm[start : start + chunk_bytes])

    async def update(self, **session: Any) -> None:
        """Change the session."""
        await self.say("session.update", session={"type": "realtime", **session})
        await self.until("session.updated")

    async def ask(self, text: str, **response: Any) -> None:
        """Ask in writing."""
        content = [{"type": "input_text", "text": text}]
        await self.say("conversation.item.create", item={"type": "message", "role": "user", "content": content})
        await self.say("response.create", response=response)

    async def next(self) -> dict[str, Any]:
        """The next event."""
        async with asyncio.timeout(PATIENCE_S):
            event: dict[str, Any] = json.loads(await self.socket.recv())
        return event

    async def until(self, kind: str) -> dict[str, Any]:
        """The next event of a type; others are passed over."""
        while (event := await self.next())["type"] != kind:
            pass
        return event

    async def error(self) -> dict[str, Any]:
        """The next error, without its text."""
        told = (await self.until("error"))["error"]
        return {key: told[key] for key in ("type", "code", "param", "event_id")}

    async def answers(self) -> str:
        """What the session answers to a question; so it lives."""
        await self.ask("say still here.", output_modalities=["text"])
        done = await self.until("response.done")
        return str(done["response"]["output"][0]["content"][0]["text"])


def engines(limit_s: float = 60.0, **options: Any) -> Config:
    """The tone engines with options by role; None for an engine that is missing."""
    missing = {role: "none" for role, option in options.items() if option is None}
    given = {role: option for role, option in options.items() if option is not None}
    chosen = {role: missing.get(role, getattr(TONE, role)) for role in ("vad", "turn", "asr", "llm", "tts")}
    return Config(engines=Engines(**chosen, options=cast("Any", given)), limits=Limits(engine_seconds=limit_s))


@asynccontextmanager
async def call(config: Config | None = None, *meters: Meter) -> AsyncIterator[Caller]:
    """An open session with a fresh server."""
    async with serving(config or engines(), meters=meters) as url, dial(url) as caller:
        yield caller


@asynccontextmanager
async def dial(url: str) -> AsyncIterator[Caller]:
    """An open session with a server."""
    async with connect(f"{url.replace('http', 'ws')}/v1/realtime?model=tone", max_size=None) as socket:
        caller = Caller(socket)
        created = await caller.next()
        assert created["type"] == "session.created"
        yield caller


def tone(ms: int, hz: int = 440) -> bytes:
    """A loud tone."""
    times = np.arange(ms * RATE_HZ // 1000) / RATE_HZ
    return from_float((0.3 * np.sin(2 * np.pi * hz * times)).astype(np.float32))


def spoken(ms: int = 600) -> bytes:
    """A turn: quiet, a tone, and quiet for long enough."""
    return silence(200) + tone(ms) + silence(900)
