"""Frames in and out: what is right is read fast, what is wrong is told exactly, and nothing raises."""

import json
import string
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import inspect
from wire_samples import JSON, sample

from antiphon.protocol import codec, errors
from antiphon.protocol.client_events import (
    MAX_APPEND_BYTES,
    ClientEvent,
    InputAudioBufferAppend,
    InputAudioBufferCommit,
    OutputAudioBufferClear,
    ResponseCancel,
)
from antiphon.protocol.codec import CALL_TYPES, WEBSOCKET_TYPES, Unknown
from antiphon.protocol.errors import ErrorDetail
from antiphon.protocol.server_events import (
    Error,
    InputAudioBufferCleared,
    InputAudioBufferDtmfEventReceived,
    ResponseOutputAudioDelta,
    ResponseOutputTextDelta,
    ServerEvent,
)

CODES = {
    "array_above_max_length",
    "decimal_above_max_value",
    "decimal_below_min_value",
    "empty_array",
    "integer_above_max_value",
    "integer_below_min_value",
    "invalid_event",
    "invalid_json",
    "invalid_type",
    "invalid_value",
    "missing_required_parameter",
    "object_above_max_properties",
    "property_name_above_max_length",
    "string_above_max_length",
    "unknown_parameter",
}
"""All that the codec may say."""


def test_an_append_is_bytes_inside() -> None:
    """Text frames come as text or as its bytes."""
    frame = '{"type":"input_audio_buffer.append","audio":"AAEC","event_id":"e"}'
    event = InputAudioBufferAppend(audio=b"\0\1\2", event_id="e")

    assert codec.decode_client(frame) == codec.decode_client(frame.encode()) == event


def test_an_append_of_15_mib_is_the_largest() -> None:
    """One byte more is refused."""
    largest = InputAudioBufferAppend(audio=bytes(MAX_APPEND_BYTES))
    larger = InputAudioBufferAppend(audio=bytes(MAX_APPEND_BYTES + 1))

    assert codec.decode_client(codec.encode_client(largest)) == largest
    assert codec.decode_client(codec.encode_client(larger)) == errors.audio_too_long(
        "audio", MAX_APPEND_BYTES, MAX_APPEND_BYTES + 1
    )


@pytest.mark.parametrize("frame", ["", "{", "nope", "NaN", b"\xff", '"\ud800"', '{"a":"\\ud800"}', "[" * 2000])
def test_what_is_no_json(frame: bytes | str) -> None:
    """Broken UTF-8 and bottomless nesting included."""
    assert codec.decode_client(frame) == errors.invalid_json()


@pytest.mark.parametrize(("frame", "got"), [("[]", "an array"), ("null", "null"), ('"a"', "a string")])
def test_what_is_json_and_no_object(frame: str, got: str) -> None:
    """An event is an object."""
    assert codec.decode_client(frame) == errors.not_an_object(got)


def test_nesting_has_a_floor() -> None:
    """What was read must be writable again, wherever it is shown."""

    def tool(depth: int) -> str:
        inner = '{"a":' * depth + "1" + "}" * depth
        session = '{"type":"realtime","tools":[{"type":"function","name":"f","parameters":' + inner + "}]}"
        return '{"type":"session.update","event_id":"e","session":' + session + "}"

    refused = msgspec.structs.replace(errors.nested_too_deep(codec.MAX_DEPTH), event_id="e")

    assert not isinstance(codec.decode_client(tool(codec.MAX_DEPTH - 4)), ErrorDetail)
    assert codec.decode_client(tool(codec.MAX_DEPTH - 3)) == refused
    assert codec.decode_client(tool(codec.MAX_DEPTH - 3).encode()) == refused


def test_many_values_are_not_deep_values() -> None:
    """A long conversation in one event is fine."""
    part = {"type": "input_text", "text": "["}
    frame = {"type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": [part] * 500}}

    assert not isinstance(codec.decode_client(json.dumps(frame)), ErrorDetail)


def test_an_unknown_type_is_answered_with_the_list() -> None:
    """In the words of the transport."""
    assert codec.decode_client('{"type":"nope"}') == errors.invalid_value("type", "nope", WEBSOCKET_TYPES)
    assert codec.decode_client('{"type":"nope"}', CALL_TYPES) == errors.invalid_value("type", "nope", CALL_TYPES)


def test_only_a_call_has_an_output_buffer_to_clear() -> None:
    """Over a WebSocket the client plays the audio."""
    frame = '{"type":"output_audio_buffer.clear"}'

    assert codec.decode_client(frame, CALL_TYPES) == OutputAudioBufferClear()
    assert codec.decode_client(frame) == errors.invalid_value("type", "output_audio_buffer.clear", WEBSOCKET_TYPES)
    assert set(CALL_TYPES) - set(WEBSOCKET_TYPES) == {"output_audio_buffer.clear"}


