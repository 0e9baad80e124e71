"""The bench: our server, and the peers that are installed, under the loads of `docs/performance.md`.

`python bench/bench_all.py --only answer relay` chooses scenarios; `--short` makes each run as short as can be: good for
seeing that all works, not for figures. What was seen is merged into `bench-results.json`, scenario by scenario, with
the command, the time and the machine; `bench/report.py` makes the tables and pictures of it. Peers are measured where
`bench/peers/install.py` has installed them.
"""

import argparse
import json
import os
import platform
import shlex
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from load import SPEECH
from report import section
from rich.console import Console
from rich.markdown import Markdown
from scenarios import SCENARIOS

HELD_OUT = ("lv0890.wav", "lv0930.wav")
"""Of the clips that come with the tests, those that no constant of ours was tuned on."""
RESULTS = Path(__file__).parent.parent / "bench-results.json"


def machine() -> str:
    """Where this was measured."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.split(":", 1)[1].strip() for line in lines if "model name" in line), platform.processor())
    return f"{model}, {len(os.sched_getaffinity(0))} cores, {platform.system()}, Python {platform.python_version()}"


def wished() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", choices=tuple(SCENARIOS), default=list(SCENARIOS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=20, help="of each run")
    parser.add_argument("--minutes", type=float, default=2, help="of churn")
    parser.add_argument("--visitors", type=int, default=6, help="at a time, in churn")
    parser.add_argument("--answer-sessions", type=int, default=4)
    parser.add_argument("--listeners", type=int, nargs="*", default=[200, 100, 320, 400])
    parser.add_argument("--talkers", type=int, nargs="*", default=[4, 16, 32, 64])
    parser.add_argument("--embedded-talkers", type=int, nargs="*", default=[1, 2, 4])
    parser.add_argument("--relayed", type=int, nargs="*", default=[1, 64])
    parser.add_argument("--idlers", type=int, default=1000)
    parser.add_argument("--speech", type=Path, default=SPEECH, help="a folder of WAVs and their transcripts.json")
    parser.add_argument("--clips", nargs="*", help="of that folder; by default all, of our own those held out")
    parser.add_argument("--no-peers", dest="peers", action="store_false")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--json", type=Path, default=RESULTS)
    wish = parser.parse_args()
    wish.warm_s, wish.spread_s = (0.0, 0.3) if wish.short else (4.0, 5.0)
    if wish.clips is None:
        wish.clips = list(HELD_OUT[-1:] if wish.short else HELD_OUT) if wish.speech == SPEECH else []
    if wish.short:
        wish.rounds, wish.seconds, wish.answer_sessions, wish.listeners, wish.idlers = 1, 1, 2, [5], 20
        wish.talkers, wish.embedded_talkers, wish.relayed, wish.minutes, wish.visitors = [2], [1], [2], 0.02, 6
    return wish


def kept(path: Path) -> dict[str, Any]:
    """The scenarios of earlier runs."""
    found: dict[str, Any] = json.loads(path.read_text()).get("scenarios", {}) if path.exists() else {}
    return found


def main() -> None:
    """Run, print, write."""
    wish = wished()
    console = Console(width=None if Console().is_terminal else 160)
    for name in wish.only:
        begun = datetime.now(UTC)
        rounds = SCENARIOS[name](wish)
        ran = {
            "command": f"python bench/bench_all.py {shlex.join(sys.argv[1:])}".strip(),
            "when": f"{begun:%Y-%m-%d %H:%M} UTC",
            "took_s": round((datetime.now(UTC) - begun).total_seconds()),
            "machine": machine(),
            "version": version("antiphon"),
            "clips": wish.clips or [f"all of {wish.speech.name}"],
            "rounds": rounds,
        }
        wish.json.write_text(json.dumps({"scenarios": {**kept(wish.json), name: ran}}, indent=1))
        console.print(Markdown(f"## {name}\n\n{section(name, ran)}"))


if __name__ == "__main__":
    main()
