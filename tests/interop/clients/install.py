"""Installs the programs that the interop tests run, each into an environment of its own; quick when nothing changed.

Python's into `.interop/NAME`, by `NAME.txt` beside this file; Node's into `tests/interop/node/node_modules`.
"""

import hashlib
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).parent
ENVIRONMENTS = HERE.parents[2] / ".interop"
NODE = HERE.parent / "node"
AT_ONCE = 2
"""Installations side by side: each waits for the network, then for the disk."""


def main() -> None:
    """Install what is missing or has changed. Exits with 1 and a hint where there is no Node."""
    if shutil.which("npm") is None:
        sys.exit("The interop tests need Node 20 or newer, with npm.\nhint: on Debian, apt-get install npm")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        jobs = [pool.submit(node), *(pool.submit(python, file) for file in sorted(HERE.glob("*.txt")))]
        for job in jobs:
            job.result()


def python(requirements: Path) -> None:
    """An environment with exactly these packages; the files are complete, so nothing is resolved."""
    home = ENVIRONMENTS / requirements.stem

    def install() -> None:
        shutil.rmtree(home, ignore_errors=True)
        venv.create(home, symlinks=True)
        pip = [sys.executable, "-m", "pip", "--python", str(home / "bin" / "python"), "install"]
        subprocess.run([*pip, "-qq", "--no-deps", "--no-compile", "--requirement", str(requirements)], check=True)

    once(requirements.stem, install, home, requirements)


def node() -> None:
    """The packages of the lock file, from whatever registry npm is configured with."""
    once(
        "npm packages",
        lambda: subprocess.run(["npm", "ci"], cwd=NODE, check=True),
        NODE / "node_modules",
        NODE / "package-lock.json",
    )


def once(name: str, install: Callable[[], object], home: Path, source: Path) -> None:
    """Install unless it was installed from the same source; a stamp in its folder tells."""
    stamp = home / ".installed"
    wanted = hashlib.sha256(source.read_bytes() + sys.version.encode()).hexdigest()
    if stamp.exists() and stamp.read_text("utf-8") == wanted:
        return
    started = time.monotonic()
    install()
    stamp.write_text(wanted, "utf-8")
    sys.stdout.write(f"installed {name} for the interop tests: {time.monotonic() - started:.0f} s\n")


if __name__ == "__main__":
    main()
