"""The relay: an `antiphon.link.App` that passes each link on to an upstream."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from antiphon.dialects.detect import AZURE_PARAMETER, machine
from antiphon.faults import log_fault
from antiphon.gateway import errors
from antiphon.gateway.accounts import Account, Accounts
from antiphon.gateway.figures import Figures
from antiphon.gateway.passing import Passing, Same, Translation
from antiphon.gateway.session import Ends, Goodbye, Session
from antiphon.gateway.settings import Alias, RelayConfig
from antiphon.gateway.translating import Translated
from antiphon.gateway.upstreams import Leg, NoneLeft, Upstreams, Wanted
from antiphon.link import Link, Scope
from antiphon.protocol import errors as wire_errors
from antiphon.protocol.errors import ErrorDetail
from antiphon.protocol.ids import new_id
from antiphon.recording import About, Recorder, Recordings

GOING_AWAY: Final = 1001
TRY_AGAIN_LATER: Final = 1013
INTERNAL_ERROR: Final = 1011

WATCH_S: Final = 5.0
"""How often open sessions are looked at for stalls and for limits of time."""

LAST_WORDS_S: Final = 2.0
"""How long clients may take to be told of the end when the relay stops."""

OWN_PARAMETERS: Final = frozenset({AZURE_PARAMETER, "deployment", "model"})
"""What of a client's address is not for the upstream: how it speaks, and the model by the name that it has here."""

_LOG = logging.getLogger("antiphon.gateway")


@dataclass(frozen=True, slots=True)
class Open:
    """A session that is open now."""

    session: Session
    account: Account


