"""Rules of a conversation that is too long for the model. A word is a token here, and an item costs 4 more."""

import pytest
from corescript import MANUAL, TEXT, Stage, context, new_session, play, typed

from antiphon.protocol.client_events import ResponseCreate
from antiphon.protocol.items import (
    ContentPart,
    FunctionCall,
    FunctionCallOutput,
    InputAudio,
    InputImage,
    InputText,
    Item,
    McpCall,
    McpListTools,
    Message,
)
from antiphon.protocol.response import ResponseParams
from antiphon.protocol.session import RealtimeSessionUpdate, RetentionRatio, TokenLimits, Truncation
from antiphon.session.config import Context
from antiphon.session.conversation import Entry
from antiphon.session.truncation import IMAGE_TOKENS, ITEM_TOKENS, fitting, room_for_items


def words(text: str) -> int:
    return len(text.split())


def entry(content: int | ContentPart | Item) -> Entry:
    """A message of so many words of 9 letters, or of a part; or any item."""
    if isinstance(content, int):
        content = InputText(text="abcdefghi " * content)
    if isinstance(content, ContentPart):
        content = Message(id="m", role="user", content=(content,))
    return Entry(content)


CALL = FunctionCall(id="c", call_id="c", name="f", arguments="a b c d e")
OUTPUT = FunctionCallOutput(id="o", call_id="c", output="a b c d e f")


@pytest.mark.parametrize(
    ("max_output_tokens", "instructions", "truncation", "room"),
    [
        (None, "", "auto", 750 - ITEM_TOKENS),
        (100, "", "auto", 900 - ITEM_TOKENS),
        (400, "", "auto", 750 - ITEM_TOKENS),  # the answer never takes more than its share
        (None, "one two three", "disabled", 747 - ITEM_TOKENS),
        (None, "", RetentionRatio(type="retention_ratio", retention_ratio=0.5), 750 - ITEM_TOKENS),
        (
            None,
            "",
            RetentionRatio(type="retention_ratio", retention_ratio=0.5, token_limits=TokenLimits()),
            750 - ITEM_TOKENS,
        ),
        (
            None,
            "",
            RetentionRatio(
                type="retention_ratio", retention_ratio=0.5, token_limits=TokenLimits(post_instructions=200)
            ),
            200,
        ),
    ],
)
def test_room(max_output_tokens: int | None, instructions: str, truncation: Truncation, room: int) -> None:
    """The context less the answer and the instructions; the client may want less."""
    assert room_for_items(Context(1000, words), instructions, max_output_tokens, truncation) == room


def kept(entries: list[Entry], room: int, truncation: Truncation = "auto") -> list[int] | None:
    """Which entries are given to the model, by number."""
    given = fitting(tuple(entries), room, truncation, words)
    return None if given is None else [number for number, entry in enumerate(entries) if any(e is entry for e in given)]


def test_all_that_fits_is_kept() -> None:
    """Counted only when letters alone do not show it."""

    def never(text: str) -> int:
        raise AssertionError(text)

    entries = (entry(2), entry(3))
    assert fitting(entries, 100, "disabled", never) == entries
    assert kept(list(entries), 13) == [0, 1]


def test_the_oldest_go_first() -> None:
    """And are marked, so that they stay away; the newest one stays in any case."""
    entries = [entry(10), entry(10), entry(10)]

    assert kept(entries, 41) == [1, 2]
    assert [e.is_left_out for e in entries] == [True, False, False]
    assert kept(entries[1:], 1) == [1]
    assert kept([], -1) == []


def test_nothing_may_be_left_out() -> None:
    """`disabled`: then the response fails."""
    assert kept([entry(10), entry(10)], 20, "disabled") is None


def test_more_is_left_out_than_needed() -> None:
    """A retention ratio makes room for several turns, so that a prefix cache holds."""
    ratio = RetentionRatio(type="retention_ratio", retention_ratio=0.5)

    assert kept([entry(10) for _ in range(5)], 60, ratio) == [3, 4]
    assert kept([entry(10) for _ in range(4)], 60, ratio) == [0, 1, 2, 3]


def test_an_output_goes_with_its_call() -> None:
    """Alone it would be no context; the newest entry stays even so."""
    assert kept([entry(CALL), entry(OUTPUT), entry(1)], 15) == [2]
    assert kept([entry(CALL), entry(OUTPUT)], 10) == [1]


@pytest.mark.parametrize(
    ("content", "size"),
    [
        (CALL, 6 + ITEM_TOKENS),
        (OUTPUT, 6 + ITEM_TOKENS),
        (McpCall(id="x", server_label="s", name="f", arguments="a b", output="c d e"), 6 + ITEM_TOKENS),
        (McpCall(id="x", server_label="s", name="f", arguments="a b"), 3 + ITEM_TOKENS),
        (McpListTools(id="t", server_label="x", tools=()), ITEM_TOKENS),
        (InputImage(image_url="data:"), IMAGE_TOKENS + ITEM_TOKENS),
        (InputAudio(transcript="one two"), ITEM_TOKENS),  # what the client says that it heard is not given to a model
    ],
)
def test_what_an_item_takes(content: Item | ContentPart, size: int) -> None:
    """By the words that a model reads; pictures by a guess."""
    filler = entry(100)

    assert kept([filler, entry(content)], 104 + size) == [0, 1]
    assert kept([filler, entry(content)], 103 + size) == [1]


def test_words_are_counted_once() -> None:
    """Until they change: a transcript that comes late, an answer that is cut."""
    counted: list[str] = []

    def count(text: str) -> int:
        counted.append(text)
        return words(text)

    spoken = entry(InputAudio(transcript=None))
    for words_now in (None, None, "Hello there", "Hello there"):
        spoken.words = words_now
        fitting((entry(0), spoken), 0, "auto", count)
    assert [text for text in counted if text] == ["Hello there"]
    assert len(counted) == 2 + 4  # the other entry is another one each time


def long_session(truncation: Truncation, instructions: str = "") -> Stage:
    """Room for about three items of ten words."""
    update = RealtimeSessionUpdate(truncation=truncation, instructions=instructions)
    session = new_session(TEXT, MANUAL, update, context=Context(60, words))
    play(session, (typed("abcdefghi " * 10) for _ in range(4)))
    return session


def test_a_session_forgets_its_beginning() -> None:
    """What has gone once stays away."""
    session = long_session("auto")

    assert [line.split()[0] for line in context(play(session, ResponseCreate()))] == ["item_3", "item_4"]


def test_a_session_that_may_not_forget_fails_its_response() -> None:
    """With a code of its own; the session goes on."""
    session = long_session("disabled")

    failed = play(session, ResponseCreate())
    assert failed[-2].event.response.status_details.error.code == "context_length_exceeded"  # type: ignore[union-attr]  # `response.done`


def test_out_of_band_nothing_is_forgotten() -> None:
    """A response beside the conversation may need more room; it leaves no trace."""
    session = long_session("auto")
    params = ResponseParams(conversation="none", instructions="word " * 30)

    assert len(context(play(session, ResponseCreate(response=params)))) == 1
    assert len(context(play(session, ResponseCreate()))) == 2


def test_instructions_alone_may_be_too_long() -> None:
    """There is nothing to leave out: the engine has to see what it makes of them."""
    session = new_session(TEXT, RealtimeSessionUpdate(instructions="word " * 99), context=Context(60, words))

    assert context(play(session, ResponseCreate())) == []
    assert context(play(session, ResponseCreate(response=ResponseParams(conversation="none", input=())))) == []
