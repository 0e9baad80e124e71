"""A language model in this process: any GGUF file, run by llama.cpp.

A few answers run at a time, each in a slot that keeps the prompt it read last, so that a session's next turn
reads only what is new. The work is done in threads; chunks come back to the event loop. An answer is made as
fast as the machine can: llama.cpp cannot be slowed down by a slow listener, only stopped.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator, AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from antiphon.engines.estimate import estimated_tokens
from antiphon.engines.llama_answer import Answer
from antiphon.engines.llama_presets import ORDINARY, PRESETS, Preset
from antiphon.engines.llama_prompt import Windows, request_of, warming
from antiphon.engines.llama_server import LlamaServer, ServerSettings
from antiphon.engines.registry import EngineSpec, SetupError
from antiphon.engines.slots import Slots
from antiphon.ports import CLAIM, Claim, Delta, EngineError, Prompt, Usage

DEFAULT_MODEL = "smollm2-135m"
ANSWER_TOKENS = 256
"""Room that is kept for an answer whose length the client did not limit."""


class LlamaOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the weights are run; what is left out comes from the model's preset."""

    model: str | None = None
    """A name of the catalogue, or `file:PATH`."""
    context_tokens: int | None = None
    parallel: int | None = None
    threads: int | None = None
    """One fewer than there are cores: with all of them, threads wait for each other and lose ten times over."""
    gpu_layers: int | None = None
    max_sentences: int | None = None


class Llama:
    """The engine. `start` raises `SetupError` for weights that cannot be loaded."""

    sees_images = False

    def __init__(self, name: str, settings: ServerSettings, preset: Preset) -> None:
        self.name = name
        self.context_tokens = settings.context_tokens
        self.preset = preset
        self.slots = Slots(settings.parallel)
        self.windows = Windows(self.count)
        self._settings = settings
        self._pool = ThreadPoolExecutor(settings.parallel, thread_name_prefix="llama")
        self._server: LlamaServer | None = None
        self._requests: set[Request] = set()
        self._warming: dict[str, Request] = {}

    @property
    def waiting(self) -> int:
        """Answers that wait for a slot."""
        return self.slots.waiting

    async def start(self) -> None:
        """Load the weights."""
        loop = asyncio.get_running_loop()
        self._server = await loop.run_in_executor(self._pool, LlamaServer, self._settings)

    async def stop(self) -> None:
        """End all answers and free the weights, the threads and the port."""
        server, self._server = self._server, None
        self.slots.refuse_all(EngineError("The model is stopping."))
        for request in self._requests:
            request.cancel()
        await asyncio.to_thread(self._pool.shutdown)
        if server is not None:
            await asyncio.to_thread(server.close)

    def run(self, prompt: Prompt) -> "LlamaRun":
        """Begin an answer."""
        return LlamaRun(self, prompt)

    async def warm(self, prompt: Prompt) -> None:
        """Read the prompt into the session's slot, if one is free; an answer that needs a slot ends it."""
        slot = self.slots.take_now(prompt.session_id)
        if slot is None:
            return
        request = self._send(slot, prompt.session_id, warming(self.request_of(self.windows.cut(prompt))))
        self._warming[prompt.session_id] = request
        try:
            with contextlib.suppress(EngineError):  # ended by an answer, or too long: the answer will tell
                while (chunk := await request.next()) is not None:
                    progress = chunk.get("prompt_progress")
                    if progress and progress["processed"] >= progress["total"]:
                        break
        finally:
            request.cancel()
            if self._warming.get(prompt.session_id) is request:
                del self._warming[prompt.session_id]

    def count(self, text: str) -> int:
        """An estimate; the tokenizer itself is out of reach of a call that must not block."""
        return estimated_tokens(text)

    def request_of(self, prompt: Prompt) -> dict[str, Any]:
        """The prompt as the server takes it."""
        return request_of(prompt, self.preset, has_tools=self._server is not None and self._server.has_tools)

    async def begin(self, prompt: Prompt) -> "Request":
        """Wait for a slot and begin an answer in it; warming gives way."""
        if own := self._warming.get(prompt.session_id):
            own.cancel()
        elif not self.slots.free:
            for other in [each for each in self._warming.values() if not each.is_cancelled][:1]:
                other.cancel()
        for request in [each for each in self._requests if each.session_id == prompt.session_id]:
            if request.is_cancelled:  # about to free the slot that has read this conversation: worth a moment
                await request.ended.wait()
        slot = await self.slots.take(_claim_of(prompt))
        return self._send(slot, prompt.session_id, self.request_of(prompt))

    def _send(self, slot: int, session_id: str, body: dict[str, Any]) -> "Request":
        """Have a request answered in a thread; its slot is free again when the thread is."""
        if self._server is None:
            self.slots.give_back(slot)
            raise EngineError("The model is not running.")
        request = Request(session_id)
        self._requests.add(request)
        serving = asyncio.get_running_loop().run_in_executor(
            self._pool, self._server.serve, {**body, "id_slot": slot}, request.take
        )

        def finish(served: asyncio.Future[None]) -> None:
            self._requests.discard(request)
            self.slots.give_back(slot)
            request.finish(served.exception())

        serving.add_done_callback(finish)
        return request


