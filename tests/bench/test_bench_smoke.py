"""The bench runs: each scenario as short as can be. Figures are for `make bench`, on a quiet machine."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

BENCH = Path(__file__).parents[2] / "bench"


def bench(folder: Path, *scenarios: str) -> dict[str, list[dict[str, Any]]]:
    """Run scenarios through the command that `make bench` runs."""
    found = folder / "found.json"
    command = [sys.executable, str(BENCH / "bench_all.py"), "--short", "--json", str(found), "--only", *scenarios]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=110)
    assert done.returncode == 0, done.stderr
    results: dict[str, list[dict[str, Any]]] = json.loads(found.read_text())["results"]
    return results


def test_callers_are_answered_by_engines_over_http(tmp_path: Path) -> None:
    """Both silences, anticipating and not: turns are counted, nothing is wrong, and drafts are quicker."""
    runs = bench(tmp_path, "answer")["answer"]

    assert [(run["silence_ms"], run["anticipates"]) for run in runs] == [
        (500, True),
        (500, False),
        (200, True),
        (200, False),
    ]
    for run in runs:
        assert run["turns"]
        assert (run["errors"], run["closed"], run["missing"]) == ([], 0, 0)
        assert all(turn["status"] == "completed" and turn["is_in_order"] for turn in run["turns"])
        assert all(turn["stopped_ms"] > run["silence_ms"] for turn in run["turns"])


def test_listeners_idlers_and_churn_leave_no_error(tmp_path: Path) -> None:
    """The loads without answers: the server is measured, pings come back, turns are heard."""
    found = bench(tmp_path, "listen", "idle", "churn")

    for runs in found.values():
        assert all((run["errors"], run["closed"]) == ([], 0) for run in runs)
        assert all(run["rss_mib"] > 20 for run in runs)
    assert found["listen"][0]["cpu_ms_per_session_s"] > 0
    assert found["listen"][0]["speech_started"] > 0
    assert found["idle"][0]["kib_per_session"] < 5000
    assert found["churn"][0]["connect_ms"]["p50"] > 0
