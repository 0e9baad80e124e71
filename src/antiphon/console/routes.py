"""What the console asks of the server beyond the protocol: its files, the forms' schema, who is here, and watching.

A key is asked for wherever sessions are told of, on an open server too: a page of another site can reach the port of a
developer's machine, but it cannot read the key that would let it in.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from importlib.metadata import version
from typing import Any, Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from antiphon.console.pages import HEADERS, INDEX, page, pages, served
from antiphon.console.schema import client_events
from antiphon.console.watch import TooManyFeeds, Watch
from antiphon.runtime.app import Running
from antiphon.transports.admission import Gate
from antiphon.transports.auth import key_in

PRINCIPAL = "antiphon console"
"""Whose key the console's link carries. Keys that applications mint for their users do not see other sessions."""

FRESH = {**HEADERS, "Cache-Control": "no-store"}


class Served(Protocol):
    """The sessions of this process."""

    @property
    def running(self) -> Sequence[Running]:
        """The open sessions, the oldest first."""


@dataclass(frozen=True, slots=True)
class About:
    """What the server says of itself, for one model name."""

    status: str
    engines: dict[str, str]
    models: tuple[str, ...]
    voices: tuple[str, ...] = ()
    instructions: str = ""
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Who:
    """What a request's key stands for."""

    principal: str | None
    """None: no key of ours."""
    sees_all: bool = False


@dataclass(frozen=True, slots=True)
class Console:
    """The console of one house."""

    gate: Gate
    app: Served
    watch: Watch
    about: Callable[[str | None], About]
    _pages: dict[str, Any] = field(default_factory=pages)
    _schema: Any = field(default_factory=lambda: page(client_events(), "application/schema+json"))

    def routes(self) -> list[BaseRoute]:
        """All routes."""
        return [
            Route("/", self._index),
            Route("/console/static/{name}", self._file),
            Route("/console/events.json", self._events),
            Route("/console/state", self._state),
            Route("/console/watch/{session_id}", self._watching),
        ]

    async def _index(self, request: Request) -> Response:
        return served(self._pages[INDEX], request)

    async def _file(self, request: Request) -> Response:
        return served(self._pages.get(request.path_params["name"]), request)

    async def _events(self, request: Request) -> Response:
        return served(self._schema, request)

    async def _state(self, request: Request) -> Response:
        """Status and engines; on a server with keys only for those who have one. Sessions: see `_who`."""
        who = self._who(request)
        is_open = self.gate.keys.is_open
        if who.principal is None and not is_open:
            return _refused()
        about = self.about(request.query_params.get("model"))
        told: dict[str, Any] = {"version": version("antiphon"), "is_open": is_open, **msgspec.to_builtins(about)}
        if who.sees_all:
            told["sessions"] = [_row(running, who) for running in self.app.running]
        return JSONResponse(told, headers=FRESH)

    async def _watching(self, request: Request) -> Response:
        """One JSON object a line, until the session ends."""
        who = self._who(request)
        if who.principal is None:
            return _refused()
        running = self._find(request.path_params["session_id"])
        if running is None or not (who.sees_all or running.scope.principal == who.principal):
            return _told(HTTPStatus.NOT_FOUND, "There is no such session.")
        return StreamingResponse(self._lines(running), headers=FRESH, media_type="application/x-ndjson")

    async def _lines(self, running: Running) -> AsyncIterator[bytes]:
        session_id, runner = running.session_id, running.runner
        try:
            with self.watch.open(session_id) as feed:
                if self._find(session_id) is None:  # it ended before anybody looked
                    return
                runner.watch(lambda scores: self.watch.scored(session_id, scores))
                yield b"\n"
                async for observation in feed:
                    yield msgspec.json.encode(observation) + b"\n"
        except TooManyFeeds:
            yield msgspec.json.encode({"kind": "refused", "message": "Too many consoles are watching."}) + b"\n"
        finally:
            if not self.watch.is_watched(session_id):
                runner.watch(None)

    def _find(self, session_id: str) -> Running | None:
        return next((one for one in self.app.running if one.session_id == session_id), None)

    def _who(self, request: Request) -> Who:
        """An ephemeral key sees its own sessions by their ids; the console's and API keys see the list of all."""
        key = key_in(request.headers, (), request.query_params)
        secret = self.gate.secret_of(key)
        if secret is not None:
            return Who(secret.principal, self.gate.keys.is_open or secret.principal == PRINCIPAL)
        name = None if key is None else self.gate.keys.name_of(key)
        return Who(name, name is not None)


def _row(running: Running, who: Who) -> dict[str, Any]:
    scope = running.scope
    return {
        "id": running.session_id,
        "call_id": scope.call_id,
        "is_own": scope.principal == who.principal,
        "transport": scope.transport,
        "dialect": scope.dialect,
        "model": scope.model,
        "age_s": round((datetime.now(UTC) - running.opened_at).total_seconds()),
    }


def _refused() -> Response:
    return _told(HTTPStatus.UNAUTHORIZED, "This needs a key of the server; `antiphon serve` prints a link with one.")


def _told(status: HTTPStatus, message: str) -> Response:
    return JSONResponse({"error": {"message": message}}, status, FRESH)
