"""Scripts of mistakes: each is one `error` to its origin with the client's name of the event, and nothing else."""

import pytest
from corelines import told
from corescript import LOUD, MANUAL, Stage, hearing, new_session, play, refused, says, speech, typed

from antiphon.audio.pcm import samples_in
from antiphon.protocol.client_events import (
    ClientEvent,
    ConversationItemCreate,
    ConversationItemDelete,
    ConversationItemRetrieve,
    InputAudioBufferCommit,
    OutputAudioBufferClear,
    ResponseCreate,
    SessionUpdate,
)
from antiphon.protocol.items import (
    ContentPart,
    FunctionCallOutput,
    InputAudio,
    InputImage,
    InputText,
    McpApprovalResponse,
    Message,
    OutputAudio,
    OutputText,
)
from antiphon.protocol.session import (
    FunctionTool,
    McpTool,
    PromptTemplate,
    RealtimeSessionUpdate,
    ServerVad,
    Transcription,
)
from antiphon.session.input_buffer import MAX_BUFFER_S
from antiphon.session.inputs import Heard


def saying(role: str, *content: ContentPart) -> ConversationItemCreate:
    return ConversationItemCreate(item=Message(role=role, content=content))  # type: ignore[arg-type]  # one of three


def updating(**keys: object) -> SessionUpdate:
    return SessionUpdate(session=RealtimeSessionUpdate(**keys))  # type: ignore[arg-type]  # keys of the struct


IMAGE = InputImage(image_url="data:image/png;base64,")


@pytest.mark.parametrize(
    ("event", "code", "param", "message"),
    [
        (
            ConversationItemRetrieve(item_id="item_9"),
            "item_retrieve_invalid_item_id",
            None,
            "Error retrieving item: the item with id 'item_9' does not exist.",
        ),
        (
            ConversationItemDelete(item_id="item_9"),
            "item_delete_invalid_item_id",
            None,
            "Error deleting item: the item with id 'item_9' does not exist.",
        ),
        (
            typed("Hello", previous_item_id="item_9"),
            "item_create_invalid_previous_item_id",
            None,
            "Error adding item: the previous item with id 'item_9' does not exist.",
        ),
        (
            typed("Hello", id="item_1"),
            "item_create_duplicate_item_id",
            None,
            "Error adding item: an item with id 'item_1' already exists.",
        ),
        (
            ConversationItemCreate(item=FunctionCallOutput(call_id="call_9", output="")),
            "invalid_tool_call_id",
            None,
            "Tool call ID 'call_9' not found in conversation.",
        ),
        (
            InputAudioBufferCommit(),
            "input_audio_buffer_commit_empty",
            None,
            (
                "Error committing input audio buffer: buffer too small. "
                "Expected at least 100ms of audio, but buffer only has 0.00ms of audio."
            ),
        ),
        (
            saying("assistant", OutputAudio(transcript="I never said so.")),
            "missing_required_parameter",
            "item.content[0].text",
            "Missing required parameter: 'item.content[0].text'.",
        ),
        (
            saying("user", InputText(text="This:"), InputAudio()),
            "missing_required_parameter",
            "item.content[1].audio",
            "Missing required parameter: 'item.content[1].audio'.",
        ),
        (
            saying("user", OutputText(text="Hello")),
            "invalid_value",
            "item.content[0].type",
            "Invalid value: 'output_text'. Supported values are: 'input_text', 'input_audio', and 'input_image'.",
        ),
        (
            saying("system", IMAGE),
            "invalid_value",
            "item.content[0].type",
            "Invalid value: 'input_image'. Value must be 'input_text'.",
        ),
        (
            saying("user", IMAGE),
            "invalid_value",
            "item.content[0].type",
            "The model of this session does not see images.",
        ),
        (
            ConversationItemCreate(item=McpApprovalResponse(id="m", approval_request_id="r", approve=True)),
            "invalid_value",
            "item.approval_request_id",
            "Approval request ID 'r' does not wait for a response.",
        ),
        (
            updating(output_modalities=("audio", "text")),
            "invalid_value",
            "session.output_modalities",
            "Invalid modalities: ['audio', 'text']. Supported combinations are: ['text'] and ['audio'].",
        ),
        (updating(model="other"), "invalid_value", "session.model", "The model of a session cannot be changed."),
        (
            updating(tools=(FunctionTool(),)),
            "missing_required_parameter",
            "session.tools[0].name",
            "Missing required parameter: 'session.tools[0].name'.",
        ),
        (
            updating(tools=(McpTool(server_label="x"),)),
            "invalid_value",
            "session.tools[0]",
            "This server does not call MCP tools.",
        ),
        (
            updating(prompt=PromptTemplate(id="pmpt_1")),
            "invalid_value",
            "session.prompt.id",
            "Prompt with id 'pmpt_1' not found.",
        ),
        (
            SessionUpdate(
                session=hearing(transcription=Transcription(language="de", languages=("de",)), turn_detection=None)
            ),
            "invalid_value",
            "session.audio.input.transcription.languages",
            "Set either 'language' or 'languages', not both.",
        ),
        (
            OutputAudioBufferClear(),
            "invalid_value",
            "type",
            "This connection has no output audio buffer.",
        ),
    ],
)
def test_a_mistake_is_told_and_changes_nothing(event: ClientEvent, code: str, param: str | None, message: str) -> None:
    """Section 9: type, code, param and message; the session is as it was."""
    session = new_session(MANUAL)
    play(session, typed("Hello"))
    before = session.config

    error = refused(play(session, event))
    assert (error.type, error.code, error.param, error.message) == ("invalid_request_error", code, param, message)
    assert session.config == before
    assert told(play(session, ResponseCreate(), says("resp_1", ("Hi.", 100))))[2] == (
        "response.output_item.added resp_1 #0 item_2 assistant in_progress"
    )


def test_tracing_is_for_good() -> None:
    """Protocol 5.6: set once; the same again is fine."""
    session = new_session(RealtimeSessionUpdate(tracing="auto"))

    assert told(play(session, updating(tracing="auto"))) == ["session.updated sess_1"]
    assert refused(play(session, updating(tracing=None))).param == "session.tracing"


def test_a_model_that_sees_takes_images() -> None:
    """Where the engine does, an image is an item like any other."""
    session = new_session(sees_images=True)

    assert told(play(session, saying("user", IMAGE)))[0] == (
        "conversation.item.added first item_1 user completed input_image"
    )


def full(session: Stage) -> Heard:
    """An append that brings the buffer to one sample below its bound."""
    return Heard("link_1", bytes(2 * (samples_in(MAX_BUFFER_S * 1000) - 1)))


def test_a_buffer_has_an_end() -> None:
    """By hand: the append that would fill it is refused whole, and named; a commit makes room."""
    session = new_session(MANUAL)
    play(session, full(session))

    error = refused(play(session, Heard("link_1", speech(32).pcm, event_id="mine")))
    assert (error.code, error.param, error.event_id) == ("input_audio_buffer_full", "audio", "mine")
    play(session, InputAudioBufferCommit())
    assert play(session, speech(32)) == []


def test_a_turn_has_an_end() -> None:
    """With turn detection the turn that would not end is ended where the buffer is full, and answered."""
    session = new_session(hearing(turn_detection=ServerVad()))
    play(session, LOUD)

    assert [line.split()[0] for line in told(play(session, full(session)))] == [
        "Hear",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "Settle",
        "response.created",
    ]
