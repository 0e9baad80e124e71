"""Server events, folded into what there is to show."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from server_traces import (
    MS,
    Trace,
    answer_begun,
    answer_ended,
    audio_delta,
    barge_in,
    function_call,
    in_item,
    message,
    response,
    session,
    spoken_turn,
    transcribed,
    whole_session,
    written_answer,
)

from antiphon.client.conversation import MAX_ERRORS, Conversation
from antiphon.protocol.codec import decode_server


def folded(*events: dict[str, Any], into: Conversation | None = None) -> Conversation:
    """The view after these events."""
    view = into or Conversation()
    for event in events:
        view.fold(decode_server(json.dumps({"event_id": "event_1"} | event)))
    return view


def ids(view: Conversation) -> list[str]:
    """The conversation's order."""
    return [item.id for item in view.items]


def user_item(item_id: str, previous: str | None, kind: str = "conversation.item.added") -> dict[str, Any]:
    """An item event of a typed message."""
    part = {"type": "input_text", "text": item_id}
    return {"type": kind, "previous_item_id": previous, "item": message(item_id, "user", part)}


def test_a_spoken_turn_and_its_answer() -> None:
    """Who said what, in order, with the sound of the answer."""
    view = folded({"type": "session.created", "session": session()}, *spoken_turn(), *transcribed())
    folded(*answer_begun(), *answer_ended(), into=view)

    assert [(item.id, item.role, item.status, item.text) for item in view.items] == [
        ("item_1", "user", "completed", "Hello there."),
        ("item_2", "assistant", "completed", "Good morning."),
    ]
    assert view.items[1].audio == {0: MS * 400}
    assert (view.items[1].audio_ms, view.items[1].response_id) == (400, "resp_1")
    assert view.items[0].hearing == "completed"
    answer = view.responses["resp_1"]
    assert (answer.status, answer.reason, answer.text, answer.audio_ms) == ("completed", "", "Good morning.", 400)
    assert answer.usage
    assert answer.usage.total_tokens == 9
    assert view.active == []
    assert view.session
    assert view.session.id == "sess_1"


def test_words_grow_by_delta() -> None:
    """The view is right at any time, not only at the end."""
    view = folded(*spoken_turn(), *transcribed()[:1], *answer_begun()[:5])

    assert [(item.text, item.hearing) for item in view.items] == [("Hello", "started"), ("Good ", "")]
    assert [answer.id for answer in view.active] == ["resp_1"]


def test_words_may_come_before_the_item() -> None:
    """Live recognisers speak of an item that is still being spoken."""
    started, *rest = spoken_turn()
    view = folded(started, *transcribed())

    assert (view.speaking, ids(view), view.item("item_1").text) == ("item_1", [], "Hello there.")
    folded(*rest, into=view)

    assert [(item.id, item.text, item.role) for item in view.items] == [("item_1", "Hello there.", "user")]


def test_who_is_speaking() -> None:
    """From the start of speech to its end, a commit, or a clear."""
    started, stopped, committed, *_ = spoken_turn()
    cleared = {"type": "input_audio_buffer.cleared"}

    assert folded(started).speaking == "item_1"
    assert [folded(started, end).speaking for end in (stopped, committed, cleared)] == [None, None, None]


def test_a_transcription_that_fails() -> None:
    """The item stays, without words."""
    failed = {
        "type": "conversation.item.input_audio_transcription.failed",
        "item_id": "item_1",
        "content_index": 0,
        "error": {"type": "server_error", "message": "No."},
    }
    item = folded(*spoken_turn(), failed).items[0]

    assert (item.hearing, item.text) == ("failed", "")


def test_the_order_of_items() -> None:
    """After the item named, in front without one, at the end when the named one is not known."""
    view = folded(user_item("a", None), user_item("b", "a"), user_item("c", "a"), user_item("d", None))
    folded(user_item("e", "gone"), user_item("a", "e", "conversation.item.done"), into=view)

    assert ids(view) == ["d", "a", "c", "b", "e"]


def test_a_beta_item_and_a_commit_place_an_item_too() -> None:
    """Servers that send only one of the item events lose nothing."""
    commit = {"type": "input_audio_buffer.committed", "previous_item_id": "a", "item_id": "b"}
    bare_commit = {"type": "input_audio_buffer.committed", "previous_item_id": None, "item_id": "c"}
    view = folded(user_item("a", None, "conversation.item.created"), commit, bare_commit)

    assert ids(view) == ["a", "b"]
    assert ids(folded(bare_commit)) == ["c"]