@pytest.mark.parametrize(
    ("type_", "error"),
    [
        ("", errors.missing_parameter("type")),
        ('"type":7', errors.invalid_type("type", "a string", "an integer")),
        ('"type":"input_audio_buffer.clear","x":1', errors.unknown_parameter("x")),
    ],
)
def test_a_broken_rule_is_told(type_: str, error: ErrorDetail) -> None:
    """See `test_violations` for the rules."""
    assert codec.decode_client("{" + type_ + "}") == error


@pytest.mark.parametrize(
    ("event_id", "told"), [('"mine"', "mine"), ("7", None), ("null", None), (f'"{"x" * 513}"', None)]
)
def test_an_error_names_the_event_that_caused_it(event_id: str, told: str | None) -> None:
    """If it has a readable name."""
    answer = codec.decode_client(f'{{"type":"nope","event_id":{event_id}}}')

    assert isinstance(answer, ErrorDetail)
    assert answer.event_id == told


def test_a_dialect_works_on_trees() -> None:
    """Frame to tree, translated, tree to event."""
    tree = codec.tree_of(b'{"type":"response.cancel","response_id":"resp_1"}')

    assert tree == {"type": "response.cancel", "response_id": "resp_1"}
    assert codec.client_event_of(tree) == ResponseCancel(response_id="resp_1")
    assert codec.client_event_of(tree | {"x": 1}) == errors.unknown_parameter("x")
    assert codec.tree_of("nope") == errors.invalid_json()


def test_a_tree_may_carry_audio_and_clear_a_call() -> None:
    """The same rules on either road."""
    clear = {"type": "output_audio_buffer.clear"}

    assert codec.client_event_of({"type": "input_audio_buffer.append", "audio": "AAEC"}) == InputAudioBufferAppend(
        audio=b"\0\1\2"
    )
    assert codec.client_event_of(clear, CALL_TYPES) == OutputAudioBufferClear()
    assert codec.client_event_of(clear) == errors.invalid_value("type", "output_audio_buffer.clear", WEBSOCKET_TYPES)


def test_what_no_rule_explains_is_still_refused() -> None:
    """A number beyond what a decimal can hold has no rule of its own."""
    strength = "1" + "0" * 400
    frame = f'{{"audio":{{"input":{{"noise_reduction":{{"strength":{strength}}}}}}},"type":"realtime"}}'

    answer = codec.decode_client(f'{{"type":"session.update","session":{frame}}}')

    assert answer == errors.unreadable("Number out of range - at `$.session.audio.input.noise_reduction.strength`")


def test_a_client_event_without_a_name_has_none_on_the_wire() -> None:
    """Absent is not null."""
    assert codec.encode_client(InputAudioBufferCommit()) == b'{"type":"input_audio_buffer.commit"}'


# What servers send.

AUDIO = ResponseOutputAudioDelta(response_id="r", item_id="i", output_index=1, content_index=2, delta=b"\0\1\2\3")


def test_an_event_is_named_as_it_leaves() -> None:
    """The name stands right after the type."""
    assert codec.encode(InputAudioBufferCleared(), "event_1") == (
        b'{"type":"input_audio_buffer.cleared","event_id":"event_1"}'
    )


def test_a_key_press_has_no_name() -> None:
    """The one event that is typed without."""
    event = InputAudioBufferDtmfEventReceived(event="5", received_at=7)

    assert codec.encode(event, "event_1") == (
        b'{"type":"input_audio_buffer.dtmf_event_received","event":"5","received_at":7}'
    )


def test_an_error_sends_all_its_keys() -> None:
    """Null where there is nothing to say."""
    sent = json.loads(codec.encode(Error(error=errors.nothing_to_cancel()), "event_1"))

    assert sent["error"] == {
        "type": "invalid_request_error",
        "code": "response_cancel_not_active",
        "message": "Cancellation failed: no active response found",
        "param": None,
        "event_id": None,
    }


@given(sample(inspect.type_info(ResponseOutputAudioDelta)), st.text(st.characters(codec="utf-8")))
def test_audio_takes_a_shorter_road_to_the_same_bytes(event: ResponseOutputAudioDelta, event_id: str) -> None:
    """Quotes and control characters in ids are escaped there as well."""
    plain = msgspec.json.encode(msgspec.structs.replace(event, event_id=event_id))

    assert codec.encode(event, event_id) == plain


def test_events_of_a_server_are_typed() -> None:
    """Fast when they are ours, and with what a newer server adds dropped."""
    sent = codec.encode(AUDIO, "event_1")
    named = msgspec.structs.replace(AUDIO, event_id="event_1")

    assert codec.decode_server(sent) == named
    assert codec.decode_server(sent[:-1] + b',"obfuscation":"x8"}') == named


