"""Everything under one roof: the engines, the app over them, and the ASGI application that serves both."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from starlette.applications import Starlette

from antiphon.catalogue import Store, default_folder
from antiphon.config import Config, ConfigError, read_keys
from antiphon.console import PRINCIPAL, About, Console, Watch
from antiphon.facts import Meter
from antiphon.link import Link
from antiphon.logs import LogMeter
from antiphon.metrics import FanOut, PrometheusMeter
from antiphon.protocol.session import RealtimeSessionUpdate
from antiphon.recording import Recordings
from antiphon.runtime.app import RealtimeApp
from antiphon.runtime.options import RuntimeOptions
from antiphon.server.observing import traces_of
from antiphon.server.pool import EnginePool, NotReady, State
from antiphon.server.routes import routes
from antiphon.transports.admission import Gate
from antiphon.transports.auth import Keys
from antiphon.transports.listening import Tls
from antiphon.transports.rest import Mint
from antiphon.transports.secrets import Secrets
from antiphon.transports.webrtc.desk import Desk
from antiphon.transports.webrtc.options import WebRTCOptions

ENGINES_FAILED = 1011
"""The close code of a session that found no engines: an internal error, as the protocol has it."""

DRAINING = "draining"

CONSOLE_KEY_S = 7200
"""How long the key of the console's link is good for: as long as any ephemeral key may be."""


def build(config: Config) -> Starlette:
    """An ASGI application for this configuration, for any server. Raises `SetupError`.

    Use a server that frames WebSockets without a limit of 1 MiB; `serve` sets one up.
    """
    return House(config).asgi


class House:
    """One process's worth of Antiphon. Making it checks everything; its ASGI lifespan starts and stops it."""

    def __init__(self, config: Config, meters: Sequence[Meter] | None = None) -> None:
        """Raises `SetupError` for what the operator has to change first."""
        self.config = config
        self._secrets = Secrets(lambda: datetime.now(UTC).timestamp())
        self.keys = Keys(read_keys(config.server))
        self.tls = tls_of(config)
        self.pool = EnginePool(config, store_of(config).path_of)
        self.watch = Watch(time.monotonic)
        self.metrics = PrometheusMeter(self.pool.waiting) if config.server.metrics else None
        self._traces = traces_of(config, os.environ)
        chosen = [meter for meter in (self.metrics, self._traces) if meter is not None]
        meter = FanOut([self.watch, *chosen, *([LogMeter()] if meters is None else meters)])
        self.recordings = recordings_of(config)
        self.app = RealtimeApp(
            engines=self.pool.set_for, meter=meter, options=options_of(config), recordings=self.recordings
        )
        self.desk = Desk(self.serve_link, webrtc_of(config))
        self.asgi = Starlette(routes=routes(self), lifespan=self._lifespan)
        self._is_draining = False

    @property
    def status(self) -> str:
        """`warming`, `ready`, `failed` or `draining`."""
        return DRAINING if self._is_draining else self.pool.state.value

    @property
    def is_ready(self) -> bool:
        """Whether a new session would be answered at once."""
        return self.pool.state is State.READY and not self._is_draining

    @property
    def gate(self) -> Gate:
        """Who is let in."""
        return Gate(
            keys=self.keys,
            knows_model=self._knows,
            refuses_beta=self.config.compat.refuse_beta,
            secrets=self._secrets,
            overseer=PRINCIPAL,
        )

    @property
    def mint(self) -> Mint:
        """Where ephemeral keys are made."""
        return Mint(
            self._secrets,
            self._knows,
            self.config.session.instructions,
            templates=self.config.session.prompts,
            tool_refusal=self.pool.tool_refusal,
        )

    @property
    def console(self) -> Console:
        """The page at `/`."""
        return Console(self.gate, self.app, self.watch, self._about)

    def console_key(self) -> str:
        """An ephemeral key for the console's link. Raises `TooManySecrets`."""
        value, _ = self._secrets.mint(RealtimeSessionUpdate(), self.config.model_names()[0], PRINCIPAL, CONSOLE_KEY_S)
        return value

    def _about(self, model: str | None) -> About:
        names = self.config.model_names()
        voices = self.pool.set_for(model if model in names else names[0]).responder.voices if self.is_ready else ()
        return About(
            status=self.status,
            engines={str(role): name for role, name in self.pool.names.items()},
            models=names,
            voices=tuple(voices),
            instructions=self.config.session.instructions,
            failure=None if self.pool.failure is None else str(self.pool.failure),
        )

    def _knows(self, model: str) -> bool:
        return self.config.engines_for(model) is not None

    async def serve_link(self, link: Link) -> None:
        """Serve one link, once the engines are warm."""
        try:
            await self.pool.until_ready()
        except NotReady:
            await link.close(ENGINES_FAILED, "The engines could not be started.")
        else:
            await self.app(link)

    async def drain(self, grace_s: float) -> None:
        """Take no new sessions, and give the open ones this long to end."""
        self._is_draining = True
        await self.app.stop(grace_s)

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        await self.app.start()
        try:
            async with asyncio.TaskGroup() as tasks:
                warming = tasks.create_task(self.pool.start())
                yield
                warming.cancel()
        finally:
            await self.drain(0)
            await self.desk.stop()
            await self.pool.stop()
            if self._traces is not None:
                await asyncio.to_thread(self._traces.stop)
            if self.recordings is not None:
                await asyncio.to_thread(self.recordings.stop)


