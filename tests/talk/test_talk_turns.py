"""When each step of a turn was reached."""

import json

import pytest
from server_traces import Trace, answer_begun, answer_ended, barge_in, spoken_turn, transcribed, written_answer

from antiphon.protocol.codec import decode_server
from antiphon.talk.turns import Stage, Turns


def folded(*events: object, is_transcribed: bool = True) -> Turns:
    """The turns after these events, which come 10 ms apart from 0 on."""
    turns = Turns(is_transcribed=is_transcribed)
    for place, event in enumerate(events):
        turns.fold(decode_server(json.dumps(event)), place / 100)
    return turns


def test_the_steps_of_a_turn() -> None:
    """Each step is the first event of its kind, in ms from the end of speech."""
    trace: Trace = [*spoken_turn(), *transcribed(), *answer_begun(), *answer_ended()]
    turns = folded(*trace)

    (turn,) = turns.all
    assert (turn.item_id, turn.response_id, turn.start_ms, turn.end_ms) == ("item_1", "resp_1", 200, 1700)
    assert turn.ms() == {
        Stage.STOPPED: 0,
        Stage.TRANSCRIPT: 60,
        Stage.WORDS: 110,
        Stage.AUDIO: 120,
        Stage.DONE: 200,
    }
    turn.spoken_at = -0.5

    assert turn.ms()[Stage.STOPPED] == 510
    assert turns.is_settled


def test_a_failed_transcription_is_an_end_too() -> None:
    """Nobody waits for words that will not come."""
    failed = {
        "type": "conversation.item.input_audio_transcription.failed",
        "item_id": "item_1",
        "error": {"type": "server_error", "message": "No."},
    }

    assert folded(*spoken_turn(), failed, *answer_begun(), *answer_ended()).is_settled


@pytest.mark.parametrize(
    ("trace", "missing"),
    [
        ([], "an answer"),
        (spoken_turn()[:1], "the end of speech"),
        (spoken_turn(), "an answer"),
        ([*spoken_turn(), *answer_begun()], "the end of the answer"),
        ([*spoken_turn(), *answer_begun(), *answer_ended()], "transcript"),
    ],
)
def test_what_is_missing(trace: Trace, missing: str) -> None:
    """What a run still waits for, in words."""
    assert folded(*trace).missing == missing


def test_words_that_nobody_asked_for_are_not_waited_for() -> None:
    """Without transcription a turn ends with its answer."""
    turns = folded(*spoken_turn(), *answer_begun(), *answer_ended(), is_transcribed=False)

    assert turns.is_settled


def test_answers_find_their_turns() -> None:
    """A response answers the newest turn that has none; the interrupted one keeps its own."""
    turns = folded(*spoken_turn(), *transcribed(), *answer_begun(), *barge_in(), *transcribed("item_3"))
    assert not turns.is_settled

    for event in [*answer_begun("resp_2", "item_4"), *answer_ended("resp_2", "item_4")]:
        turns.fold(decode_server(json.dumps(event)), 9.0)

    assert [(turn.number, turn.item_id, turn.response_id) for turn in turns.all] == [
        (1, "item_1", "resp_1"),
        (2, "item_3", "resp_2"),
    ]
    assert turns.is_settled


def test_a_turn_that_was_never_answered() -> None:
    """When the caller goes on before an answer is begun, only the last turn gets one."""
    later = spoken_turn("item_2", "item_1", start_ms=4_000)
    turns = folded(*spoken_turn(), *later, *transcribed("item_2"), *answer_begun(), *answer_ended())

    assert [turn.response_id for turn in turns.all] == [None, "resp_1"]
    assert turns.is_settled


def test_a_server_that_speaks_first() -> None:
    """An answer without a question is a turn of its own, with times from its first event."""
    turns = folded(*written_answer("resp_1", "item_1"))

    (turn,) = turns.all
    assert (turn.item_id, turn.ms()) == (None, {Stage.WORDS: 0, Stage.DONE: 40})
    assert turns.is_settled