def test_an_event_of_another_day_is_kept_whole() -> None:
    """The client may log it or pass it on."""
    tree = {"type": "response.telepathy", "thought": 1}

    assert codec.decode_server(json.dumps(tree)) == Unknown("response.telepathy", tree)


@pytest.mark.parametrize(
    ("frame", "unknown"),
    [
        ("nope", Unknown("", None)),
        ("[1]", Unknown("", None)),
        ("[" * 2000, Unknown("", None)),
        ('{"type":7}', Unknown("", {"type": 7})),
        ('{"type":"error"}', Unknown("error", {"type": "error"})),
    ],
)
def test_a_broken_event_of_a_server_is_not_fatal(frame: str, unknown: Unknown) -> None:
    """It comes out as unknown."""
    assert codec.decode_server(frame) == unknown


def test_a_dialect_may_translate_what_is_sent_and_what_came() -> None:
    """Event to tree, translated, tree to frame; and back on the side of a client."""
    tree = codec.tree_to_send(AUDIO, "event_1")
    press = InputAudioBufferDtmfEventReceived(event="5", received_at=7)

    assert tree == json.loads(codec.encode(AUDIO, "event_1"))
    assert "event_id" not in codec.tree_to_send(press, "event_1")
    assert codec.encode_tree(tree | {"type": "response.audio.delta"}) == codec.encode(AUDIO, "event_1").replace(
        b"response.output_audio.delta", b"response.audio.delta"
    )
    assert codec.server_event_of(tree) == msgspec.structs.replace(AUDIO, event_id="event_1")
    assert codec.server_event_of({"type": "x"}) == Unknown("x", {"type": "x"})


# Anything at all.

SERVER_EVENTS = sample(inspect.type_info(ServerEvent))
TREES = sample(inspect.type_info(ClientEvent)).map(lambda event: json.loads(codec.encode_client(event)))


@st.composite
def broken(draw: st.DrawFn) -> Any:
    """A valid client event with one to three things changed, wherever they are."""
    tree = draw(TREES)
    for _ in range(draw(st.integers(1, 3))):
        node = tree
        while True:
            keys = list(node) if isinstance(node, dict) else list(range(len(node)))
            key = draw(st.sampled_from(keys)) if keys else None
            if key is None or not isinstance(node[key], dict | list) or draw(st.booleans()):
                break
            node = node[key]
        change(draw, node, key)
    return tree


def change(draw: st.DrawFn, node: Any, key: Any) -> None:
    """Replace, remove or add one value."""
    how = draw(st.sampled_from(["replace", "remove", "add"]))
    if isinstance(node, list):
        node.append(draw(JSON))
    elif how == "add" or key is None:
        node[draw(st.text(string.ascii_lowercase, max_size=5) | st.sampled_from(["type", "id", "audio"]))] = draw(JSON)
    elif how == "remove":
        del node[key]
    else:
        node[key] = draw(JSON)


def is_answer(answer: object) -> bool:
    """An event, or an error that we know."""
    if isinstance(answer, ErrorDetail):
        return answer.type == "invalid_request_error" and answer.code in CODES
    return isinstance(answer, ClientEvent)


@given(broken())
def test_a_broken_client_event_is_read_or_answered(tree: Any) -> None:
    """No mutation raises, the two roads agree, and every refusal has a rule."""
    answer = codec.decode_client(json.dumps(tree), CALL_TYPES)

    assert is_answer(answer)
    assert codec.client_event_of(tree, CALL_TYPES) == answer
    assert not (isinstance(answer, ErrorDetail) and answer.code == "invalid_event")


@given(
    st.binary()
    | st.text()
    | TREES.map(json.dumps).flatmap(lambda text: st.integers(0, len(text)).map(lambda end: text[:end]))
)
def test_no_frame_raises(frame: bytes | str) -> None:
    """Noise and torn frames, in either direction."""
    assert is_answer(codec.decode_client(frame, CALL_TYPES))
    assert isinstance(codec.decode_server(frame), Unknown)


@st.composite
def broken_server_event(draw: st.DrawFn) -> Any:
    """A server event with one field changed."""
    tree = json.loads(codec.encode(draw(SERVER_EVENTS), "event_1"))
    change(draw, tree, draw(st.sampled_from(sorted(tree))))
    return tree


@given(broken_server_event())
def test_a_broken_server_event_never_raises(tree: Any) -> None:
    """It is typed or unknown."""
    assert isinstance(codec.decode_server(json.dumps(tree)), ServerEvent | Unknown)


def test_a_text_delta_leaves_unchanged() -> None:
    """Letters beyond ASCII are not escaped."""
    event = ResponseOutputTextDelta(response_id="r", item_id="i", output_index=0, content_index=0, delta="Grüße 🌍")

    assert "Grüße 🌍".encode() in codec.encode(event, "event_1")