def test_a_deleted_item_does_not_return() -> None:
    """Its late events change nothing in the order, and the chain closes over the gap."""
    view = folded(user_item("a", None), user_item("b", "a"), {"type": "conversation.item.deleted", "item_id": "a"})
    folded(user_item("a", None, "conversation.item.done"), user_item("c", "b"), into=view)

    assert ids(view) == ["b", "c"]


def test_barge_in_and_truncate() -> None:
    """Sound is cut to what was heard, the response says why it ended, the words stay to be shown."""
    view = folded(*spoken_turn(), *answer_begun(), *barge_in())

    answer = view.item("item_2")
    assert (answer.cut_ms, answer.audio_ms, answer.audio) == (250, 250, {0: bytearray(MS * 250)})
    assert (answer.text, answer.status) == ("Good morning.", "incomplete")
    assert (view.responses["resp_1"].status, view.responses["resp_1"].reason) == ("cancelled", "turn_detected")
    assert ids(view) == ["item_1", "item_2", "item_3"]
    folded(audio_delta("resp_1", "item_2", 100), into=view)

    assert answer.audio == {0: MS * 250}


def test_a_truncate_of_an_item_without_sound() -> None:
    """A part that is not there is not cut."""
    cut = {"type": "conversation.item.truncated", "item_id": "item_2", "content_index": 3, "audio_end_ms": 50}

    assert folded(*answer_begun(), cut).item("item_2").audio == {0: MS * 400}


def test_what_was_heard() -> None:
    """The player says how far it is; it never goes back."""
    view = folded(*answer_begun())
    view.heard("item_2", 120)
    view.heard("item_2", 80)

    assert view.item("item_2").heard_ms == 120


def test_sound_may_be_counted_only() -> None:
    """A long session need not keep what it has played."""
    retrieved = {
        "type": "conversation.item.retrieved",
        "item": message("item_2", "assistant", {"type": "output_audio", "audio": "AQI=", "transcript": "Good"}),
    }
    view = folded(*answer_begun(), retrieved, into=Conversation(keeps_audio=False))

    assert (view.item("item_2").audio, view.item("item_2").audio_ms) == ({}, 400)


def test_a_retrieved_item_brings_its_sound() -> None:
    """It enters no order: the server was asked for it, it did not come in."""
    part = {"type": "input_audio", "audio": base64.b64encode(MS).decode(), "transcript": "Hi."}
    view = folded({"type": "conversation.item.retrieved", "item": message("item_1", "user", part)})

    assert (view.item("item_1").audio, view.item("item_1").text, view.items) == ({0: bytearray(MS)}, "Hi.", [])


def test_an_answer_outside_of_the_conversation() -> None:
    """It is known by its response alone."""
    view = folded(*spoken_turn(), *written_answer("resp_9", "item_9", metadata={"topic": "sum"}))

    assert ids(view) == ["item_1"]
    assert [item.text for item in view.responses["resp_9"].items] == ["Four."]
    assert view.responses["resp_9"].metadata == {"topic": "sum"}


def test_a_function_call() -> None:
    """Name, id and arguments are there; an item event that never came is made up for at the end."""
    output = {"type": "function_call_output", "id": "item_7", "call_id": "call_1", "output": "rain"}
    view = folded(*spoken_turn(), *function_call("resp_1", "item_2"))
    folded({"type": "conversation.item.added", "previous_item_id": "item_2", "item": output}, into=view)

    call, result = view.items[1:]
    assert (call.kind, call.name, call.call_id, call.arguments) == (
        "function_call",
        "weather",
        "call_1",
        '{"city":"Oslo"}',
    )
    assert (result.kind, result.call_id, result.output) == ("function_call_output", "call_1", "rain")


def test_a_call_whose_beginning_was_missed() -> None:
    """The arguments alone make it a call."""
    view = folded(*function_call("resp_1", "item_2")[2:4])

    assert (view.item("item_2").kind, view.item("item_2").arguments) == ("function_call", '{"city":"Oslo"}')
    assert ids(folded(*function_call("resp_1", "item_2"))) == ["item_2"]


