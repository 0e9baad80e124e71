"""The chunks of a chat completion stream as the deltas of an answer."""

from collections.abc import Sequence
from typing import Any

from openai.types.chat import ChatCompletionChunk
from openai.types.completion_usage import CompletionUsage

from antiphon.engines.chat import callable_tools, tools_of
from antiphon.engines.estimate import estimated_tokens
from antiphon.engines.prompts import text_of
from antiphon.engines.tool_calls import CallReader
from antiphon.ports import CallDelta, Delta, Ending, Prompt, Usage

MESSAGE_TOKENS = 4
"""What a chat template adds to each message, about."""


class ChatAnswer:
    """One answer being read.

    Until the server says what it cost, `usage` is an estimate by the length of the texts; with a server that
    never says, and for an answer that was stopped, it stays one.
    """

    def __init__(self, prompt: Prompt) -> None:
        self.is_finished = False
        """Whether the server has said why the answer ended."""
        self._prompt = prompt
        self._reader = CallReader([str(tool.name) for tool in callable_tools(prompt)])
        self._written = 0
        """Tokens of the answer so far, by estimate."""
        self._reported: Usage | None = None
        self._ending: Ending | None = None
        self._ids: list[tuple[int, str]] = []
        """Index and id of each call, as the server gave them; the place is our own index."""
        self._has_begun = False

    @property
    def usage(self) -> Usage:
        """What the answer has cost so far."""
        if self._reported is not None:
            return self._reported
        return Usage(_tokens_of(self._prompt), 0, self._written) if self._has_begun else Usage()

    def read(self, chunk: ChatCompletionChunk) -> list[Delta]:
        """The deltas of a chunk. Servers differ: any part may be missing."""
        self._has_begun = True
        if chunk.usage is not None:
            self._reported = _usage_of(chunk.usage)
        deltas: list[Delta] = []
        for choice in chunk.choices or ():
            if choice.delta is not None:
                text = (choice.delta.content or "") + (choice.delta.refusal or "")
                self._written += estimated_tokens(text)
                deltas += self._reader.feed(text)
                deltas += self._read_calls(choice.delta.tool_calls or ())
            if choice.finish_reason:
                self._finish(choice.finish_reason)
        return deltas

    def end(self) -> list[Delta]:
        """What was held back, and why the answer ended if that was not its own end."""
        rest: list[Delta] = list(self._reader.flush())
        return rest if self._ending is None else [*rest, self._ending]

    def _finish(self, reason: str) -> None:
        self.is_finished = True
        if reason == "length":
            self._ending = Ending("max_output_tokens")
        elif reason == "content_filter":
            self._ending = Ending("content_filter")

    def _read_calls(self, calls: Sequence[Any]) -> list[CallDelta]:
        deltas = []
        for call in calls:
            index, is_new = self._place(call.index or 0, call.id or "")
            name = (call.function.name or "") if call.function else ""
            arguments = (call.function.arguments or "") if call.function else ""
            self._written += estimated_tokens(name + arguments)
            deltas.append(CallDelta(index, name if is_new else "", arguments, call.id or "" if is_new else ""))
        return deltas

    def _place(self, index: int, call_id: str) -> tuple[int, bool]:
        """Our index of a call, and whether it is a new one. Some servers give all calls the index 0, and new ids."""
        for place in reversed(range(len(self._ids))):
            known_index, known_id = self._ids[place]
            if known_index == index and call_id in ("", known_id):
                return place, False
        self._ids.append((index, call_id))
        return len(self._ids) - 1, True


def _usage_of(usage: CompletionUsage) -> Usage:
    cached = usage.prompt_tokens_details.cached_tokens if usage.prompt_tokens_details else 0
    return Usage(usage.prompt_tokens or 0, cached or 0, usage.completion_tokens or 0)


def _tokens_of(prompt: Prompt) -> int:
    """About how long a prompt is; pictures count nothing, since that differs too much."""
    texts = [prompt.instructions, *map(text_of, prompt.items), *(str(tool["function"]) for tool in tools_of(prompt))]
    return sum(estimated_tokens(text) + MESSAGE_TOKENS for text in texts if text)
