"""Rules of the caller's words. A sample of audio is two bytes; `of` counts samples."""

import pytest
from corelines import lines, told
from corescript import events, facts, guesses, new_settings, recognises

from antiphon.facts import EngineFailed, Transcribed
from antiphon.ports import HearingOptions, Segment, TokenProb, TranscriptUsage
from antiphon.protocol.items import FunctionCall, InputAudio, InputText, Message
from antiphon.protocol.server_events import ConversationItemInputAudioTranscriptionCompleted, LogProb
from antiphon.protocol.session import Transcription
from antiphon.protocol.wire import UNSET
from antiphon.session.config import Context
from antiphon.session.conversation import Entry
from antiphon.session.drafts import turn_entry
from antiphon.session.effects import Effect, Hear, Settle
from antiphon.session.inputs import Recognised, Unrecognised
from antiphon.session.transcription import NO_ASR, Transcriptions

WHISPER = Transcription(model="whisper-1")
PCM = bytes(48 * 100)
SAMPLES = 2400


def new_words(**settings: object) -> Transcriptions:
    return Transcriptions(new_settings(**settings))


def committed(words: Transcriptions, config: Transcription | None = WHISPER) -> tuple[Entry, list[Effect]]:
    """A turn of 100 ms, heard while it was open, and what its commit gave."""
    words.open("item_1", config)
    entry = turn_entry("item_1", pcm=PCM)
    return entry, [*words.hear("item_1", PCM), *words.commit(entry, config, now=1.0)]


def test_an_open_turn_is_heard() -> None:
    """Audio goes to its stream with what the client has asked for; the commit asks for the text."""
    words = new_words()

    _, effects = committed(words)
    assert effects == [Hear("item_1", PCM, HearingOptions(model="whisper-1")), Settle("item_1", SAMPLES)]
    assert words.is_hearing("item_1")


@pytest.mark.parametrize(
    ("config", "options"),
    [
        (None, HearingOptions()),
        (Transcription(), HearingOptions(logprobs=True)),
        (Transcription(language="de"), HearingOptions(language="de", logprobs=True)),
        (Transcription(language=None, languages=("fr", "en")), HearingOptions(language="fr", logprobs=True)),
        (
            Transcription(model="m", prompt="p", keywords=("Ada",)),
            HearingOptions(model="m", prompt="p", keywords=("Ada",), logprobs=True),
        ),
    ],
)
def test_what_the_recogniser_is_told(config: Transcription | None, options: HearingOptions) -> None:
    """The first language of several; absent keys are None."""
    words = new_words()
    words.open("item_1", config, logprobs=True)

    assert list(words.hear("item_1", PCM)) == [Hear("item_1", PCM, options)]


def test_nothing_is_no_audio() -> None:
    """And items that nobody wants to hear are not heard."""
    words = new_words()
    words.open("item_1", None)

    assert list(words.hear("item_1", b"")) == []
    assert list(words.hear("item_2", PCM)) == []


def test_the_words_come() -> None:
    """For the client, for the model, for `retrieve` and for the meter."""
    words = new_words()
    entry, _ = committed(words)

    effects = list(words.recognised(recognises("item_1", "Hello.", of=SAMPLES), now=1.5))
    assert told(effects) == lines("""
        conversation.item.input_audio_transcription.delta       item_1 "Hello."
        conversation.item.input_audio_transcription.completed   item_1 "Hello." 1s
    """)
    assert facts(effects) == [Transcribed("sess_1", "item_1", wait_ms=500.0)]
    assert entry.words == "Hello."
    assert entry.item == Message(
        id="item_1", status="completed", role="user", content=(InputAudio(transcript="Hello."),)
    )
    assert not words.is_hearing("item_1")


def test_words_that_only_the_model_wants() -> None:
    """No event; the item keeps its `null`."""
    words = new_words()
    entry, _ = committed(words, config=None)

    assert told(words.recognised(recognises("item_1", "Hello.", of=SAMPLES), now=1.5)) == []
    assert entry.words == "Hello."
    assert entry.item.content == (InputAudio(transcript=None),)  # type: ignore[union-attr]  # a message


