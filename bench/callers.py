"""Callers: sessions that send real speech in real time, and note when what came back.

The true end of speech is that of the clip's label on the caller's own clock: a chunk that covers the time from `t` to
`t + 20 ms` of the recording is sent at `t + 20 ms`, and the clip is cut at its label and followed by digital silence.
Works with any Realtime server of the GA or beta event names.
"""

import asyncio
import base64
import itertools
import json
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pybase64
from stubs import PIECE_BYTES, STAMP
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from antiphon.audio import wav
from antiphon.audio.pcm import BYTES_PER_MS

AUDIO_DELTAS = ("response.output_audio.delta", "response.audio.delta")
ORDER = ("input_audio_buffer.speech_stopped", "input_audio_buffer.committed", "response.created", "response.done")
"""Each turn brings these, in this order."""
PATIENCE_S = 15.0
"""A turn that is not answered by then is missing."""


class Head(msgspec.Struct):
    """What is read of a server event."""

    type: str
    response_id: str | None = None
    delta: Any = None
    response: Any = None
    error: Any = None


_HEADS = msgspec.json.Decoder(Head)


@dataclass(frozen=True)
class Clip:
    """A recording as the frames that are sent, and where its speech ends."""

    frames: tuple[str, ...]
    speech_s: float


@dataclass(frozen=True)
class Voice:
    """What callers say, in chunks of one length."""

    clips: tuple[Clip, ...]
    silence: str
    chunk_s: float
    chance: random.Random
    """What is said when: the same for all servers."""


def voice(folder: Path, chunk_ms: int, names: Sequence[str], seed: int, *, joined: bool = False) -> Voice:
    """The clips of a folder, or those named, as its `transcripts.json` labels them; `joined`: all in one breath."""
    labels = json.loads((folder / "transcripts.json").read_text())
    spoken = [
        wav.read(folder / name)[: labels[name]["speech_end_ms"] * BYTES_PER_MS] for name in names or sorted(labels)
    ]
    size = chunk_ms * BYTES_PER_MS
    clips = tuple(_clip(pcm, size) for pcm in ([b"".join(spoken)] if joined else spoken))
    chance = random.Random(seed)  # noqa: S311 -- no secrets
    return Voice(clips, _append(bytes(size)), chunk_ms / 1000, chance)


def _clip(pcm: bytes, size: int) -> Clip:
    whole = pcm + bytes(-len(pcm) % size)
    return Clip(
        tuple(_append(whole[at : at + size]) for at in range(0, len(whole), size)), len(pcm) / BYTES_PER_MS / 1000
    )


def _append(pcm: bytes) -> str:
    return json.dumps({"type": "input_audio_buffer.append", "audio": base64.b64encode(pcm).decode()})


def session_update(silence_ms: int, *, answers: bool, transcribes: bool) -> str:
    """The configuration of a caller's session."""
    detection = {"type": "server_vad", "silence_duration_ms": silence_ms, "create_response": answers}
    heard: dict[str, Any] = {"format": {"type": "audio/pcm", "rate": 24000}, "turn_detection": detection}
    if transcribes:
        heard["transcription"] = {"model": "whisper-1"}
    session = {"type": "realtime", "output_modalities": ["audio"], "audio": {"input": heard}}
    return json.dumps({"type": "session.update", "session": session})


class Stamped:
    """An answer's audio in the pieces in which the stub engine sent it, each stamped with the time of that."""

    def __init__(self) -> None:
        self.shares_s: list[float] = []
        """From the last byte that a piece waited for to the caller's receipt of it.

        A piece waits for all before it: a clause that was spoken early is held until the one before it is whole.
        """
        self.unmatched = 0
        self._latest = 0.0
        self._sound = bytearray()

    def take(self, pcm: bytes, now: float) -> None:
        """Audio that has come."""
        self._sound += pcm
        while len(self._sound) >= PIECE_BYTES:
            piece = self._sound[:PIECE_BYTES]
            del self._sound[:PIECE_BYTES]
            if piece.startswith(STAMP):
                at_ns = int.from_bytes(piece[len(STAMP) : len(STAMP) + 8], "little")
                self._latest = max(self._latest, at_ns / 1e9)
                self.shares_s.append(now - self._latest)
            else:
                self.unmatched += 1


