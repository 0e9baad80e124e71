"""The pictures of `docs/performance.md`, as SVG, from what the bench has found."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter
from report import by, median, stage

Ran = dict[str, Any]
OURS, QUIET, PEER, FAINT = "#0b6e4f", "#74b49b", "#c8553d", "#e3a18f"
COLOURS = {
    "antiphon": OURS,
    "antiphon relay": OURS,
    "antiphon, no anticipation": QUIET,
    "speech-to-speech": PEER,
    "litellm": PEER,
    "speech-to-speech, no grace": FAINT,
    "direct": "#888888",
}
ENGINES = {"asr": "#4c78a8", "llm": "#b279a2", "tts": "#f58518"}
MARKS = (("stopped", "speech_stopped"), ("transcript", "transcript"), ("first_audio", "first audio"))


def answer(ran: Ran) -> Figure:
    """First audio, p50 as a bar and p95 as a line."""
    groups = by(ran["rounds"], "silence_ms", "server")
    silences = sorted({silence for silence, _ in groups}, reverse=True)
    figure, axes = plt.subplots(1, len(silences), figsize=(9, 2.8), sharex=True, sharey=True, squeeze=False)
    for axis, silence in zip(axes[0], silences, strict=True):
        names = [server for each, server in groups if each == silence]
        for row, name in enumerate(reversed(names)):
            rounds = groups[silence, name]
            p50, p95 = stage(rounds, "first_audio", 50) or 0, stage(rounds, "first_audio", 95) or 0
            axis.barh(row, p50, color=COLOURS.get(name, QUIET))
            axis.plot([p50, p95], [row, row], color="black", linewidth=1)
            axis.text(p95 + 20, row, f"{p50:,.0f}", va="center", fontsize=9)
        axis.axvline(silence, color="black", linestyle=":", linewidth=0.8)
        axis.set_yticks(range(len(names)), list(reversed(names)))
        axis.set_title(f"silence_duration_ms {silence}", fontsize=10)
        axis.set_xlabel("ms from the end of speech to first audio")
        axis.margins(x=0.15)
    return figure


def waterfall(ran: Ran) -> Figure:
    """When each engine worked on one answer, and what the client was told when."""
    rounds = ran["rounds"]
    figure, axes = plt.subplots(len(rounds), 1, figsize=(9, 2.2 * len(rounds)), sharex=True, squeeze=False)
    for axis, each in zip(axes[:, 0], rounds, strict=True):
        for call in each["calls"]:
            row = list(ENGINES).index(call["engine"])
            axis.barh(
                row,
                call["done_ms"] - call["begun_ms"],
                left=call["begun_ms"],
                color=ENGINES[call["engine"]],
                alpha=0.35,
            )
            axis.barh(row, call["done_ms"] - call["first_ms"], left=call["first_ms"], color=ENGINES[call["engine"]])
        for height, (name, label) in enumerate(MARKS):
            at = each["turn"][f"{name}_ms"]
            if at is not None:
                axis.axvline(at, color="black", linewidth=0.8)
                axis.text(at + 6, -1.5 + 0.34 * height, f"{label} {at:,.0f}", fontsize=8, va="center")
        axis.axvline(0, color="black", linestyle=":", linewidth=1)
        axis.set_yticks(range(len(ENGINES)), [name.upper() for name in ENGINES])
        axis.set_ylim(2.6, -1.8)
        axis.set_title(each["server"], fontsize=10, loc="left")
    axes[-1, 0].set_xlabel("ms from the end of speech; pale: waiting for the engine's first output")
    return figure


def listen(ran: Ran) -> Figure:
    """Ping and CPU over the number of listeners."""
    groups = sorted(by(ran["rounds"], "sessions").items())
    sessions = [key[0] for key, _ in groups]
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 2.8))
    for part, colour in (("p50", QUIET), ("p95", OURS)):
        left.plot(sessions, [median(rounds, "ping_ms", part) for _, rounds in groups], "o-", color=colour, label=part)
    left.axhline(50, color="black", linestyle=":", linewidth=0.8)
    _logarithmic(left)
    left.legend(frameon=False)
    _labelled(left, "sessions that listen, on one core", "ping, ms")
    right.plot(sessions, [median(rounds, "cpu_ms_per_session_s") for _, rounds in groups], "o-", color=OURS)
    right.axhline(2, color="black", linestyle=":", linewidth=0.8)
    right.set_ylim(bottom=0)
    _labelled(right, "sessions that listen, on one core", "CPU ms per session-second")
    return figure


def talk(ran: Ran) -> Figure:
    """The server's own share and its core over the number of callers."""
    groups = sorted(item for item in by(ran["rounds"], "sessions").items() if item[0][0])
    sessions = [key[0] for key, _ in groups]
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 2.8))
    for part, colour in (("p50", QUIET), ("p99", OURS)):
        left.plot(sessions, [median(rounds, "share_ms", part) for _, rounds in groups], "o-", color=colour, label=part)
    left.axhline(2, color="black", linestyle=":", linewidth=0.8)
    _logarithmic(left)
    left.legend(frameon=False)
    _labelled(left, "sessions that talk", "own share of a piece of audio, ms")
    right.plot(sessions, [100 * (median(rounds, "cpu_share") or 0) for _, rounds in groups], "o-", color=OURS)
    right.set_ylim(bottom=0)
    _labelled(right, "sessions that talk", "of one core, %")
    return figure


