"""`docs/performance.md` and its pictures, from what the bench has found: no figure there is copied by hand.

`python bench/report.py` rewrites what stands between `<!-- bench:NAME -->` and `<!-- /bench -->` in the page, for each
scenario that `bench-results.json` has, and draws `docs/images/bench-NAME.svg`.
"""

import argparse
import json
import re
import statistics
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

Result = dict[str, Any]
Ran = dict[str, Any]
ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "performance.md"
IMAGES = ROOT / "docs" / "images"
STAGES = ("stopped", "transcript", "first_audio", "done")
OURS, PEER, QUICKEST = "antiphon", "speech-to-speech", "speech-to-speech, no grace"


# Figures


def by(results: Iterable[Result], *keys: str) -> dict[tuple[Any, ...], list[Result]]:
    """The rounds of each set-up, in the order in which they first came."""
    groups: dict[tuple[Any, ...], list[Result]] = {}
    for result in results:
        groups.setdefault(tuple(result.get(key) for key in keys), []).append(result)
    return groups


def quantile(values: Sequence[float], part: int) -> float | None:
    """A percentile; None where there is nothing to count."""
    if len(values) < 2:
        return values[0] if values else None
    return statistics.quantiles(values, n=100, method="inclusive")[part - 1]


def median(rounds: list[Result], *path: str) -> float | None:
    """The middle of all rounds; None where none has it."""
    found = []
    for result in rounds:
        value: Any = result
        for key in path:
            value = value.get(key) if value is not None else None
        if value is not None:
            found.append(value)
    return statistics.median(found) if found else None


def stage(rounds: list[Result], name: str, part: int) -> float | None:
    """A percentile of a stage, over the turns of all rounds."""
    return quantile([turn[f"{name}_ms"] for turn in turns(rounds) if turn[f"{name}_ms"] is not None], part)


def turns(rounds: list[Result]) -> list[Result]:
    """All turns of all rounds."""
    return [turn for result in rounds for turn in result["turns"]]


def wrong(rounds: list[Result]) -> int:
    """Errors, turns that were not answered, lost connections, and answers that did not come whole and in order."""
    lost: int = sum(len(result["errors"]) + result["missing"] + result["closed"] for result in rounds)
    return lost + sum(not turn["is_in_order"] or turn["status"] != "completed" for turn in turns(rounds))


# Words


def shown(value: float | None, digits: int = 0) -> str:
    """A figure for a table."""
    return "-" if value is None else f"{value:,.{digits}f}"


def pair(low: float | None, high: float | None, digits: int = 0) -> str:
    """p50 and p95."""
    return f"{shown(low, digits)} / {shown(high, digits)}"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """As Markdown."""
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def target(text: str, value: float | None, limit: float, *, digits: int = 0, least: bool = False) -> str:
    """Whether a target was met, as a line of a list."""
    if value is None:
        return f"- {text}: not measured."
    is_met = value >= limit if least else value <= limit
    return f"- {text}: **{'met' if is_met else 'missed'}** ({shown(value, digits)})."


def ratio(ours: float | None, theirs: float | None) -> str:
    """How many times theirs is of ours."""
    return "-" if not ours or theirs is None else f"{theirs / ours:.2f}"


def times(high: float | None, low: float | None, digits: int = 2) -> float | None:
    """One figure as a multiple of another."""
    return None if high is None or not low else round(high / low, digits)


# Sections


def answer(ran: Ran) -> str:
    """Waterfalls beside each other."""
    groups = by(ran["rounds"], "silence_ms", "server")
    lines = []
    for silence_ms in (500, 200):
        ours = stage(groups.get((silence_ms, OURS), []), "first_audio", 50)
        for peer in (PEER, QUICKEST):
            theirs = stage(groups.get((silence_ms, peer), []), "first_audio", 50)
            if ours and theirs:
                lines.append(
                    f"- {silence_ms} ms of silence: first audio **{ratio(ours, theirs)} times** as fast as `{peer}` "
                    f"({shown(ours)} against {shown(theirs)} ms)"
                )
    goals = []
    for silence_ms, p50, p95 in ((500, 580, 620), (200, 540, None)):
        rounds = groups.get((silence_ms, OURS), [])
        goals.append(target(f"p50 at {silence_ms} ms, at most {p50} ms", stage(rounds, "first_audio", 50), p50))
        if p95:
            goals.append(target(f"p95 at {silence_ms} ms, at most {p95} ms", stage(rounds, "first_audio", 95), p95))
    return _join(
        [*lines, ""] if lines else [], [_talk_table(groups, ("silence ms", "server"))], ["", "Targets:", ""], goals
    )


