"""Scripts of `session.update` while things happen, and of telephone formats."""

import math
from array import array
from typing import Any

from corelines import lines, told
from corescript import (
    LOUD,
    MANUAL,
    QUIET,
    SHOW_WORDS,
    TEXT,
    WEATHER,
    asked,
    events,
    finishes,
    hearing,
    names,
    new_session,
    play,
    refused,
    says,
    settled,
    silence,
    speaking,
    speech,
    typed,
    writes,
)

from antiphon.audio import g711
from antiphon.ports import AudioDelta, HearingOptions, TextDelta
from antiphon.protocol.client_events import (
    ConversationItemCreate,
    ConversationItemRetrieve,
    InputAudioBufferCommit,
    ResponseCreate,
    SessionUpdate,
)
from antiphon.protocol.items import InputAudio, Message
from antiphon.protocol.response import ResponseAudio, ResponseAudioOutput, ResponseParams
from antiphon.protocol.server_events import (
    ConversationItemRetrieved,
    ResponseDone,
    ResponseOutputAudioDelta,
    SessionUpdated,
)
from antiphon.protocol.session import (
    PcmaFormat,
    PcmFormat,
    PcmuFormat,
    RealtimeSessionUpdate,
    SemanticVad,
    ServerVad,
    Transcription,
)
from antiphon.session.effects import Hear
from antiphon.session.inputs import Produced


def update(body: RealtimeSessionUpdate) -> SessionUpdate:
    return SessionUpdate(session=body)


def hum(ms: int) -> bytes:
    """A tone of 300 Hz, which a telephone line lets through."""
    return array("h", (int(8000 * math.sin(2 * math.pi * 300 * t / 24_000)) for t in range(ms * 24))).tobytes()


def answer_as(**keys: Any) -> ResponseCreate:
    return ResponseCreate(response=ResponseParams(audio=ResponseAudio(output=ResponseAudioOutput(**keys))))


def test_a_running_response_keeps_the_old_settings() -> None:
    """Protocol 5.6: an update holds from the next response on."""
    session = new_session(TEXT, WEATHER)
    play(session, typed("Hello"), ResponseCreate())

    assert told(play(session, update(RealtimeSessionUpdate(output_modalities=("audio",), tools=())))) == lines(
        "session.updated sess_1"
    )
    done = events(play(session, writes("resp_1", "Hi."), finishes("resp_1")), ResponseDone)
    assert done[0].response.output_modalities == ("text",)
    prompt = asked(play(session, ResponseCreate()))
    assert (prompt.modality, prompt.tools) == ("audio", ())


def test_a_refused_update_changes_nothing() -> None:
    """One bad key drops the update whole."""
    session = new_session()
    before = session.config

    wrong = RealtimeSessionUpdate(instructions="Sing.", output_modalities=("text", "audio"))
    assert refused(play(session, update(wrong))).param == "session.output_modalities"
    assert session.config == before


def test_the_voice_is_locked_once_it_was_heard() -> None:
    """Protocol 5.6: free until the session has spoken; then the same voice is still fine, for responses as well."""
    session = new_session(speaking(voice="cedar"))
    play(session, typed("Hello"), ResponseCreate(), says("resp_1", ("Hi.", 100)), finishes("resp_1"))

    error = refused(play(session, update(speaking(voice="ash"))))
    assert (error.code, error.param) == ("cannot_update_voice", None)
    assert error.message == "Cannot update a conversation's voice if assistant audio is present."
    assert names(play(session, update(speaking(voice="cedar", speed=1.5)))) == ["session.updated"]
    assert refused(play(session, answer_as(voice="ash"))).code == "cannot_update_voice"


def test_the_speed_is_fixed_while_an_answer_runs() -> None:
    """Protocol 5.6: only between responses; the same speed is still fine."""
    session = new_session(speaking(speed=1.25))
    play(session, typed("Hello"), ResponseCreate())

    error = refused(play(session, update(speaking(speed=1.5))))
    assert (error.code, error.param) == ("invalid_value", "session.audio.output.speed")
    assert names(play(session, update(speaking(speed=1.25)))) == ["session.updated"]
    play(session, finishes("resp_1"))
    assert names(play(session, update(speaking(speed=1.5)))) == ["session.updated"]


def test_a_written_answer_does_not_lock_the_voice() -> None:
    """Even when the engine speaks it; the sound is nobody's."""
    session = new_session(TEXT)
    play(session, typed("Hello"), ResponseCreate())

    assert told(play(session, says("resp_1", ("Hi.", 100)), says("resp_1", ("", 100)), finishes("resp_1")))[-1] == (
        'response.done resp_1 completed [item_2 assistant completed output_text "Hi."]'
    )
    assert names(play(session, update(speaking(voice="ash")))) == ["session.updated"]


def test_turn_detection_switched_off_forgets_the_turn() -> None:
    """The audio stays for a commit by hand; its item has a new id, the announced one is never used."""
    session = new_session(SHOW_WORDS)
    play(session, QUIET, LOUD)

    assert told(play(session, update(MANUAL))) == lines("""
        Forget            item_1
        session.updated   sess_1
    """)
    assert not session.wants_scores
    assert told(play(session, QUIET, InputAudioBufferCommit()))[0] == "input_audio_buffer.committed first item_2"


