"""Rules of the input audio buffer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.audio.pcm import samples_in
from antiphon.session.input_buffer import MAX_BUFFER_S, InputBuffer


def filled(*samples: int) -> InputBuffer:
    """A buffer of samples that number themselves from 0."""
    buffer, first = InputBuffer(), 0
    for count in samples:
        buffer.append(b"".join(n.to_bytes(2, "little") for n in range(first, first + count)))
        first += count
    return buffer


def samples(pcm: bytes) -> list[int]:
    return [int.from_bytes(pcm[at : at + 2], "little") for at in range(0, len(pcm), 2)]


def test_positions_never_go_back() -> None:
    """They count all audio of the session, whatever was let go."""
    buffer = filled(3, 2)
    buffer.drop_before(2)
    buffer.clear()
    buffer.append(b"\7\0")

    assert (buffer.start, buffer.end) == (5, 6)
    assert samples(buffer.read(0, 9)) == [7]


@pytest.mark.parametrize(
    ("start", "end", "read"), [(0, 5, [2, 3, 4]), (3, 4, [3]), (4, 4, []), (0, 1, []), (4, 9, [4]), (4, 3, [])]
)
def test_reading_what_is_here(start: int, end: int, read: list[int]) -> None:
    """Of what was asked for, as much as there is."""
    buffer = filled(5)
    buffer.drop_before(2)

    assert samples(buffer.read(start, end)) == read


@pytest.mark.parametrize(("position", "start"), [(-1, 2), (0, 2), (3, 3), (9, 5)])
def test_letting_go(position: int, start: int) -> None:
    """Of what is here, and never of what is to come."""
    buffer = filled(5)
    buffer.drop_before(2)
    buffer.drop_before(position)

    assert buffer.start == start


def test_a_commit_takes_all_or_up_to_a_place() -> None:
    """What comes after that place stays."""
    buffer = filled(5)

    assert samples(buffer.take(3)) == [0, 1, 2]
    assert samples(buffer.take()) == [3, 4]
    assert buffer.take() == b""


def test_what_is_pending() -> None:
    """Since the last commit or clear, what was let go counted as well."""
    buffer = InputBuffer()
    buffer.append(bytes(48 * 500))
    buffer.keep_last(100)

    assert buffer.pending_ms == 500
    assert (buffer.start, buffer.end_ms) == (samples_in(400), 500)
    buffer.take()
    assert buffer.pending_ms == 0
    buffer.append(bytes(2))
    assert buffer.pending_ms == pytest.approx(1 / 24)


def test_the_buffer_is_bounded() -> None:
    """Ten minutes; the bound itself is already too much."""
    buffer = InputBuffer()
    almost = bytes(2 * (samples_in(MAX_BUFFER_S * 1000) - 1))

    assert buffer.has_room(almost)
    buffer.append(almost)
    assert not buffer.is_full
    assert not buffer.has_room(b"\0\0")
    buffer.append(b"\0\0")
    assert buffer.is_full


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(-2, 30), st.integers(-2, 30))))
def test_however_it_was_appended(steps: list[tuple[int, int, int]]) -> None:
    """What is read does not depend on how the audio came, or on what was let go before it."""
    buffer, whole = InputBuffer(), b""
    for count, dropped, end in steps:
        piece = b"".join((len(whole) // 2 + n).to_bytes(2, "little") for n in range(count))
        buffer.append(piece)
        whole += piece
        buffer.drop_before(dropped)

        assert buffer.read(dropped, end) == whole[2 * buffer.start : 2 * max(end, 0)]
