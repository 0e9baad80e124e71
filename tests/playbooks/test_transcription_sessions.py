"""Scripts of sessions that only put speech into words."""

from typing import Any

from corelines import lines, told
from corescript import (
    LOUD,
    QUIET,
    Stage,
    events,
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
)

from antiphon.ports import Segment, TokenProb, TranscriptUsage
from antiphon.protocol.client_events import InputAudioBufferClear, InputAudioBufferCommit, ResponseCreate, SessionUpdate
from antiphon.protocol.server_events import (
    ConversationItemInputAudioTranscriptionCompleted,
    LogProb,
    SessionCreated,
    SessionUpdated,
    TranscriptionInputTokenDetails,
    TranscriptionTokens,
)
from antiphon.protocol.session import ServerVad, Transcription, TranscriptionSessionUpdate
from antiphon.session.config import Context
from antiphon.session.inputs import Unrecognised

WHISPER = transcribing(transcription=Transcription(model="whisper-1"))


def new_transcription(*updates: Any, **settings: Any) -> Stage:
    return new_session(*updates, kind="transcription", **settings)


def test_speech_becomes_words() -> None:
    """Protocol 8.12: turns, items and words; no response, whatever turn detection would like."""
    session = new_transcription(WHISPER)

    turn = play(session, LOUD, QUIET)
    assert told(turn) == lines("""
        input_audio_buffer.speech_started   0ms item_1
        Hear                                item_1 320ms
        Hear                                item_1 32ms
        Hear                                item_1 192ms
        input_audio_buffer.speech_stopped   544ms item_1
        input_audio_buffer.committed        first item_1
        conversation.item.added             first item_1 user completed input_audio ?
        conversation.item.done              first item_1 user completed input_audio ?
        Settle                              item_1 544ms
    """)
    assert told(play(session, settled(turn, "Hello."))) == lines("""
        conversation.item.input_audio_transcription.delta       item_1 "Hello."
        conversation.item.input_audio_transcription.completed   item_1 "Hello." 1s
    """)


def test_words_arrive_piece_by_piece() -> None:
    """The deltas after the item are append-only; unstable guesses are kept back."""
    session = new_transcription(WHISPER)
    play(session, LOUD, QUIET)

    assert told(
        play(
            session,
            guesses("item_1", "Hello"),
            guesses("item_1", "Hello word", stable=False),
            guesses("item_1", "Hello"),
            guesses("item_1", "Hello world"),
            recognises("item_1", "Hello world.", of=speech(544)),
        )
    ) == lines("""
        conversation.item.input_audio_transcription.delta       item_1 "Hello"
        conversation.item.input_audio_transcription.delta       item_1 " world"
        conversation.item.input_audio_transcription.delta       item_1 "."
        conversation.item.input_audio_transcription.completed   item_1 "Hello world." 1s
    """)


def test_completions_may_overtake_each_other() -> None:
    """Protocol 8.6: clients match by item."""
    session = new_transcription(WHISPER)
    first, second = play(session, LOUD, QUIET), play(session, LOUD, QUIET)

    assert told(play(session, settled(second, "Two."), settled(first, "One."))) == lines("""
        conversation.item.input_audio_transcription.delta       item_2 "Two."
        conversation.item.input_audio_transcription.completed   item_2 "Two." 1s
        conversation.item.input_audio_transcription.delta       item_1 "One."
        conversation.item.input_audio_transcription.completed   item_1 "One." 1s
    """)


def test_silence_has_an_empty_transcript() -> None:
    """Protocol 8.6: no delta, no error."""
    session = new_transcription(WHISPER)
    turn = play(session, LOUD, QUIET)

    assert told(play(session, settled(turn, ""))) == lines("""
        conversation.item.input_audio_transcription.completed item_1 "" 1s
    """)


