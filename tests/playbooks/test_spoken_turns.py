"""Scripts of spoken conversations: by turn detection and by hand."""

import pytest
from corelines import lines, told
from corescript import (
    CLICK,
    LISTEN_ONLY,
    LOUD,
    MANUAL,
    QUIET,
    SHOW_WORDS,
    asked,
    context,
    events,
    finishes,
    guesses,
    hearing,
    names,
    new_session,
    play,
    recognises,
    refused,
    says,
    settled,
    silence,
    speech,
    typed,
)

from antiphon.protocol.client_events import (
    ConversationItemRetrieve,
    InputAudioBufferClear,
    InputAudioBufferCommit,
    ResponseCreate,
)
from antiphon.protocol.items import InputAudio
from antiphon.protocol.server_events import ConversationItemRetrieved, InputAudioBufferSpeechStarted
from antiphon.protocol.session import ServerVad
from antiphon.session.inputs import Tick, Unrecognised


def test_a_spoken_question_gets_a_spoken_answer() -> None:
    """Protocol 8.4 and 8.3: the turn, its item, the response; words and sound of the answer side by side."""
    session = new_session()

    assert told(play(session, QUIET, LOUD)) == lines("""
        input_audio_buffer.speech_started   20ms item_1
        Hear                                item_1 620ms
    """)
    assert told(play(session, QUIET)) == lines("""
        Hear                                item_1 32ms
        Hear                                item_1 192ms
        input_audio_buffer.speech_stopped   864ms item_1
        input_audio_buffer.committed        first item_1
        conversation.item.added             first item_1 user completed input_audio ?
        conversation.item.done              first item_1 user completed input_audio ?
        Settle                              item_1 844ms
        response.created                    resp_1 in_progress
    """)
    heard = play(session, recognises("item_1", "What time is it?", of=speech(844)))
    assert told(heard) == lines("Respond resp_1")
    assert context(heard) == lines('item_1 user completed input_audio "What time is it?"')
    assert told(play(session, says("resp_1", ("Noon. ", 500), ("Lunch!", 300)), finishes("resp_1"))) == lines("""
        response.output_item.added               resp_1 #0 item_2 assistant in_progress
        conversation.item.added                  after item_1 item_2 assistant in_progress
        response.content_part.added              resp_1 item_2 #0 audio ""
        response.output_audio_transcript.delta   resp_1 item_2 #0 "Noon. "
        response.output_audio.delta              resp_1 item_2 #0 500ms
        response.output_audio_transcript.delta   resp_1 item_2 #0 "Lunch!"
        response.output_audio.delta              resp_1 item_2 #0 300ms
        response.output_audio.done               resp_1 item_2 #0
        response.output_audio_transcript.done    resp_1 item_2 #0 "Noon. Lunch!"
        response.content_part.done               resp_1 item_2 #0 audio "Noon. Lunch!"
        conversation.item.done                   after item_1 item_2 assistant completed output_audio "Noon. Lunch!"
        response.output_item.done                resp_1 #0 item_2 assistant completed output_audio "Noon. Lunch!"
        response.done                            resp_1 completed
                                                 [item_2 assistant completed output_audio "Noon. Lunch!"]
    """)


def test_the_caller_may_read_along() -> None:
    """Protocol 8.6: words that are known while the turn is open wait for its item; then they are told."""
    session = new_session(SHOW_WORDS)

    play(session, QUIET, LOUD)
    assert told(play(session, guesses("item_1", "What"), guesses("item_1", "What tame", stable=False))) == []
    assert told(play(session, QUIET))[-4:] == lines("""
        conversation.item.done                              first item_1 user completed input_audio ?
        Settle                                              item_1 844ms
        conversation.item.input_audio_transcription.delta   item_1 "What"
        response.created                                    resp_1 in_progress
    """)
    assert told(play(session, recognises("item_1", "What time is it?", of=speech(844)))) == lines("""
        conversation.item.input_audio_transcription.delta       item_1 " time is it?"
        conversation.item.input_audio_transcription.completed   item_1 "What time is it?" 1s
        Respond                                                 resp_1
    """)
    (retrieved,) = events(play(session, ConversationItemRetrieve(item_id="item_1")), ConversationItemRetrieved)
    assert retrieved.item.content == (
        InputAudio(audio=silence(300).pcm + LOUD.pcm + silence(224).pcm, transcript="What time is it?"),
    )


def test_words_may_come_while_the_answer_is_spoken() -> None:
    """A responder that hears needs no words: transcription events fall among those of the answer."""
    session = new_session(SHOW_WORDS, hears_audio=True)
    answer = says("resp_1", ("Noon.", 500))

    turn = play(session, QUIET, LOUD, QUIET)
    assert asked(turn).items[0].content == (  # type: ignore[union-attr]  # a message
        InputAudio(audio=silence(300).pcm + LOUD.pcm + silence(224).pcm, transcript=None),
    )
    assert names(play(session, answer[0], settled(turn, "What time?"), answer[1])) == [
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_audio_transcript.delta",
        "conversation.item.input_audio_transcription.delta",
        "conversation.item.input_audio_transcription.completed",
        "response.output_audio.delta",
    ]