def embedded(ran: Ran) -> str:
    """One caller, the engines that come with us."""
    groups = by(ran["rounds"], "said", "silence_ms", "server")
    goals = [
        target(
            f"p50 at {silence_ms} ms, clips of 3 to 5 s, at most {limit} ms",
            stage(groups.get(("3 to 5 s", silence_ms, OURS), []), "first_audio", 50),
            limit,
        )
        for silence_ms, limit in ((500, 580), (200, 440))
    ]
    return _join([_talk_table(groups, ("said", "silence ms", "server"))], ["", "Targets:", ""], goals)


def _talk_table(groups: dict[tuple[Any, ...], list[Result]], keys: Sequence[str]) -> str:
    rows = []
    for names, rounds in groups.items():
        cells = [pair(stage(rounds, name, 50), stage(rounds, name, 95)) for name in STAGES]
        cells[2] = f"**{cells[2]}**"
        told = turns(rounds)
        rows.append(
            [
                *map(str, names),
                str(len(told)),
                *cells,
                str(sum(turn["underruns"] for turn in told)),
                str(sum(turn["early_stops"] for turn in told)),
                str(wrong(rounds)),
                shown(median(rounds, "cpu_ms_per_session_s"), 1),
                shown(median(rounds, "rss_mib")),
                shown(median(rounds, "load_average"), 1),
            ]
        )
    heads = ("`speech_stopped`", "transcript", "first audio", "done", "underruns", "early", "wrong")
    return table([*keys, "turns", *heads, "CPU ms/s", "RSS MiB", "load"], rows)


def talk(ran: Ran) -> str:
    """A ramp of callers who are answered."""
    groups = {key[0]: rounds for key, rounds in by(ran["rounds"], "sessions").items()}
    alone = groups.pop(0, [])
    rows = []
    for sessions, rounds in groups.items():
        told = turns(rounds)
        rows.append(
            [
                str(sessions),
                shown(100 * (median(rounds, "cpu_share") or 0)) + " %",
                pair(stage(rounds, "first_audio", 50), stage(rounds, "first_audio", 95)),
                *(shown(median(rounds, "share_ms", part), 2) for part in ("p50", "p95", "p99")),
                str(sum(turn["underruns"] for turn in told)),
                str(len(told)),
                str(wrong(rounds)),
                shown(median(rounds, "generator_lag_ms", "p99"), 1),
                shown(median(rounds, "load_average"), 1),
            ]
        )
    heads = ["sessions", "core", "first audio p50 / p95", "share p50", "p95", "p99", "underruns", "turns", "wrong"]
    half = half_load(groups)
    goals = []
    if half is not None:
        rounds = groups[half]
        goals = [
            f"Half load: {half} sessions; the core is busy for {shown(100 * (median(rounds, 'cpu_share') or 0))} %.",
            "",
            target("own share at half load, p99 at most 2 ms", median(rounds, "share_ms", "p99"), 2, digits=2),
            target("underruns at half load, none", float(sum(t["underruns"] for t in turns(rounds))), 0),
        ]
    if alone:
        p50, p99 = (shown(median(alone, "share_ms", part), 2) for part in ("p50", "p99"))
        goals += ["", f"Of each share, p50 {p50} and p99 {p99} ms are the stub's own, read without a server between."]
    return _join([table([*heads, "generator late p99 ms", "load"], rows), ""], goals)


def half_load(groups: dict[int, list[Result]]) -> int | None:
    """The sessions at which the server's core is nearest to half busy."""
    shares = {sessions: median(rounds, "cpu_share") for sessions, rounds in groups.items()}
    known = {sessions: share for sessions, share in shares.items() if share is not None}
    return min(known, key=lambda sessions: abs(known[sessions] - 0.5)) if known else None


