"""The output audio buffer of a call: sound of answers in, frames of 20 ms out, and what was played of what.

Pure: it knows no clock. Who takes a frame plays it.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import TypeAlias

from antiphon.audio.opus import FRAME_BYTES
from antiphon.audio.pcm import BYTES_PER_MS
from antiphon.link import PlayoutStarted, PlayoutStopped, Sound, Unheard

Part: TypeAlias = tuple[str, str, int]
"""Response, item, content index."""
News: TypeAlias = PlayoutStarted | PlayoutStopped


@dataclass(slots=True)
class Frame:
    """20 ms to be played, and what is to be told when it is, and when it has been."""

    pcm: bytes
    begun: tuple[PlayoutStarted, ...] = ()
    ended: tuple[PlayoutStopped, ...] = ()


@dataclass(slots=True)
class _Answer:
    """How far one response is."""

    is_finished: bool = False
    is_started: bool = False
    waiting: int = 0
    """Bytes that are still to be played."""
    played: dict[Part, int] = field(default_factory=dict)
    """Bytes that were, by part, in the order of playing."""


class SoundQueue:
    """Answers, one after the other."""

    def __init__(self) -> None:
        self._sounds: deque[Sound] = deque()
        self._offset = 0
        self._answers: dict[str, _Answer] = {}
        self._waiting = 0

    @property
    def queued_ms(self) -> int:
        """How much is still to be played."""
        return self._waiting // BYTES_PER_MS

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be played."""
        return not self._sounds

    def add(self, sound: Sound) -> None:
        """Sound to be played after all others."""
        if not sound.pcm:
            return
        answer = self._answers.setdefault(sound.response_id, _Answer())
        answer.played.setdefault(_part(sound), 0)
        answer.waiting += len(sound.pcm)
        self._waiting += len(sound.pcm)
        self._sounds.append(sound)

    def finish(self, response_id: str) -> tuple[PlayoutStopped, ...]:
        """No more of it will come. Tells its end if all of it has been played already."""
        answer = self._answers.get(response_id)
        if answer is None:
            return ()
        answer.is_finished = True
        return self._ended(response_id) if not answer.waiting else ()

    def next(self) -> Frame | None:
        """The next frame; None while there is too little sound for one and more will come."""
        if not self._sounds or not self._is_due():
            return None
        response_id = self._sounds[0].response_id
        answer = self._answers[response_id]
        begun = () if answer.is_started else (PlayoutStarted(response_id),)
        answer.is_started = True
        pcm = self._cut(response_id, answer)
        ended = self._ended(response_id) if answer.is_finished and not answer.waiting else ()
        return Frame(pcm.ljust(FRAME_BYTES, b"\0"), begun, ended)

    def clear(self) -> tuple[Unheard, ...]:
        """Forget all sound. Tells what was not played to its end."""
        unheard = tuple(
            Unheard(*part, played // BYTES_PER_MS)
            for response_id, answer in self._answers.items()
            for part, played in self._open_parts(response_id, answer)
        )
        self._sounds.clear()
        self._answers.clear()
        self._offset = self._waiting = 0
        return unheard

    def _open_parts(self, response_id: str, answer: _Answer) -> list[tuple[Part, int]]:
        waiting = {_part(sound) for sound in self._sounds if sound.response_id == response_id}
        parts = list(answer.played.items())
        return [
            (part, played)
            for at, (part, played) in enumerate(parts)
            if part in waiting or (at == len(parts) - 1 and not answer.is_finished)
        ]

    def _is_due(self) -> bool:
        """Whether the first answer has a whole frame, or nothing to wait for."""
        first = self._sounds[0].response_id
        answer = self._answers[first]
        return (
            answer.waiting >= FRAME_BYTES or answer.is_finished or any(one.response_id != first for one in self._sounds)
        )

    def _cut(self, response_id: str, answer: _Answer) -> bytes:
        """Up to a frame's worth of one answer."""
        out = b""
        while len(out) < FRAME_BYTES and self._sounds and self._sounds[0].response_id == response_id:
            sound = self._sounds[0]
            piece = sound.pcm[self._offset : self._offset + FRAME_BYTES - len(out)]
            out += piece
            self._offset += len(piece)
            answer.played[_part(sound)] += len(piece)
            if self._offset >= len(sound.pcm):
                self._sounds.popleft()
                self._offset = 0
        answer.waiting -= len(out)
        self._waiting -= len(out)
        return out

    def _ended(self, response_id: str) -> tuple[PlayoutStopped, ...]:
        answer = self._answers.pop(response_id)
        return (PlayoutStopped(response_id),) if answer.is_started else ()


def _part(sound: Sound) -> Part:
    return sound.response_id, sound.item_id, sound.content_index
