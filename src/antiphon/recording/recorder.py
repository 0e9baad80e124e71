"""Records one session, from the event loop, without ever holding it up."""

import os
import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from antiphon.protocol.wire import Json
from antiphon.recording.rows import SUFFIX, VERSION, About, Head, Way, audio_path
from antiphon.recording.sifting import without_keys
from antiphon.recording.writer import Entry, Files, RecordingFile, Writer

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

    def __init__(self, file: RecordingFile, writer: Writer, clock: Callable[[], float] = time.monotonic) -> None:
        """For `open` and `Recordings`. `clock` gives seconds that never go back."""
        self._file = file
        self._writer = writer
        self._clock = clock
        self._began = clock()
        self._missing = 0
        self._is_open = True

    @classmethod
    def open(
        cls, folder: Path, name: str, about: About, *, clock: Callable[[], float] = time.monotonic
    ) -> "OwnRecorder":
        """Begin `FOLDER/NAME.jsonl`, without overwriting anything. Raise OSError when that cannot be.

        This alone touches the disk at once. The recorder has a thread of its own until it is closed; a server with
        many sessions has `Recordings` instead.
        """
        files = created(folder, name, about)
        return OwnRecorder(RecordingFile(files.path.name, lambda: files), files.path, clock)

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
            self._is_open = False
            self._writer.close(self._file, self._gap() if self._missing else None)

    def _put(self, way: Way, link: str, data: bytes | str, note: str = "") -> None:
        if self._is_open and not (
            self._tell_gap() and self._writer.put(self._file, self._entry(way, link, data, note))
        ):
            self._missing += 1

    def _tell_gap(self) -> bool:
        """Note what is missing, if anything; False while there is no room for that either."""
        if self._missing:
            if not self._writer.put(self._file, self._gap()):
                return False
            self._missing = 0
        return True

    def _gap(self) -> Entry:
        return self._entry("note", "", msgspec.json.encode({"lines": self._missing}), GAP)

    def _entry(self, way: Way, link: str, data: bytes | str, note: str) -> Entry:
        return Entry(round(self._clock() - self._began, 6), way, link, data, note)


class OwnRecorder(Recorder):
    """A recorder with a thread of its own."""

    def __init__(self, file: RecordingFile, path: Path, clock: Callable[[], float]) -> None:
        super().__init__(file, Writer(), clock)
        self.path = path

    def close(self) -> None:
        """As `Recorder.close`; the thread then ends by itself."""
        super().close()
        self._writer.stop()

    def wait(self, limit_s: float = 5.0) -> bool:
        """Block until all is on disk; whether that was within `limit_s`. Call it after `close`, off the loop."""
        return self._writer.wait(limit_s)


class Recordings:
    """All recordings of a process: a folder, and one thread that writes there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer = Writer()

    def prepare(self) -> None:
        """Make the folder, and try whether files can be made there. Raise OSError."""
        self._folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=self._folder):
            pass

    def begin(self, about: About) -> Recorder:
        """Begin the recording of a session, under its id. Never waits: the thread makes the files."""
        name = about.session_id
        return Recorder(RecordingFile(name, lambda: created(self._folder, name, about)), self._writer)

    def stop(self, limit_s: float = 5.0) -> bool:
        """Block until all is on disk; whether that was within `limit_s`. Call it last, off the loop."""
        self._writer.stop()
        return self._writer.wait(limit_s)


def safe_name(name: str) -> str:
    """A file name that stays in its folder: letters, digits, `_` and `-`."""
    return _UNSAFE.sub("_", name)[:MAX_NAME_CHARS] or "_"


def created(folder: Path, name: str, about: About) -> Files:
    """Two new files, the first line written. Raise OSError."""
    folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    files = _files(folder, safe_name(name))
    head = msgspec.json.encode(Head(VERSION, about)).decode()
    try:
        os.write(files.lines, f"{without_keys(head)}\n".encode())
    except OSError:
        os.close(files.lines)
        os.close(files.audio)
        raise
    return files


def _files(folder: Path, name: str) -> Files:
    for number in range(1, MAX_NAMESAKES):
        path = folder / f"{name if number == 1 else f'{name}-{number}'}{SUFFIX}"
        try:
            lines = _create(path)
        except FileExistsError:
            continue
        try:
            return Files(path, lines, _create(audio_path(path)))
        except OSError as error:
            os.close(lines)
            path.unlink()
            if not isinstance(error, FileExistsError):
                raise
    raise FileExistsError(f"There are {MAX_NAMESAKES} recordings called {name} in {folder}.")


def _create(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