def test_words_once_sent_are_never_taken_back() -> None:
    """A recogniser that changes its mind is held to what it has said; the transcript is what was sent."""
    words = new_words()
    entry, _ = committed(words)

    effects = [
        *words.recognised(guesses("item_1", "Hello word"), now=1.0),
        *words.recognised(guesses("item_1", "Hello"), now=1.0),
        *words.recognised(recognises("item_1", "Hello world!", of=SAMPLES), now=1.0),
    ]
    assert told(effects) == lines("""
        conversation.item.input_audio_transcription.delta       item_1 "Hello word"
        conversation.item.input_audio_transcription.delta       item_1 "d!"
        conversation.item.input_audio_transcription.completed   item_1 "Hello wordd!" 1s
    """)
    assert entry.words == "Hello world!"


def test_logprobs_only_where_they_are_asked_for() -> None:
    """And tokens instead of seconds where the recogniser counts them."""
    final = recognises("item_1", "Hi.", of=SAMPLES, tokens=(TokenProb("Hi.", -0.5),), usage=TranscriptUsage(1, 2, 4))
    for logprobs, shown in ((False, UNSET), (True, (LogProb(token="Hi.", logprob=-0.5, bytes=(72, 105, 46)),))):
        words = new_words()
        list(words.commit(turn_entry("item_1", pcm=PCM), WHISPER, now=1.0, logprobs=logprobs))

        (*_, completed) = words.recognised(final, now=1.0)
        assert told([completed])[0].startswith(
            'conversation.item.input_audio_transcription.completed item_1 "Hi." 3+4 tokens'
        )
        (event,) = events([completed], ConversationItemInputAudioTranscriptionCompleted)
        assert event.logprobs == shown


@pytest.mark.parametrize(
    ("config", "cost"),
    [
        (Transcription(model="gpt-4o-transcribe"), "1+2 tokens"),
        (Transcription(model="gpt-4o-transcribe", prompt="Names:", keywords=("Ada",)), "3+2 tokens"),
        (WHISPER, "1s"),
        (Transcription(), "1s"),
    ],
)
def test_tokens_where_the_name_makes_a_client_expect_them(config: Transcription, cost: str) -> None:
    """By the reference's rates, 10 a second of audio, and by the model's own count of text."""
    words = new_words(context=Context(1000, lambda text: len(text.split())))
    list(words.commit(turn_entry("item_1", pcm=PCM), config, now=1.0))

    (*_, completed) = words.recognised(recognises("item_1", "Hello there.", of=SAMPLES), now=1.0)
    assert told([completed]) == [f'conversation.item.input_audio_transcription.completed item_1 "Hello there." {cost}']


def test_who_spoke_when() -> None:
    """Segments come with the words, numbered, before `completed`."""
    words = new_words()
    committed(words)

    segments = (Segment("Hel", "A", 0.0, 0.5), Segment("lo.", "B", 0.5, 1.0))
    assert told(words.recognised(recognises("item_1", "Hello.", of=SAMPLES, segments=segments), now=1.0)) == lines("""
        conversation.item.input_audio_transcription.delta       item_1 "Hello."
        conversation.item.input_audio_transcription.segment     item_1 seg_0 "Hel" A 0.0 0.5
        conversation.item.input_audio_transcription.segment     item_1 seg_1 "lo." B 0.5 1.0
        conversation.item.input_audio_transcription.completed   item_1 "Hello." 1s
    """)


def test_a_pause_asks_early() -> None:
    """The stream stays open; if nothing more is said, nobody has to wait at the commit."""
    words = new_words()
    words.open("item_1", WHISPER)
    list(words.hear("item_1", PCM))
    assert list(words.pause("item_1")) == [Settle("item_1", SAMPLES, last=False)]
    assert words.text_in_pause("item_1") is None
    assert list(words.recognised(recognises("item_1", "Hello.", of=SAMPLES), now=0.9)) == []
    assert words.text_in_pause("item_1") == ("Hello.", SAMPLES)
    list(words.hear("item_1", PCM))

    assert told(words.commit(turn_entry("item_1", pcm=PCM * 2), WHISPER, now=1.0)) == lines("""
        Forget                                                  item_1
        conversation.item.input_audio_transcription.delta       item_1 "Hello."
        conversation.item.input_audio_transcription.completed   item_1 "Hello." 1s
    """)


