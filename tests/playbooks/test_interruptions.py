"""Scripts of answers that are cut short: by the client, by the caller's voice, by an engine."""

import pytest
from corelines import lines, told
from corescript import (
    LOUD,
    MANUAL,
    QUIET,
    TEXT,
    WEATHER,
    calls,
    context,
    events,
    finishes,
    hearing,
    names,
    new_session,
    play,
    recognises,
    refused,
    says,
    settled,
    silence,
    speech,
    typed,
    writes,
)

from antiphon.ports import TextDelta, Usage
from antiphon.protocol.client_events import (
    ConversationItemRetrieve,
    ConversationItemTruncate,
    ResponseCancel,
    ResponseCreate,
)
from antiphon.protocol.response import Cancelled, Failed, ResponseError
from antiphon.protocol.server_events import ResponseDone
from antiphon.protocol.session import SemanticVad, ServerVad, TurnDetection
from antiphon.session.inputs import Broke, Produced


def truncate(item_id: str, audio_end_ms: int) -> ConversationItemTruncate:
    return ConversationItemTruncate(item_id=item_id, content_index=0, audio_end_ms=audio_end_ms)


# By the client


def test_cancelled_before_the_first_item() -> None:
    """Protocol 8.7: only `response.done`, with nothing in it."""
    session = new_session(TEXT)
    play(session, typed("Hello"), ResponseCreate())

    assert told(play(session, ResponseCancel())) == lines("""
        Stop            resp_1
        response.done   resp_1 cancelled client_cancelled
    """)


def test_cancelled_in_the_middle_of_a_sentence() -> None:
    """The part and the item are closed with what there is, as `incomplete`; then the response."""
    session = new_session(TEXT)
    play(session, typed("Hello"), ResponseCreate(), writes("resp_1", "Good "))

    assert told(play(session, ResponseCancel(response_id="resp_1"))) == lines("""
        Stop                         resp_1
        response.output_text.done    resp_1 item_2 #0 "Good "
        response.content_part.done   resp_1 item_2 #0 text "Good "
        conversation.item.done       after item_1 item_2 assistant incomplete output_text "Good "
        response.output_item.done    resp_1 #0 item_2 assistant incomplete output_text "Good "
        response.done                resp_1 cancelled client_cancelled [item_2 assistant incomplete output_text "Good "]
    """)


def test_cancelled_in_the_middle_of_speech() -> None:
    """`audio.done` and `transcript.done` with the words so far come first."""
    session = new_session()
    play(session, typed("Hello"), ResponseCreate(), says("resp_1", ("Good day. ", 500)))

    assert told(play(session, ResponseCancel())) == lines("""
        Stop                                    resp_1
        response.output_audio.done              resp_1 item_2 #0
        response.output_audio_transcript.done   resp_1 item_2 #0 "Good day. "
        response.content_part.done              resp_1 item_2 #0 audio "Good day. "
        conversation.item.done                  after item_1 item_2 assistant incomplete output_audio "Good day. "
        response.output_item.done               resp_1 #0 item_2 assistant incomplete output_audio "Good day. "
        response.done                           resp_1 cancelled client_cancelled
                                                [item_2 assistant incomplete output_audio "Good day. "]
    """)


def test_cancelled_in_the_middle_of_a_function_call() -> None:
    """`arguments.done` with what exists; what was complete before stays complete."""
    session = new_session(WEATHER)
    play(session, ResponseCreate(), says("resp_1", ("I look.", 400)), calls("resp_1", "get_weather", '{"ci'))

    assert told(play(session, ResponseCancel())) == lines("""
        Stop                                     resp_1
        response.function_call_arguments.done    resp_1 #1 item_2 call_1 get_weather "{\\"ci"
        conversation.item.done
            after item_1 item_2 function_call incomplete call_1 get_weather "{\\"ci"
        response.output_item.done                resp_1 #1 item_2 function_call incomplete call_1 get_weather "{\\"ci"
        response.done                            resp_1 cancelled client_cancelled
                                                 [item_1 assistant completed output_audio "I look."]
                                                 [item_2 function_call incomplete call_1 get_weather "{\\"ci"]
    """)


def test_what_an_engine_says_after_a_cancel_reaches_nobody() -> None:
    """Late news of a response that has ended is dropped."""
    session = new_session()
    play(session, ResponseCreate(), says("resp_1", ("Good day. ", 500)), ResponseCancel())

    assert play(session, says("resp_1", ("How", 100)), finishes("resp_1"), Broke("resp_1", "Too late.")) == []


