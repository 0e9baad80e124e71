"""Reads a recording back."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import pybase64

from antiphon.protocol.wire import Json
from antiphon.recording.recorder import GAP
from antiphon.recording.rows import VERSION, About, Head, Line, Place, Row, Sound, audio_path


class BadRecording(Exception):
    """The file is no recording, or it is damaged. `line` counts from 1; 0 means the file as a whole."""

    def __init__(self, path: Path, line: int, why: str) -> None:
        super().__init__(f"{path}, line {line}: {why}" if line else f"{path}: {why}")
        self.path = path
        self.line = line


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording on disk. Its audio stays there until a line is asked for."""

    path: Path
    about: About
    rows: tuple[Row, ...]
    is_cut: bool = False
    """Whether the last line was left out, because it was not written to its end."""
    lacks_audio: bool = False
    """Whether audio is missing: those events have none."""

    @property
    def gaps(self) -> int:
        """How many lines are missing in between."""
        notes = (row.event for row in self.rows if row.way == "note" and row.event)
        return sum(_lines_of(note.get("value")) for note in notes if note.get("type") == GAP)

    @property
    def lines(self) -> Iterator[Line]:
        """All lines after the first, in order, with their audio as base64. Raise BadRecording for a wrong place."""
        path = audio_path(self.path)
        try:
            with path.open("rb") as audio:
                yield from self._lines(audio, _size(path))
        except FileNotFoundError:
            yield from self._lines(None, 0)

    def _lines(self, audio: BinaryIO | None, end: int) -> Iterator[Line]:
        for number, row in enumerate(self.rows, 2):
            event = row.event or {}
            for sound in row.sounds:
                try:
                    event = _with(event, sound.place, _read(audio, sound, end))
                except (LookupError, TypeError):
                    raise BadRecording(self.path, number, "its audio has no place in the event.") from None
            yield Line(number, row.at, row.way, row.link, event, row.raw)


def load(path: Path) -> Recording:
    """Read a recording. Raise BadRecording for a file that is none, or OSError."""
    try:
        data = path.read_bytes()
    except (IsADirectoryError, FileNotFoundError) as error:
        raise BadRecording(path, 0, "there is no such file." if not path.is_dir() else "it is a folder.") from error
    first, *rest = data.split(b"\n")
    head = _head(path, first)
    last = rest.pop() if rest else b""
    rows = [_row(path, number, line) for number, line in enumerate(rest, 2)]
    audio_bytes = _size(audio_path(path))
    ends = (sound.offset + sound.size for row in rows for sound in row.sounds)
    return Recording(path, head.about, tuple(rows), is_cut=bool(last), lacks_audio=max(ends, default=0) > audio_bytes)


def _head(path: Path, line: bytes) -> Head:
    try:
        head = msgspec.json.decode(line, type=Head)
    except (ValueError, RecursionError):
        raise BadRecording(path, 1, "this is no recording of Antiphon.") from None
    if head.recording != VERSION:
        raise BadRecording(path, 1, f"it has version {head.recording}; only {VERSION} can be read.")
    return head


def _row(path: Path, number: int, line: bytes) -> Row:
    try:
        row = msgspec.json.decode(line, type=Row)
    except (ValueError, RecursionError) as error:
        raise BadRecording(path, number, f"it cannot be read: {error}") from None
    if row.event is None and row.raw is None:
        raise BadRecording(path, number, "it holds no event.")
    if any(sound.offset < 0 or sound.size < 0 for sound in row.sounds):
        raise BadRecording(path, number, "its audio lies nowhere.")
    return row


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _read(audio: BinaryIO | None, sound: Sound, end: int) -> str:
    """The audio in base64; empty where it is missing."""
    if audio is None or sound.offset + sound.size > end:
        return ""
    audio.seek(sound.offset)
    return pybase64.b64encode_as_string(audio.read(sound.size))


def _with(value: Any, place: Place, text: str) -> Any:
    """A copy of a JSON value with a text at a place. Raise LookupError or TypeError where there is no such place."""
    key, rest = place[0], place[1:]
    changed: Any = dict(value) if isinstance(value, dict) else list(value)
    inner = changed[key]
    changed[key] = _with(inner, rest, text) if rest else text
    return changed


def _lines_of(gap: Json) -> int:
    lines = gap.get("lines") if isinstance(gap, dict) else None
    return lines if isinstance(lines, int) else 0
