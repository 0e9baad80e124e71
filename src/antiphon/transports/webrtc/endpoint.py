"""Calls over HTTP: an offer is posted, an answer comes back; a call is hung up.

GA posts to `/v1/realtime/calls`, beta to `/v1/realtime`. Browsers post from pages of any origin, so all answers carry
CORS headers.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from typing import TypeAlias

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from antiphon.link import Calls, Scope
from antiphon.protocol import errors
from antiphon.protocol.errors import ErrorDetail
from antiphon.protocol.ids import new_call_id
from antiphon.protocol.session import RealtimeSessionUpdate, SessionUpdateBody
from antiphon.transports.admission import BAD_KEY, CALL_PARAMETER, Gate, Knock, Refusal, admit
from antiphon.transports.auth import key_in, masked
from antiphon.transports.rest import DEFAULT_MODEL, Mint
from antiphon.transports.webrtc.desk import Desk
from antiphon.transports.webrtc.offer import read_offer

CALL_PATHS = ("/v1/realtime/calls", "/openai/v1/realtime/calls")
BETA_PATHS = ("/v1/realtime", "/v1/realtimertc")
SDP = "application/sdp"

MAX_BODY_BYTES = 1024 * 1024
"""An offer, and instructions and tools of a session, many times over."""
MAX_FIELDS = 8
"""Parts of a form; two have a meaning."""
PREFLIGHT_S = 86_400

CORS = {"access-control-allow-origin": "*", "access-control-expose-headers": "Location"}

Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Door:
    """What the endpoints of calls need."""

    desk: Desk
    gate: Gate
    mint: Mint
    calls: Calls

    def routes(self) -> Sequence[BaseRoute]:
        """All routes of calls."""
        opening = [(path, partial(self._open, is_beta=False)) for path in CALL_PATHS]
        opening += [(path, partial(self._open, is_beta=True)) for path in BETA_PATHS]
        return [
            *(Route(path, _with_cors(endpoint), methods=["POST", "OPTIONS"]) for path, endpoint in opening),
            *(
                Route(f"{path}/{{call_id}}/hangup", _with_cors(self._hang_up), methods=["POST", "OPTIONS"])
                for path in CALL_PATHS
            ),
            *(
                Route(f"{path}/{{call_id}}", _with_cors(self._hang_up), methods=["DELETE", "OPTIONS"])
                for path in CALL_PATHS
            ),
        ]

    async def _open(self, request: Request, *, is_beta: bool) -> Response:
        """Take a call."""
        if not self.gate.keys.is_open and (refusal := self._refusal(request)) is not None:
            return refusal
        posted = await _posted(request)
        if isinstance(posted, Response):
            return posted
        session = None if posted.session is None else self.mint.session_of(posted.session)
        if isinstance(session, ErrorDetail):
            return _error(session)
        admitted = admit(_knock(request, session), self.gate)
        if isinstance(admitted, Refusal):
            status = HTTPStatus.UNAUTHORIZED if admitted.code == BAD_KEY else HTTPStatus.BAD_REQUEST
            return _error(admitted.error, status)
        if is_beta and self.gate.refuses_beta:
            return _error(errors.beta_disabled())
        dialect = "beta" if is_beta and admitted.dialect == "ga" else admitted.dialect
        return await self._take(posted.sdp, replace(admitted, dialect=dialect, session=session or admitted.session))

    async def _take(self, sdp: str, scope: Scope) -> Response:
        offer = read_offer(sdp)
        if isinstance(offer, ErrorDetail):
            return _error(offer)
        call_id = new_call_id()
        try:
            answer = await self.desk.open(
                call_id, offer, replace(scope, transport="webrtc", call_id=call_id, takes_audio=False)
            )
        except ImportError:
            return _error(errors.webrtc_missing(), HTTPStatus.NOT_IMPLEMENTED)
        except OSError:
            return _error(errors.no_media_port(), HTTPStatus.SERVICE_UNAVAILABLE)
        if isinstance(answer, ErrorDetail):
            return _error(answer, HTTPStatus.TOO_MANY_REQUESTS)
        headers = {"location": f"{CALL_PATHS[0]}/{call_id}"}
        return Response(answer, HTTPStatus.CREATED, headers, media_type=SDP)

    async def _hang_up(self, request: Request) -> Response:
        """End a call of the caller's own."""
        if (refusal := self._refusal(request)) is not None:
            return refusal
        call_id = request.path_params["call_id"]
        found = self.calls.find(call_id) or self.desk.scope_of(call_id)
        if found is None or found.principal != self.gate.principal_of(_key(request)):
            return _error(errors.call_unknown(call_id), HTTPStatus.NOT_FOUND)
        if self.desk.is_half_open(call_id) or not self.calls.end(call_id):
            await self.desk.end(call_id)  # it has nobody yet who could be told
        return Response(status_code=HTTPStatus.OK)

    def _refusal(self, request: Request) -> Response | None:
        """The answer to a request that shows no key of ours."""
        key = _key(request)
        if key is None and not self.gate.keys.is_open:
            return _error(errors.missing_key(), HTTPStatus.UNAUTHORIZED)
        if self.gate.principal_of(key) is None:
            return _error(errors.bad_key(masked(key or "")), HTTPStatus.UNAUTHORIZED)
        return None


