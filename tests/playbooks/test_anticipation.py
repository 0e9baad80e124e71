"""Scripts of answers begun in the silence that ends a turn, and of turns whose end is judged by their words."""

import pytest
from corelines import lines, told
from corescript import (
    LOUD,
    MANUAL,
    SHOW_WORDS,
    TEXT,
    Stage,
    asked,
    calls,
    context,
    events,
    facts,
    finishes,
    guesses,
    hearing,
    names,
    new_session,
    play,
    recognises,
    says,
    silence,
    speech,
    typed,
    writes,
)

from antiphon.facts import DraftEnded
from antiphon.ports import NO_USAGE, Usage
from antiphon.protocol.client_events import (
    ConversationItemCreate,
    ConversationItemRetrieve,
    InputAudioBufferClear,
    InputAudioBufferCommit,
    ResponseCreate,
    SessionUpdate,
)
from antiphon.protocol.items import InputAudio, Message
from antiphon.protocol.server_events import InputAudioBufferSpeechStopped, ResponseDone
from antiphon.protocol.session import SemanticVad, ServerVad
from antiphon.session.config import FINISHED_SILENCE_MS, UNJUDGED_SILENCE_MS
from antiphon.session.inputs import Broke, Heard, Judged, Unrecognised

PATIENT = hearing(turn_detection=ServerVad(silence_duration_ms=384))
SEMANTIC = hearing(turn_detection=SemanticVad())


def anticipating(*updates: object) -> Stage:
    return new_session(PATIENT, *updates, anticipates=True)  # type: ignore[arg-type]  # updates


def in_a_pause(*updates: object) -> Stage:
    """The caller has said "What time is it?" and is quiet for 64 ms; the recogniser has told the words."""
    session = anticipating(*updates)
    play(session, LOUD, silence(32), recognises("item_1", "What time is it?", of=speech(352)))
    play(session, silence(32), at=1.0)
    return session


def test_an_answer_is_drafted_in_the_pause_and_kept() -> None:
    """The first quiet frame asks for the words, the second begins the draft; the turn's end lets it out at once."""
    session = anticipating(SHOW_WORDS)

    assert told(play(session, LOUD, silence(32))) == lines("""
        input_audio_buffer.speech_started   0ms item_1
        Hear                                item_1 320ms
        Hear                                item_1 32ms
        Settle                              item_1 352ms going on
    """)
    assert told(play(session, recognises("item_1", "What time is it?", of=speech(352)))) == []
    draft = play(session, silence(32))
    assert told(draft) == lines("""
        Respond   resp_1 draft
        Hear      item_1 32ms
    """)
    assert context(draft) == lines('item_1 user completed input_audio "What time is it?"')
    assert told(play(session, says("resp_1", ("Noon. ", 500)))) == []
    assert told(play(session, silence(320))) == lines("""
        Hear                                                    item_1 320ms
        input_audio_buffer.speech_stopped                       704ms item_1
        input_audio_buffer.committed                            first item_1
        conversation.item.added                                 first item_1 user completed input_audio ?
        conversation.item.done                                  first item_1 user completed input_audio ?
        Forget                                                  item_1
        conversation.item.input_audio_transcription.delta       item_1 "What time is it?"
        conversation.item.input_audio_transcription.completed   item_1 "What time is it?" 1s
        response.created                                        resp_1 in_progress
        Release                                                 resp_1
        response.output_item.added                              resp_1 #0 item_2 assistant in_progress
        conversation.item.added                                 after item_1 item_2 assistant in_progress
        response.content_part.added                             resp_1 item_2 #0 audio ""
        response.output_audio_transcript.delta                  resp_1 item_2 #0 "Noon. "
        response.output_audio.delta                             resp_1 item_2 #0 500ms
    """)
    assert names(play(session, says("resp_1", ("Lunch!", 300), start=6), finishes("resp_1")))[-1] == "response.done"