def test_a_turn_by_hand() -> None:
    """Protocol 8.5: without turn detection a commit makes the item and never answers; the client asks for that."""
    session = new_session(MANUAL)

    assert told(play(session, LOUD, QUIET)) == []
    assert told(play(session, InputAudioBufferCommit())) == lines("""
        input_audio_buffer.committed   first item_1
        conversation.item.added        first item_1 user completed input_audio ?
        conversation.item.done         first item_1 user completed input_audio ?
    """)
    assert told(play(session, ResponseCreate())) == lines("""
        response.created   resp_1 in_progress
        Hear               item_1 640ms
        Settle             item_1 640ms
    """)
    assert told(play(session, recognises("item_1", "Hello.", of=speech(640)))) == lines("Respond resp_1")


def test_a_commit_by_hand_ends_the_turn_that_is_open() -> None:
    """Protocol 8.5: with turn detection on, the announced item is committed: no `speech_stopped`, no response."""
    session = new_session()
    play(session, QUIET, LOUD)

    assert told(play(session, InputAudioBufferCommit())) == lines("""
        input_audio_buffer.committed   first item_1
        conversation.item.added        first item_1 user completed input_audio ?
        conversation.item.done         first item_1 user completed input_audio ?
        Settle                         item_1 620ms
    """)
    assert told(play(session, QUIET, recognises("item_1", "Hello.", of=speech(620)))) == []


def test_a_commit_needs_a_tenth_of_a_second() -> None:
    """Section 12: the minimum counts since the last commit or clear."""
    session = new_session(MANUAL)
    play(session, speech(100), InputAudioBufferCommit(), speech(99))

    error = refused(play(session, InputAudioBufferCommit(event_id="mine")))
    assert (error.code, error.param, error.event_id) == ("input_audio_buffer_commit_empty", None, "mine")
    assert error.message == (
        "Error committing input audio buffer: buffer too small. "
        "Expected at least 100ms of audio, but buffer only has 99.00ms of audio."
    )
    play(session, speech(1))
    assert names(play(session, InputAudioBufferCommit()))[0] == "input_audio_buffer.committed"


def test_a_clear_forgets_the_turn() -> None:
    """The audio is gone, and with it the turn and its recogniser; the next voice starts a turn of its own."""
    session = new_session()
    play(session, QUIET, LOUD)

    assert told(play(session, InputAudioBufferClear(), QUIET)) == lines("""
        Forget                      item_1
        input_audio_buffer.cleared
    """)
    assert told(play(session, LOUD))[0] == "input_audio_buffer.speech_started 660ms item_2"


def test_a_click_starts_no_turn() -> None:
    """One loud frame is no voice, also over an answer."""
    session = new_session()
    play(session, typed("Hello"), ResponseCreate(), says("resp_1", ("Hello. ", 500)))

    assert told(play(session, CLICK, QUIET, speech(64), QUIET)) == []
    assert names(play(session, speech(96)))[0] == "input_audio_buffer.speech_started"


def test_a_noise_is_not_answered() -> None:
    """A turn in which the recogniser finds no words ends its response at once, with nothing in it."""
    session = new_session()
    play(session, QUIET, LOUD, QUIET)

    assert told(play(session, recognises("item_1", " ", of=speech(844)))) == lines("response.done resp_1 completed")


def test_a_pause_is_part_of_the_turn() -> None:
    """Silence shorter than `silence_duration_ms` ends nothing."""
    session = new_session(hearing(turn_detection=ServerVad(silence_duration_ms=500)))

    turn = play(session, LOUD, silence(480), LOUD, silence(512))
    assert names(turn) == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
    ]
    assert told(turn)[-7:-5] == lines("""
        Hear                                item_1 448ms
        input_audio_buffer.speech_stopped   1632ms item_1
    """)


def test_only_as_much_as_asked_for_is_kept_from_before_a_turn() -> None:
    """`audio_start_ms` lies `prefix_padding_ms` before the voice, and never in what was committed already."""
    session = new_session(LISTEN_ONLY, hearing(turn_detection=ServerVad(prefix_padding_ms=100)))

    started = events(play(session, QUIET, LOUD, QUIET, LOUD), InputAudioBufferSpeechStarted)
    assert [event.audio_start_ms for event in started] == [220, 864]


def test_listening_without_answering() -> None:
    """`create_response` false: the turn becomes an item and nothing else, and nobody listens for words."""
    session = new_session(LISTEN_ONLY)

    assert told(play(session, LOUD, QUIET)) == lines("""
        input_audio_buffer.speech_started   0ms item_1
        input_audio_buffer.speech_stopped   544ms item_1
        input_audio_buffer.committed        first item_1
        conversation.item.added             first item_1 user completed input_audio ?
        conversation.item.done              first item_1 user completed input_audio ?
    """)


