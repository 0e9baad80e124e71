"""Microphone and loudspeaker of this machine, by PortAudio (extra `mic`).

Devices run at their own rate where they cannot do ours; inside there is only `pcm`. Everything that can be
missing here - the package, the library, the device - is a `NoDevice` that says what to do.
"""

import asyncio
import importlib
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final, Literal, Self

from antiphon.audio.pcm import BYTES_PER_MS, RATE_HZ
from antiphon.audio.resample import Resampler
from antiphon.client.audio import Playback, Position
from antiphon.client.errors import NoDevice

MAX_WAITING_CHUNKS: Final = 100
"""Chunks of the microphone that may wait for us; then the oldest are lost, as live sound is."""

BLOCK_MS: Final = 20
"""How much the loudspeaker asks for at once; the position is as exact as this."""

INSTEAD: Final = "or give a WAV file: antiphon talk question.wav"


@asynccontextmanager
async def microphone(chunk_ms: int) -> AsyncIterator[AsyncIterator[bytes]]:
    """Chunks of what the microphone hears, as they come. Raise NoDevice."""
    backend = _backend()
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[bytes | None] = asyncio.Queue(MAX_WAITING_CHUNKS)

    def take(chunk: bytes | None) -> None:
        if waiting.full():
            waiting.get_nowait()
        waiting.put_nowait(chunk)

    def on_sound(sound: Any, *_: object) -> None:
        loop.call_soon_threadsafe(take, bytes(sound))

    def on_end() -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(take, None)

    with _opening("microphone", backend):
        rate_hz = _rate(backend, "input")
        stream = backend.RawInputStream(
            samplerate=rate_hz,
            channels=1,
            dtype="int16",
            blocksize=rate_hz * chunk_ms // 1000,
            callback=on_sound,
            finished_callback=on_end,
        )
        stream.start()
    try:
        yield _brought_to_pcm(waiting, rate_hz)
    finally:
        stream.close()


async def _brought_to_pcm(waiting: asyncio.Queue[bytes | None], rate_hz: int) -> AsyncIterator[bytes]:
    resampler = Resampler(rate_hz, RATE_HZ)
    while (chunk := await waiting.get()) is not None:
        yield resampler.feed_pcm(chunk)
    raise NoDevice("The microphone has stopped.", "was it unplugged?")


class Loudspeaker:
    """A `Speaker` that is heard. Use it as a context manager. Raise NoDevice on entering.

    PortAudio asks for sound in a thread of its own; a lock guards the queue.
    """

    def __init__(self) -> None:
        self._backend = _backend()
        self._playback = Playback()
        self._lock = threading.Lock()
        self._ready = bytearray()
        """At the device's rate."""

    def __enter__(self) -> Self:
        with _opening("loudspeaker", self._backend):
            rate_hz = _rate(self._backend, "output")
            self._resampler = Resampler(RATE_HZ, rate_hz)
            self._stream = self._backend.RawOutputStream(
                samplerate=rate_hz,
                channels=1,
                dtype="int16",
                blocksize=rate_hz * BLOCK_MS // 1000,
                callback=self._on_want,
            )
            self._stream.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def play(self, item_id: str, content_index: int, pcm: bytes) -> None:
        """Add sound to what is to be played."""
        with self._lock:
            self._playback.add(item_id, content_index, pcm)

    def finish(self, item_id: str) -> None:
        """No more sound of this item will come."""
        with self._lock:
            self._playback.finish(item_id)

    def stop(self) -> Position | None:
        """Be silent now. Tells where, less what is still on its way through the device."""
        with self._lock:
            where = self._playback.cut()
            self._ready.clear()
        return Position(where.item_id, where.content_index, self._out(where.played_ms)) if where else None

    def played_ms(self, item_id: str) -> int:
        """How much of an item was heard."""
        with self._lock:
            return self._out(self._playback.played_ms(item_id))

    @property
    def remaining_ms(self) -> int:
        """How much is still to be played."""
        with self._lock:
            return self._playback.remaining_ms

    def _out(self, taken_ms: int) -> int:
        """What has left the device, of what it has taken."""
        return max(0, taken_ms - int(self._stream.latency * 1000))

    def _on_want(self, out: Any, *_: object) -> None:
        """Fill the device's buffer; silence where there is nothing to say."""
        with self._lock:
            while len(self._ready) < len(out) and (pcm := self._playback.take(BLOCK_MS * BYTES_PER_MS)):
                self._ready += self._resampler.feed_pcm(pcm)
            out[:] = bytes(self._ready[: len(out)]).ljust(len(out), b"\0")
            del self._ready[: len(out)]


def _backend() -> Any:
    """The module `sounddevice`, which loads PortAudio when it is imported."""
    try:
        return importlib.import_module("sounddevice")
    except ImportError:
        message = "Microphone and loudspeaker need the extra `mic`."
        raise NoDevice(message, f"pip install 'antiphon[mic]', {INSTEAD}") from None
    except OSError:
        message = "Microphone and loudspeaker need the PortAudio library."
        raise NoDevice(message, f"apt install libportaudio2 (brew install portaudio), {INSTEAD}") from None


@contextmanager
def _opening(what: str, backend: Any) -> Iterator[None]:
    try:
        yield
    except backend.PortAudioError as error:
        raise NoDevice(f"There is no {what} to use: {_first(error)}", f"connect one, {INSTEAD}") from None


def _first(error: Exception) -> str:
    """What PortAudio says, without its number."""
    return str(error.args[0] if error.args else type(error).__name__).split(" [PaErrorCode")[0]


def _rate(backend: Any, kind: Literal["input", "output"]) -> int:
    """Our rate, or the device's own where it cannot do ours."""
    check = backend.check_input_settings if kind == "input" else backend.check_output_settings
    try:
        check(channels=1, dtype="int16", samplerate=RATE_HZ)
    except backend.PortAudioError:
        return int(backend.query_devices(kind=kind)["default_samplerate"])
    return RATE_HZ
