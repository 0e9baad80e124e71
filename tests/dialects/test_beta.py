"""Beta, as its clients knew it."""

import json
from typing import Any

import pytest
from corescript import FRAME, LOUD, QUIET, Ids, calls, finishes, recognises, says, speech, writes
from olderline import Event, Line, error_of, only

from antiphon.dialects.beta import Beta
from antiphon.dialects.memory import Memory
from antiphon.protocol import codec
from antiphon.protocol.client_events import InputAudioBufferAppend
from antiphon.protocol.server_events import RateLimit, RateLimitsUpdated

USER_TEXT = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello"}]}
LIMITS = RateLimitsUpdated(rate_limits=(RateLimit(name="tokens", limit=9, remaining=5, reset_seconds=1.5),))


def on_line(**settings: Any) -> Line:
    """A beta client that is connected; what it has been told so far is forgotten."""
    line = Line(Beta(memory=Memory(Ids())), **settings)
    line.frames.clear()
    return line


def update(line: Line, **session: Any) -> list[Event]:
    return line.say("session.update", session=session)


def test_the_first_event_is_a_flat_session() -> None:
    """With every key that the beta of 2025 had, and its defaults."""
    [created] = Line(Beta(), instructions="Be kind.").told

    assert created == {
        "type": "session.created",
        "event_id": "event_1",
        "session": {
            "id": "sess_1",
            "object": "realtime.session",
            "expires_at": 3600,
            "input_audio_noise_reduction": None,
            "turn_detection": {
                "type": "server_vad",
                "threshold": 0.5,
                "prefix_padding_ms": 300,
                "silence_duration_ms": 200,
                "create_response": True,
                "interrupt_response": True,
            },
            "input_audio_format": "pcm16",
            "input_audio_transcription": None,
            "client_secret": None,
            "include": None,
            "model": "gpt-realtime",
            "modalities": ["audio", "text"],
            "instructions": "Be kind.",
            "voice": "alloy",
            "output_audio_format": "pcm16",
            "tool_choice": "auto",
            "temperature": 0.8,
            "max_response_output_tokens": "inf",
            "speed": 1.0,
            "tools": [],
            "tracing": None,
            "prompt": None,
        },
    }


def test_the_conversation_is_announced_where_it_is_wanted() -> None:
    """As in the first weeks: right after the session, and responses belong to it."""
    line = Line(Beta(memory=Memory(Ids(), announces_conversation=True)))
    line.say("response.create")

    assert line.kinds[:3] == ["session.created", "conversation.created", "response.created"]
    assert line.told[1] == {
        "type": "conversation.created",
        "event_id": "event_1",
        "conversation": {"id": "conv_1", "object": "realtime.conversation"},
    }
    assert line.told[2]["response"]["conversation_id"] == "conv_1"