def test_a_pause_that_was_none() -> None:
    """The text of it is not the last word, whenever it comes."""
    words = new_words()
    words.open("item_1", WHISPER)
    list(words.hear("item_1", PCM))
    list(words.pause("item_1"))
    words.resume("item_1")

    assert list(words.recognised(recognises("item_1", "Hell", of=SAMPLES), now=0.9)) == []
    assert words.text_in_pause("item_1") is None
    list(words.hear("item_1", PCM))
    assert told(words.commit(turn_entry("item_1"), WHISPER, now=1.0)) == lines("Settle item_1 200ms")


def test_pauses_of_what_is_not_heard() -> None:
    """Nothing to ask, nothing to forget."""
    words = new_words()
    words.resume("item_9")

    assert [*words.pause("item_9"), *words.forget("item_9")] == []
    assert words.text_in_pause("item_9") is None


def test_a_committed_item_is_heard_when_the_client_wants_the_words() -> None:
    """It was not heard while it was spoken: now, from its audio."""
    words = new_words()

    assert told(words.commit(turn_entry("item_1", pcm=PCM), WHISPER, now=1.0)) == lines("""
        Hear     item_1 100ms
        Settle   item_1 100ms
    """)


def test_nobody_wants_the_words() -> None:
    """Then nothing is asked."""
    words = new_words()

    assert list(words.commit(turn_entry("item_1", pcm=PCM), None, now=1.0)) == []


def test_an_answer_wants_the_words() -> None:
    """Once: not of what is heard already, nor of what is known."""
    words = new_words()
    entry = turn_entry("item_1", pcm=PCM)

    assert told(words.demand(entry, now=1.0)) == lines("""
        Hear     item_1 100ms
        Settle   item_1 100ms
    """)
    assert list(words.demand(entry, now=1.0)) == []
    assert list(words.demand(turn_entry("item_2", words="Known.", pcm=PCM), now=1.0)) == []


def test_without_a_recogniser() -> None:
    """What the client asked for fails; for an answer there is nothing to wait for."""
    words = new_words(has_asr=False)
    entry = turn_entry("item_1", pcm=PCM)

    assert list(words.demand(entry, now=1.0)) == []
    assert told(words.commit(entry, WHISPER, now=1.0)) == [
        f'conversation.item.input_audio_transcription.failed item_1 "{NO_ASR}"'
    ]


def test_a_failure() -> None:
    """For the client if it wanted the words; for the meter in any case. The words stay unknown."""
    words = new_words()
    entry, _ = committed(words)

    effects = list(words.unrecognised(Unrecognised("item_1", "No ears.", code="deaf"), now=2.0))
    assert told(effects) == lines('conversation.item.input_audio_transcription.failed item_1 "No ears."')
    assert facts(effects) == [
        EngineFailed("sess_1", "asr", "No ears."),
        Transcribed("sess_1", "item_1", wait_ms=1000.0, failed=True),
    ]
    assert entry.needs_words
    assert list(words.unrecognised(Unrecognised("item_1", "Again."), now=2.0)) == []


def test_a_failure_before_the_commit() -> None:
    """Only the meter hears of it; the commit tries again with the whole audio."""
    words = new_words()
    words.open("item_1", WHISPER)

    effects = list(words.unrecognised(Unrecognised("item_1", "No ears."), now=0.5))
    assert facts(effects) == [EngineFailed("sess_1", "asr", "No ears.")]
    assert told(effects) == []
    assert told(words.commit(turn_entry("item_1", pcm=PCM), WHISPER, now=1.0))[0] == "Hear item_1 100ms"


def test_a_failure_that_the_client_did_not_ask_about() -> None:
    """No event: it did not want the words. The item is known to be unheard."""
    words = new_words()
    entry, _ = committed(words, config=None)

    assert told(words.unrecognised(Unrecognised("item_1", "No ears."), now=2.0)) == []
    assert entry.is_unheard


