"""What of a conversation can be told to another session."""

from typing import Any

import pytest
from server_traces import (
    answer_begun,
    answer_ended,
    message,
    spoken_turn,
    transcribed,
)

from antiphon.client.conversation import Conversation
from antiphon.client.restoring import break_off, heard_text, history
from antiphon.client.views import ItemView
from antiphon.protocol.codec import server_event_of
from antiphon.protocol.items import FunctionCall, FunctionCallOutput, InputText, Message, OutputText


def folded(*trees: dict[str, Any]) -> Conversation:
    """The view of what a server said."""
    view = Conversation()
    for tree in trees:
        view.fold(server_event_of({"event_id": "e", **tree}))
    return view


def added(item: dict[str, Any], previous: str | None = None) -> dict[str, Any]:
    """An item enters the conversation."""
    return {"type": "conversation.item.added", "previous_item_id": previous, "item": item}


def test_a_talk_is_told_as_text() -> None:
    """Speech comes back as its words, under the ids that it had."""
    view = folded(*spoken_turn(), *transcribed(), *answer_begun(), *answer_ended())

    kept = history(view)

    assert kept.items == (
        Message(id="item_1", role="user", content=(InputText(text="Hello there."),)),
        Message(id="item_2", role="assistant", content=(OutputText(text="Good morning."),)),
    )
    assert kept.left_out == ()


def test_what_cannot_be_told_is_named() -> None:
    """Speech without words, calls without an output, outputs without a call, and what belongs to MCP."""
    system = message("item_s", "system", {"type": "input_text", "text": "Be kind."})
    mute = message("item_m", "user", {"type": "input_audio", "transcript": None})
    call = {"type": "function_call", "id": "item_c", "call_id": "call_1", "name": "f", "arguments": "{}"}
    output = {"type": "function_call_output", "id": "item_o", "call_id": "call_1", "output": "7"}
    open_call = {**call, "id": "item_x", "call_id": "call_2"}
    orphan = {**output, "id": "item_y", "call_id": "call_3"}
    listing = {"type": "mcp_list_tools", "id": "item_z", "server_label": "m", "tools": []}
    items = [system, mute, call, output, open_call, orphan, listing]
    before: list[str | None] = [None, *(str(item["id"]) for item in items)]
    view = folded(*(added(item, previous) for item, previous in zip(items, before, strict=False)))

    kept = history(view)

    assert kept.items == (
        Message(id="item_s", role="system", content=(InputText(text="Be kind."),)),
        FunctionCall(id="item_c", call_id="call_1", name="f", arguments="{}"),
        FunctionCallOutput(id="item_o", call_id="call_1", output="7"),
    )
    assert kept.left_out == ("item_m", "item_x", "item_y", "item_z")
    break_off(view, kept)
    assert [item.id for item in view.items] == ["item_s", "item_c", "item_o"]


@pytest.mark.parametrize(
    ("cut_ms", "heard"),
    [(None, "one two three four"), (1_000, "one two three four"), (500, "one two"), (499, "one"), (0, "")],
)
def test_an_answer_is_told_as_far_as_it_was_heard(cut_ms: int | None, heard: str) -> None:
    """As many words, in proportion, as of the sound; whole words."""
    item = ItemView("item_1", role="assistant", texts={0: "one two three four"}, audio_bytes=48_000, cut_ms=cut_ms)

    assert heard_text(item) == heard


def test_an_answer_of_which_nothing_was_heard_is_out() -> None:
    """The model never said it."""
    view = folded(*answer_begun(), *answer_ended())
    view.cut("item_2", 0, 0)

    assert history(view).left_out == ("item_2",)


def test_a_view_that_is_broken_off() -> None:
    """Nothing runs, nobody speaks, and a second loss does not cut what was cut."""
    view = folded(*spoken_turn()[:1], *answer_begun())
    view.cut("item_2", 0, 100)
    kept = history(view)
    break_off(view, kept)
    first = view.item("item_2").text

    assert view.active == []
    assert view.speaking is None
    assert [(response.status, response.reason) for response in view.responses.values()] == [
        ("failed", "connection_lost")
    ]
    assert history(view).items == kept.items
    assert view.item("item_2").text == first
