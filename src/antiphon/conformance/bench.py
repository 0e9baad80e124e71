"""What a scene works with: a server, ways to reach it, a voice, and a trace of all that is said."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode, urlsplit, urlunsplit

import httpx2
import msgspec

from antiphon.client import UpgradeRefused, connect
from antiphon.client.address import credentials, endpoint
from antiphon.conformance.case import Broken
from antiphon.conformance.expect import holds
from antiphon.conformance.manner import Manner
from antiphon.conformance.probe import Probe
from antiphon.conformance.wire import Event
from antiphon.protocol.wire import Json
from antiphon.recording import Line

DEFAULT_MODEL: Final = "gpt-realtime"
FULL_STATUSES: Final = frozenset({429, 503})
"""A server that holds few sessions may need a moment to let go of the last one."""
FULL_PAUSE_S: Final = 0.5

MAX_LINES: Final = 20_000
"""Frames of one scene, a hundred times what any takes: a server must not fill our memory."""


@dataclass(frozen=True, slots=True)
class Target:
    """A server to be asked."""

    url: str
    name: str = ""
    api_key: str | None = None
    model: str = DEFAULT_MODEL

    @property
    def title(self) -> str:
        """What its column is called: its name, or its host."""
        return self.name or urlsplit(endpoint(self.url)).netloc


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer."""

    status: int
    body: Any
    """As JSON, or None where it is none."""


@dataclass(slots=True)
class Bench:
    """One scene's view of a server."""

    target: Target
    manner: Manner
    clock: Callable[[], float] = time.monotonic
    lines: list[Line] = field(default_factory=list)
    """All that was said, over all links."""
    links: int = 0
    began: float = -1.0

    @asynccontextmanager
    async def connect(
        self,
        *,
        query: Mapping[str, str] | None = None,
        key: str | None = "",
        headers: Mapping[str, str] | None = None,
        in_subprotocol: bool = False,
    ) -> AsyncIterator[Probe]:
        """A connection, before anything was read. `query` replaces the model, `key` the target's; None shows none."""
        api_key = self.target.api_key if key == "" else key
        address = endpoint(self.target.url, self.target.model) if query is None else self.address(query)
        self.links += 1
        name = f"link_{self.links}"
        opened = await self._opened(address, api_key, headers, in_subprotocol=in_subprotocol)
        async with opened as connection:
            yield Probe(connection, name, self._note, self.manner)

    @asynccontextmanager
    async def session(self, **session: Any) -> AsyncIterator[Probe]:
        """A session past `session.created`, updated where anything is given."""
        async with self.connect() as probe:
            await probe.until("session.created")
            if session:
                await probe.update(**session)
            yield probe

    @asynccontextmanager
    async def written(self, **session: Any) -> AsyncIterator[Probe]:
        """A session that answers in text."""
        async with self.session(output_modalities=["text"], **session) as probe:
            probe.modality = {"output_modalities": ["text"]}
            yield probe

    @asynccontextmanager
    async def heard(self, **turn_detection: Any) -> AsyncIterator[Probe]:
        """A session that answers in text, with these keys of `server_vad`; without keys, without turn detection."""
        detection = {"type": "server_vad", **turn_detection} if turn_detection else None
        async with self.written(audio={"input": {"turn_detection": detection}}) as probe:
            yield probe

    def address(self, query: Mapping[str, str]) -> str:
        """The WebSocket address with another query."""
        parts = urlsplit(endpoint(self.target.url))
        return urlunsplit(parts._replace(query=urlencode(query)))

    async def post(self, path: str, body: Json | bytes, *, key: str | None = "") -> Reply:
        """POST below `/realtime`. `key` replaces the target's; None shows none."""
        parts = urlsplit(endpoint(self.target.url))
        scheme = "https" if parts.scheme == "wss" else "http"
        address = urlunsplit(parts._replace(scheme=scheme, path=parts.path + path, query=""))
        headers, _ = credentials(address, self.target.api_key if key == "" else key, in_subprotocol=False)
        data = body if isinstance(body, bytes) else msgspec.json.encode(body)
        try:
            async with httpx2.AsyncClient(timeout=self.manner.patience_s) as client:
                answer = await client.post(
                    address, content=data, headers={**headers, "Content-Type": "application/json"}
                )
        except httpx2.HTTPError as error:
            raise Broken(f"POST {parts.path}{path} got no answer: {str(error) or type(error).__name__}") from None
        return Reply(answer.status_code, _tree(answer.content))

    async def _opened(
        self, address: str, api_key: str | None, headers: Mapping[str, str] | None, *, in_subprotocol: bool
    ) -> Any:
        """An open connection as a context, once the server has room."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.manner.patience_s
        while True:
            opening = _Opening(connect(address, api_key=api_key, headers=headers, subprotocol_auth=in_subprotocol))
            try:
                return await opening.opened()
            except UpgradeRefused as refused:
                if refused.status not in FULL_STATUSES or loop.time() > deadline:
                    raise
                await asyncio.sleep(FULL_PAUSE_S)

    def _note(self, way: Any, link: str, event: Event, raw: str | None) -> None:
        holds(len(self.lines) < MAX_LINES, f"more than {MAX_LINES} frames came and went")
        now = self.clock()
        if self.began < 0:
            self.began = now
        self.lines.append(Line(len(self.lines) + 2, round(now - self.began, 6), way, link, event, raw))


class _Opening:
    """A context that has been entered already, so that entering can be tried again."""

    def __init__(self, context: Any) -> None:
        self._context = context
        self._value: Any = None

    async def opened(self) -> "_Opening":
        self._value = await self._context.__aenter__()
        return self

    async def __aenter__(self) -> Any:
        return self._value

    async def __aexit__(self, *raised: object) -> Any:
        return await self._context.__aexit__(*raised)


def _tree(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data)
    except ValueError:
        return None
