"""Scripts of typed conversations: the order of events, and the order of items."""

from corelines import lines, told
from corescript import TEXT, context, finishes, new_session, play, refused, typed, writes

from antiphon.ports import Ending
from antiphon.protocol.client_events import (
    ConversationItemCreate,
    ConversationItemDelete,
    ConversationItemRetrieve,
    ResponseCreate,
)
from antiphon.protocol.items import Message, OutputText
from antiphon.session.inputs import Produced


def test_a_written_question_gets_a_written_answer() -> None:
    """Protocol 8.2: each event in its place, the user's item first."""
    session = new_session(TEXT)

    assert told(play(session, typed("Hello"), ResponseCreate())) == lines("""
        conversation.item.added     first item_1 user completed input_text "Hello"
        conversation.item.done      first item_1 user completed input_text "Hello"
        response.created            resp_1 in_progress
        Respond                     resp_1
    """)
    assert told(play(session, writes("resp_1", "Good ", "day."), finishes("resp_1"))) == lines("""
        response.output_item.added    resp_1 #0 item_2 assistant in_progress
        conversation.item.added       after item_1 item_2 assistant in_progress
        response.content_part.added   resp_1 item_2 #0 text ""
        response.output_text.delta    resp_1 item_2 #0 "Good "
        response.output_text.delta    resp_1 item_2 #0 "day."
        response.output_text.done     resp_1 item_2 #0 "Good day."
        response.content_part.done    resp_1 item_2 #0 text "Good day."
        conversation.item.done        after item_1 item_2 assistant completed output_text "Good day."
        response.output_item.done     resp_1 #0 item_2 assistant completed output_text "Good day."
        response.done                 resp_1 completed [item_2 assistant completed output_text "Good day."]
    """)


def test_the_second_turn_knows_the_first() -> None:
    """The model is given the whole conversation, answers included."""
    session = new_session(TEXT)
    play(session, typed("I am Ada."), ResponseCreate(), writes("resp_1", "Hello Ada."), finishes("resp_1"))

    assert context(play(session, typed("Who am I?"), ResponseCreate())) == lines("""
        item_1 user completed input_text "I am Ada."
        item_2 assistant completed output_text "Hello Ada."
        item_3 user completed input_text "Who am I?"
    """)


def test_an_answer_can_have_nothing_to_say() -> None:
    """An engine that ends at once makes a response without output."""
    session = new_session(TEXT)
    play(session, ResponseCreate())

    assert told(play(session, finishes("resp_1"))) == lines("response.done resp_1 completed")


def test_an_answer_that_grows_too_long_is_incomplete() -> None:
    """Section 7: `incomplete` and the reason, for the response; its last item is incomplete too."""
    session = new_session(TEXT)
    play(session, ResponseCreate(), writes("resp_1", "Once upon"))

    ending = Produced("resp_1", Ending("max_output_tokens"))
    assert told(play(session, ending, finishes("resp_1"))) == lines("""
        response.output_text.done    resp_1 item_1 #0 "Once upon"
        response.content_part.done   resp_1 item_1 #0 text "Once upon"
        conversation.item.done       first item_1 assistant incomplete output_text "Once upon"
        response.output_item.done    resp_1 #0 item_1 assistant incomplete output_text "Once upon"
        response.done                resp_1 incomplete max_output_tokens
                                     [item_1 assistant incomplete output_text "Once upon"]
    """)


def test_items_find_their_place() -> None:
    """Section 6: at the end, first (`root`, told as null), or after an item; the chain closes over a deleted one."""
    session = new_session(TEXT)

    assert told(
        play(
            session,
            typed("one"),
            typed("two", previous_item_id=None),
            typed("three", previous_item_id=""),
            typed("zero", "system", previous_item_id="root"),
            typed("one and a half", previous_item_id="item_1"),
            ConversationItemDelete(item_id="item_2"),
            typed("after all"),
        )
    ) == lines("""
        conversation.item.added     first item_1 user completed input_text "one"
        conversation.item.done      first item_1 user completed input_text "one"
        conversation.item.added     after item_1 item_2 user completed input_text "two"
        conversation.item.done      after item_1 item_2 user completed input_text "two"
        conversation.item.added     after item_2 item_3 user completed input_text "three"
        conversation.item.done      after item_2 item_3 user completed input_text "three"
        conversation.item.added     first item_4 system completed input_text "zero"
        conversation.item.done      first item_4 system completed input_text "zero"
        conversation.item.added     after item_1 item_5 user completed input_text "one and a half"
        conversation.item.done      after item_1 item_5 user completed input_text "one and a half"
        conversation.item.deleted   item_2
        conversation.item.added     after item_3 item_6 user completed input_text "after all"
        conversation.item.done      after item_3 item_6 user completed input_text "after all"
    """)
    assert context(play(session, ResponseCreate())) == lines("""
        item_4 system completed input_text "zero"
        item_1 user completed input_text "one"
        item_5 user completed input_text "one and a half"
        item_3 user completed input_text "three"
        item_6 user completed input_text "after all"
    """)


def test_a_client_may_name_its_items() -> None:
    """An id and a status of the client's come back, the status as `completed`; the id is then taken."""
    session = new_session(TEXT)
    item = Message(id="mine", status="incomplete", role="assistant", content=(OutputText(text="I said this."),))

    assert told(play(session, ConversationItemCreate(item=item), ConversationItemRetrieve(item_id="mine"))) == lines("""
        conversation.item.added       first mine assistant completed output_text "I said this."
        conversation.item.done        first mine assistant completed output_text "I said this."
        conversation.item.retrieved   mine assistant completed output_text "I said this."
    """)
    assert refused(play(session, typed("again", id="mine"))).code == "item_create_duplicate_item_id"


def test_a_deleted_item_is_gone_from_the_answer_that_was_being_written() -> None:
    """Deleting a running answer's item takes it out of the conversation; the response still ends in order."""
    session = new_session(TEXT)
    play(session, typed("Hello"), ResponseCreate(), writes("resp_1", "Good "))

    assert told(play(session, ConversationItemDelete(item_id="item_2"), writes("resp_1", "day."))) == lines("""
        conversation.item.deleted    item_2
        response.output_text.delta   resp_1 item_2 #0 "day."
    """)
    assert told(play(session, finishes("resp_1")))[-1:] == lines("""
        response.done resp_1 completed [item_2 assistant completed output_text "Good day."]
    """)
    assert context(play(session, ResponseCreate())) == lines('item_1 user completed input_text "Hello"')
