"""Real time: when chunks come, and how much was heard."""

import asyncio
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.audio.pcm import BYTES_PER_MS, silence
from antiphon.client.audio import Playback, Position, SilentSpeaker, chunks_of, paced


def sound(ms: int) -> bytes:
    """Sound of that length, not silent."""
    return b"\1\0" * (ms * BYTES_PER_MS // 2)


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_chunks_are_whole() -> None:
    """The last one is filled up with silence."""
    assert list(chunks_of(sound(50), 20)) == [sound(20), sound(20), sound(10) + silence(10)]
    assert list(chunks_of(b"", 20)) == []


@pytest.mark.parametrize("chunk_ms", [20, 40, 100])
def test_chunks_come_when_they_are_over(chunk_ms: int) -> None:
    """The first after its own length, as from a microphone; the last at its place, whatever came between."""

    async def times() -> list[float]:
        clock = asyncio.get_running_loop().time
        start = clock()
        return [clock() - start async for _ in paced([b""] * (200 // chunk_ms), chunk_ms)]

    came = asyncio.run(times())

    assert came[0] >= chunk_ms / 1000
    assert all(at >= (place + 1) * chunk_ms / 1000 for place, at in enumerate(came))
    assert 0.2 <= came[-1] < 0.3


def test_who_is_late_catches_up() -> None:
    """Time that was lost does not move the chunks after it."""

    async def times() -> list[float]:
        clock = asyncio.get_running_loop().time
        start, came = clock(), []
        async for chunk in paced(islice(iter(lambda: b"", None), 12), 10):
            came.append(clock() - start)
            if len(came) == 1:
                await asyncio.sleep(0.06)
            assert chunk == b""
        return came

    came = asyncio.run(times())

    assert came[5] - came[1] < 0.04
    assert 0.12 <= came[-1] < 0.2


def test_playing_in_order() -> None:
    """Items are played one after the other, in pieces of any size."""
    playback = Playback()
    playback.add("a", 0, sound(30))
    playback.add("a", 0, sound(10))
    playback.add("b", 1, sound(20))

    assert playback.take(35 * BYTES_PER_MS) == sound(35)
    assert (playback.played_ms("a"), playback.played_ms("b"), playback.remaining_ms) == (35, 0, 25)
    assert playback.take(15 * BYTES_PER_MS) == sound(15)
    assert (playback.played_ms("a"), playback.played_ms("b"), playback.remaining_ms) == (40, 10, 10)
    assert playback.take(100 * BYTES_PER_MS) == sound(10)
    assert not playback.has_more


def test_cutting_tells_where() -> None:
    """The item that was playing, and how much of it was heard; the rest is forgotten."""
    playback = Playback()
    playback.add("a", 0, sound(30))
    playback.add("b", 1, sound(20))
    playback.take(40 * BYTES_PER_MS)

    assert playback.cut() == Position("b", 1, 10)
    assert (playback.remaining_ms, playback.take(10), playback.cut()) == (0, b"", None)
    assert playback.played_ms("a") == 30


def test_cutting_before_anything_was_heard() -> None:
    """Nothing of it was heard, and the server must know that, too."""
    playback = Playback()
    playback.add("a", 0, sound(30))

    assert playback.cut() == Position("a", 0, 0)


def test_nothing_is_cut_from_what_was_heard_to_its_end() -> None:
    """Unless more of it was to come."""
    playback = Playback()
    playback.add("a", 0, sound(30))
    playback.take(30 * BYTES_PER_MS)
    assert Playback().cut() is None
    assert playback.cut() == Position("a", 0, 30)

    playback.add("b", 0, sound(30))
    playback.finish("b")
    playback.take(30 * BYTES_PER_MS)

    assert playback.cut() is None


@given(st.lists(st.integers(0, 40), max_size=20), st.lists(st.integers(0, 70), max_size=20))
def test_what_was_taken_and_what_remains_is_what_was_added(added: list[int], taken: list[int]) -> None:
    """No sound is lost or doubled, whatever its pieces."""
    playback = Playback()
    for ms in added:
        playback.add("a", 0, sound(ms))
    heard = sum(len(playback.take(ms * BYTES_PER_MS)) for ms in taken)

    assert heard == min(sum(added), sum(taken)) * BYTES_PER_MS
    assert playback.played_ms("a") + playback.remaining_ms == sum(added)


def test_a_silent_speaker_plays_in_real_time() -> None:
    """What a listener would have heard by now counts as heard."""
    clock = Clock()
    speaker = SilentSpeaker(clock)
    clock.now += 5
    speaker.play("a", 0, sound(300))
    clock.now += 0.125

    assert (speaker.played_ms("a"), speaker.remaining_ms) == (125, 175)
    clock.now += 0.125
    assert speaker.stop() == Position("a", 0, 250)
    assert (speaker.stop(), speaker.remaining_ms) == (None, 0)


def test_a_silent_speaker_waits_for_sound() -> None:
    """Time in which there was nothing to play is no time of playing."""
    clock = Clock()
    speaker = SilentSpeaker(clock)
    speaker.play("a", 0, sound(250))
    clock.now += 1
    assert speaker.played_ms("a") == 250
    clock.now += 1
    speaker.play("a", 0, sound(250))
    speaker.finish("a")
    clock.now += 0.125

    assert speaker.played_ms("a") == 375
    clock.now += 0.125
    assert speaker.stop() is None


def test_looking_often_does_not_stop_the_time() -> None:
    """A thousand looks of a tenth of a millisecond are a tenth of a second."""
    clock = Clock()
    speaker = SilentSpeaker(clock)
    speaker.play("a", 0, sound(300))
    for _ in range(1000):
        clock.now += 0.0001
        speaker.played_ms("a")

    assert abs(speaker.played_ms("a") - 100) <= 1
