"""Scripts of responses beside the conversation."""

import pytest
from corelines import lines, told
from corescript import (
    LOUD,
    MANUAL,
    TEXT,
    asked,
    context,
    events,
    finishes,
    names,
    new_session,
    play,
    recognises,
    refused,
    says,
    silence,
    speech,
    typed,
    writes,
)

from antiphon.protocol.client_events import (
    ConversationItemDelete,
    ConversationItemRetrieve,
    ResponseCancel,
    ResponseCreate,
)
from antiphon.protocol.items import InputAudio, InputText, ItemReference, Message
from antiphon.protocol.response import ResponseAudio, ResponseAudioOutput, ResponseParams
from antiphon.protocol.server_events import ResponseCreated, ResponseDone
from antiphon.protocol.session import PcmuFormat, Reasoning


def beside(**params: object) -> ResponseCreate:
    return ResponseCreate(response=ResponseParams(**({"conversation": "none"} | params)))  # type: ignore[arg-type]  # keys of the struct


def user(text: str) -> Message:
    return Message(role="user", content=(InputText(text=text),))


def test_a_response_out_of_band() -> None:
    """Protocol 8.11: no `conversation.item.*` events, no conversation id, and no trace in the conversation."""
    session = new_session(TEXT)
    play(session, typed("Hello"))

    assert told(play(session, beside(), writes("resp_1", "A greeting."), finishes("resp_1"))) == lines("""
        response.created              resp_1 in_progress out of band
        Respond                       resp_1
        response.output_item.added    resp_1 #0 item_2 assistant in_progress
        response.content_part.added   resp_1 item_2 #0 text ""
        response.output_text.delta    resp_1 item_2 #0 "A greeting."
        response.output_text.done     resp_1 item_2 #0 "A greeting."
        response.content_part.done    resp_1 item_2 #0 text "A greeting."
        response.output_item.done     resp_1 #0 item_2 assistant completed output_text "A greeting."
        response.done                 resp_1 completed out of band
                                      [item_2 assistant completed output_text "A greeting."]
    """)
    assert refused(play(session, ConversationItemRetrieve(item_id="item_2"))).code == "item_retrieve_invalid_item_id"
    assert context(play(session, ResponseCreate())) == lines('item_1 user completed input_text "Hello"')


def test_any_number_side_by_side() -> None:
    """One response writes to the conversation; out-of-band ones run beside it, and each is cancelled by its id."""
    session = new_session(TEXT)
    play(session, ResponseCreate(), beside(), beside())

    error = refused(play(session, ResponseCreate()))
    assert error.code == "conversation_already_has_active_response"
    assert error.message == (
        "Conversation already has an active response in progress: resp_1. "
        "Wait until the response is finished before creating a new one."
    )
    assert told(play(session, ResponseCancel(response_id="resp_3"), writes("resp_2", "Two"), ResponseCancel())) == (
        lines("""
            Stop                          resp_3
            response.done                 resp_3 cancelled out of band client_cancelled
            response.output_item.added    resp_2 #0 item_1 assistant in_progress
            response.content_part.added   resp_2 item_1 #0 text ""
            response.output_text.delta    resp_2 item_1 #0 "Two"
            Stop                          resp_1
            response.done                 resp_1 cancelled client_cancelled
        """)
    )
    assert refused(play(session, ResponseCancel())).code == "response_cancel_not_active"
    assert names(play(session, finishes("resp_2")))[-1] == "response.done"


def test_barge_in_leaves_out_of_band_responses_alone() -> None:
    """Protocol 8.11."""
    session = new_session()
    play(session, beside())

    assert names(play(session, LOUD, says("resp_1", ("Still", 100)), finishes("resp_1")))[-1] == "response.done"


