"""Rules of all responses of a session: one that speaks, others beside it, and what each waits for."""

from typing import Any

import pytest
from corelines import lines, told
from corescript import (
    LOUD,
    MANUAL,
    QUIET,
    TEXT,
    Stage,
    asked,
    calls,
    events,
    facts,
    finishes,
    names,
    new_session,
    play,
    recognises,
    says,
    settled,
    silence,
    speaking,
    speech,
    typed,
    writes,
)
from mcpscript import FILES, mcp_session, refusal, with_tools

from antiphon.facts import EngineFailed, ResponseEnded, Work
from antiphon.ports import Prompt, Usage
from antiphon.protocol.client_events import (
    ConversationItemDelete,
    InputAudioBufferCommit,
    ResponseCancel,
    ResponseCreate,
)
from antiphon.protocol.items import InputText, Message
from antiphon.protocol.response import Failed, ResponseError, ResponseParams
from antiphon.protocol.server_events import ResponseDone
from antiphon.protocol.session import FunctionTool, PromptTemplate, RealtimeSessionUpdate, Reasoning, VoiceId
from antiphon.session.config import Context
from antiphon.session.effects import Report, Respond, Send, Stop, Warm
from antiphon.session.inputs import Broke, Unrecognised
from antiphon.session.responses import TOO_LONG

BESIDE = ResponseCreate(response=ResponseParams(conversation="none"))


def heard(session: Stage, count: int = 1) -> None:
    """Turns committed by hand, whose words nobody has asked for."""
    for _ in range(count):
        play(session, speech(100), InputAudioBufferCommit())


def ended(effects: Any) -> ResponseEnded:
    (fact,) = [fact for fact in facts(effects) if isinstance(fact, ResponseEnded)]
    return fact


# What the engine is given


def test_all_that_an_answer_depends_on() -> None:
    """The session's configuration, in the engine's terms."""
    update = RealtimeSessionUpdate(
        instructions="Be kind.",
        tools=(FunctionTool(name="f"),),
        tool_choice="required",
        max_output_tokens=64,
        reasoning=Reasoning(effort="low"),
        parallel_tool_calls=False,
        prompt=PromptTemplate(id="host"),
    )
    session = new_session(update, speaking(voice=VoiceId(id="voice_1"), speed=1.5), templates={"host": "You host."})
    play(session, typed("Hello"))

    assert asked(play(session, ResponseCreate())) == Prompt(
        session_id="sess_1",
        instructions="You host.\n\nBe kind.",
        items=(Message(id="item_1", status="completed", role="user", content=(InputText(text="Hello"),)),),
        modality="audio",
        tools=(FunctionTool(name="f"),),
        tool_choice="required",
        parallel_tool_calls=False,
        max_output_tokens=64,
        reasoning_effort="low",
        voice="voice_1",
        speed=1.5,
    )


@pytest.mark.parametrize("reasoning", [{}, {"reasoning": Reasoning()}])
def test_nothing_asked_of_the_engine(reasoning: dict[str, Any]) -> None:
    """Plain defaults."""
    session = new_session(RealtimeSessionUpdate(**reasoning))

    assert asked(play(session, ResponseCreate())) == Prompt(
        session_id="sess_1", instructions="", items=(), voice="alloy"
    )


# What it waits for


def test_it_waits_for_the_words_of_every_item() -> None:
    """All are asked for at once; the engine starts with the last of them."""
    session = new_session(MANUAL, TEXT)
    heard(session, 2)

    assert told(play(session, ResponseCreate())) == lines("""
        response.created   resp_1 in_progress
        Hear               item_1 100ms
        Settle             item_1 100ms
        Hear               item_2 100ms
        Settle             item_2 100ms
    """)
    assert play(session, recognises("item_2", "Two.", of=speech(100)))[1:] == []
    assert told(play(session, recognises("item_1", "One.", of=speech(100)))) == lines("Respond resp_1")


def test_two_responses_wait_for_the_same_words() -> None:
    """They are heard once; each comes to its own end."""
    session = new_session(MANUAL, TEXT)
    heard(session)

    assert told(play(session, ResponseCreate(), BESIDE)) == lines("""
        response.created   resp_1 in_progress
        Hear               item_1 100ms
        Settle             item_1 100ms
        response.created   resp_2 in_progress out of band
    """)
    assert told(play(session, recognises("item_1", "One.", of=speech(100)))) == lines("""
        Respond   resp_1
        Respond   resp_2
    """)
    assert names(play(session, finishes("resp_2"), finishes("resp_1"))) == ["response.done"] * 2


