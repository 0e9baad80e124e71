"""Rules of what was heard of an answer."""

import pytest

from antiphon.audio.pcm import silence
from antiphon.session.playback import Speech


def spoken(*sentences: tuple[str, int]) -> Speech:
    """An answer whose sentences last as many ms, each made in two pieces."""
    speech = Speech()
    for text, ms in sentences:
        start = len(speech.transcript)
        speech.transcript += text
        for piece in (ms // 2, ms - ms // 2):
            speech.add(silence(piece), (start, start + len(text)))
    return speech


@pytest.mark.parametrize(
    ("end_ms", "heard"),
    [
        (0, ""),
        (400, ""),  # in the middle of the first word
        (500, "Once"),
        (1000, "Once upon"),
        (2000, "Once upon a time."),
        (2999, "Once upon a time. The"),
        (3000, "Once upon a time. The end."),
        (9000, "Once upon a time. The end."),
    ],
)
def test_words_are_cut_where_the_sound_is_cut(end_ms: int, heard: str) -> None:
    """Whole sentences by their audio, inside one in proportion, back to a whole word."""
    speech = spoken(("Once upon a time. ", 2000), ("The end.", 1000))

    assert speech.audio_ms == 3000
    assert speech.truncate(end_ms) == heard
    assert speech.audio_ms == min(end_ms, 3000)


def test_words_run_ahead_of_the_sound() -> None:
    """What has no sound yet was not heard."""
    speech = spoken(("Hello. ", 1000))
    speech.transcript += "How are you?"

    assert speech.truncate(1000) == "Hello."


def test_after_a_cut_nothing_more_is_heard() -> None:
    """The engine goes on, and the caller has heard enough."""
    speech = spoken(("Hello. ", 1000))
    speech.truncate(600)
    speech.add(silence(500), (7, 12))

    assert speech.audio_ms == 600
    assert speech.truncate(600) == ""


def test_a_long_word_is_not_half_understood() -> None:
    """Without a space before the cut, nothing of the sentence was understood; the sentence before it was."""
    speech = spoken(("Say: ", 500), ("Donaudampfschifffahrt", 1000))

    assert speech.truncate(1000) == "Say:"


@pytest.mark.parametrize("span", [(-9, -3), (-9, 4), (4, 2), (90, 99), (0, 0)])
def test_an_engine_that_miscounts(span: tuple[int, int]) -> None:
    """What it says of its spans may be wrong, and cuts the words wrong; it breaks nothing."""
    for end_ms in (0, 300, 1000):
        speech = spoken(("Hello. ", 500))
        speech.add(silence(500), span)

        assert speech.transcript.startswith(speech.truncate(end_ms))


def test_forgotten_sound() -> None:
    """The words stay."""
    speech = spoken(("Hello.", 1000))
    speech.forget()

    assert (speech.audio_ms, speech.transcript) == (0, "Hello.")


@pytest.mark.parametrize(("end_ms", "heard"), [(0, ""), (500, "今日"), (1000, "今日は晴")])
def test_without_spaces_every_character_is_a_word(end_ms: int, heard: str) -> None:
    """Where a script has no spaces, cutting at them would lose the whole sentence."""
    assert spoken(("今日は晴れです。", 2000)).truncate(end_ms) == heard
