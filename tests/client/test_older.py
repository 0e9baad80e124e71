"""The client's side of beta: what is sent, what is read, and a real server on the other end."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted_server import say, scripted
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request

from antiphon.client import Conversation, connect
from antiphon.client.older import MAX_OPEN, Older
from antiphon.protocol import server_events as ev
from antiphon.protocol.client_events import (
    ClientEvent,
    ConversationItemCreate,
    InputAudioBufferAppend,
    ResponseCancel,
    ResponseCreate,
    SessionUpdate,
)
from antiphon.protocol.codec import Unknown
from antiphon.protocol.items import FunctionCallOutput, InputText, Message, OutputText
from antiphon.protocol.response import ResponseAudio, ResponseAudioOutput, ResponseParams
from antiphon.protocol.session import (
    Audio,
    AudioInput,
    AudioOutput,
    FunctionTool,
    PcmFormat,
    PcmuFormat,
    RealtimeSession,
    RealtimeSessionUpdate,
    ServerVad,
    Transcription,
    TranscriptionAudio,
    TranscriptionSession,
    TranscriptionSessionUpdate,
    VoiceId,
)
from antiphon.testing import serving

FLAT = {
    "id": "sess_1",
    "object": "realtime.session",
    "expires_at": 1,
    "modalities": ["audio", "text"],
    "input_audio_format": "pcm16",
    "output_audio_format": "g711_ulaw",
    "input_audio_transcription": None,
    "turn_detection": {"type": "server_vad", "silence_duration_ms": 200},
    "voice": "alloy",
    "temperature": 0.8,
    "max_response_output_tokens": 100,
    "tools": [],
}


def sent(event: ClientEvent) -> dict[str, Any]:
    """The event as a beta server sees it."""
    tree: dict[str, Any] = json.loads(Older().frame(event))
    return tree


def read(*trees: dict[str, Any], machine: Older | None = None) -> list[Any]:
    """What frames say in GA's words."""
    older = machine or Older()
    return [event for tree in trees for event in older.events(json.dumps({"event_id": "e"} | tree).encode())]


def test_a_session_is_flat() -> None:
    """Each field goes under beta's name, formats and modalities in beta's words; null says null."""
    session = RealtimeSessionUpdate(
        instructions="Be brief.",
        output_modalities=("audio",),
        max_output_tokens=7,
        tools=(FunctionTool(name="f"),),
        audio=Audio(
            input=AudioInput(format=PcmFormat(), transcription=Transcription(model="whisper-1"), turn_detection=None),
            output=AudioOutput(format=PcmuFormat(), voice=VoiceId(id="voice_1"), speed=1.5),
        ),
    )

    assert sent(SessionUpdate(event_id="mine", session=session)) == {
        "type": "session.update",
        "event_id": "mine",
        "session": {
            "instructions": "Be brief.",
            "modalities": ["audio", "text"],
            "max_response_output_tokens": 7,
            "tools": [{"type": "function", "name": "f"}],
            "input_audio_format": "pcm16",
            "input_audio_transcription": {"model": "whisper-1"},
            "turn_detection": None,
            "output_audio_format": "g711_ulaw",
            "voice": "voice_1",
            "speed": 1.5,
        },
    }


def test_a_transcription_session_has_an_event_of_its_own() -> None:
    """Beta tells the kinds apart by the event."""
    heard = AudioInput(turn_detection=ServerVad(silence_duration_ms=300))
    update = SessionUpdate(session=TranscriptionSessionUpdate(audio=TranscriptionAudio(input=heard)))

    assert sent(update) == {
        "type": "transcription_session.update",
        "session": {"turn_detection": {"type": "server_vad", "silence_duration_ms": 300}},
    }


def test_what_beta_has_no_word_for_goes_as_it_is() -> None:
    """The server's refusal says more than our silence."""
    assert sent(SessionUpdate(session=RealtimeSessionUpdate(truncation="disabled", output_modalities=("text",)))) == {
        "type": "session.update",
        "session": {"truncation": "disabled", "modalities": ["text"]},
    }


def test_items_and_responses() -> None:
    """What the answerer said is `text` in beta; a response's wishes are flat."""
    said = Message(role="assistant", content=(OutputText(text="Hm."),))
    asked = Message(role="user", content=(InputText(text="Well?"),))
    output = FunctionCallOutput(call_id="call_1", output="21")
    wishes = ResponseParams(
        input=(said, asked),
        output_modalities=("text",),
        max_output_tokens="inf",
        audio=ResponseAudio(output=ResponseAudioOutput(voice="ash")),
        metadata={"a": "b"},
    )
    beta_said = {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "Hm."}]}
    beta_asked = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Well?"}]}

    assert sent(ConversationItemCreate(item=said, previous_item_id="root")) == {
        "type": "conversation.item.create",
        "previous_item_id": "root",
        "item": beta_said,
    }
    assert sent(ConversationItemCreate(item=output))["item"]["output"] == "21"
    assert sent(ResponseCreate(response=wishes)) == {
        "type": "response.create",
        "response": {
            "input": [beta_said, beta_asked],
            "modalities": ["text"],
            "max_response_output_tokens": "inf",
            "voice": "ash",
            "metadata": {"a": "b"},
        },
    }