def test_an_item_that_is_deleted_is_not_waited_for() -> None:
    """Its words are not wanted any more; the answer begins without them."""
    session = new_session(MANUAL, TEXT)
    heard(session)
    play(session, ResponseCreate())

    assert told(play(session, ConversationItemDelete(item_id="item_1"))) == lines("""
        conversation.item.deleted   item_1
        Forget                      item_1
        Respond                     resp_1
    """)


def test_words_that_cannot_be_made_out() -> None:
    """The response fails with the recogniser's own words; others go on waiting for theirs."""
    session = new_session(MANUAL, TEXT)
    heard(session, 2)
    play(session, ResponseCreate())

    (done,) = events(play(session, Unrecognised("item_1", "No ears.")), ResponseDone)
    assert done.response.status_details == Failed(error=ResponseError(type="server_error", message="No ears."))
    assert told(play(session, recognises("item_2", "Two.", of=speech(100)))) == []


def test_without_a_recogniser() -> None:
    """Speech cannot be answered by a model that only reads."""
    session = new_session(MANUAL, TEXT, has_asr=False)
    heard(session)

    assert told(play(session, ResponseCreate())) == lines("""
        response.created   resp_1 in_progress
        response.done      resp_1 failed "This server has no speech recogniser."
    """)


def test_a_model_that_hears_waits_for_nothing() -> None:
    """It takes the audio itself."""
    session = new_session(MANUAL, TEXT, hears_audio=True)
    heard(session)

    assert told(play(session, ResponseCreate()))[-1] == "Respond resp_1"


def test_a_client_is_always_answered() -> None:
    """Only a turn of turn detection is left alone when it holds no words."""
    session = new_session(MANUAL, TEXT)
    heard(session)

    play(session, ResponseCreate())
    assert told(play(session, recognises("item_1", "", of=speech(100)))) == lines("Respond resp_1")


# What becomes of it


def test_what_the_meter_is_told() -> None:
    """Times from `response.created`, audio and tokens."""
    session = new_session()
    play(session, ResponseCreate(), at=1.0)
    play(session, says("resp_1", ("Hm.", 400))[:1], at=1.25)
    play(session, says("resp_1", ("Hm.", 400))[1:], at=1.5)

    assert ended(play(session, finishes("resp_1", read=3, wrote=2), at=2.0)) == ResponseEnded(
        session_id="sess_1",
        response_id="resp_1",
        status="completed",
        created_at=1.0,
        first_delta_ms=250.0,
        first_audio_ms=500.0,
        done_ms=1000.0,
        audio_ms=400,
        usage=Usage(input_tokens=3, output_tokens=2),
        work=Work(began=1.0, first_token=1.25, last_token=1.25, first_audio=1.5, last_audio=1.5),
        spoken_tokens=8,
    )


def test_what_never_came() -> None:
    """Is not told."""
    session = new_session()

    fact = ended(play(session, ResponseCreate(), ResponseCancel()))
    assert (fact.status, fact.first_delta_ms, fact.first_audio_ms, fact.audio_ms) == ("cancelled", None, None, 0)


def test_the_meter_is_told_what_was_answered_and_how_late() -> None:
    """The item, the silence that ended it, the audio in and out; and a draft's work, where it was done before."""
    session = new_session(anticipates=True)
    play(session, LOUD, at=1.0)
    effects = play(session, QUIET, at=2.0)
    fact = ended([*effects, *play(session, ResponseCancel(), at=3.0)])

    assert (fact.item_id, fact.silence_ms, fact.reason) == ("item_1", 224, "client_cancelled")


def test_a_cancel_in_order() -> None:
    """Stop the engine, close what is open, tell the meter."""
    session = new_session(TEXT)
    play(session, ResponseCreate())

    effects = play(session, ResponseCancel())
    assert [type(effect) for effect in effects] == [Stop, Send, Report]


def test_a_turn_without_words_ends_its_response() -> None:
    """A cough is not a question."""
    session = new_session(TEXT)
    turn = play(session, LOUD, QUIET)

    assert told(play(session, settled(turn, " \n"))) == lines("response.done resp_1 completed")


def pausing() -> Stage:
    """A caller who is quiet for two frames, and an answer that is drafted."""
    session = new_session(TEXT, anticipates=True)
    turn = play(session, LOUD, silence(32))
    play(session, settled(turn, "What time is it?"), silence(32))
    return session


