"""Scripts of calls, where the server plays the answers and knows what was heard of them."""

from corelines import lines, told
from corescript import (
    LOUD,
    MANUAL,
    QUIET,
    context,
    events,
    finishes,
    hearing,
    names,
    new_session,
    play,
    says,
    settled,
    silence,
    speaking,
    speech,
    typed,
    writes,
)

from antiphon.audio.pcm import ms_of
from antiphon.link import PlayoutStarted, PlayoutStopped, Unheard
from antiphon.protocol.client_events import (
    ConversationItemDelete,
    InputAudioBufferCommit,
    OutputAudioBufferClear,
    ResponseCancel,
    ResponseCreate,
)
from antiphon.protocol.response import ResponseParams
from antiphon.protocol.server_events import ResponseOutputAudioDelta
from antiphon.protocol.session import PcmFormat, PcmuFormat, ServerVad
from antiphon.session.effects import ClearOutput
from antiphon.session.inputs import PlayoutCleared

GREETING = ("Good day. ", 1000), ("How are you?", 1000)


def cleared(played_ms: int, response_id: str = "resp_1", item_id: str = "item_1") -> PlayoutCleared:
    """The buffer is silent; so much of the answer was played."""
    return PlayoutCleared((Unheard(response_id, item_id, 0, played_ms),))


def test_a_caller_is_told_when_an_answer_is_heard() -> None:
    """Protocol 8.8: `started` with the first sound, `stopped` when all was played, long after `response.done`."""
    session = new_session(is_call=True)
    play(session, ResponseCreate(), says("resp_1", *GREETING))

    assert told(play(session, PlayoutStarted("resp_1"))) == lines("output_audio_buffer.started resp_1")
    assert "response.done" in names(play(session, finishes("resp_1")))
    assert told(play(session, PlayoutStopped("resp_1"))) == lines("output_audio_buffer.stopped resp_1")


def test_the_caller_speaks_over_an_answer_that_is_being_made() -> None:
    """The order of 8.8: `speech_started`, the response's end, `cleared`, and the server's own truncation."""
    session = new_session(is_call=True)
    play(session, typed("Hello"), ResponseCreate(), says("resp_1", *GREETING), PlayoutStarted("resp_1"))

    assert told(play(session, LOUD)) == lines("""
        input_audio_buffer.speech_started        0ms item_3
        Stop                                     resp_1
        response.output_audio.done               resp_1 item_2 #0
        response.output_audio_transcript.done    resp_1 item_2 #0 "Good day. How are you?"
        response.content_part.done               resp_1 item_2 #0 audio "Good day. How are you?"
        conversation.item.done
            after item_1 item_2 assistant incomplete output_audio "Good day. How are you?"
        response.output_item.done
            resp_1 #0 item_2 assistant incomplete output_audio "Good day. How are you?"
        response.done
            resp_1 cancelled turn_detected [item_2 assistant incomplete output_audio "Good day. How are you?"]
        ClearOutput
        Hear   item_3 320ms
    """)
    assert told(play(session, cleared(1000, item_id="item_2"))) == lines("""
        output_audio_buffer.cleared   resp_1
        conversation.item.truncated   item_2 1000ms
    """)


def test_the_model_knows_what_was_heard() -> None:
    """The wire loses the transcript, the model keeps the words up to the cut."""
    session = new_session(is_call=True)
    play(session, ResponseCreate(), says("resp_1", *GREETING), finishes("resp_1"), PlayoutStarted("resp_1"))
    play(session, LOUD, cleared(1000))

    heard = play(session, QUIET)
    assert context(play(session, settled(heard, "Wait."))) == [
        'item_1 assistant completed output_audio "Good day."',
        'item_2 user completed input_audio "Wait."',
    ]


def test_the_caller_speaks_over_an_answer_that_is_made_and_still_played() -> None:
    """No second `response.done`; the buffer is cleared, the item cut."""
    session = new_session(is_call=True)
    play(session, ResponseCreate(), says("resp_1", *GREETING), finishes("resp_1"), PlayoutStarted("resp_1"))

    assert told(play(session, LOUD)) == lines("""
        input_audio_buffer.speech_started   0ms item_2
        ClearOutput
        Hear   item_2 320ms
    """)
    assert names(play(session, cleared(1500))) == ["output_audio_buffer.cleared", "conversation.item.truncated"]


def test_nothing_was_playing() -> None:
    """A caller who speaks into silence cuts nothing off."""
    session = new_session(is_call=True)
    play(session, LOUD)

    assert play(session, PlayoutCleared(())) == []


def test_an_answer_that_nobody_heard_is_cut_and_was_never_cleared() -> None:
    """It was still queued: there is no `cleared` without a `started`."""
    session = new_session(is_call=True)
    play(session, ResponseCreate(), says("resp_1", *GREETING), LOUD)

    assert told(play(session, cleared(0))) == lines("conversation.item.truncated item_1 0ms")


def test_a_caller_who_may_not_interrupt() -> None:
    """`interrupt_response` false: the answer is played to its end."""
    session = new_session(hearing(turn_detection=ServerVad(interrupt_response=False)), is_call=True)
    play(session, ResponseCreate(), says("resp_1", *GREETING), PlayoutStarted("resp_1"))

    assert ClearOutput() not in play(session, LOUD)


