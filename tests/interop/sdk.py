"""What the interop tests share: conversations in the official SDK's own words."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import numpy as np
from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection

from antiphon.audio import g711
from antiphon.audio.pcm import RATE_HZ, from_float, silence
from antiphon.config import Config, Engines
from antiphon.testing import serving

CHUNK_BYTES = 4_800
"""100 ms."""
PATIENCE_S = 60.0
"""For one answer of a real model on a busy machine."""


@asynccontextmanager
async def session(
    update: dict[str, Any] | None = None, engines: str | Engines | Config = "tone"
) -> AsyncIterator[AsyncRealtimeConnection]:
    """An open session of the SDK with a fresh server; `update` is its first `session.update`."""
    async with (
        serving(engines) as url,
        AsyncOpenAI(base_url=f"{url}/v1", api_key="none") as client,
        client.realtime.connect(model="gpt-realtime") as connection,
    ):
        if update is not None:
            await connection.session.update(session=cast("Any", {"type": "realtime", **update}))
            await until(connection, "session.updated")
        yield connection


async def until(
    connection: AsyncRealtimeConnection, wanted: str | Callable[[Any], bool] = "response.done"
) -> list[Any]:
    """All events up to the first of a type, or the first that fits; it is the last of the list."""
    events: list[Any] = []
    async with asyncio.timeout(PATIENCE_S):
        while True:
            event = await connection.recv()
            events.append(event)
            if event.type == wanted if isinstance(wanted, str) else wanted(event):
                return events


def types(events: list[Any]) -> list[str]:
    """The types of events, runs of equal ones told once."""
    names = [event.type for event in events]
    return [name for n, name in enumerate(names) if n == 0 or names[n - 1] != name]


def only(events: list[Any], kind: str) -> list[Any]:
    """The events of one type."""
    return [event for event in events if event.type == kind]


async def write(connection: AsyncRealtimeConnection, text: str) -> None:
    """Add a written user message."""
    await connection.conversation.item.create(
        item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    )


async def play(connection: AsyncRealtimeConnection, audio: bytes, chunk_bytes: int = CHUNK_BYTES) -> None:
    """Append audio in pieces of 100 ms, faster than real time: turns are counted in samples."""
    for start in range(0, len(audio), chunk_bytes):
        await connection.input_audio_buffer.append(audio=base64.b64encode(audio[start : start + chunk_bytes]).decode())


def ulaw_of(pcm: bytes) -> bytes:
    """The same sound as G.711 mu-law at 8 kHz."""
    return g711.encode("pcmu", np.frombuffer(pcm, dtype="<i2")[::3].tobytes())


def sine(ms: int, hz: int = 440) -> bytes:
    """Something that the `tone` engines take for speech."""
    return from_float((0.4 * np.sin(2 * np.pi * hz * np.arange(ms * RATE_HZ // 1000) / RATE_HZ)).astype(np.float32))


def spoken_turn(ms: int = 1200, hz: int = 440) -> bytes:
    """A turn of speech, with the silence that ends it."""
    return silence(300) + sine(ms, hz) + silence(900)


def audio_of(events: list[Any]) -> bytes:
    """The sound of an answer."""
    return b"".join(base64.b64decode(event.delta) for event in only(events, "response.output_audio.delta"))
