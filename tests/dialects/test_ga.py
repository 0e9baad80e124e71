"""GA is the language inside: one frame, one event."""

import json

from antiphon.dialects.ga import GA
from antiphon.protocol import codec, errors
from antiphon.protocol.client_events import InputAudioBufferCommit, OutputAudioBufferClear
from antiphon.protocol.errors import ErrorDetail
from antiphon.protocol.server_events import InputAudioBufferCleared


def test_a_frame_is_one_event() -> None:
    """What comes in is what it says."""
    assert GA().receive('{"type":"input_audio_buffer.commit"}') == [InputAudioBufferCommit()]


def test_a_mistake_is_a_value() -> None:
    """A frame that is no event gives the error, and no exception."""
    assert GA().receive("nonsense") == [errors.invalid_json()]


def test_an_event_is_one_frame_under_its_name() -> None:
    """The name is given by the caller, so that all links of a session know an event by the same one."""
    frames = GA().send(InputAudioBufferCleared(), "event_1")

    assert [json.loads(frame) for frame in frames] == [{"type": "input_audio_buffer.cleared", "event_id": "event_1"}]


def test_a_transport_says_what_it_takes() -> None:
    """Clearing the output is for calls; over a WebSocket its type is not known."""
    frame = b'{"type":"output_audio_buffer.clear"}'

    refused = GA().receive(frame)[0]
    assert isinstance(refused, ErrorDetail)
    assert refused.code == "invalid_value"
    assert GA(codec.CALL_TYPES).receive(frame) == [OutputAudioBufferClear()]