def test_a_cancelled_response_is_billed() -> None:
    """`usage` is in `response.done` in any case: what the run had cost by its last piece, and the audio so far."""
    session = new_session()
    play(session, ResponseCreate())
    play(session, says("resp_1", ("Good day. ", 500), usage=Usage(input_tokens=7, output_tokens=4)))

    (done,) = events(play(session, ResponseCancel()), ResponseDone)
    assert (done.response.usage.input_tokens, done.response.usage.output_tokens) == (7, 4 + 10)
    assert done.response.status_details == Cancelled(reason="client_cancelled")


def test_there_must_be_something_to_cancel() -> None:
    """Before, after, and by a wrong id."""
    session = new_session(TEXT)
    assert refused(play(session, ResponseCancel())).code == "response_cancel_not_active"
    play(session, ResponseCreate())
    assert refused(play(session, ResponseCancel(response_id="resp_9"))).code == "response_cancel_not_active"
    play(session, ResponseCancel())

    error = refused(play(session, ResponseCancel(event_id="mine")))
    assert (error.code, error.param, error.event_id) == ("response_cancel_not_active", None, "mine")
    assert error.message == "Cancellation failed: no active response found"


# By the caller's voice


@pytest.mark.parametrize("detection", [ServerVad(), SemanticVad()])
def test_barge_in(detection: TurnDetection) -> None:
    """Protocol 8.7: `speech_started` first, then the closing events; the client truncates, the model knows."""
    session = new_session(hearing(turn_detection=detection))
    play(session, typed("Hello"), ResponseCreate(), says("resp_1", ("Good day. ", 500), ("How are you?", 1000)))

    assert told(play(session, QUIET, LOUD)) == lines("""
        input_audio_buffer.speech_started       20ms item_3
        Stop                                    resp_1
        response.output_audio.done              resp_1 item_2 #0
        response.output_audio_transcript.done   resp_1 item_2 #0 "Good day. How are you?"
        response.content_part.done              resp_1 item_2 #0 audio "Good day. How are you?"
        conversation.item.done      after item_1 item_2 assistant incomplete output_audio "Good day. How are you?"
        response.output_item.done   resp_1 #0 item_2 assistant incomplete output_audio "Good day. How are you?"
        response.done               resp_1 cancelled turn_detected
                                    [item_2 assistant incomplete output_audio "Good day. How are you?"]
        Hear                        item_3 620ms
    """)
    assert told(play(session, truncate("item_2", 800), ConversationItemRetrieve(item_id="item_2"))) == lines("""
        conversation.item.truncated   item_2 800ms
        conversation.item.retrieved   item_2 assistant incomplete output_audio "" 800ms
    """)
    turn = play(session, silence(1000))
    assert context(play(session, settled(turn, "Fine."))) == lines("""
        item_1 user completed input_text "Hello"
        item_2 assistant incomplete output_audio "Good day. How"
        item_3 user completed input_audio "Fine."
    """)


def test_an_interrupted_answer_keeps_its_transcript_until_the_client_truncates() -> None:
    """Section 12: on WebSocket only the client knows what was heard."""
    session = new_session()
    play(session, ResponseCreate(), says("resp_1", ("Good day. ", 500)), LOUD)

    assert told(play(session, ConversationItemRetrieve(item_id="item_1"))) == lines("""
        conversation.item.retrieved item_1 assistant incomplete output_audio "Good day. " 500ms
    """)


def test_barge_in_into_the_rest_of_a_finished_answer() -> None:
    """When generation was already done there is no second `response.done`; only the truncate is due."""
    session = new_session()
    play(session, ResponseCreate(), says("resp_1", ("Good day. ", 500)), finishes("resp_1"))

    assert told(play(session, LOUD, truncate("item_1", 0))) == lines("""
        input_audio_buffer.speech_started   0ms item_2
        Hear                                item_2 320ms
        conversation.item.truncated         item_1 0ms
    """)


def test_an_answer_that_is_not_to_be_interrupted() -> None:
    """`interrupt_response` false: it runs on; the turn becomes an item, and its own answer is refused."""
    session = new_session(hearing(turn_detection=ServerVad(interrupt_response=False)))
    play(session, typed("Hello"), ResponseCreate(), says("resp_1", ("Good day. ", 500)))

    assert names(play(session, LOUD, QUIET)) == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "error",
    ]
    assert names(play(session, says("resp_1", ("Still here.", 500), start=10), finishes("resp_1")))[-1] == (
        "response.done"
    )


