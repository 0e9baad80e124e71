"""Scripts of what preview and beta can ask and GA cannot say."""

import pytest
from corelines import lines, told
from corescript import LOUD, TEXT, asked, context, finishes, names, new_session, play, refused, typed, writes

from antiphon.protocol.beyond import ResponseWishes, SessionWishes
from antiphon.protocol.client_events import (
    ConversationItemCreate,
    ConversationItemDelete,
    ResponseCancel,
    ResponseCreate,
    SessionUpdate,
)
from antiphon.protocol.items import FunctionCallOutput, InputText, Message
from antiphon.session.session import MAX_QUEUED_RESPONSES


def wish(**keys: object) -> ResponseCreate:
    return ResponseCreate(response=ResponseWishes(**keys))  # type: ignore[arg-type]  # keys of the struct


def user(text: str, **keys: str) -> Message:
    return Message(role="user", content=(InputText(text=text),), **keys)  # type: ignore[arg-type]  # an id


def test_a_response_that_takes_the_place_of_another() -> None:
    """Preview's `cancel_previous`: the running one ends in order, then the new one begins."""
    session = new_session(TEXT)
    play(session, wish(replaces=True), writes("resp_1", "One"))

    assert told(play(session, wish(replaces=True))) == lines("""
        Stop                         resp_1
        response.output_text.done    resp_1 item_1 #0 "One"
        response.content_part.done   resp_1 item_1 #0 text "One"
        conversation.item.done       first item_1 assistant incomplete output_text "One"
        response.output_item.done    resp_1 #0 item_1 assistant incomplete output_text "One"
        response.done                resp_1 cancelled client_cancelled [item_1 assistant incomplete output_text "One"]
        response.created             resp_2 in_progress
        Respond                      resp_2
    """)


def test_responses_that_wait_for_each_other() -> None:
    """Preview without `cancel_previous`: each begins when the one before has ended, and sees what it said."""
    session = new_session(TEXT)
    assert names(play(session, wish(queues=True))) == ["response.created"]
    assert play(session, wish(queues=True), wish(queues=True)) == []

    ended = play(session, writes("resp_1", "One."), finishes("resp_1"))
    assert told(ended)[-2:] == lines("""
        response.created   resp_2 in_progress
        Respond            resp_2
    """)
    assert context(ended) == lines('item_1 assistant completed output_text "One."')
    assert told(play(session, ResponseCancel()))[-2:] == lines("""
        response.created   resp_3 in_progress
        Respond            resp_3
    """)


def test_a_waiting_response_may_still_be_refused() -> None:
    """When its turn comes, its error goes to its origin; the next one in the queue begins."""
    session = new_session(TEXT)
    play(session, ResponseCreate(), wish(queues=True, output_modalities=()), wish(queues=True))

    assert told(play(session, finishes("resp_1"))) == lines("""
        response.done      resp_1 completed
        error              invalid_value response.output_modalities -> link_1
        response.created   resp_2 in_progress
        Respond            resp_2
    """)


def test_the_queue_is_bounded() -> None:
    """One more is refused like a second response of GA."""
    session = new_session(TEXT)
    play(session, [wish(queues=True)] * (MAX_QUEUED_RESPONSES + 1))

    assert refused(play(session, wish(queues=True))).code == "conversation_already_has_active_response"


def test_items_that_come_with_a_response() -> None:
    """Preview's `append_input_items` enter the conversation first, and the answer sees them."""
    session = new_session(TEXT)
    play(session, typed("one"))

    effects = play(session, wish(appends=(user("two"), user("three", id="mine"))))
    assert told(effects) == lines("""
        conversation.item.added   after item_1 item_2 user completed input_text "two"
        conversation.item.done    after item_1 item_2 user completed input_text "two"
        conversation.item.added   after item_2 mine user completed input_text "three"
        conversation.item.done    after item_2 mine user completed input_text "three"
        response.created          resp_1 in_progress
        Respond                   resp_1
    """)
    assert context(effects) == lines("""
        item_1 user completed input_text "one"
        item_2 user completed input_text "two"
        mine user completed input_text "three"
    """)


def test_items_that_cannot_come_with_a_response() -> None:
    """Ids that are taken, announced, or given twice; an output without its call. Nothing begins."""
    session = new_session(TEXT)
    play(session, typed("one"), LOUD)

    for given in (
        (user("a", id="item_1"),),
        (user("a", id="item_2"),),
        (user("a", id="twice"), user("b", id="twice")),
    ):
        assert refused(play(session, wish(appends=given))).code == "item_create_duplicate_item_id"
    output = FunctionCallOutput(call_id="call_9", output="")
    assert refused(play(session, wish(appends=(output,)))).code == "invalid_tool_call_id"


def test_a_response_that_leaves_nothing_behind() -> None:
    """Preview's `commit: false`: neither its items nor the ones it came with are in the conversation."""
    session = new_session(TEXT)

    effects = play(session, wish(discards=True, appends=(user("two"),)))
    assert told(effects) == lines("""
        response.created   resp_1 in_progress out of band
        Respond            resp_1
    """)
    assert context(effects) == lines('item_1 user completed input_text "two"')
    play(session, writes("resp_1", "Two it is."), finishes("resp_1"))
    assert context(play(session, ResponseCreate())) == []


@pytest.mark.parametrize("event", [wish(temperature=0.7), wish(temperature=0.7, queues=True)])
def test_a_temperature(event: ResponseCreate) -> None:
    """Beta's, of the session or of one response; GA never shows it."""
    session = new_session(TEXT)
    play(session, SessionUpdate(session=SessionWishes(temperature=1.1)))

    assert asked(play(session, event)).temperature == 0.7
    play(session, finishes("resp_1"))
    assert asked(play(session, ResponseCreate())).temperature == 1.1


def test_an_announced_id_is_taken() -> None:
    """The item that `speech_started` has named will come; no other may have its id."""
    session = new_session(TEXT)
    play(session, LOUD)

    assert refused(play(session, typed("mine", id="item_1"))).code == "item_create_duplicate_item_id"
    assert refused(play(session, ConversationItemDelete(item_id="item_1"))).code == "item_delete_invalid_item_id"
    assert names(play(session, ConversationItemCreate(item=user("other", id="item_3")))) == [
        "conversation.item.added",
        "conversation.item.done",
    ]
