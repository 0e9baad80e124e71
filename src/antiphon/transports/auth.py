"""API keys: who may open a session, and under which name.

A key is shown in a header, in the query, or, by browsers, as a subprotocol. It never leaves this module: what
is logged and counted is its name.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping

KEY_SUBPROTOCOL = "openai-insecure-api-key."
"""How a browser, which cannot set headers, brings the key."""

SHOWN_LENGTH = 16
"""A shorter key is not shown at all in the error that refuses it; a longer one by its ends."""


class Keys:
    """The operator's API keys by name. Without any, the server is open to all who reach it."""

    def __init__(self, named: Mapping[str, str] | None = None) -> None:
        self._named = tuple((name, _digest(key)) for name, key in (named or {}).items())

    @property
    def is_open(self) -> bool:
        """Whether no key is needed."""
        return not self._named

    def name_of(self, key: str) -> str | None:
        """The name of a key; None for one that is not ours. Takes the same time for every key."""
        shown = _digest(key)
        found = [name for name, digest in self._named if hmac.compare_digest(shown, digest)]
        return found[0] if found else None


def key_in(headers: Mapping[str, str], subprotocols: Iterable[str], query: Mapping[str, str]) -> str | None:
    """The key that a connection shows; None if it shows none. Header names in lower case."""
    shown = [
        _bearer(headers.get("authorization", "")),
        headers.get("api-key"),
        *(offer.removeprefix(KEY_SUBPROTOCOL) for offer in subprotocols if offer.startswith(KEY_SUBPROTOCOL)),
        query.get("api-key"),
        _bearer(query.get("Authorization", "")),
    ]
    return next((key for key in shown if key), None)


def masked(key: str) -> str:
    """What an error may show of a key that was refused."""
    return f"{key[:3]}***{key[-4:]}" if len(key) >= SHOWN_LENGTH else "***"


def without_keys(query: Mapping[str, str]) -> dict[str, str]:
    """The query without what could be a key."""
    return {name: value for name, value in query.items() if name not in {"api-key", "Authorization"}}


def _bearer(value: str) -> str | None:
    scheme, _, key = value.partition(" ")
    return key.strip() if scheme.lower() == "bearer" else None


def _digest(key: str) -> bytes:
    """Of one length whatever the key's is, so that comparing tells nothing about it."""
    return hashlib.sha256(key.encode()).digest()
