"""The operator's limits on tokens and requests per minute, by the key that a session came with.

A limit is a bucket that fills again evenly within a minute. A response that finds it empty fails, as it does with
the provider; what a response costs is taken when it has ended, so one response may overdraw it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from antiphon.ports import EngineError
from antiphon.protocol.errors import RATE_LIMIT_EXCEEDED
from antiphon.protocol.response import ResponseUsage
from antiphon.protocol.server_events import RateLimit, RateLimitsUpdated

MINUTE_S = 60.0


class Bucket:
    """One limit of one key. Times in seconds of one clock."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._level = float(limit)
        self._at = 0.0

    def left(self, now: float) -> int:
        """What may still be spent; never below zero."""
        return max(0, int(self._refilled(now)))

    def spend(self, amount: int, now: float) -> None:
        """Take an amount, also one that is not there."""
        self._level, self._at = self._refilled(now) - amount, now

    def reset_s(self, now: float) -> float:
        """Seconds until the bucket is full."""
        return round((self.limit - self._refilled(now)) * MINUTE_S / self.limit, 3)

    def _refilled(self, now: float) -> float:
        return min(self.limit, self._level + (now - self._at) * self.limit / MINUTE_S)


@dataclass(frozen=True, slots=True)
class _Account:
    requests: Bucket | None
    tokens: Bucket | None


class Limits:
    """All keys' accounts. Without limits it refuses nothing and has nothing to tell."""

    def __init__(self, clock: Callable[[], float], *, requests: int | None = None, tokens: int | None = None) -> None:
        """`requests` and `tokens` are per minute and key."""
        self._clock = clock
        self._requests = requests
        self._tokens = tokens
        self._accounts: dict[str, _Account] = {}

    def begin(self, principal: str) -> None:
        """Count one response. Raises EngineError when the key has nothing left."""
        account, now = self._account(principal), self._clock()
        for name, bucket in (("requests", account.requests), ("tokens", account.tokens)):
            if bucket is not None and bucket.left(now) < 1:
                raise EngineError(
                    f"Rate limit reached for {name}: limit {bucket.limit} per minute. "
                    f"Please try again in {bucket.reset_s(now) / bucket.limit:.1f}s.",
                    code=RATE_LIMIT_EXCEEDED,
                    type="rate_limit_error",
                )
        if account.requests is not None:
            account.requests.spend(1, now)

    def end(self, principal: str, usage: ResponseUsage | None) -> RateLimitsUpdated | None:
        """Count what a response has cost; what the client is told of it, if there are limits."""
        account, now = self._account(principal), self._clock()
        if account.tokens is not None and usage is not None:
            account.tokens.spend(usage.total_tokens, now)
        rows = (_row("requests", account.requests, now), _row("tokens", account.tokens, now))
        shown = tuple(row for row in rows if row is not None)
        return RateLimitsUpdated(rate_limits=shown) if shown else None

    def allowance(self, principal: str) -> "Allowance":
        """What one session may use."""
        return Allowance(self, principal)

    def _account(self, principal: str) -> _Account:
        if principal not in self._accounts:
            self._accounts[principal] = _Account(
                requests=None if self._requests is None else Bucket(self._requests),
                tokens=None if self._tokens is None else Bucket(self._tokens),
            )
        return self._accounts[principal]


@dataclass(frozen=True, slots=True)
class Allowance:
    """The limits as one session meets them."""

    limits: Limits
    principal: str

    def begin(self) -> None:
        """As `Limits.begin`."""
        self.limits.begin(self.principal)

    def end(self, usage: ResponseUsage | None) -> RateLimitsUpdated | None:
        """As `Limits.end`."""
        return self.limits.end(self.principal, usage)


def _row(name: Literal["requests", "tokens"], bucket: Bucket | None, now: float) -> RateLimit | None:
    if bucket is None:
        return None
    return RateLimit(name=name, limit=bucket.limit, remaining=bucket.left(now), reset_seconds=bucket.reset_s(now))