@pytest.mark.parametrize("event", [ResponseCreate(), ResponseCancel(), InputAudioBufferAppend(audio=b"\1\2")])
def test_the_rest_is_the_same(event: ClientEvent) -> None:
    """Most events look alike in both."""
    assert sent(event)["type"] == event.__struct_config__.tag


def test_a_session_is_read() -> None:
    """Flat fields come in GA's places; the temperature, which GA does not know, is left out."""
    (event,) = read({"type": "session.created", "session": FLAT})

    assert isinstance(event.session, RealtimeSession)
    assert event.session.output_modalities == ("audio",)
    assert event.session.max_output_tokens == 100
    assert event.session.audio == Audio(
        input=AudioInput(format=PcmFormat(), transcription=None, turn_detection=ServerVad(silence_duration_ms=200)),
        output=AudioOutput(format=PcmuFormat(), voice="alloy"),
    )


def test_a_transcription_session_is_read() -> None:
    """It is known by its event."""
    session = {"id": "sess_1", "object": "realtime.transcription_session", "expires_at": 1, "turn_detection": None}
    created, updated = read(
        {"type": "transcription_session.created", "session": session},
        {"type": "transcription_session.updated", "session": session},
    )

    assert (type(created), type(updated)) == (ev.SessionCreated, ev.SessionUpdated)
    assert isinstance(created.session, TranscriptionSession)


def test_a_session_of_ga_is_left_alone() -> None:
    """A server that speaks GA after all is understood."""
    (event,) = read(
        {"type": "session.created", "session": {"type": "realtime", "id": "s", "output_modalities": ["text"]}}
    )

    assert event.session.output_modalities == ("text",)


def test_an_item_is_added_and_done() -> None:
    """Beta tells of an item once: one that is whole is done at once, an answer when its response says so."""
    user = {"type": "message", "id": "item_1", "status": "completed", "role": "user", "content": []}
    answer = {"type": "message", "id": "item_2", "status": "in_progress", "role": "assistant", "content": []}
    whole = {**answer, "status": "completed", "content": [{"type": "audio", "transcript": "Hm."}]}
    aside = {**whole, "id": "item_3"}
    events = read(
        {"type": "conversation.item.created", "previous_item_id": None, "item": user},
        {"type": "conversation.item.created", "previous_item_id": "item_1", "item": answer},
        {"type": "response.output_item.done", "response_id": "r", "output_index": 0, "item": whole},
        {"type": "response.output_item.done", "response_id": "q", "output_index": 0, "item": aside},
    )

    assert [type(event) for event in events] == [
        ev.ConversationItemAdded,
        ev.ConversationItemDone,
        ev.ConversationItemAdded,
        ev.ConversationItemDone,
        ev.ResponseOutputItemDone,
        ev.ResponseOutputItemDone,
    ]
    assert (events[3].previous_item_id, events[3].item.content[0].transcript) == ("item_1", "Hm.")


def test_preview_leaves_things_out() -> None:
    """What stands before an item, the id of a call's item, and its own words are made up for."""
    user = {"type": "message", "id": "item_1", "role": "user", "content": []}
    call = {"type": "function_call", "id": "item_2", "call_id": "call_1", "name": "f", "arguments": ""}
    events = read(
        {"type": "conversation.item.created", "item": user},
        {"type": "conversation.item.created", "item": {**call, "status": "in_progress"}},
        {"type": "response.output_item.added", "response_id": "r", "output_index": 0, "item": call},
        {
            "type": "response.function_call_arguments.done",
            "response_id": "r",
            "output_index": 0,
            "call_id": "call_1",
            "arguments": "{}",
        },
        {"type": "response.text.done", "response_id": "r", "item_id": "i", "value": "Hm."},
        {"type": "conversation.item.truncated", "item_id": "i", "index": 1, "audio_end_ms": 5},
    )

    assert [event.previous_item_id for event in events[:3]] == [None, None, "item_1"]
    done, text, cut = events[-3:]
    assert (done.item_id, done.name) == ("item_2", "f")
    assert (text.text, cut.content_index) == ("Hm.", 1)


def test_memory_has_a_bound() -> None:
    """A server that ends nothing does not fill ours."""
    older = Older()
    for number in range(MAX_OPEN + 50):
        item = {"type": "message", "id": f"i{number}", "role": "assistant", "status": "in_progress", "content": []}
        read({"type": "conversation.item.created", "item": item}, machine=older)

    assert len(older._open) == MAX_OPEN