@pytest.mark.parametrize(
    ("status", "details", "reason", "text"),
    [
        ("incomplete", {"type": "incomplete", "reason": "max_output_tokens"}, "max_output_tokens", ""),
        (
            "failed",
            {"type": "failed", "error": {"type": "server_error", "code": None, "message": "Oh."}},
            "server_error",
            "Oh.",
        ),
        (
            "failed",
            {"type": "failed", "error": {"type": "quota", "code": "insufficient_quota"}},
            "insufficient_quota",
            "",
        ),
    ],
)
def test_why_a_response_ended(status: str, details: dict[str, Any], reason: str, text: str) -> None:
    """The reason in the wire's word, the failure in the server's."""
    view = folded({"type": "response.done", "response": response("resp_1", status, status_details=details)})

    assert (view.responses["resp_1"].reason, view.responses["resp_1"].error) == (reason, text)


def test_items_without_an_id_are_let_go() -> None:
    """There is nothing to hold on to."""
    bare = {"type": "message", "role": "user", "content": []}
    view = folded(
        {"type": "conversation.item.added", "previous_item_id": None, "item": bare},
        {"type": "conversation.item.retrieved", "item": bare},
        {"type": "response.output_item.added", "response_id": "resp_1", "output_index": 0, "item": bare},
        {"type": "response.done", "response": response("resp_1", "completed", output=[bare])},
    )

    assert (view.items, view.responses["resp_1"].items) == ([], [])


def test_other_items_keep_their_kind() -> None:
    """What we do not read further is known by its kind."""
    listing = {"type": "mcp_list_tools", "id": "item_1", "server_label": "s", "tools": []}
    view = folded({"type": "conversation.item.added", "previous_item_id": None, "item": listing})

    assert [(item.kind, item.text) for item in view.items] == [("mcp_list_tools", "")]


G711 = {"type": "audio/pcmu"}


@pytest.mark.parametrize(
    ("of_response", "of_session", "ms"),
    [
        ({"output": {"format": G711}}, None, 2400),
        ({}, session(audio={"output": {"format": G711}}), 2400),
        ({}, session(audio={"output": {}}), 400),
        ({}, session(audio={}), 400),
        ({}, session() | {"audio": None}, 400),
        ({}, {"type": "transcription", "object": "realtime.transcription_session", "id": "s", "expires_at": 1}, 400),
        ({"output": {"voice": "alloy"}}, None, 400),
    ],
)
def test_how_long_sound_is(of_response: dict[str, Any], of_session: dict[str, Any] | None, ms: int) -> None:
    """The coding is the response's, or the session's, or PCM."""
    opened: Trace = [{"type": "session.created", "session": of_session}] if of_session else []
    begun = {"type": "response.created", "response": response("resp_1", audio=of_response)}
    view = folded(*opened, begun, audio_delta("resp_1", "item_1", 400))

    assert view.responses["resp_1"].audio_ms == ms


def test_errors_are_kept_and_bounded() -> None:
    """The last ones are of interest."""
    view = Conversation()
    for number in range(MAX_ERRORS + 1):
        detail = {"type": "t", "code": None, "message": str(number), "param": None, "event_id": None}
        folded({"type": "error", "error": detail}, into=view)

    assert [view.errors[0].message, view.errors[-1].message] == ["1", str(MAX_ERRORS)]


def test_unknown_events_change_nothing() -> None:
    """What another day brings is passed over."""
    view = folded({"type": "weather.changed"}, in_item("response.output_audio.done", "resp_1", "item_1"))

    assert (view.items, view.responses) == ([], {})


@given(st.data())
def test_any_prefix_and_any_gap_can_be_folded(data: st.DataObject) -> None:
    """Wherever a trace is cut, and whatever of it is lost or comes twice, the view stands and agrees with itself."""
    trace = whole_session()
    end = data.draw(st.integers(0, len(trace)))
    kept = data.draw(st.lists(st.sampled_from(trace[:end]), max_size=60)) if end else []
    prefix, shuffled = folded(*trace[:end]), folded(*kept)

    for view in (prefix, shuffled):
        assert len(set(ids(view))) == len(view.items)
        assert all(answer.status for answer in view.responses.values())
        assert all(item.response_id == key for key, answer in view.responses.items() for item in answer.items)


@pytest.mark.parametrize("place", range(4))
def test_transcription_may_come_at_any_time(place: int) -> None:
    """Before, among or after the answer: the view ends the same."""
    pieces = [answer_begun()[:3], answer_begun()[3:], answer_ended()]
    pieces.insert(place, transcribed())
    view = folded(*spoken_turn(), *(event for piece in pieces for event in piece))

    assert [item.text for item in view.items] == ["Hello there.", "Good morning."]
