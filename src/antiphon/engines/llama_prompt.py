"""The request that a prompt becomes, and what is left out when it is too long."""

import json
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from antiphon.engines.chat import ChatMessage, callable_tools, messages_of, tools_of
from antiphon.engines.llama_presets import Preset
from antiphon.engines.prompts import text_of
from antiphon.ports import Prompt
from antiphon.protocol.items import Item, Message
from antiphon.protocol.session import ToolChoiceFunction

REMEMBERED_SESSIONS = 1024
"""Sessions of which is known what they have lost."""
KEPT_SHARE = 0.6
"""When items must go, so many go that this share of the context is left: the rest is read anew, so not every turn."""
THINKING = frozenset({"low", "medium", "high", "xhigh"})
"""Efforts at which a model that can think aloud may do so; else the caller would wait in silence."""

_TOOLS = """You can call functions. They are listed here, one a line:
<tools>
{tools}
</tools>
To call one, answer with nothing but
<tool_call>
{{"name": "its name", "arguments": {{"its": "arguments"}}}}
</tool_call>"""


def request_of(prompt: Prompt, preset: Preset, *, has_tools: bool) -> dict[str, Any]:
    """A chat completion request for llama.cpp, with usage and progress in every chunk."""
    temperature = prompt.temperature if preset.temperature is None else preset.temperature
    request: dict[str, Any] = {
        "messages": messages_of(prompt),
        "stream": True,
        "return_progress": True,
        "timings_per_token": True,
        "chat_template_kwargs": {"enable_thinking": prompt.reasoning_effort in THINKING},
    }
    if temperature is not None:
        request["temperature"] = temperature
    if prompt.max_output_tokens is not None:
        request["max_tokens"] = prompt.max_output_tokens
    if tools := tools_of(prompt):
        _show_tools(request, tools, has_tools=has_tools)
        if schema := _forced(prompt, tools):
            request["response_format"] = {"type": "json_schema", "json_schema": {"name": "call", "schema": schema}}
    return request


def is_forced(prompt: Prompt) -> bool:
    """Whether the answer must be a call."""
    return bool(callable_tools(prompt)) and _choices(prompt) is not None


def warming(request: dict[str, Any]) -> dict[str, Any]:
    """The same request for its prompt alone, left open where the caller's words may go on."""
    return {**request, "max_tokens": 0, "add_generation_prompt": False}


def _show_tools(request: dict[str, Any], tools: list[dict[str, Any]], *, has_tools: bool) -> None:
    """Let the model's template show the functions, or do it in its place."""
    if has_tools:
        request["tools"] = tools
        return
    listed = "\n".join(json.dumps(tool["function"], ensure_ascii=False) for tool in tools)
    messages = [_plain(message) for message in request["messages"]]
    if not messages or messages[0]["role"] != "system":
        messages.insert(0, {"role": "system", "content": ""})
    text = f"{messages[0]['content']}\n\n{_TOOLS.format(tools=listed)}".strip()
    request["messages"] = [{"role": "system", "content": text}, *messages[1:]]


def _plain(message: ChatMessage) -> ChatMessage:
    """A message about calls for a template that knows none."""
    if message["role"] == "tool":
        return {"role": "user", "content": f"<tool_response>\n{message['content']}\n</tool_response>"}
    if "tool_calls" not in message:
        return message
    calls = [f"<tool_call>\n{_written(call['function'])}\n</tool_call>" for call in message["tool_calls"]]
    return {"role": "assistant", "content": "\n".join([*filter(None, [message["content"]]), *calls])}


def _written(function: dict[str, str]) -> str:
    return f'{{"name": {json.dumps(function["name"])}, "arguments": {function["arguments"]}}}'


def _choices(prompt: Prompt) -> tuple[str, ...] | None:
    """Which functions must be called; None: the model is free. A name that is no tool leaves it free."""
    names = tuple(str(tool.name) for tool in callable_tools(prompt))
    match prompt.tool_choice:
        case "required":
            return names
        case ToolChoiceFunction(name=name) if name in names:
            return (name,)
        case _:
            return None


def _forced(prompt: Prompt, tools: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The JSON schema that an answer must keep to, so that it is a call."""
    names = _choices(prompt)
    if names is None:
        return None
    calls = [
        {
            "type": "object",
            "properties": {"name": {"const": function["name"]}, "arguments": function["parameters"]},
            "required": ["name", "arguments"],
            "additionalProperties": False,
        }
        for function in (tool["function"] for tool in tools)
        if function["name"] in names
    ]
    return calls[0] if len(calls) == 1 else {"anyOf": calls}


class Windows:
    """Which items of each session are left out, the oldest first, so that its prompt fits.

    What was left out stays out: otherwise every turn would begin with another item, and all of it be read anew.
    """

    def __init__(self, count: Callable[[str], int]) -> None:
        self._count = count
        self._first: OrderedDict[str, str] = OrderedDict()
        """The id of the first item that a session has kept."""

    def cut(self, prompt: Prompt) -> Prompt:
        """The prompt without what its session has lost before."""
        first = self._first.get(prompt.session_id)
        places = [n for n, item in enumerate(prompt.items) if first and item.id == first]
        return replace(prompt, items=prompt.items[places[0] :]) if places else prompt

    def shorten(self, prompt: Prompt, tokens: int, room: int) -> Prompt | None:
        """The prompt, that has `tokens`, cut to well below `room`; None if nothing can go.

        The caller's last message stays, and what came after it.
        """
        weights = [self._weight(item) for item in prompt.items]
        scale = tokens / max(1, sum(weights) + self._count(prompt.instructions))
        too_many = tokens - KEPT_SHARE * room
        drop = 0
        while drop < _droppable(prompt.items) and (too_many > 0 or drop == 0):
            too_many -= weights[drop] * scale
            drop += 1
        if drop == 0:
            return None
        self._remember(prompt.session_id, prompt.items[drop])
        return replace(prompt, items=prompt.items[drop:])

    def _weight(self, item: Item) -> int:
        return self._count(text_of(item)) + 4

    def _remember(self, session_id: str, item: Item) -> None:
        if item.id:
            self._first[session_id] = item.id
            self._first.move_to_end(session_id)
        if len(self._first) > REMEMBERED_SESSIONS:
            self._first.popitem(last=False)


def _droppable(items: tuple[Item, ...]) -> int:
    """How many of the first items may go: all before the caller's last message, or before the last item."""
    asked = [n for n, item in enumerate(items) if isinstance(item, Message) and item.role == "user"]
    return asked[-1] if asked else max(0, len(items) - 1)
