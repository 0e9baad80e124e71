"""Rules of the caller's side: what a turn means for the recogniser, for drafts and for the response that speaks."""

from typing import Any

import pytest
from corelines import lines, told
from corescript import (
    LISTEN_ONLY,
    LOUD,
    MANUAL,
    QUIET,
    SHOW_WORDS,
    TEXT,
    Stage,
    facts,
    finishes,
    guesses,
    hearing,
    names,
    new_session,
    play,
    recognises,
    refused,
    settled,
    silence,
    speech,
    transcribing,
    typed,
)

from antiphon.audio.pcm import samples_in, samples_of
from antiphon.facts import TurnBegan, TurnEnded
from antiphon.protocol.client_events import (
    InputAudioBufferClear,
    InputAudioBufferCommit,
    ResponseCreate,
    SessionUpdate,
)
from antiphon.protocol.session import PcmuFormat, SemanticVad, ServerVad, Transcription
from antiphon.session.caller import JUDGED_MS
from antiphon.session.effects import Judge, Warm
from antiphon.session.input_buffer import MAX_BUFFER_S
from antiphon.session.inputs import Heard, Judged, Tick

IDLE = hearing(turn_detection=ServerVad(idle_timeout_ms=5000))
SEMANTIC = hearing(turn_detection=SemanticVad())


def work(session: Stage, *sounds: Any) -> list[str]:
    """Which work these sounds make for the recogniser."""
    heard = told(play(session, *sounds))
    return sorted({line.split()[0] for line in heard if line.startswith(("Hear", "Settle", "Judge"))})


@pytest.mark.parametrize(
    ("updates", "settings", "work_done"),
    [
        ([], {}, ["Hear", "Settle"]),  # an answer will want the words
        ([], {"hears_audio": True}, []),  # this one takes the audio itself
        ([SHOW_WORDS], {"hears_audio": True}, ["Hear", "Settle"]),  # and the client wants to read
        ([LISTEN_ONLY], {}, []),
        ([LISTEN_ONLY, SHOW_WORDS], {}, ["Hear", "Settle"]),
        ([hearing(turn_detection=SemanticVad(create_response=False))], {"has_turn_model": True}, ["Hear", "Settle"]),
        ([], {"has_asr": False}, []),
        ([], {"kind": "transcription"}, []),
        (
            [transcribing(transcription=Transcription(model="whisper-1"))],
            {"kind": "transcription"},
            ["Hear", "Settle"],
        ),
    ],
)
def test_a_turn_is_heard_when_somebody_wants_its_words(
    updates: list[Any], settings: dict[str, Any], work_done: list[str]
) -> None:
    """The client, the answer, or the judge of its end; recognition is the dearest step."""
    assert work(new_session(*updates, **settings), LOUD, QUIET) == work_done


def test_the_meter_hears_of_every_turn() -> None:
    """Noticed after its first 96 ms; committed by silence or by hand, with its length and the silence, if known."""
    session = new_session(LISTEN_ONLY)

    assert facts(play(session, LOUD, QUIET, speech(100), InputAudioBufferCommit())) == [
        TurnBegan("sess_1", "item_1", noticed_ms=96, interrupts=False),
        TurnEnded("sess_1", "item_1", 544, silence_ms=224),
        TurnBegan("sess_1", "item_2", noticed_ms=96, interrupts=False),
        TurnEnded("sess_1", "item_2", 196),
    ]


@pytest.mark.parametrize("interrupts", [True, False])
def test_the_meter_hears_of_an_interruption(interrupts: bool) -> None:
    """Only where it was one: an answer ran, and it is to give way."""
    session = new_session(hearing(turn_detection=ServerVad(interrupt_response=interrupts)))
    play(session, ResponseCreate())

    assert facts(play(session, LOUD))[0] == TurnBegan("sess_1", "item_1", noticed_ms=96, interrupts=interrupts)


def test_a_turn_interrupts_what_speaks() -> None:
    """Unless the client says otherwise."""
    session = new_session(hearing(turn_detection=ServerVad(interrupt_response=False)))
    play(session, ResponseCreate())
    assert "Stop resp_1" not in told(play(session, LOUD, QUIET))

    play(session, SessionUpdate(session=hearing(turn_detection=ServerVad(interrupt_response=True))))
    assert "Stop resp_1" in told(play(session, LOUD))


def test_a_turn_that_cannot_be_answered_says_so() -> None:
    """One response is active already: the error names it; nobody in particular caused it."""
    session = new_session(hearing(turn_detection=ServerVad(interrupt_response=False)))
    play(session, ResponseCreate())

    assert told(play(session, LOUD, QUIET))[-1] == "error conversation_already_has_active_response"


