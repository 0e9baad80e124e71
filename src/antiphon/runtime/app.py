"""The Realtime app: opens a session for each link, and frees everything of it when that link has gone.

A session that is a call may have more links beside the first: sidebands, which end with it.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version

from antiphon.dialects.detect import machine
from antiphon.facts import Meter, SessionClosed, SessionOpened, Shed, Traffic
from antiphon.faults import log_fault
from antiphon.link import Link, Scope
from antiphon.ports import VAD, EngineSet
from antiphon.protocol import errors
from antiphon.protocol.errors import ErrorDetail
from antiphon.protocol.ids import new_id
from antiphon.protocol.server_events import Error
from antiphon.recording import About, Recordings
from antiphon.runtime.core import Core
from antiphon.runtime.limits import Limits
from antiphon.runtime.options import RuntimeOptions
from antiphon.runtime.runner import DONE, INTERNAL_ERROR, Runner
from antiphon.runtime.scoring import Scoring
from antiphon.runtime.tape import Tape
from antiphon.session.config import Context, SessionSettings
from antiphon.session.session import Session

GOING_AWAY = 1001
TRY_AGAIN_LATER = 1013
"""The close code beyond the operator's limit: the request is right, and may be repeated. The provider, which has
no such limit, names none."""

LAST_WORDS_S = 2.0
"""How long links may take to be told of the end when the server stops."""

SHUTTING_DOWN = "The server is shutting down."

_LOG = logging.getLogger("antiphon.runtime")


@dataclass(frozen=True, slots=True)
class Running:
    """A session that is open now."""

    session_id: str
    scope: Scope
    opened_at: datetime
    runner: Runner = field(repr=False)


class RealtimeApp:
    """Serves links: an `antiphon.link.App`.

    Its owner starts the engines before `start`, and stops them after `stop`.
    """

    def __init__(
        self,
        *,
        engines: Callable[[str | None], EngineSet],
        meter: Meter,
        options: RuntimeOptions,
        core: Callable[[SessionSettings], Core] = Session,
        recordings: Recordings | None = None,
    ) -> None:
        """`engines` gives the engines for the model name that a client asked for; None when it asked for none.

        Sessions are recorded where there are `recordings`, which are their owner's to stop.
        """
        self._engines = engines
        self._meter = meter
        self._options = options
        self._core = core
        self._recordings = recordings
        self._limits = Limits(time.monotonic, requests=options.requests_per_minute, tokens=options.tokens_per_minute)
        self._running: dict[str, Running] = {}
        self._scorings: dict[int, Scoring] = {}
        self._is_accepting = False
        self._none_left = asyncio.Event()

    @property
    def sessions(self) -> int:
        """How many sessions are open."""
        return len(self._running)

    @property
    def running(self) -> tuple[Running, ...]:
        """The open sessions, the oldest first."""
        return tuple(self._running.values())

    async def start(self) -> None:
        """Begin to accept links."""
        self._is_accepting = True

    async def stop(self, grace_s: float) -> None:
        """Refuse new sessions, let the open ones end for `grace_s`, then end them with 1001."""
        self._is_accepting = False
        await self._until_none(grace_s)
        for running in self.running:
            running.runner.close(GOING_AWAY, SHUTTING_DOWN)
        await self._until_none(LAST_WORDS_S)
        for running in self.running:
            await running.runner.end()
        for scoring in self._scorings.values():
            await scoring.stop()
        self._scorings.clear()

    async def __call__(self, link: Link) -> None:
        """Serve one link to its end."""
        if not self._is_accepting:
            self._meter.report(Shed("draining"))
            await link.close(GOING_AWAY, SHUTTING_DOWN)
        elif self.sessions >= self._options.max_sessions:
            self._meter.report(Shed("sessions"))
            await _refuse(link, errors.too_many_sessions(self._options.max_sessions), TRY_AGAIN_LATER)
        else:
            await self._serve(link)

    # Calls: an `antiphon.link.Calls`

    def find(self, call_id: str) -> Scope | None:
        """What is known of a call that runs here; None when there is none of that id."""
        running = self._call(call_id)
        return None if running is None else running.scope

    async def attach(self, call_id: str, link: Link) -> None:
        """Join a sideband link to the call until either ends. A call that is not here any more closes the link."""
        running = self._call(call_id)
        if running is None:
            await link.close(DONE, "The call has ended.")
        else:
            await running.runner.serve(link)

    def end(self, call_id: str) -> bool:
        """Hang up; False when there is no such call."""
        running = self._call(call_id)
        if running is not None:
            running.runner.close(DONE, "The call has ended.")
        return running is not None

    def _call(self, call_id: str) -> Running | None:
        return next((running for running in self.running if running.scope.call_id == call_id), None)

    async def _serve(self, link: Link) -> None:
        session_id, traffic = new_id("sess"), Traffic()
        tape = self._tape(session_id, link.scope)
        try:
            runner = self._open(session_id, link.scope, traffic, tape)
        except Exception as error:  # noqa: BLE001 -- a fault of ours, or engines that cannot be made
            log_fault("the opening of a session", error)
            tape.close()
            await _refuse(link, errors.server_error(session_id), INTERNAL_ERROR)
            return
        opened = asyncio.get_running_loop().time()
        self._running[session_id] = Running(session_id, link.scope, datetime.now(UTC), runner)
        self._meter.report(
            SessionOpened(session_id, link.scope.transport, link.scope.dialect, link.scope.model, traffic)
        )
        try:
            await runner.serve(link)
            await runner.dismiss()
        finally:
            del self._running[session_id]
            self._meter.report(SessionClosed(session_id, asyncio.get_running_loop().time() - opened))
            await runner.end()
            tape.close()
            if not self._running:
                self._none_left.set()

    def _tape(self, session_id: str, scope: Scope) -> Tape:
        if self._recordings is None:
            return Tape()
        about = About(
            "session",
            session_id,
            transport=scope.transport,
            dialect=scope.dialect,
            model=scope.model or "",
            started_at=datetime.now(UTC).timestamp(),
            call_id=scope.call_id or "",
            program=f"antiphon {version('antiphon')}",
        )
        return Tape(self._recordings.begin(about))

    def _open(self, session_id: str, scope: Scope, traffic: Traffic, tape: Tape) -> Runner:
        engines = self._engines(scope.model)
        settings = self._settings(session_id, scope, engines)
        core = self._core(tape.watched(settings))
        tape.opened(settings)
        allowance = self._limits.allowance(scope.principal)
        stream = self._scoring(engines.vad).open()
        return Runner(
            core, engines, stream, self._meter, self._options, allowance=allowance, traffic=traffic, tape=tape
        )

    def _settings(self, session_id: str, scope: Scope, engines: EngineSet) -> SessionSettings:
        return SessionSettings(
            session_id=session_id,
            model=scope.model or "",
            new_id=new_id,
            created_at=int(datetime.now(UTC).timestamp()),
            kind="transcription" if scope.intent == "transcription" else "realtime",
            lifetime_s=self._options.lifetime_s,
            instructions=self._options.instructions,
            voices=tuple(engines.responder.voices),
            hears_audio=engines.responder.hears_audio,
            sees_images=engines.responder.sees_images,
            has_asr=engines.asr is not None,
            has_turn_model=engines.turn is not None,
            anticipates=self._options.anticipates and engines.anticipates,
            context=Context(engines.responder.context_tokens, engines.responder.count),
            templates=self._options.templates,
            takes_duplicates=self._options.takes_duplicates,
            initial=scope.session,
            tool_refusal=None if engines.tools is None else engines.tools.refusal,
            follows_up=self._options.follows_up,
            is_call=scope.playout is not None,
        )

    def _scoring(self, vad: VAD) -> Scoring:
        """The worker of a VAD; sets of engines that share the VAD share the worker."""
        if id(vad) not in self._scorings:
            self._scorings[id(vad)] = Scoring(vad, self._options.vad_limit_s)
        return self._scorings[id(vad)]

    async def _until_none(self, limit_s: float) -> None:
        """Wait for the last session to end, but no longer than `limit_s`."""
        self._none_left.clear()
        if self._running:
            try:
                async with asyncio.timeout(limit_s):
                    await self._none_left.wait()
            except TimeoutError:
                _LOG.info("%d sessions are still open", self.sessions)


async def _refuse(link: Link, error: ErrorDetail, code: int) -> None:
    for data in machine(link.scope.dialect).send(Error(error=error), new_id("event")):
        await link.send(data)
    await link.close(code, error.type if error.code is None else f"{error.type}.{error.code}")
