"""An answer is cut where it can be spoken, and nothing of it is lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.engines.sentences import MAX_PIECE_CHARACTERS, Brevity, Splitter, spoken

MARKS = st.sampled_from(
    [*" .,;:!?\n\"')*-—…。！？，」1aIé😀_`\t|", "Mr.", "e.g. ", "3.5", "... ", "http://a.b/c?d", "word "]
)
TEXTS = st.lists(MARKS | st.text(max_size=5), max_size=200).map("".join)


def pieces_of(text: str, size: int | None = None) -> list[str]:
    splitter = Splitter()
    size = size or max(1, len(text))
    pieces = [piece for at in range(0, len(text), size) for piece in splitter.feed(text[at : at + size])]
    return pieces + splitter.flush()


@given(TEXTS)
def test_the_pieces_are_the_text(text: str) -> None:
    """Not a character is lost, added or moved, and no piece is empty or too long."""
    pieces = pieces_of(text)

    assert "".join(pieces) == text
    assert all(0 < len(piece) <= MAX_PIECE_CHARACTERS + 1 for piece in pieces)


@given(TEXTS, st.integers(1, 9))
def test_the_pieces_do_not_depend_on_the_deltas(text: str, size: int) -> None:
    """However the model's words arrive, they are cut at the same places."""
    assert pieces_of(text, size) == pieces_of(text)


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("Hello. How are you? Fine!", ["Hello. ", "How are you? ", "Fine!"]),
        ("One. Mr. Smith met Dr. Who, etc. and left.", ["One. ", "Mr. Smith met Dr. Who, etc. and left."]),
        ("Ok. In the U.S., e.g. at 5 p.m. there. Yes.", ["Ok. ", "In the U.S., e.g. at 5 p.m. there. ", "Yes."]),
        ("So. J. S. Bach wrote it. He did.", ["So. ", "J. S. Bach wrote it. ", "He did."]),
        ("It was I. Then he came.", ["It was I. ", "Then he came."]),
        ("Pi is 3.14159, or so. Right.", ["Pi is 3.14159, ", "or so. ", "Right."]),
        ("It costs 1,000.50 euros. Cheap.", ["It costs 1,000.50 euros. ", "Cheap."]),
        ("Well... I see. Ok.", ["Well... I see. ", "Ok."]),
        ("Yes. Well… I see. Ok.", ["Yes. ", "Well… I see. ", "Ok."]),
        ('He said "Go." Then (so slowly) he went.', ['He said "Go." ', "Then (so slowly) he went."]),
        ("**Bold one.** Plain two.", ["**Bold one.** ", "Plain two."]),
        ("Really?! Yes!!! No.", ["Really?! ", "Yes!!! ", "No."]),
        ("See https://example.com/a.b?c=d&e. It helps.", ["See https://example.com/a.b?c=d&e. ", "It helps."]),
        ("List:\n1. One\n2. Two\n- Three", ["List:\n", "1. One\n", "2. Two\n", "- Three"]),
        ("A.\n\nB. C", ["A.\n", "\nB. C"]),
        ("No blank at the end.", ["No blank at the end."]),
        ("你好。今天天气很好！你呢？「好。」他说。", ["你好。", "今天天气很好！", "你呢？", "「好。」", "他说。"]),
        ("नमस्ते। कैसे हो?", ["नमस्ते। ", "कैसे हो?"]),
        ("مرحبا؟ نعم.", ["مرحبا؟ ", "نعم."]),
        ("", []),
    ],
)  # fmt: skip
def test_sentences_end_where_a_reader_would_pause(text: str, pieces: list[str]) -> None:
    """Full stops that end nothing, other scripts, quotes, lists."""
    assert pieces_of(text) == pieces
    assert pieces_of(text, 1) == pieces


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("Of course I can, my dear friend, today.", "Of course I can, "),
        ("Well, of course I can, my friend.", "Well, of course I can, "),
        ("Here is the list: milk", "Here is the list: "),
        ("It is late; go home, now.", "It is late; "),
        ("I thought so - but no.", "I thought so - "),
        ("I thought so—but no.", "I thought so—"),
        ("I really wonder... maybe.", "I really wonder... "),
        ("今天天气很好，我们走吧。", "今天天气很好，"),
        ("It is 10:30, and 1,000 people", "It is 10:30, "),
        ("Yes, no, maybe", "Yes, no, maybe"),
    ],
)
def test_the_first_piece_may_be_a_clause(text: str, first: str) -> None:
    """The answer starts to sound before its first sentence is written."""
    assert pieces_of(text)[0] == first


