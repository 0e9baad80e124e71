"""Any OpenAI-compatible chat endpoint as a language model: vLLM, Ollama, llama.cpp's server, a cloud.

Connections are shared by all sessions and kept open between turns. Stopping an answer closes its stream, and
the endpoint stops writing. The endpoint need not run when we start.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, cast
from urllib.parse import urlsplit

from openai import AsyncOpenAI, AsyncStream
from openai.types.chat import ChatCompletionChunk

from antiphon.engines.chat import messages_of, tools_of
from antiphon.engines.estimate import estimated_tokens
from antiphon.engines.openai_answer import ChatAnswer
from antiphon.engines.openai_endpoint import EndpointOptions, address_of, client_of
from antiphon.engines.openai_errors import explained
from antiphon.engines.registry import EngineSpec
from antiphon.ports import Delta, EngineError, Prompt, Usage
from antiphon.protocol.session import ToolChoiceFunction

OPENAI_HOSTS = ("api.openai.com", ".openai.azure.com")
"""Endpoints that take pictures, and limit an answer by `max_completion_tokens` alone."""
LINGER_S = 1.0
"""How long the end of a finished stream is waited for: read to its end, the connection can be used again."""


class OpenAIChatOptions(EndpointOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the operator may say of a chat endpoint."""

    context_tokens: int = 32_768
    sees_images: bool | None = None
    """None: as far as is known of the host."""


class OpenAIChat:
    """The engine: one endpoint, one model."""

    def __init__(self, name: str, base_url: str, model: str, options: OpenAIChatOptions) -> None:
        host = urlsplit(base_url).hostname or ""
        is_openai = host.endswith(OPENAI_HOSTS)
        self.name = name
        self.context_tokens = options.context_tokens
        self.sees_images = is_openai if options.sees_images is None else options.sees_images
        self.timeout_s = options.timeout_s
        self._base_url = base_url
        self._model = model
        self._options = options
        self._limit_name = "max_completion_tokens" if is_openai else "max_tokens"
        self._client: AsyncOpenAI | None = None

    async def start(self) -> None:
        """Make the connection pool; connects to nothing."""
        self._client = client_of(self._base_url, self._options)

    async def stop(self) -> None:
        """Close all connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    def run(self, prompt: Prompt) -> "ChatRun":
        """Begin an answer."""
        return ChatRun(self, prompt)

    async def warm(self, prompt: Prompt) -> None:
        """Nothing: reading a prompt costs tokens, and no endpoint takes one without answering it."""

    def count(self, text: str) -> int:
        """An estimate; an endpoint does not tell its tokenizer."""
        return estimated_tokens(text)

    async def open(self, prompt: Prompt) -> AsyncStream[ChatCompletionChunk]:
        """Begin a stream. Raises what the SDK raises."""
        if self._client is None:
            raise EngineError("The model endpoint is not in use any more.")
        stream = await self._client.chat.completions.create(**self.request_of(prompt))
        return cast("AsyncStream[ChatCompletionChunk]", stream)

    def request_of(self, prompt: Prompt) -> dict[str, Any]:
        """The parameters of the chat completion. What the client left open is left open."""
        request: dict[str, Any] = {
            "model": self._model,
            "messages": messages_of(prompt, sees_images=self.sees_images),
            "stream": True,
            "stream_options": {"include_usage": True},
            "extra_body": dict(self._options.extra_body) or None,
        }
        if prompt.temperature is not None:
            request["temperature"] = prompt.temperature
        if prompt.max_output_tokens is not None:
            request[self._limit_name] = prompt.max_output_tokens
        if prompt.reasoning_effort is not None:
            request["reasoning_effort"] = prompt.reasoning_effort
        if tools := tools_of(prompt):
            request["tools"] = tools
            if not prompt.parallel_tool_calls:
                request["parallel_tool_calls"] = False
            if isinstance(prompt.tool_choice, ToolChoiceFunction):
                request["tool_choice"] = {"type": "function", "function": {"name": prompt.tool_choice.name}}
            elif prompt.tool_choice == "required":
                request["tool_choice"] = "required"
        return request


class ChatRun:
    """One answer."""

    def __init__(self, engine: OpenAIChat, prompt: Prompt) -> None:
        self._engine = engine
        self._prompt = prompt
        self._answer = ChatAnswer(prompt)
        self._deltas = self._make()

    @property
    def usage(self) -> Usage:
        """What the endpoint says, once it does; an estimate before that."""
        return self._answer.usage

    def __aiter__(self) -> AsyncIterator[Delta]:
        return self._deltas

    async def aclose(self) -> None:
        """Close the stream."""
        await self._deltas.aclose()

    async def _make(self) -> AsyncGenerator[Delta, None]:
        timeout_s = self._engine.timeout_s
        with explained(timeout_s):
            async with asyncio.timeout(timeout_s):
                stream = await self._engine.open(self._prompt)
        try:
            while (chunk := await self._next(stream)) is not None:
                with explained(timeout_s):
                    deltas = self._answer.read(chunk)
                for delta in deltas:
                    yield delta
        finally:
            await stream.close()
        for delta in self._answer.end():
            yield delta

    async def _next(self, stream: AsyncStream[ChatCompletionChunk]) -> ChatCompletionChunk | None:
        """The next chunk; None at the end, which only a finished answer may have."""
        is_finished = self._answer.is_finished
        timeout_s = LINGER_S if is_finished else self._engine.timeout_s
        try:
            with explained(timeout_s):
                async with asyncio.timeout(timeout_s):
                    chunk: ChatCompletionChunk | None = await anext(stream, None)
        except EngineError:
            if is_finished:  # it has said all, and only fails to close
                return None
            raise
        if chunk is None and not is_finished:
            raise EngineError("The model endpoint broke off its answer.")
        return chunk


def make(spec: EngineSpec) -> OpenAIChat:
    """Make the engine; raises `SetupError` where the model or a proper URL is missing."""
    options = spec.read(OpenAIChatOptions)
    base_url, model = address_of(spec, options, "chat")
    return OpenAIChat(spec.text, base_url, model, options)
