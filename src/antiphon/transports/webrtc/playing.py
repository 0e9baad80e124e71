"""The output audio buffer of a call, played in real time: a frame every 20 ms, by the clock, without drift."""

import asyncio
from collections.abc import Callable

from antiphon.audio.opus import FRAME_BYTES, FRAME_MS
from antiphon.link import PlayoutStopped, Sound, Unheard
from antiphon.transports.webrtc.coding import Mouth
from antiphon.transports.webrtc.queue import News, SoundQueue
from antiphon.transports.webrtc.rtp import RtpWriter

FRAME_S = FRAME_MS / 1000
TAIL_FRAMES = 5
"""Frames of silence after the last sound, so that the listener's decoder fades out instead of guessing on."""
MAX_CATCH_UP = 10
"""Frames that may be sent at once when the process was busy; the listener's buffer takes no more."""
SILENCE = bytes(FRAME_BYTES)


class CallPlayout:
    """An `antiphon.link.Playout`. Between answers nothing is sent at all (DTX), and no timer runs."""

    def __init__(
        self, mouth: Mouth, writer: RtpWriter, send: Callable[[bytes], None], tell: Callable[[News], None]
    ) -> None:
        """`send` is given RTP packets; `tell` learns when an answer begins and ends."""
        self.on_drain: Callable[[], None] = _nothing
        self._mouth = mouth
        self._writer = writer
        self._send = send
        self._tell = tell
        self._queue = SoundQueue()
        self._timer: asyncio.Handle | None = None
        self._next = asyncio.get_running_loop().time()
        self._tail = TAIL_FRAMES
        self._ended: tuple[PlayoutStopped, ...] = ()
        self._is_pausing = True

    @property
    def queued_ms(self) -> int:
        """How much is still to be played."""
        return self._queue.queued_ms

    def play(self, sound: Sound) -> None:
        """Add sound. Never waits."""
        self._queue.add(sound)
        self._wake()

    def finish(self, response_id: str) -> None:
        """No more sound of this response will come."""
        ended = self._queue.finish(response_id)
        if self._timer is None:
            self._say(ended)
            self._wake()
        else:
            self._ended += ended

    def clear(self) -> tuple[Unheard, ...]:
        """Be silent from the next frame on. Tells what was not played to its end."""
        self._ended = ()
        return self._queue.clear()

    def stop(self) -> None:
        """Play nothing any more."""
        self._queue.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._send = _drop

    def _wake(self) -> None:
        """Start the clock, if it stands and there is something to play."""
        if self._timer is not None or self._queue.is_empty:
            return
        now = asyncio.get_running_loop().time()
        if now > self._next:
            self._writer.advance(now - self._next)
            self._next = now
        self._timer = asyncio.get_running_loop().call_soon(self._beat)

    def _beat(self) -> None:
        """Play what is due, and set the clock for the next frame."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for _ in range(MAX_CATCH_UP):
            if self._next > now:
                break
            if not self._step():
                self._timer = None
                return
        self._next = max(self._next, now - FRAME_S)
        self._timer = loop.call_at(self._next, self._beat)

    def _step(self) -> bool:
        """One frame's time; False when there is nothing left to do."""
        ended, self._ended = self._ended, ()
        self._say(ended)
        frame = self._queue.next()
        if frame is None and self._tail >= TAIL_FRAMES:
            self._is_pausing = True
            return False
        if frame is None:
            self._tail += 1
            self._transmit(SILENCE)
            return True
        self._tail = 0
        self._transmit(frame.pcm)
        self._say(frame.begun)
        self._ended = frame.ended
        self.on_drain()
        return True

    def _transmit(self, pcm: bytes) -> None:
        packet = self._writer.write(self._mouth.encode(pcm), starts=self._is_pausing)
        self._is_pausing = False
        self._writer.advance(FRAME_S)
        self._next += FRAME_S
        self._send(packet)

    def _say(self, news: "tuple[News, ...]") -> None:
        for piece in news:
            self._tell(piece)


def _nothing() -> None:
    """Nobody wants to know."""


def _drop(_: bytes) -> None:
    """The call is over."""
