"""Where a server's CPU time goes: samples of its Python stacks by py-spy, counted by the function on top."""

import contextlib
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

RATE_HZ = 200
TOP = 10
BEFORE_S = 3
"""Callers connect and begin before the first sample."""
Share = dict[str, object]


@contextlib.contextmanager
def profiled(pid: int, seconds: float) -> Iterator[list[Share]]:
    """Sample a process for so long, from a little after the block begins; at its end the top functions are there."""
    beside = Path(sys.executable).parent / "py-spy"
    spy = str(beside) if beside.exists() else shutil.which("py-spy") or "py-spy"
    command = [spy, "record", "--pid", str(pid), "--duration", str(round(seconds)), "--rate", str(RATE_HZ)]
    command += ["--function", "--nonblocking", "--format", "raw"]
    top: list[Share] = []
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder) / "stacks.txt"
        late = ["sh", "-c", 'sleep "$0"; exec "$@"', str(BEFORE_S), *command, "--output", str(found)]
        with subprocess.Popen(late, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
            yield top
        top += _top(found.read_text())


def _top(stacks: str) -> list[Share]:
    counts: Counter[str] = Counter()
    for line in stacks.splitlines():
        stack, _, samples = line.rpartition(" ")
        counts[stack.rpartition(";")[2]] += int(samples)
    total = counts.total()
    return [{"function": name, "share": count / total} for name, count in counts.most_common(TOP)]
