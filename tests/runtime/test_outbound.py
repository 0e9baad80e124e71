"""The way out of one link."""

import asyncio
import json

import pytest
from scripted_runtime import HandLink, play, settled

from antiphon.runtime import outbound as module
from antiphon.runtime.outbound import Outbound


def event(name: str, size: int = 0) -> bytes:
    """An encoded event."""
    return json.dumps({"type": name, "filling": "x" * size}).encode()


class Way:
    """An outbound, its link, and how often it said that there is room."""

    def __init__(self, bound: int = 1000, stall_limit_s: float = 5.0) -> None:
        self.link = HandLink()
        self.rooms = 0
        self.out = Outbound(bound, stall_limit_s, self._on_room)

    def _on_room(self) -> None:
        self.rooms += 1

    async def write(self) -> None:
        await self.out.write(self.link)


def test_events_go_out_in_order_before_the_close() -> None:
    """Closing says goodbye last."""

    async def scene() -> None:
        way = Way()
        way.out.put(event("a"))
        way.out.put(event("b"))
        way.out.close(1001, "bye")
        way.out.close(1000, "again")
        way.out.put(event("c"))
        await way.write()

        assert way.link.taken() == ["a", "b"]
        assert way.link.closed == (1001, "bye")

    play(scene)


def test_the_writer_wakes_for_each_event() -> None:
    """What comes while nothing waits goes out at once."""

    async def scene() -> None:
        way = Way()
        writer = asyncio.ensure_future(way.write())
        await settled()
        way.out.put(event("a"))
        assert (await way.link.next())["type"] == "a"
        way.out.put(event("b"))
        assert (await way.link.next())["type"] == "b"
        way.out.close(1000, "")
        await writer

    play(scene)


def test_unsent_audio_of_a_response_is_dropped() -> None:
    """At barge-in, only what the caller must not hear any more goes: words and other responses stay."""

    async def scene() -> None:
        way = Way(bound=250)
        way.out.put(event("audio 1", 100), "resp_1")
        way.out.put(event("words 1", 100))
        way.out.put(event("audio 2", 100), "resp_2")
        assert not way.out.has_room
        way.out.drop_audio("resp_1")
        way.out.drop_audio("resp_9")
        way.out.close(1000, "")
        await way.write()

        assert way.link.taken() == ["words 1", "audio 2"]

    play(scene)


def test_dropping_makes_room() -> None:
    """Whoever waits for room is told, once."""

    async def scene() -> None:
        way = Way(bound=150)
        way.out.put(event("audio 1", 100), "resp_1")
        way.out.put(event("audio 1", 100), "resp_1")
        assert (way.out.has_room, way.rooms) == (False, 0)
        way.out.drop_audio("resp_1")

        assert (way.out.has_room, way.rooms) == (True, 1)

    play(scene)


def test_sending_makes_room() -> None:
    """Room is told when the bound is crossed, not for every event."""

    async def scene() -> None:
        way = Way(bound=250)
        for _ in range(4):
            way.out.put(event("a", 100))
        writer = asyncio.ensure_future(way.write())
        await settled()

        assert (way.out.has_room, way.rooms) == (True, 1)
        way.out.abandon()
        await writer

    play(scene)


def test_after_a_loss_nothing_is_sent() -> None:
    """What still waits for a peer that has gone is forgotten."""

    async def scene() -> None:
        way = Way()
        way.out.put(event("a"))
        way.out.abandon()
        await way.write()

        assert way.link.taken() == []
        assert way.link.closed == (1000, "")

    play(scene)


def test_a_peer_that_takes_nothing_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that stalls for too long holds memory and nothing else."""
    monkeypatch.setattr(module, "CLOSE_LIMIT_S", 0.01)

    async def scene() -> None:
        way = Way(stall_limit_s=0.01)
        way.link.taking.clear()
        way.out.put(event("a"))
        await way.write()

        assert way.out.has_room
        assert way.link.closed is None  # it could not even be told

    play(scene)


def test_a_peer_that_lets_too_much_pile_up_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Events that answers do not wait for, such as retrieved audio, have a bound as well."""
    monkeypatch.setattr(module, "MAX_BYTES", 100)

    async def scene() -> None:
        way = Way()
        for _ in range(3):
            way.out.put(event("retrieved", 80))
        await way.write()

        assert way.link.taken() == []
        assert way.link.closed == (1008, "The client is too slow: its queue is full.")

    play(scene)
