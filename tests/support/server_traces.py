"""Traces of a GA server, as they go over the wire: one dict an event."""

import base64
from typing import Any

Trace = list[dict[str, Any]]

PCM_FORMAT = {"type": "audio/pcm", "rate": 24000}
MS = b"\1\0" * 24
"""A millisecond of sound."""


def session(**changes: Any) -> dict[str, Any]:
    """A session object."""
    return {
        "type": "realtime",
        "object": "realtime.session",
        "id": "sess_1",
        "expires_at": 1756324625,
        "model": "gpt-realtime",
        "audio": {"input": {"format": PCM_FORMAT}, "output": {"format": PCM_FORMAT, "voice": "alloy"}},
    } | changes


def message(item_id: str, role: str, *content: dict[str, Any], status: str = "completed") -> dict[str, Any]:
    """A message item."""
    return {"type": "message", "id": item_id, "role": role, "status": status, "content": list(content)}


def response(response_id: str, status: str = "in_progress", **changes: Any) -> dict[str, Any]:
    """A response object."""
    return {
        "object": "realtime.response",
        "id": response_id,
        "status": status,
        "status_details": None,
        "output": [],
        "conversation_id": "conv_1",
        "output_modalities": ["audio"],
        "max_output_tokens": "inf",
        "audio": {"output": {"format": PCM_FORMAT, "voice": "alloy"}},
        "usage": None,
        "metadata": None,
    } | changes


def in_item(kind: str, response_id: str, item_id: str, **fields: Any) -> dict[str, Any]:
    """An event about a content part of an answer."""
    where = {"response_id": response_id, "item_id": item_id, "output_index": 0, "content_index": 0}
    return {"type": kind, **where, **fields}


def audio_delta(response_id: str, item_id: str, ms: int) -> dict[str, Any]:
    """So much sound of an answer."""
    delta = base64.b64encode(MS * ms).decode()
    return in_item("response.output_audio.delta", response_id, item_id, delta=delta)


def spoken_turn(item_id: str = "item_1", previous: str | None = None, *, start_ms: int = 200) -> Trace:
    """The caller's turn, as turn detection hears it."""
    user = message(item_id, "user", {"type": "input_audio", "transcript": None})
    return [
        {"type": "input_audio_buffer.speech_started", "audio_start_ms": start_ms, "item_id": item_id},
        {"type": "input_audio_buffer.speech_stopped", "audio_end_ms": start_ms + 1_500, "item_id": item_id},
        {"type": "input_audio_buffer.committed", "previous_item_id": previous, "item_id": item_id},
        {"type": "conversation.item.added", "previous_item_id": previous, "item": user},
        {"type": "conversation.item.done", "previous_item_id": previous, "item": user},
    ]


def transcribed(item_id: str = "item_1", text: str = "Hello there.") -> Trace:
    """The caller's words, in two pieces."""
    kind = "conversation.item.input_audio_transcription"
    where = {"item_id": item_id, "content_index": 0}
    return [
        {"type": f"{kind}.delta", **where, "delta": text[:5]},
        {"type": f"{kind}.delta", **where, "delta": text[5:]},
        {"type": f"{kind}.completed", **where, "transcript": text, "usage": {"type": "duration", "seconds": 2}},
    ]


def answer_begun(response_id: str = "resp_1", item_id: str = "item_2", previous: str | None = "item_1") -> Trace:
    """A spoken answer up to its first 400 ms of sound."""
    open_item = message(item_id, "assistant", status="in_progress")
    return [
        {"type": "response.created", "response": response(response_id)},
        {"type": "response.output_item.added", "response_id": response_id, "output_index": 0, "item": open_item},
        {"type": "conversation.item.added", "previous_item_id": previous, "item": open_item},
        in_item("response.content_part.added", response_id, item_id, part={"type": "audio", "transcript": ""}),
        in_item("response.output_audio_transcript.delta", response_id, item_id, delta="Good "),
        audio_delta(response_id, item_id, 300),
        in_item("response.output_audio_transcript.delta", response_id, item_id, delta="morning."),
        audio_delta(response_id, item_id, 100),
    ]


