"""The page's files, from the package: read once, served from memory, and told to reach for nothing else."""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from importlib import resources

from starlette.requests import Request
from starlette.responses import Response

INDEX = "index.html"

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'"
)
"""Only this server: a page that holds a key must not be able to carry it elsewhere. The same host by WebSocket
counts as `self`. No text ever becomes markup, which the last rule holds the page to."""

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(self)",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

REVALIDATE = "no-cache"
"""Kept by the browser, and asked for each time: a new version of the server is a new page at once."""


@dataclass(frozen=True, slots=True)
class Page:
    """One file."""

    content: bytes
    packed: bytes
    """The same by gzip, a third of it."""
    kind: str
    etag: str


def pages() -> dict[str, Page]:
    """All files of the page, by name."""
    files = resources.files("antiphon.console") / "static"
    named = {file.name: file.read_bytes() for file in files.iterdir() if _suffix(file.name) in TYPES}
    return {name: page(content, TYPES[_suffix(name)]) for name, content in named.items()}


def page(content: bytes, kind: str) -> Page:
    """A file with its tag."""
    return Page(content, gzip.compress(content, mtime=0), kind, f'"{hashlib.sha256(content).hexdigest()[:24]}"')


def served(found: Page | None, request: Request) -> Response:
    """The answer to a request for a file: nothing again for a browser that has it."""
    if found is None:
        return Response("There is no such file.", HTTPStatus.NOT_FOUND, HEADERS, "text/plain")
    headers = {**HEADERS, "ETag": found.etag, "Cache-Control": REVALIDATE, "Vary": "Accept-Encoding"}
    known = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    if found.etag in known:
        return Response(b"", HTTPStatus.NOT_MODIFIED, headers)
    headers["Content-Type"] = found.kind
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(found.packed, HTTPStatus.OK, headers | {"Content-Encoding": "gzip"})
    return Response(found.content, HTTPStatus.OK, headers)


def _suffix(name: str) -> str:
    return name[name.rfind(".") :]