def test_a_draft_may_be_ready_before_the_turn_ends() -> None:
    """All of it goes out with the end of the turn, and it is billed."""
    session = in_a_pause(TEXT)
    play(session, writes("resp_1", "Noon."), finishes("resp_1", read=9, wrote=3))

    turn = play(session, silence(320), at=2.0)
    (done,) = events(turn, ResponseDone)
    assert (done.response.status, done.response.usage.output_tokens) == ("completed", 3)
    kept = DraftEnded("sess_1", was_kept=True, seconds=1.0, usage=Usage(input_tokens=9, output_tokens=3))
    assert kept in facts(turn)


def test_the_caller_goes_on_and_the_draft_leaves_no_trace() -> None:
    """No event, no item; the next pause asks for all the words, and makes another draft."""
    session = in_a_pause(TEXT)
    play(session, writes("resp_1", "Noon."))

    resumed = play(session, LOUD, at=3.0)
    assert told(resumed) == lines("""
        Stop   resp_1
        Hear   item_1 320ms
    """)
    assert facts(resumed) == [DraftEnded("sess_1", was_kept=False, seconds=2.0, usage=NO_USAGE)]
    assert told(play(session, writes("resp_1", " Late."), silence(64))) == lines("""
        Hear     item_1 32ms
        Settle   item_1 736ms going on
        Hear     item_1 32ms
    """)
    again = play(session, recognises("item_1", "What time is it in Rome?", of=speech(736)))
    assert told(again) == lines("Respond resp_2 draft")
    assert context(again) == lines('item_1 user completed input_audio "What time is it in Rome?"')


def test_words_of_a_pause_that_was_none_are_dropped() -> None:
    """The recogniser answers when the caller talks again already."""
    session = anticipating(TEXT)
    play(session, LOUD, silence(64), LOUD)

    assert play(session, recognises("item_1", "What", of=speech(352))) == []
    assert told(play(session, silence(64))) == lines("""
        Hear     item_1 32ms
        Settle   item_1 736ms going on
        Hear     item_1 32ms
    """)


def test_the_words_may_be_late() -> None:
    """The turn ends before the recogniser answers: the response is created and waits for the same words."""
    session = anticipating(TEXT)
    play(session, LOUD, silence(32))

    assert told(play(session, silence(352)))[-2:] == lines("""
        conversation.item.done   first item_1 user completed input_audio ?
        response.created         resp_1 in_progress
    """)
    assert told(play(session, recognises("item_1", "What time is it?", of=speech(352)))) == lines("""
        Forget    item_1
        Respond   resp_1
    """)


@pytest.mark.parametrize(
    "event",
    [
        InputAudioBufferCommit(),
        InputAudioBufferClear(),
        typed("Wait."),
        ResponseCreate(),
        SessionUpdate(session=TEXT),
        SessionUpdate(session=MANUAL),
    ],
)
def test_whatever_the_client_does_drops_the_draft(event: object) -> None:
    """The draft was based on what is not true any more."""
    session = in_a_pause()

    assert told(play(session, event))[0] == "Stop resp_1"  # type: ignore[arg-type]  # a client event
    assert play(session, says("resp_1", ("Noon.", 100))) == []


def test_looking_drops_nothing() -> None:
    """A retrieve changes nothing."""
    session = in_a_pause()
    assert names(play(session, ConversationItemRetrieve(item_id="item_9"))) == ["error"]

    assert "Release resp_1" in told(play(session, silence(320)))


def test_a_draft_that_fails_is_forgotten() -> None:
    """The turn's own response finds out whether the engine is well."""
    session = in_a_pause(TEXT)

    assert play(session, Broke("resp_1", "Out of memory.")) == []
    assert told(play(session, silence(320)))[-2:] == lines("""
        response.created   resp_2 in_progress
        Respond            resp_2
    """)


