"""Records one session, from the event loop, without ever holding it up."""

import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from antiphon.protocol.wire import Json
from antiphon.recording.rows import SUFFIX, VERSION, About, Head, Way, audio_path
from antiphon.recording.sifting import without_keys
from antiphon.recording.writer import Entry, RecordingFile, Writer

FOLDER_MODE: Final = 0o700
FILE_MODE: Final = 0o600
"""Nobody but the operator reads what callers said."""

MAX_NAME_CHARS: Final = 100
MAX_NAMESAKES: Final = 1000
"""Recordings of the same name in one folder, told apart by a number."""

GAP: Final = "gap"
"""The kind of the note that says how many lines are missing: the disk was too slow."""

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_-]+")


class Recorder:
    """One session on its way to disk. Use it from one thread; nothing that it does waits or raises.

    When more waits for the disk than may, lines are left out and a note tells how many. When the disk fails, the
    recording ends there.
    """

    def __init__(self, file: RecordingFile, path: Path, writer: Writer, clock: Callable[[], float]) -> None:
        """For `open`."""
        self.path = path
        self._file = file
        self._writer = writer
        self._owns_writer = False
        self._clock = clock
        self._began = clock()
        self._missing = 0
        self._is_open = True

    @classmethod
    def open(
        cls,
        folder: Path,
        name: str,
        about: About,
        *,
        writer: Writer | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> "Recorder":
        """Begin `FOLDER/NAME.jsonl`, without overwriting anything. Raise OSError when that cannot be.

        This alone touches the disk at once: a server does it in a thread. Without a `writer`, which many recorders
        may share, it has a thread of its own until it is closed. `clock` gives seconds that never go back.
        """
        folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        path, lines, audio = _created(folder, safe_name(name))
        head = msgspec.json.encode(Head(VERSION, about)).decode()
        try:
            os.write(lines, f"{without_keys(head)}\n".encode())
        except OSError:
            os.close(lines)
            os.close(audio)
            raise
        recorder = cls(RecordingFile(path, lines, audio), path, writer or Writer(), clock)
        recorder._owns_writer = writer is None
        return recorder

    def heard(self, frame: bytes | str, link: str = "link_1") -> None:
        """A frame from a client, as it came."""
        self._put("client", link, frame)

    def told(self, frame: bytes | str, link: str = "link_1") -> None:
        """A frame to a client, as it goes."""
        self._put("server", link, frame)

    def note(self, kind: str, value: Json) -> None:
        """Anything else: what msgspec can encode. Bytes under the key `pcm` or `audio` are kept as audio."""
        try:
            data = msgspec.json.encode(value)
        except (TypeError, ValueError, RecursionError):
            self._missing += 1
        else:
            self._put("note", "", data, kind)

    def close(self) -> None:
        """End the recording; what was told to it is still written. Safe to call twice."""
        if self._is_open:
            self._tell_gap()
            self._is_open = False
            self._writer.close(self._file)
            if self._owns_writer:
                self._writer.stop()

    def wait(self, limit_s: float = 5.0) -> bool:
        """Block until all is on disk, for a recorder with a thread of its own that was closed. Not on a loop."""
        return self._writer.wait(limit_s)

    def _put(self, way: Way, link: str, data: bytes | str, note: str = "") -> None:
        if self._is_open and not (
            self._tell_gap() and self._writer.put(self._file, self._entry(way, link, data, note))
        ):
            self._missing += 1

    def _tell_gap(self) -> bool:
        """Note what is missing, if anything; False while there is no room for that either."""
        if self._missing:
            gap = self._entry("note", "", msgspec.json.encode({"lines": self._missing}), GAP)
            if not self._writer.put(self._file, gap):
                return False
            self._missing = 0
        return True

    def _entry(self, way: Way, link: str, data: bytes | str, note: str) -> Entry:
        return Entry(round(self._clock() - self._began, 6), way, link, data, note)


def safe_name(name: str) -> str:
    """A file name that stays in its folder: letters, digits, `_` and `-`."""
    return _UNSAFE.sub("_", name)[:MAX_NAME_CHARS] or "_"


def _created(folder: Path, name: str) -> tuple[Path, int, int]:
    """Two new files, open for writing: the lines and the audio."""
    for number in range(1, MAX_NAMESAKES):
        path = folder / f"{name if number == 1 else f'{name}-{number}'}{SUFFIX}"
        try:
            lines = _create(path)
        except FileExistsError:
            continue
        try:
            return path, lines, _create(audio_path(path))
        except OSError as error:
            os.close(lines)
            path.unlink()
            if not isinstance(error, FileExistsError):
                raise
    raise FileExistsError(f"There are {MAX_NAMESAKES} recordings called {name} in {folder}.")


def _create(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
