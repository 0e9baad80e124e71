"""Ephemeral keys over HTTP, in the words of GA and of beta: a request body in, a status and a JSON value out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, TypeAlias, TypeVar

import msgspec
from msgspec import structs

from antiphon.dialects import beta_session
from antiphon.dialects import beta_shapes as beta
from antiphon.dialects.wording import in_clients_words
from antiphon.protocol import codec, errors
from antiphon.protocol.errors import ErrorDetail
from antiphon.protocol.ids import new_id
from antiphon.protocol.secrets import BetaClientSecret, ClientSecretRequest, ExpiresAfter
from antiphon.protocol.session import RealtimeSessionUpdate, SessionBody, SessionUpdateBody
from antiphon.protocol.violations import Rules
from antiphon.protocol.wire import UNSET, Json
from antiphon.session.config import SessionConfig, SessionSettings, apply, shown
from antiphon.session.tools import Refusal
from antiphon.transports.secrets import Secrets, TooManySecrets

DEFAULT_SECONDS = 600
DEFAULT_MODEL = "gpt-realtime"
"""What a key without a model opens a session of."""

TEMPERATURE = 0.8
"""Beta's default, which its sessions show."""

JUDGED_ELSEWHERE = ("tools", "tool_choice", "prompt")
"""Keys of a session whose values only the server that runs it can judge."""

Answer: TypeAlias = tuple[HTTPStatus, Json]
Body = TypeVar("Body")


def no_tools(model: str) -> Refusal | None:  # noqa: ARG001 -- the same for every model
    """Say that sessions have no MCP tools."""
    return None


@dataclass(frozen=True, slots=True)
class Mint:
    """Where keys are made."""

    secrets: Secrets
    knows_model: Callable[[str], bool]
    instructions: str = ""
    """What sessions are told that bring no instructions."""
    templates: Mapping[str, str] = field(default_factory=dict)
    """The operator's prompt templates, as sessions know them."""
    tool_refusal: Callable[[str], Refusal | None] = no_tools
    """Why an MCP server may not be used in sessions of a model, by its URL."""
    passes_on: bool = False
    """Whether the sessions are another server's: that one judges tools and prompts."""

    def client_secret(self, body: bytes, principal: str) -> Answer:
        """`POST /v1/realtime/client_secrets`."""
        request = _read(body, ClientSecretRequest)
        if isinstance(request, ErrorDetail):
            return refused(request)
        session = request.session or RealtimeSessionUpdate()
        made = self._make(session, principal, _seconds(request.expires_after or ExpiresAfter()))
        if isinstance(made, ErrorDetail):
            return refused(made)
        return HTTPStatus.OK, {"value": made.value, "expires_at": made.expires_at, "session": _tree(made.session)}

    def beta_session(self, body: bytes, principal: str) -> Answer:
        """`POST /v1/realtime/sessions`: a flat session, with the key inside."""
        session = _read(body, beta.Session)
        wishes = session if isinstance(session, ErrorDetail) else beta_session.session_to_ga(session)
        if isinstance(wishes, ErrorDetail):
            return refused(_unprefixed(wishes))
        temperature = TEMPERATURE if wishes.temperature is UNSET else wishes.temperature
        return self._beta(session, wishes, principal, lambda made: beta_session.shown(made, temperature))

    def beta_transcription_session(self, body: bytes, principal: str) -> Answer:
        """`POST /v1/realtime/transcription_sessions`."""
        session = _read(body, beta.TranscriptionSession)
        if isinstance(session, ErrorDetail):
            return refused(session)
        update = beta_session.transcription_to_ga(session)
        return self._beta(session, update, principal, beta_session.transcription_shown)

    def _beta(self, session: Any, update: SessionUpdateBody, principal: str, show: Callable[[Any], Any]) -> Answer:
        wanted = _beta_expiry(session.client_secret)
        if isinstance(wanted, ErrorDetail):
            return refused(wanted)
        made = self._make(update, principal, _seconds(wanted))
        if isinstance(made, ErrorDetail):
            return refused(_unprefixed(in_clients_words(made, {})))
        secret = {"value": made.value, "expires_at": made.expires_at}
        return HTTPStatus.OK, _tree(show(made.session)) | {"client_secret": secret}

    def session_of(self, body: bytes) -> SessionUpdateBody | ErrorDetail:
        """The session that a call is opened with, checked as that of a key."""
        tree = codec.tree_of(body)
        if isinstance(tree, ErrorDetail):
            return tree
        wrapped: Json = {"session": tree}
        error = Rules(ClientSecretRequest).violation(wrapped)
        if error is not None:
            return error
        session = msgspec.convert(wrapped, ClientSecretRequest).session or RealtimeSessionUpdate()
        unborn = self._unborn(session)
        return unborn if isinstance(unborn, ErrorDetail) else session

    def _make(self, session: SessionUpdateBody, principal: str, seconds: int) -> "Made | ErrorDetail":
        """Check the configuration as a session would, and mint a key for it."""
        unborn = self._unborn(session)
        if isinstance(unborn, ErrorDetail):
            return unborn
        model, shown_session = unborn
        try:
            value, secret = self.secrets.mint(session, model, principal, seconds)
        except TooManySecrets:
            return errors.too_many_secrets()
        return Made(value, int(secret.expires_at), shown_session)

    def _unborn(self, session: SessionUpdateBody) -> tuple[str, SessionBody] | ErrorDetail:
        """The model and the session that would be opened; or why it would not."""
        is_realtime = isinstance(session, RealtimeSessionUpdate)
        model = (session.model or DEFAULT_MODEL) if isinstance(session, RealtimeSessionUpdate) else ""
        if is_realtime and not self.knows_model(model):
            return errors.unknown_model(errors.clipped(model))
        settings = SessionSettings(
            session_id=new_id("sess"),
            model=model,
            new_id=new_id,
            kind="realtime" if is_realtime else "transcription",
            templates=self.templates,
            tool_refusal=self.tool_refusal(model),
        )
        config = apply(SessionConfig(instructions=self.instructions), self._ours(session), settings, has_spoken=False)
        if isinstance(config, ErrorDetail):
            return config
        return model, structs.replace(shown(config, settings), expires_at=0, **self._theirs(session))

    def _ours(self, session: SessionUpdateBody) -> SessionUpdateBody:
        """What of the configuration is judged here."""
        return structs.replace(session, **dict.fromkeys(self._theirs(session), UNSET))

    def _theirs(self, session: SessionUpdateBody) -> dict[str, Any]:
        """What of the configuration is judged elsewhere."""
        given = {name: getattr(session, name, UNSET) for name in JUDGED_ELSEWHERE if self.passes_on}
        return {name: value for name, value in given.items() if value is not UNSET}


