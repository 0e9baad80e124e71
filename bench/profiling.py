"""Where a server's CPU time goes: samples of its Python stacks by py-spy, counted by the function on top."""

import contextlib
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

RATE_HZ = 200
TOP = 10
BEFORE_S = 3
"""Callers connect and begin before the first sample."""
Share = dict[str, object]


@contextlib.contextmanager
def profiled(pid: int, seconds: float) -> Iterator[Callable[[], list[Share]]]:
    """Sample a process for so long, from a little after the block begins; then the top functions can be asked for."""
    spy = Path(sys.executable).parent / "py-spy"
    command = [str(spy) if spy.exists() else shutil.which("py-spy") or "py-spy", "record", "--pid", str(pid)]
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder) / "stacks.txt"
        command += ["--duration", str(round(seconds)), "--rate", str(RATE_HZ), "--function", "--nonblocking"]
        shell = ["sh", "-c", 'sleep "$0"; exec "$@"', str(BEFORE_S)]
        with subprocess.Popen(
            [*shell, *command, "--format", "raw", "--output", str(found)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as spy_:
            yield lambda: _top(spy_, found)


def _top(spy: subprocess.Popen[bytes], found: Path) -> list[Share]:
    spy.wait()
    counts: Counter[str] = Counter()
    for line in found.read_text().splitlines():
        stack, _, samples = line.rpartition(" ")
        counts[stack.rpartition(";")[2]] += int(samples)
    total = counts.total()
    return [{"function": name, "share": count / total} for name, count in counts.most_common(TOP)]
