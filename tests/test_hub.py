"""Weights from a model hub: a hub of our own on this machine, spoken to by the real library."""

import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

COMMIT = "d1d751a5f8271d482d14ca55d9e2deeebbae577f"
MODEL = bytes(range(256)) * 200
CONFIG = b'{"a": 1}'
SCRIPT = """
import sys
from pathlib import Path
from antiphon.catalogue import Entry, FromHub, PullError, Store
files = tuple(sys.argv[3].split(","))
entry = Entry("tiny", "llm", "llama", "For tests.", "MIT", 1000, FromHub("us/tiny", sys.argv[2], files))
store = Store(Path(sys.argv[1]), {"tiny": entry})
try:
    for verb in sys.argv[4].split(","):
        found = {"pull": store.pull, "find": store.find, "remove": store.remove}[verb]("tiny")
        sys.stdout.write(f"{verb} {found}\\n")
except PullError as error:
    sys.stdout.write(f"error {error}\\n")
"""
"""In a process of its own: the library reads its environment as it is imported."""


@dataclass
class Hub:
    """A model hub with one repository."""

    files: dict[str, bytes]
    url: str = ""
    requests: list[str] = field(default_factory=list)
    wrong_hashes: bool = False


@contextmanager
def serving_hub(hub: Hub) -> Iterator[Hub]:
    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            hub.requests.append(f"{self.command} {self.path}")
            name = self.path.partition("?")[0].rpartition(f"/{COMMIT}/")[2] if COMMIT in self.path else ""
            if name not in hub.files:
                self.send_response(404)
                self.send_header("X-Error-Code", "EntryNotFound")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            body = hub.files[name]
            digest = hashlib.sha256(body).hexdigest() if len(body) > 100 else hashlib.sha1(body).hexdigest()  # noqa: S324 -- as git does
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header(
                "ETag", f'"{"0" * 64 if hub.wrong_hashes else digest if len(body) > 100 else digest[:40]}"'
            )
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class's name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serving_hub(Hub({"model.bin": MODEL, "sub/config.json": CONFIG, "unwanted.bin": b"no"})) as hub:
        yield hub


def run(verbs: str, files: str, hub: Hub, tmp_path: Path, **environ: str) -> list[str]:
    """What each verb gave, in a fresh process that knows this hub only."""
    settings = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_DISABLE_PROGRESS_BARS": "1", **environ}
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "cache"), COMMIT, files, verbs]
    done = subprocess.run(
        command, env={**os.environ, **settings}, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout.splitlines()


def test_one_file_is_pulled_found_and_removed(hub: Hub, tmp_path: Path) -> None:
    """A single file is used as such; it lies in the hub's own cache, so other programs share it."""
    pulled, found, removed, gone = run("pull,find,remove,find", "model.bin", hub, tmp_path)

    path = Path(pulled.removeprefix("pull "))
    assert path.name == "model.bin"
    assert path.is_relative_to(tmp_path / "hf" / "hub")
    assert found == f"find {path}"
    assert removed == f"remove {len(MODEL)}"
    assert gone == "find None"


def test_several_files_are_a_folder(hub: Hub, tmp_path: Path) -> None:
    """An engine that needs several files gets the folder; what it does not need is not fetched."""
    (pulled,) = run("pull", "model.bin,sub/config.json", hub, tmp_path)

    folder = Path(pulled.removeprefix("pull "))
    assert (folder / "model.bin").read_bytes() == MODEL
    assert (folder / "sub" / "config.json").read_bytes() == CONFIG
    assert not any("unwanted" in request for request in hub.requests)


def test_a_file_that_is_not_what_the_hub_says_is_thrown_away(hub: Hub, tmp_path: Path) -> None:
    """The name in the hub's cache is the SHA-256 that the hub promises."""
    hub.wrong_hashes = True

    said, hint = run("pull", "model.bin", hub, tmp_path)
    assert said == 'error model.bin of "tiny" does not have the SHA-256 that the hub promises; it was thrown away.'
    assert hint == "hint: run the command again"
    assert run("find", "model.bin", hub, tmp_path) == ["find None"]


def test_a_hub_that_does_not_answer_is_told(hub: Hub, tmp_path: Path) -> None:
    """Offline by the hub's own variable, or a file it does not have: three lines at most."""
    said = run("pull", "model.bin", hub, tmp_path, HF_HUB_OFFLINE="1")
    assert said[0].startswith('error "tiny" cannot be fetched: ')
    assert len(said) <= 3
    assert run("pull", "none.bin", hub, tmp_path)[0].startswith('error "tiny" cannot be fetched: 404')


def test_without_the_extra_the_hint_says_what_to_install(hub: Hub, tmp_path: Path) -> None:
    """The library is an extra; a folder that hides it stands for an installation without."""
    (tmp_path / "huggingface_hub.py").write_text("raise ImportError('not installed')")

    found, said, hint = run("find,pull", "model.bin", hub, tmp_path, PYTHONPATH=str(tmp_path))
    assert found == "find None"
    assert (said, hint) == ('error "tiny" comes from a model hub.', 'hint: first: pip install "antiphon[hub]"')