def relay(ran: Ran) -> Figure:
    """What is added one way at one session, and what is borne at the most."""
    groups = by(ran["rounds"], "way", "sessions", "server")
    most = max(sessions for _, sessions, _ in groups)
    names = [server for way, sessions, server in groups if way == "burst" and sessions == most and server != "direct"]
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 2.2))
    for row, name in enumerate(reversed(names)):
        for offset, key in ((0.2, "down_ms"), (-0.2, "up_ms")):
            here = median(groups.get(("paced", 1, name), []), key, "p50") or 0
            there = median(groups.get(("paced", 1, "direct"), []), key, "p50") or 0
            way = "to the client" if key == "down_ms" else "to the upstream"
            left.barh(row + offset, here - there, 0.38, color=COLOURS[name])
            left.text(here - there, row + offset, f" {here - there:.2f} {way}", va="center", fontsize=8)
        rate = median(groups["burst", most, name], "responses_per_s") or 0
        right.barh(row, rate, color=COLOURS[name])
        right.text(rate, row, f" {rate:,.0f}", va="center", fontsize=9)
    for axis, text in ((left, "added one way, p50, ms, one session"), (right, f"responses/s, {most} sessions, burst")):
        axis.set_yticks(range(len(names)), list(reversed(names)))
        axis.set_xlabel(text)
        axis.margins(x=0.4)
    return figure


def churn(ran: Ran) -> Figure:
    """Memory and tasks over time."""
    marks = ran["rounds"][0]["footprints"]
    minutes = [mark["at_s"] / 60 for mark in marks]
    figure, axis = plt.subplots(figsize=(9, 2.4))
    axis.plot(minutes, [mark["rss_mib"] for mark in marks], color=OURS)
    axis.set_ylim(bottom=0)
    _labelled(axis, "minutes of churn", "RSS, MiB")
    if "tasks" in marks[0]:
        tasks = axis.twinx()
        tasks.plot(minutes, [mark.get("tasks") for mark in marks], color=PEER, linewidth=0.8)
        tasks.set_ylim(bottom=0)
        tasks.set_ylabel("tasks", color=PEER)
    return figure


def _logarithmic(axis: Axes) -> None:
    axis.set_yscale("log")
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.yaxis.set_minor_formatter(NullFormatter())


def _labelled(axis: Axes, across: str, up: str) -> None:
    axis.set_xlabel(across)
    axis.set_ylabel(up)


PICTURES: dict[str, Callable[[Ran], Figure]] = {
    "answer": answer,
    "relay": relay,
    "listen": listen,
    "talk": talk,
    "waterfall": waterfall,
    "churn": churn,
}


def draw(scenarios: dict[str, Ran], folder: Path) -> None:
    """A file for each scenario that has a picture and was run; the same figures make the same bytes."""
    mpl.use("svg")
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "bench", "font.family": "sans-serif", "font.size": 9})
    mpl.rcParams.update({"axes.spines.top": False, "axes.spines.right": False})
    for name, picture in PICTURES.items():
        if name in scenarios:
            figure = picture(scenarios[name])
            figure.tight_layout()
            figure.savefig(folder / f"bench-{name}.svg", metadata={"Date": None})
            plt.close(figure)
