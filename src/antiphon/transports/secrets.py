"""Ephemeral keys: minted for a configured session, good for a while, for any number of sessions until then."""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from antiphon.protocol.session import SessionUpdateBody

PREFIX = "ek_"
RANDOM_BYTES = 16
MAX_SECRETS = 10_000
"""Keys at once. They are cheap, but a caller who mints without end must meet one."""


class TooManySecrets(Exception):
    """As many keys are good at present as there may be."""


@dataclass(frozen=True, slots=True)
class Secret:
    """What an ephemeral key opens."""

    expires_at: float
    """Unix seconds."""
    session: SessionUpdateBody
    model: str
    principal: str
    """The name of the API key that it was minted with."""


class Secrets:
    """The ephemeral keys of this process. Their values are kept as digests only."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` gives unix seconds."""
        self._clock = clock
        self._minted: dict[bytes, Secret] = {}

    def mint(self, session: SessionUpdateBody, model: str, principal: str, seconds: int) -> tuple[str, Secret]:
        """A new key, and what it opens. Raises `TooManySecrets`."""
        now = self._clock()
        if len(self._minted) >= MAX_SECRETS:
            self._minted = {name: secret for name, secret in self._minted.items() if secret.expires_at > now}
        if len(self._minted) >= MAX_SECRETS:
            raise TooManySecrets
        value = PREFIX + secrets.token_hex(RANDOM_BYTES)
        secret = Secret(int(now) + seconds, session, model, principal)
        self._minted[_digest(value)] = secret
        return value, secret

    def find(self, value: str) -> Secret | None:
        """What a key opens; None when it is none of ours, or none any more.

        The key is looked up by its digest, so that the time it takes tells nothing of other keys.
        """
        secret = self._minted.get(_digest(value))
        return secret if secret is not None and secret.expires_at > self._clock() else None


def _digest(value: str) -> bytes:
    return hashlib.sha256(value.encode()).digest()