class Relay:
    """Passes links on. Its owner starts it with `watch`, and stops it with `stop`."""

    def __init__(
        self,
        config: RelayConfig,
        upstreams: Upstreams,
        accounts: Accounts,
        figures: Figures,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._upstreams = upstreams
        self._accounts = accounts
        self._figures = figures
        self._clock = clock
        self._recordings = Recordings(Path(config.relay.record).expanduser()) if config.relay.record else None
        self._open: set[Open] = set()
        self._opening = 0
        self._is_accepting = True
        self._none_left = asyncio.Event()

    @property
    def sessions(self) -> int:
        """How many sessions are open, or about to be."""
        return len(self._open) + self._opening

    async def __call__(self, link: Link) -> None:
        """Serve one link to its end."""
        account = self._accounts[link.scope.principal]
        alias = self._config.alias_of(link.scope.model) if link.scope.model is not None else None
        refusal = self._refusal(account)
        if refusal is not None:
            await self._refuse(link, *refusal)
            return
        try:
            await self._serve(link, account, alias)
        except Exception as error:  # noqa: BLE001 -- a fault of ours costs one session, and the client is told
            log_fault("a relayed session", error)
            await self._refuse(link, wire_errors.server_error(new_id("sess")), INTERNAL_ERROR)
        finally:
            account.end()

    async def watch(self) -> None:
        """Look over the sessions now and then. Runs until it is cancelled."""
        while True:
            await asyncio.sleep(WATCH_S)
            self.look_over()

    def look_over(self) -> None:
        """End sessions that stall, and those whose key has no time left."""
        for one in tuple(self._open):
            one.session.check(self._config.relay.stall_seconds)
            error = one.account.out_of_time()
            if error is not None:
                one.session.end(Goodbye(GOING_AWAY, _reason(error), error))

    async def stop(self, grace_s: float) -> None:
        """Take no new sessions, let the open ones end for `grace_s`, then end them."""
        self._is_accepting = False
        await self._until_none(grace_s)
        for one in tuple(self._open):
            one.session.end(Goodbye(GOING_AWAY, "The relay is shutting down.", errors.shutting_down()))
        await self._until_none(LAST_WORDS_S)
        if self._recordings is not None:
            await asyncio.to_thread(self._recordings.stop)

    def _refusal(self, account: Account) -> tuple[ErrorDetail, int] | None:
        """Why a session is not even begun, and the close code; else the account has counted it."""
        if not self._is_accepting:
            return errors.shutting_down(), GOING_AWAY
        if self.sessions >= self._config.relay.max_sessions:
            return wire_errors.too_many_sessions(self._config.relay.max_sessions), TRY_AGAIN_LATER
        error = account.begin()
        return None if error is None else (error, TRY_AGAIN_LATER)

    async def _refuse(self, link: Link, error: ErrorDetail, code: int) -> None:
        self._figures.refused[error.code or error.type] += 1
        for data in Same().error(error):
            await link.send(data)
        await link.close(code, _reason(error))

    async def _serve(self, link: Link, account: Account, alias: Alias | None) -> None:
        scope = link.scope
        wanted = _wanted(scope, alias)
        async with AsyncExitStack() as stack:
            self._opening += 1
            try:
                leg = await self._upstreams.open(wanted, stack)
            except NoneLeft:
                await self._refuse(link, errors.no_upstream(), TRY_AGAIN_LATER)
                return
            finally:
                self._opening -= 1
            if not self._is_accepting:  # it was stopped meanwhile
                await self._refuse(link, errors.shutting_down(), GOING_AWAY)
                return
            await self._pass(link, leg, account, wanted)

    async def _pass(self, link: Link, leg: Leg, account: Account, wanted: Wanted) -> None:
        recorder = self._recorder(link.scope, leg)
        renamed = (link.scope.model or "", wanted.model or "")
        alias = None if renamed[0] == renamed[1] else renamed
        passing = Passing(_translation(link.scope, leg), account, self._figures.usage, alias)
        ends = Ends(link, leg, self._figures.to_upstream, self._figures.to_client, recorder)
        session = Session(ends, passing, self._clock)
        began, key = self._clock(), (link.scope.dialect, leg.upstream.name)
        running = Open(session, account)
        self._open.add(running)
        self._figures.open[key] += 1
        leg.upstream.sessions += 1
        try:
            await session.run()
        finally:
            self._open.remove(running)
            self._figures.open[key] -= 1
            leg.upstream.sessions -= 1
            if recorder is not None:
                recorder.close()
            if not self._open:
                self._none_left.set()
            _log_end(link.scope, leg, self._clock() - began, passing)

    def _recorder(self, scope: Scope, leg: Leg) -> Recorder | None:
        if self._recordings is None:
            return None
        return self._recordings.begin(
            About(
                kind="relay",
                session_id=new_id("sess"),
                transport=scope.transport,
                dialect=scope.dialect,
                model=scope.model or "",
                started_at=datetime.now(UTC).timestamp(),
                upstream=leg.upstream.name,
                program=f"antiphon {version('antiphon')}",
            )
        )

    async def _until_none(self, limit_s: float) -> None:
        """Wait for the last session to end, but no longer than `limit_s`."""
        self._none_left.clear()
        if self._open:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(limit_s):
                    await self._none_left.wait()


def _wanted(scope: Scope, alias: Alias | None) -> Wanted:
    query = {name: value for name, value in scope.query.items() if name not in OWN_PARAMETERS}
    if scope.intent is not None:
        query["intent"] = scope.intent
    if alias is None:
        return Wanted(scope.dialect, None, query=query, session=scope.session)
    return Wanted(scope.dialect, alias.model, alias.upstream, query, scope.session)


def _translation(scope: Scope, leg: Leg) -> Translation:
    if scope.dialect == leg.upstream.dialect:
        return Same()
    return Translated(machine(scope.dialect, session=scope.session), leg.older)


def _reason(error: ErrorDetail) -> str:
    return error.type if error.code is None else f"{error.type}.{error.code}"


def _log_end(scope: Scope, leg: Leg, seconds: float, passing: Passing) -> None:
    fields = {"key": scope.principal, "dialect": scope.dialect, "model": scope.model, "upstream": leg.upstream.name}
    told = {name: value for name, value in fields.items() if value}
    _LOG.info("relayed session closed", extra={"fields": told | {"seconds": round(seconds, 1)} | passing.usage.shown()})
