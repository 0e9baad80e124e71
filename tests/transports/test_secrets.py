"""Ephemeral keys: minted, found, forgotten."""

import pytest

from antiphon.protocol.session import RealtimeSessionUpdate
from antiphon.transports import secrets as module
from antiphon.transports.secrets import Secrets, TooManySecrets

SESSION = RealtimeSessionUpdate()


class Clock:
    """Unix seconds by hand."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_a_key_opens_what_it_was_minted_for() -> None:
    """As often as one likes, until it expires."""
    clock = Clock()
    secrets = Secrets(clock)
    value, secret = secrets.mint(SESSION, "gpt-realtime", "alice", 60)

    assert value.startswith("ek_")
    assert len(value) == 35
    assert secret.expires_at == 1_060
    assert secrets.find(value) is secrets.find(value) is secret
    clock.now = 1_060.0
    assert secrets.find(value) is None


def test_another_key_opens_nothing() -> None:
    """Not even one that looks like it."""
    secrets = Secrets(Clock())
    value, _ = secrets.mint(SESSION, "gpt-realtime", "", 60)

    assert secrets.find("ek_" + "0" * 32) is None
    assert secrets.find(value[:-1]) is None


def test_there_is_an_end_to_minting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys that have expired make room."""
    monkeypatch.setattr(module, "MAX_SECRETS", 2)
    clock = Clock()
    secrets = Secrets(clock)
    secrets.mint(SESSION, "m", "", 10)
    secrets.mint(SESSION, "m", "", 60)

    with pytest.raises(TooManySecrets):
        secrets.mint(SESSION, "m", "", 60)
    clock.now += 11
    value, _ = secrets.mint(SESSION, "m", "", 60)
    assert secrets.find(value) is not None