class Request:
    """What the server says of one request, brought from its thread to the event loop."""

    def __init__(self, session_id: str) -> None:
        self.session_id = session_id
        self.ended = asyncio.Event()
        self.is_cancelled = False
        self._loop = asyncio.get_running_loop()
        self._chunks: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()  # one a token: bounded by the context
        self._failure: BaseException | None = None

    def take(self, chunk: dict[str, Any]) -> bool:
        """Pass a chunk on; true ends the request. Called in the server's thread."""
        if not self.is_cancelled:
            self._loop.call_soon_threadsafe(self._chunks.put_nowait, chunk)
        return self.is_cancelled

    def cancel(self) -> None:
        """End it with its next token, or its next batch of the prompt."""
        self.is_cancelled = True

    def finish(self, failure: BaseException | None) -> None:
        """The thread is free again."""
        self._failure = failure
        self._chunks.put_nowait(None)
        self.ended.set()

    async def next(self) -> dict[str, Any] | None:
        """The next chunk; None after the last. Raises `EngineError` if the request broke off."""
        chunk = await self._chunks.get()
        if chunk is None and (self._failure is not None or self.is_cancelled):
            raise EngineError(f"The model cannot answer: {self._failure or 'it is stopping'}.") from self._failure
        return chunk


class LlamaRun:
    """One answer."""

    def __init__(self, engine: Llama, prompt: Prompt) -> None:
        self._engine = engine
        self._prompt = prompt
        self._answer = Answer(prompt, engine.preset)
        self._deltas = self._make()

    @property
    def usage(self) -> Usage:
        """Tokens read and written so far, as llama.cpp counts them."""
        return self._answer.usage

    def __aiter__(self) -> AsyncIterator[Delta]:
        return self._deltas

    async def aclose(self) -> None:
        """Stop; the slot is free as soon as llama.cpp has finished the token or batch at hand."""
        await self._deltas.aclose()

    async def _make(self) -> AsyncGenerator[Delta, None]:
        prompt = self._engine.windows.cut(self._prompt)
        while True:
            request = await self._engine.begin(prompt)
            try:
                shorter = self._shorter(prompt, await request.next())
                if shorter is None:
                    while not self._answer.is_done and (chunk := await request.next()) is not None:
                        for delta in self._answer.read(chunk):
                            yield delta
                    break
            finally:
                request.cancel()
            await request.ended.wait()
            prompt = shorter
        for delta in self._answer.end():
            yield delta

    def _shorter(self, prompt: Prompt, first: dict[str, Any] | None) -> Prompt | None:
        """The first chunk tells how long the prompt is: a shorter one to try instead, None if it will do."""
        tokens = _prompt_tokens(first)
        context = self._engine.context_tokens
        room = context - min(self._prompt.max_output_tokens or ANSWER_TOKENS, context // 4)
        if tokens <= room:
            return None
        shorter = self._engine.windows.shorten(prompt, tokens, room)
        if shorter is None and tokens >= context:
            raise EngineError(
                f"The prompt has {tokens} tokens; the model takes {context}.",
                code="context_length_exceeded",
                type="invalid_request_error",
            )
        return shorter


def _prompt_tokens(first: dict[str, Any] | None) -> int:
    """How long a prompt is, by the first chunk of its answer: progress, or the refusal of a prompt too long."""
    if first is None:
        raise EngineError("The model gave no answer.")
    if error := first.get("error"):
        if "n_prompt_tokens" not in error:
            raise EngineError(f"The model cannot answer: {error.get('message', error)}")
        return int(error["n_prompt_tokens"])
    return int(first.get("prompt_progress", {}).get("total", 0))


def make(spec: EngineSpec) -> Llama:
    """Make the engine; raises `SetupError` for weights that are not there."""
    options = spec.read(LlamaOptions)
    model = spec.model or options.model or DEFAULT_MODEL
    preset = PRESETS.get(model, ORDINARY)
    if options.max_sentences is not None:
        preset = replace(preset, max_sentences=options.max_sentences)
    settings = ServerSettings(
        path=_path_of(model, spec),
        context_tokens=options.context_tokens or preset.context_tokens,
        parallel=options.parallel or preset.parallel,
        threads=options.threads or max(1, _cores() - 1),
        gpu_layers=options.gpu_layers,
    )
    return Llama(spec.text, settings, preset)


def _cores() -> int:
    """Cores that this process may use; not every system tells."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _claim_of(prompt: Prompt) -> Claim:
    """The runtime's own, which knows when a draft has become the answer; or what the prompt says."""
    claim = CLAIM.get()
    return claim if claim.session_id == prompt.session_id else Claim(prompt.session_id, prompt.draft)


def _path_of(model: str, spec: EngineSpec) -> Path:
    if model.startswith("file:"):
        return Path(model.removeprefix("file:"))
    try:
        return spec.weights(model)
    except SetupError:
        raise
    except LookupError as error:
        raise SetupError(
            f'"{model}" is in no catalogue.', "antiphon list shows the names; file:PATH runs a file"
        ) from error
