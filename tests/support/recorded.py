"""Sessions with a real server that records them."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import msgspec
from served import Caller, engines, play
from websockets.asyncio.client import connect

from antiphon.config import Config
from antiphon.recording import Recording, load
from antiphon.testing import serving

Scene: TypeAlias = Callable[[Caller], Awaitable[None]]

BETA = {"OpenAI-Beta": "realtime=v1"}


def recording_in(folder: Path, config: Config | None = None) -> Config:
    """The configuration, with every session recorded."""
    config = config or engines()
    return msgspec.structs.replace(config, server=msgspec.structs.replace(config.server, record=str(folder)))


def recorded(
    folder: Path,
    scene: Scene,
    config: Config | None = None,
    *,
    query: str = "model=tone",
    headers: dict[str, str] | None = None,
) -> Recording:
    """The recording of one session, played with a fresh server."""

    async def session() -> None:
        async with serving(recording_in(folder, config)) as url:
            address = f"{url.replace('http', 'ws')}/v1/realtime?{query}"
            async with connect(address, additional_headers=headers, max_size=None) as socket:
                await scene(Caller(socket))

    play(session)
    (path,) = folder.glob("*.jsonl")
    return load(path)
