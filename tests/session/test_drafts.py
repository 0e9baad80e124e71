"""Rules of drafts: kept back until they are wanted, or gone."""

from antiphon.facts import DraftEnded, Work
from antiphon.ports import Prompt, TextDelta, Usage
from antiphon.session.drafts import Drafts, turn_entry
from antiphon.session.effects import Release, Report, Respond, Stop
from antiphon.session.inputs import Broke, Finished, Produced

PROMPT = Prompt(session_id="sess_1", instructions="", items=())
PIECE = Produced("resp_1", TextDelta("Noon."), Usage(5, 0, 2))
END = Finished("resp_1", Usage(5, 0, 3))


def begun() -> Drafts:
    drafts = Drafts("sess_1")
    assert list(drafts.begin("resp_1", PROMPT, now=1.0)) == [Respond("resp_1", PROMPT)]
    return drafts


def test_what_it_says_is_kept_back() -> None:
    """And handed over, in order, when the turn has ended; once."""
    drafts = begun()
    assert drafts.is_open
    assert drafts.take(PIECE, now=1.5)
    assert drafts.take(END, now=2.0)

    kept = drafts.keep(now=3.0)
    assert kept is not None
    draft, effects = kept
    assert (draft.response_id, draft.kept) == ("resp_1", [PIECE, END])
    assert draft.work == Work(began=1.0, first_token=1.5, last_token=1.5)
    assert effects == [Release("resp_1"), Report(DraftEnded("sess_1", was_kept=True, seconds=2.0, usage=END.usage))]
    assert not drafts.is_open
    assert drafts.keep(now=4.0) is None


def test_dropped_without_a_trace() -> None:
    """Only the meter hears of it; there is nothing to drop twice."""
    drafts = begun()
    drafts.take(PIECE, now=1.25)

    assert list(drafts.drop(now=1.5)) == [
        Stop("resp_1"),
        Report(DraftEnded("sess_1", was_kept=False, seconds=0.5, usage=PIECE.usage)),
    ]
    assert list(drafts.drop(now=2.0)) == []
    assert not drafts.take(PIECE, now=2.0)


def test_news_of_others_is_not_its_own() -> None:
    """By the id."""
    assert not begun().take(Produced("resp_2", TextDelta("Who?")), now=2.0)


def test_a_draft_that_fails_is_no_draft() -> None:
    """The turn's own response will find out."""
    drafts = begun()

    assert drafts.take(Broke("resp_1", "Out of memory."), now=2.0)
    assert not drafts.is_open


def test_the_turn_as_an_item() -> None:
    """Complete, its transcript still to come; its words are for the model."""
    entry = turn_entry("item_1", words="Hello.", pcm=b"\1\2")

    assert (entry.id, entry.words, entry.pcm, entry.needs_words) == ("item_1", "Hello.", b"\1\2", False)
    assert turn_entry("item_1", pcm=b"\1\2").needs_words