@dataclass
class Turn:
    """One turn, in seconds of the caller's clock; None: never came."""

    speech_end: float | None = None
    stopped: float | None = None
    transcript: float | None = None
    created: float | None = None
    first_audio: float | None = None
    done: float | None = None
    status: str = ""
    response_id: str | None = None
    play_end: float = 0.0
    underruns: int = 0
    gap_s: float = 0.0
    early_stops: int = 0
    """Turns that the server ended before the caller had."""
    stamped: Stamped | None = None
    """Reads the stamps of the engine's audio, where it has them."""
    is_over: asyncio.Event = field(default_factory=asyncio.Event)
    types: list[str] = field(default_factory=list)

    def is_in_order(self) -> bool:
        """Whether what must come has come, once and in order, after the caller's true end."""
        seen = [each for each in self.types if each in ORDER]
        return seen == list(ORDER)

    def report(self) -> dict[str, Any]:
        """Milliseconds after the true end of speech."""
        end = self.speech_end or 0.0
        names = ("stopped", "transcript", "created", "first_audio", "done")
        times = {name: getattr(self, name) for name in names}
        shown: dict[str, Any] = {f"{name}_ms": None if at is None else 1000 * (at - end) for name, at in times.items()}
        return {
            **shown,
            "status": self.status,
            "underruns": self.underruns,
            "gap_ms": 1000 * self.gap_s,
            "early_stops": self.early_stops,
            "is_in_order": self.is_in_order(),
            "speech_end_s": end,
        }


@dataclass
class Notes:
    """What all callers of a run have seen."""

    turns: list[Turn] = field(default_factory=list)
    missing: int = 0
    errors: list[str] = field(default_factory=list)
    pings_s: list[float] = field(default_factory=list)
    connects_s: list[float] = field(default_factory=list)
    lags_s: list[float] = field(default_factory=list)
    """How late the caller itself was with a chunk: the generator's own fault."""
    started: int = 0
    stopped: int = 0
    spoken: int = 0
    """Clips said, by callers who only talk."""
    closed: int = 0
    """Connections that the server ended."""
    reads_stamps: bool = False