def test_a_recogniser_that_fails_fails_one_item() -> None:
    """The next item is heard as if nothing had happened."""
    session = new_transcription(WHISPER)
    play(session, LOUD, QUIET)

    assert told(play(session, Unrecognised("item_1", "No ears."))) == lines("""
        conversation.item.input_audio_transcription.failed item_1 "No ears."
    """)
    turn = play(session, LOUD, QUIET)
    assert told(play(session, settled(turn, "Two.")))[-1] == (
        'conversation.item.input_audio_transcription.completed item_2 "Two." 1s'
    )


def test_tokens_segments_and_probabilities() -> None:
    """Where the recogniser offers them: tokens for seconds, who spoke when, and logprobs if they are asked for."""
    include = TranscriptionSessionUpdate(include=("item.input_audio_transcription.logprobs",))
    session = new_transcription(WHISPER, include)
    play(session, LOUD, QUIET)

    words = recognises(
        "item_1",
        "Hé.",
        of=speech(544),
        tokens=(TokenProb("Hé", -0.25), TokenProb(".", -0.5)),
        segments=(Segment("Hé.", "A", 0.1, 0.4),),
        usage=TranscriptUsage(text_tokens=2, audio_tokens=5, output_tokens=3),
    )
    effects = play(session, words)
    assert told(effects)[:2] == lines("""
        conversation.item.input_audio_transcription.delta     item_1 "Hé."
        conversation.item.input_audio_transcription.segment   item_1 seg_0 "Hé." A 0.1 0.4
    """)
    (completed,) = events(effects, ConversationItemInputAudioTranscriptionCompleted)
    assert (completed.usage.total_tokens, completed.usage.input_tokens, completed.usage.output_tokens) == (10, 7, 3)
    assert completed.logprobs == (
        LogProb(token="Hé", logprob=-0.25, bytes=(72, 195, 169)),
        LogProb(token=".", logprob=-0.5, bytes=(46,)),
    )


def test_by_hand() -> None:
    """Without turn detection the client commits, and the words come after that."""
    session = new_transcription(WHISPER, transcribing(turn_detection=None))
    play(session, speech(1500))

    assert told(play(session, InputAudioBufferCommit())) == lines("""
        input_audio_buffer.committed   first item_1
        conversation.item.added        first item_1 user completed input_audio ?
        conversation.item.done         first item_1 user completed input_audio ?
        Hear                           item_1 1500ms
        Settle                         item_1 1500ms
    """)
    assert told(play(session, recognises("item_1", "Hello.", of=speech(1500))))[-1] == (
        'conversation.item.input_audio_transcription.completed item_1 "Hello." 2s'
    )


def test_without_transcription_nothing_is_heard() -> None:
    """Turns and items alone, until the session is told a model."""
    session = new_transcription()

    assert [line for line in told(play(session, LOUD, QUIET)) if line.startswith(("Hear", "Settle"))] == []


def test_there_are_no_responses() -> None:
    """Protocol 8.12: `response.create` is an error."""
    error = refused(play(new_transcription(), ResponseCreate()))

    assert (error.type, error.code) == ("invalid_request_error", "invalid_parameter")


def test_the_session_shows_no_answers() -> None:
    """Protocol 5.2: input and include alone; turn detection without its three keys about answers."""
    session = new_transcription()

    (updated,) = events(play(session, SessionUpdate(session=WHISPER)), SessionUpdated)
    assert updated.session.audio.input.turn_detection == ServerVad(
        threshold=0.5, prefix_padding_ms=300, silence_duration_ms=200
    )
    assert updated.session.audio.input.transcription == Transcription(model="whisper-1", language=None, prompt=None)
    assert updated.session.object == "realtime.transcription_session"


def test_a_model_that_takes_no_turn_detection() -> None:
    """Protocol 5.2: leaving the key out is fine, asking for turn detection is not."""
    live = Transcription(model="gpt-live-transcribe")
    session = new_transcription()

    (updated,) = events(play(session, SessionUpdate(session=transcribing(transcription=live))), SessionUpdated)
    assert updated.session.audio.input.turn_detection is None
    both = transcribing(transcription=live, turn_detection=ServerVad())
    error = refused(play(new_transcription(), SessionUpdate(session=both)))
    assert (error.code, error.param) == ("invalid_value", "session.audio.input.turn_detection")
    assert error.message == "Turn detection is not supported for this transcription model."


