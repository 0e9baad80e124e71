"""The model names that a relay shows: those of its settings, else what an upstream lists."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import httpx2 as httpx
from msgspec import json

from antiphon.client.address import credentials, endpoint
from antiphon.gateway.health import SCHEMES
from antiphon.gateway.upstreams import Upstream

LIST_LIMIT_S: Final = 5.0
"""How long an upstream may take; the next is asked then."""

MAX_LIST_BYTES: Final = 4 * 1024 * 1024
"""Thousands of models."""


async def listed(upstreams: Sequence[Upstream], http: httpx.AsyncClient) -> list[Any]:
    """What the first upstream that answers has to show, as it shows it; nothing if none does."""
    for upstream in sorted(upstreams, key=lambda one: (not one.is_up, one.priority)):
        rows = await _list_of(upstream, http)
        if rows is not None:
            return rows
    return []


async def _list_of(upstream: Upstream, http: httpx.AsyncClient) -> list[Any] | None:
    """The list of one upstream; None for one that has none."""
    headers, _ = credentials(upstream.url, upstream.key, in_subprotocol=False, dialect=upstream.dialect)
    try:
        async with asyncio.timeout(LIST_LIMIT_S):
            tree = json.decode(await _body(models_url(upstream.url), headers, http))
    except (httpx.HTTPError, OSError, TimeoutError, ValueError):
        return None
    rows = tree.get("data") if isinstance(tree, dict) else None
    return rows if isinstance(rows, list) else None


async def _body(url: str, headers: dict[str, str], http: httpx.AsyncClient) -> bytes:
    """Raises ValueError for one that is too long."""
    body = bytearray()
    async with http.stream("GET", url, headers=headers) as answer:
        answer.raise_for_status()
        async for chunk in answer.aiter_bytes():
            body += chunk
            if len(body) > MAX_LIST_BYTES:
                raise ValueError("too long")
    return bytes(body)


def models_url(url: str) -> str:
    """Where the server lists its models: beside its Realtime API."""
    parts = urlsplit(endpoint(url))
    base = parts.path.partition("/realtime")[0]
    return urlunsplit((SCHEMES[parts.scheme], parts.netloc, f"{base}/models", parts.query, ""))
