"""For tests of programs that use a Realtime server: a real one, on a free port of this machine.

```python
async with serving("tone") as url:
    client = AsyncOpenAI(base_url=f"{url}/v1", api_key="none")
```

The `tone` engines have no models: same input, same output, at once. Any `Config` does as well.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from starlette.middleware import Middleware

from antiphon.config import Config, Engines
from antiphon.facts import Meter
from antiphon.server.house import House
from antiphon.transports.listening import address_of, bound, uvicorn_server

TONE = Engines(vad="tone", turn="tone", asr="tone", llm="tone", tts="tone")
"""Engines without models."""


@asynccontextmanager
async def serving(
    engines: str | Engines | Config = "tone", *, meters: Sequence[Meter] = (), middleware: Sequence[Middleware] = ()
) -> AsyncIterator[str]:
    """A running server; gives its address, such as `http://127.0.0.1:40123`, once the engines are warm.

    `engines` is "tone", an `Engines` value, or a whole `Config`; host and port are always a free one on loopback.
    `meters` are told what happens, in place of the log. `middleware` stands between the clients and the server.
    """
    config = engines if isinstance(engines, Config) else Config(engines=TONE if engines == "tone" else _set(engines))
    house = House(config, meters)
    house.asgi.user_middleware.extend(middleware)
    with bound("127.0.0.1", 0) as sock:
        server = uvicorn_server(house.asgi, house.tls)
        # No TaskGroup: what the caller raises must come out as it is, and after an orderly end.
        running = asyncio.get_running_loop().create_task(server.serve(sockets=[sock]))
        try:
            await house.pool.until_ready()
            yield f"{'https' if house.tls else 'http'}://{address_of(sock)}"
        finally:
            await house.drain(0)
            server.should_exit = True
            await running


def _set(engines: str | Engines) -> Engines:
    if isinstance(engines, Engines):
        return engines
    raise ValueError(f'There is no set of engines called "{engines}"; give "tone", an Engines value or a Config.')
