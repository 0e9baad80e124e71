"""The structs agree with what is known of the wire, field by field and in both directions.

Twice: with a table of facts of our own (`fields.json`), and with the models of the installed `openai` package.
Where we differ it is meant, and the reason stands here; a difference that is gone fails as well.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from msgspec import inspect
from openai.types.realtime import RealtimeClientEvent, RealtimeServerEvent
from wire_facts import (
    Kind,
    Side,
    as_one,
    differences,
    kind_from,
    our_events,
    pairs,
    sdk_events,
    sdk_models,
)
from wire_samples import sample

from antiphon.protocol import codec
from antiphon.protocol.beyond import ResponseWishes
from antiphon.protocol.client_events import ClientEvent, ResponseCreate
from antiphon.protocol.errors import ErrorDetail
from antiphon.protocol.server_events import InputAudioBufferDtmfEventReceived, ServerEvent

OURS: dict[Side, dict[str, Kind]] = {
    "client": our_events(ClientEvent, "client"),
    "server": our_events(ServerEvent, "server"),
}
TABLE: dict[Side, dict[str, dict[str, Any]]] = json.loads((Path(__file__).parent / "fields.json").read_text())

CLEARS = "null clears it, and comes back in `session.updated`"
ECHOED = "we send null here, and a client may send back what it got"
ABSENT = "null is taken for absent, as other servers do"
OBSERVED = "seen on the wire, not typed by the SDK"

FROM_TABLE = {
    "client conversation.item.create.previous_item_id: null|string here, string there": ABSENT,
    "client response.cancel.response_id: null|string here, string there": ABSENT,
    "client response.create.response: null|object here, object there": ABSENT,
    "client ResponseParams.instructions: null|string here, string there": ABSENT,
    "client AudioInput.noise_reduction: null|object here, object there": CLEARS,
    "client AudioInput.transcription: null|object here, object there": CLEARS,
    "client RealtimeSessionUpdate.include: ['item.input_audio_transcription.logprobs']|null here, "
    "['item.input_audio_transcription.logprobs'] there": CLEARS,
    "client TranscriptionSessionUpdate.include: ['item.input_audio_transcription.logprobs']|null here, "
    "['item.input_audio_transcription.logprobs'] there": CLEARS,
    "client InputAudio|InputImage|InputText.transcript: null|string here, string there": ECHOED,
    "client OutputAudio|OutputText.transcript: null|string here, string there": ECHOED,
    "client Transcription.delay: 'high'|'low'|'medium'|'minimal'|'xhigh'|null here, "
    "'high'|'low'|'medium'|'minimal'|'xhigh' there": ECHOED,
    "client Transcription.keywords: [string]|null here, [string] there": ECHOED,
    "client Transcription.language: null|string here, string there": ECHOED,
    "client Transcription.languages: [string]|null here, [string] there": ECHOED,
    "client Transcription.prompt: null|string here, string there": ECHOED,
}
FROM_BOTH = {
    "client McpApprovalResponse.id: string here, !string there": "the agents SDKs leave it out",
    "client ResponseParams.conversation: 'auto'|'none' here, string there": "documented as these two",
    "server AudioPart|TextPart.audio: absent here, string there": "a part never carries its audio",
    "server Cancelled|Failed|Incomplete: types ['cancelled', 'failed', 'incomplete'] here, "
    "['cancelled', 'completed', 'failed', 'incomplete'] there": "of a completed response `status_details` is null",
    "server McpApprovalResponse.id: string here, !string there": "one struct for both sides",
    "server ResponseAudioOutput.voice: object|string here, string there": "a custom voice is shown as it was set",
    "server RealtimeSession.expires_at: !integer here, absent there": OBSERVED,
    "server RealtimeSession.id: !string here, absent there": OBSERVED,
    "server RealtimeSession.object: !'realtime.session' here, absent there": OBSERVED,
    "server TranscriptionSession.expires_at: !integer here, absent there": OBSERVED,
    "server TranscriptionSession.id: !string here, absent there": OBSERVED,
    "server TranscriptionSession.object: !'realtime.transcription_session' here, absent there": OBSERVED,
}
FROM_SDK = {
    "client ItemReference: types ['item_reference'] here, [] there": "the SDK types references apart",
    "client ItemReference.id: !string here, absent there": "the SDK types references apart",
    "server VoiceId.id: !string here, absent there": "a custom voice is shown as it was set",
}


def all_kinds(events: Iterable[Kind]) -> Iterator[Kind]:
    """The events and everything inside them."""
    for kind in events:
        yield kind
        for fact in kind.fields.values():
            yield from all_kinds(fact.nested)


def from_table(side: Side) -> Iterator[str]:
    """Where our structs and the table differ."""
    ours = {kind.name: kind for kind in all_kinds(OURS[side].values())}
    for name, row in TABLE[side].items():
        here = as_one([ours[part] for part in name.split("|")])
        yield from differences(here, kind_from(name, row), side, nulls=side == "client")


def from_sdk(side: Side, union: Any) -> Iterator[str]:
    """Where our structs and the SDK's models differ."""
    for here, there in pairs(OURS[side].values(), sdk_events(union, side).values()):
        yield from differences(here, there, side, nulls=False)


