"""Installs the peers that the bench measures beside us, each into its own environment; quick when nothing changed.

`python bench/peers/install.py [NAME...]`: into `.bench/NAME`, by `NAME.txt` beside this file. `speech-to-speech` asks
for engines that no run here uses (and that are large); it is installed without what it asks for, after its list.
"""

import hashlib
import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path

HERE = Path(__file__).parent
ENVIRONMENTS = HERE.parents[1] / ".bench"
ALONE = {"speech-to-speech": "speech-to-speech==1.1.0"}
"""Installed last, without dependencies."""


def python_of(name: str) -> Path:
    """The interpreter that has the peer. Ends the program with a hint where it is not installed."""
    python = ENVIRONMENTS / name / "bin" / "python"
    if not (ENVIRONMENTS / name / ".installed").exists():
        sys.exit(f'The peer "{name}" is not installed.\nhint: python bench/peers/install.py {name}')
    return python


def log_of(name: str) -> Path:
    """Where the peer's complaints go."""
    return ENVIRONMENTS / f"{name}.log"


def is_installed(name: str) -> bool:
    """Whether there is such an environment."""
    return (ENVIRONMENTS / name / ".installed").exists()


def install(requirements: Path) -> None:
    """Make the environment unless it was made from the same list; a stamp in its folder tells."""
    home, name = ENVIRONMENTS / requirements.stem, requirements.stem
    wanted = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()
    stamp = home / ".installed"
    if stamp.exists() and stamp.read_text("utf-8") == wanted:
        return
    started = time.monotonic()
    shutil.rmtree(home, ignore_errors=True)
    venv.create(home, symlinks=True)
    pip = [sys.executable, "-m", "pip", "--python", str(home / "bin" / "python"), "install", "-qq"]
    subprocess.run([*pip, "--requirement", str(requirements)], check=True)
    if name in ALONE:
        subprocess.run([*pip, "--no-deps", ALONE[name]], check=True)
    stamp.write_text(wanted, "utf-8")
    print(f"installed {name}: {time.monotonic() - started:.0f} s")


def main() -> None:
    """Install all, or those named."""
    ENVIRONMENTS.mkdir(exist_ok=True)
    (ENVIRONMENTS / ".gitignore").write_text("*\n", "utf-8")
    for requirements in sorted(HERE.glob("*.txt")):
        if not sys.argv[1:] or requirements.stem in sys.argv[1:]:
            install(requirements)


if __name__ == "__main__":
    main()