def tls_of(config: Config) -> Tls | None:
    """What to serve TLS with; None for plain sockets. Raises `SetupError` for one file without the other."""
    certificate, key = config.server.tls_certificate, config.server.tls_key
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise ConfigError("server", "TLS needs both a certificate and its key.", "give tls_certificate and tls_key")
    tls = Tls(str(Path(certificate).expanduser()), str(Path(key).expanduser()))
    tls.check()
    return tls


def store_of(config: Config) -> Store:
    """The weights of this configuration."""
    folder = Path(config.weights.cache).expanduser() if config.weights.cache else default_folder()
    return Store(folder, is_offline=config.weights.offline)


def recordings_of(config: Config) -> Recordings | None:
    """Where sessions are recorded; None where they are not. Raises `ConfigError` for a folder that cannot be had."""
    if config.server.record is None:
        return None
    recordings = Recordings(Path(config.server.record).expanduser())
    try:
        recordings.prepare()
    except OSError as error:
        why = error.strerror or str(error)
        raise ConfigError(
            "server.record", f"{config.server.record} cannot be used: {why}.", "name another folder"
        ) from None
    return recordings


def options_of(config: Config) -> RuntimeOptions:
    """What the runtime is told of this configuration."""
    lifetime_s = round(config.session.lifetime_minutes * 60)
    return RuntimeOptions(
        instructions=config.session.instructions,
        lifetime_s=lifetime_s or None,
        anticipates=config.session.anticipate,
        templates=config.session.prompts,
        announces_conversation=config.compat.announce_conversation,
        takes_duplicates=config.compat.duplicate_item_ids,
        max_sessions=config.limits.max_sessions,
        requests_per_minute=config.limits.requests_per_minute or None,
        tokens_per_minute=config.limits.tokens_per_minute or None,
        engine_limit_s=config.limits.engine_seconds,
        ahead_s=config.limits.ahead_seconds,
        tool_limit_s=config.limits.tool_seconds,
        follows_up=config.session.follow_up,
    )


def webrtc_of(config: Config) -> WebRTCOptions:
    """What calls over WebRTC are told of this configuration."""
    wished = config.webrtc
    return WebRTCOptions(
        public_address=wished.public_address,
        udp_ports=(wished.udp_port_min, max(wished.udp_port_min, wished.udp_port_max)),
        stun_server=wished.stun_server,
        turn_server=wished.turn_server,
        turn_username=wished.turn_username,
        turn_password=wished.turn_password,
        max_calls=wished.max_calls,
        max_half_open=wished.max_half_open_calls,
        setup_s=wished.setup_seconds,
        lost_s=wished.lost_seconds,
    )
