"""Microphone and loudspeaker, on a sound library that the tests play."""

import asyncio
import sys
from collections.abc import Callable

import pytest
from sound_library import SoundLibrary

from antiphon.audio.pcm import BYTES_PER_MS
from antiphon.client import NoDevice
from antiphon.client.audio import Position
from antiphon.client.devices import INSTEAD, MAX_WAITING_CHUNKS, Loudspeaker, microphone

BLOCK = 20 * BYTES_PER_MS


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Callable[..., SoundLibrary]:
    """Puts a sound library with these rates in place."""

    def put(*rates: int) -> SoundLibrary:
        made = SoundLibrary(*rates)
        monkeypatch.setitem(sys.modules, "sounddevice", made)
        return made

    return put


def sound(ms: int) -> bytes:
    """Sound of that length, not silent."""
    return b"\1\0" * (ms * BYTES_PER_MS // 2)


async def recorded(*, chunks: list[bytes], library: SoundLibrary, count: int) -> list[bytes]:
    """What comes of the chunks that the microphone gave."""
    async with microphone(20) as heard:
        stream = library.streams[-1]
        for chunk in chunks:
            stream.settings["callback"](chunk, len(chunk) // 2, None, None)
        return [await anext(heard) for _ in range(count)]


def test_the_microphone_gives_chunks(library: Callable[..., SoundLibrary]) -> None:
    """At our rate they come as they are; the device is closed afterwards."""
    backend = library(24_000)

    assert asyncio.run(recorded(chunks=[sound(20), b"\2" * BLOCK], library=backend, count=2)) == [
        sound(20),
        b"\2" * BLOCK,
    ]
    (stream,) = backend.streams
    assert (stream.settings["samplerate"], stream.settings["blocksize"], stream.is_open) == (24_000, 480, False)


def test_a_microphone_of_another_rate(library: Callable[..., SoundLibrary]) -> None:
    """Its sound is brought to ours."""
    backend = library(48_000)
    chunks = asyncio.run(recorded(chunks=[bytes(2 * BLOCK)] * 5, library=backend, count=5))

    assert backend.streams[0].settings["samplerate"] == 48_000
    assert 4 * BLOCK <= len(b"".join(chunks)) <= 5 * BLOCK


def test_old_sound_is_lost_when_nobody_takes_it(library: Callable[..., SoundLibrary]) -> None:
    """Live sound that waits too long is of no use."""
    numbered = [bytes([number, 0]) for number in range(MAX_WAITING_CHUNKS + 10)]
    heard = asyncio.run(recorded(chunks=numbered, library=library(24_000), count=1))

    assert heard == [b"\x0a\0"]


def test_a_microphone_that_stops(library: Callable[..., SoundLibrary]) -> None:
    """It is told, since nothing more would come."""
    backend = library(24_000)

    async def listen() -> None:
        async with microphone(20) as heard:
            backend.streams[0].settings["finished_callback"]()
            async for _ in heard:
                pass

    with pytest.raises(NoDevice) as raised:
        asyncio.run(listen())

    assert (raised.value.message, raised.value.hint) == ("The microphone has stopped.", "was it unplugged?")


def test_a_microphone_closed_after_the_loop(library: Callable[..., SoundLibrary]) -> None:
    """PortAudio may call when all is over; nobody is hurt."""
    backend = library(24_000)
    asyncio.run(recorded(chunks=[], library=backend, count=0))

    backend.streams[0].settings["finished_callback"]()


def wanted(library: SoundLibrary, size: int) -> bytes:
    """What the loudspeaker gives when the device wants so many bytes."""
    out = bytearray(b"\7" * size)
    library.streams[-1].settings["callback"](out, size // 2, None, None)
    return bytes(out)


def test_the_loudspeaker_plays_and_counts(library: Callable[..., SoundLibrary]) -> None:
    """Sound in order, silence where there is none; what is still in the device was not heard."""
    backend = library(24_000)
    with Loudspeaker() as speaker:
        speaker.play("a", 0, sound(50))

        assert wanted(backend, BLOCK) == sound(20)
        assert (speaker.played_ms("a"), speaker.remaining_ms) == (10, 30)
        assert wanted(backend, 2 * BLOCK) == sound(30) + bytes(BLOCK // 2)
        speaker.finish("a")
        assert speaker.stop() is None
    assert not backend.streams[0].is_open


def test_the_loudspeaker_falls_silent(library: Callable[..., SoundLibrary]) -> None:
    """At once, and tells where; never less than nothing was heard."""
    backend = library(24_000)
    with Loudspeaker() as speaker:
        speaker.play("a", 0, sound(100))
        wanted(backend, 2 * BLOCK)

        assert speaker.stop() == Position("a", 0, 30)
        assert wanted(backend, BLOCK) == bytes(BLOCK)
        speaker.play("b", 0, sound(20))
        assert speaker.stop() == Position("b", 0, 0)


def test_a_loudspeaker_of_another_rate(library: Callable[..., SoundLibrary]) -> None:
    """Our sound is brought to its rate, whatever it asks for at once."""
    backend = library(48_000)
    with Loudspeaker() as speaker:
        speaker.play("a", 0, sound(200))
        played = b"".join(wanted(backend, 1000) for _ in range(10))

    assert backend.streams[0].settings["samplerate"] == 48_000
    assert len(played) == 10_000
    assert played[-2:] == b"\1\0"


def test_no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is named."""
    monkeypatch.setitem(sys.modules, "sounddevice", None)

    with pytest.raises(NoDevice) as raised:
        Loudspeaker()

    assert str(raised.value) == (
        "Microphone and loudspeaker need the extra `mic`.\n"
        "hint: pip install 'antiphon[mic]', or give a WAV file: antiphon talk question.wav"
    )


def test_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """PortAudio is missing: how to get it."""

    class Broken:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "sounddevice":
                raise OSError("PortAudio library not found")

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])

    with pytest.raises(NoDevice, match="Microphone and loudspeaker need the PortAudio library"):
        Loudspeaker()


def test_no_device(library: Callable[..., SoundLibrary]) -> None:
    """A machine without sound says so, for either."""
    library()

    with pytest.raises(NoDevice) as raised, Loudspeaker():
        pass
    assert raised.value.message == "There is no loudspeaker to use: Error querying output device -1"
    assert raised.value.hint == f"connect one, {INSTEAD}"

    with pytest.raises(NoDevice, match="There is no microphone to use: Error querying input device -1"):
        asyncio.run(recorded(chunks=[], library=library(), count=0))
