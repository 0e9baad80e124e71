"""Words that a recogniser repeats: small ones that lost their way say some words until their room is full."""

from collections.abc import Sequence

FASTEST_WORDS_PER_S = 4.5
"""Nobody speaks faster for long; only beyond it are repetitions looked for."""
LOOP_REPEATS = 3
LOOP_WORDS = 8


def unlooped(text: str, seconds: float) -> str:
    """Say once what was repeated, where `seconds` are too short for so many words."""
    words = text.split()
    if len(words) <= FASTEST_WORDS_PER_S * seconds:
        return text
    bare = [word.strip(".,;:!?-…\"'").lower() for word in words]
    kept: list[str] = []
    at = 0
    while at < len(words):
        size, repeats = _loop(bare, at)
        kept += words[at : at + size]
        at += size * repeats
    return " ".join(kept)


def _loop(words: Sequence[str], at: int) -> tuple[int, int]:
    """How many words, how often one after the other: the loop that begins here, or the one word."""
    for size in range(1, LOOP_WORDS + 1):
        repeats = 1
        while words[at + repeats * size : at + (repeats + 1) * size] == words[at : at + size]:
            repeats += 1
        if repeats > LOOP_REPEATS:
            return size, repeats
    return 1, 1