def test_a_noise_is_not_drafted_on() -> None:
    """No words, no draft; and no answer."""
    session = anticipating(TEXT)
    play(session, LOUD, silence(32), recognises("item_1", " ", of=speech(352)))

    assert told(play(session, silence(352)))[-2:] == lines("""
        response.created   resp_1 in_progress
        response.done      resp_1 completed
    """)


def test_nothing_is_drafted_beside_a_running_answer() -> None:
    """One default response at a time, drafts counted."""
    session = anticipating(hearing(turn_detection=ServerVad(interrupt_response=False)))
    play(session, typed("Hello"), ResponseCreate())

    assert told(play(session, LOUD, silence(64), recognises("item_2", "And?", of=speech(352)))) == lines("""
        input_audio_buffer.speech_started   0ms item_2
        Hear                                item_2 320ms
        Hear                                item_2 32ms
        Settle                              item_2 352ms going on
        Hear                                item_2 32ms
    """)


def test_a_draft_does_without_no_earlier_words() -> None:
    """While an earlier item of speech has no words yet, the answer has to wait for more than this turn."""
    session = anticipating(TEXT)
    spoken = Message(role="user", content=(InputAudio(audio=speech(200).pcm),))
    play(session, ConversationItemCreate(item=spoken))

    play(session, LOUD, silence(32), recognises("item_2", "And this?", of=speech(352)))
    assert told(play(session, silence(352)))[-3:] == lines("""
        response.created   resp_1 in_progress
        Hear               item_1 200ms
        Settle             item_1 200ms
    """)
    assert context(play(session, recognises("item_1", "I said that.", of=speech(200)))) == lines("""
        item_1 user completed input_audio "I said that."
        item_2 user completed input_audio "And this?"
    """)


def test_a_failed_recogniser_has_another_try_at_the_end_of_the_turn() -> None:
    """A failure in a pause is told to the meter alone; the whole turn is heard again when it is over."""
    session = anticipating(TEXT)
    play(session, LOUD, silence(32))

    assert told(play(session, Unrecognised("item_1", "No ears."))) == []
    assert told(play(session, silence(352)))[-3:] == lines("""
        response.created   resp_1 in_progress
        Hear               item_1 704ms
        Settle             item_1 704ms
    """)


# Turns that are judged


def judged_session(**settings: object) -> Stage:
    return new_session(SEMANTIC, TEXT, has_turn_model=True, **settings)


