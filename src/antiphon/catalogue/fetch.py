"""Fetches one file over HTTP: resumed where the last try broke off, checked by its SHA-256."""

import errno
import hashlib
import shutil
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from time import sleep
from typing import IO, TypeAlias

import httpx2

from antiphon.catalogue.errors import PullError
from antiphon.catalogue.index import shown, told
from antiphon.catalogue.pages import WheelLink

TRIES = 5
"""Tries in a row that bring nothing new; a try that brings bytes starts the count again."""
PAUSE_S = 1.0
"""Before the second try; each further pause is twice as long."""

Advance: TypeAlias = Callable[[int], None]
"""Told how many more bytes are there; fewer than none when a try has to start again."""
Pause: TypeAlias = Callable[[float], None]


class Mismatch(Exception):
    """What came is not what the index promised."""


def fetch(link: WheelLink, folder: Path, client: httpx2.Client, *, advance: Advance, pause: Pause = sleep) -> Path:
    """Bring the file of a link into `folder`, and return its path. Raises `PullError`.

    What has arrived is kept in a `.part` file, also when the process dies; the next call goes on from there.
    """
    target = folder / link.file_name
    if target.exists():
        advance(target.stat().st_size)
        return target
    part = folder / f"{link.file_name}.part"
    if part.exists():
        advance(part.stat().st_size)
    _complete(link, part, client, advance, pause)
    part.replace(target)
    return target


def digest_of(file: Path) -> str:
    """The SHA-256 of a file, in hex."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def needs_room(folder: Path, wanted_bytes: int) -> None:
    """Raise `PullError` when a download of this size cannot fit."""
    free = shutil.disk_usage(folder).free
    if free < wanted_bytes:
        raise _no_room(folder, f"{wanted_bytes / 1e6:,.0f} MB are needed, {free / 1e6:,.0f} MB are free")


def explained(error: OSError, folder: Path) -> PullError:
    """A trouble with the disk in words."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _no_room(folder, "no space is left")
    reason = (error.strerror or str(error)).lower()
    return PullError(f"Cannot write to {error.filename or folder}: {reason}.", "set ANTIPHON_CACHE to another folder")


def _no_room(folder: Path, reason: str) -> PullError:
    return PullError(f"The disk of {folder} is full: {reason}.", "make room, or set ANTIPHON_CACHE to another folder")


def _complete(link: WheelLink, part: Path, client: httpx2.Client, advance: Advance, pause: Pause) -> None:
    """Try until the part is whole."""
    failures = mismatches = 0
    while True:
        had = _size(part)
        try:
            _one_try(link, part, client, advance)
        except Mismatch:
            mismatches += 1
            if mismatches == 2:  # not a leftover of an earlier try: the source itself is wrong
                raise _wrong_bytes(link) from None
            continue
        except httpx2.HTTPError as error:
            failures = 1 if _size(part) > had else failures + 1
            if failures == TRIES or _is_final(error):
                raise _unreachable(link, error) from None
            pause(PAUSE_S * 2 ** (failures - 1))
            continue
        return


def _one_try(link: WheelLink, part: Path, client: httpx2.Client, advance: Advance) -> None:
    """Ask for what is missing and append it; raises what httpx2 raises, and `Mismatch`."""
    start = _size(part)
    headers = {"Range": f"bytes={start}-"} if start else {}
    with client.stream("GET", link.url, headers={**headers, "Accept-Encoding": "identity"}) as answer:
        if answer.status_code != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE or not start:
            answer.raise_for_status()
            goes_on = answer.status_code == HTTPStatus.PARTIAL_CONTENT
            if start and not goes_on:
                advance(-start)
            with part.open("ab" if goes_on else "wb") as content:
                _copy(answer, content, advance)
    if link.sha256 is not None and digest_of(part) != link.sha256:
        advance(-_size(part))
        part.unlink()
        raise Mismatch


def _copy(answer: httpx2.Response, content: IO[bytes], advance: Advance) -> None:
    for chunk in answer.iter_bytes():
        content.write(chunk)
        advance(len(chunk))


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _is_final(error: httpx2.HTTPError) -> bool:
    """A refusal that another try does not change."""
    if not isinstance(error, httpx2.HTTPStatusError):
        return False
    status = error.response.status_code
    return status < 500 and status not in (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)


def _unreachable(link: WheelLink, error: httpx2.HTTPError) -> PullError:
    return PullError(
        f"{shown(link.url)} cannot be fetched: {told(error)}.",
        "check the network and run the command again; it goes on where it stopped",
    )


def _wrong_bytes(link: WheelLink) -> PullError:
    return PullError(
        f"{link.file_name} does not have the SHA-256 that its index promises.",
        "something on the way changes the file (a proxy?); try another network or index",
    )