def test_turn_detection_switched_on_hears_from_then_on() -> None:
    """Audio from before may be the turn's prefix."""
    session = new_session(MANUAL)
    play(session, silence(320))
    play(session, update(hearing(turn_detection=ServerVad())))

    assert told(play(session, LOUD))[0] == "input_audio_buffer.speech_started 20ms item_1"


def test_another_detection_starts_afresh() -> None:
    """Between server_vad and semantic_vad the open turn is forgotten; a new threshold alone forgets nothing."""
    session = new_session(SHOW_WORDS)
    play(session, LOUD)

    assert told(play(session, update(hearing(turn_detection=ServerVad(threshold=0.4))))) == lines(
        "session.updated sess_1"
    )
    assert told(play(session, update(hearing(turn_detection=SemanticVad())))) == lines("""
        Forget            item_1
        session.updated   sess_1
    """)


def test_a_partial_detection_keeps_the_rest() -> None:
    """Protocol 3: the same kind keeps what is not named, and comes back complete; another kind has its defaults."""
    session = new_session(hearing(turn_detection=ServerVad(silence_duration_ms=900, create_response=False)))

    (updated,) = events(play(session, update(hearing(turn_detection=ServerVad(threshold=0.7)))), SessionUpdated)
    assert updated.session.audio.input.turn_detection == ServerVad(
        threshold=0.7,
        prefix_padding_ms=300,
        silence_duration_ms=900,
        idle_timeout_ms=None,
        create_response=False,
        interrupt_response=True,
    )
    (updated,) = events(play(session, update(hearing(turn_detection=SemanticVad()))), SessionUpdated)
    assert updated.session.audio.input.turn_detection == SemanticVad(
        eagerness="auto", create_response=True, interrupt_response=True
    )


def test_a_new_format_empties_the_buffer() -> None:
    """Section 12: what was buffered is cleared, an open turn with it; later appends count in the new format."""
    session = new_session(SHOW_WORDS)
    play(session, LOUD)

    assert told(play(session, update(hearing(format=PcmaFormat())))) == lines("""
        Forget            item_1
        session.updated   sess_1
    """)
    assert session.input_format == PcmaFormat()
    assert refused(play(session, InputAudioBufferCommit())).code == "input_audio_buffer_commit_empty"


def test_a_telephone_session() -> None:
    """G.711 both ways: what is heard is pcm inside, what is said comes out coded, a byte a sample of 8,000 Hz."""
    session = new_session(hearing(format=PcmuFormat()), speaking(format=PcmuFormat()))
    play(session, typed("Hello"), ResponseCreate())

    spoken = hum(500)
    answer = [Produced("resp_1", TextDelta("Hi.")), Produced("resp_1", AudioDelta(spoken, (0, 3)))]
    deltas = events(play(session, answer, finishes("resp_1")), ResponseOutputAudioDelta)
    coded = b"".join(delta.delta for delta in deltas)
    assert len(coded) == 4000
    encoder = g711.G711Encoder("pcmu")
    assert coded == encoder.encode(spoken) + encoder.flush()
    (retrieved,) = events(play(session, ConversationItemRetrieve(item_id="item_2")), ConversationItemRetrieved)
    assert retrieved.item.content[0].audio == spoken


def test_an_item_of_telephone_audio() -> None:
    """Audio of a created item is in the session's input format."""
    session = new_session(hearing(format=PcmaFormat()))
    item = Message(role="user", content=(InputAudio(audio=b"\xd5" * 1600),))

    play(session, ConversationItemCreate(item=item))
    (retrieved,) = events(play(session, ConversationItemRetrieve(item_id="item_1")), ConversationItemRetrieved)
    assert len(retrieved.item.content[0].audio) == 200 * 48


def test_one_answer_for_the_telephone() -> None:
    """The output format of one response."""
    session = new_session()
    play(session, answer_as(format=PcmuFormat()))

    (first, *_) = events(play(session, says("resp_1", ("Hi.", 500))), ResponseOutputAudioDelta)
    assert len(first.delta) == 4000 - 16  # the newest 2 ms are still in the resampler
    assert session.config.output.format == PcmFormat()


def test_transcription_switched_on_in_a_turn() -> None:
    """Words are shown for turns that end with transcription on; the kept audio is heard whole."""
    session = new_session(hearing(turn_detection=ServerVad(create_response=False)))
    play(session, LOUD)
    play(session, update(SHOW_WORDS))

    turn = play(session, QUIET)
    assert told(turn)[-2:] == lines("""
        Hear     item_1 544ms
        Settle   item_1 544ms
    """)
    assert told(play(session, settled(turn, "Hello.")))[-1] == (
        'conversation.item.input_audio_transcription.completed item_1 "Hello." 1s'
    )


def test_how_a_transcription_is_asked_for_reaches_the_recogniser() -> None:
    """Language, prompt and keywords, merged key by key."""
    session = new_session(SHOW_WORDS, hearing(transcription=Transcription(language="de", prompt="Names: Ada.")))

    assert [effect.options for effect in play(session, speech(96)) if isinstance(effect, Hear)] == [
        HearingOptions(model="whisper-1", language="de", prompt="Names: Ada.")
    ]
