"""A turn model without weights: judges from the last words whether the caller has finished.

Recognisers put a full stop behind anything, so the mark alone proves little. What does prove that more is to come is
a last word that wants another one after it ("and", "the", "because"), a filler, a comma, or a clause that only opens
a sentence ("If the train is late."). English words; in other languages only the marks speak.

A single word is as often a start as an answer, and so is a number: they are left open.

The probabilities are no statistics: they are five degrees, and their distance sets how long the session waits.
"""

from antiphon.engines.registry import EngineSpec, NoOptions

FINISHED, LIKELY, UNSURE, DOUBTFUL, UNFINISHED = 0.95, 0.85, 0.6, 0.35, 0.05

ENDS_QUESTION = ("?", "？", "؟")
MARKS = "?？؟!！.。।"
GOES_ON = (",", "、", "，", ";", ":", "-", "–", "—", "...", "…")
CLOSING = "\"'”’»)]"

FILLERS = frozenset("um uh erm er hmm mm mhm well so like".split())
"""Heard at the end, they hold the floor."""

CANNOT_END = frozenset(
    (
        "a an the my your our their every "
        "and or but nor because although though unless until while if whether than as since "
        "i'm you're we're they're i'll we'll i've we've i'd let's very"
    ).split()
)
"""Words that want another one after them, whatever was said before."""

PREPOSITIONS = frozenset(
    "of to for from with without into onto upon between among against during at in on by about".split()
)
"""As these do, but at the end of a question that begins with one of `ASKING`: "Where are you from?"."""

ASKING = frozenset("what where who whom which when why how what's where's who's how's".split())

SELDOM_END = frozenset(
    (
        "is are was were am be been being has have had will would could should can may might must "
        "that which who when where what how this these those his her its "
        "want wants need needs told said say says means"
    ).split()
)
"""Words that now and then end a sentence ("Yes, it is"): waiting the longest for one of these would be worse."""

OPENING = frozenset("if when whenever while although though because since unless until once before after as".split())
"""First words of a clause that another one has to follow, unless it stands behind a comma already."""

PRONOUNS = frozenset("i you he she it we they that there".split())
"""Before a word of `SELDOM_END` they make it a likelier end: "I think it is"."""


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
    sentence = _last_sentence(text)
    words = sentence.casefold().replace("’", "'").split()
    if not words or text.endswith(GOES_ON):
        return UNFINISHED
    if words[-1] in CANNOT_END | FILLERS:
        return UNFINISHED
    asks = text.endswith(ENDS_QUESTION)
    if words[-1] in PREPOSITIONS and not (asks and words[0] in ASKING):
        return UNFINISHED
    if asks:
        return FINISHED
    if words[-1] in SELDOM_END and not (len(words) > 1 and words[-2] in PRONOUNS):
        return DOUBTFUL
    if words[0] in OPENING and "," not in sentence:
        return DOUBTFUL
    is_vague = len(words) == 1 or words[-1] in SELDOM_END or words[-1][-1].isdigit()
    return UNSURE if is_vague else LIKELY


def _last_sentence(text: str) -> str:
    """The words after the last mark that ends a sentence, the one at the very end aside."""
    bare = text.rstrip(MARKS)
    start = max(bare.rfind(f"{mark} ") for mark in MARKS)
    return bare[start + 1 :].strip()


def make(spec: EngineSpec) -> Words:
    """The entry point; there is nothing to choose."""
    spec.read(NoOptions)
    return Words()
