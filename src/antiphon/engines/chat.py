"""A prompt as the messages of a chat completion, as every chat model and endpoint takes them.

GA keeps a call and its output apart, with anything in between; a chat wants all calls of one turn in one
message and their outputs right behind it. So an output moves to its call, a call without output gets a note
instead, and an output without a call is left out.
"""

from typing import Any, TypeAlias

from antiphon.engines.prompts import given_by, images_of, said
from antiphon.ports import Prompt
from antiphon.protocol.items import FunctionCall, FunctionCallOutput, InputImage, Item, McpCall, Message
from antiphon.protocol.session import FunctionTool

ChatMessage: TypeAlias = dict[str, Any]

NO_OUTPUT_YET = "(no result yet)"
_NO_PARAMETERS = {"type": "object", "properties": {}}


def messages_of(prompt: Prompt, *, sees_images: bool = False) -> list[ChatMessage]:
    """The instructions and the items as chat messages; what has no words (and no picture) is left out."""
    outputs = {item.call_id: item.output for item in prompt.items if isinstance(item, FunctionCallOutput)}
    messages: list[ChatMessage] = []
    if prompt.instructions:
        messages.append({"role": "system", "content": prompt.instructions})
    answers: list[ChatMessage] = []  # outputs of the calls in the last message
    for n, item in enumerate(prompt.items):
        if isinstance(item, FunctionCallOutput):
            messages += answers  # a call after this one knew the output: it is a turn of its own
            answers = []
        elif called := _call_of(item, outputs, n):
            call, output = called
            _add_call(messages, answers, call)
            answers.append({"role": "tool", "tool_call_id": call["id"], "content": output})
        elif isinstance(item, Message) and (message := _message_of(item, sees_images)):
            messages += answers
            answers = []
            _add(messages, message)
    return messages + answers


def tools_of(prompt: Prompt) -> list[dict[str, Any]]:
    """The functions that may be called, as a chat completion lists them."""
    return [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": tool.description or "",
                "parameters": tool.parameters or _NO_PARAMETERS,
            },
        }
        for tool in callable_tools(prompt)
    ]


def callable_tools(prompt: Prompt) -> tuple[FunctionTool, ...]:
    """The tools that have a name, unless calling is forbidden."""
    return () if prompt.tool_choice == "none" else tuple(tool for tool in prompt.tools if tool.name)


def _add(messages: list[ChatMessage], message: ChatMessage) -> None:
    """Append, but as one message with the last where both are words of the same role: many models insist on it."""
    last = messages[-1] if messages else {}
    same = last.get("role") == message["role"] and message["role"] != "tool" and "tool_calls" not in last
    if same and isinstance(last["content"], str) and isinstance(message["content"], str):
        last["content"] += "\n" + message["content"]
    else:
        messages.append(message)


def _add_call(messages: list[ChatMessage], answers: list[ChatMessage], call: dict[str, Any]) -> None:
    """Put the call into the assistant's last message, or into one of its own."""
    last = messages[-1] if messages else {}
    if last.get("role") != "assistant" or ("tool_calls" in last and not answers):
        last = {"role": "assistant", "content": None}
        messages.append(last)
    last.setdefault("tool_calls", []).append(call)


def _call_of(item: Item, outputs: dict[str, str], n: int) -> tuple[dict[str, Any], str] | None:
    """A call as chat has it, and its output."""
    match item:
        case FunctionCall():
            call_id = item.call_id or f"call_{n}"
            output = outputs.get(call_id, NO_OUTPUT_YET)
        case McpCall():
            call_id = item.id
            given = given_by(item)
            output = NO_OUTPUT_YET if given is None else given
        case _:
            return None
    function = {"name": item.name, "arguments": item.arguments or "{}"}
    return {"id": call_id, "type": "function", "function": function}, output


def _message_of(message: Message, sees_images: bool) -> ChatMessage | None:
    words = said(message)
    images = images_of(message) if sees_images else ()
    if not images:
        return {"role": message.role, "content": words} if words else None
    parts: list[dict[str, Any]] = [{"type": "text", "text": words}] if words else []
    return {"role": message.role, "content": parts + [_image_part(image) for image in images]}


def _image_part(image: InputImage) -> dict[str, Any]:
    shown = {"url": image.image_url}
    if image.detail:
        shown["detail"] = image.detail
    return {"type": "image_url", "image_url": shown}