def test_a_live_model_hears_what_is_committed_by_hand() -> None:
    """As it comes, with the id that `committed` will report."""
    session = new_session(MANUAL, hearing(transcription=Transcription(model="gpt-live-transcribe")))

    assert told(play(session, speech(100))) == lines("Hear item_1 100ms")
    assert told(play(session, InputAudioBufferCommit()))[0] == "input_audio_buffer.committed first item_1"


# Commit, clear, update


def test_too_little_to_commit() -> None:
    """And nothing changes."""
    session = new_session(MANUAL)
    play(session, speech(99))

    assert refused(play(session, InputAudioBufferCommit())).code == "input_audio_buffer_commit_empty"
    assert names(play(session, speech(1), InputAudioBufferCommit()))[0] == "input_audio_buffer.committed"


def test_too_much_to_keep() -> None:
    """Without turn detection nobody ends what grows; with it, the turn is ended."""
    session = new_session(MANUAL)
    much = Heard("link_1", bytes(2 * samples_in(MAX_BUFFER_S * 1000)))

    assert refused(play(session, much)).code == "input_audio_buffer_full"
    assert play(session, SessionUpdate(session=hearing(turn_detection=ServerVad())), much)[1:] == []


def test_a_clear_ends_the_recognisers_work() -> None:
    """Where there is a turn."""
    session = new_session()

    assert told(play(session, InputAudioBufferClear())) == lines("input_audio_buffer.cleared")
    play(session, LOUD)
    assert told(play(session, InputAudioBufferClear()))[0] == "Forget item_1"


@pytest.mark.parametrize(
    ("update", "effects"),
    [
        (hearing(format=PcmuFormat()), ["Forget item_1", "session.updated sess_1"]),
        (MANUAL, ["Forget item_1", "session.updated sess_1"]),
        (SEMANTIC, ["Forget item_1", "session.updated sess_1"]),
        (hearing(turn_detection=ServerVad(threshold=0.9)), ["session.updated sess_1"]),
        (TEXT, ["session.updated sess_1"]),
    ],
)
def test_an_update_may_forget_the_turn(update: Any, effects: list[str]) -> None:
    """Another format or another kind of turn detection; nothing else."""
    session = new_session()
    play(session, LOUD)

    assert told(play(session, SessionUpdate(session=update))) == effects


# Judged pauses


def judged_session(*updates: Any, **settings: Any) -> Stage:
    return new_session(SEMANTIC, TEXT, *updates, has_turn_model=True, **settings)


def test_a_judge_is_given_the_end_of_the_turn() -> None:
    """Its words, and at most the last 8 s of its sound."""
    session = judged_session()
    turn = play(session, speech(9600), silence(32))

    (judge,) = play(session, settled(turn, "What time is it?"))
    assert isinstance(judge, Judge)
    assert (judge.text, judge.cut) == ("What time is it?", samples_in(9632))
    assert samples_of(judge.pcm) == samples_in(JUDGED_MS)


def test_a_judge_is_asked_once_in_a_pause() -> None:
    """By the settled words; guesses, and words of an earlier pause, ask for nothing."""
    session = judged_session()
    turn = play(session, LOUD, silence(64))
    asked = play(session, guesses("item_1", "Wh"), settled(turn, "What"), guesses("item_1", "What?"))
    late = play(session, recognises("item_1", "What", of=1), recognises("item_9", "?", of=1))

    assert told([*asked, *late]) == lines('Judge item_1 352ms "What" 384ms')


def test_a_verdict_ends_the_turn_soon() -> None:
    """When it is about this pause."""
    session = judged_session()
    turn = play(session, LOUD, silence(32))
    play(session, settled(turn, "What time is it?"))

    assert play(session, Judged("item_9", samples_in(352), 1.0), Judged("item_1", 1, 1.0)) == []
    assert names(play(session, silence(480))) == []
    play(session, Judged("item_1", samples_in(352), 1.0))
    assert names(play(session, silence(32)))[0] == "input_audio_buffer.speech_stopped"


def test_words_after_detection_was_switched_off() -> None:
    """There is no turn any more."""
    session = judged_session()
    turn = play(session, LOUD, silence(32), SessionUpdate(session=MANUAL))

    assert play(session, settled(turn, "What")) == []


def test_words_of_a_turn_that_is_over() -> None:
    """While its last words are still to come, its guesses are nobody's pause."""
    session = judged_session()
    play(session, LOUD, silence(32), InputAudioBufferCommit(), LOUD)

    assert play(session, guesses("item_1", "What")) == []


# Drafts


def drafting(*updates: Any, **settings: Any) -> list[str]:
    """What is started in a pause of two frames."""
    session = new_session(TEXT, *updates, **({"anticipates": True} | settings))
    turn = play(session, LOUD, silence(32))
    return told([*play(session, settled(turn, "What time is it?")), *play(session, silence(32))])


