"""The output audio buffer of a call: what is played, when it is told, and what was not heard."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from served import play

from antiphon.audio.opus import FRAME_BYTES
from antiphon.audio.pcm import BYTES_PER_MS
from antiphon.link import PlayoutStarted, PlayoutStopped, Sound, Unheard
from antiphon.transports.webrtc.offer import Codec
from antiphon.transports.webrtc.playing import TAIL_FRAMES, CallPlayout
from antiphon.transports.webrtc.queue import News, SoundQueue
from antiphon.transports.webrtc.rtp import RtpPacket, RtpWriter, read_rtp

LOUD = b"\x00\x10"


def sound(ms: int, response: str = "resp_1", item: str = "item_1", index: int = 0) -> Sound:
    return Sound(response, item, index, LOUD * (ms * BYTES_PER_MS // 2))


def frames(queue: SoundQueue) -> list[bytes]:
    taken = []
    while (frame := queue.next()) is not None:
        taken.append(frame.pcm)
    return taken


def test_sound_is_cut_into_frames() -> None:
    """Across deltas and parts; the last frame of a finished answer is filled up."""
    queue = SoundQueue()
    queue.add(sound(30))
    queue.add(sound(35, index=1))
    assert queue.queued_ms == 65
    assert [len(pcm) for pcm in frames(queue)] == [FRAME_BYTES] * 3
    assert queue.queued_ms == 5

    queue.finish("resp_1")
    (last,) = frames(queue)
    assert last == LOUD * (5 * BYTES_PER_MS // 2) + bytes(15 * BYTES_PER_MS)
    assert (queue.queued_ms, queue.is_empty) == (0, True)


def test_a_start_and_an_end_are_told_once() -> None:
    """With the first frame and the last; an end without a rest, when it is known."""
    queue = SoundQueue()
    queue.add(sound(40))
    first, second = queue.next(), queue.next()
    assert first is not None
    assert second is not None
    assert (first.begun, first.ended, second.begun, second.ended) == ((PlayoutStarted("resp_1"),), (), (), ())
    assert queue.finish("resp_1") == (PlayoutStopped("resp_1"),)
    assert queue.finish("resp_1") == ()

    queue.add(sound(20, "resp_2"))
    assert queue.finish("resp_2") == ()
    only = queue.next()
    assert only is not None
    assert (only.begun, only.ended) == ((PlayoutStarted("resp_2"),), (PlayoutStopped("resp_2"),))


def test_an_answer_without_sound_is_not_played() -> None:
    """It neither starts nor stops."""
    queue = SoundQueue()
    queue.add(sound(0))
    assert queue.finish("resp_1") == ()
    assert queue.next() is None
    assert queue.clear() == ()


def test_an_unfinished_rest_does_not_hold_up_the_next_answer() -> None:
    """A part of a frame waits for more of its answer, unless another answer waits behind it."""
    queue = SoundQueue()
    queue.add(sound(10))
    assert queue.next() is None
    queue.add(sound(20, "resp_2", "item_2"))

    assert [pcm.count(LOUD) for pcm in frames(queue)] == [240, 480]


def test_what_was_not_heard_is_told_by_part() -> None:
    """Parts that wait, and the last one of an answer that goes on; nothing of what was played to its end."""
    queue = SoundQueue()
    queue.add(sound(40))
    queue.add(sound(100, item="item_2"))
    queue.add(sound(50, item="item_3"))
    for _ in range(4):
        queue.next()
    assert queue.clear() == (Unheard("resp_1", "item_2", 0, 40), Unheard("resp_1", "item_3", 0, 0))
    assert (queue.queued_ms, queue.is_empty, queue.next()) == (0, True, None)

    queue.add(sound(20, "resp_2"))
    queue.next()
    assert queue.clear() == (Unheard("resp_2", "item_1", 0, 20),)

    queue.add(sound(20, "resp_3"))
    queue.finish("resp_3")
    queue.next()
    assert queue.clear() == ()


class Stage:
    """A playout, the packets that went out, and what was told."""

    def __init__(self) -> None:
        self.packets: list[RtpPacket] = []
        self.times: list[float] = []
        self.news: asyncio.Queue[News] = asyncio.Queue()
        self.idle = asyncio.Event()
        writer = RtpWriter(Codec("opus", 111), ssrc=1, sequence=0, timestamp=0)
        self.playout = CallPlayout(self, writer, self.send, self.news.put_nowait)

    def encode(self, pcm: bytes) -> bytes:
        """The mouth: what is loud shows in the payload."""
        return pcm[:2]

    def expect_loss(self, percent: int) -> None:
        """It cannot."""

    def send(self, packet: bytes) -> None:
        read = read_rtp(packet)
        assert read is not None
        self.packets.append(read)
        self.times.append(asyncio.get_running_loop().time())
        if len(self.packets) >= TAIL_FRAMES and all(p.payload != LOUD for p in self.packets[-TAIL_FRAMES:]):
            self.idle.set()


def staged(scene: Callable[[Stage], Coroutine[Any, Any, None]]) -> None:
    async def made() -> None:
        await scene(Stage())

    play(made)


def test_frames_go_out_by_the_clock() -> None:
    """None before its time, the timestamps without a gap, and silence at the end; then nothing at all."""

    async def scene(stage: Stage) -> None:
        stage.playout.play(sound(200))
        stage.playout.finish("resp_1")
        told = [await stage.news.get(), await stage.news.get()]
        await stage.idle.wait()

        assert told == [PlayoutStarted("resp_1"), PlayoutStopped("resp_1")]
        assert [packet.payload == LOUD for packet in stage.packets] == [True] * 10 + [False] * TAIL_FRAMES
        assert [packet.timestamp // 960 for packet in stage.packets] == list(
            range(stage.packets[0].timestamp // 960, stage.packets[0].timestamp // 960 + 15)
        )
        assert all(time - stage.times[0] >= 0.02 * at - 0.002 for at, time in enumerate(stage.times))

    staged(scene)


def test_an_end_is_told_when_the_last_frame_has_been_played() -> None:
    """Not when it goes out."""

    async def scene(stage: Stage) -> None:
        stage.playout.play(sound(40))
        stage.playout.finish("resp_1")
        await stage.news.get()
        await stage.news.get()

        assert asyncio.get_running_loop().time() - stage.times[0] >= 0.038

    staged(scene)


def test_after_a_clear_the_next_packet_is_silence() -> None:
    """And no end is told of what was cleared."""

    async def scene(stage: Stage) -> None:
        stage.playout.play(sound(1000))
        await stage.news.get()
        played = sum(packet.payload == LOUD for packet in stage.packets)
        unheard = stage.playout.clear()
        stage.playout.finish("resp_1")
        await stage.idle.wait()

        assert unheard == (Unheard("resp_1", "item_1", 0, 20 * played),)
        assert [packet.payload == LOUD for packet in stage.packets] == [True] * played + [False] * TAIL_FRAMES
        assert stage.news.empty()

    staged(scene)


def test_draining_is_told_frame_by_frame() -> None:
    """The runtime gives more when there is room."""

    async def scene(stage: Stage) -> None:
        left: list[int] = []
        stage.playout.on_drain = lambda: left.append(stage.playout.queued_ms)
        stage.playout.play(sound(60))
        stage.playout.finish("resp_1")
        await stage.idle.wait()

        assert left == [40, 20, 0]

    staged(scene)


def test_a_pause_shows_in_the_timestamps() -> None:
    """The stream's clock runs on while nothing is sent; an answer may come in pieces, and end after its last one."""

    async def scene(stage: Stage) -> None:
        stage.playout.play(sound(20))
        await stage.idle.wait()
        paused = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(0.1, paused.set_result, None)
        await paused
        stage.idle.clear()
        stage.playout.play(sound(20))
        await stage.idle.wait()
        stage.playout.finish("resp_1")

        assert stage.packets[6].timestamp - stage.packets[5].timestamp >= 0.1 * 48_000
        assert [await stage.news.get(), await stage.news.get()] == [PlayoutStarted("resp_1"), PlayoutStopped("resp_1")]

    staged(scene)


def test_a_stopped_playout_sends_nothing() -> None:
    """The call is over, whatever comes."""

    async def scene(stage: Stage) -> None:
        stage.playout.play(sound(1000))
        await stage.news.get()
        stage.playout.stop()
        sent = len(stage.packets)
        stage.playout.play(sound(20))
        stage.playout.stop()

        assert len(stage.packets) == sent

    staged(scene)
