"""What a response has cost, as the wire counts it.

Text is counted by the engine's own tokenizer. Audio has no tokens in a cascade, so it is counted by the
provider's rates: clients that bill or budget by modality find the figures they expect.
"""

import math

from antiphon.ports import Usage
from antiphon.protocol.response import CachedTokensDetails, InputTokenDetails, OutputTokenDetails, ResponseUsage

INPUT_AUDIO_TOKENS_PER_S = 10
OUTPUT_AUDIO_TOKENS_PER_S = 20


def audio_tokens(audio_ms: int, tokens_per_s: int) -> int:
    """Tokens of a stretch of audio; a begun token counts."""
    return math.ceil(audio_ms * tokens_per_s / 1000)


def response_usage(usage: Usage, heard_ms: int, spoken_ms: int) -> ResponseUsage:
    """`heard_ms` is the caller's audio in the context, `spoken_ms` the audio of the answer."""
    heard = audio_tokens(heard_ms, INPUT_AUDIO_TOKENS_PER_S)
    spoken = audio_tokens(spoken_ms, OUTPUT_AUDIO_TOKENS_PER_S)
    input_tokens = usage.input_tokens + heard
    output_tokens = usage.output_tokens + spoken
    return ResponseUsage(
        total_tokens=input_tokens + output_tokens,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        input_token_details=InputTokenDetails(
            text_tokens=usage.input_tokens,
            audio_tokens=heard,
            cached_tokens=usage.cached_tokens,
            cached_tokens_details=CachedTokensDetails(text_tokens=usage.cached_tokens),
        ),
        output_token_details=OutputTokenDetails(text_tokens=usage.output_tokens, audio_tokens=spoken),
    )
