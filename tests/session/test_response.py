"""Rules of one response: what it shows of itself, and the events that its pieces become."""

from typing import Any

import pytest
from corelines import lines, told
from corescript import (
    MANUAL,
    TEXT,
    WEATHER,
    calls,
    events,
    finishes,
    names,
    new_session,
    play,
    says,
    speech,
    typed,
    writes,
)
from mcpscript import ASKING, FILES, mcp_session

from antiphon.ports import AudioDelta, CallDelta, Ending, TextDelta, Usage
from antiphon.protocol.client_events import (
    ConversationItemDelete,
    ConversationItemTruncate,
    InputAudioBufferCommit,
    ResponseCancel,
    ResponseCreate,
)
from antiphon.protocol.items import FunctionCall, Message, OutputAudio
from antiphon.protocol.response import (
    Incomplete,
    Response,
    ResponseAudio,
    ResponseAudioOutput,
    ResponseParams,
)
from antiphon.protocol.server_events import (
    AudioPart,
    ConversationItemAdded,
    ConversationItemDone,
    ResponseContentPartAdded,
    ResponseContentPartDone,
    ResponseCreated,
    ResponseDone,
    ResponseFunctionCallArgumentsDelta,
    ResponseFunctionCallArgumentsDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioDone,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputAudioTranscriptDone,
    ResponseOutputItemAdded,
    ResponseOutputItemDone,
)
from antiphon.protocol.session import PcmaFormat, PcmFormat, PcmuFormat
from antiphon.session.conversation import MAX_GONE_ITEMS
from antiphon.session.effects import Send
from antiphon.session.inputs import Produced
from antiphon.session.response import encoder_of
from antiphon.session.usage import response_usage


def shown(status: Any, **keys: Any) -> Response:
    """A response as the wire shows it, all keys of a plain one filled in."""
    plain: dict[str, Any] = {
        "conversation_id": "conv_1",
        "output_modalities": ("audio",),
        "max_output_tokens": "inf",
        "audio": ResponseAudio(output=ResponseAudioOutput(format=PcmFormat(), voice="alloy")),
    }
    return Response(id="resp_1", status=status, **(plain | keys))


def test_every_event_field_by_field() -> None:
    """Section 4: ids, indices and contents of a spoken answer with a call."""
    session = new_session(WEATHER)
    speaking = Message(id="item_1", status="in_progress", role="assistant", content=())
    spoken = Message(id="item_1", status="completed", role="assistant", content=(OutputAudio(transcript="Hm."),))
    calling = FunctionCall(id="item_2", status="in_progress", call_id="call_r", name="get_weather", arguments="")
    called = FunctionCall(id="item_2", status="completed", call_id="call_r", name="get_weather", arguments="{}")
    part: Any = {"response_id": "resp_1", "item_id": "item_1", "output_index": 0, "content_index": 0}
    call: Any = {"response_id": "resp_1", "item_id": "item_2", "output_index": 1, "call_id": "call_r"}

    (created, _) = play(session, ResponseCreate())
    assert created == Send(ResponseCreated(response=shown("in_progress")))
    effects = play(
        session,
        Produced("resp_1", TextDelta("Hm.")),
        Produced("resp_1", AudioDelta(b"\1\2", (0, 3))),
        calls("resp_1", "get_weather", "{}", call_id="call_r"),
        finishes("resp_1", read=3, wrote=2),
    )
    assert [effect.event for effect in effects if isinstance(effect, Send)] == [
        ResponseOutputItemAdded(response_id="resp_1", output_index=0, item=speaking),
        ConversationItemAdded(previous_item_id=None, item=speaking),
        ResponseContentPartAdded(**part, part=AudioPart()),
        ResponseOutputAudioTranscriptDelta(**part, delta="Hm."),
        ResponseOutputAudioDelta(**part, delta=b"\1\2"),
        ResponseOutputAudioDone(**part),
        ResponseOutputAudioTranscriptDone(**part, transcript="Hm."),
        ResponseContentPartDone(**part, part=AudioPart(transcript="Hm.")),
        ConversationItemDone(previous_item_id=None, item=spoken),
        ResponseOutputItemDone(response_id="resp_1", output_index=0, item=spoken),
        ResponseOutputItemAdded(response_id="resp_1", output_index=1, item=calling),
        ConversationItemAdded(previous_item_id="item_1", item=calling),
        ResponseFunctionCallArgumentsDelta(**call, delta="{}"),
        ResponseFunctionCallArgumentsDone(**call, name="get_weather", arguments="{}"),
        ConversationItemDone(previous_item_id="item_1", item=called),
        ResponseOutputItemDone(response_id="resp_1", output_index=1, item=called),
        ResponseDone(
            response=shown(
                "completed",
                output=(spoken, called),
                usage=response_usage(Usage(input_tokens=3, output_tokens=2), 0, 0),
            )
        ),
    ]


