"""The bench runs: each way of loading, as short as can be, without peers. Its figures are for a quiet machine."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

BENCH = Path(__file__).parents[2] / "bench"
SCENARIOS = ("listen", "talk", "churn", "relay")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """What each scenario found, run through the command that `make bench` runs; side by side, for all mostly wait."""
    folder = tmp_path_factory.mktemp("bench")

    def bench(scenario: str) -> list[dict[str, Any]]:
        results = folder / f"{scenario}.json"
        command = [sys.executable, str(BENCH / "bench_all.py"), "--short", "--no-peers", "--json", str(results)]
        done = subprocess.run([*command, "--only", scenario], capture_output=True, text=True, check=False, timeout=110)
        assert done.returncode == 0, done.stderr
        rounds: list[dict[str, Any]] = json.loads(results.read_text())["scenarios"][scenario]["rounds"]
        return rounds

    with ThreadPoolExecutor(len(SCENARIOS)) as pool:
        return dict(zip(SCENARIOS, pool.map(bench, SCENARIOS), strict=True))


def test_listeners_leave_no_error(found: dict[str, list[dict[str, Any]]]) -> None:
    """The server is measured, turns are heard."""
    (heard,) = found["listen"]

    assert (heard["errors"], heard["closed"]) == ([], 0)
    assert heard["cpu_ms_per_session_s"] > 0
    assert heard["speech_started"] > 0


def test_callers_are_answered_and_their_audio_is_matched_with_the_engines(
    found: dict[str, list[dict[str, Any]]],
) -> None:
    """Turns are counted, nothing is wrong, and each piece of the engine's audio is found again."""
    answered, alone = found["talk"]

    assert answered["turns"]
    assert (answered["errors"], answered["closed"], answered["missing"]) == ([], 0, 0)
    assert all(turn["status"] == "completed" and turn["is_in_order"] for turn in answered["turns"])
    assert all(turn["stopped_ms"] > answered["silence_ms"] for turn in answered["turns"])
    assert answered["unmatched"] == 0
    assert answered["share_ms"]["p50"] > 0
    assert alone["share_ms"]["p50"] > 0


def test_visitors_find_all_accounts_in_order(found: dict[str, list[dict[str, Any]]]) -> None:
    """Nothing was wrong or missing, and the server's tasks were counted."""
    (churned,) = found["churn"]

    assert churned["told"] == []
    assert churned["sessions"] >= churned["visitors"]
    assert churned["footprints"][-1]["tasks"] > 0


def test_an_upstream_is_asked_directly_and_through_our_relay(found: dict[str, list[dict[str, Any]]]) -> None:
    """Both answer, and no session is lost."""
    runs = found["relay"]

    assert {run["server"] for run in runs} == {"direct", "antiphon relay"}
    assert all(run["responses_per_s"] > 0 and run["lost"] == 0 for run in runs)
