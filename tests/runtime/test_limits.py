"""The operator's limits per key: what is refused, what is told, how it comes back."""

import pytest

from antiphon.ports import EngineError
from antiphon.protocol.response import ResponseUsage
from antiphon.protocol.server_events import RateLimit, RateLimitsUpdated
from antiphon.runtime.limits import Limits


class Clock:
    """Time by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_without_limits_nothing_is_refused_or_told() -> None:
    """The default."""
    free = Limits(Clock()).allowance("alice")

    free.begin()
    assert free.end(ResponseUsage(total_tokens=10**9)) is None


def test_requests_are_counted_as_they_begin() -> None:
    """The third of two a minute is refused, with the provider's code; half a minute later one is free again."""
    clock = Clock()
    alice = Limits(clock, requests=2).allowance("alice")
    alice.begin()
    alice.begin()

    with pytest.raises(EngineError, match="Rate limit reached for requests: limit 2 per minute") as caught:
        alice.begin()
    assert (caught.value.code, caught.value.type) == ("rate_limit_exceeded", "rate_limit_error")
    clock.now += 30
    alice.begin()


def test_tokens_are_taken_when_they_are_known() -> None:
    """One response may overdraw the bucket; the next waits until it has filled again."""
    clock = Clock()
    alice = Limits(clock, requests=10, tokens=600).allowance("alice")
    alice.begin()

    assert alice.end(ResponseUsage(total_tokens=900)) == RateLimitsUpdated(
        rate_limits=(
            RateLimit(name="requests", limit=10, remaining=9, reset_seconds=6.0),
            RateLimit(name="tokens", limit=600, remaining=0, reset_seconds=90.0),
        )
    )
    with pytest.raises(EngineError, match="for tokens"):
        alice.begin()
    clock.now += 31
    alice.begin()


def test_each_key_has_its_own() -> None:
    """What one uses up the other still has."""
    limits = Limits(Clock(), requests=1)
    limits.begin("alice")

    limits.begin("bob")
    with pytest.raises(EngineError):
        limits.begin("alice")


def test_a_response_without_usage_costs_no_tokens() -> None:
    """It is told all the same."""
    told = Limits(Clock(), tokens=5).end("alice", None)

    assert told == RateLimitsUpdated(rate_limits=(RateLimit(name="tokens", limit=5, remaining=5, reset_seconds=0.0),))
