"""What a new session is told, so that a conversation can go on in it: items, as far as they were heard.

Not everything can be told again. Audio comes back as its words; an answer as text, cut where the caller stopped
hearing it; images, MCP items, speech that nobody wrote down and calls without an output stay behind.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, cast

from antiphon.client.conversation import Conversation
from antiphon.client.views import ItemView
from antiphon.protocol.items import FunctionCall, FunctionCallOutput, InputText, Item, Message, OutputText


@dataclass(frozen=True, slots=True)
class History:
    """A conversation to be told again."""

    items: tuple[Item, ...]
    """In their order, under the ids that they had."""
    left_out: tuple[str, ...]
    """Ids of items that are lost."""


def history(view: Conversation) -> History:
    """What is left of a conversation whose session has ended."""
    answered = {item.call_id for item in view.items if item.kind == "function_call_output"}
    called = {item.call_id for item in view.items if item.kind == "function_call" and item.status != "incomplete"}
    items = tuple(_told(view, answered & called))
    told = {item.id for item in items}
    return History(items, tuple(item.id for item in view.items if item.id not in told))


def break_off(view: Conversation, kept: History) -> None:
    """Bring the view to where the new session begins: nothing runs, and it holds what is told again, as it is told."""
    view.speaking = None
    for response in view.active:
        response.status, response.reason = "failed", "connection_lost"
    for item_id in kept.left_out:
        view.remove(item_id)
    for item in view.items:
        item.texts = {0: heard_text(item)} if item.kind == "message" else {}
        item.audio, item.audio_bytes, item.cut_ms = {}, 0, None


def heard_text(item: ItemView) -> str:
    """The words of an answer up to its cut: as many, in proportion, as of its sound were heard."""
    if item.cut_ms is None:
        return item.text
    made_ms = item.audio_bytes // item.bytes_per_ms
    words = item.text.split(" ")
    return " ".join(words[: len(words) * item.cut_ms // made_ms]) if made_ms > item.cut_ms else item.text


def _told(view: Conversation, calls: set[str]) -> Iterator[Item]:
    for item in view.items:
        match item.kind:
            case "message":
                text = heard_text(item) if item.role == "assistant" else item.text
                if text.strip():
                    yield _message(item, text)
            case "function_call" if item.call_id in calls:
                yield FunctionCall(id=item.id, call_id=item.call_id, name=item.name, arguments=item.arguments)
            case "function_call_output" if item.call_id in calls:
                yield FunctionCallOutput(id=item.id, call_id=item.call_id, output=item.output)


def _message(item: ItemView, text: str) -> Message:
    role = cast("Literal['system', 'user', 'assistant']", item.role or "user")
    part = OutputText(text=text) if role == "assistant" else InputText(text=text)
    return Message(id=item.id, role=role, content=(part,))
