"""The first rule that a value breaks, told in the provider's words."""

import base64
from typing import Annotated, Any, Literal

import pytest

from antiphon.protocol import errors
from antiphon.protocol.client_events import MAX_APPEND_BYTES, ClientEvent
from antiphon.protocol.errors import ErrorDetail
from antiphon.protocol.violations import Rules
from antiphon.protocol.wire import Meta, UnsetType

RULES = Rules(ClientEvent)


def found(tree: Any, wire_type: Any = None) -> ErrorDetail | None:
    """The violation of a client event, or of another type."""
    return (Rules(wire_type) if wire_type else RULES).violation(tree)


def update(**session: Any) -> dict[str, Any]:
    """A `session.update` of a realtime session."""
    return {"type": "session.update", "session": {"type": "realtime", **session}}


def create(**item: Any) -> dict[str, Any]:
    """A `conversation.item.create`."""
    return {"type": "conversation.item.create", "item": item}


def respond(**response: Any) -> dict[str, Any]:
    """A `response.create`."""
    return {"type": "response.create", "response": response}


def append(audio: Any) -> dict[str, Any]:
    """An `input_audio_buffer.append`."""
    return {"type": "input_audio_buffer.append", "audio": audio}


@pytest.mark.parametrize(
    "tree",
    [
        update(),
        update(audio={"input": {"format": {"type": "audio/pcm", "rate": 24000}, "turn_detection": None}}),
        update(tools=[{"type": "function", "name": "f", "parameters": {"any": [1, None]}}], tool_choice="auto"),
        update(max_output_tokens="inf"),
        update(max_output_tokens=4096),
        update(audio={"output": {"voice": {"id": "voice_1"}, "speed": 1}}),
        create(type="message", role="user", content=[{"type": "input_text", "text": "a"}]),
        create(type="function_call_output", call_id="call_1", output=""),
        respond(metadata={"k": "v"}, input=[{"type": "item_reference", "id": "item_1"}]),
        append("AAAA"),
    ],
)
def test_what_is_right_breaks_no_rule(tree: Any) -> None:
    """The second pass agrees with the first."""
    assert found(tree) is None


@pytest.mark.parametrize(
    ("tree", "param"),
    [
        ({}, "type"),
        ({"type": "session.update"}, "session"),
        ({"type": "session.update", "session": {}}, "session.type"),
        ({"type": "input_audio_buffer.append"}, "audio"),
        (update(audio={"input": {"format": {"rate": 24000}}}), "session.audio.input.format.type"),
        (update(truncation={"retention_ratio": 0.5}), "session.truncation.type"),
        (create(type="message", role="user", content=[{"type": "input_text"}]), "item.content[0].text"),
    ],
)
def test_a_missing_field_is_named_by_its_path(tree: Any, param: str) -> None:
    """Bare at the top, with dots and indices below."""
    assert found(tree) == errors.missing_parameter(param)


@pytest.mark.parametrize(
    ("tree", "param"),
    [
        ({"type": "input_audio_buffer.commit", "item_id": "x"}, "item_id"),
        (update(id="sess_1"), "session.id"),
        (update(tools=[{"type": "function", "name": "f", "meta": 1}]), "session.tools[0].meta"),
        (respond(audio={"output": {"speed": 1}}), "response.audio.output.speed"),
        (update(**{"k" * 200: 1}), f"session.{'k' * 125}..."),
    ],
)
def test_an_unknown_key_is_an_error_at_every_depth(tree: Any, param: str) -> None:
    """What the server sets is as unknown as what nobody knows; a long key is cut."""
    assert found(tree) == errors.unknown_parameter(param)


@pytest.mark.parametrize(
    ("tree", "param", "expected", "got"),
    [
        ({"type": 7}, "type", "a string", "an integer"),
        (update(instructions=None), "session.instructions", "a string", "null"),
        (update(instructions=[]), "session.instructions", "a string", "an array"),
        (update(tools="none"), "session.tools", "an array of objects", "a string"),
        (update(tools=["none"]), "session.tools[0]", "an object", "a string"),
        (update(output_modalities=True), "session.output_modalities", "an array of strings", "a boolean"),
        (update(output_modalities=[1]), "session.output_modalities[0]", "one of 'text' or 'audio'", "an integer"),
        (update(include=[None]), "session.include[0]", "'item.input_audio_transcription.logprobs'", "null"),
        (update(parallel_tool_calls=1), "session.parallel_tool_calls", "a boolean", "an integer"),
        (update(max_output_tokens=1.5), "session.max_output_tokens", "one of an integer or 'inf'", "a decimal number"),
        (
            update(tool_choice=7),
            "session.tool_choice",
            "one of an object or 'auto', 'none', or 'required'",
            "an integer",
        ),
        (
            update(audio={"output": {"voice": 1}}),
            "session.audio.output.voice",
            "one of a string or object",
            "an integer",
        ),
        (update(audio={"output": {"speed": "1"}}), "session.audio.output.speed", "a decimal", "a string"),
        (
            update(tools=[{"type": "mcp", "server_label": "s", "allowed_tools": 1}]),
            "session.tools[0].allowed_tools",
            "one of an array of strings or object",
            "an integer",
        ),
        (respond(metadata={"k": 7}), "response.metadata.k", "a string", "an integer"),
        (append(7), "audio", "a string", "an integer"),
        (
            {"type": "conversation.item.truncate", "item_id": "i", "content_index": 0, "audio_end_ms": 1.5},
            "audio_end_ms",
            "an integer",
            "a decimal number",
        ),
    ],
)
def test_a_value_of_another_kind(tree: Any, param: str, expected: str, got: str) -> None:
    """Both kinds are named, each with its article; null counts where it is not allowed."""
    assert found(tree) == errors.invalid_type(param, expected, got)


