"""The processes of a run: our server, the stubs, and the load generator, each pinned where that is asked for."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import psutil

HERE = Path(__file__).parent
START_LIMIT_S = 60.0
STOP_LIMIT_S = 15.0
TONE = ("--vad", "silero", "--asr", "tone", "--llm", "tone", "--tts", "tone")
"""No model but the VAD."""
RELAY_QUIET = {"ANTIPHON_RELAY_LOG_LEVEL": "warning", "ANTIPHON_RELAY_HEALTH_SECONDS": "0"}
"""It does not look after its upstream, which may be held still."""


@dataclass(frozen=True)
class Server:
    """A running Realtime server."""

    url: str
    pid: int


@contextlib.contextmanager
def antiphon(flags: Sequence[str], core: int | None = None, counts: Path | None = None) -> Iterator[Server]:
    """Our server, as an operator starts it, once it is ready. With `counts`, it tells its tasks there when asked."""
    port = free_port()
    command = [str(Path(sys.executable).parent / "antiphon")]
    if counts is not None:
        command = [sys.executable, str(HERE / "serve_counted.py")]
    command += ["serve", "--port", str(port), "--log-level", "warning", "--max-sessions", "5000", *flags]
    with process(command, core, env=os.environ | {"COUNTS": str(counts)}) as child:
        until_it_answers(f"http://127.0.0.1:{port}/readyz", child)
        yield Server(f"ws://127.0.0.1:{port}/v1/realtime?model=gpt-realtime", child.pid)


@contextlib.contextmanager
def relay(upstream: str, core: int | None = None) -> Iterator[Server]:
    """Our relay before an upstream, as an operator starts it."""
    port = free_port()
    command = [str(Path(sys.executable).parent / "antiphon"), "relay", "--port", str(port), "--upstream", upstream]
    with process(command, core, env=os.environ | RELAY_QUIET) as child:
        until_it_answers(f"http://127.0.0.1:{port}/readyz", child)
        yield Server(f"ws://127.0.0.1:{port}/v1/realtime?model=gpt-realtime", child.pid)


@contextlib.contextmanager
def upstream(core: int | None = None) -> Iterator[str]:
    """The mock upstream of the relay bench; gives its http address."""
    port = free_port()
    with process([sys.executable, str(HERE / "upstream.py"), "--port", str(port)], core) as child:
        until_it_answers(f"http://127.0.0.1:{port}/", child)
        yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def stubs(core: int | None = None, flags: Sequence[str] = ()) -> Iterator[str]:
    """The stub engines; gives their base URL."""
    port = free_port()
    with process([sys.executable, str(HERE / "stubs.py"), "--port", str(port), *flags], core) as child:
        until_it_answers(f"http://127.0.0.1:{port}/", child)
        yield f"http://127.0.0.1:{port}/v1"


@contextlib.contextmanager
def alone(server: Server, contenders: Iterable[Server]) -> Iterator[None]:
    """Hold the other contenders still for the block: a server that idles costs time too, and some cost much."""
    others = [psutil.Process(each.pid) for each in contenders if each != server and each.pid != os.getpid()]
    for other in others:
        other.suspend()
    try:
        yield
    finally:
        for other in others:
            other.resume()


def load(server: Server, scenario: str, *flags: object, core: int | None = None) -> dict[str, Any]:
    """Run the generator to its end; what it has seen."""
    return told("load.py", scenario, "--url", server.url, "--pid", server.pid, *flags, core=core)


def told(script: str, *flags: object, core: int | None = None) -> dict[str, Any]:
    """Run a script beside this one to its end; the JSON that it prints."""
    command = [sys.executable, str(HERE / script), *(str(flag) for flag in flags)]
    done = subprocess.run(_pinned(command, core), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{script} failed:\n{done.stderr[-2000:]}")
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


def free_port() -> int:
    """A port that nobody has now."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def last_core() -> int:
    """The core that servers are pinned to; the generator has the first."""
    return max(os.sched_getaffinity(0))


def _pinned(command: list[str], core: int | None) -> list[str]:
    return command if core is None else ["taskset", "-c", str(core), *command]


@contextlib.contextmanager
def process(
    command: list[str], core: int | None = None, env: Mapping[str, str] | None = None, log: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A running command, pinned where that is asked for; ended with the block. Its errors go to ours, or to a file."""
    with contextlib.ExitStack() as stack:
        errors = stack.enter_context(log.open("wb")) if log else None
        child = subprocess.Popen(_pinned(command, core), stdout=subprocess.DEVNULL, stderr=errors, env=env)
        stack.enter_context(child)
        try:
            yield child
        finally:
            child.terminate()
            try:
                child.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                child.kill()


def until_it_answers(url: str, child: subprocess.Popen[bytes], limit_s: float = START_LIMIT_S) -> None:
    """Wait for a server. Raises RuntimeError when it has ended, or has not answered in time."""
    limit = time.monotonic() + limit_s
    while child.poll() is None and time.monotonic() < limit:
        with contextlib.suppress(httpx2.TransportError):
            if httpx2.get(url).status_code < 500:  # 503: still warming
                return
        time.sleep(0.1)
    raise RuntimeError(f"{child.args!r} did not start.")


def first_core() -> int:
    """The core of the generator and of what it stands on."""
    return min(os.sched_getaffinity(0))
