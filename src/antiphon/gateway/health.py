"""Looks after upstreams: whether each still answers, so that new sessions go where they will be served."""

import asyncio
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import httpx2 as httpx

from antiphon.client.address import endpoint
from antiphon.gateway.upstreams import Upstream, Upstreams

CHECK_LIMIT_S: Final = 5.0
"""How long one may take to answer; slower ones make bad calls."""

SCHEMES: Final = {"ws": "http", "wss": "https"}


async def look_after(upstreams: Upstreams, every_s: float, http: httpx.AsyncClient) -> None:
    """Check all upstreams now and then. Runs until it is cancelled."""
    while True:
        await asyncio.sleep(every_s)
        await asyncio.gather(*(check(upstream, http) for upstream in upstreams.all))


async def check(upstream: Upstream, http: httpx.AsyncClient) -> None:
    """Ask for `/health`. Any answer but a server's fault is a sign of life, since not every server has that page."""
    try:
        async with asyncio.timeout(CHECK_LIMIT_S), http.stream("GET", health_url(upstream.url)) as answer:
            status = answer.status_code
    except (httpx.HTTPError, OSError, TimeoutError) as error:
        upstream.set_up(is_up=False, why=type(error).__name__)
    else:
        upstream.set_up(is_up=status < 500, why=f"HTTP {status}")


def health_url(url: str) -> str:
    """Where the server's health is asked for: at the root of its host."""
    parts = urlsplit(endpoint(url))
    return urlunsplit((SCHEMES[parts.scheme], parts.netloc, "/health", "", ""))
