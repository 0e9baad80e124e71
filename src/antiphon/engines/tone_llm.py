"""The language model of the `tone` engines: no model, but a few commands that tests and docs can rely on.

It answers the last thing that the caller said, without regard to case:

| the caller says | the answer |
|---|---|
| `say TEXT` | TEXT |
| `slow TEXT` | TEXT, with `SLOW_TOKEN_MS` before each word |
| `count to N` | `1 2 3 … N` |
| `call NAME {JSON}`, perhaps several times | function calls, in this order; tools need not be declared |
| `fail`, `fail after N` | an `EngineError`, at once or after N words |
| `hang`, `hang after N` | nothing (more), for ever |
| `filter`, `filter after N` | ends with the reason `content_filter` |
| `what did I say first?` | `First you said: ` and the caller's first words |
| `what are your instructions?` | the instructions |
| anything else | `You said: ` and these words |

Where the last item is the output of a function, or an MCP call that has one, the answer is `The function gave: ` and
the output. With pictures it begins with `I see 1 image.`; without any item it is `Hello.`

`tool_choice` counts: `none` turns commands to call into speech; `required` calls the first tool with `{}` where
no call was asked for, and a named function calls that one. Without `parallel_tool_calls` only the first is made.

A token is a word. `cached_tokens` are the words that the prompt has in common, from its start, with the last
prompt of the same session.
"""

import asyncio
import json
import re
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, replace
from typing import Literal, cast

import msgspec

from antiphon.engines.prompts import given_by, images_of, said, text_of
from antiphon.ports import CallDelta, Delta, Ending, EngineError, Prompt, TextDelta, Usage
from antiphon.protocol.items import FunctionCallOutput, McpCall, Message
from antiphon.protocol.session import ToolChoiceFunction

SLOW_TOKEN_MS = 200.0
REMEMBERED_SESSIONS = 256
"""Sessions whose last prompt is known, for `cached_tokens`."""

_CALL = re.compile(r"call\s+([\w-]+)\s*", re.IGNORECASE)
_STOP = re.compile(r"(fail|hang|filter)(?:\s+after\s+(\d+))?[.!]?", re.IGNORECASE)
_COUNT = re.compile(r"count\s+to\s+(\d+)[.!]?", re.IGNORECASE)
_SAY = re.compile(r"(say|slow)\s+(.+)", re.IGNORECASE | re.DOTALL)
_TOKEN = re.compile(r"\s*\S+|\s+$")


class ToneLLMOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How slow it is, and how much it takes."""

    first_token_ms: float = 0.0
    token_ms: float = 0.0
    context_tokens: int = 8_192


class ToneLLM:
    """See the module's text for what it answers."""

    sees_images = True

    def __init__(self, name: str = "tone", options: ToneLLMOptions | None = None) -> None:
        self.name = name
        self.options = options or ToneLLMOptions()
        self.context_tokens = self.options.context_tokens
        self._last: OrderedDict[str, list[str]] = OrderedDict()

    async def start(self) -> None:
        """There is nothing to load."""

    async def stop(self) -> None:
        """There is nothing to free."""
        self._last.clear()

    def run(self, prompt: Prompt) -> "ToneRun":
        """Begin an answer."""
        words = _words(prompt)
        return ToneRun(prompt, self.options, Usage(len(words), self._remember(prompt.session_id, words)))

    async def warm(self, prompt: Prompt) -> None:
        """Take the prompt as read."""
        self._remember(prompt.session_id, _words(prompt))

    def count(self, text: str) -> int:
        """How many words there are."""
        return len(text.split())

    def _remember(self, session_id: str, words: list[str]) -> int:
        """Keep the words of the session's prompt; how many of them were kept before?"""
        before = self._last.pop(session_id, [])
        self._last[session_id] = words
        if len(self._last) > REMEMBERED_SESSIONS:
            self._last.popitem(last=False)
        shared = 0
        for old, new in zip(before, words, strict=False):
            if old != new:
                break
            shared += 1
        return shared