def test_what_one_response_was_asked_to_be() -> None:
    """Its own wishes are shown, from the beginning to the end."""
    session = new_session()
    params = ResponseParams(conversation="none", output_modalities=("text",), max_output_tokens=64, metadata={"a": "b"})
    ended = play(session, ResponseCreate(response=params), finishes("resp_1"))

    own: Any = {
        "conversation_id": None,
        "output_modalities": ("text",),
        "max_output_tokens": 64,
        "metadata": {"a": "b"},
    }
    assert [event.response for event in events(ended, ResponseCreated, ResponseDone)] == [
        shown("in_progress", **own),
        shown("completed", usage=response_usage(Usage(), 0, 0), **own),
    ]


@pytest.mark.parametrize("reason", ["max_output_tokens", "content_filter"])
def test_an_answer_that_was_stopped_short(reason: Any) -> None:
    """By a limit or a filter: `incomplete`, and why."""
    session = new_session(TEXT)

    ended = play(session, ResponseCreate(), writes("resp_1", "Well"), Produced("resp_1", Ending(reason)))
    (done,) = events([*ended, *play(session, finishes("resp_1"))], ResponseDone)
    assert (done.response.status, done.response.status_details) == ("incomplete", Incomplete(reason=reason))


def test_usage_counts_the_callers_audio_once_the_model_has_read() -> None:
    """By the reference's rates; an engine that has read nothing has heard nothing either."""
    session = new_session(MANUAL, hears_audio=True)
    play(session, speech(1000), InputAudioBufferCommit(), ResponseCreate())
    (done,) = events(play(session, says("resp_1", ("Hm.", 500)), finishes("resp_1", read=5, wrote=4)), ResponseDone)
    assert done.response.usage == response_usage(Usage(input_tokens=5, output_tokens=4), 1000, 500)
    (done,) = events(play(session, ResponseCreate(), ResponseCancel()), ResponseDone)
    assert done.response.usage == response_usage(Usage(), 0, 0)


def test_calls_by_their_numbers() -> None:
    """Another number is another call; words after a call are another message."""
    session = new_session(WEATHER)
    play(session, ResponseCreate())

    assert (
        names(
            play(
                session,
                Produced("resp_1", CallDelta(0, name="f", arguments="{")),
                Produced("resp_1", CallDelta(0, arguments="}")),
                Produced("resp_1", CallDelta(1, name="g")),
                Produced("resp_1", TextDelta("So.")),
                finishes("resp_1"),
            )
        ).count("response.output_item.added")
        == 3
    )


def test_beside_the_conversation() -> None:
    """Its items are nobody else's: no `conversation.item.*` events."""
    session = new_session(WEATHER)
    play(session, ResponseCreate(response=ResponseParams(conversation="none")))

    told_of = names(play(session, says("resp_1", ("Hm.", 10)), calls("resp_1", "f", "{}"), finishes("resp_1")))
    assert [name for name in told_of if name.startswith("conversation.")] == []
    assert told_of.count("response.output_item.done") == 2


def test_an_item_deleted_while_it_is_made() -> None:
    """It ends for the response; in the conversation it has no place any more."""
    session = new_session(TEXT)
    play(session, ResponseCreate(), writes("resp_1", "One"), ConversationItemDelete(item_id="item_1"))

    assert told(play(session, finishes("resp_1")))[2:4] == lines("""
        conversation.item.done      first item_1 assistant completed output_text "One"
        response.output_item.done   resp_1 #0 item_1 assistant completed output_text "One"
    """)
    assert list(session._conversation) == []
    assert names(play(session, typed("Mine.", id="item_1")))[0] == "conversation.item.added"


def test_an_item_deleted_long_ago_while_it_is_made() -> None:
    """It has been forgotten altogether; the response still ends in order."""
    session = new_session(TEXT)
    play(session, ResponseCreate(), writes("resp_1", "One"), ConversationItemDelete(item_id="item_1"))
    for number in range(MAX_GONE_ITEMS):
        play(session, typed("Gone.", id=f"gone_{number}"), ConversationItemDelete(item_id=f"gone_{number}"))

    assert names(play(session, finishes("resp_1")))[-1] == "response.done"