def test_the_structs_are_as_the_table_says() -> None:
    """No field missing, none too many, none of another kind."""
    found = {*from_table("client"), *from_table("server")}

    assert found == {*FROM_TABLE, *FROM_BOTH}


def test_the_table_names_every_struct() -> None:
    """A struct without facts is one that nobody has checked."""
    unnamed = {
        kind.name
        for side, rows in TABLE.items()
        for kind in all_kinds(OURS[side].values())
        if kind.name not in {part for name in rows for part in name.split("|")}
    }

    assert unnamed == set()


def test_the_structs_are_as_the_sdk_has_them() -> None:
    """A release of `openai` that adds an event or a field fails here, by name."""
    found = {*from_sdk("client", RealtimeClientEvent), *from_sdk("server", RealtimeServerEvent)}

    assert found == {*FROM_SDK, *FROM_BOTH}


def structs_below(shape: inspect.Type) -> Iterator[inspect.StructType]:
    """The structs of a type, at any depth."""
    inner = [getattr(shape, name) for name in ("item_type", "value_type") if hasattr(shape, name)]
    if isinstance(shape, inspect.StructType):
        yield shape
        inner = [field.type for field in shape.fields]
    for one in [*inner, *getattr(shape, "types", ())]:
        yield from structs_below(one)


@pytest.mark.parametrize("events", [ClientEvent, ServerEvent])
def test_every_struct_is_frozen_and_closed(events: Any) -> None:
    """A value of the wire never changes, and no key passes unseen."""
    configs = [struct.cls.__struct_config__ for struct in structs_below(inspect.type_info(events))]

    assert all(config.frozen and config.forbid_unknown_fields for config in configs)


@given(sample(inspect.type_info(ServerEvent)))
def test_a_server_event_comes_back_as_it_was_sent(event: ServerEvent) -> None:
    """Our client reads what our server writes, name and all."""
    came = codec.decode_server(codec.encode(event, "event_1"))

    if not isinstance(event, InputAudioBufferDtmfEventReceived):
        event = msgspec.structs.replace(event, event_id="event_1")
    assert came == event


@given(sample(inspect.type_info(ClientEvent)))
def test_a_client_event_comes_back_as_it_was_sent(event: ClientEvent) -> None:
    """Our server reads what our client writes."""
    assert codec.decode_client(codec.encode_client(event), codec.CALL_TYPES) == event


MODELS = sdk_models(RealtimeServerEvent)


@given(sample(inspect.type_info(ServerEvent)))
def test_the_sdk_reads_what_we_send(event: ServerEvent) -> None:
    """Each event of ours is valid for the SDK's own model of it."""
    sent = json.loads(codec.encode(event, "event_1"))

    read = MODELS[sent["type"]].model_validate(without_custom_voice(sent))

    assert read.model_dump(mode="json", by_alias=True, exclude_unset=True) == without_custom_voice(sent)


def without_custom_voice(event: dict[str, Any]) -> dict[str, Any]:
    """The one value that the SDK's model of a response refuses, see `FROM_BOTH`, made a plain voice."""
    audio = event.get("response", {}).get("audio", {}).get("output", {})
    if "voice" in audio:
        audio["voice"] = "alloy"
    return event


def test_wishes_of_older_dialects_cannot_be_sent_in_ga() -> None:
    """What rides on a GA struct inside is no part of the wire."""
    wish = ResponseCreate(response=ResponseWishes(temperature=0.8))

    refused = codec.decode_client(codec.encode_client(wish))

    assert isinstance(refused, ErrorDetail)
    assert (refused.code, refused.param) == ("unknown_parameter", "response.temperature")