def test_a_realtime_session_keeps_its_turns_with_any_transcription_model() -> None:
    """Pipecat asks for both by habit; the refusal is a matter of transcription sessions."""
    live = hearing(transcription=Transcription(model="gpt-realtime-whisper"), turn_detection=ServerVad())
    (updated,) = events(play(new_session(), SessionUpdate(session=live)), SessionUpdated)

    assert isinstance(updated.session.audio.input.turn_detection, ServerVad)
    assert updated.session.audio.input.transcription.model == "gpt-realtime-whisper"


def test_the_kind_of_a_session_is_fixed() -> None:
    """Protocol 5.6, both ways round."""
    error = refused(play(new_transcription(), SessionUpdate(session=hearing(turn_detection=None))))
    assert error.message == "Passing a realtime session update to a transcription session is not allowed."
    error = refused(play(new_session(), SessionUpdate(session=WHISPER)))
    assert error.code == "invalid_parameter"
    assert error.message == "Passing a transcription session update to a realtime session is not allowed."


def test_the_first_event_says_what_it_is() -> None:
    """`session.created` of the right kind."""
    session = new_transcription()
    (created,) = events(session.handle(session.tape[0][0], 0.0), SessionCreated)

    assert (created.session.id, created.session.object) == ("sess_1", "realtime.transcription_session")
    assert names(play(session, SessionUpdate(session=WHISPER))) == ["session.updated"]


LIVE = transcribing(transcription=Transcription(model="gpt-live-transcribe"))


def test_a_live_model_tells_words_before_the_commit() -> None:
    """Protocol 8.6: under the id that `committed` will report; nothing is said twice."""
    session = new_transcription(LIVE)

    assert told(play(session, speech(500), guesses("item_1", "Hello"), silence(500))) == lines("""
        Hear                                                    item_1 500ms
        conversation.item.input_audio_transcription.delta       item_1 "Hello"
        Hear                                                    item_1 500ms
    """)
    assert told(play(session, InputAudioBufferCommit())) == lines("""
        input_audio_buffer.committed   first item_1
        conversation.item.added        first item_1 user completed input_audio ?
        conversation.item.done         first item_1 user completed input_audio ?
        Settle                         item_1 1000ms
    """)
    assert told(play(session, recognises("item_1", "Hello world.", of=speech(1000)))) == lines("""
        conversation.item.input_audio_transcription.delta       item_1 " world."
        conversation.item.input_audio_transcription.completed   item_1 "Hello world." 1s
    """)
    assert told(play(session, speech(200))) == lines("Hear item_2 200ms")


def test_what_a_live_model_was_hearing_is_forgotten_with_the_buffer() -> None:
    """The next append is another item."""
    session = new_transcription(LIVE)
    play(session, speech(500))

    assert told(play(session, InputAudioBufferClear())) == lines("""
        Forget                       item_1
        input_audio_buffer.cleared
    """)
    assert told(play(session, speech(200))) == lines("Hear item_2 200ms")


def test_usage_by_the_name_of_the_model() -> None:
    """Protocol 8.6: tokens for `gpt-4o…`, by the reference's rates; seconds for whisper and live models."""
    asks = Transcription(model="gpt-4o-transcribe", prompt="two words", keywords=("Antiphon",))
    session = new_transcription(
        transcribing(transcription=asks), context=Context(tokens=100, count=lambda text: len(text.split()))
    )
    turn = play(session, LOUD, QUIET)

    (completed,) = events(
        play(session, settled(turn, "Hello there world.")), ConversationItemInputAudioTranscriptionCompleted
    )
    assert completed.usage == TranscriptionTokens(
        total_tokens=12,
        input_tokens=9,
        output_tokens=3,
        input_token_details=TranscriptionInputTokenDetails(text_tokens=3, audio_tokens=6),
    )
    silent = play(session, LOUD, QUIET)
    (completed,) = events(play(session, settled(silent, "")), ConversationItemInputAudioTranscriptionCompleted)
    assert completed.usage.output_tokens == 0
