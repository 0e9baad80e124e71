"""Rules of the conversation: order, content, and what is kept and shown of each item."""

import pytest
from corescript import Ids

from antiphon.protocol.items import (
    FunctionCall,
    FunctionCallOutput,
    InputAudio,
    InputImage,
    InputText,
    Item,
    McpApprovalResponse,
    McpCall,
    McpListedTool,
    McpListTools,
    McpToolExecutionError,
    Message,
    OutputAudio,
    OutputText,
)
from antiphon.protocol.wire import UNSET
from antiphon.session.conversation import MAX_GONE_ITEMS, MAX_KEPT_AUDIO_BYTES, Conversation, Entry, entry_of
from antiphon.session.drafts import turn_entry
from antiphon.session.playback import Speech


def text(item_id: str) -> Entry:
    return Entry(Message(id=item_id, role="user", content=(InputText(text=item_id),)))


def spoken(item_id: str = "item_1", ms: int = 100, status: str = "completed") -> Entry:
    """An answer of 100 ms: "Good day."."""
    speech = Speech()
    speech.transcript = "Good day."
    speech.add(bytes(48 * ms), (0, 9))
    content = (OutputAudio(transcript="Good day."),) if status == "completed" else ()
    item = Message(id=item_id, status=status, role="assistant", content=content)  # type: ignore[arg-type]  # one of three
    return Entry(item, speech=speech)


def talk(*ids: str) -> Conversation:
    conversation = Conversation("conv_1")
    for item_id in ids:
        conversation.add(text(item_id))
    return conversation


def order(conversation: Conversation) -> list[str]:
    return [entry.id for entry in conversation]


# Order


@pytest.mark.parametrize(
    ("after", "ids"), [(None, "abcx"), ("", "abcx"), ("root", "xabc"), ("a", "axbc"), ("c", "abcx")]
)
def test_where_an_item_goes(after: str | None, ids: str) -> None:
    """At the end, first, or after another."""
    conversation = talk("a", "b", "c")
    conversation.add(text("x"), after)

    assert order(conversation) == list(ids)


def test_who_is_in_front() -> None:
    """Nobody at the head, nor of what is not here; the chain closes over a gap."""
    conversation = talk("a", "b", "c")
    assert [conversation.previous_of(i) for i in "abcx"] == [None, "a", "b", None]
    conversation.delete("b")

    assert [conversation.previous_of(i) for i in "abc"] == [None, None, "a"]
    assert (conversation.last_id, Conversation("conv_2").last_id) == ("c", None)


def test_an_id_that_is_taken_twice() -> None:
    """The id means the newer item; the older one stays in its place, and goes by the same id in what is told."""
    conversation = talk("a", "b")
    older, newer, newest = conversation.get("b"), text("b"), text("b")
    conversation.add(newer)
    conversation.add(newest, "b")

    assert list(conversation)[1:] == [older, newer, newest]
    assert conversation.get("b") is newest
    assert (conversation.previous_of("b"), conversation.last_id) == ("b", "b")
    assert conversation.delete("b")
    assert (order(conversation), "b" in conversation, conversation.last_id) == (["a", "b", "b"], False, "b")


def test_an_id_that_is_taken_again_and_again() -> None:
    """However the conversation grows and shrinks meanwhile, every older item stays what it is."""
    conversation = talk("y", "x")
    entries = [entry for entry in conversation if entry.id == "x"]
    for _ in range(3):
        entries.append(text("x"))
        conversation.add(entries[-1])
        conversation.delete("y")

    assert list(conversation) == entries


@pytest.mark.parametrize(
    ("item", "is_settled"),
    [
        (McpCall(id="x", server_label="s", name="f", arguments="{}", output=None, error=None), False),
        (McpCall(id="x", server_label="s", name="f", arguments="{}", output=""), True),
        (McpCall(id="x", server_label="s", name="f", arguments="{}", error=McpToolExecutionError(message="")), True),
        (McpListTools(id="x", server_label="s", tools=()), False),
        (McpListTools(id="x", server_label="s", tools=(McpListedTool(name="f", input_schema={}),)), True),
        (FunctionCall(id="x", name="f", arguments="{}"), True),
        (FunctionCall(id="x", name="f", arguments="{}", status="in_progress"), False),
    ],
)
def test_what_is_still_being_made(item: Item, *, is_settled: bool) -> None:
    """Items of MCP have no status: they are settled when there is something in them."""
    assert Entry(item).is_settled == is_settled


@pytest.mark.parametrize(("status", "is_refused"), [("completed", False), ("in_progress", True)])
def test_whether_an_id_may_be_taken_twice(status: str, *, is_refused: bool) -> None:
    """Where the operator allows it, unless the older item is still being made."""
    conversation = Conversation("conv_1")
    conversation.add(spoken(status=status))
    item = text("item_1").item

    refusal = conversation.refusal(item, None, sees_images=False, takes_duplicates=True)
    assert (refusal is not None) == is_refused
    assert conversation.refusal(item, None, sees_images=False) is not None


