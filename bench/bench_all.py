"""The bench: our server under the loads of `docs/performance.md`; tables on the terminal, everything as JSON.

`python bench/bench_all.py` takes about a quarter of an hour. `--only answer listen` chooses scenarios, `--short` makes
each run as short as can be: good for seeing that all works, not for figures. Runs of what is compared are interleaved,
and medians over the rounds are told, with the load average of the machine.
"""

import argparse
import json
import os
import platform
import statistics
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from under_test import TONE, antiphon, last_core, load, stubs

Result = dict[str, Any]


def answer(wish: argparse.Namespace) -> list[Result]:
    """All three engines over HTTP with set delays; at both silences, anticipating and not, in turn."""
    results = []
    with stubs() as engines:
        flags = [part for role in ("asr", "llm", "tts") for part in (f"--{role}", f"openai:{engines}#stub")]
        with antiphon(flags) as quick, antiphon([*flags, "--no-anticipate"]) as plain:
            for _ in range(wish.rounds):
                for silence_ms in (500, 200):
                    for anticipates, server in ((True, quick), (False, plain)):
                        seen = load(
                            server,
                            "answer",
                            *("--sessions", wish.answer_sessions, "--seconds", wish.seconds),
                            *("--silence-ms", silence_ms, "--chunk-ms", 20),
                        )
                        results.append({**seen, "anticipates": anticipates})
    return results


def embedded(wish: argparse.Namespace) -> list[Result]:
    """The engines that come with us, one caller at a time: with more, they share the cores."""
    results = []
    with antiphon([]) as quick, antiphon(["--no-anticipate"]) as plain:
        for _ in range(wish.rounds):
            for silence_ms in (500, 200):
                for anticipates, server in ((True, quick), (False, plain)):
                    seen = load(
                        server, "answer", "--sessions", 1, "--seconds", wish.seconds, "--silence-ms", silence_ms
                    )
                    results.append({**seen, "anticipates": anticipates})
    return results


def listen(wish: argparse.Namespace) -> list[Result]:
    """Callers who talk 40 % of the time to a server pinned to one core; the generator has another."""
    results = []
    cores = sorted(os.sched_getaffinity(0))
    with antiphon(TONE, core=last_core()) as server:
        for sessions in wish.listeners:
            for _ in range(wish.rounds):
                flags = ("--sessions", sessions, "--seconds", wish.seconds, "--chunk-ms", 100, "--spread-s", 5)
                results.append(load(server, "listen", *flags, core=cores[0]))
    return results


def idle(wish: argparse.Namespace) -> list[Result]:
    """Sessions that are connected, and nothing more."""
    results = []
    for _ in range(wish.rounds if not wish.short else 1):
        with antiphon(TONE) as server:
            load(server, "idle", "--sessions", 20, "--seconds", 0.2)  # what is loaded once, is loaded
            results.append(load(server, "idle", "--sessions", wish.idlers, "--seconds", wish.seconds))
    return results


def churn(wish: argparse.Namespace) -> list[Result]:
    """Sessions that come and go."""
    with antiphon(TONE) as server:
        load(server, "churn", "--sessions", 4, "--seconds", 1)
        return [load(server, "churn", "--sessions", 20, "--seconds", wish.seconds) for _ in range(wish.rounds)]


SCENARIOS: dict[str, Callable[[argparse.Namespace], list[Result]]] = {
    "answer": answer,
    "embedded": embedded,
    "listen": listen,
    "idle": idle,
    "churn": churn,
}


# Tables


def by(results: list[Result], *keys: str) -> dict[tuple[Any, ...], list[Result]]:
    """The rounds of each set-up."""
    groups: dict[tuple[Any, ...], list[Result]] = {}
    for result in results:
        groups.setdefault(tuple(result.get(key) for key in keys), []).append(result)
    return groups


def quantile(values: list[float], part: int) -> float | None:
    """A percentile; None where there is nothing to count."""
    if len(values) < 2:
        return values[0] if values else None
    return statistics.quantiles(values, n=100, method="inclusive")[part - 1]


def shown(value: float | None, digits: int = 0) -> str:
    """A figure for a table."""
    return "-" if value is None else f"{value:.{digits}f}"


