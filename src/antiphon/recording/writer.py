"""The thread that writes: recordings are put on disk beside the event loop, in order, and never hold it up."""

import hashlib
import logging
import os
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from antiphon.recording.rows import Row, Sound, Way
from antiphon.recording.sifting import Sieve, without_keys

MAX_WAITING_BYTES: Final = 64 * 1024 * 1024
"""What may wait for the disk, of all recordings together: some seconds of a thousand sessions."""

ENTRY_BYTES: Final = 512
"""What an entry costs beside its frame."""

CHUNK_BYTES: Final = 256 * 1024
"""As much is gathered before it goes to the file; less goes as soon as nothing else waits."""

KNOWN_SOUNDS: Final = 256
"""Latest sounds of a recording that are kept once, however often they come; as many pieces may wait in a draft."""

MAX_RAW_CHARS: Final = 64 * 1024
"""Of a frame that is no JSON object; nobody needs to see more of it."""

CUT = "…"
"""Ends a frame that was cut. It keeps a piece of what was no JSON from being JSON."""

_LOG = logging.getLogger("antiphon.recording")


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to become a line."""

    at: float
    way: Way
    link: str
    data: bytes | str
    """The frame, or the value of a note in JSON."""
    note: str = ""
    """The kind of a note."""

    @property
    def size(self) -> int:
        """About what it costs while it waits, in bytes."""
        return len(self.data) + ENTRY_BYTES


@dataclass(frozen=True, slots=True)
class Files:
    """The open files of a recording, as descriptors."""

    path: Path
    """Of the lines."""
    lines: int
    audio: int


class RecordingFile:
    """The two files of a recording. After a failure of the disk it takes entries and does nothing."""

    def __init__(self, name: str, opening: Callable[[], Files]) -> None:
        """`opening` gives the files when the first entry comes, and may raise OSError; `name` is for the log."""
        self._name = name
        self._opening = opening
        self._files: Files | None = None
        self._has_ended = False
        self._lines = bytearray()
        self._audio = bytearray()
        self._audio_end = 0
        self._places: dict[bytes, int] = {}
        """Where the latest sounds lie, by their digest."""

    def write(self, entry: Entry) -> None:
        """Make a line of an entry."""
        if self._has_ended:
            return
        try:
            self._add(entry)
        except Exception as error:  # noqa: BLE001 -- a fault of ours ends this recording, never the thread of all
            self._end(type(error).__name__)

    def _add(self, entry: Entry) -> None:
        row = _row(entry, sieve := Sieve())
        sounds = tuple(Sound(place, self._kept(audio), len(audio)) for place, audio in sieve.sounds)
        self._lines += msgspec.json.encode(msgspec.structs.replace(row, sounds=sounds) if sounds else row)
        self._lines += b"\n"
        if len(self._lines) + len(self._audio) > CHUNK_BYTES:
            self.flush()

    def _kept(self, audio: bytes) -> int:
        """Where audio lies; what an engine made and what the client was sent of it lie there once."""
        digest = hashlib.blake2b(audio, digest_size=16).digest()
        if digest in self._places:
            return self._places[digest]
        if len(self._places) >= KNOWN_SOUNDS:
            del self._places[next(iter(self._places))]
        place = self._places[digest] = self._audio_end
        self._audio += audio
        self._audio_end += len(audio)
        return place

    def flush(self) -> None:
        """Hand over what was gathered. Audio goes first, so that no line speaks of what is not there."""
        if self._has_ended:
            return
        try:
            if self._files is None:
                self._files = self._opening()
            for file, data in ((self._files.audio, self._audio), (self._files.lines, self._lines)):
                _write_all(file, data)
                data.clear()
        except OSError as error:
            self._end(error.strerror or str(error))

    def close(self) -> None:
        """Put the rest on disk and close the files."""
        self.flush()
        self._close()

    def _end(self, why: str) -> None:
        _LOG.error("the recording %s ends here: %s", self._name, why)
        self._close()

    def _close(self) -> None:
        self._has_ended = True
        files, self._files = self._files, None
        if files is not None:
            os.close(files.lines)
            os.close(files.audio)


def _row(entry: Entry, sieve: Sieve) -> Row:
    """The line of an entry; its audio is left in the sieve."""
    try:
        event = msgspec.json.decode(entry.data)
        if entry.way == "note":
            event = {"type": entry.note, "value": event}
        if isinstance(event, dict):
            return Row(entry.at, entry.way, entry.link, event=sieve.sift(event))
    except (ValueError, RecursionError):
        sieve.sounds.clear()
    return Row(entry.at, entry.way, entry.link, raw=_raw(entry.data))


def _raw(data: bytes | str) -> str:
    text = data if isinstance(data, str) else data.decode("utf-8", "replace")
    text = text.encode("utf-8", "replace").decode()  # what has no place in UTF-8 has none in a file
    return without_keys(text if len(text) <= MAX_RAW_CHARS else text[:MAX_RAW_CHARS] + CUT)


def _write_all(file: int, data: bytearray) -> None:
    with memoryview(data) as rest:
        done = 0
        while done < len(rest):
            done += os.write(file, rest[done:])


class Writer:
    """One thread for any number of recordings. It begins with the first entry."""

    def __init__(self, bound: int = MAX_WAITING_BYTES) -> None:
        """`bound` is how many bytes may wait."""
        self._bound = bound
        self._queue: deque[tuple[RecordingFile, Entry | None]] = deque()
        self._bytes = 0
        self._news = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_stopping = False

    def put(self, file: RecordingFile, entry: Entry) -> bool:
        """Have an entry written; False when too much waits already. Never waits."""
        with self._news:
            has_room = not self._bytes or self._bytes + entry.size <= self._bound
            if has_room:
                self._post(file, entry)
        return has_room

    def close(self, file: RecordingFile, last: Entry | None = None) -> None:
        """Have a recording closed after what was put, and after a last entry, room or not. Never waits."""
        with self._news:
            if last is not None:
                self._post(file, last)
            self._post(file, None)

    def stop(self) -> None:
        """Have the thread end when all is written; what is put later is lost. Never waits."""
        with self._news:
            self._is_stopping = True
            self._news.notify()

    def wait(self, limit_s: float) -> bool:
        """Block until the thread has ended; whether it has within `limit_s`. Call it after `stop`, off the loop."""
        if self._thread is not None:
            self._thread.join(limit_s)
            return not self._thread.is_alive()
        return True

    def _post(self, file: RecordingFile, entry: Entry | None) -> None:
        if self._is_stopping:
            return
        self._bytes += 0 if entry is None else entry.size
        self._queue.append((file, entry))
        self._news.notify()
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="recording", daemon=True)
            self._thread.start()

    # In the thread

    def _work(self) -> None:
        dirty: set[RecordingFile] = set()
        while True:
            if not self._queue:
                for file in dirty:
                    file.flush()
                dirty.clear()
            taken = self._take()
            if taken is None:
                return
            file, entry = taken
            if entry is None:
                dirty.discard(file)
                file.close()
            else:
                dirty.add(file)
                file.write(entry)
                with self._news:
                    self._bytes -= entry.size

    def _take(self) -> tuple[RecordingFile, Entry | None] | None:
        """The next entry; None when it is time to stop."""
        with self._news:
            while not self._queue:
                if self._is_stopping:
                    return None
                self._news.wait()
            return self._queue.popleft()