def test_the_id_of_a_deleted_item() -> None:
    """Is free again, unless a response is still making it."""
    conversation = talk("a")
    conversation.add(spoken("b", status="in_progress"))
    conversation.delete("a")
    conversation.delete("b")

    assert conversation.refusal(text("a").item, None, sees_images=False) is None
    assert conversation.refusal(text("b").item, None, sees_images=False) is not None


def test_what_was_deleted_is_known_for_a_while() -> None:
    """A response may refer to it, without its audio; up to a bound."""
    conversation = talk()
    conversation.add(turn_entry("item_0", pcm=b"\1\2"))
    assert conversation.delete("item_0")
    assert not conversation.delete("item_0")
    assert "item_0" not in conversation
    assert conversation.get("item_0") is None
    gone = conversation.known("item_0")
    assert gone is not None
    assert (gone.pcm, gone.words) == (b"", "")

    for number in range(MAX_GONE_ITEMS):
        conversation.add(text(str(number)))
        conversation.delete(str(number))
    assert conversation.known("item_0") is None
    assert conversation.known("0") is not None


# What is kept


def test_the_oldest_audio_goes_first() -> None:
    """Beyond the bound of a session; items, words and newer audio stay."""
    half = bytes(MAX_KEPT_AUDIO_BYTES // 2)
    conversation = Conversation("conv_1")
    entries = [turn_entry("a", words="Old.", pcm=half), turn_entry("b", pcm=half), text("c")]
    for entry in entries:
        conversation.add(entry)
    conversation.let_go()
    assert [len(entry.pcm) for entry in entries] == [len(half), len(half), 0]

    conversation.add(spoken("d"))
    conversation.let_go()
    assert [len(entry.pcm) for entry in entries] == [0, len(half), 0]
    assert entries[0].words == "Old."

    alone = Conversation("conv_2")
    alone.add(turn_entry("e", pcm=bytes(MAX_KEPT_AUDIO_BYTES + 2)))
    alone.let_go()
    assert [entry.pcm for entry in alone] == [b""]


def test_words_that_nobody_asked_for_in_time_are_never_known() -> None:
    """Without its audio an item cannot be heard; it needs no words any more."""
    entry = turn_entry("a", pcm=b"\1\2")
    entry.let_go()
    assert (entry.words, entry.needs_words) == ("", False)

    answer = spoken()
    answer.let_go()
    assert answer.kept_bytes == 0
    assert answer.retrieved() == answer.item


# What is shown


def test_retrieved_with_audio() -> None:
    """The caller's and the answer's; the rest as it is."""
    assert turn_entry("a", pcm=b"\1\2").retrieved().content == (  # type: ignore[union-attr]  # a message
        InputAudio(audio=b"\1\2", transcript=None),
    )
    assert spoken().retrieved().content == (  # type: ignore[union-attr]  # a message
        OutputAudio(audio=bytes(4800), transcript="Good day."),
    )
    assert text("a").retrieved() == text("a").item
    call = Entry(FunctionCall(id="c", name="f", arguments="{}"))
    assert call.retrieved() is call.item
    assert call.for_model(hears_audio=True) is call.item


def test_shown_to_a_model() -> None:
    """One that reads gets words, one that hears gets both; the client's own transcript is not given to it."""
    entry = Entry(
        Message(id="a", role="user", content=(InputText(text="This:"), InputAudio(transcript="client's"))),
        pcm=b"\1\2",
        words="ours",
    )

    assert entry.for_model(hears_audio=False).content == (  # type: ignore[union-attr]  # a message
        InputText(text="This:"),
        InputAudio(transcript="ours"),
    )
    assert entry.for_model(hears_audio=True).content == (  # type: ignore[union-attr]  # a message
        InputText(text="This:"),
        InputAudio(audio=b"\1\2", transcript="ours"),
    )


def test_cut_to_what_was_heard() -> None:
    """The wire loses the transcript, the model keeps the words that were heard; also when the item is done later."""
    entry = spoken()
    assert entry.truncate(60) is None
    assert entry.item.content == (OutputAudio(transcript=""),)  # type: ignore[union-attr]  # a message
    assert entry.for_model(hears_audio=False).content == (OutputAudio(transcript="Good"),)  # type: ignore[union-attr]

    growing = spoken(status="in_progress")
    assert growing.truncate(60) is None
    assert growing.item.content == ()  # type: ignore[union-attr]  # a message
    growing.finish(spoken().item)
    assert growing.item.content == (OutputAudio(transcript=""),)  # type: ignore[union-attr]  # a message


def test_what_cannot_be_cut() -> None:
    """What has no sound, or less of it."""
    assert (error := text("a").truncate(0)) is not None
    assert error.message == "Only model output audio messages can be truncated"
    silent = spoken(ms=0)
    assert silent.truncate(0) is not None
    assert (error := spoken().truncate(101)) is not None
    assert error.message == "Audio content of 100ms is already shorter than 101ms"


def test_what_is_done_whole_stays_whole() -> None:
    """Without a cut, the final item is the item; of other kinds too."""
    entry = spoken(status="in_progress")
    entry.finish(spoken().item)
    assert entry.item == spoken().item

    cut = Entry(FunctionCall(id="c", name="f", arguments="{}"), heard="")
    cut.finish(cut.item)
    assert isinstance(cut.item, FunctionCall)


# What a client sends


def refusal(item: Item, after: str | None = None, *, sees_images: bool = False) -> tuple[str | None, str | None]:
    conversation = talk("a")
    conversation.add(Entry(FunctionCall(id="b", call_id="call_b", name="f", arguments="{}")))
    error = conversation.refusal(item, after, sees_images=sees_images)
    return (None, None) if error is None else (error.code, error.param)


IMAGE = Message(role="user", content=(InputImage(image_url="data:"),))


@pytest.mark.parametrize(
    ("item", "code", "param"),
    [
        (text("x").item, None, None),
        (text("a").item, "item_create_duplicate_item_id", None),
        (Message(role="user", content=()), None, None),
        (Message(role="user", content=(InputAudio(audio=b"\1\2"),)), None, None),
        (
            Message(role="user", content=(InputText(text=""), InputAudio(audio=b""))),
            "missing_required_parameter",
            "item.content[1].audio",
        ),
        (IMAGE, "invalid_value", "item.content[0].type"),
        (Message(role="assistant", content=(OutputText(text="I said."),)), None, None),
        (
            Message(role="assistant", content=(OutputAudio(transcript="x"),)),
            "missing_required_parameter",
            "item.content[0].text",
        ),
        (Message(role="user", content=(OutputAudio(transcript="x"),)), "invalid_value", "item.content[0].type"),
        (Message(role="system", content=(InputAudio(audio=b"\1\2"),)), "invalid_value", "item.content[0].type"),
        (FunctionCall(name="f", arguments="{}"), None, None),
        (FunctionCallOutput(call_id="call_b", output=""), None, None),
        (FunctionCallOutput(call_id="call_x", output=""), "invalid_tool_call_id", None),
    ],
)
def test_what_may_be_added(item: Item, code: str | None, param: str | None) -> None:
    """Each role has its own content; an id is used once; an output needs its call."""
    assert refusal(item) == (code, param)


def test_the_place_has_to_be_there() -> None:
    """An id that is here, or `root`."""
    assert refusal(text("x").item, "nobody")[0] == "item_create_invalid_previous_item_id"
    assert refusal(text("x").item, "root") == refusal(text("x").item, "a") == (None, None)


def test_a_model_that_sees() -> None:
    """Images are refused only where they are of no use."""
    assert refusal(IMAGE, sees_images=True) == (None, None)


def test_a_clients_item_as_it_enters() -> None:
    """Named and completed; its audio set apart, its own transcript kept."""
    item = Message(
        status="incomplete", role="user", content=(InputAudio(audio=b"abcd", transcript="mine"), InputAudio(audio=b""))
    )
    entry = entry_of(item, Ids(), bytes.upper)

    assert entry.item == Message(
        id="item_1",
        status="completed",
        role="user",
        content=(InputAudio(transcript="mine"), InputAudio(transcript=None)),
    )
    assert entry.pcm == b"ABCD"


@pytest.mark.parametrize(
    ("item", "entered"),
    [
        (
            FunctionCall(name="f", arguments="{}"),
            FunctionCall(id="item_1", status="completed", call_id="call_1", name="f", arguments="{}"),
        ),
        (
            FunctionCall(id="x", call_id="call_x", name="f", arguments="{}"),
            FunctionCall(id="x", status="completed", call_id="call_x", name="f", arguments="{}"),
        ),
        (
            FunctionCallOutput(call_id="call_x", output="42"),
            FunctionCallOutput(id="item_1", status="completed", call_id="call_x", output="42"),
        ),
        (
            McpApprovalResponse(id="x", approval_request_id="r", approve=True),
            McpApprovalResponse(id="x", approval_request_id="r", approve=True),
        ),
    ],
)
def test_other_items_as_they_enter(item: Item, entered: Item) -> None:
    """A call without an id gets one; what has no status gets none."""
    assert entry_of(item, Ids(), bytes).item == entered
    assert getattr(item, "id", UNSET) in (UNSET, "x")