def test_a_recogniser_that_fails_fails_the_answer() -> None:
    """Protocol 8.6: `failed` for the words, `failed` for the response that needed them; the session goes on."""
    session = new_session(SHOW_WORDS)
    play(session, LOUD, QUIET)

    assert told(play(session, Unrecognised("item_1", "No ears."))) == lines("""
        conversation.item.input_audio_transcription.failed   item_1 "No ears."
        response.done                                        resp_1 failed "No ears."
    """)
    assert names(play(session, typed("Then read."), ResponseCreate()))[-1] == "response.created"


def test_the_recogniser_gets_another_chance() -> None:
    """An item whose words are unknown is heard again when the next response needs it, from the kept audio."""
    session = new_session()
    play(session, LOUD, QUIET, Unrecognised("item_1", "No ears."))

    assert told(play(session, ResponseCreate())) == lines("""
        response.created   resp_2 in_progress
        Hear               item_1 544ms
        Settle             item_1 544ms
    """)


def test_an_item_that_nobody_could_hear_is_passed_over_later() -> None:
    """One failure must not fail every response to come."""
    session = new_session()
    play(session, LOUD, QUIET, Unrecognised("item_1", "No ears."))

    assert told(play(session, typed("Then read."), ResponseCreate()))[-2:] == lines("""
        response.created   resp_2 in_progress
        Respond            resp_2
    """)


def test_without_a_recogniser_speech_is_not_answered() -> None:
    """The words fail, and the response; both say why."""
    session = new_session(SHOW_WORDS, has_asr=False)

    assert told(play(session, LOUD, QUIET))[-3:] == lines("""
        conversation.item.input_audio_transcription.failed   item_1 "This server has no speech recogniser."
        response.created                                     resp_1 in_progress
        response.done                                        resp_1 failed "This server has no speech recogniser."
    """)


@pytest.mark.parametrize("piece_ms", [1, 10, 20, 31, 32, 100])
def test_how_the_audio_is_cut_does_not_matter(piece_ms: int) -> None:
    """The same audio in other appends gives the same events."""
    whole, pieces = new_session(SHOW_WORDS), new_session(SHOW_WORDS)
    cut = [
        part
        for sound in (QUIET, LOUD, QUIET)
        for part in [*[type(sound)(piece_ms, sound.speech, sound.sample)] * (sound.ms // piece_ms)]
        + [type(sound)(sound.ms % piece_ms, sound.speech, sound.sample)] * (sound.ms % piece_ms > 0)
    ]

    effects = play(pieces, cut)
    assert [line for line in told(effects) if not line.startswith("Hear")] == [
        line for line in told(play(whole, QUIET, LOUD, QUIET)) if not line.startswith("Hear")
    ]
    item = play(pieces, ConversationItemRetrieve(item_id="item_1"))
    assert item == play(whole, ConversationItemRetrieve(item_id="item_1"))


def test_silence_of_the_caller_is_answered_after_the_idle_timeout() -> None:
    """Protocol 8.9: the timeout runs from the end of playback; a silent turn, then an answer."""
    session = new_session(hearing(turn_detection=ServerVad(idle_timeout_ms=5000)))
    play(session, typed("Hello"), ResponseCreate(), says("resp_1", ("Hello.", 1000)), finishes("resp_1"), at=10.0)
    play(session, silence(6016))

    assert session.deadline == 16.0
    assert play(session, Tick(), at=15.9) == []
    silent = play(session, Tick(), at=16.0)
    assert told(silent) == lines("""
        input_audio_buffer.timeout_triggered   1016ms 6016ms item_3
        input_audio_buffer.committed           after item_2 item_3
        conversation.item.added                after item_2 item_3 user completed input_audio ?
        conversation.item.done                 after item_2 item_3 user completed input_audio ?
        response.created                       resp_2 in_progress
        Respond                                resp_2
    """)
    assert context(silent)[-1] == 'item_3 user completed input_audio ""'
    assert session.deadline == 3600.0
    play(session, finishes("resp_2"), at=20.0)
    assert session.deadline == 25.0
    play(session, LOUD)
    assert session.deadline == 3600.0


def test_a_silent_turn_has_a_transcript_without_words() -> None:
    """A client that asked for transcripts waits for one per item; nobody has to hear silence for it."""
    session = new_session(SHOW_WORDS, hearing(turn_detection=ServerVad(idle_timeout_ms=5000)))
    play(session, ResponseCreate(), says("resp_1", ("Hello.", 1000)), finishes("resp_1"), at=10.0)
    play(session, silence(6016))

    (completed,) = [line for line in told(play(session, Tick(), at=16.0)) if "transcription" in line]
    assert completed == 'conversation.item.input_audio_transcription.completed item_2 "" 7s'