@pytest.mark.parametrize(
    ("updates", "settings", "begun"),
    [
        ([], {}, True),
        ([], {"anticipates": False}, False),
        ([LISTEN_ONLY, SHOW_WORDS], {}, False),
        ([SHOW_WORDS], {"hears_audio": True}, False),
    ],
)
def test_when_an_answer_is_drafted(updates: list[Any], settings: dict[str, Any], *, begun: bool) -> None:
    """Where the operator wants it, turns are answered, and the model answers words."""
    assert ("Respond resp_1 draft" in drafting(*updates, **settings)) == begun


def test_words_may_come_before_or_after_the_pause_is_still() -> None:
    """The draft begins when both are there."""
    session = new_session(TEXT, anticipates=True)
    turn = play(session, LOUD, silence(64))

    assert told(play(session, settled(turn, "What time is it?"))) == lines("Respond resp_1 draft")


def test_when_there_is_nothing_to_draft_on() -> None:
    """No words; a response that speaks; earlier speech whose words are still to come; one draft already."""
    noise = new_session(TEXT, anticipates=True)
    turn = play(noise, LOUD, silence(32))
    assert told(play(noise, settled(turn, " "), silence(32))) == lines("Hear item_1 32ms")

    busy = new_session(TEXT, hearing(turn_detection=ServerVad(interrupt_response=False)), anticipates=True)
    turn = play(busy, ResponseCreate(), LOUD, silence(32))
    assert told(play(busy, settled(turn, "And?"), silence(32))) == lines("Hear item_1 32ms")

    owing = new_session(MANUAL, TEXT, anticipates=True)
    play(owing, speech(100), InputAudioBufferCommit(), SessionUpdate(session=hearing(turn_detection=ServerVad())))
    turn = play(owing, LOUD, silence(32))
    assert told(play(owing, settled(turn, "And?"), silence(32))) == lines("Hear item_2 32ms")

    drafting_already = new_session(TEXT, anticipates=True)
    turn = play(drafting_already, LOUD, silence(64))
    again = [*settled(turn, "And?"), *settled(turn, "And?")]
    assert told(play(drafting_already, again)) == lines("Respond resp_1 draft")


def test_a_pause_that_was_none_drops_the_draft() -> None:
    """And the words of it."""
    session = new_session(TEXT, anticipates=True)
    turn = play(session, LOUD, silence(64))
    play(session, settled(turn, "What"))

    assert told(play(session, LOUD)) == lines("""
        Stop   resp_1
        Hear   item_1 320ms
    """)


# Idle


def answered(session: Stage) -> None:
    """An answer that ends at 10 s."""
    play(session, typed("Hello"), ResponseCreate(), at=9.0)
    play(session, finishes("resp_1"), at=10.0)


def test_idle_only_after_an_answer() -> None:
    """With turn detection that asks for it, and nobody speaking."""
    session = new_session(IDLE, TEXT)
    assert session.deadline == 3600.0
    answered(session)
    assert session.deadline == 15.0
    play(session, LOUD)
    assert session.deadline == 3600.0

    for update in (MANUAL, hearing(turn_detection=ServerVad())):
        quiet = new_session(update, TEXT)
        answered(quiet)
        assert quiet.deadline == 3600.0


def test_not_idle_while_a_turn_is_open() -> None:
    """A response that ends while the caller speaks starts no timer that could cut in."""
    session = new_session(IDLE, TEXT)
    play(session, LOUD, ResponseCreate(), at=1.0)
    play(session, finishes("resp_1"), at=2.0)

    assert session.deadline == 3600.0
    assert play(session, Tick(), at=100.0) == []


def test_idle() -> None:
    """A turn of silence, whose words are known without hearing it, and an answer to it; then the timer starts again."""
    session = new_session(IDLE, TEXT, SHOW_WORDS)
    answered(session)
    assert play(session, Tick(), at=14.9) == []

    assert told(play(session, Tick(), at=15.0)) == lines("""
        input_audio_buffer.timeout_triggered   0ms 0ms item_2
        input_audio_buffer.committed           after item_1 item_2
        conversation.item.added                after item_1 item_2 user completed input_audio ?
        conversation.item.done                 after item_1 item_2 user completed input_audio ?
        conversation.item.input_audio_transcription.completed   item_2 "" 0s
        response.created                       resp_2 in_progress
        Respond                                resp_2
    """)
    assert session.deadline == 3600.0
    play(session, finishes("resp_2"), at=20.0)
    assert session.deadline == 25.0


@pytest.mark.parametrize(("update", "is_warmed"), [(TEXT, True), (LISTEN_ONLY, False)])
def test_a_model_that_hears_for_itself_reads_ahead(update: Any, is_warmed: bool) -> None:
    """It makes no drafts, and may yet be told what was said before; unless nobody will answer."""
    session = new_session(update, hears_audio=True)
    play(session, typed("Hello"))

    assert any(isinstance(effect, Warm) for effect in play(session, LOUD)) is is_warmed