def test_a_context_of_its_own() -> None:
    """`input` replaces the conversation: new items, references to any item of the session, or nothing at all."""
    session = new_session(TEXT)
    play(session, typed("one"), typed("two"), ConversationItemDelete(item_id="item_1"))

    given = (ItemReference(id="item_1"), user("three"), ItemReference(id="item_2"))
    assert context(play(session, beside(input=given))) == lines("""
        item_1 user completed input_text "one"
        item_3 user completed input_text "three"
        item_2 user completed input_text "two"
    """)
    assert context(play(session, beside(input=()))) == []
    assert context(play(session, ResponseCreate(response=ResponseParams(input=(user("four"),))))) == lines(
        'item_4 user completed input_text "four"'
    )
    assert context(play(session, beside())) == lines('item_2 user completed input_text "two"')


def test_a_context_that_is_refused() -> None:
    """Unknown references and content that its role cannot have; the path names the item. Nothing starts."""
    session = new_session(TEXT)

    error = refused(play(session, beside(input=(user("one"), ItemReference(id="item_9")))))
    assert (error.code, error.param) == ("invalid_value", "response.input[1].id")
    wrong = Message(role="system", content=(InputAudio(audio=b"\0\0"),))
    error = refused(play(session, beside(input=(wrong,))))
    assert (error.code, error.param) == ("invalid_value", "response.input[0].content[0].type")
    assert refused(play(session, ResponseCancel())).code == "response_cancel_not_active"


def test_speech_in_a_context_is_heard_first() -> None:
    """An audio item of this response alone waits for its words like any other."""
    session = new_session(MANUAL)
    spoken = Message(role="user", content=(InputAudio(audio=speech(200).pcm),))

    assert told(play(session, beside(input=(spoken,)))) == lines("""
        response.created   resp_1 in_progress out of band
        Hear               item_1 200ms
        Settle             item_1 200ms
    """)
    assert context(play(session, recognises("item_1", "Hello.", of=speech(200)))) == lines(
        'item_1 user completed input_audio "Hello."'
    )


def test_one_response_in_its_own_way() -> None:
    """Overrides hold for this response alone, in what the engine is asked and in what the client is shown."""
    session = new_session()
    params = {
        "instructions": "Whisper.",
        "output_modalities": ("audio",),
        "audio": ResponseAudio(output=ResponseAudioOutput(format=PcmuFormat(), voice="cedar")),
        "max_output_tokens": 64,
        "reasoning": Reasoning(effort="low"),
        "metadata": {"topic": "weather"},
    }

    started = play(session, beside(**params))
    prompt = asked(started)
    assert (prompt.instructions, prompt.voice, prompt.max_output_tokens) == ("Whisper.", "cedar", 64)
    assert (prompt.modality, prompt.reasoning_effort) == ("audio", "low")
    ended = play(session, finishes("resp_1"))
    for response in (event.response for event in events([*started, *ended], ResponseCreated, ResponseDone)):
        assert response.metadata == {"topic": "weather"}
        assert response.max_output_tokens == 64
        assert response.audio.output == ResponseAudioOutput(format=PcmuFormat(), voice="cedar")
    prompt = asked(play(session, beside()))
    assert (prompt.instructions, prompt.voice, prompt.max_output_tokens) == ("", "alloy", None)


@pytest.mark.parametrize("modalities", [(), ("audio", "text")])
def test_text_or_audio(modalities: tuple[str, ...]) -> None:
    """Section 5.1: never both, never neither."""
    error = refused(play(new_session(), beside(output_modalities=modalities)))

    assert (error.code, error.param) == ("invalid_value", "response.output_modalities")


def test_an_unanswered_turn_may_run_meanwhile() -> None:
    """Section 12: a `response.create` inside a turn answers what is committed, and the turn goes on."""
    session = new_session()
    play(session, typed("Hello"), LOUD)

    assert context(play(session, ResponseCreate())) == lines('item_1 user completed input_text "Hello"')
    assert names(play(session, silence(320)))[-1] == "error"


def test_null_instructions_are_no_instructions() -> None:
    """LiveKit's plugin sends `null` with each response; the session's own stand."""
    session = new_session(instructions="Be brief.")
    prompt = asked(play(session, ResponseCreate(response=ResponseParams(instructions=None))))

    assert prompt.instructions == "Be brief."