def test_the_client_clears_the_buffer() -> None:
    """`output_audio_buffer.clear` answers with `cleared`, and cuts as the caller's voice does."""
    session = new_session(is_call=True)
    play(session, ResponseCreate(), says("resp_1", *GREETING), PlayoutStarted("resp_1"), ResponseCancel())

    assert told(play(session, OutputAudioBufferClear())) == lines("ClearOutput")
    assert told(play(session, cleared(20))) == lines("""
        output_audio_buffer.cleared   resp_1
        conversation.item.truncated   item_1 20ms
    """)


def test_what_is_made_after_a_clear_is_not_played() -> None:
    """A client that clears without a cancel has heard enough of the item; its words go on."""
    session = new_session(is_call=True)
    play(session, ResponseCreate(), says("resp_1", GREETING[0]), PlayoutStarted("resp_1"))
    play(session, OutputAudioBufferClear(), cleared(500))

    later = play(session, says("resp_1", GREETING[1], start=10))
    assert names(later) == ["response.output_audio_transcript.delta"]


def test_more_was_played_than_was_made() -> None:
    """A playout that rounds up cuts nothing beyond the audio."""
    session = new_session(is_call=True)
    play(session, ResponseCreate(), says("resp_1", ("Hi.", 100)), PlayoutStarted("resp_1"))

    assert told(play(session, OutputAudioBufferClear(), cleared(120)))[-1] == "conversation.item.truncated item_1 100ms"


def test_an_out_of_band_answer_is_cleared_but_not_cut() -> None:
    """Its items are not in the conversation."""
    session = new_session(is_call=True)
    play(session, ResponseCreate(response=ResponseParams(conversation="none")), says("resp_1", *GREETING))
    play(session, PlayoutStarted("resp_1"), LOUD)

    assert told(play(session, cleared(700))) == lines("output_audio_buffer.cleared resp_1")


def test_an_item_that_was_deleted_or_has_no_sound_is_not_cut() -> None:
    """There is nothing left to cut."""
    session = new_session(is_call=True)
    play(session, typed("Hello"), ResponseCreate(), says("resp_1", *GREETING), PlayoutStarted("resp_1"))
    play(session, ConversationItemDelete(item_id="item_2"))

    assert names(play(session, cleared(700, item_id="item_2"))) == ["output_audio_buffer.cleared"]
    assert play(session, cleared(0, item_id="item_1")) == []


def test_an_answer_without_sound_so_far_is_not_cut() -> None:
    """Its first words are written; nothing of it could be heard."""
    session = new_session(is_call=True)
    play(session, ResponseCreate(), writes("resp_1", "Good"), OutputAudioBufferClear())

    assert play(session, cleared(0)) == []


def test_sound_stays_as_it_is_whatever_the_session_is_set_to() -> None:
    """On a call the codec is agreed by SDP; the formats of the session mean events only."""
    session = new_session(speaking(format=PcmuFormat()), hearing(format=PcmuFormat()), is_call=True)
    effects = play(session, ResponseCreate(), says("resp_1", ("Hi.", 100)))

    (delta,) = events(effects, ResponseOutputAudioDelta)
    assert ms_of(delta.delta) == 100
    assert session.input_format == PcmFormat()


def test_a_silent_caller_is_waited_for_from_the_end_of_playing() -> None:
    """Protocol 8.9: the idle timeout counts from when the answer was heard, which a call knows."""
    session = new_session(hearing(turn_detection=ServerVad(idle_timeout_ms=5000)), is_call=True)
    play(session, ResponseCreate(), says("resp_1", *GREETING), finishes("resp_1"), at=1.0)

    assert session.deadline == 3600.0
    play(session, PlayoutStarted("resp_1"), at=1.1)
    play(session, PlayoutStopped("resp_1"), at=4.0)
    assert session.deadline == 9.0


def test_a_silent_caller_is_waited_for_from_a_clear_too() -> None:
    """But not while the caller speaks."""
    session = new_session(hearing(turn_detection=ServerVad(idle_timeout_ms=5000)), is_call=True)
    play(session, ResponseCreate(), says("resp_1", *GREETING), finishes("resp_1"), PlayoutStarted("resp_1"), at=1.0)
    play(session, OutputAudioBufferClear(), cleared(900), at=2.0)

    assert session.deadline == 7.0
    play(session, LOUD, PlayoutCleared(()), at=3.0)
    assert session.deadline == 3600.0


def test_an_answer_without_sound_is_waited_for_at_once() -> None:
    """There is nothing to play."""
    session = new_session(hearing(turn_detection=ServerVad(idle_timeout_ms=5000)), is_call=True)
    play(session, ResponseCreate(), finishes("resp_1"), at=1.0)

    assert session.deadline == 6.0


def test_over_a_websocket_a_cut_answer_is_still_sent() -> None:
    """The client plays, and may ignore what comes after its own cut."""
    session = new_session(MANUAL)
    play(session, ResponseCreate(), says("resp_1", GREETING[0]))

    assert "response.output_audio.delta" in names(play(session, says("resp_1", GREETING[1], start=10)))
    assert ClearOutput() not in play(session, speech(500))


def test_a_call_without_turn_detection_keeps_the_newest_sound() -> None:
    """Its sound never pauses, and nobody could do anything about an error: what is older than the bound goes."""
    session = new_session(MANUAL, is_call=True)
    minute = silence(60_000)

    assert [told(play(session, minute)) for _ in range(12)] == [[]] * 12
    (committed, *_) = names(play(session, InputAudioBufferCommit()))
    assert committed == "input_audio_buffer.committed"
