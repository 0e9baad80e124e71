"""Ephemeral keys: what a backend asks for so that its browser or phone may open a session without the API key."""

from typing import Annotated, Literal

from antiphon.protocol.session import SessionUpdateBody
from antiphon.protocol.wire import UNSET, Meta, UnsetType, Wire

MIN_SECONDS, MAX_SECONDS = 10, 7200


class ExpiresAfter(Wire, frozen=True, kw_only=True):
    """How long the key opens sessions; a session that is open outlives it."""

    anchor: Literal["created_at"] = "created_at"
    seconds: Annotated[int, Meta(ge=MIN_SECONDS, le=MAX_SECONDS)] | UnsetType = UNSET


class ClientSecretRequest(Wire, frozen=True, kw_only=True):
    """The body of `POST /v1/realtime/client_secrets`."""

    expires_after: ExpiresAfter | UnsetType = UNSET
    session: SessionUpdateBody | UnsetType = UNSET


class BetaClientSecret(Wire, frozen=True, kw_only=True):
    """`client_secret` of a session that is asked for over beta's REST; its SDK has two names for the same."""

    expires_after: ExpiresAfter | UnsetType = UNSET
    expires_at: ExpiresAfter | UnsetType = UNSET
