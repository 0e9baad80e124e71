"""Scripts of sessions with several links, and of their end."""

from corelines import lines, told
from corescript import LOUD, TEXT, new_session, play, typed, writes

from antiphon.protocol import errors
from antiphon.protocol.client_events import (
    ConversationItemRetrieve,
    InputAudioBufferCommit,
    ResponseCancel,
    ResponseCreate,
)
from antiphon.session.inputs import Heard, Joined, Left, Received, Refused, Tick


def test_each_link_is_greeted() -> None:
    """`session.created` goes to the one that joins; the session has one id and one end for all."""
    session = new_session(lifetime_s=60)

    assert told(play(session, Joined("link_2"), at=30.0)) == lines("session.created sess_1 -> link_2")
    assert session.deadline == 60.0


def test_a_mistake_is_told_to_who_made_it() -> None:
    """Errors go to their origin alone, with its own name of the event; what happens goes to every link."""
    session = new_session(TEXT)
    play(session, Joined("link_2"))

    assert told(
        play(
            session,
            Received("link_2", ResponseCancel(event_id="two")),
            Received("link_1", ConversationItemRetrieve(item_id="item_9", event_id="one")),
            Received("link_2", InputAudioBufferCommit()),
            Refused("link_2", errors.binary_frame()),
            Received("link_2", typed("Hello")),
            Received("link_1", ResponseCreate()),
        )
    ) == lines("""
        error                     response_cancel_not_active two -> link_2
        error                     item_retrieve_invalid_item_id one -> link_1
        error                     input_audio_buffer_commit_empty -> link_2
        error                     invalid_event -> link_2
        conversation.item.added   first item_1 user completed input_text "Hello"
        conversation.item.done    first item_1 user completed input_text "Hello"
        response.created          resp_1 in_progress
        Respond                   resp_1
    """)


def test_a_link_may_leave() -> None:
    """The session lives on, and the answer too."""
    session = new_session(TEXT)
    play(session, Joined("link_2"), ResponseCreate())

    assert play(session, Left("link_1")) == []
    assert told(play(session, writes("resp_1", "Hello")))[-1] == 'response.output_text.delta resp_1 item_1 #0 "Hello"'


def test_any_link_may_bring_audio() -> None:
    """A sideband's append is the session's audio like any other."""
    session = new_session()
    play(session, Joined("link_2"))

    heard = session.append_of(LOUD, "link_2")
    assert isinstance(heard, Heard)
    assert told(play(session, heard))[0] == "input_audio_buffer.speech_started 0ms item_1"


def test_a_session_ends_at_its_hour() -> None:
    """Protocol 8.14: the error to all, then the close with the same sentence; once."""
    session = new_session()

    assert session.deadline == 3600.0
    assert play(session, Tick(), at=3599.9) == []
    assert told(play(session, Tick(), at=3600.0)) == lines("""
        error   session_expired
        Close   1001 "Your session hit the maximum duration of 60 minutes."
    """)
    assert play(session, Tick(), at=3601.0) == []
    assert session.deadline is None


def test_an_operator_may_set_no_end() -> None:
    """Then nothing is due, and the wire shows an end a year away."""
    session = new_session(lifetime_s=None, created_at=1000)

    assert session.deadline is None
    (created,) = session.handle(Joined("link_2"), 1e9)
    assert created.event.session.expires_at == 1000 + 365 * 24 * 3600  # type: ignore[union-attr]  # a `Send`
    assert play(session, Tick(), at=1e9) == []
