"""The servers behind a relay: which one is tried first, what is known of it, and how a session with it begins.

An upstream has opened a session when it has said its first word: one that takes the connection and then refuses the
operator's key, is full, or says nothing is as little use as one that is gone, and the next is tried.
"""

import asyncio
import logging
import ssl
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, urlencode

from antiphon.client.address import Dialect, endpoint
from antiphon.client.connection import Connection, connect
from antiphon.client.errors import ClientError, ConnectionLost, Unreachable, UpgradeRefused
from antiphon.client.older import Older
from antiphon.gateway.configuring import configured
from antiphon.gateway.frames import MAX_UPSTREAM_FRAME_BYTES, type_of
from antiphon.protocol.session import SessionUpdateBody

REFUSAL_LIMIT_S: Final = 1.0
"""How long to wait for the close that makes a first `error` final. Servers send both in one go."""

NOT_THE_CLIENTS_FAULT: Final = frozenset({1011, 1012, 1013, 3000})
"""Close codes after a first `error` that the next upstream may not have: a fault, a restart, full, our own key."""

_LOG = logging.getLogger("antiphon.gateway")


@dataclass(slots=True)
class Upstream:
    """One server, and what is known of it."""

    name: str
    url: str
    dialect: Dialect = "ga"
    priority: int = 0
    key: str | None = field(default=None, repr=False)
    is_up: bool = True
    sessions: int = 0
    opened: int = 0
    failures: int = 0
    """Sessions that it did not open, and sessions that it broke."""

    def failed(self, why: str) -> None:
        """Note a failure; it is tried last until a check finds it well."""
        self.failures += 1
        self.set_up(is_up=False, why=why)

    def set_up(self, *, is_up: bool, why: str = "") -> None:
        """Note whether it is well."""
        if is_up != self.is_up:
            _LOG.log(
                logging.INFO if is_up else logging.WARNING,
                "upstream %s",
                "is up" if is_up else f"is down: {why}",
                extra={"fields": {"upstream": self.name}},
            )
        self.is_up = is_up


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a client wants of an upstream."""

    dialect: str
    model: str | None
    upstream: str | None = None
    """The only one that will do."""
    query: dict[str, str] = field(default_factory=dict)
    """More of the address: `intent`, for one."""
    session: SessionUpdateBody | None = None
    """What the session is to begin with."""


@dataclass(slots=True)
class Leg:
    """An open session with an upstream."""

    upstream: Upstream
    connection: Connection
    older: Older | None
    """How the upstream is spoken to where it does not speak GA."""
    early: list[bytes]
    """What it has said already, to be passed on first."""


class NoneLeft(Exception):
    """Every upstream that would do has failed."""


class Upstreams:
    """All upstreams."""

    def __init__(self, upstreams: Sequence[Upstream], open_limit_s: float) -> None:
        self.all = tuple(upstreams)
        self._open_limit_s = open_limit_s
        has_tls = any(endpoint(one.url).startswith("wss:") for one in self.all)
        self._trust = ssl.create_default_context() if has_tls else None
        """Made once: reading the authorities takes tens of milliseconds, in which no frame would be passed on."""

    def candidates(self, wanted: Wanted) -> list[Upstream]:
        """Those that would do, in the order in which they are tried: well before ill, then by priority and load.

        One that speaks the client's own dialect goes before one that needs a translation.
        """
        fitting = [one for one in self.all if one.name == wanted.upstream or wanted.upstream is None]
        return sorted(
            fitting, key=lambda one: (not one.is_up, one.dialect != wanted.dialect, one.priority, one.sessions)
        )

    async def open(self, wanted: Wanted, stack: AsyncExitStack) -> Leg:
        """A session with the first that gives one; `stack` ends it. Raises `NoneLeft`."""
        for upstream in self.candidates(wanted):
            async with AsyncExitStack() as attempt:
                try:
                    leg = await self._opened(upstream, wanted, attempt)
                except ClientError as error:
                    upstream.failed(_why(error))
                    continue
                upstream.set_up(is_up=True)
                upstream.opened += 1
                stack.push_async_exit(attempt.pop_all())
                return leg
        raise NoneLeft

    async def _opened(self, upstream: Upstream, wanted: Wanted, stack: AsyncExitStack) -> Leg:
        connection = await stack.enter_async_context(
            connect(
                with_query(upstream.url, wanted.query),
                api_key=upstream.key,
                model=wanted.model,
                dialect=upstream.dialect,
                ssl=self._trust if endpoint(upstream.url).startswith("wss:") else None,
                open_timeout_s=self._open_limit_s,
                max_frame_bytes=MAX_UPSTREAM_FRAME_BYTES,
            )
        )
        older = None if upstream.dialect == "ga" else Older()
        try:
            async with asyncio.timeout(self._open_limit_s):
                early = await _first_words(connection, wanted, older)
        except TimeoutError:
            raise Unreachable(f"{upstream.name} said nothing within {self._open_limit_s:g} s.") from None
        return Leg(upstream, connection, older, early)


async def _first_words(connection: Connection, wanted: Wanted, older: Older | None) -> list[bytes]:
    """What an upstream says as it opens a session. Raises `ClientError` where it opens none."""
    first = await connection.receive_raw()
    if first is None:
        raise Unreachable("The server closed the connection without a word.")
    if type_of(first) == "error":
        return [first, *await _after_refusal(connection)]
    if wanted.session is not None:
        return await configured(connection, first, wanted.session, older)
    return [first]


async def _after_refusal(connection: Connection) -> Iterable[bytes]:
    """What follows a first `error`. Raises `ConnectionLost` for a refusal that is not the client's fault."""
    try:
        async with asyncio.timeout(REFUSAL_LIMIT_S):
            more = await connection.receive_raw()
    except TimeoutError:
        return ()
    except ConnectionLost as lost:
        if lost.code in NOT_THE_CLIENTS_FAULT:
            raise
        return ()  # the next receive raises the same again
    return () if more is None else (more,)


def _why(error: ClientError) -> str:
    """The failure for a log, without what the server said: that may quote a key."""
    match error:
        case UpgradeRefused():
            return f"HTTP {error.status}"
        case ConnectionLost():
            code = f" {error.detail.code}" if error.detail and error.detail.code else ""
            return f"it closed with {error.code}{code}"
    return error.message


def with_query(url: str, more: Mapping[str, str]) -> str:
    """The address with more in its query; what stands there already stays."""
    base, _, query = url.partition("?")
    pairs = dict(more) | dict(parse_qsl(query, keep_blank_values=True))
    return f"{base}?{urlencode(pairs)}" if pairs else base
