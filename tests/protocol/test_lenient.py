"""What another server sent is read as far as it can be."""

from typing import Any

import pytest
from msgspec import inspect

from antiphon.protocol.errors import ErrorDetail
from antiphon.protocol.items import FunctionCall, InputText, Message
from antiphon.protocol.lenient import UNREADABLE, read
from antiphon.protocol.response import Response, ResponseAudio
from antiphon.protocol.server_events import (
    ConversationItemInputAudioTranscriptionCompleted,
    Error,
    ResponseDone,
    ResponseOutputTextDelta,
    ServerEvent,
    TranscriptionDuration,
)
from antiphon.protocol.session import Audio, AudioInput, PcmFormat, RealtimeSession, ServerVad

SERVER = inspect.type_info(ServerEvent)
DELTA = {
    "type": "response.output_text.delta",
    "response_id": "resp_1",
    "item_id": "item_1",
    "output_index": 0,
    "content_index": 0,
    "delta": "Hi",
}
RESPONSE = {"id": "resp_1", "status": "completed", "output": []}


def session(**fields: Any) -> Any:
    """What is read of the session in a `session.created`."""
    body = {"type": "realtime", "id": "sess_1", "expires_at": 1, **fields}
    event = read({"type": "session.created", "session": body}, SERVER)
    return event if event is UNREADABLE else event.session


def test_keys_of_a_newer_server_are_dropped() -> None:
    """The provider pads its deltas with `obfuscation`."""
    assert read(DELTA | {"obfuscation": "x8Y"}, SERVER) == ResponseOutputTextDelta(
        response_id="resp_1", item_id="item_1", output_index=0, content_index=0, delta="Hi"
    )


def test_indices_that_are_left_out_are_zero() -> None:
    """Servers with one item and one part see no need to count them."""
    sent = {key: value for key, value in DELTA.items() if not key.endswith("_index")}

    assert read(sent, SERVER) == read(DELTA, SERVER)
    assert read(DELTA | {"content_index": None}, SERVER) == read(DELTA, SERVER)


def test_an_event_without_its_ids_is_unreadable() -> None:
    """Nobody could say what it belongs to."""
    assert read(DELTA | {"item_id": None}, SERVER) is UNREADABLE


def test_a_bare_response_is_filled_up() -> None:
    """Small servers send little more than the status."""
    assert read({"type": "response.done", "response": RESPONSE}, SERVER) == ResponseDone(
        response=Response(
            id="resp_1",
            status="completed",
            conversation_id=None,
            output_modalities=("audio",),
            max_output_tokens="inf",
            audio=ResponseAudio(),
        )
    )


def test_a_transcript_without_usage_has_cost_nothing() -> None:
    """Early servers sent none."""
    sent = {
        "type": "conversation.item.input_audio_transcription.completed",
        "item_id": "item_1",
        "transcript": "hello",
    }

    assert read(sent, SERVER) == ConversationItemInputAudioTranscriptionCompleted(
        item_id="item_1", transcript="hello", usage=TranscriptionDuration(seconds=0)
    )


def test_an_error_arrives_however_little_it_says() -> None:
    """Someone waits for it; codes that are numbers are left out."""
    sent = {"type": "error", "error": {"message": "No.", "code": 500}}

    assert read(sent, SERVER) == Error(error=ErrorDetail(type="server_error", message="No."))


def test_bounds_are_not_checked() -> None:
    """They are rules for clients; another server may have others."""
    vad = {"type": "server_vad", "threshold": 7, "idle_timeout_ms": 1}

    assert session(
        audio={"input": {"format": {"type": "audio/pcm", "rate": 16000}, "turn_detection": vad}}
    ).audio == Audio(
        input=AudioInput(format=PcmFormat(rate=16000), turn_detection=ServerVad(threshold=7, idle_timeout_ms=1))
    )


def test_an_optional_value_of_another_kind_is_left_out() -> None:
    """It claims nothing to leave it out; null stays null where it says something."""
    assert session(instructions=7, tracing=None, prompt=[]) == RealtimeSession(id="sess_1", expires_at=1, tracing=None)


def test_a_default_that_says_something_does_not_stand_for_nonsense() -> None:
    """A rate that we cannot read is not 24,000; the format goes with it."""
    assert session(audio={"input": {"format": {"type": "audio/pcm", "rate": "fast"}}}).audio == Audio(
        input=AudioInput()
    )


def test_null_is_absent_where_it_says_nothing() -> None:
    """Then the default stands."""
    sent = RESPONSE | {"object": None, "usage": {"total_tokens": 3, "input_tokens": None}}

    usage = read({"type": "response.done", "response": sent}, SERVER).response.usage

    assert (usage.total_tokens, usage.input_tokens) == (3, 0)


def test_elements_that_cannot_be_read_are_dropped_alone() -> None:
    """A new kind of item costs no one the others, and a new kind of variable neither."""
    call = {"type": "function_call", "id": "i" * 40, "call_id": "functions.f:0", "name": "f", "arguments": "{}"}
    message = {
        "type": "message",
        "role": "user",
        "content": [{"type": "hologram"}, {"type": "input_text", "text": "a"}],
    }
    sent = RESPONSE | {"output": [{"type": "thought"}, call, message]}

    assert read({"type": "response.done", "response": sent}, SERVER).response.output == (
        FunctionCall(id="i" * 40, call_id="functions.f:0", name="f", arguments="{}"),
        Message(role="user", content=(InputText(text="a"),)),
    )
    assert session(prompt={"id": "p", "variables": {"a": "x", "b": {"type": "hologram"}}}).prompt.variables == {
        "a": "x"
    }


def test_a_status_of_another_day_makes_the_event_unreadable() -> None:
    """A response whose state is unknown cannot be acted on."""
    sent = {"type": "response.done", "response": RESPONSE | {"status": "dreaming"}}

    assert read(sent, SERVER) is UNREADABLE


@pytest.mark.parametrize(("sent", "heard"), [("AAA=", b"\0\0"), ("!!", UNREADABLE), (7, UNREADABLE)])
def test_audio_is_base64(sent: Any, heard: Any) -> None:
    """Broken audio is no audio."""
    event = read(DELTA | {"type": "response.output_audio.delta", "delta": sent}, SERVER)

    assert event is heard or event.delta == heard


@pytest.mark.parametrize("sent", [{}, {"type": "response.telepathy"}, {"type": 7}, [], None])
def test_what_is_no_known_event_is_unreadable(sent: Any) -> None:
    """The caller keeps the tree, see `codec.Unknown`."""
    assert read(sent, SERVER) is UNREADABLE