class ToneRun:
    """One answer of the tone LLM."""

    def __init__(self, prompt: Prompt, options: ToneLLMOptions, usage: Usage) -> None:
        self._prompt = prompt
        self._options = options
        self._usage = usage
        self._deltas = self._make()

    @property
    def usage(self) -> Usage:
        """Words read and written so far."""
        return self._usage

    def __aiter__(self) -> AsyncIterator[Delta]:
        return self._deltas

    async def aclose(self) -> None:
        """Stop."""
        await self._deltas.aclose()

    async def _make(self) -> AsyncGenerator[Delta, None]:
        plan = plan_of(self._prompt)
        await asyncio.sleep(self._options.first_token_ms / 1000)
        for n, token in enumerate(_TOKEN.findall(plan.text)):
            if n == self._prompt.max_output_tokens:
                yield Ending("max_output_tokens")
                return
            await asyncio.sleep(max(plan.token_ms, self._options.token_ms) / 1000)
            self._count(1)
            yield TextDelta(token)
        for call in plan.calls:
            self._count(1 + len(call.arguments.split()))
            yield call
        match plan.stop:
            case "fail":
                raise EngineError("The tone LLM was told to fail.")
            case "hang":
                await asyncio.Event().wait()
            case "filter":
                yield Ending("content_filter")

    def _count(self, words: int) -> None:
        self._usage = replace(self._usage, output_tokens=self._usage.output_tokens + words)


@dataclass(frozen=True, slots=True)
class Plan:
    """What the answer will be: words, then calls, then perhaps an end that is none."""

    text: str = ""
    calls: tuple[CallDelta, ...] = ()
    stop: Literal["fail", "hang", "filter"] | None = None
    token_ms: float = 0.0


def plan_of(prompt: Prompt) -> Plan:
    """The answer to a prompt, by the commands in the module's text."""
    last = prompt.items[-1] if prompt.items else None
    if isinstance(last, FunctionCallOutput):
        return Plan(f"The function gave: {last.output}")
    if isinstance(last, McpCall):
        given = given_by(last)
        return Plan("The function has not answered yet." if given is None else f"The function gave: {given}")
    asked = [item for item in prompt.items if isinstance(item, Message) and item.role == "user"]
    if not asked:
        return Plan("Hello.")
    words = said(asked[-1]).strip()
    if prompt.tool_choice != "none" and (calls := _calls(words, prompt)):
        return Plan(calls=calls)
    return _sight(asked[-1], _spoken(words, asked, prompt))


def _spoken(words: str, asked: list[Message], prompt: Prompt) -> Plan:
    """The answer in words."""
    if found := _SAY.fullmatch(words):
        return Plan(found[2], token_ms=SLOW_TOKEN_MS if found[1].lower() == "slow" else 0.0)
    if found := _COUNT.fullmatch(words):
        return Plan(_numbers(int(found[1])))
    if found := _STOP.fullmatch(words):
        return Plan(_numbers(int(found[2] or 0)), stop=cast("Literal['fail', 'hang', 'filter']", found[1].lower()))
    match words.lower().rstrip("?.! "):
        case "what did i say first":
            return Plan(f"First you said: {said(asked[0])}")
        case "what are your instructions":
            return Plan(prompt.instructions)
    return Plan(f"You said: {words}")


def _sight(asked: Message, plan: Plan) -> Plan:
    """The same, told with the pictures that came with the words."""
    count = len(images_of(asked))
    if not count:
        return plan
    return replace(plan, text=f"I see {count} image{'s' if count > 1 else ''}. {plan.text}")


def _calls(words: str, prompt: Prompt) -> tuple[CallDelta, ...]:
    """The calls that the words ask for, or that `tool_choice` demands."""
    match prompt.tool_choice:
        case ToolChoiceFunction(name=name):
            forced = name
        case "required" if prompt.tools:
            forced = prompt.tools[0].name or ""
        case _:
            forced = ""
    wanted = _asked_calls(words) or ([(forced, "{}")] if forced else [])
    if not prompt.parallel_tool_calls:
        wanted = wanted[:1]
    return tuple(CallDelta(n, name, arguments, f"call_tone_{n}") for n, (name, arguments) in enumerate(wanted))


def _asked_calls(words: str) -> list[tuple[str, str]]:
    """Every `call NAME {JSON}` of a text that is nothing else; the JSON may be left out."""
    calls: list[tuple[str, str]] = []
    at = 0
    while found := _CALL.match(words, at):
        at = found.end()
        arguments = "{}"
        if words.startswith("{", at):
            try:
                _, end = json.JSONDecoder().raw_decode(words, at)
            except json.JSONDecodeError:
                return []
            arguments, at = words[at:end], end
        calls.append((found[1], arguments))
        at += len(words[at:]) - len(words[at:].lstrip())
    return calls if at == len(words) else []


def _numbers(n: int) -> str:
    return " ".join(str(number) for number in range(1, n + 1))


def _words(prompt: Prompt) -> list[str]:
    return " ".join([prompt.instructions, *(text_of(item) for item in prompt.items)]).split()
