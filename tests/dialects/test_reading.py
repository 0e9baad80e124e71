"""Frames of older clients."""

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import inspect
from wire_samples import JSON, sample

from antiphon.dialects import beta_shapes, preview_shapes
from antiphon.dialects.beta import TYPES
from antiphon.dialects.reading import HEAD_LENGTH, Reader, append_of
from antiphon.dialects.wording import Worded
from antiphon.protocol.client_events import ClientEventBase, InputAudioBufferAppend

READER, PREVIEW_READER = Reader(beta_shapes.ClientEvent), Reader(preview_shapes.ClientEvent)
BETA_EVENTS = sample(inspect.type_info(beta_shapes.ClientEvent))
PREVIEW_EVENTS = sample(inspect.type_info(preview_shapes.ClientEvent))
APPEND = '{"type":"input_audio_buffer.append","audio":"AAAA"}'


@pytest.mark.parametrize("frame", [APPEND, APPEND.encode(), b'\xff{"type":"input_audio_buffer.append"'])
def test_an_append_is_seen_by_its_head(frame: str | bytes) -> None:
    """Broken ones are left to the reader, which says what is wrong."""
    assert (append_of(frame) is None) == (frame[:1] == b"\xff")


def test_an_append_that_says_so_late_is_read_all_the_same() -> None:
    """Keys have no order."""
    frame = json.dumps({"audio": "A" * 4 * HEAD_LENGTH, "type": "input_audio_buffer.append"})

    assert append_of(frame) is None
    assert isinstance(READER.read(frame, TYPES), InputAudioBufferAppend)


@pytest.mark.parametrize(
    ("frame", "code", "event_id"),
    [
        ("{", "invalid_json", None),
        ("[]", "invalid_event", None),
        ('{"event_id":"e1"}', "missing_required_parameter", "e1"),
        ('{"type":7,"event_id":"e1"}', "invalid_type", "e1"),
        ('{"type":"nope","event_id":"e1"}', "invalid_value", "e1"),
        ('{"type":"nope","event_id":1}', "invalid_value", None),
        ('{"type":"input_audio_buffer.clear","event_id":"' + "x" * 513 + '"}', "string_above_max_length", None),
        ('{"type":"input_audio_buffer.append","audio":"?","event_id":"e1"}', "invalid_value", "e1"),
    ],
)
def test_what_is_wrong_is_said_exactly(frame: str, code: str, event_id: str | None) -> None:
    """With the client's name for it, where that can be read."""
    error = READER.read(frame, TYPES)

    assert isinstance(error, Worded)
    assert (error.code, error.event_id) == (code, event_id)


@settings(deadline=None)
@given(BETA_EVENTS)
def test_every_event_of_beta_is_read_as_it_was_written(event: ClientEventBase) -> None:
    """All that the structs allow."""
    assert READER.read(msgspec.json.encode(event), TYPES) == event


@settings(deadline=None)
@given(PREVIEW_EVENTS)
def test_every_event_of_preview_is_read_as_it_was_written(event: ClientEventBase) -> None:
    """All that the structs allow."""
    assert PREVIEW_READER.read(msgspec.json.encode(event), TYPES) == event


@settings(deadline=None)
@given(st.sampled_from(TYPES), st.dictionaries(st.sampled_from(["session", "item", "response", "audio"]), JSON))
def test_nothing_that_a_client_sends_is_a_fault_of_ours(kind: str, keys: dict[str, object]) -> None:
    """An event, or a rule that it breaks."""
    read = READER.read(json.dumps({"type": kind, **keys}), TYPES)

    assert not isinstance(read, Worded) or not read.message.startswith("Invalid event")