def test_words_of_a_cancelled_turn_still_come() -> None:
    """Barge-in before the answer began: the earlier turn's words are not lost, and its response is not begun."""
    session = new_session(hearing(transcription=None))
    play(session, LOUD, QUIET)

    assert names(play(session, LOUD)) == ["input_audio_buffer.speech_started", "response.done"]
    assert told(play(session, recognises("item_1", "Tell me", of=speech(544)))) == []
    turn = play(session, QUIET)
    assert context(play(session, settled(turn, "a story."))) == lines("""
        item_1 user completed input_audio "Tell me"
        item_2 user completed input_audio "a story."
    """)


# Truncation


@pytest.mark.parametrize(
    ("audio_end_ms", "heard"),
    [
        (0, ""),
        (249, "Good"),
        (500, "Good day."),
        (501, "Good day."),
        (999, "Good day. How"),
        (1100, "Good day. How are"),
        (1500, "Good day. How are you?"),
    ],
)
def test_the_model_knows_what_was_heard(audio_end_ms: int, heard: str) -> None:
    """Whole sentences by their audio; inside one, whole words in proportion. The wire transcript is gone."""
    session = new_session(MANUAL)
    play(session, ResponseCreate(), says("resp_1", ("Good day. ", 500), ("How are you?", 1000)), finishes("resp_1"))

    assert told(play(session, truncate("item_1", audio_end_ms))) == [
        f"conversation.item.truncated item_1 {audio_end_ms}ms"
    ]
    assert context(play(session, ResponseCreate())) == [f'item_1 assistant completed output_audio "{heard}"']


def test_an_answer_truncated_while_it_is_made() -> None:
    """What comes after the cut is not heard either; the done events keep the whole text, the item does not."""
    session = new_session(MANUAL)
    play(session, ResponseCreate(), says("resp_1", ("Good day. ", 500)), truncate("item_1", 500))

    done = play(session, says("resp_1", ("How are you?", 900), start=10), finishes("resp_1"))
    assert told(done)[-1:] == lines("""
        response.done resp_1 completed [item_1 assistant completed output_audio "Good day. How are you?"]
    """)
    assert told(play(session, ConversationItemRetrieve(item_id="item_1"))) == lines("""
        conversation.item.retrieved item_1 assistant completed output_audio "" 500ms
    """)
    assert context(play(session, ResponseCreate())) == lines('item_1 assistant completed output_audio "Good day."')


def test_only_spoken_answers_can_be_truncated() -> None:
    """Section 6: an unknown item, more than there is, a written answer, one that has made no sound yet."""
    session = new_session(MANUAL)
    play(session, typed("Hello"), ResponseCreate(), says("resp_1", ("Good day.", 500)), finishes("resp_1"))

    unknown = refused(play(session, truncate("item_9", 10)))
    assert (unknown.code, unknown.message) == ("item_truncate_invalid_item_id", "Item with item_id not found: item_9")
    too_long = refused(play(session, truncate("item_2", 501)))
    assert too_long.code == "invalid_value"
    assert too_long.message == "Audio content of 500ms is already shorter than 501ms"
    for item_id in ("item_1", "item_3"):
        play(session, ResponseCreate(), Produced("resp_2", TextDelta("Well")))
        no_audio = refused(play(session, truncate(item_id, 0)))
        assert (no_audio.code, no_audio.message) == (None, "Only model output audio messages can be truncated")


# By an engine


def test_an_engine_that_fails() -> None:
    """`failed` with the engine's error, whatever it is; a rate limit is no `error` event. The next response runs."""
    session = new_session(TEXT)
    play(session, ResponseCreate(), writes("resp_1", "Good "))

    done = play(session, Broke("resp_1", "Out of money.", code="insufficient_quota", type="insufficient_quota"))
    assert told(done) == lines("""
        response.output_text.done    resp_1 item_1 #0 "Good "
        response.content_part.done   resp_1 item_1 #0 text "Good "
        conversation.item.done       first item_1 assistant incomplete output_text "Good "
        response.output_item.done    resp_1 #0 item_1 assistant incomplete output_text "Good "
        response.done                resp_1 failed "Out of money." [item_1 assistant incomplete output_text "Good "]
    """)
    assert events(done, ResponseDone)[0].response.status_details == Failed(
        error=ResponseError(type="insufficient_quota", code="insufficient_quota", message="Out of money.")
    )
    assert names(play(session, ResponseCreate())) == ["response.created"]
