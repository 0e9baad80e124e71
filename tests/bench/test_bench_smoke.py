"""The bench runs: each way of loading, as short as can be, without peers. Its figures are for a quiet machine."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

BENCH = Path(__file__).parents[2] / "bench"


def bench(folder: Path, *scenarios: str) -> dict[str, list[dict[str, Any]]]:
    """Run scenarios through the command that `make bench` runs; the rounds of each."""
    found = folder / "found.json"
    command = [sys.executable, str(BENCH / "bench_all.py"), "--short", "--no-peers", "--json", str(found)]
    done = subprocess.run([*command, "--only", *scenarios], capture_output=True, text=True, check=False, timeout=110)
    assert done.returncode == 0, done.stderr
    ran: dict[str, dict[str, Any]] = json.loads(found.read_text())["scenarios"]
    return {name: each["rounds"] for name, each in ran.items()}


def test_listeners_visitors_and_relayed_sessions_leave_no_error(tmp_path: Path) -> None:
    """The server is measured, pings come back, turns are heard, visitors find all accounts in order."""
    found = bench(tmp_path, "listen", "churn", "relay")

    (heard,) = found["listen"]
    assert (heard["errors"], heard["closed"]) == ([], 0)
    assert heard["cpu_ms_per_session_s"] > 0
    assert heard["speech_started"] > 0
    (churned,) = found["churn"]
    assert churned["told"] == []
    assert churned["sessions"] >= churned["visitors"]
    assert churned["footprints"][-1]["tasks"] > 0
    assert {run["server"] for run in found["relay"]} == {"direct", "antiphon relay"}
    assert all(run["responses_per_s"] > 0 and run["lost"] == 0 for run in found["relay"])


def test_callers_are_answered_and_their_audio_is_matched_with_the_engines(tmp_path: Path) -> None:
    """Turns are counted, nothing is wrong, and each piece of the engine's audio is found again."""
    answered, alone = bench(tmp_path, "talk")["talk"]

    assert answered["turns"]
    assert (answered["errors"], answered["closed"], answered["missing"]) == ([], 0, 0)
    assert all(turn["status"] == "completed" and turn["is_in_order"] for turn in answered["turns"])
    assert all(turn["stopped_ms"] > answered["silence_ms"] for turn in answered["turns"])
    assert answered["unmatched"] == 0
    assert answered["share_ms"]["p50"] > 0
    assert alone["share_ms"]["p50"] > 0
