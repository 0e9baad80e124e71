"""Rules of what a response has cost."""

import pytest

from antiphon.ports import NO_USAGE, Usage
from antiphon.protocol.response import (
    CachedTokensDetails,
    InputTokenDetails,
    OutputTokenDetails,
    ResponseUsage,
)
from antiphon.session.usage import audio_tokens, response_usage


@pytest.mark.parametrize(("ms", "tokens"), [(0, 0), (1, 1), (100, 1), (101, 2), (1000, 10)])
def test_a_begun_audio_token_counts(ms: int, tokens: int) -> None:
    """Ten a second, rounded up."""
    assert audio_tokens(ms, 10) == tokens


def test_nothing_costs_nothing() -> None:
    """Every key is there all the same."""
    assert response_usage(NO_USAGE, 0, 0) == ResponseUsage()


def test_tokens_by_modality() -> None:
    """Text as the engine counts it, audio by the reference's rates; cached tokens are a part of the input."""
    usage = Usage(input_tokens=100, cached_tokens=60, output_tokens=20)

    assert response_usage(usage, heard_ms=2000, spoken_ms=1500) == ResponseUsage(
        total_tokens=170,
        input_tokens=120,
        output_tokens=50,
        input_token_details=InputTokenDetails(
            text_tokens=100,
            audio_tokens=20,
            cached_tokens=60,
            cached_tokens_details=CachedTokensDetails(text_tokens=60),
        ),
        output_token_details=OutputTokenDetails(text_tokens=20, audio_tokens=30),
    )