class Caller:
    """One session."""

    def __init__(self, socket: ClientConnection, voice: Voice, notes: Notes) -> None:
        self._socket = socket
        self._voice = voice
        self._notes = notes
        self._clock = asyncio.get_running_loop().time
        self._due = self._clock()
        self._turn = Turn()
        self._pinged: float | None = None

    # Speaking

    async def converse(self, until: float, think_s: float) -> None:
        """Say a clip, hear the answer out, think; again until it is time."""
        order = self._voice.chance.sample(range(len(self._voice.clips)), len(self._voice.clips))
        for number in itertools.cycle(order):
            if self._clock() >= until:
                return
            await self.say(self._voice.clips[number])
            if not await self._hear_out():
                self._notes.missing += 1
            self._notes.turns.append(self._turn)
            await self._be_silent(think_s)

    async def say(self, clip: Clip) -> None:
        """Say a clip; its turn begins."""
        self._turn = Turn(stamped=Stamped() if self._notes.reads_stamps else None)
        begun = self._due
        for frame in clip.frames:
            await self._send(frame)
        self._turn.speech_end = begun + clip.speech_s

    async def _hear_out(self) -> bool:
        """Be silent until the answer has been played, or for so long; False when none has come whole."""
        turn, limit = self._turn, self._clock() + PATIENCE_S
        while not turn.is_over.is_set() or self._clock() < turn.play_end:
            if self._clock() > limit:
                break
            await self._send(self._voice.silence)
        return turn.is_over.is_set()

    async def talk_on(self, until: float, share: float, ping_s: float) -> None:
        """Talk for a share of the time, answered by nobody; ping now and then with a `session.update`."""
        ping = session_update(500, answers=False, transcribes=False)
        next_ping = self._clock() + self._voice.chance.uniform(0, ping_s)
        while self._clock() < until:
            clip = self._voice.chance.choice(self._voice.clips)
            quiet = round(clip.speech_s * (1 / share - 1) / self._voice.chunk_s)
            self._notes.spoken += 1
            for frame in itertools.chain(clip.frames, itertools.repeat(self._voice.silence, quiet)):
                if self._clock() >= until:
                    return
                await self._send(frame)
                if self._clock() >= next_ping:
                    next_ping += ping_s
                    self._pinged = self._clock()
                    await self._socket.send(ping)

    def restart(self) -> None:
        """Begin to count time from now."""
        self._due = self._clock()

    async def _be_silent(self, seconds: float) -> None:
        for _ in range(round(seconds / self._voice.chunk_s)):
            await self._send(self._voice.silence)

    async def _send(self, frame: str) -> None:
        self._due += self._voice.chunk_s
        wait = self._due - self._clock()
        if wait > 0:
            await asyncio.sleep(wait)
        self._notes.lags_s.append(self._clock() - self._due)
        await self._socket.send(frame)

    # Hearing

    async def listen(self) -> None:
        """Take note of what comes, until the connection ends."""
        async for frame in self._socket:
            self._note(_HEADS.decode(frame), self._clock())

    def _note(self, event: Head, now: float) -> None:
        turn = self._turn
        has_ended = turn.speech_end is not None and now >= turn.speech_end
        if has_ended:
            turn.types.append(event.type)
        match event.type:
            case "input_audio_buffer.speech_started":
                self._notes.started += 1
            case "input_audio_buffer.speech_stopped":
                self._notes.stopped += 1
                turn.early_stops += not has_ended
                turn.stopped = now if has_ended else None
            case "conversation.item.input_audio_transcription.completed" if turn.stopped:
                turn.transcript = turn.transcript or now
            case "response.created" if turn.stopped and not turn.response_id:
                turn.response_id, turn.created = event.response["id"], now
            case kind if kind in AUDIO_DELTAS and event.response_id == turn.response_id:
                _play(turn, event.delta, now)
            case "response.done" if turn.response_id and event.response["id"] == turn.response_id:
                turn.done, turn.status = now, event.response["status"]
                turn.is_over.set()
            case "session.updated" if self._pinged is not None:
                self._notes.pings_s.append(now - self._pinged)
                self._pinged = None
            case "error":
                self._notes.errors.append(str(event.error))


def _play(turn: Turn, delta: str, now: float) -> None:
    seconds = len(delta) * 3 // 4 / BYTES_PER_MS / 1000
    if turn.first_audio is None:
        turn.first_audio = turn.play_end = now
    elif now > turn.play_end:
        turn.underruns += 1
        turn.gap_s += now - turn.play_end
    turn.play_end = max(turn.play_end, now) + seconds
    if turn.stamped is not None:
        turn.stamped.take(pybase64.b64decode(delta), now)


@asynccontextmanager
async def calling(url: str, update: str, voice: Voice, notes: Notes) -> AsyncIterator[Caller]:
    """A configured session; its events are noted until the block ends."""
    begun = asyncio.get_running_loop().time()
    async with connect(url, max_size=None, compression=None, ping_interval=None, open_timeout=30) as socket:
        await socket.recv()
        notes.connects_s.append(asyncio.get_running_loop().time() - begun)
        await socket.send(update)
        while _HEADS.decode(await socket.recv()).type != "session.updated":
            pass
        caller = Caller(socket, voice, notes)
        async with asyncio.TaskGroup() as tasks:
            listening = tasks.create_task(caller.listen())
            try:
                yield caller
            except ConnectionClosed:
                notes.closed += 1
            finally:
                listening.cancel()