LIVE = Transcription(model="gpt-live-transcribe")


def live() -> Transcriptions:
    """A live model has told a word of an item that is not committed yet."""
    words = new_words()
    words.open("item_1", LIVE)
    list(words.hear("item_1", PCM))
    assert told(words.recognised(guesses("item_1", "Hello"), now=0.5)) == lines("""
        conversation.item.input_audio_transcription.delta item_1 "Hello"
    """)
    return words


@pytest.mark.parametrize("config", [LIVE, WHISPER, None])
def test_what_a_live_model_has_begun_is_told_to_its_end(config: Transcription | None) -> None:
    """Whatever the client has changed until the commit: deltas are followed by `completed`, and add up to it."""
    words = live()
    list(words.commit(turn_entry("item_1", pcm=PCM), config, now=1.0))

    assert told(words.recognised(recognises("item_1", "Hello.", of=SAMPLES), now=1.0)) == lines("""
        conversation.item.input_audio_transcription.delta       item_1 "."
        conversation.item.input_audio_transcription.completed   item_1 "Hello." 1s
    """)


@pytest.mark.parametrize("config", [LIVE, None])
def test_a_live_model_that_fails_before_the_commit(config: Transcription | None) -> None:
    """The item is heard again when it is committed; what the client was told stays told."""
    words = live()
    assert told(words.unrecognised(Unrecognised("item_1", "No ears."), now=0.6)) == []

    assert told(words.commit(turn_entry("item_1", pcm=PCM), config, now=1.0)) == lines("""
        Hear     item_1 100ms
        Settle   item_1 100ms
    """)
    assert told(words.recognised(recognises("item_1", "Hello.", of=SAMPLES), now=1.0)) == lines("""
        conversation.item.input_audio_transcription.delta       item_1 "."
        conversation.item.input_audio_transcription.completed   item_1 "Hello." 1s
    """)


def test_a_live_item_that_is_forgotten() -> None:
    """Its id is never used again; nothing is remembered of it."""
    words = live()
    list(words.unrecognised(Unrecognised("item_1", "No ears."), now=0.6))
    list(words.forget("item_1"))

    assert list(words.commit(turn_entry("item_1", pcm=PCM), None, now=1.0)) == []


def test_news_of_a_forgotten_item_is_dropped() -> None:
    """Its stream was closed."""
    words = new_words()
    committed(words)

    assert told(words.forget("item_1")) == lines("Forget item_1")
    assert list(words.recognised(recognises("item_1", "Hello.", of=SAMPLES), now=1.0)) == []


def test_unstable_words_are_not_shown() -> None:
    """Nor are any before the item is in the conversation."""
    words = new_words()
    words.open("item_1", WHISPER)

    assert list(words.recognised(guesses("item_1", "Hell"), now=0.5)) == []
    assert told(words.commit(turn_entry("item_1"), WHISPER, now=1.0)) == lines("""
        Settle                                              item_1 0ms
        conversation.item.input_audio_transcription.delta   item_1 "Hell"
    """)
    assert list(words.recognised(guesses("item_1", "Hello?", stable=False), now=1.0)) == []


def test_words_beside_other_content() -> None:
    """The transcript is shown with the audio part alone."""
    words = new_words()
    text = InputText(text="Listen:")
    entry = Entry(Message(id="item_1", role="user", content=(text, InputAudio())), pcm=PCM)
    list(words.commit(entry, WHISPER, now=1.0))

    list(words.recognised(recognises("item_1", "Hello.", of=SAMPLES), now=1.0))
    assert entry.item.content == (text, InputAudio(transcript="Hello."))  # type: ignore[union-attr]  # a message


def test_only_messages_have_words() -> None:
    """Whatever else an item might be, it is left as it is."""
    words = new_words()
    call = FunctionCall(id="item_1", name="f", arguments="{}")
    entry = Entry(call, pcm=PCM)
    list(words.commit(entry, WHISPER, now=1.0))

    list(words.recognised(Recognised("item_1", guesses("item_1", "?").transcript, cut=SAMPLES, final=True), now=1.0))
    assert entry.item == call
