"""Every error that we send, whole: clients match on its code and its words.

`errors.txt` has one line for each: constructor, code, param, message.
"""

import inspect
from pathlib import Path

import pytest

from antiphon.protocol import errors
from antiphon.protocol.errors import ErrorDetail

MADE = {
    "invalid_json": [errors.invalid_json()],
    "not_an_object": [errors.not_an_object("an array")],
    "nested_too_deep": [errors.nested_too_deep(128)],
    "unreadable": [errors.unreadable("no")],
    "binary_frame": [errors.binary_frame()],
    "missing_parameter": [errors.missing_parameter("session.type")],
    "unknown_parameter": [errors.unknown_parameter("session.bogus")],
    "invalid_value": [
        errors.invalid_value("p", "bogus", ["low", "high"]),
        errors.invalid_value("p", "bogus", ["low", "medium", "high"]),
        errors.invalid_value("p", "input_text", ["text"]),
        errors.invalid_value("p", "x" * 129, ["text"]),
    ],
    "invalid_type": [errors.invalid_type("audio_end_ms", "an integer", "a decimal number")],
    "out_of_range": [
        errors.out_of_range("p", kind="decimal", bound=0.6, got=0.3, low=True),
        errors.out_of_range("p", kind="decimal", bound=1.0, got=2.0, low=False),
        errors.out_of_range("p", kind="integer", bound=24000, got=16000, low=True),
        errors.out_of_range("p", kind="integer", bound=8, got=9, low=False),
    ],
    "string_too_long": [errors.string_too_long("item.id", 32, 39)],
    "pattern_mismatch": [errors.pattern_mismatch("item.call_id", "^[a-z]+$")],
    "empty_array": [errors.empty_array("p")],
    "too_many_properties": [errors.too_many_properties("metadata", 16, 24)],
    "property_name_too_long": [errors.property_name_too_long("metadata", "k" * 70, 64)],
    "invalid_audio": [errors.invalid_audio("item.content[0].audio")],
    "empty_audio": [errors.empty_audio("audio")],
    "audio_too_long": [errors.audio_too_long("audio", 10, 11)],
    "cannot_update_voice": [errors.cannot_update_voice()],
    "wrong_session_kind": [errors.wrong_session_kind("realtime"), errors.wrong_session_kind("transcription", "type")],
    "not_allowed": [errors.not_allowed("p", "Not now.")],
    "modalities": [errors.modalities("session.output_modalities", ("text", "audio"))],
    "prompt_unknown": [errors.prompt_unknown("session.prompt", "pmpt_1")],
    "session_expired": [errors.session_expired(60)],
    "commit_too_small": [errors.commit_too_small(12.3456, 100)],
    "buffer_full": [errors.buffer_full(900)],
    "previous_item_unknown": [errors.previous_item_unknown("item_1"), errors.previous_item_unknown("x" * 129)],
    "item_exists": [errors.item_exists("item_1")],
    "item_unknown": [errors.item_unknown("retrieve", "item_1"), errors.item_unknown("delete", "item_1")],
    "truncate_unknown": [errors.truncate_unknown("item_1")],
    "truncate_too_long": [errors.truncate_too_long(9250, 57340)],
    "truncate_not_audio": [errors.truncate_not_audio()],
    "reference_unknown": [errors.reference_unknown("item_1", "response.input[0].id")],
    "tool_call_unknown": [errors.tool_call_unknown("call_1")],
    "approval_unknown": [errors.approval_unknown("item_1")],
    "active_response": [errors.active_response("resp_1")],
    "nothing_to_cancel": [errors.nothing_to_cancel()],
    "no_responses_here": [errors.no_responses_here()],
    "missing_key": [errors.missing_key()],
    "bad_key": [errors.bad_key("sk-...abc")],
    "missing_model": [errors.missing_model()],
    "unknown_model": [errors.unknown_model("x")],
    "model_with_transcription": [errors.model_with_transcription()],
    "invalid_intent": [errors.invalid_intent("x")],
    "beta_disabled": [errors.beta_disabled()],
    "body_too_large": [errors.body_too_large(1048576)],
    "too_many_secrets": [errors.too_many_secrets()],
    "too_many_sessions": [errors.too_many_sessions(8)],
    "call_unknown": [errors.call_unknown("rtc_x")],
    "bad_offer": [errors.bad_offer("it has no audio")],
    "bad_call_body": [errors.bad_call_body()],
    "too_many_calls": [errors.too_many_calls(8)],
    "too_many_half_open": [errors.too_many_half_open(8)],
    "webrtc_missing": [errors.webrtc_missing()],
    "no_media_port": [errors.no_media_port()],
    "server_error": [errors.server_error("sess_1")],
}


def test_an_error_is_whole() -> None:
    """Its code, its parameter and its words."""
    told = [
        f"{name} | {one.code or '-'} | {one.param or '-'} | {one.message}"
        for name, some in MADE.items()
        for one in some
    ]

    assert told == (Path(__file__).parent / "errors.txt").read_text().splitlines()


def test_the_fault_is_mostly_the_clients() -> None:
    """Only what fails at our side has another type; and no constructor knows the event that was wrong."""
    types = {name: one.type for name, some in MADE.items() for one in some}

    ours = {name for name, kind in types.items() if kind == "server_error"}
    assert ours == {"server_error", "no_media_port"}
    assert {kind for name, kind in types.items() if name not in ours} == {"invalid_request_error"}
    assert all(one.event_id is None for some in MADE.values() for one in some)


def test_every_error_is_here() -> None:
    """A new constructor needs a row."""
    made = {
        name
        for name, one in inspect.getmembers(errors, inspect.isfunction)
        if not name.startswith("_") and one.__annotations__["return"] is ErrorDetail
    }

    assert made == set(MADE)


@pytest.mark.parametrize(
    ("values", "text"), [([], ""), (["a"], "'a'"), (["a", "b"], "'a' or 'b'"), (["a", "b", "c"], "'a', 'b', or 'c'")]
)
def test_lists_are_written_as_the_provider_does(values: list[str], text: str) -> None:
    """With the comma before the last of three."""
    assert errors.listed(values, "or") == text
