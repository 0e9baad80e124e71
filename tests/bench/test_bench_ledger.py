"""The ledger of the churn: what it calls wrong, and what not."""

import runpy
from pathlib import Path
from typing import Any

import pytest
import server_traces as traces

Ledger = runpy.run_path(str(Path(__file__).parents[2] / "bench" / "ledger.py"))["Ledger"]


def entered(*events: dict[str, Any]) -> Any:
    """A ledger of these events, each with an id of its own, after the first that every session has."""
    ledger = Ledger()
    for number, event in enumerate([{"type": "session.created"}, *events]):
        ledger.take({"event_id": f"event_{number}", **event})
    return ledger


def test_a_spoken_turn_and_its_answer_are_in_order() -> None:
    """Nothing is wrong, nothing is open."""
    ledger = entered(*traces.spoken_turn(), *traces.transcribed(), *traces.answer_begun(), *traces.answer_ended())

    assert ledger.faults == []
    assert ledger.open_things() == []


def test_an_answer_that_never_ends_is_open() -> None:
    """What began is told, with its response."""
    ledger = entered(*traces.spoken_turn(), *traces.answer_begun())

    assert ledger.faults == []
    assert "response resp_1" in ledger.open_things()


@pytest.mark.parametrize(
    ("trace", "fault"),
    [
        (traces.answer_begun()[1:], "response.output_item.added outside its response"),
        (
            [*traces.answer_begun(), *traces.answer_ended(), traces.audio_delta("resp_1", "item_2", 20)],
            "response.output_audio.delta after its end",
        ),
        ([*traces.answer_begun(), traces.answer_ended()[-2]], "response.done while response.output_item.added is open"),
        (
            [*traces.answer_begun(), *traces.answer_begun("resp_2", "item_9")],
            "response.created while another is in progress",
        ),
        ([traces.spoken_turn()[1]], "input_audio_buffer.speech_stopped without its beginning, or twice"),
        ([*traces.spoken_turn(), *traces.spoken_turn()], "conversation.item.added twice"),
        (
            [*traces.answer_begun(), *traces.answer_ended(text="Something else.")],
            "response.output_audio_transcript.done differs from its deltas",
        ),
        (
            [*traces.answer_begun(), *traces.answer_ended(), traces.answer_ended()[-2]],
            "response.done for none that is in progress",
        ),
    ],
)
def test_what_breaks_a_law_is_told(trace: list[dict[str, Any]], fault: str) -> None:
    """Each law has its words."""
    assert fault in entered(*trace).faults


def test_a_session_begins_with_its_creation_and_no_id_comes_twice() -> None:
    """The first event, and two that share an id."""
    ledger = Ledger()
    ledger.take({"type": "session.updated", "event_id": "event_1"})
    ledger.take({"type": "session.updated", "event_id": "event_1"})

    assert ledger.faults == [
        "the first event is session.updated",
        "session.updated has an event_id that is missing or was used",
    ]
