"""A package index on this machine, for tests: real wheels over real HTTP, with faults on demand."""

import hashlib
import io
import json
import threading
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal


@dataclass(frozen=True)
class Fault:
    """What goes wrong with the next answer for a path."""

    kind: Literal["cut", "status", "garbage"]
    value: int = 0
    """`cut`: bytes that are still sent; `status`: the status code."""


@dataclass
class WheelIndex:
    """Packages by name, and how they are served."""

    files: dict[str, bytes] = field(default_factory=dict)
    faults: dict[str, list[Fault]] = field(default_factory=lambda: defaultdict(list))
    requests: list[tuple[str, str]] = field(default_factory=list)
    """(path, Range header) of every request."""
    speaks_json: bool = False
    knows_ranges: bool = True
    tells_hashes: bool = True
    wrong_hashes: bool = False
    url: str = ""

    def add(self, package: str, version: str, members: dict[str, bytes]) -> bytes:
        """Publish a wheel that holds these files; returns its content."""
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in members.items():
                archive.writestr(name, data)
        self.files[f"{package.replace('-', '_')}-{version}-py3-none-any.whl"] = content.getvalue()
        return content.getvalue()

    def page(self, package: str) -> tuple[bytes, str] | None:
        """The page of a package and its content type; None for one that is not here."""
        names = [name for name in self.files if name.startswith(f"{package.replace('-', '_')}-")]
        if not names:
            return None
        if self.speaks_json:
            files = [{"filename": n, "url": f"/files/{n}", "hashes": self._hashes(n)} for n in names]
            return json.dumps({"files": files}).encode(), "application/vnd.pypi.simple.v1+json"
        anchors = "".join(f'<a href="../../files/{n}{self._fragment(n)}">{n}</a>' for n in names)
        return f"<!DOCTYPE html><html><body>{anchors}</body></html>".encode(), "text/html"

    def _hashes(self, name: str) -> dict[str, str]:
        digest = hashlib.sha256(self.files[name]).hexdigest()
        return {"sha256": digest[::-1] if self.wrong_hashes else digest} if self.tells_hashes else {}

    def _fragment(self, name: str) -> str:
        return "".join(f"#sha256={digest}" for digest in self._hashes(name).values())


@contextmanager
def serving_index(index: WheelIndex) -> Iterator[WheelIndex]:
    """Serve an index on a free port of the loopback address; `index.url` is its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self, index)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class's name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    index.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield index
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def answer(request: BaseHTTPRequestHandler, index: WheelIndex) -> None:
    """Answer one request, with the next fault of its path."""
    index.requests.append((request.path, request.headers.get("Range", "")))
    faults = index.faults[request.path]
    fault = faults.pop(0) if faults else None
    parts = request.path.strip("/").split("/")
    found = index.page(parts[1]) if parts[0] == "simple" else None
    content, kind = found or (index.files.get(parts[-1], b""), "application/octet-stream")
    status, start = (200, 0) if content else (404, 0)
    if index.knows_ranges and (wanted := request.headers.get("Range")):
        start = int(wanted.removeprefix("bytes=").rstrip("-"))
        status = 206 if start < len(content) else 416
    if fault is not None and fault.kind == "status":
        status, content = fault.value, b""
    body = content[start:] if status in (200, 206) else b""
    if fault is not None and fault.kind == "garbage":
        body = bytes(len(body))
    request.send_response(status)
    request.send_header("Content-Type", kind)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    cut = fault.value if fault is not None and fault.kind == "cut" else len(body)
    request.wfile.write(body[:cut])
