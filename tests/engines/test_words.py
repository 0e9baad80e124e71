"""Rules of the turn model that reads: what the last words say about whether more is to come."""

import asyncio

import pytest

from antiphon.engines import registry
from antiphon.engines.registry import SetupError
from antiphon.engines.words import DOUBTFUL, FINISHED, LIKELY, UNFINISHED, UNSURE, finished


@pytest.mark.parametrize("text", ["What time is it?", "Can I pay by card?", "今何時ですか？", "Where are you from?"])
def test_a_question_is_an_end(text: str) -> None:
    """A recogniser seldom invents a question mark; one that asks "where" may end with a preposition."""
    assert finished(text) == FINISHED


@pytest.mark.parametrize("text", ["It works now, thanks.", "Four people", '"I have lost my key."', "Stop it!"])
def test_a_statement_is_a_likely_end(text: str) -> None:
    """With a mark or without: recognisers are not to be trusted with full stops."""
    assert finished(text) == LIKELY


@pytest.mark.parametrize(
    "text", ["Yes.", "Lisbon", "My number is 555.", "It opens at 9", "I think it is.", "There was.", "今です。"]
)
def test_what_could_be_either(text: str) -> None:
    """One word (or a script without spaces), a number, a verb after its pronoun: an answer, or the start of more."""
    assert finished(text) == UNSURE


@pytest.mark.parametrize(
    "text", ["My name is", "I was told.", "Is.", "If the train is late.", "Yes. When I was young."]
)
def test_what_seldom_ends(text: str) -> None:
    """A verb that waits for its object, and a clause that only opens a sentence; the last sentence counts."""
    assert finished(text) == DOUBTFUL


def test_an_opening_clause_with_its_main_clause_is_an_end() -> None:
    """The recogniser's comma tells that both are there."""
    assert finished("If the train is late, please call me.") == LIKELY


@pytest.mark.parametrize(
    "text",
    [
        "I called because.",
        "We need two adults and",
        "A table for.",
        "Um.",
        "Well,",
        "I was thinking...",
        "My number is 471-",
        "Could you send it to my?",
        "What is it like in? Can you tell me what it is like in?",
        "I’m",
        "No. And the",
        "",
        " ",
        "...",
        "?",
    ],
)
def test_words_that_want_another_one(text: str) -> None:
    """Conjunctions, articles, prepositions, fillers and commas hold the floor, whatever mark stands behind them."""
    assert finished(text) == UNFINISHED


def test_an_engine_by_name() -> None:
    """`words` takes no options, needs no weights, and never looks at the sound."""
    engine = registry.make("turn", "words")

    async def judged() -> float:
        await engine.start()
        try:
            return await engine.judge("What time is it?", b"")
        finally:
            await engine.stop()

    assert asyncio.run(judged()) == FINISHED
    with pytest.raises(SetupError, match="its options are"):
        registry.make("turn", "words", options={"patience": 2})
