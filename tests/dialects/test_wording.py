"""Errors in the words of an older client."""

import pytest
from msgspec import structs

from antiphon.dialects.wording import Worded, in_clients_words, modalities, path_of, worded
from antiphon.protocol import errors
from antiphon.protocol.errors import ErrorDetail

CONTENT = "item.content[0].type"


@pytest.mark.parametrize(
    ("ga", "beta"),
    [
        ("session.audio.input.format.rate", "session.input_audio_format"),
        ("session.audio.input.format", "session.input_audio_format"),
        ("session.audio.output.format.type", "session.output_audio_format"),
        ("session.audio.output.voice.id", "session.voice"),
        ("session.audio.input.turn_detection.threshold", "session.turn_detection.threshold"),
        ("session.audio.input.transcription.model", "session.input_audio_transcription.model"),
        ("session.output_modalities[0]", "session.modalities[0]"),
        ("session.max_output_tokens", "session.max_response_output_tokens"),
        ("response.audio.output.voice", "response.voice"),
        ("session.instructions", "session.instructions"),
        ("item.id", "item.id"),
        ("session.audio.input.formats", "session.audio.input.formats"),
    ],
)
def test_paths_are_the_clients(ga: str, beta: str) -> None:
    """What GA nests stands flat, and what lies below a plain string does not exist."""
    assert path_of(ga, {}) == beta


def test_paths_of_the_event_come_first() -> None:
    """They tell where the items of a context stood."""
    assert (
        path_of("response.input[1].id", {"response.input[1]": "response.input_items[0]"})
        == "response.input_items[0].id"
    )


def test_the_message_names_the_clients_path() -> None:
    """Not only `param` does."""
    error = in_clients_words(errors.missing_parameter("session.audio.input.turn_detection.type"), {})

    assert error == errors.missing_parameter("session.turn_detection.type")


@pytest.mark.parametrize(
    ("ga", "beta"),
    [
        (
            errors.invalid_value(CONTENT, "output_audio", ("input_text", "input_audio", "input_image")),
            errors.invalid_value(CONTENT, "audio", ("input_text", "input_audio")),
        ),
        (errors.invalid_value(CONTENT, "x", ("output_text",)), errors.invalid_value(CONTENT, "x", ("text",))),
        (
            errors.invalid_value("session.audio.input.turn_detection.type", "x", ("server_vad", "semantic_vad")),
            errors.invalid_value("session.turn_detection.type", "x", ("server_vad", "semantic_vad")),
        ),
        (
            errors.invalid_value("item.role", "output_text", ("output_text",)),
            errors.invalid_value("item.role", "output_text", ("output_text",)),
        ),
    ],
)
def test_values_are_the_clients(ga: ErrorDetail, beta: ErrorDetail) -> None:
    """A list names what beta knows. The client's own words are left alone where they are no type."""
    named = structs.replace(ga, event_id="e1")

    assert in_clients_words(named, {}) == structs.replace(beta, event_id="e1")


def test_a_session_of_the_wrong_kind_has_no_type_to_blame() -> None:
    """The sentence is the older one."""
    error = in_clients_words(errors.wrong_session_kind("transcription"), {})

    assert error.param is None
    assert error.message == "Passing a realtime session update event to a transcription session is not allowed."


def test_what_names_no_field_stays() -> None:
    """Most errors do not."""
    assert in_clients_words(errors.nothing_to_cancel(), {}) == errors.nothing_to_cancel()


def test_an_error_in_the_clients_words_is_not_translated_again() -> None:
    """`session.output_modalities` is what the client wrote, although GA knows it."""
    ours = worded(errors.unknown_parameter("session.output_modalities"), "e1")

    assert in_clients_words(ours, {}) is ours
    assert ours.event_id == "e1"
    assert worded(ours).event_id == "e1"


def test_modalities_come_in_two_ways() -> None:
    """As the provider said it."""
    error = modalities("session.modalities", ("audio",))

    assert isinstance(error, Worded)
    assert error.message == "Invalid modalities: ['audio']. Supported combinations are: ['text'] and ['audio', 'text']."
