"""What any server of ours answers over HTTP: health, models, ephemeral keys, and where sessions are opened."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from importlib.metadata import version
from typing import TypeAlias

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute

from antiphon.link import App, Calls
from antiphon.protocol import errors
from antiphon.protocol.errors import ErrorDetail
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


def common_routes(
    app: App, gate: Gate, mint: Mint, models: Callable[[], Sequence[str]], calls: Calls | None = None
) -> list[BaseRoute]:
    """The routes of a server whose sessions `app` serves. `models` gives the names to show."""
    return [
        *(Route(path, _health) for path in ("/health", "/healthz")),
        Route("/version", _version),
        Route("/v1/models", _models(gate, models)),
        *(WebSocketRoute(path, realtime_endpoint(app, gate, calls)) for path in REALTIME_PATHS),
        *(Route(path, _minting(gate, mint.client_secret), methods=["POST"]) for path in CLIENT_SECRET_PATHS),
        *(Route(path, _minting(gate, mint.beta_session), methods=["POST"]) for path in BETA_SESSION_PATHS),
        Route(BETA_TRANSCRIPTION_PATH, _minting(gate, mint.beta_transcription_session), methods=["POST"]),
    ]


def refusal(request: Request, gate: Gate) -> Response | None:
    """The answer to a request that shows no key of ours; None for one that may go on."""
    if gate.keys.is_open:
        return None
    key = key_in(request.headers, (), request.query_params)
    if key is not None and gate.keys.name_of(key) is not None:
        return None
    return problem(errors.missing_key() if key is None else errors.bad_key(masked(key)), HTTPStatus.UNAUTHORIZED)


def problem(detail: ErrorDetail, status: HTTPStatus) -> Response:
    """An error as HTTP shows it."""
    return JSONResponse(detail.body, status)


async def _health(_: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _version(_: Request) -> Response:
    return JSONResponse({"name": "antiphon", "version": version("antiphon")})


def _models(gate: Gate, models: Callable[[], Sequence[str]]) -> Endpoint:
    born = int(datetime.now(UTC).timestamp())

    async def endpoint(request: Request) -> Response:
        refused = refusal(request, gate)
        if refused is not None:
            return refused
        rows = [{"id": name, "object": "model", "created": born, "owned_by": OWNER} for name in models()]
        return JSONResponse({"object": "list", "data": rows})

    return endpoint


def _minting(gate: Gate, mint: Callable[[bytes, str], Answer]) -> Endpoint:
    """An endpoint that makes an ephemeral key; not for those who hold no more than one."""

    async def endpoint(request: Request) -> Response:
        refused = refusal(request, gate)
        if refused is not None:
            return refused
        body = await _body_of(request)
        if body is None:
            return problem(errors.body_too_large(MAX_BODY_BYTES), HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        key = key_in(request.headers, (), request.query_params)
        status, told = mint(body, gate.principal_of(key) or "")
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
