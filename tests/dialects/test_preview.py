"""Preview, as its clients knew it: beta, and what it had beside it."""

from typing import Any

import pytest
from corescript import Ids, calls, finishes, says, writes
from olderline import Event, Line, error_of, only

from antiphon.dialects.memory import Memory
from antiphon.dialects.preview import Preview
from antiphon.protocol.server_events import RateLimit, RateLimitsUpdated


def on_line(**settings: Any) -> Line:
    """A preview client that is connected; what it has been told so far is forgotten."""
    line = Line(Preview(memory=Memory(Ids())), **settings)
    line.frames.clear()
    return line


def message(text: str, role: str = "user", kind: str = "input_text") -> Event:
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}


def update(line: Line, **session: Any) -> Event:
    [updated] = line.say("session.update", session=session)
    shown: Event = updated["session"]
    return shown


def begun(line: Line, **response: Any) -> str:
    """A response that begins at once; its id."""
    [created] = only(line.say("response.create", response=response), "response.created")
    return str(created["response"]["id"])


def test_the_session_has_no_nulls_but_the_limit() -> None:
    """Turn detection is always an object, and a call by name is spelled in both ways."""
    line = on_line()
    session = update(
        line,
        turn_detection={"type": "none"},
        tools=[{"type": "function", "name": "f"}],
        tool_choice={"type": "function", "function": {"name": "f"}},
    )

    assert session["turn_detection"] == {"type": "none"}
    assert session["tool_choice"] == {"type": "function", "name": "f", "function": {"name": "f"}}
    assert session["max_response_output_tokens"] is None
    assert update(line, max_response_output_tokens=5)["max_response_output_tokens"] == 5
    assert line.session.config.input.turns is None


def test_the_session_is_shown_as_it_opens() -> None:
    """The first event, too, is preview's."""
    [created] = Line(Preview()).told

    assert created["session"]["turn_detection"]["type"] == "server_vad"
    assert created["session"]["max_response_output_tokens"] is None


@pytest.mark.parametrize("time", ["200ms", "200", "PT0.2S", 200])
def test_times_may_be_text(time: str | int) -> None:
    """The schema says so; the clients send numbers, and numbers come back."""
    session = update(on_line(), turn_detection={"type": "server_vad", "silence_duration_ms": time})

    assert session["turn_detection"]["silence_duration_ms"] == 200
    assert session["turn_detection"]["prefix_padding_ms"] == 300


@pytest.mark.parametrize("function", [{"function": {"name": "f"}}, {"function": "f"}, {"name": "f"}])
def test_a_function_may_be_chosen_in_three_ways(function: Event) -> None:
    """The schema's, the client library's, beta's."""
    session = update(on_line(), tools=[{"type": "function", "name": "f"}], tool_choice={"type": "function", **function})

    assert session["tool_choice"]["name"] == "f"


@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        ({"tool_choice": {"type": "function"}}, "missing_required_parameter", "session.tool_choice.function"),
        ({"turn_detection": {"type": "server_vad", "silence_duration_ms": "soon"}}, "invalid_value",
         "session.turn_detection.silence_duration_ms"),
        ({"audio": {}}, "unknown_parameter", "session.audio"),
        ({"modalities": ["audio"]}, "invalid_value", "session.modalities"),
    ],
)  # fmt: skip
def test_a_session_is_refused_in_previews_words(session: dict[str, Any], code: str, param: str) -> None:
    """Beta's rules hold."""
    assert error_of(on_line().say("session.update", session=session))[:2] == (code, param)


@pytest.mark.parametrize(
    ("response", "code", "param"),
    [
        ({"tool_choice": {"type": "function"}}, "missing_required_parameter", "response.tool_choice.function"),
        ({"modalities": []}, "invalid_value", "response.modalities"),
        ({"append_input_items": [message("x", "system", "text")]}, "invalid_value",
         "response.append_input_items[0].content[0].type"),
        ({"input_items": [message("x", "system", "text")]}, "invalid_value",
         "response.input_items[0].content[0].type"),
        ({"input": [message("x", "system", "text")]}, "invalid_value", "response.input[0].content[0].type"),
        ({"input_items": [{"type": "message", "id": "item_9"}]}, "invalid_value", "response.input_items[0].id"),
        ({"input": [{"type": "item_reference", "id": "item_9"}]}, "invalid_value", "response.input[0].id"),
        ({"append_input_items": [{"type": "function_call_output", "call_id": "x", "output": ""}]},
         "invalid_tool_call_id", None),
        ({"commit": "no"}, "invalid_type", "response.commit"),
    ],
)  # fmt: skip
def test_a_response_is_refused_in_previews_words(response: dict[str, Any], code: str, param: str | None) -> None:
    """What the core finds is named where the client wrote it."""
    assert error_of(on_line().say("response.create", response=response))[:2] == (code, param)


