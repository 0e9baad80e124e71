"""What can be asked over HTTP."""

from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Protocol, TypeAlias

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from antiphon.config import Config
from antiphon.console import Console
from antiphon.link import Link
from antiphon.metrics import PrometheusMeter
from antiphon.runtime.app import RealtimeApp
from antiphon.server.pool import EnginePool
from antiphon.transports.admission import Gate
from antiphon.transports.http import common_routes
from antiphon.transports.rest import Mint
from antiphon.transports.webrtc.desk import Desk
from antiphon.transports.webrtc.endpoint import Door

Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]


class Roof(Protocol):
    """What the routes need to know of the house."""

    config: Config
    pool: EnginePool
    app: RealtimeApp
    desk: Desk
    metrics: PrometheusMeter | None
    """What `/metrics` shows."""

    @property
    def status(self) -> str:
        """`warming`, `ready`, `failed` or `draining`."""

    @property
    def is_ready(self) -> bool:
        """Whether a new session would be answered at once."""

    @property
    def gate(self) -> Gate:
        """Who is let in."""

    @property
    def mint(self) -> Mint:
        """Where ephemeral keys are made."""

    @property
    def console(self) -> Console:
        """The page at `/`."""

    async def serve_link(self, link: Link) -> None:
        """Serve one link."""


def routes(roof: Roof) -> Sequence[BaseRoute]:
    """All routes of a house."""
    return [
        *common_routes(roof.serve_link, roof.gate, roof.mint, roof.config.model_names, roof.app),
        *Door(roof.desk, roof.gate, roof.mint, roof.app).routes(),
        *(Route(path, _ready(roof)) for path in ("/ready", "/readyz")),
        *(Route("/metrics", _metrics(meter)) for meter in (roof.metrics,) if meter is not None),
        *(roof.console.routes() if roof.config.server.console else ()),
    ]


def _metrics(meter: PrometheusMeter) -> Endpoint:
    """For Prometheus, which shows no key by habit; the figures tell of nobody."""

    async def endpoint(request: Request) -> Response:
        told, content_type = meter.exposition(request.headers.get("accept", ""))
        return Response(told, headers={"content-type": content_type})

    return endpoint


def _ready(roof: Roof) -> Endpoint:
    async def endpoint(_: Request) -> Response:
        told = {"status": roof.status, "engines": dict(roof.pool.names), "sessions": roof.app.sessions}
        if roof.pool.failure is not None:
            told["reason"] = str(roof.pool.failure)
        return JSONResponse(told, HTTPStatus.OK if roof.is_ready else HTTPStatus.SERVICE_UNAVAILABLE)

    return endpoint
