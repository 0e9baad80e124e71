"""What can be asked over HTTP."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from importlib.metadata import version
from typing import Protocol, TypeAlias

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute

from antiphon.config import Config
from antiphon.console import Console
from antiphon.link import Link
from antiphon.protocol import errors
from antiphon.protocol.errors import ErrorDetail
from antiphon.runtime.app import RealtimeApp
from antiphon.server.pool import EnginePool
from antiphon.transports.admission import Gate
from antiphon.transports.auth import key_in, masked
from antiphon.transports.rest import Answer, Mint
from antiphon.transports.websocket import realtime_endpoint

OWNER = "antiphon"

REALTIME_PATHS = ("/v1/realtime", "/openai/realtime", "/openai/v1/realtime")
"""The provider's, and Azure's of beta and of GA."""
CLIENT_SECRET_PATHS = ("/v1/realtime/client_secrets", "/openai/v1/realtime/client_secrets")
BETA_SESSION_PATHS = ("/v1/realtime/sessions", "/openai/realtimeapi/sessions")
BETA_TRANSCRIPTION_PATH = "/v1/realtime/transcription_sessions"

MAX_BODY_BYTES = 1024 * 1024
"""Instructions and tools of a session, many times over."""

Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]


class Roof(Protocol):
    """What the routes need to know of the house."""

    config: Config
    pool: EnginePool
    app: RealtimeApp

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
    mint = roof.mint
    return [
        *(Route(path, _health) for path in ("/health", "/healthz")),
        *(Route(path, _ready(roof)) for path in ("/ready", "/readyz")),
        Route("/version", _version),
        Route("/v1/models", _models(roof)),
        *(WebSocketRoute(path, realtime_endpoint(roof.serve_link, roof.gate, roof.app)) for path in REALTIME_PATHS),
        *(Route(path, _minting(roof, mint.client_secret), methods=["POST"]) for path in CLIENT_SECRET_PATHS),
        *(Route(path, _minting(roof, mint.beta_session), methods=["POST"]) for path in BETA_SESSION_PATHS),
        Route(BETA_TRANSCRIPTION_PATH, _minting(roof, mint.beta_transcription_session), methods=["POST"]),
        *(roof.console.routes() if roof.config.server.console else ()),
    ]


async def _health(_: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _version(_: Request) -> Response:
    return JSONResponse({"name": "antiphon", "version": version("antiphon")})


def _ready(roof: Roof) -> Endpoint:
    async def endpoint(_: Request) -> Response:
        told = {"status": roof.status, "engines": dict(roof.pool.names), "sessions": roof.app.sessions}
        if roof.pool.failure is not None:
            told["reason"] = str(roof.pool.failure)
        return JSONResponse(told, HTTPStatus.OK if roof.is_ready else HTTPStatus.SERVICE_UNAVAILABLE)

    return endpoint


def _models(roof: Roof) -> Endpoint:
    born = int(datetime.now(UTC).timestamp())

    async def endpoint(request: Request) -> Response:
        refusal = _refusal(request, roof.gate)
        if refusal is not None:
            return refusal
        rows = [
            {"id": name, "object": "model", "created": born, "owned_by": OWNER} for name in roof.config.model_names()
        ]
        return JSONResponse({"object": "list", "data": rows})

    return endpoint


def _minting(roof: Roof, mint: Callable[[bytes, str], Answer]) -> Endpoint:
    """An endpoint that makes an ephemeral key; not for those who hold no more than one."""

    async def endpoint(request: Request) -> Response:
        refusal = _refusal(request, roof.gate)
        if refusal is not None:
            return refusal
        body = await _body_of(request)
        if body is None:
            return _error(errors.body_too_large(MAX_BODY_BYTES), HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        key = key_in(request.headers, (), request.query_params)
        status, told = mint(body, roof.gate.principal_of(key) or "")
        return JSONResponse(told, status)

    return endpoint


async def _body_of(request: Request) -> bytes | None:
    """The body; None for one that is larger than any session's configuration."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            return None
    return bytes(body)


def _refusal(request: Request, gate: Gate) -> Response | None:
    """The answer to a request that shows no key of ours; None for one that may go on."""
    if gate.keys.is_open:
        return None
    key = key_in(request.headers, (), request.query_params)
    if key is not None and gate.keys.name_of(key) is not None:
        return None
    return _error(errors.missing_key() if key is None else errors.bad_key(masked(key)), HTTPStatus.UNAUTHORIZED)


def _error(detail: ErrorDetail, status: HTTPStatus) -> Response:
    return JSONResponse(detail.body, status)