def test_a_written_answer_in_two_messages() -> None:
    """With a call between them."""
    session = new_session(TEXT)
    play(session, ResponseCreate(), writes("resp_1", "One."), calls("resp_1", "f", "{}"), writes("resp_1", "Two."))

    assert told(play(session, finishes("resp_1")))[-1] == (
        'response.done resp_1 completed [item_1 assistant completed output_text "One."] '
        '[item_2 function_call completed call_1 f "{}"] [item_3 assistant completed output_text "Two."]'
    )


def test_two_messages_in_one_response() -> None:
    """The audio of each speaks its own words: spans count in the transcript of the whole answer."""
    session = new_session(MANUAL)
    play(session, ResponseCreate(), says("resp_1", ("One. ", 500)), calls("resp_1", "f", "{}"))
    play(session, says("resp_1", ("Two. ", 500), ("Three.", 500), start=5), finishes("resp_1"))

    play(session, ConversationItemTruncate(item_id="item_3", content_index=0, audio_end_ms=500))
    entry = session._conversation.get("item_3")
    assert entry is not None
    assert entry.heard == "Two."


def test_sound_for_a_written_answer() -> None:
    """Nobody asked for it: no item, no event."""
    session = new_session(TEXT)
    play(session, ResponseCreate())

    assert play(session, Produced("resp_1", AudioDelta(b"\1\2"))) == []


@pytest.mark.parametrize("ms", [1, 20])
def test_telephone_audio_comes_out_whole(ms: int) -> None:
    """What the coder holds back is flushed when the message ends; an empty piece is not sent."""
    session = new_session()
    output = ResponseAudio(output=ResponseAudioOutput(format=PcmuFormat()))
    play(session, ResponseCreate(response=ResponseParams(audio=output)))

    effects = play(session, says("resp_1", ("Hm.", ms)), finishes("resp_1"))
    deltas = events(effects, ResponseOutputAudioDelta)
    assert sum(len(delta.delta) for delta in deltas) == 8 * ms
    assert all(delta.delta for delta in deltas)
    assert told(effects)[-7:-5] == lines(f"""
        response.output_audio.delta   resp_1 item_1 #0 {min(8 * ms, 16) / 48:g}ms
        response.output_audio.done    resp_1 item_1 #0
    """)


def test_a_call_of_an_mcp_tool() -> None:
    """The model makes it, and the tool ends it: the response is done before that."""
    session = mcp_session(FILES)
    play(session, ResponseCreate(), calls("resp_1", "read", "{", "}"))

    assert told(play(session, finishes("resp_1"))) == lines("""
        response.mcp_call_arguments.done   resp_1 #0 item_2 "{}"
        response.mcp_call.in_progress      #0 item_2
        CallTool                           resp_1 item_2 files.read "{}"
        response.done                      resp_1 completed [item_2 mcp_call files.read "{}"]
    """)


def test_a_call_that_needs_approval() -> None:
    """Its request is an item of the response; a call without arguments has none, and one cut short is not made."""
    session = mcp_session(ASKING)
    play(session, ResponseCreate(), calls("resp_1", "read"), calls("resp_1", "write", '{"a":', index=1))

    assert told(play(session, ResponseCancel())) == lines("""
        Stop                               resp_1
        response.mcp_call_arguments.done   resp_1 #2 item_4 "{\\"a\\":"
        response.mcp_call.failed           #2 item_4
        conversation.item.done
            after item_3 item_4 mcp_call files.write "{\\"a\\":" failed "The call was cut short before it was complete."
        response.output_item.done
            resp_1 #2 item_4 mcp_call files.write "{\\"a\\":" failed "The call was cut short before it was complete."
        response.done                      resp_1 cancelled client_cancelled
            [item_2 mcp_call files.read "{}"] [item_3 mcp_approval_request files.read "{}"]
            [item_4 mcp_call files.write "{\\"a\\":" failed "The call was cut short before it was complete."]
    """)


def test_output_formats() -> None:
    """PCM goes out as it is."""
    assert encoder_of(PcmFormat()) is None
    for output in (PcmuFormat(), PcmaFormat()):
        assert encoder_of(output) is not None