def talk_embedded(ran: Ran) -> str:
    """The same with models."""
    rows = []
    for (sessions,), rounds in by(ran["rounds"], "sessions").items():
        told = turns(rounds)
        rows.append(
            [
                str(sessions),
                shown(100 * (median(rounds, "cpu_share") or 0)) + " %",
                pair(stage(rounds, "first_audio", 50), stage(rounds, "first_audio", 95)),
                str(len(told)),
                str(sum(turn["underruns"] for turn in told)),
                shown(sum(turn["gap_ms"] for turn in told)),
                str(wrong(rounds)),
                shown(median(rounds, "rss_mib")),
                shown(median(rounds, "load_average"), 1),
            ]
        )
    heads = (
        "sessions",
        "of one core",
        "first audio p50 / p95",
        "turns",
        "underruns",
        "gaps ms",
        "wrong",
        "RSS MiB",
        "load",
    )
    return table(heads, rows)


def listen(ran: Ran) -> str:
    """What listening costs."""
    groups = {key[0]: rounds for key, rounds in sorted(by(ran["rounds"], "sessions").items())}
    rows = []
    for sessions, rounds in groups.items():
        heard, said = (sum(result[key] for result in rounds) for key in ("speech_started", "clips_spoken"))
        rows.append(
            [
                str(sessions),
                shown(median(rounds, "cpu_ms_per_session_s"), 2),
                shown(100 * (median(rounds, "cpu_share") or 0)) + " %",
                pair(median(rounds, "ping_ms", "p50"), median(rounds, "ping_ms", "p95")),
                f"{100 * heard / max(1, said):.0f} %",
                str(sum(len(result["errors"]) + result["closed"] for result in rounds)),
                shown(median(rounds, "load_average"), 1),
            ]
        )
    borne = [n for n, rounds in groups.items() if (median(rounds, "ping_ms", "p95") or 1e9) < 50]
    goals = [
        target("sessions with a ping p95 below 50 ms, at least 320", float(max(borne, default=0)), 320, least=True),
        target(
            "CPU per session-second at the most sessions borne, at most 2.0 ms",
            median(groups[max(borne)], "cpu_ms_per_session_s") if borne else None,
            2.0,
            digits=2,
        ),
    ]
    heads = ("sessions", "CPU ms per session-second", "core", "ping p50 / p95 ms", "turns heard", "wrong", "load")
    return _join([table(heads, rows)], ["", "Targets:", ""], goals)


def relay(ran: Ran) -> str:
    """What a relay adds."""
    groups = by(ran["rounds"], "way", "sessions", "server")
    rows = []
    for (way, sessions, server), rounds in groups.items():
        direct = groups[way, sessions, "direct"]
        own = server == "direct"
        rows.append(
            [
                way,
                str(sessions),
                server,
                *(_added(rounds, direct, key, own=own) for key in ("down_ms", "up_ms")),
                shown(median(rounds, "responses_per_s"), 1),
                ratio(median(direct, "responses_per_s"), median(rounds, "responses_per_s")),
                pair(median(rounds, "done_ms", "p50"), median(rounds, "done_ms", "p95"), 1),
                "-" if own else shown(median(rounds, "cpu_us_per_frame"), 1),
                "-" if own else shown(100 * (median(rounds, "cpu_share") or 0)) + " %",
                "-" if own else shown(median(rounds, "rss_mib")),
                shown(median(rounds, "load_average"), 1),
            ]
        )
    heads = ["way", "sessions", "through", "to client ms", "to upstream ms", "responses/s", "of direct's"]
    return _join(
        [*_relay_ratios(groups), ""],
        [table([*heads, "done p50 / p95 ms", "CPU us/frame", "core", "RSS MiB", "load"], rows), "", "Targets:", ""],
        _relay_goals(groups),
    )


def _added(rounds: list[Result], direct: list[Result], key: str, *, own: bool) -> str:
    """p50 one way; for a relay what it adds."""
    here, there = median(rounds, key, "p50"), median(direct, key, "p50")
    if here is None or there is None:
        return "-"
    return shown(here, 2) if own else f"+{here - there:.2f}"


def _relay_ratios(groups: dict[tuple[Any, ...], list[Result]]) -> list[str]:
    lines = []
    for (way, sessions, server), rounds in groups.items():
        theirs = groups.get((way, sessions, "litellm"))
        if server == "antiphon relay" and theirs and way == "burst":
            rate = times(median(rounds, "responses_per_s"), median(theirs, "responses_per_s"))
            cost = times(median(theirs, "cpu_us_per_frame"), median(rounds, "cpu_us_per_frame"))
            lines.append(
                f"- `{way}`, {sessions} session{'s' * (sessions > 1)}: **{rate} times** litellm's responses a second; "
                f"its CPU per frame is {cost} times ours"
            )
    return lines