JSON = st.recursive(
    st.none() | st.integers(0, 3) | st.sampled_from(["audio", "text", "pcm16", "message", "item_1", "in_progress"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*FLAT, "type", "content", "output", "audio", "item_id", "call_id", "status"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
KINDS = (
    "session.created",
    "conversation.item.created",
    "response.done",
    "response.output_item.done",
    "response.text.done",
)


@given(st.sampled_from(KINDS) | JSON, JSON, JSON, JSON)
def test_nothing_that_a_server_says_is_fatal(kind: Any, session: Any, response: Any, item: Any) -> None:
    """What is broken comes as `Unknown`, or as far as it can be read."""
    events = read({"type": kind, "session": session, "response": response, "item": item, "call_id": item})

    assert events
    assert all(isinstance(event, ev.ServerEventBase | Unknown) for event in events)


def test_garbage_is_passed_on() -> None:
    """No JSON, no object."""
    assert Older().events(b"{") == [Unknown("", None)]
    assert Older().events(b"[]") == [Unknown("", None)]


DIALECTS: list[dict[str, Any]] = [
    {"dialect": "ga"},
    {"dialect": "beta"},
    {"dialect": "beta", "subprotocol_auth": True},
    {"dialect": "azure"},
    {"dialect": "azure", "api_key": "any"},
]


@pytest.mark.parametrize("way", DIALECTS)
@pytest.mark.parametrize("modality", ["text", "audio"])
def test_a_real_server_in_every_dialect(way: dict[str, Any], modality: Any) -> None:
    """The same talk in GA's words, whatever goes over the wire."""

    async def talk() -> Conversation:
        view = Conversation()
        async with serving("tone") as url, connect(url, model="tone", **way) as connection:
            update = RealtimeSessionUpdate(output_modalities=(modality,), instructions="Sing.")
            await connection.send(SessionUpdate(session=update))
            question = Message(role="user", content=(InputText(text="say hello there."),))
            await connection.send(ConversationItemCreate(item=question))
            await connection.send(ResponseCreate(response=ResponseParams(metadata={"mine": "1"})))
            async for event in connection:
                assert not isinstance(event, Unknown | ev.Error), event
                view.fold(event)
                if isinstance(event, ev.ResponseDone):
                    return view
        return view

    view = asyncio.run(talk())

    assert isinstance(view.session, RealtimeSession)
    assert (view.session.instructions, view.session.output_modalities) == ("Sing.", (modality,))
    assert [(item.role, item.status, item.text) for item in view.items] == [
        ("user", "completed", "say hello there."),
        ("assistant", "completed", "hello there."),
    ]
    assert bool(view.items[1].audio) == (modality == "audio")
    (response,) = view.responses.values()
    assert (response.status, response.metadata) == ("completed", {"mine": "1"})


def test_a_transcription_session_of_beta() -> None:
    """It opens by `intent`, and is updated by beta's own event."""

    async def talk() -> list[Any]:
        async with serving("tone") as url, connect(f"{url}/v1?intent=transcription", dialect="beta") as connection:
            await connection.send(SessionUpdate(session=TranscriptionSessionUpdate()))
            return [await connection.receive(), await connection.receive()]

    events = asyncio.run(talk())

    assert [type(event) for event in events] == [ev.SessionCreated, ev.SessionUpdated]
    assert all(isinstance(event.session, TranscriptionSession) for event in events)


def test_how_beta_and_azure_are_asked_for() -> None:
    """A header or a subprotocol for beta; path, query and key of its own for Azure."""
    seen: list[Request] = []

    async def script(socket: ServerConnection) -> None:
        await say(socket, {"type": "session.created", "session": FLAT})

    async def talk() -> None:
        async with scripted(script, on_request=lambda _, request: seen.append(request)) as url:
            base = url.removesuffix("/v1/realtime")
            for way in ({"dialect": "beta"}, {"dialect": "beta", "subprotocol_auth": True}, {"dialect": "azure"}):
                ways: Any = way
                async with connect(base, api_key="k", model="m", **ways) as connection:
                    assert isinstance(await connection.receive(), ev.SessionCreated)

    asyncio.run(talk())

    by_header, by_protocol, azure = seen
    assert (by_header.path, by_header.headers["OpenAI-Beta"]) == ("/v1/realtime?model=m", "realtime=v1")
    assert by_protocol.headers["Sec-WebSocket-Protocol"] == (
        "realtime, openai-insecure-api-key.k, openai-beta.realtime-v1"
    )
    assert "OpenAI-Beta" not in by_protocol.headers
    assert azure.path == "/openai/realtime?api-version=2025-04-01-preview&deployment=m"
    assert (azure.headers["api-key"], "Authorization" in azure.headers) == ("k", False)
