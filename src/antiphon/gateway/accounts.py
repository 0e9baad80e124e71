"""What each key may use, and has used: sessions at a time, minutes a day, tokens a minute.

A limit that is met is told as a protocol error. What a response costs is known when it has ended, so one response may
overdraw the tokens. All is kept in memory, and begins anew with the process.
"""

from collections.abc import Callable, Mapping
from typing import Final

from antiphon.gateway import errors
from antiphon.gateway.settings import Key
from antiphon.gateway.usage import Usage
from antiphon.protocol.errors import ErrorDetail
from antiphon.runtime.limits import Bucket

DAY_S: Final = 86_400.0
MINUTE_S: Final = 60.0


class Account:
    """One key's."""

    def __init__(self, name: str, rules: Key, clock: Callable[[], float]) -> None:
        """`clock` gives unix seconds."""
        self.name = name
        self.rules = rules
        self.usage = Usage()
        self.open_sessions = 0
        self._clock = clock
        self._tokens = Bucket(rules.tokens_per_minute) if rules.tokens_per_minute else None
        self._day = 0
        self._day_s = 0.0
        self._counted_at = 0.0

    def begin(self) -> ErrorDetail | None:
        """Open a session, or say why not."""
        refusal = self._refusal()
        if refusal is None:
            self._count_time()
            self.open_sessions += 1
            self.usage.sessions += 1
        return refusal

    def end(self) -> None:
        """A session has ended."""
        self._count_time()
        self.open_sessions -= 1

    def spend(self, usage: Usage) -> None:
        """Something has cost this much."""
        self.usage.add(usage)
        if self._tokens is not None:
            self._tokens.spend(usage.tokens, self._clock())

    def out_of_tokens(self, event_id: str | None = None) -> ErrorDetail | None:
        """Why no answer may begin now; `event_id` is what asked for it."""
        now = self._clock()
        if self._tokens is None or self._tokens.left(now) >= 1:
            return None
        limit = self._tokens.limit
        wait_s = max(0.0, self._tokens.reset_s(now) - (limit - 1) * MINUTE_S / limit)
        return errors.no_tokens_left(limit, wait_s, event_id)

    def out_of_time(self) -> ErrorDetail | None:
        """Why open sessions have to end now."""
        self._count_time()
        limit = self.rules.minutes_per_day
        return errors.no_minutes_left(limit) if limit and self._day_s >= limit * MINUTE_S else None

    def _refusal(self) -> ErrorDetail | None:
        if self.rules.sessions and self.open_sessions >= self.rules.sessions:
            return errors.too_many_sessions_of_key(self.rules.sessions)
        return self.out_of_time()

    def _count_time(self) -> None:
        """Add what has passed since the last count, for each open session; a new day begins with nothing."""
        now = self._clock()
        passed = max(0.0, now - self._counted_at) * self.open_sessions
        self.usage.session_seconds += passed
        if int(now // DAY_S) != self._day:
            self._day, self._day_s = int(now // DAY_S), 0.0
        self._day_s += min(passed, (now % DAY_S) * self.open_sessions)
        self._counted_at = now


class Accounts:
    """All keys' accounts. An open relay has one, of no name."""

    def __init__(self, keys: Mapping[str, Key], clock: Callable[[], float]) -> None:
        """`clock` gives unix seconds."""
        self._accounts = {name: Account(name, rules, clock) for name, rules in keys.items()}
        if not keys:
            self._accounts[""] = Account("", Key(), clock)

    def __getitem__(self, name: str) -> Account:
        return self._accounts[name]

    def seen_by(self, name: str) -> list[Account]:
        """What a key may see: its own, or all."""
        mine = self._accounts[name]
        sees_all = mine.rules.operator or not name
        return list(self._accounts.values()) if sees_all else [mine]