def _relay_goals(groups: dict[tuple[Any, ...], list[Result]]) -> list[str]:
    def of(way: str, sessions: int, server: str, *path: str) -> float | None:
        return median(groups.get((way, sessions, server), []), *path)

    most = max(sessions for _, sessions, _ in groups)
    goals = []
    for key, name in (("down_ms", "to the client"), ("up_ms", "to the upstream")):
        here, there = of("paced", 1, "antiphon relay", key, "p50"), of("paced", 1, "direct", key, "p50")
        added = None if here is None or there is None else here - there
        goals.append(target(f"added p50 one way {name}, one session, at most 0.5 ms", added, 0.5, digits=2))
    for way in ("paced", "burst"):
        ours = of(way, most, "antiphon relay", "responses_per_s")
        text = f"responses a second of direct's, {most} sessions, `{way}`, at least 0.9"
        goals.append(target(text, times(ours, of(way, most, "direct", "responses_per_s")), 0.9, digits=2, least=True))
    rate = times(
        of("burst", most, "antiphon relay", "responses_per_s"), of("burst", most, "litellm", "responses_per_s")
    )
    goals.append(target(f"of litellm's, {most} sessions, `burst`, at least 2", rate, 2, digits=2, least=True))
    cost = of("burst", most, "antiphon relay", "cpu_us_per_frame")
    goals.append(target("CPU per relayed frame, at most 60 us", cost, 60, digits=1))
    return goals


def idle(ran: Ran) -> str:
    """What a connected session costs."""
    rounds = ran["rounds"]
    sessions = rounds[0]["sessions"]
    row = [
        str(sessions),
        shown(median(rounds, "kib_per_session")),
        shown(median(rounds, "rss_mib")),
        f"{100 * (median(rounds, 'cpu_share') or 0):.1f} %",
        shown(median(rounds, "connect_ms", "p95")),
    ]
    heads = ("sessions", "KiB per session", "RSS MiB", "core", "connecting p95 ms, 20 at a time")
    goal = target("memory per connected session, at most 300 KiB", median(rounds, "kib_per_session"), 300)
    return _join([table(heads, [row]), "", goal])


