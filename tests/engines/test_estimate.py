"""Tokens by the length of a text."""

import pytest

from antiphon.engines.estimate import estimated_tokens


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("a", 1), ("abcd", 1), ("abcde", 2), ("你好", 2)])
def test_four_bytes_are_a_token(text: str, tokens: int) -> None:
    """Rounded up, and by bytes: other scripts need more tokens a character."""
    assert estimated_tokens(text) == tokens