def test_what_is_set_comes_back_in_the_same_words() -> None:
    """All that a beta client can set."""
    line = on_line()
    wanted = {
        "modalities": ["text"],
        "instructions": "Be brief.",
        "voice": "fable",
        "input_audio_format": "g711_ulaw",
        "output_audio_format": "g711_alaw",
        "input_audio_transcription": {"model": "whisper-1", "language": "en", "prompt": "names"},
        "input_audio_noise_reduction": {"type": "near_field"},
        "turn_detection": {
            "type": "semantic_vad",
            "eagerness": "low",
            "create_response": False,
            "interrupt_response": False,
        },
        "tools": [{"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}}],
        "tool_choice": {"type": "function", "name": "f"},
        "temperature": 1.1,
        "max_response_output_tokens": 100,
        "speed": 0.5,
        "include": ["item.input_audio_transcription.logprobs"],
        "tracing": "auto",
    }
    [updated] = update(line, **wanted, client_secret={"expires_after": {"anchor": "created_at"}})

    assert updated["type"] == "session.updated"
    assert {key: updated["session"][key] for key in wanted} == wanted
    assert update(line, turn_detection=None, input_audio_transcription=None)[0]["session"]["turn_detection"] is None


def test_a_written_turn() -> None:
    """Old names, items told of once, and the answer's content as beta calls it."""
    line = on_line()
    update(line, modalities=["text"])
    line.say("conversation.item.create", item=USER_TEXT)
    line.say("response.create")
    line.hear(writes("resp_1", "Hi ", "you"), finishes("resp_1"))

    assert line.kinds == [
        "session.updated",
        "conversation.item.created",
        "response.created",
        "response.output_item.added",
        "conversation.item.created",
        "response.content_part.added",
        "response.text.delta",
        "response.text.delta",
        "response.text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.done",
    ]
    assert line.told[1]["item"] == {
        "type": "message",
        "id": "item_1",
        "object": "realtime.item",
        "status": "completed",
        "role": "user",
        "content": [{"type": "input_text", "text": "Hello"}],
    }
    assert line.told[4]["previous_item_id"] == "item_1"
    assert line.told[-1]["response"]["output"][0]["content"] == [{"type": "text", "text": "Hi you"}]


def test_a_spoken_turn() -> None:
    """The caller speaks, and hears."""
    line = on_line(has_asr=True)
    update(line, input_audio_transcription={"model": "whisper-1"})
    line.hear(
        LOUD, QUIET, recognises("item_1", "Hello", of=FRAME * 20), says("resp_1", ("Hi.", 20)), finishes("resp_1")
    )
    line.say("conversation.item.truncate", item_id="item_2", content_index=0, audio_end_ms=10)
    line.say("conversation.item.retrieve", item_id="item_2")
    line.say("conversation.item.delete", item_id="item_2")

    kinds = line.kinds
    assert kinds[:5] == [
        "session.updated",
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.created",
    ]
    assert {"response.audio.delta", "response.audio_transcript.delta", "response.audio_transcript.done"} < set(kinds)
    assert kinds[-3:] == [
        "conversation.item.truncated",
        "conversation.item.retrieved",
        "conversation.item.deleted",
    ]
    assert line.told[-2]["item"]["content"][0]["type"] == "audio"


def test_a_function_call() -> None:
    """Beta names the function in the item alone."""
    line = on_line()
    line.say("response.create")
    line.hear(calls("resp_1", "f", "{}", call_id="call_1"), finishes("resp_1"))

    [done] = only(line.told, "response.function_call_arguments.done")
    assert done == {
        "type": "response.function_call_arguments.done",
        "event_id": done["event_id"],
        "response_id": "resp_1",
        "item_id": "item_1",
        "output_index": 0,
        "call_id": "call_1",
        "arguments": "{}",
    }
    assert only(line.told, "response.output_item.done")[0]["item"]["name"] == "f"


def test_the_temperature_is_the_sessions_or_the_responses() -> None:
    """GA does not know it, so the link remembers it; the core is told all the same."""
    line = on_line()
    update(line, temperature=1.2)
    line.say("response.create", response={"temperature": 0.7})
    line.hear(finishes("resp_1"))
    line.say("response.create")

    temperatures = [event["response"]["temperature"] for event in line.told if "response" in event]
    assert temperatures == [0.7, 0.7, 1.2]
    assert line.session.config.temperature == 1.2


def test_a_refused_update_changes_no_temperature() -> None:
    """It is dropped whole, and its error carries the client's own name for it."""
    line = on_line()
    answer = line.say("session.update", event_id="mine", session={"temperature": 1.2, "model": "other"})

    assert answer[0]["error"]["event_id"] == "mine"
    assert update(line, instructions="x")[0]["session"]["temperature"] == 0.8


def test_a_refused_response_leaves_no_temperature_behind() -> None:
    """The next response has the session's."""
    line = on_line()
    line.say("response.create")
    [refused] = line.say("response.create", response={"temperature": 1.2})
    line.hear(finishes("resp_1"))
    line.say("response.create")

    assert refused["error"]["code"] == "conversation_already_has_active_response"
    assert refused["error"]["event_id"] is None
    assert line.told[-1]["response"]["temperature"] == 0.8


def test_limits_come_before_the_answer() -> None:
    """GA sends them after it; the first, which nobody knew before, come as they do in GA."""
    line = on_line()
    for number in (1, 2):
        line.say("response.create")
        line.hear(finishes(f"resp_{number}"))
        line.frames += line.machine.send(LIMITS, "event_0")

    assert line.kinds == [
        "response.created",
        "response.done",
        "rate_limits.updated",
        "response.created",
        "rate_limits.updated",
        "response.done",
    ]
    assert line.told[4] == {
        "type": "rate_limits.updated",
        "event_id": "event_3",
        "rate_limits": [{"name": "tokens", "limit": 9, "remaining": 5, "reset_seconds": 1.5}],
    }


def test_a_transcription_session_has_events_of_its_own() -> None:
    """GA has one event for both kinds."""
    line = Line(Beta(), kind="transcription")
    line.say(
        "transcription_session.update",
        session={"input_audio_transcription": {"model": "whisper-1"}, "modalities": ["text"], "turn_detection": None},
    )

    assert line.kinds == ["transcription_session.created", "transcription_session.updated"]
    assert line.told[1]["session"] == {
        "id": "sess_1",
        "object": "realtime.transcription_session",
        "expires_at": 3600,
        "modalities": ["audio", "text"],
        "input_audio_format": "pcm16",
        "input_audio_transcription": {"model": "whisper-1", "language": None, "prompt": None},
        "input_audio_noise_reduction": None,
        "turn_detection": None,
        "include": None,
    }


def test_the_kinds_of_session_do_not_mix() -> None:
    """In the words of the day; beta's sessions have no `type` to blame."""
    code, param, message = error_of(on_line().say("transcription_session.update", session={}))

    assert (code, param) == ("invalid_parameter", None)
    assert message == "Passing a transcription session update event to a realtime session is not allowed."


@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        ({"type": "realtime"}, "unknown_parameter", "session.type"),
        ({"audio": {}}, "unknown_parameter", "session.audio"),
        ({"output_modalities": ["text"]}, "unknown_parameter", "session.output_modalities"),
        ({"max_output_tokens": 1}, "unknown_parameter", "session.max_output_tokens"),
        ({"input_audio_transcription": {"delay": 1}}, "unknown_parameter", "session.input_audio_transcription.delay"),
        ({"temperature": 0.5}, "decimal_below_min_value", "session.temperature"),
        ({"temperature": 1.3}, "decimal_above_max_value", "session.temperature"),
        ({"input_audio_format": "audio/pcm"}, "invalid_value", "session.input_audio_format"),
        ({"turn_detection": {"type": "none"}}, "invalid_value", "session.turn_detection.type"),
        ({"tools": [{"type": "mcp", "server_label": "x"}]}, "invalid_value", "session.tools[0].type"),
        ({"tools": [{"type": "function"}]}, "missing_required_parameter", "session.tools[0].name"),
        ({"tool_choice": {"type": "function"}}, "missing_required_parameter", "session.tool_choice.name"),
        ({"voice": {"id": "voice_1"}}, "invalid_type", "session.voice"),
        ({"modalities": ["audio"]}, "invalid_value", "session.modalities"),
        ({"model": "other"}, "invalid_value", "session.model"),
    ],
)
def test_what_is_wrong_is_named_in_betas_words(session: dict[str, Any], code: str, param: str) -> None:
    """A key of GA is as unknown as any other, and every path is the client's."""
    assert error_of(update(on_line(), **session))[:2] == (code, param)


