"""Rules of where a turn starts and stops. A letter is a frame of 32 ms: loud `x`, between `-`, quiet `.`."""

import pytest

from antiphon.session.config import TurnRules
from antiphon.session.inputs import Score
from antiphon.session.turns import NEXT, START_FRAMES, Turn, TurnDetector, Voice

FRAME = 768
LEVELS = {"x": 0.9, "-": 0.4, ".": 0.1}


def frames(pattern: str, start: int = 0) -> list[Score]:
    return [
        Score(start + index * FRAME, start + (index + 1) * FRAME, LEVELS[letter])
        for index, letter in enumerate(pattern)
    ]


def heard(pattern: str, silence_ms: int = 200, threshold: float = 0.5) -> str:
    """What a detector makes of each frame, by the first letters of `Turn`, `Z` for `STILL`."""
    detector = TurnDetector()
    signs = {None: " ", Turn.STARTED: "S", Turn.PAUSED: "P", Turn.STILL: "Z", Turn.RESUMED: "R", Turn.STOPPED: "E"}
    return "".join(signs[detector.hear(s, TurnRules(threshold=threshold), silence_ms)] for s in frames(pattern))


@pytest.mark.parametrize(
    ("sound", "turns"),
    [
        ("........", "        "),
        ("..x.xx..", "        "),  # clicks
        ("..xxx...", "  " + "  SPZ "),
        ("xxx.......", "  SPZ    E"),  # 7 frames of 32 ms are the first to reach 200 ms
        ("xxx......x", "  SPZ    R"),  # 6 are not
        ("xxx.x.......", "  SPRPZ    E"),
        ("xxx---xxx", "  S      "),  # neither loud nor quiet changes nothing
        ("x--x--x", "      S"),
        ("xxx.------", "  SPZ    E"),  # in a pause, not loud is quiet
        ("xxx.......xx.xxx", "  SPZ    E     S"),  # the next turn
    ],
)
def test_a_turn(sound: str, turns: str) -> None:
    """Voice that lasts starts a turn, silence that lasts ends it; clicks and pauses do neither."""
    assert heard(sound) == turns


@pytest.mark.parametrize(("silence_ms", "frames_needed"), [(0, 2), (32, 2), (64, 2), (65, 3), (500, 16)])
def test_how_much_silence_ends_a_turn(silence_ms: int, frames_needed: int) -> None:
    """Counted in whole frames from the first quiet one; at least two."""
    assert heard("xxx" + "." * 20, silence_ms).index("E") == 3 + frames_needed - 1


def test_the_threshold() -> None:
    """From it on a frame is loud; only well below it is a frame quiet."""
    assert heard("---", threshold=0.4) == "  S"
    assert heard("xxx", threshold=0.95) == "   "
    assert heard("---....", threshold=0.2) == "  S    "  # 0.1 is not below 0.2 - 0.15


def test_where_the_voice_began() -> None:
    """The onset is the first sample of the first loud frame of those that started the turn."""
    detector = TurnDetector()
    for score in frames("x..xx-x"):
        detector.hear(score, TurnRules(), 200)

    assert detector.onset == 3 * FRAME
    assert detector.voice is Voice.SPEAKING


def test_a_pause_is_still_after_a_moment() -> None:
    """One quiet frame is often a stop inside a word."""
    detector = TurnDetector()
    stills = []
    for score in frames("xxx..x."):
        detector.hear(score, TurnRules(), 200)
        stills.append(detector.is_still)

    assert stills == [False, False, False, False, True, False, False]


def test_a_reset_forgets_the_turn() -> None:
    """The voice has to prove itself again."""
    detector = TurnDetector()
    for score in frames("xxxx"):
        detector.hear(score, TurnRules(), 200)
    detector.reset()

    assert detector.voice is Voice.QUIET
    again = [detector.hear(score, TurnRules(), 200) for score in frames("xxx", start=4 * FRAME)]
    assert again == [None] * (START_FRAMES - 1) + [Turn.STARTED]
    assert detector.onset == 4 * FRAME


def test_the_table_is_closed() -> None:
    """Every state can be reached, left and come back from; every turn event comes from it."""
    assert {before for before, _ in NEXT} == {after for after, _ in NEXT.values()} == set(Voice)
    assert {turn for _, turn in NEXT.values()} == {*Turn, None}
