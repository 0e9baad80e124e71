"""A turn model without weights: judges from the last words whether the caller has finished.

Recognisers put a full stop behind anything, so the stop alone proves little; what does prove that more is to come is
a last word that cannot end a sentence ("and", "the", "because"), a filler, or a comma. English words; in other
languages only the punctuation speaks.
"""

from antiphon.engines.registry import EngineSpec

FINISHED, LIKELY, UNSURE, UNFINISHED = 0.95, 0.8, 0.6, 0.05

ENDS_QUESTION = ("?", "？", "؟", "!", "！")
ENDS_SENTENCE = (".", "。", "।")
GOES_ON = (",", "、", "，", ";", ":", "-", "–", "—", "...", "…")
CLOSING = "\"'”’»)]"

FILLERS = frozenset("um uh erm er hmm mm mhm eh like well so okay".split())
"""Heard alone at the end, they hold the floor."""

CANNOT_END = frozenset(
    (
        "a an the my your our their every "
        "and or but nor because although though unless until while if whether than as since "
        "of to for from with without into onto upon between among against during "
        "i'm you're we're they're i'll we'll i've we've i'd let's very really quite"
    ).split()
)
"""Words that want another one after them. Those that now and then end a sentence ("is", "that", "too") are left
out: to wait four seconds for somebody who has finished is worse than to answer a little early."""

SHORT_WORDS = 1
"""A single word is as often a start as an answer."""


class Words:
    """The default `TurnModel`."""

    name = "words"

    async def start(self) -> None:
        """Nothing to load."""

    async def stop(self) -> None:
        """Nothing to free."""

    async def judge(self, text: str, pcm: bytes) -> float:  # noqa: ARG002 -- the sound is not used
        """The probability that the turn is over."""
        return finished(text)


def finished(text: str) -> float:
    """The probability that nothing more is to come after these words."""
    text = text.strip().rstrip(CLOSING).rstrip()
    if not text or text.endswith(GOES_ON):
        return UNFINISHED
    words = text.rstrip("".join((*ENDS_QUESTION, *ENDS_SENTENCE))).casefold().replace("’", "'").split()
    if not words:
        return UNFINISHED
    if text.endswith(ENDS_QUESTION):
        return FINISHED
    if words[-1] in CANNOT_END or words[-1] in FILLERS:
        return UNFINISHED
    if len(words) <= SHORT_WORDS:
        return UNSURE
    return LIKELY if text.endswith(ENDS_SENTENCE) else UNSURE


def make(spec: EngineSpec) -> Words:  # noqa: ARG001 -- there is nothing to choose
    """The entry point."""
    return Words()
