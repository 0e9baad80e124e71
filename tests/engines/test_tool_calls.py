"""Calls are found in a model's text, and text is held back no longer than it must."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.engines.tool_calls import MAX_HELD_CHARACTERS, CallReader, Piece
from antiphon.ports import CallDelta, TextDelta

NAMES = ("get_weather", "get_time")
PARIS = '{"name": "get_weather", "arguments": {"city": "Paris"}}'
FOUND = CallDelta(0, "get_weather", '{"city": "Paris"}')


def read(text: str, size: int | None = None, names: tuple[str, ...] = NAMES) -> list[Piece]:
    """All pieces, neighbouring texts put together."""
    reader = CallReader(names)
    size = size or max(1, len(text))
    given = [piece for at in range(0, len(text), size) for piece in reader.feed(text[at : at + size])]
    pieces: list[Piece] = []
    for piece in given + reader.flush():
        if isinstance(piece, TextDelta) and pieces and isinstance(last := pieces[-1], TextDelta):
            pieces[-1] = TextDelta(last.text + piece.text)
        else:
            pieces.append(piece)
    return pieces


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize(
    "text",
    [
        PARIS,
        "\n  " + PARIS + "\n",
        "{" + PARIS + "}",
        "[" + PARIS + "]",
        "```json\n" + PARIS + "\n```",
        "```\n" + PARIS + "```\nThis calls the function.",
        "```tool_call\n\n" + PARIS + "\n```",
        "<tool_call>\n" + PARIS + "\n</tool_call>",
        "<tool_call>" + PARIS,
        '{"function": {"name": "get_weather", "arguments": {"city": "Paris"}}}',
        '{"type": "function", "function": {"name": "get_weather", "parameters": {"city": "Paris"}}}',
        '{"tool": "get_weather", "args": {"city": "Paris"}}',
        '{"function": "get_weather", "input": {"city": "Paris"}}',
        '{"arguments": {"city": "Paris"}, "name": "get_weather"}',
        '{"tool_calls": [{"id": "x", "name": "get_weather", "arguments": {"city": "Paris"}}]}',
        json.dumps({"name": "get_weather", "arguments": '{"city": "Paris"}'}),
    ],
)
def test_a_call_is_found_in_the_ways_models_write_it(text: str, size: int) -> None:
    """Bare, in a list, fenced, tagged; under the names that models use for name and arguments."""
    assert read(text, size) == [FOUND]


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_words_before_a_call_are_text_and_words_after_it_are_dropped(size: int) -> None:
    """What comes after is the model's guess at the output."""
    text = f"Let me look.\n```json\n{PARIS}\n```\nIt is sunny in Paris."

    assert read(text, size) == [TextDelta("Let me look.\n"), FOUND]


@pytest.mark.parametrize("size", [1, 1000])
@pytest.mark.parametrize(
    "text",
    [
        PARIS + "\n" + '{"name": "get_time"}',
        f'[{PARIS}, {{"name": "get_time"}}]',
        f'<tool_call>{PARIS}</tool_call>\n<tool_call>{{"name": "get_time", "arguments": {{}}}}</tool_call>',
    ],
)
def test_several_calls_are_numbered(text: str, size: int) -> None:
    """Each has its index; arguments may be left out."""
    assert read(text, size) == [FOUND, CallDelta(1, "get_time", "{}")]


@pytest.mark.parametrize("size", [1, 5, 1000])
@pytest.mark.parametrize(
    "text",
    [
        "Plain words.",
        'A name in quotes: {"name": "get_weather", "arguments": {}} inside a line.',
        '{"name": "unknown", "arguments": {}}',
        '{"name": "get_weather", "arguments": 5}',
        '{"name": "get_weather", "arguments": "no json"}',
        '{"city": "Paris"}',
        "{broken, " + PARIS,
        '{"name": "get_weather", "arguments": {',
        '{"name": "get_weather" "arguments": }',
        '{"name": "get_wea',
        "[1, 2, 3] and [a list]",
        "[link](http://example.com) and more",
        "```python\nprint('hi')\n```\nDone.",
        '```json\n{"city": "Paris"}\n```',
        "a < b and `code` and ``more``",
        "<tool_call>nothing</tool_call> really",
        "<tool_call>unfinished",
        "ends with <tool",
        "ends with ``",
        "```js",
        "   ",
        "- { not json",
        '{"name": ["get_weather"]}',
        '[{"name": "get_weather"}, 5]',
    ],
)
def test_what_is_no_call_is_text(text: str, size: int) -> None:
    """Nothing of it is lost or changed, apart from an answer of blanks."""
    assert read(text, size) == [TextDelta(text)] or (not text.strip() and read(text, size) == [])


def test_words_after_a_call_end_the_answer() -> None:
    """A closing fence does not."""
    reader = CallReader(NAMES)
    reader.feed(f"Well.\n```json\n{PARIS}\n```\n")
    assert not reader.is_over

    reader.feed("Paris is")
    assert reader.is_over


def test_without_functions_everything_is_text() -> None:
    """JSON is then an answer like any other, and nothing is held back."""
    reader = CallReader(())

    assert reader.feed(PARIS[:5]) == [TextDelta(PARIS[:5])]
    assert reader.feed("") == reader.flush() == []


def test_text_is_held_only_while_it_may_become_a_call() -> None:
    """Ordinary words pass at once; JSON that cannot be a call does as soon as its first key shows it."""
    reader = CallReader(NAMES)

    assert reader.feed("Hello, ") == [TextDelta("Hello, ")]
    assert reader.feed("dear <b>") == [TextDelta("dear <b>")]
    assert reader.feed("\n{") == [TextDelta("\n")]
    assert reader.feed('"ci') == [TextDelta("{"), TextDelta('"ci')]
    assert reader.feed('ty": 1}\n{"na') == [TextDelta('ty": 1}\n')]
    assert reader.feed('me": "get_time"}') == [CallDelta(0, "get_time", "{}")]
    assert (reader.calls, reader.flush()) == (1, [])


def test_what_is_held_is_bounded() -> None:
    """A call without an end is given up as text."""
    text = '{"name": "get_weather", "arguments": {"city": "' + "x" * MAX_HELD_CHARACTERS
    reader = CallReader(NAMES)

    assert reader.feed(text) == [TextDelta(text)]
    assert reader.feed(" more") == [TextDelta(" more")]


def test_deep_nesting_is_no_way_to_break_it() -> None:
    """What the JSON reader refuses is text."""
    text = '{"name": "get_weather", "arguments": ' + "[" * 5000 + "]" * 5000 + "}"

    assert read(text) == [TextDelta(text)]


PARTS = st.lists(
    st.sampled_from(
        [*'{}[]"\n `<:,', "```", "<tool_call>", "</tool_call>", '"name"', '"get_time"', "json", PARIS, "word "]
    )
).map("".join)


@given(PARTS, st.integers(1, 9))
def test_the_result_does_not_depend_on_the_deltas(text: str, size: int) -> None:
    """However the text arrives; and without a call it comes out as it went in."""
    pieces = read(text, size)

    assert pieces == read(text)
    if not any(isinstance(piece, CallDelta) for piece in pieces):
        assert pieces == ([TextDelta(text)] if text.strip() else [])