def test_a_draft_becomes_the_answer() -> None:
    """What was kept of it is told as if it came now, its end included."""
    session = pausing()
    assert play(session, writes("resp_1", "Noon."), finishes("resp_1", wrote=2)) == []

    assert told(play(session, silence(320)))[-11:] == lines("""
        response.created              resp_1 in_progress
        Release                       resp_1
        response.output_item.added    resp_1 #0 item_2 assistant in_progress
        conversation.item.added       after item_1 item_2 assistant in_progress
        response.content_part.added   resp_1 item_2 #0 text ""
        response.output_text.delta    resp_1 item_2 #0 "Noon."
        response.output_text.done     resp_1 item_2 #0 "Noon."
        response.content_part.done    resp_1 item_2 #0 text "Noon."
        conversation.item.done        after item_1 item_2 assistant completed output_text "Noon."
        response.output_item.done     resp_1 #0 item_2 assistant completed output_text "Noon."
        response.done                 resp_1 completed [item_2 assistant completed output_text "Noon."]
    """)


def test_a_draft_is_dropped() -> None:
    """When it fails, or when the caller goes on."""
    failed = pausing()
    assert play(failed, Broke("resp_1", "Out.")) == []
    assert told(play(failed, silence(320)))[-1] == "Respond resp_2"

    resumed = pausing()
    assert told(play(resumed, LOUD))[0] == "Stop resp_1"
    assert play(resumed, finishes("resp_1")) == []


def test_an_engine_that_fails() -> None:
    """The meter hears of it, and the failed response is billed."""
    session = new_session(TEXT)
    play(session, ResponseCreate())

    effects = play(session, Broke("resp_1", "Out.", code="rate_limit_exceeded", usage=Usage(input_tokens=9)))
    assert facts(effects)[0] == EngineFailed("sess_1", "responder", "Out.")
    assert ended(effects).usage == Usage(input_tokens=9)
    (done,) = events(effects, ResponseDone)
    assert done.response.status_details == Failed(
        error=ResponseError(type="server_error", code="rate_limit_exceeded", message="Out.")
    )


def test_the_operators_limits_are_no_fault_of_an_engine() -> None:
    """The response fails as the provider's would; the meter does not hear of a broken engine."""
    session = new_session(TEXT)
    play(session, ResponseCreate())
    effects = play(session, Broke("resp_1", "Rate limit reached.", "rate_limit_exceeded", is_fault=False))

    assert [fact for fact in facts(effects) if isinstance(fact, EngineFailed)] == []
    assert names(effects)[-1] == "response.done"


def test_news_of_nobody_is_dropped() -> None:
    """Here, and nowhere else."""
    session = new_session(TEXT)
    play(session, ResponseCreate(), ResponseCancel())

    assert play(session, writes("resp_1", "Late"), writes("resp_9", "?"), finishes("resp_1"), Broke("resp_9", "")) == []


def test_an_engine_that_fails_takes_its_tools_along() -> None:
    """They work for nobody."""
    session = mcp_session(FILES)
    play(session, ResponseCreate(), calls("resp_1", "read", "{}"), writes("resp_1", "Well"))

    assert told(play(session, Broke("resp_1", "Out.")))[0] == "Stop resp_1"


def test_a_draft_waits_for_tools() -> None:
    """It could not call what is not known."""
    session = new_session(with_tools(FILES), tool_refusal=refusal, anticipates=True)
    turn = play(session, LOUD, silence(32))
    play(session, settled(turn, "Read it."))
    assert "Respond resp_1 draft" not in told(play(session, silence(32)))


# The context


def test_a_context_that_is_too_long() -> None:
    """Where nothing may be left out, the response fails, and nothing is warmed or drafted either."""
    update = RealtimeSessionUpdate(truncation="disabled", output_modalities=("text",))
    session = new_session(update, context=Context(40, len), anticipates=True)
    play(session, typed("a" * 40))

    (done,) = events(play(session, ResponseCreate()), ResponseDone)
    assert done.response.status_details == Failed(
        error=ResponseError(type="invalid_request_error", code="context_length_exceeded", message=TOO_LONG)
    )
    quiet = silence(32)
    turn = play(session, LOUD, quiet, quiet)
    effects = [*turn, *play(session, settled(turn, "And now?"))]
    assert not any(isinstance(effect, Warm | Respond) for effect in effects)


def test_the_model_reads_ahead() -> None:
    """While the caller begins to speak, what was said before is read, where answers are anticipated."""
    session = new_session(TEXT, anticipates=True)
    play(session, typed("Hello"))

    (warm,) = [effect for effect in play(session, LOUD) if isinstance(effect, Warm)]
    assert warm.prompt.draft
    assert [item.id for item in warm.prompt.items] == ["item_1"]
