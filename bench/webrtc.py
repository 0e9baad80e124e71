"""Calls over WebRTC: how many a core carries, how late sound is, and what packet loss costs.

`python bench/webrtc.py --sessions 8` takes some minutes; `--only talk edges echo loss` chooses. The generator is a
process of its own, aiortc with packets that were encoded beforehand, on another core where there are two. All of it
goes over loopback, so what is told is our own share.
"""

import argparse
import asyncio
import json
import os
import shlex
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jiwer
from bench_all import RESULTS, kept, machine
from rich.console import Console
from rich.table import Table
from under_test import TONE, Server, antiphon, free_port, last_core, process, until_it_answers
from wer import Ears, words

from antiphon.audio.pcm import silence
from antiphon.engines import registry
from antiphon.runtime.scoring import Scoring
from antiphon.session.config import TurnRules

HERE = Path(__file__).parent
LOSSES = (0.0, 0.02, 0.05, 0.10)
CALLS = "/v1/realtime/calls"

Seen = dict[str, Any]


def generated(scenario: str, base: str, *flags: object) -> Seen:
    """What the generator saw."""
    first = min(os.sched_getaffinity(0))
    command = ["taskset", "-c", str(first), sys.executable, str(HERE / "rtc_load.py"), scenario, "--url", base + CALLS]
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        wishes = [*command, "--out", out.name, *map(str, flags)]
        done = subprocess.run(wishes, stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"The generator failed:\n{done.stderr[-2000:]}")
        seen: Seen = json.loads(Path(out.name).read_text())
    return seen


def base_of(server: Server) -> str:
    """The server's http address."""
    return server.url.replace("ws:", "http:").partition("/v1/")[0]


def talk(wish: argparse.Namespace) -> Seen:
    """Capacity: median of the rounds, on one core."""
    with antiphon(TONE, core=last_core()) as server:
        flags = ("--pid", server.pid, "--sessions", wish.sessions, "--seconds", wish.seconds)
        rounds = sorted(
            (generated("talk", base_of(server), *flags) for _ in range(wish.rounds)),
            key=lambda seen: seen["cpu_ms_per_session_second"],
        )
    return {**rounds[len(rounds) // 2], "rounds": [one["cpu_ms_per_session_second"] for one in rounds]}


def edges(wish: argparse.Namespace) -> Seen:
    """Ends and interruptions."""
    with antiphon(TONE, core=last_core()) as server:
        return generated("edges", base_of(server), "--turns", wish.turns)


def echo(wish: argparse.Namespace) -> Seen:
    """The transport's own share of the delay."""
    port = free_port()
    with process([sys.executable, str(HERE / "rtc_echo.py"), "--port", str(port)], last_core()) as child:
        base = f"http://127.0.0.1:{port}"
        until_it_answers(base, child)
        return generated("echo", base, "--turns", wish.turns)


def loss(wish: argparse.Namespace) -> list[Seen]:
    """Word error rates of both sides, by loss; with the engines that come with us."""
    rows = []
    with antiphon(["--no-anticipate", "--llm", "tone"]) as server:
        for share in LOSSES:
            seen = generated("loss", base_of(server), "--loss", share, "--turns", wish.rounds)["rows"]
            heard = asyncio.run(heard_by_clients([bytes.fromhex(row["client"]) for row in seen]))
            said = [words(row["text"]) for row in seen]
            rows.append(
                {
                    "loss": share,
                    "server_wer": jiwer.wer(said, [words(row["server"]) or "nothing" for row in seen]),
                    "client_wer": jiwer.wer(said, [words(text) or "nothing" for text in heard]),
                    "clips": len(seen),
                }
            )
    return rows


async def heard_by_clients(sounds: list[bytes]) -> list[str]:
    """What our own recogniser makes of what callers heard."""
    vad, asr = registry.make("vad", "silero"), registry.make("asr", "moonshine")
    await vad.start()
    await asr.start()
    scoring = Scoring(vad, 10.0)
    rules = TurnRules(silence_duration_ms=500)
    heard = [(await Ears(asr, scoring, rules).hear(silence(300) + pcm + silence(1500))).at_end for pcm in sounds]
    await scoring.stop()
    await asr.stop()
    await vad.stop()
    return [" ".join(texts) for texts in heard]


def shown(results: Seen) -> Table:
    """Everything on one page."""
    table = Table("what", "figure")
    for scenario in ("talk", "edges", "echo"):
        for name, figure in results.get(scenario, {}).items():
            table.add_row(f"{scenario}: {name}", json.dumps(figure))
    for row in results.get("loss", []):
        text = f"WER {100 * row['server_wer']:.1f} % here, {100 * row['client_wer']:.1f} % there"
        table.add_row(f"loss: {row['loss']:.0%} of {row['clips']} clips", text)
    return table


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else None)
    parser.add_argument("--sessions", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--turns", type=int, default=20)
    parser.add_argument("--only", nargs="+", default=["talk", "edges", "echo", "loss"])
    parser.add_argument("--json", type=Path, default=RESULTS, help="where the results of the bench are kept")
    wish = parser.parse_args()
    scenarios = {"talk": talk, "edges": edges, "echo": echo, "loss": loss}
    begun = datetime.now(UTC)
    results: Seen = {name: scenarios[name](wish) for name in wish.only}
    Console().print(shown(results))
    ran = {
        "command": f"python bench/webrtc.py {shlex.join(sys.argv[1:])}".strip(),
        "when": f"{begun:%Y-%m-%d %H:%M} UTC",
        "took_s": round((datetime.now(UTC) - begun).total_seconds()),
        "machine": machine(),
        "rounds": [results],
    }
    wish.json.write_text(json.dumps({"scenarios": {**kept(wish.json), "webrtc": ran}}, indent=1))


if __name__ == "__main__":
    main()
