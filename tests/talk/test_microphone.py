"""A run with microphone and loudspeaker, on a sound library that the tests play."""

import asyncio
import io
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from scripted_server import Scene, scripted
from server_traces import answer_begun, answer_ended, spoken_turn, transcribed
from sound_library import SoundLibrary
from websockets.asyncio.server import ServerConnection

from antiphon.audio.pcm import BYTES_PER_MS
from antiphon.talk import TalkOptions, talk

BLOCK = 20 * BYTES_PER_MS
VOICE = b"\1\2" * (BLOCK // 2)


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SoundLibrary:
    """Devices at our rate."""
    made = SoundLibrary(24_000)
    monkeypatch.setitem(sys.modules, "sounddevice", made)
    monkeypatch.chdir(tmp_path)
    return made


class Room(Scene):
    """A server whose every answer lets 20 ms pass in the room: the microphone hears, the loudspeaker plays."""

    def __init__(self, library: SoundLibrary, lines: dict[int, list[dict[str, Any]]], *, until_ms: int) -> None:
        super().__init__(lines)
        self._library, self._until_ms = library, until_ms
        self.played = b""
        self.sent: list[bytes] = []

    async def play(self, socket: ServerConnection) -> None:
        """Serve, and be the room."""
        room = asyncio.create_task(self._room())
        await super().play(socket)
        room.cancel()

    async def _room(self) -> None:
        while self.heard_ms < self._until_ms:
            await asyncio.sleep(0.005)
            speaker, *microphones = self._library.streams
            out = bytearray(BLOCK)
            speaker.settings["callback"](out, BLOCK // 2, None, None)
            self.played += bytes(out)
            for microphone in microphones:
                microphone.settings["callback"](VOICE, BLOCK // 2, None, None)
        os.kill(os.getpid(), signal.SIGINT)

    def hear(self, pcm: bytes) -> None:
        """Keep what came."""
        self.sent.append(pcm)


def talked(room: Room, **options: Any) -> tuple[int, str]:
    """The exit code of a run, and what it printed."""
    shown = io.StringIO()

    async def both() -> int:
        async with scripted(room.play) as url:
            return await talk(TalkOptions(url=url, **options), Console(file=shown, width=100))

    return asyncio.run(both(), debug=True), shown.getvalue()


def lines() -> dict[int, list[dict[str, Any]]]:
    """The server hears 100 ms and answers with 400 ms."""
    started, *stopped = spoken_turn(start_ms=0)
    return {100: [started], 200: [*stopped, *transcribed(), *answer_begun(), *answer_ended()]}


def test_a_conversation_by_voice(library: SoundLibrary) -> None:
    """The answer is heard, the turn is shown when it has been, nothing is saved, and Ctrl-C is the good end."""
    room = Room(library, lines(), until_ms=1_000)
    code, text = talked(room)

    assert code == 0
    assert text.startswith("Speak; Ctrl-C ends. Without headphones, give --half-duplex.\n")
    assert "you    Hello there." in text
    assert "answer Good morning." in text
    assert len(room.played.replace(b"\0", b"")) == 400 * 24
    assert [stream.is_open for stream in library.streams] == [False, False]
    assert list(Path().iterdir()) == []


def test_cutting_in_by_voice(library: SoundLibrary) -> None:
    """The loudspeaker falls silent at once, and the server is told what was heard."""
    script = lines()
    script[400] = spoken_turn("item_3", "item_2", start_ms=400)[:1]
    room = Room(library, script, until_ms=700)
    code, text = talked(room, json=True)

    (cut,) = [event for event in room.received if event["type"] == "conversation.item.truncate"]
    first, second = [json.loads(line) for line in text.splitlines()]
    assert (code, first["heard_ms"], first["audio_ms"]) == (0, cut["audio_end_ms"], 400)
    assert 0 < cut["audio_end_ms"] < 400
    assert (second["you"], second["status"]) == (None, "unanswered")


def test_half_duplex(library: SoundLibrary) -> None:
    """While the answer plays the server hears silence, not the answer; before and after it hears the caller."""
    room = Room(library, lines(), until_ms=1_200)
    talked(room, half_duplex=True)

    silent = [not any(pcm) for pcm in room.sent]
    assert not any(silent[:10])
    assert 5 <= sum(silent) <= 25
    assert not silent[-1]
    assert silent[silent.index(True) :].index(False) == sum(silent)