@dataclass(frozen=True, slots=True)
class _Posted:
    sdp: str
    session: bytes | None


async def _posted(request: Request) -> _Posted | Response:
    """The offer, and the session if there is one; or the refusal of a body that is neither shape."""
    body = await _body_of(request)
    if body is None:
        return _error(errors.body_too_large(MAX_BODY_BYTES), HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == SDP:
        return _Posted(body.decode(errors="replace"), None)
    if kind != "multipart/form-data":
        return _error(errors.bad_call_body(), HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    try:
        form = await MultiPartParser(request.headers, _once(body), max_files=MAX_FIELDS, max_fields=MAX_FIELDS).parse()
    except (MultiPartException, KeyError, ValueError):
        return _error(errors.bad_call_body(), HTTPStatus.BAD_REQUEST)
    except (ImportError, AssertionError):  # how starlette says that its parser is not installed
        return _error(errors.webrtc_missing(), HTTPStatus.NOT_IMPLEMENTED)
    try:
        parts = {name: await _bytes_of(value) for name, value in form.items()}
    finally:
        await form.close()
    if "sdp" not in parts:
        return _error(errors.missing_parameter("sdp"))
    return _Posted(parts["sdp"].decode(errors="replace"), parts.get("session") or None)


async def _bytes_of(part: UploadFile | str) -> bytes:
    return part.encode() if isinstance(part, str) else await part.read()


async def _once(body: bytes) -> AsyncGenerator[bytes, None]:
    yield body
    yield b""


async def _body_of(request: Request) -> bytes | None:
    """The body; None for one that is too large."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            return None
    return bytes(body)


def _knock(request: Request, session: SessionUpdateBody | None) -> Knock:
    """What the request shows; a posted session names the model where the address does not."""
    query = {name: value for name, value in request.query_params.items() if name != CALL_PARAMETER}
    if isinstance(session, RealtimeSessionUpdate):
        query.setdefault("model", session.model or DEFAULT_MODEL)
    elif session is not None:
        query = {name: value for name, value in query.items() if name != "model"} | {"intent": "transcription"}
    peer = request.client
    return Knock(request.headers, (), query, f"{peer.host}:{peer.port}" if peer else "")


def _key(request: Request) -> str | None:
    return key_in(request.headers, (), request.query_params)


def _error(detail: ErrorDetail, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> Response:
    return JSONResponse(detail.body, status)


def _with_cors(endpoint: Endpoint) -> Endpoint:
    """Let pages of any origin use the endpoint; the key is what protects it."""

    async def open_to_all(request: Request) -> Response:
        if request.method == "OPTIONS":
            wanted = request.headers.get("access-control-request-headers", "authorization, content-type")
            allowed = {
                "access-control-allow-methods": "POST, DELETE, OPTIONS",
                "access-control-allow-headers": wanted,
                "access-control-max-age": str(PREFLIGHT_S),
            }
            return Response(status_code=HTTPStatus.NO_CONTENT, headers=CORS | allowed)
        response = await endpoint(request)
        response.headers.update(CORS)
        return response

    return open_to_all
