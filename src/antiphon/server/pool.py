"""Every engine that the configuration names, made once and shared by all engine sets that name it."""

import asyncio
import enum
import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import msgspec

from antiphon.config import Config, Engines
from antiphon.config.settings import OPTION_ROLES, EngineRole
from antiphon.engines import registry
from antiphon.engines.cascade import Cascade
from antiphon.engines.registry import Weights
from antiphon.ports import Engine, EngineSet, Queued, Role
from antiphon.server.voices import renamed

LOOPBACK = ("localhost", "127.0.0.1", "::1")
REMOTE_BY_NATURE = ("openai", "realtime")

NONE = "none"
"""Written for an engine that is not wanted: `asr = "none"` serves text only."""

_LOG = logging.getLogger("antiphon.engines")
_Key: TypeAlias = tuple[EngineRole, str, bytes]


class State(enum.Enum):
    """How far the engines are."""

    WARMING = "warming"
    READY = "ready"
    FAILED = "failed"


class NotReady(Exception):
    """The engines could not be started."""


class EnginePool:
    """Makes engines at once, so that a wrong name is told before anything listens; loads them in `start`."""

    def __init__(self, config: Config, weights: Weights) -> None:
        """Raises `SetupError` for an engine that is not installed, weights that are missing, a wrong option."""
        self.state = State.WARMING
        self.failure: Exception | None = None
        self._config = config
        self._weights = weights
        self._engines: dict[_Key, Engine] = {}
        self._sets: dict[str, EngineSet] = {}
        self._settled = asyncio.Event()
        for wanted in self._wanted():
            for role in OPTION_ROLES:
                self._engine(wanted, role)

    @property
    def names(self) -> Mapping[EngineRole, str]:
        """The default engines by role, as the operator wrote them."""
        written = {role: _written(self._config.engines, role) for role in OPTION_ROLES}
        return {role: name for role, name in written.items() if name is not None}

    def waiting(self) -> Mapping[str, int]:
        """How much work waits, by role. With an engine that has no queue of its own, nothing waits here."""
        queued: dict[str, int] = {}
        for (role, _, _), engine in self._engines.items():
            queued[role] = queued.get(role, 0) + (engine.waiting if isinstance(engine, Queued) else 0)
        return queued

    async def start(self) -> None:
        """Load and warm all engines. Never raises: a failure is kept, and `until_ready` tells it."""
        begun = asyncio.get_running_loop().time()
        try:
            async with asyncio.TaskGroup() as tasks:
                for engine in self._engines.values():
                    tasks.create_task(engine.start())
        except* Exception as group:  # noqa: BLE001 -- whatever a plugin raises
            self.failure = _first(group)
            self.state = State.FAILED
            _LOG.error("the engines could not be started: %s", self.failure)
        else:
            self.state = State.READY
            _LOG.info("the engines are ready after %.1f s", asyncio.get_running_loop().time() - begun)
        self._settled.set()

    async def stop(self) -> None:
        """Free all engines."""
        for engine in self._engines.values():
            try:
                await engine.stop()
            except Exception:  # noqa: BLE001 -- one engine's trouble must not keep the others
                _LOG.warning("the engine %s could not be stopped", engine.name, exc_info=True)

    async def until_ready(self) -> None:
        """Wait until the engines are warm. Raises `NotReady`."""
        await self._settled.wait()
        if self.failure is not None:
            raise NotReady(str(self.failure))

    def set_for(self, model: str | None) -> EngineSet:
        """The engines for the model name that a client asked for. Call it when they are ready.

        Raises `LookupError` for a name that the operator does not serve.
        """
        wanted = self._config.engines_for(model)
        if wanted is None:
            raise LookupError(model)
        name = msgspec.json.encode(wanted).decode()
        if name not in self._sets:
            self._sets[name] = self._set(wanted)
        return self._sets[name]

    def tool_refusal(self, model: str) -> Callable[[str], str | None] | None:
        """Why an MCP server may not be used with this model name, by its URL; None where there are no MCP tools."""
        wanted = self._config.engines_for(model or None)
        tools: Any = None if wanted is None else self._engine(wanted, "tools")
        return None if tools is None else tools.refusal

    def _wanted(self) -> list[Engines]:
        sets = [self._config.engines_for(name) for name in (None, *self._config.models)]
        return [engines for engines in sets if engines is not None]

    def _set(self, wanted: Engines) -> EngineSet:
        made: dict[str, Any] = {role: self._engine(wanted, role) for role in OPTION_ROLES}
        voice = renamed(made["tts"], self._config.session.voices) if made["tts"] is not None else None
        is_local = all(_is_local(getattr(wanted, role), wanted.options.get(role, {})) for role in OPTION_ROLES)
        answerer = made["llm"] if _speaks_itself(wanted.llm) else Cascade(made["llm"], voice)
        return EngineSet(made["vad"], made["asr"], answerer, made["turn"], anticipates=is_local, tools=made["tools"])

    def _engine(self, wanted: Engines, role: EngineRole) -> Engine | None:
        text = _written(wanted, role)
        if text is None or text == NONE:
            return None
        options = wanted.options.get(role, {})
        key = (role, text, msgspec.json.encode(options, order="deterministic"))
        if key not in self._engines:
            port: Role = "responder" if role == "llm" and _speaks_itself(text) else role
            self._engines[key] = registry.make(port, text, options=options, weights=self._weights)
        return self._engines[key]


def _speaks_itself(llm: str) -> bool:
    """Whether what is named as the language model is a responder: it hears and speaks, and needs no voice beside it."""
    return registry.parse(llm)[0] in registry.installed("responder")


def _written(wanted: Engines, role: EngineRole) -> str | None:
    """The engine of a role, as the operator wrote it; a responder has no voice beside it."""
    text: str | None = None if role == "tts" and _speaks_itself(wanted.llm) else getattr(wanted, role)
    return text


def _is_local(text: str | None, options: Mapping[str, Any]) -> bool:
    """Whether an engine works on this machine: what it does for nothing costs nobody money.

    An engine of the provider's without a URL goes to the provider.
    """
    if text is None:
        return True
    name, url, _ = registry.parse(text)
    url = url or options.get("base_url")
    return name not in REMOTE_BY_NATURE if url is None else urlsplit(str(url)).hostname in (None, *LOOPBACK)


def _first(group: BaseExceptionGroup[BaseException]) -> Exception:
    """The first failure of a group of groups."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error if isinstance(error, Exception) else RuntimeError(str(error))
