"""A speech model behind any Realtime API as a responder: OpenAI's, Azure's, another Antiphon.

Turn-taking, tools, dialects and limits stay ours; the model hears the caller's own sound and speaks for itself. Each
session here has at most one session there, kept between turns: its conversation is told only what is new, and what
was changed here (cut short, deleted) is changed there. A session there that nobody uses for a while is ended.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from typing import Final, Literal
from urllib.parse import urlsplit

import msgspec

from antiphon.client.address import SCHEMES
from antiphon.engines.estimate import estimated_tokens
from antiphon.engines.realtime_answer import Answer
from antiphon.engines.realtime_line import LOST, Address, Line, Stale
from antiphon.engines.realtime_prompt import items_of
from antiphon.engines.registry import EngineSpec, SetupError
from antiphon.engines.tasks import Tasks
from antiphon.ports import Delta, EngineError, Prompt, Usage

OPENAI_URL: Final = "wss://api.openai.com/v1/realtime"
OPENAI_HOSTS: Final = ("api.openai.com", ".openai.azure.com")
"""Servers whose models see pictures and have these voices."""

OPENAI_VOICES: Final = ("marin", "cedar", "alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse")

IDLE_S: Final = 300.0
"""How long a session is kept between turns. The provider bills what is said, not what is open."""

MAX_KEPT: Final = 1000
"""Sessions kept at once; the one that has waited longest is ended for another."""


class RealtimeOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the operator may say of a speech model."""

    base_url: str | None = None
    model: str | None = None
    api_key: str | None = None
    dialect: Literal["ga", "beta", "azure"] | None = None
    """What it speaks; None: as its address tells."""
    timeout_s: float = 60.0
    """The longest wait for the next piece of an answer, the first one included."""
    headers: dict[str, str] = {}
    context_tokens: int = 32_000
    hears_audio: bool = True
    """False: it is given the transcript, for models that understand their own recogniser worse than ours."""
    sees_images: bool | None = None
    """None: as far as is known of the host."""
    voices: tuple[str, ...] | None = None
    """Names of its voices; any other leaves the choice to it. None: as far as is known of the host."""


def make(spec: EngineSpec) -> "Realtime":
    """The factory of the entry point."""
    options = spec.read(RealtimeOptions)
    url, model = spec.url or options.base_url or OPENAI_URL, spec.model or options.model
    if urlsplit(url).scheme not in SCHEMES:
        raise SetupError(f'"{url}" is no URL of a Realtime server.', "write realtime:wss://HOST/v1/realtime#MODEL")
    if model is None:
        raise SetupError(f'"{spec.text}" names no model.', f"write realtime:{url}#MODEL")
    return Realtime(spec.text or spec.name, url, model, options)