def test_three_kinds_are_listed_with_a_comma() -> None:
    """And null, which goes without saying, is not."""
    assert found(1.5, int | str | bool | None) == errors.invalid_type(
        "", "one of an integer, string, or boolean", "a decimal number"
    )


@pytest.mark.parametrize(
    ("tree", "param", "got", "supported"),
    [
        (
            update(reasoning={"effort": "a"}),
            "session.reasoning.effort",
            "a",
            ["minimal", "low", "medium", "high", "xhigh"],
        ),
        (update(max_output_tokens="many"), "session.max_output_tokens", "many", ["inf"]),
        (update(tool_choice={"type": "x"}), "session.tool_choice.type", "x", ["function", "mcp"]),
        (
            update(audio={"input": {"turn_detection": {"type": "none"}}}),
            "session.audio.input.turn_detection.type",
            "none",
            ["server_vad", "semantic_vad"],
        ),
        (
            {"type": "session.update", "session": {"type": "translation"}},
            "session.type",
            "translation",
            ["realtime", "transcription"],
        ),
    ],
)
def test_a_value_outside_its_list(tree: Any, param: str, got: str, supported: list[str]) -> None:
    """The list is in the order of the source."""
    assert found(tree) == errors.invalid_value(param, got, supported)


@pytest.mark.parametrize(
    ("tree", "param", "bound", "got", "low"),
    [
        (update(max_output_tokens=0), "session.max_output_tokens", 1, 0, True),
        (update(max_output_tokens=4097), "session.max_output_tokens", 4096, 4097, False),
        (
            update(audio={"input": {"format": {"type": "audio/pcm", "rate": 16000}}}),
            "session.audio.input.format.rate",
            24000,
            16000,
            True,
        ),
        (
            {"type": "conversation.item.truncate", "item_id": "i", "content_index": 0, "audio_end_ms": 2**31},
            "audio_end_ms",
            2**31 - 1,
            2**31,
            False,
        ),
    ],
)
def test_an_integer_out_of_bounds(tree: Any, param: str, bound: int, got: int, low: bool) -> None:
    """The bound that was crossed is named."""
    assert found(tree) == errors.out_of_range(param, kind="integer", bound=bound, got=got, low=low)


@pytest.mark.parametrize(("speed", "bound", "low"), [(0.1, 0.25, True), (2, 1.5, False)])
def test_a_decimal_out_of_bounds(speed: float, bound: float, low: bool) -> None:
    """Also where the client wrote an integer."""
    assert found(update(audio={"output": {"speed": speed}})) == errors.out_of_range(
        "session.audio.output.speed", kind="decimal", bound=bound, got=speed, low=low
    )


def test_texts_have_a_length_and_a_pattern() -> None:
    """Ids of items and of calls, as the provider has them."""
    pattern = "^[a-zA-Z0-9_-]+$"

    assert found(create(type="message", role="user", content=[], id="i" * 33)) == errors.string_too_long(
        "item.id", 32, 33
    )
    assert found(create(type="function_call_output", call_id="a b", output="")) == errors.pattern_mismatch(
        "item.call_id", pattern
    )


def test_audio_is_base64_not_empty_and_not_endless() -> None:
    """An empty append is a bug of the client's; 15 MiB are the most."""
    too_much = base64.b64encode(bytes(MAX_APPEND_BYTES + 1)).decode()

    assert found(append("AAA")) == errors.invalid_audio("audio")
    assert found(append("é")) == errors.invalid_audio("audio")
    assert found(append("")) == errors.empty_audio("audio")
    assert found(append(too_much)) == errors.audio_too_long("audio", MAX_APPEND_BYTES, MAX_APPEND_BYTES + 1)


def test_metadata_is_bounded() -> None:
    """16 keys of 64 characters with values of 512."""
    assert found(respond(metadata={str(n): "" for n in range(17)})) == errors.too_many_properties(
        "response.metadata", 16, 17
    )
    assert found(respond(metadata={"k" * 65: ""})) == errors.property_name_too_long("response.metadata", "k" * 65, 64)
    assert found(respond(metadata={"k": "v" * 513})) == errors.string_too_long("response.metadata.k", 512, 513)


def test_keys_without_a_limit_may_be_long() -> None:
    """Only metadata bounds its keys."""
    assert found({"k" * 500: 1}, dict[str, int]) is None
    assert found({"k": "v"}, dict[Annotated[str, Meta(max_length=2)], int]) == errors.invalid_type(
        "k", "an integer", "a string"
    )


def test_an_array_may_not_be_empty_where_it_must_say_something() -> None:
    """`languages` names at least one."""
    path = "session.audio.input.transcription.languages"

    assert found(update(audio={"input": {"transcription": {"languages": []}}})) == errors.empty_array(path)


def test_what_is_missing_comes_before_what_is_unknown_before_what_is_wrong() -> None:
    """The provider's order; then the order of the document."""
    truncate = {"type": "conversation.item.truncate", "content_index": "a", "audio_end_ms": "b"}

    assert found(truncate | {"bogus": 1}) == errors.missing_parameter("item_id")
    assert found(truncate | {"bogus": 1, "item_id": "i"}) == errors.unknown_parameter("bogus")
    assert found(truncate | {"item_id": 1}) == errors.invalid_type("content_index", "an integer", "a string")


def test_a_literal_beside_another_kind() -> None:
    """`'x'` or an integer, and nothing else."""
    either = Literal["x"] | int | UnsetType

    assert found("x", either) is None
    assert found("y", either) == errors.invalid_value("", "y", ["x"])
    assert found(1.5, either) == errors.invalid_type("", "one of an integer or 'x'", "a decimal number")
