"""What the tests of the runtime play with: a link by hand, a core by script, a meter that remembers."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any

from antiphon.engines.cascade import Cascade
from antiphon.engines.tone import ToneASR, ToneASROptions, ToneTTS, ToneVAD
from antiphon.engines.tone_llm import ToneLLM
from antiphon.facts import Fact
from antiphon.link import Frame, Scope, Text
from antiphon.ports import VAD, AudioDelta, Delta, EngineSet, Prompt, Responder, Usage
from antiphon.protocol.server_events import Error, ResponseOutputAudioDelta, ServerEvent
from antiphon.protocol.session import AudioFormat, PcmFormat
from antiphon.runtime.limits import Limits
from antiphon.session.effects import Effect
from antiphon.session.inputs import Input

FREE = Limits(lambda: 0.0).allowance("")
"""No limits."""

LIMIT_S = 10.0
"""A test that waits longer has failed."""


def play(scene: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a scene on a loop in debug mode; it may not last long."""

    async def within_limit() -> None:
        async with asyncio.timeout(LIMIT_S):
            await scene()

    asyncio.run(within_limit(), debug=True)


async def settled() -> None:
    """Let every task go as far as it can without a clock or a thread."""
    for _ in range(50):
        await asyncio.sleep(0)


async def others() -> None:
    """Wait until no other task is left."""
    while tasks := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(tasks)


class HandLink:
    """A link whose peer is the test."""

    def __init__(self, scope: Scope | None = None) -> None:
        self.scope = scope or Scope("websocket", model="tone")
        self.closed: tuple[int, str] | None = None
        self.taking = asyncio.Event()
        """Cleared, the peer takes nothing."""
        self.taking.set()
        self._frames: asyncio.Queue[Frame | None] = asyncio.Queue()
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    # The peer's side

    def say(self, kind: str, **keys: Any) -> None:
        """Send an event."""
        self.frame(Text(json.dumps({"type": kind, **keys})))

    def frame(self, frame: Frame) -> None:
        """Send a frame."""
        self._frames.put_nowait(frame)

    def hang_up(self) -> None:
        """Go away."""
        self._frames.put_nowait(None)

    async def next(self) -> dict[str, Any]:
        """The next event that was sent to the peer."""
        return await self._events.get()

    async def until(self, kind: str) -> dict[str, Any]:
        """The next event of a type; others are passed over."""
        while (event := await self.next())["type"] != kind:
            pass
        return event

    def taken(self) -> list[str]:
        """The types of all events that have come and were not looked at."""
        return [self._events.get_nowait()["type"] for _ in range(self._events.qsize())]

    # The runtime's side

    async def receive(self) -> Frame | None:
        return await self._frames.get()

    async def send(self, data: bytes) -> None:
        await self.taking.wait()
        self._events.put_nowait(json.loads(data))

    async def close(self, code: int, reason: str) -> None:
        if self.closed is None:
            await self.taking.wait()
            self.closed = (code, reason)
            self.hang_up()


@dataclass
class ScriptedCore:
    """A core that answers each input as its script says, and remembers all."""

    script: Callable[[Input], Iterable[Effect]]
    deadline: float | None = None
    wants_scores: bool = False
    input_format: AudioFormat = field(default_factory=PcmFormat)
    session_id: str = "sess_1"
    seen: list[Input] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def handle(self, news: Input, now: float) -> list[Effect]:
        self.seen.append(news)
        self.times.append(now)
        self.news.set()
        return list(self.script(news))

    async def saw(self, count: int) -> list[Input]:
        """Wait until the core has been told so many things."""
        while len(self.seen) < count:
            self.news.clear()
            await self.news.wait()
        return self.seen


class Notes:
    """A meter that remembers."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []

    def report(self, fact: Fact) -> None:
        self.facts.append(fact)


def tone_engines(
    vad: VAD | None = None, responder: Responder | None = None, asr: ToneASROptions | None = None
) -> EngineSet:
    """Engines that need no model."""
    return EngineSet(
        vad=vad or ToneVAD(), asr=ToneASR(options=asr), responder=responder or Cascade(ToneLLM(), ToneTTS())
    )


class HandRun:
    """An answer whose deltas come from the test; None ends it, an exception breaks it."""

    def __init__(self) -> None:
        self.usage = Usage()
        self.is_closed = False
        self.deltas: asyncio.Queue[Delta | BaseException | None] = asyncio.Queue()

    async def __aiter__(self) -> AsyncIterator[Delta]:
        while (delta := await self.deltas.get()) is not None:
            if isinstance(delta, BaseException):
                raise delta
            self.usage = Usage(output_tokens=self.usage.output_tokens + 1)
            yield delta

    async def aclose(self) -> None:
        self.is_closed = True


class HandResponder:
    """A responder whose runs are given by the test, in order."""

    name = "hand"
    voices: tuple[str, ...] = ("one",)
    context_tokens = 1000
    hears_audio = True
    sees_images = False

    def __init__(self, *runs: HandRun | Exception) -> None:
        self._runs = list(runs)

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def run(self, prompt: Prompt) -> HandRun:
        run = self._runs.pop(0)
        if isinstance(run, Exception):
            raise run
        return run

    async def warm(self, prompt: Prompt) -> None: ...

    def count(self, text: str) -> int:
        return len(text)


def audio_event(response_id: str, size: int) -> ResponseOutputAudioDelta:
    """Some audio of a response."""
    return ResponseOutputAudioDelta(
        response_id=response_id, item_id="item_1", output_index=0, content_index=0, delta=bytes(size)
    )


def sound(size: int) -> AudioDelta:
    """Some audio of an engine."""
    return AudioDelta(bytes(size))


def errors_in(events: Iterable[ServerEvent]) -> list[str | None]:
    """The codes of the errors among events."""
    return [event.error.code for event in events if isinstance(event, Error)]
