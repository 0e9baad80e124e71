"""Who is let in at `/v1/realtime`: a connection's headers and query in, its scope or a refusal out.

The provider accepts every upgrade and says afterwards what was wrong: one `error` event, and a close in the
same instant, 3000 for keys and 4000 for the shape of the request. So do we.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from antiphon.dialects import detect
from antiphon.link import Scope
from antiphon.protocol import errors
from antiphon.protocol.errors import ErrorDetail
from antiphon.protocol.session import TranscriptionSessionUpdate
from antiphon.transports.auth import Keys, key_in, masked, without_keys
from antiphon.transports.secrets import PREFIX, Secret, Secrets

BAD_KEY = 3000
BAD_REQUEST = 4000

TRANSCRIPTION = "transcription"
CALL_PARAMETER = "call_id"
"""In the query of a sideband: the running call that it joins."""


def any_model(name: str) -> bool:  # noqa: ARG001 -- a rule that knows no exception
    """Let every model name pass."""
    return True


@dataclass(frozen=True, slots=True)
class Gate:
    """The operator's rules."""

    keys: Keys = field(default_factory=Keys)
    knows_model: Callable[[str], bool] = any_model
    """Whether a client may ask for this model name."""
    refuses_beta: bool = False
    """Whether beta connections are turned away as the provider does by now."""
    secrets: Secrets | None = None
    """Ephemeral keys, where they are minted here."""
    overseer: str | None = None
    """The principal that may join every call; others join those that were opened with a key of their name."""

    def secret_of(self, key: str | None) -> Secret | None:
        """What an ephemeral key opens; None for any other key."""
        return None if key is None or self.secrets is None else self.secrets.find(key)

    def joins(self, scope: Scope, call: Scope | None) -> bool:
        """Whether a sideband may join this call."""
        return call is not None and scope.principal in (call.principal, self.overseer)

    def principal_of(self, key: str | None) -> str | None:
        """The name that a key stands for; None for a key that is not ours, or not any more."""
        secret = self.secret_of(key)
        if secret is not None:
            return secret.principal
        if self.secrets is not None and key is not None and key.startswith(PREFIX):
            return None
        return "" if self.keys.is_open or key is None else self.keys.name_of(key)


@dataclass(frozen=True, slots=True)
class Knock:
    """What a connection shows as it opens. Header names are in lower case; the last of equals counts."""

    headers: Mapping[str, str] = field(default_factory=dict)
    subprotocols: tuple[str, ...] = ()
    query: Mapping[str, str] = field(default_factory=dict)
    client: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a connection is closed as soon as it is open."""

    error: ErrorDetail
    code: int

    @property
    def reason(self) -> str:
        """The close reason: the error's type, and its code where it has one."""
        return self.error.type if self.error.code is None else f"{self.error.type}.{self.error.code}"


def admit(knock: Knock, gate: Gate) -> Scope | Refusal:
    """Let a connection in, or say what is wrong: first the key, then the dialect, then the request."""
    key = key_in(knock.headers, knock.subprotocols, knock.query)
    secret = gate.secret_of(key)
    principal = gate.principal_of(key)
    if key is None and not gate.keys.is_open:
        return Refusal(errors.missing_key(), BAD_KEY)
    if principal is None:
        return Refusal(errors.bad_key(masked(key or "")), BAD_KEY)
    dialect = detect.detect(knock.headers.items(), knock.subprotocols, knock.query)
    error = None if detect.is_spoken(dialect, refuses_beta=gate.refuses_beta) else errors.beta_disabled()
    call_id = knock.query.get(CALL_PARAMETER) or None
    error = error or (None if call_id else _model_error(knock.query, gate, secret))
    if error is not None:
        return Refusal(error, BAD_REQUEST)
    return Scope(
        transport="sideband" if call_id else "websocket",
        call_id=call_id,
        takes_audio=not call_id,
        dialect=dialect,
        model=_model_in(knock.query) or (secret.model or None if secret else None),
        intent=knock.query.get("intent") or (TRANSCRIPTION if secret and _transcribes(secret) else None),
        principal=principal,
        session=secret.session if secret else None,
        client=knock.client,
        query=without_keys(knock.query),
    )


def _transcribes(secret: Secret) -> bool:
    return isinstance(secret.session, TranscriptionSessionUpdate)


def _model_error(query: Mapping[str, str], gate: Gate, secret: Secret | None) -> ErrorDetail | None:
    """A connection names exactly one of a model and the intent to transcribe; an ephemeral key may name it instead."""
    model, intent = _model_in(query), query.get("intent")
    if intent is not None and intent != TRANSCRIPTION:
        return errors.invalid_intent(errors.clipped(intent))
    if intent is not None:
        return errors.model_with_transcription() if query.get("model") else None
    if not model:
        return errors.missing_model() if secret is None else None
    return None if gate.knows_model(model) else errors.unknown_model(errors.clipped(model))


def _model_in(query: Mapping[str, str]) -> str | None:
    """The model's name; on Azure's URLs it is a deployment's."""
    return query.get("model") or (query.get("deployment") if detect.AZURE_PARAMETER in query else None)
