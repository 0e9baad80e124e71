"""Traces: kept as recordings, read back, and told apart by their links."""

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import msgspec

from antiphon.conformance.bench import Target
from antiphon.recording import About, BadRecording, Line, Recorder, Recording, load


def by_link(lines: Sequence[Line]) -> list[list[Line]]:
    """What was said over each link, in order."""
    links: dict[str, list[Line]] = {}
    for line in lines:
        if line.way != "note":
            links.setdefault(line.link, []).append(line)
    return list(links.values())


def keep(folder: Path, name: str, target: Target, lines: Sequence[Line]) -> Path:
    """Write a trace as the recording `FOLDER/NAME.jsonl`; blocks until it is on disk. Raise OSError."""
    now = 0.0
    program = f"antiphon {version('antiphon')}"
    about = About("check", session_id=name, transport="websocket", model=target.model, program=program)
    recorder = Recorder.open(folder, name, about, clock=lambda: now)
    for line in lines:
        now = line.at
        frame = msgspec.json.encode(line.event) if line.raw is None else line.raw
        (recorder.heard if line.way == "client" else recorder.told)(frame, line.link)
    recorder.close()
    recorder.wait()
    return recorder.path


def kept(folder: Path) -> list[tuple[str, Sequence[Line]]]:
    """All recordings in a folder and below it, by name. Raise BadRecording or OSError.

    Of a session with several links only the first is kept: the others joined in the middle of it.
    """
    paths = sorted(folder.rglob("*.jsonl")) if folder.is_dir() else [folder]
    if not paths:
        raise BadRecording(folder, 0, "there are no recordings here.")
    return [(path.stem, _lines(load(path))) for path in paths]


def _lines(recording: Recording) -> Sequence[Line]:
    lines = tuple(line for line in recording.lines if line.way != "note")
    if recording.about.kind == "check" or not lines:
        return lines
    return tuple(line for line in lines if line.link == lines[0].link)