class Realtime:
    """The engine: one server, one model."""

    def __init__(self, name: str, url: str, model: str, options: RealtimeOptions) -> None:
        is_openai = (urlsplit(url).hostname or "").endswith(OPENAI_HOSTS)
        self.name = name
        self.context_tokens = options.context_tokens
        self.hears_audio = options.hears_audio
        self.sees_images = is_openai if options.sees_images is None else options.sees_images
        self.voices = (OPENAI_VOICES if is_openai else ()) if options.voices is None else options.voices
        self._address = Address(url, model, options.api_key, options.headers, options.dialect, options.timeout_s)
        self._kept: dict[str, Line] = {}
        """Sessions that wait for their next turn, the longest waiting first."""
        self._busy: dict[str, asyncio.Event] = {}
        """Sessions that are made ready, or whose answer is being stopped; set once they may be used again."""
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._tasks = Tasks()

    async def start(self) -> None:
        """Nothing: the server need not run yet."""

    async def stop(self) -> None:
        """End all sessions."""
        for session_id in list(self._kept):
            await self._take_kept(session_id).close()
        await self._tasks.aclose()

    def run(self, prompt: Prompt) -> "RealtimeRun":
        """Begin an answer."""
        return RealtimeRun(self, prompt)

    async def warm(self, prompt: Prompt) -> None:
        """Tell the server what is known already, so that only the last words are new. It costs nothing there."""
        await self._until_free(prompt.session_id)
        with self._reserved(prompt.session_id):
            line = await self._line_for(prompt)
            try:
                await self.prepare(line, prompt)
            except Stale:
                return
            except BaseException:
                await line.close()
                raise
            self.give_back(prompt.session_id, line)

    def count(self, text: str) -> int:
        """An estimate; no server tells its tokenizer."""
        return estimated_tokens(text)

    # Sessions there

    async def take(self, prompt: Prompt, *, fresh: bool = False) -> Line:
        """The session of a session, or a new one. Raise EngineError."""
        await self._until_free(prompt.session_id)
        return await self._line_for(prompt, fresh=fresh)

    async def prepare(self, line: Line, prompt: Prompt) -> None:
        """Make the conversation there the prompt's. Raise EngineError or Stale."""
        await line.prepare(items_of(prompt, sees_images=self.sees_images), self._voice(prompt), prompt.speed)

    def give_back(self, session_id: str, line: Line) -> None:
        """Keep a session for the next turn."""
        if not line.is_open:
            return
        line.was_kept = True
        if session_id in self._kept or len(self._kept) >= MAX_KEPT:
            self._end(session_id if session_id in self._kept else next(iter(self._kept)))
        self._kept[session_id] = line
        loop = asyncio.get_running_loop()
        self._timers[session_id] = loop.call_later(IDLE_S, self._end, session_id)

    async def stop_answer(self, session_id: str, line: Line, answer: Answer) -> None:
        """Stop what is being answered, and keep the session if that goes well; the next turn waits for it."""
        with self._reserved(session_id):
            await line.stop(answer)
            self.give_back(session_id, line)

    async def _until_free(self, session_id: str) -> None:
        while session_id in self._busy:
            await self._busy[session_id].wait()

    @contextlib.contextmanager
    def _reserved(self, session_id: str) -> Iterator[None]:
        """Let others who want the session wait."""
        free = self._busy[session_id] = asyncio.Event()
        try:
            yield
        finally:
            free.set()
            if self._busy.get(session_id) is free:
                del self._busy[session_id]

    async def _line_for(self, prompt: Prompt, *, fresh: bool = False) -> Line:
        if prompt.session_id in self._kept:
            line = self._take_kept(prompt.session_id)
            if not fresh and line.speaks_as(self._voice(prompt)):
                return line
            await line.close()
        return await Line.open(self._address)

    def _voice(self, prompt: Prompt) -> str:
        return prompt.voice if prompt.voice in self.voices else ""

    def _take_kept(self, session_id: str) -> Line:
        self._timers.pop(session_id).cancel()
        return self._kept.pop(session_id)

    def _end(self, session_id: str) -> None:
        self._tasks.spawn(self._take_kept(session_id).close(), "ending a session with a speech model")


class RealtimeRun:
    """One answer."""

    def __init__(self, engine: Realtime, prompt: Prompt) -> None:
        self._engine = engine
        self._prompt = prompt
        self._answer = Answer()
        self._line: Line | None = None
        self._deltas = self._run()

    @property
    def usage(self) -> Usage:
        """What the server says that it cost; nothing until it has said so."""
        return self._answer.usage

    def __aiter__(self) -> AsyncIterator[Delta]:
        return self._deltas

    async def aclose(self) -> None:
        """Stop the response and keep the session."""
        await self._deltas.aclose()

    async def _run(self) -> AsyncGenerator[Delta, None]:
        try:
            for delta in await self._begun():
                yield delta
            while self._line is not None and not self._answer.is_done:
                for delta in await self._line.read(self._answer):
                    yield delta
        except (asyncio.CancelledError, GeneratorExit):
            await self._stop()
            raise
        except BaseException:
            await self._leave()
            raise
        line, self._line = self._line, None
        if line is not None:
            self._engine.give_back(self._prompt.session_id, line)

    async def _begun(self) -> list[Delta]:
        """Begin the response; a session that had ended meanwhile is replaced, once."""
        for is_fresh in (False, True):
            try:
                return await self._asked(fresh=is_fresh)
            except Stale:
                await self._leave()
        raise EngineError(LOST)

    async def _asked(self, *, fresh: bool) -> list[Delta]:
        self._line = line = await self._engine.take(self._prompt, fresh=fresh)
        await self._engine.prepare(line, self._prompt)
        return await line.ask(self._prompt, self._answer)

    async def _stop(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            await self._engine.stop_answer(self._prompt.session_id, line, self._answer)

    async def _leave(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            await line.close()