def churn(ran: Ran) -> str:
    """What came and went."""
    run = ran["rounds"][0]
    marks = run["footprints"]
    fates = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in sorted(run["by_fate"].items()))
    responses = ", ".join(f"{status} {count:,}" for status, count in sorted(run["responses"].items()))
    lines = [
        f"{run['minutes']:.3g} minutes, {run['visitors']} visitors at a time, {run['sessions']:,} sessions: {fates}.",
        f"{run['events']:,} events; responses: {responses}.",
        "",
        target("wrong events, none", float(run["wrong"]), 0),
        target("missing events, none", float(run["missing"]), 0),
        *(f"  - {text}" for text in run["told"][:10]),
    ]
    if not marks:
        return _join(lines)
    chosen = sorted({0, len(marks) // 6, len(marks) // 2, len(marks) - 1})
    rows = [
        [f"after {marks[at]['at_s'] / 60:.0f} min", *(shown(marks[at].get(key), digits) for key, digits in COLUMNS)]
        for at in chosen
    ]
    return _join([*lines, "", table(("server", "RSS MiB", "tasks", "threads", "open files"), rows)])


COLUMNS = (("rss_mib", 1), ("tasks", 0), ("threads", 0), ("files", 0))


def waterfall(ran: Ran) -> str:
    """The picture says it; here are its figures."""
    rows = []
    for each in ran["rounds"]:
        turn = each["turn"]
        stages_ms = (shown(turn[f"{name}_ms"]) for name in ("stopped", "transcript", "created", "first_audio", "done"))
        rows.append([each["server"], *stages_ms])
    return table(("server", "`speech_stopped`", "transcript", "`response.created`", "first audio", "done"), rows)


def profile(ran: Ran) -> str:
    """The ten functions on top."""
    parts = []
    for each in ran["rounds"]:
        what = "Listening" if each["scenario"] == "listen" else "Talking"
        rows = [[f"{100 * row['share']:.0f} %", f"`{row['function']}`"] for row in each["top"]]
        parts += [f"{what}, {each['sessions']} sessions:", "", table(("share", "where"), rows), ""]
    return "\n".join(parts).rstrip()


def _join(*parts: Iterable[str]) -> str:
    return "\n".join(line for part in parts for line in part)


def webrtc(ran: Ran) -> str:
    """What a call costs, how late its sound is, and what losses do."""
    (seen,) = ran["rounds"]
    calls, edges, echo = seen.get("talk", {}), seen.get("edges", {}), seen.get("echo", {})
    cost = calls.get("cpu_ms_per_session_second")

    def median_of(figures: Result, name: str) -> float | None:
        return figures.get(name, {}).get("median")

    rows = [
        [f"{row['loss']:.0%}", f"{100 * row['server_wer']:.1f} %", f"{100 * row['client_wer']:.1f} %"]
        for row in seen.get("loss", [])
    ]
    clips = seen["loss"][0]["clips"] if rows else 0
    return _join(
        [
            (
                f"{calls.get('sessions', '-')} calls on one core, {shown(cost, 1)} ms of CPU per session-second "
                f"(rounds: {', '.join(shown(one, 1) for one in calls.get('rounds', []))})."
            ),
            "",
            target("calls per core, at least 25", 1000 / cost if cost else None, 25, digits=1, least=True),
            target(
                "`output_audio_buffer.stopped` after the last sounding packet, median, at most 40 ms",
                abs(median_of(edges, "stopped_after_last_sound_ms") or 0.0),
                40,
                digits=1,
            ),
            target(
                "`speech_started` to silence on the wire, median, at most 60 ms",
                median_of(edges, "silent_after_speech_started_ms"),
                60,
                digits=1,
            ),
            target("RTP in to the core, median, at most 40 ms", median_of(echo, "rtp_in_to_core_ms"), 40, digits=1),
            target(
                "audio delta to RTP out, median, at most 40 ms", median_of(echo, "delta_to_rtp_out_ms"), 40, digits=1
            ),
            "",
            f"Packets lost each way, and word error rates over {clips} clips, with the engines that come with us:",
            "",
            table(("lost", "of what the server heard", "of what the caller heard"), rows),
        ]
    )


SECTIONS: dict[str, Callable[[Ran], str]] = {
    "answer": answer,
    "relay": relay,
    "embedded": embedded,
    "listen": listen,
    "talk": talk,
    "talk_embedded": talk_embedded,
    "idle": idle,
    "waterfall": waterfall,
    "profile": profile,
    "churn": churn,
    "webrtc": webrtc,
}


def section(name: str, ran: Ran) -> str:
    """What is told of a scenario: how it was run, its ratios, its table, its targets."""
    took = f"{ran['when']}, {shown(ran['took_s'] / 60, 1)} min"
    said = "" if name in ("relay", "webrtc") else f" Said: {', '.join(ran['clips'])}."
    return f"`{ran['command']}`\n{took}; {ran['machine']}.{said}\n\n{SECTIONS[name](ran)}"


def filled(page: str, scenarios: dict[str, Ran]) -> str:
    """The page with its sections of today. Scenarios that were not run stay as they are."""

    def told(found: re.Match[str]) -> str:
        name = found[1]
        if name not in scenarios:
            return found[0]
        picture = f"\n\n![{name}](images/bench-{name}.svg)" if (IMAGES / f"bench-{name}.svg").exists() else ""
        return f"<!-- bench:{name} -->\n{section(name, scenarios[name])}{picture}\n<!-- /bench -->"

    return re.sub(r"<!-- bench:(\w+) -->\n.*?<!-- /bench -->", told, page, flags=re.DOTALL)


def main() -> None:
    """Draw, write."""
    from plots import draw  # noqa: PLC0415 -- only here is there need of what draws

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, default=ROOT / "bench-results.json")
    scenarios: dict[str, Ran] = json.loads(parser.parse_args().json.read_text())["scenarios"]
    draw(scenarios, IMAGES)
    PAGE.write_text(filled(PAGE.read_text("utf-8"), scenarios), "utf-8")


if __name__ == "__main__":
    main()