def test_only_the_first_piece_is_a_clause() -> None:
    """Later sentences are spoken whole: they sound better, and there is time."""
    text = "I see that, yes. And then, when all was done, we slept. Good."

    assert pieces_of(text) == ["I see that, ", "yes. ", "And then, when all was done, we slept. ", "Good."]


def test_a_sentence_is_given_with_the_character_after_it() -> None:
    """One character tells that a full stop was one; nothing waits longer."""
    splitter = Splitter()

    assert splitter.feed("It is 3.") == []
    assert splitter.feed("5 degrees.") == []
    assert splitter.feed(" ") == ["It is 3.5 degrees. "]
    assert splitter.flush() == []


def test_endless_text_is_cut_at_a_comma_or_a_blank() -> None:
    """Without sentence ends a piece stays within the bound."""
    words = "word " * 200
    commas = "some words here, " * 20

    assert all(piece.endswith(" ") for piece in pieces_of(words))
    assert pieces_of(commas)[0] == "some words here, "
    assert all(piece.endswith(", ") for piece in pieces_of(commas))
    assert [len(piece) for piece in pieces_of("x" * 500)] == [240, 240, 20]


# Brevity


def brief(text: str, sentences: int, size: int) -> tuple[str, bool]:
    brevity = Brevity(sentences)
    passed = ""
    for at in range(0, len(text), size):
        passed += brevity.take(text[at : at + size])
        if brevity.is_done:
            break
    return passed, brevity.is_done


@pytest.mark.parametrize("size", [1, 2, 5, 1000])
def test_a_rambler_is_cut_after_some_sentences(size: int) -> None:
    """At the end of a sentence, however the words arrive; a clause is none, and neither are bare marks."""
    text = "Well, yes, 3.5 of it. *** Dr. Who agrees! And so on. And on."

    assert brief(text, 2, size) == ("Well, yes, 3.5 of it. *** Dr. Who agrees!", True)
    assert brief(text, 9, size) == (text, False)


def test_words_without_an_end_are_cut_as_well() -> None:
    """A piece that is cut for its length counts as a sentence."""
    passed, is_done = brief("word " * 200, 2, 5)

    assert is_done
    assert len(passed) <= 2 * MAX_PIECE_CHARACTERS


# What is spoken


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Plain words, kept as they are.", "Plain words, kept as they are."),
        ("**Bold** and *italic* and __both__ and _this_ and ~~not~~", "Bold and italic and both and this and not"),
        ("**cut in two. ", "cut in two."),
        ("here it ends.** ", "here it ends."),
        ("2 * 3 * 4 = 24", "2 * 3 * 4 = 24"),
        ("the name snake_case stays", "the name snake_case stays"),
        ("use `print()` now", "use print() now"),
        ("# Title\n", "Title"),
        ("> quoted", "quoted"),
        ("- item\n* item\n+ item\n• item", "item item item item"),
        ("1. first\n", "1. first"),
        ("[label](https://a.b/c_(d)) and ![alt](x.png)", "label) and alt"),
        ("see https://www.example.com/a", "see example.com/a"),
        ("```python\n", ""),
        ("---\n", ""),
        ("| a | b |\n|---|---|\n| 1 | 2 |", "a b 1 2"),
        ("Good 👍🏽 morning ☀️ 👨‍👩‍👧!", "Good morning !"),
        ("20 °C, 5 €, © 2026", "20 °C, 5 €, © 2026"),
        ("a < b and <b>c</b><br/>", "a < b and c"),
        ("😀", ""),
        ("?!", ""),
        ("  ", ""),
        ("你好。", "你好。"),
    ],
)
def test_marks_are_not_spoken(text: str, said: str) -> None:
    """Markdown and pictures are for the eye."""
    assert spoken(text) == said


@given(TEXTS)
def test_what_is_spoken_has_words_or_is_nothing(text: str) -> None:
    """The voice is never asked to say blanks or bare marks."""
    said = spoken(text)

    assert said == said.strip()
    assert not said or any(character.isalnum() for character in said)