def talk_table(name: str, results: list[Result]) -> Table:
    """Waterfalls: milliseconds from the true end of speech."""
    table = Table(title=f"{name}: ms from the end of speech (p50 / p95)")
    stages = ("stopped", "transcript", "first_audio", "done")
    heads = ("silence", "anticipates", "sessions", "turns", *stages, "underruns", "early", "wrong", "CPU ms/s", "load")
    for head in heads:
        table.add_column(head, justify="right")
    for (silence_ms, anticipates, sessions), rounds in by(results, "silence_ms", "anticipates", "sessions").items():
        turns = [turn for result in rounds for turn in result["turns"]]
        cells = []
        for stage in stages:
            times = [turn[f"{stage}_ms"] for turn in turns if turn[f"{stage}_ms"] is not None]
            cells.append(f"{shown(quantile(times, 50))} / {shown(quantile(times, 95))}")
        wrong = sum(len(r["errors"]) + r["missing"] + r["closed"] for r in rounds)
        wrong += sum(not turn["is_in_order"] or turn["status"] != "completed" for turn in turns)
        table.add_row(
            str(silence_ms),
            "yes" if anticipates else "no",
            str(sessions),
            str(len(turns)),
            *cells,
            str(sum(turn["underruns"] for turn in turns)),
            str(sum(turn["early_stops"] for turn in turns)),
            str(wrong),
            shown(statistics.median(r["cpu_ms_per_session_s"] for r in rounds), 1),
            shown(statistics.median(r["load_average"] for r in rounds), 1),
        )
    return table


COLUMNS: dict[str, tuple[str, Callable[[Result], float | None]]] = {
    "CPU ms/session-s": ("median", lambda r: r.get("cpu_ms_per_session_s")),
    "CPU %": ("median", lambda r: 100 * r["cpu_share"]),
    "ping p50 ms": ("median", lambda r: r["ping_ms"].get("p50")),
    "ping p95 ms": ("median", lambda r: r["ping_ms"].get("p95")),
    "connect p95 ms": ("median", lambda r: r["connect_ms"].get("p95")),
    "sessions/s": ("median", lambda r: r.get("sessions_per_s")),
    "KiB/session": ("median", lambda r: r.get("kib_per_session")),
    "RSS MiB": ("median", lambda r: r["rss_mib"]),
    "turns heard %": ("median", lambda r: 100 * r["speech_started"] / r["clips_spoken"] if r["clips_spoken"] else None),
    "generator late p95 ms": ("median", lambda r: r["generator_lag_ms"].get("p95")),
    "errors": ("sum", lambda r: len(r["errors"]) + r["closed"]),
    "load": ("median", lambda r: r["load_average"]),
}


def load_table(name: str, results: list[Result]) -> Table:
    """What a server bears."""
    table = Table(title=name)
    wanted = [head for head, (_, read) in COLUMNS.items() if any(read(result) is not None for result in results)]
    for head in ("sessions", *wanted):
        table.add_column(head, justify="right")
    for (sessions,), rounds in by(results, "sessions").items():
        cells = []
        for head in wanted:
            way, read = COLUMNS[head]
            values = [value for value in map(read, rounds) if value is not None]
            total = sum(values) if way == "sum" else statistics.median(values) if values else None
            cells.append(shown(total, 0 if way == "sum" else 2))
        table.add_row(str(sessions), *cells)
    return table


def machine() -> str:
    """Where this was measured."""
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.processor(),
    )
    return f"{model}, {len(os.sched_getaffinity(0))} cores, {platform.system()}, Python {platform.python_version()}"


def main() -> None:
    """Run, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", choices=tuple(SCENARIOS), default=list(SCENARIOS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=20, help="of each run")
    parser.add_argument("--answer-sessions", type=int, default=4)
    parser.add_argument("--listeners", type=int, nargs="*", default=[100, 200, 320, 400])
    parser.add_argument("--idlers", type=int, default=1000)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--json", type=Path, default=Path("bench-results.json"))
    wish = parser.parse_args()
    if wish.short:
        wish.rounds, wish.seconds, wish.answer_sessions, wish.listeners, wish.idlers = 1, 4, 2, [5], 20
    console = Console(width=None if Console().is_terminal else 160)
    where, results = machine(), {}
    console.print(f"{where}; {datetime.now(UTC):%Y-%m-%d %H:%M} UTC; {wish.rounds} rounds of {wish.seconds:g} s")
    for name in wish.only:
        results[name] = SCENARIOS[name](wish)
        is_talk = name in ("answer", "embedded")
        console.print(talk_table(name, results[name]) if is_talk else load_table(name, results[name]))
        wish.json.write_text(json.dumps({"machine": where, "results": results}, indent=1))


if __name__ == "__main__":
    main()