def test_a_response_stops_the_one_before() -> None:
    """By default; there is never an active-response error."""
    line = on_line()
    line.say("response.create")
    line.say("response.create", response={"temperature": 1.0})

    told = [(event["type"], event["response"]["id"], event["response"]["status"]) for event in line.told]
    assert told == [
        ("response.created", "resp_1", "in_progress"),
        ("response.done", "resp_1", "cancelled"),
        ("response.created", "resp_2", "in_progress"),
    ]
    assert line.told[-1]["response"]["temperature"] == 1.0


def test_a_response_may_wait_for_the_one_before() -> None:
    """It begins when that has ended, with its own temperature."""
    line = on_line()
    first = begun(line, cancel_previous=False)
    assert line.say("response.create", response={"cancel_previous": False, "temperature": 1.1}) == []
    answer = line.hear(finishes(first))

    assert [(event["type"], event["response"]["id"]) for event in answer] == [
        ("response.done", "resp_1"),
        ("response.created", "resp_2"),
    ]
    assert answer[1]["response"]["temperature"] == 1.1


def test_a_response_beside_the_conversation_stops_nothing() -> None:
    """Unless its client says so."""
    line = on_line()
    line.say("response.create")
    beside = line.say("response.create", response={"conversation": "none"})
    instead = line.say("response.create", response={"conversation": "none", "cancel_previous": True})

    assert [event["type"] for event in beside] == ["response.created"]
    assert [event["type"] for event in instead] == ["response.done", "response.created"]


def test_a_response_may_leave_nothing_behind() -> None:
    """Neither what it makes nor what was appended for it."""
    line = on_line()
    answer = begun(line, commit=False, modalities=["text"], append_input_items=[message("Hello")])
    line.hear(writes(answer, "Hi"), finishes(answer))

    assert only(line.told, "conversation.item.created") == []
    assert line.told[-1]["response"]["conversation_id"] is None


def test_a_response_may_bring_items() -> None:
    """They come before it; those of the answerer have two words for text."""
    line = on_line()
    items = [message("Hello"), message("Hi", "assistant", "input_text"), message("Ho", "assistant", "text")]
    line.say("response.create", response={"append_input_items": items})

    assert line.kinds == ["conversation.item.created"] * 3 + ["response.created"]
    assert [event["item"]["content"][0]["type"] for event in line.told[:3]] == ["input_text", "text", "text"]


def test_a_response_may_have_a_context_of_its_own() -> None:
    """Items, and messages of the session by their ids; not the conversation."""
    line = on_line()
    line.say("conversation.item.create", item={**message("Hello"), "id": "item_a"})
    line.say("conversation.item.create", item=message("left out"))
    begun(line, input_items=[{"type": "message", "id": "item_a"}, message("Bye")])

    assert line.running == ["resp_1"]


def test_what_is_spelled_otherwise_is_told_twice() -> None:
    """For the schema and for the clients."""
    line = on_line()
    answer = begun(line, modalities=["text"])
    line.hear(writes(answer, "Hi"), calls(answer, "f", "{}", call_id="call_1"), finishes(answer, read=3, wrote=2))
    [text] = only(line.told, "response.text.done")
    [arguments] = only(line.told, "response.function_call_arguments.done")
    [done] = only(line.told, "response.done")

    assert (text["text"], text["value"]) == ("Hi", "Hi")
    assert (arguments["name"], arguments["item_id"]) == ("f", "item_2")
    assert set(done["response"]["usage"]["input_token_details"]) == {"text_tokens", "audio_tokens", "cached_tokens"}


def test_a_cut_answer_has_two_indices() -> None:
    """`index` by the schema."""
    line = on_line()
    answer = begun(line)
    line.hear(says(answer, ("Hi.", 20)), finishes(answer))
    [truncated] = line.say("conversation.item.truncate", item_id="item_1", content_index=0, audio_end_ms=10)

    assert (truncated["index"], truncated["content_index"]) == (0, 0)


def test_limits_come_after_the_answer() -> None:
    """As in GA."""
    line = on_line()
    limits = RateLimitsUpdated(rate_limits=(RateLimit(name="tokens", limit=9, remaining=5, reset_seconds=1.5),))
    for _ in range(2):
        answer = begun(line)
        line.hear(finishes(answer))
        line.frames += line.machine.send(limits, "event_0")

    assert line.kinds == ["response.created", "response.done", "rate_limits.updated"] * 2


@pytest.mark.parametrize(
    "kind", ["conversation.item.retrieve", "transcription_session.update", "output_audio_buffer.clear"]
)
def test_later_events_are_refused(kind: str) -> None:
    """There was no answer to them."""
    code, param, message = error_of(on_line().say(kind, item_id="item_1", session={}))

    assert (code, param) == ("invalid_value", "type")
    assert message.endswith("'response.create', and 'response.cancel'.")
