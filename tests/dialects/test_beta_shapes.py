"""The shapes agree with what the schemas of the day say of clients, field by field.

Where we differ it is meant, and the reason stands here; a difference that is gone fails as well.
"""

from collections.abc import Iterator
from typing import Any

from older_facts import table
from wire_facts import differences, our_events, pairs

from antiphon.dialects import beta_shapes
from antiphon.dialects.beta import TYPES

CHOICE = "the schema says string; the text beside it, and the wire, have an object too"
LATE = "the last months of beta had it; the schema is of July 2025"
UNUSED = "taken, whatever it holds: it means something over REST alone"
REFERENCE = "a reference stands only in the input of a response"

MEANT = {
    "Audio|InputAudio|InputText|Text: types ['audio', 'input_audio', 'input_text', 'text'] here, "
    "['audio', 'input_audio', 'input_text', 'item_reference', 'text'] there": REFERENCE,
    "Audio|InputAudio|InputText|Text.id: absent here, string there": REFERENCE,
    "Audio: types ['audio'] here, [] there": "refused by role, with the same words",
    "Audio.audio: string here, absent there": "refused by role, with the same words",
    "Audio.transcript: string here, absent there": "refused by role, with the same words",
    "Response.conversation: 'auto'|'none' here, string there": "documented as these two",
    "Response.max_output_tokens: 'inf'|integer here, absent there": "preview's and GA's name; clients send it",
    "Response.tool_choice: 'auto'|'none'|'required'|object here, string there": CHOICE,
    "Session.client_secret: any here, object there": UNUSED,
    ".expires_after: absent here, object there": UNUSED,
    "Session.include: ['item.input_audio_transcription.logprobs'] here, absent there": "the session shows it",
    "Session.prompt: object here, absent there": LATE,
    "Session.tool_choice: 'auto'|'none'|'required'|object here, string there": CHOICE,
    "SemanticVad|ServerVad.idle_timeout_ms: integer here, absent there": LATE,
    "ToolChoiceFunction: types ['function'] here, [] there": CHOICE,
    "ToolChoiceFunction.name: !string here, absent there": CHOICE,
    "TranscriptionSession.client_secret: any here, object there": UNUSED,
    ".expires_at: absent here, object there": UNUSED,
    "TranscriptionSession.include: ['item.input_audio_transcription.logprobs'] here, [string] there": "the one",
    "Transcription.model: string here, 'gpt-4o-mini-transcribe'|'gpt-4o-transcribe'|'whisper-1' there": "as in others",
}


def differing(shapes: Any) -> Iterator[str]:
    """Where our structs and the table of beta differ."""
    theirs = table("beta").events("client")
    for here, there in pairs(our_events(shapes, "client").values(), theirs.values()):
        yield from (line.removeprefix("client ") for line in differences(here, there, "client", nulls=False))


def test_a_client_may_send_what_the_schema_says() -> None:
    """No field missing, none too many, none of another kind."""
    found = {*differing(beta_shapes.ClientEvent)}

    assert found == set(MEANT)


def test_there_are_twelve_events() -> None:
    """Each has its struct."""
    assert set(table("beta").client) == set(our_events(beta_shapes.ClientEvent, "client")) == set(TYPES)
    assert len(TYPES) == 12