def test_speech_alone_is_refused_in_the_providers_words() -> None:
    """Older models always wrote what they said."""
    _, _, message = error_of(update(on_line(), modalities=["audio"]))

    assert message == "Invalid modalities: ['audio']. Supported combinations are: ['text'] and ['audio', 'text']."


def test_an_error_of_the_core_names_betas_fields() -> None:
    """The core speaks GA."""
    heard = {"input_audio_transcription": {"model": "gpt-live-transcribe"}, "turn_detection": {"type": "server_vad"}}
    answer = on_line(kind="transcription").say("transcription_session.update", session=heard)

    assert error_of(answer)[1] == "session.turn_detection"


def test_an_event_of_no_beta_is_refused() -> None:
    """The list is the transport's, in beta's words."""
    code, param, message = error_of(on_line().say("nope", event_id="e1"))

    assert (code, param) == ("invalid_value", "type")
    assert "'session.update', 'transcription_session.update', 'input_audio_buffer.append'" in message
    assert "output_audio_buffer.clear" not in message
    assert Beta(codec.CALL_TYPES).receive('{"type":"output_audio_buffer.clear"}')


def test_an_item_is_refused_by_the_rules_of_beta() -> None:
    """The client's name for the event comes back."""
    item = {"type": "message", "role": "assistant", "content": [{"type": "input_text", "text": "x"}]}
    [answer] = on_line().say("conversation.item.create", event_id="mine", item=item)

    assert answer["error"]["message"] == "Invalid value: 'input_text'. Value must be 'text'."
    assert answer["error"]["event_id"] == "mine"


def test_a_response_is_refused_by_the_rules_of_beta() -> None:
    """Wrong combinations are found although every value is known."""
    line = on_line()
    context = [{"type": "message", "role": "user", "content": [{"type": "text", "text": "x"}]}]

    assert error_of(line.say("response.create", response={"modalities": []}))[1] == "response.modalities"
    assert error_of(line.say("response.create", response={"input": context}))[1] == "response.input[0].content[0].type"


def test_a_reference_that_leads_nowhere_is_named_where_it_stands() -> None:
    """A reference may stand as an item, or as the content of one."""
    line = on_line()
    quoted = {"type": "message", "role": "user", "content": [{"type": "item_reference", "id": "item_9"}]}

    assert error_of(line.say("response.create", response={"input": [quoted]})) == (
        "invalid_value",
        "response.input[0].content[0].id",
        "Item with item_id not found: item_9",
    )


def test_what_beta_has_no_word_for_is_not_said() -> None:
    """The item is final: beta has said so by `response.output_item.done`."""
    line = on_line()
    line.say("conversation.item.create", item=USER_TEXT)

    assert line.kinds == ["conversation.item.created"]


def test_an_append_takes_the_short_way() -> None:
    """It is the same as in GA."""
    assert Beta().receive('{"type":"input_audio_buffer.append","audio":"AAAA"}') == [
        InputAudioBufferAppend(audio=b"\0\0\0")
    ]


def test_plain_events_are_what_they_are_in_ga() -> None:
    """Their answers, too."""
    line = on_line()
    line.hear(speech(32))

    assert [event["type"] for event in line.say("input_audio_buffer.clear")] == ["input_audio_buffer.cleared"]
    assert error_of(line.say("response.cancel"))[0] == "response_cancel_not_active"
    assert json.loads(line.frames[0]) == {"type": "input_audio_buffer.cleared", "event_id": "event_2"}
