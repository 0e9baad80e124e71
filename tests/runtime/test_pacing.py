"""How far an answer may be made ahead of its playing."""

import asyncio

from antiphon.audio.pcm import BYTES_PER_MS
from antiphon.runtime.pacing import Pace

SECOND = bytes(1000 * BYTES_PER_MS)


class Clock:
    """Goes as the test says."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_sound_is_played_from_the_first_piece_on() -> None:
    """What was made, less what can have been played, less what may be waiting."""
    clock = Clock()
    pace = Pace(2.0, clock)
    assert pace.excess_s == 0.0

    pace.add(SECOND * 3)
    assert pace.excess_s == 1.0
    clock.now += 0.75
    assert pace.excess_s == 0.25
    clock.now += 10
    assert pace.excess_s == 0.0


def test_a_draft_is_played_from_its_release_on() -> None:
    """Sound that was kept back has not been played, however old it is."""
    clock = Clock()
    pace = Pace(2.0, clock)
    pace.restart()
    assert pace.excess_s == 0.0

    pace.add(SECOND * 5)
    clock.now += 10
    pace.restart()

    assert pace.excess_s == 3.0


def test_without_a_limit_nothing_is_held_back() -> None:
    """And who rests is back at once."""
    pace = Pace(0.0, Clock())
    pace.add(SECOND * 3600)

    assert pace.excess_s == 0.0
    asyncio.run(pace.rest())
