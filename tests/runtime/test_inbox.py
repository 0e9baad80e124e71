"""One order for all that happens, and only so much of it at a time."""

import asyncio

from scripted_runtime import play, settled

from antiphon.link import Text
from antiphon.runtime.inbox import MAX_BYTES, MAX_ENTRIES, Entry, Framed, Inbox
from antiphon.session.inputs import Left, Tick


def framed(size: int) -> Framed:
    """A frame that claims a size."""
    return Framed("link_1", Text(b""), size)


def test_entries_come_out_in_the_order_they_went_in() -> None:
    """Frames and news of engines share one line."""

    async def scene() -> None:
        inbox = Inbox()
        entries: list[Entry] = [framed(1), Left("a"), framed(2), Tick()]
        for entry in entries:
            await inbox.put(entry)

        assert [await inbox.take() for _ in entries] == entries

    play(scene)


def test_the_reader_waits_for_news() -> None:
    """An empty inbox costs nothing."""

    async def scene() -> None:
        inbox = Inbox()
        reader = asyncio.ensure_future(inbox.take())
        await settled()
        assert not reader.done()
        await inbox.put(Tick())

        assert await reader == Tick()

    play(scene)


def test_writers_wait_for_room() -> None:
    """Whoever writes faster than the core takes is held back."""

    async def scene() -> None:
        inbox = Inbox()
        for _ in range(MAX_ENTRIES):
            await inbox.put(Tick())
        writer = asyncio.ensure_future(inbox.put(Left("a")))
        await settled()
        assert not writer.done()

        await inbox.take()
        await writer

    play(scene)


def test_large_frames_wait_for_each_other() -> None:
    """Memory is bounded in bytes; a single frame always gets in."""

    async def scene() -> None:
        inbox = Inbox()
        await inbox.put(framed(2 * MAX_BYTES))
        second = asyncio.ensure_future(inbox.put(framed(1)))
        await settled()
        assert not second.done()

        await inbox.take()
        await second
        assert await inbox.take() == framed(1)

    play(scene)


def test_the_runtime_itself_never_waits() -> None:
    """A tick gets in although the inbox is full."""

    async def scene() -> None:
        inbox = Inbox()
        for _ in range(MAX_ENTRIES + 1):
            inbox.post(Tick())

        assert [await inbox.take() for _ in range(MAX_ENTRIES + 1)] == [Tick()] * (MAX_ENTRIES + 1)

    play(scene)