def frames(ms: int) -> int:
    """In whole frames of 32 ms."""
    return -(-ms // 32) * 32


def stopped_after(session: Stage, sound_ms: int) -> list[int]:
    """When the turn ends in that much silence, in pieces of 32 ms; ms of the session."""
    effects = play(session, (silence(32) for _ in range(sound_ms // 32)))
    return [event.audio_end_ms for event in events(effects, InputAudioBufferSpeechStopped)]


def test_words_that_sound_finished_end_the_turn_soon() -> None:
    """The turn model is asked in the pause, and its verdict sets the silence that ends the turn."""
    session = judged_session()

    assert told(play(session, LOUD, silence(32)))[-1] == "Settle item_1 352ms going on"
    assert told(play(session, recognises("item_1", "What time is it?", of=speech(352)))) == lines("""
        Judge item_1 352ms "What time is it?" 352ms
    """)
    assert play(session, Judged("item_1", 352 * 24, 1.0)) == []
    assert stopped_after(session, 8000) == [320 + frames(FINISHED_SILENCE_MS["auto"])]


def test_words_that_sound_unfinished_wait_longer() -> None:
    """4 s, by the reference, at medium eagerness."""
    session = judged_session()
    play(session, LOUD, silence(32), recognises("item_1", "I would like", of=speech(352)))
    play(session, Judged("item_1", 352 * 24, 0.0))

    assert stopped_after(session, 8000) == [320 + 4000]


def test_a_verdict_holds_for_its_own_pause() -> None:
    """When the caller went on meanwhile it says nothing."""
    session = judged_session()
    play(session, LOUD, silence(32), recognises("item_1", "What time?", of=speech(352)))
    play(session, LOUD)

    assert play(session, Judged("item_1", 352 * 24, 0.9), Judged("item_9", 5, 0.9)) == []
    assert stopped_after(session, 8000) == [672 + 4000]


@pytest.mark.parametrize("eagerness", ["low", "medium", "auto", "high"])
def test_without_a_judge_silence_decides(eagerness: str) -> None:
    """semantic_vad where no turn model can judge: plain silence, by eagerness, in whole frames."""
    session = new_session(hearing(turn_detection=SemanticVad(eagerness=eagerness)), TEXT)  # type: ignore[arg-type]  # one of four
    play(session, LOUD)

    assert stopped_after(session, 8000) == [320 + frames(UNJUDGED_SILENCE_MS[eagerness])]


def test_a_judge_without_a_recogniser_cannot_judge() -> None:
    """As without a judge."""
    session = judged_session(has_asr=False)
    play(session, LOUD)

    assert stopped_after(session, 8000) == [320 + frames(UNJUDGED_SILENCE_MS["auto"])]


def test_the_words_are_heard_for_the_judge_alone() -> None:
    """Also when nobody else wants them; the client sees no transcription events."""
    session = new_session(
        hearing(turn_detection=SemanticVad(create_response=False)), has_turn_model=True, anticipates=True
    )

    play(session, LOUD, silence(32), recognises("item_1", "Well.", of=speech(352)))
    assert told(play(session, Judged("item_1", 352 * 24, 1.0), silence(512)))[-4:] == lines("""
        input_audio_buffer.committed   first item_1
        conversation.item.added        first item_1 user completed input_audio ?
        conversation.item.done         first item_1 user completed input_audio ?
        Forget                         item_1
    """)


def test_guesses_in_a_pause_are_not_judged() -> None:
    """Only the recogniser's settled words are."""
    session = judged_session()

    play(session, LOUD)
    assert told(play(session, silence(32), guesses("item_1", "What"))) == lines("""
        Hear     item_1 32ms
        Settle   item_1 352ms going on
    """)


def test_a_draft_can_call_a_function() -> None:
    """Its call is told when the turn is over, and only then."""
    session = in_a_pause()

    assert play(session, calls("resp_1", "get_time", "{}"), finishes("resp_1")) == []
    assert "response.function_call_arguments.done" in names(play(session, silence(320)))


def test_a_hearing_responder_is_not_anticipated() -> None:
    """It takes the audio itself, and there are no words to begin with."""
    session = new_session(PATIENT, anticipates=True, hears_audio=True)

    assert told(play(session, LOUD, silence(64))) == lines("input_audio_buffer.speech_started 0ms item_1")


def test_what_the_engine_knows_of_a_draft() -> None:
    """Its prompt says that it is one; the answer's own does not."""
    session = anticipating(TEXT)
    play(session, LOUD, silence(32), recognises("item_1", "What time is it?", of=speech(352)))

    assert asked(play(session, silence(32))).draft
    play(session, LOUD)
    turn = play(session, silence(384))
    assert isinstance(session.tape[-1][0], Heard)
    (cut,) = [effect.cut for effect in turn if type(effect).__name__ == "Settle"]  # type: ignore[union-attr]  # a `Settle`
    assert not asked(play(session, recognises("item_1", "What time is it?", of=cut))).draft


def test_where_the_silence_is_long_the_words_are_asked_for_a_frame_later() -> None:
    """At 500 ms there is time: two quiet frames give the recogniser the whole last word."""
    session = new_session(hearing(turn_detection=ServerVad(silence_duration_ms=500)), anticipates=True)

    assert told(play(session, LOUD, silence(32)))[-1] == "Hear item_1 32ms"
    assert told(play(session, silence(32))) == lines("""
        Hear     item_1 32ms
        Settle   item_1 384ms going on
    """)
    assert told(play(session, recognises("item_1", "What time is it?", of=speech(384)))) == lines(
        "Respond resp_1 draft"
    )