@dataclass(frozen=True, slots=True)
class Made:
    """A minted key, and the session that it opens; that has no end before it has begun."""

    value: str
    expires_at: int
    session: SessionBody


def refused(error: ErrorDetail) -> Answer:
    """The HTTP shape of an error."""
    status = HTTPStatus.TOO_MANY_REQUESTS if error.code == errors.RATE_LIMIT_EXCEEDED else HTTPStatus.BAD_REQUEST
    return status, error.body


def _read(body: bytes, kind: type[Body]) -> Body | ErrorDetail:
    """The body as a wire value, or the first thing that is wrong with it. No body is an empty object."""
    tree = codec.tree_of(body or b"{}")
    if isinstance(tree, ErrorDetail):
        return tree
    return Rules(kind).violation(tree) or msgspec.convert(tree, kind)


def _beta_expiry(given: Json) -> ExpiresAfter | ErrorDetail:
    if given is UNSET or given is None:
        return ExpiresAfter()
    error = Rules(BetaClientSecret).violation(given)
    if error is not None:
        return structs.replace(error, param=f"client_secret.{error.param}")
    secret = msgspec.convert(given, BetaClientSecret)
    return secret.expires_after or secret.expires_at or ExpiresAfter()


def _seconds(expiry: ExpiresAfter) -> int:
    return DEFAULT_SECONDS if expiry.seconds is UNSET else expiry.seconds


def _unprefixed(error: ErrorDetail) -> ErrorDetail:
    """Over REST the body itself is the session: paths begin inside it."""
    if error.param is None or not error.param.startswith("session."):
        return error
    inner = error.param.removeprefix("session.")
    return ErrorDetail(
        type=error.type, code=error.code, param=inner, message=error.message.replace(f"'{error.param}'", f"'{inner}'")
    )


def _tree(value: Any) -> dict[str, Json]:
    return msgspec.to_builtins(value)  # type: ignore[no-any-return]  # a struct becomes an object