def answer_ended(
    response_id: str = "resp_1",
    item_id: str = "item_2",
    previous: str | None = "item_1",
    *,
    status: str = "completed",
    details: dict[str, Any] | None = None,
    text: str = "Good morning.",
) -> Trace:
    """The end of that answer, whatever it is."""
    part = {"type": "output_audio", "transcript": text}
    done = message(item_id, "assistant", part, status="completed" if status == "completed" else "incomplete")
    usage = {"total_tokens": 9, "input_tokens": 4, "output_tokens": 5}
    final = response(response_id, status, status_details=details, output=[done], usage=usage)
    return [
        in_item("response.output_audio.done", response_id, item_id),
        in_item("response.output_audio_transcript.done", response_id, item_id, transcript=text),
        in_item("response.content_part.done", response_id, item_id, part={"type": "audio", "transcript": text}),
        {"type": "conversation.item.done", "previous_item_id": previous, "item": done},
        {"type": "response.output_item.done", "response_id": response_id, "output_index": 0, "item": done},
        {"type": "response.done", "response": final},
        {
            "type": "rate_limits.updated",
            "rate_limits": [{"name": "tokens", "limit": 9, "remaining": 8, "reset_seconds": 1.5}],
        },
    ]


def barge_in(item_id: str = "item_3", previous: str = "item_2") -> Trace:
    """The caller speaks into the answer: it ends, and is cut at 250 ms."""
    started, *rest = spoken_turn(item_id, previous, start_ms=4_000)
    interrupted = answer_ended(status="cancelled", details={"type": "cancelled", "reason": "turn_detected"})
    cut = {"type": "conversation.item.truncated", "item_id": "item_2", "content_index": 0, "audio_end_ms": 250}
    return [started, *interrupted, cut, *rest]


def written_answer(response_id: str, item_id: str, **changes: Any) -> Trace:
    """A whole written answer that is in no conversation."""
    done = message(item_id, "assistant", {"type": "output_text", "text": "Four."})
    kind = "response.output_text"
    final = response(response_id, "completed", output=[done], conversation_id=None, **changes)
    return [
        {"type": "response.created", "response": response(response_id, conversation_id=None, **changes)},
        {"type": "response.output_item.added", "response_id": response_id, "output_index": 0, "item": done},
        in_item(f"{kind}.delta", response_id, item_id, delta="Fo"),
        in_item(f"{kind}.delta", response_id, item_id, delta="ur."),
        in_item(f"{kind}.done", response_id, item_id, text="Four."),
        {"type": "response.output_item.done", "response_id": response_id, "output_index": 0, "item": done},
        {"type": "response.done", "response": final},
    ]


def function_call(response_id: str, item_id: str) -> Trace:
    """The model asks for a function."""
    call = {"type": "function_call", "id": item_id, "status": "in_progress", "name": "weather", "call_id": "call_1"}
    where = {"response_id": response_id, "item_id": item_id, "output_index": 0, "call_id": "call_1"}
    arguments = '{"city":"Oslo"}'
    done = call | {"status": "completed", "arguments": arguments}
    return [
        {"type": "response.created", "response": response(response_id)},
        {
            "type": "response.output_item.added",
            "response_id": response_id,
            "output_index": 0,
            "item": call | {"arguments": ""},
        },
        {"type": "response.function_call_arguments.delta", **where, "delta": arguments[:4]},
        {"type": "response.function_call_arguments.delta", **where, "delta": arguments[4:]},
        {"type": "response.function_call_arguments.done", **where, "name": "weather", "arguments": arguments},
        {"type": "response.output_item.done", "response_id": response_id, "output_index": 0, "item": done},
        {"type": "response.done", "response": response(response_id, "completed", output=[done])},
    ]


def whole_session() -> Trace:
    """A session with everything in it."""
    return [
        {"type": "session.created", "session": session()},
        {"type": "session.updated", "session": session(instructions="Be brief.")},
        *spoken_turn(),
        *transcribed(),
        *answer_begun(),
        *barge_in(),
        *transcribed("item_3", "Wait a moment."),
        *answer_begun("resp_2", "item_4", "item_3"),
        *answer_ended("resp_2", "item_4", "item_3"),
        *written_answer("resp_3", "item_5"),
        *function_call("resp_4", "item_6"),
        {"type": "conversation.item.deleted", "item_id": "item_1"},
        {"type": "weather.changed", "sky": "blue"},
        {
            "type": "error",
            "error": {"type": "invalid_request_error", "code": None, "message": "No.", "param": None, "event_id": None},
        },
    ]
