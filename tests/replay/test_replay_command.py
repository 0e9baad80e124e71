"""`antiphon replay`, as it is typed."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from recorded import recorded
from served import Caller, engines, play
from typer.testing import CliRunner, Result

from antiphon.cli import app
from antiphon.recording import Recording
from antiphon.testing import serving


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["replay", *words], catch_exceptions=False)


async def asking(caller: Caller) -> None:
    await caller.ask("hello")
    await caller.until("response.done")


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    return recorded(tmp_path, asking)


def mutated(recording: Recording) -> None:
    """As if the core had another rule: the response ends otherwise."""
    text = recording.path.read_text()
    place = text.index('"type":"response.done"')
    recording.path.write_text(text[:place] + text[place:].replace('"status":"completed"', '"status":"failed"', 1))


def test_a_good_recording(recording: Recording) -> None:
    """The number of events, and that nothing differs."""
    done = run(str(recording.path))

    assert (done.exit_code, done.output) == (0, f"{replayable(recording)} events, no difference\n")


def replayable(recording: Recording) -> int:
    return sum(line.way == "server" for line in recording.lines)


def test_the_first_difference_is_shown(recording: Recording) -> None:
    """Line, input, place, both values; the exit code is 1."""
    mutated(recording)
    line = next(line for line in recording.lines if line.event.get("type") == "response.done")
    done = run(str(recording.path))

    assert done.exit_code == 1
    assert done.output.startswith(f"line {line.number}, ")
    shown = " ".join(done.output.split())
    assert "the core was told: Finished" in shown
    assert "expected: response.done to link_1 got: response.done to link_1" in shown
    assert "response.status failed completed" in shown


def test_for_a_program(recording: Recording) -> None:
    """One object, the same facts."""
    good = json.loads(run(str(recording.path), "--json").output)
    mutated(recording)
    done = run(str(recording.path), "--json")
    bad = json.loads(done.output)

    assert good == {
        "events": replayable(recording), "is_same": True, "difference": None, "failure": None, "stopped": None
    }  # fmt: skip
    assert (done.exit_code, bad["is_same"]) == (1, False)
    assert bad["difference"]["changes"] == [{"path": "response.status", "expected": "failed", "got": "completed"}]
    assert bad["difference"]["expected"]["type"] == bad["difference"]["got"]["type"] == "response.done"


def test_a_cut_recording_is_told(recording: Recording) -> None:
    """What is there is replayed; a warning says that it is not all."""
    recording.path.write_bytes(recording.path.read_bytes()[:-5])
    done = run(str(recording.path))

    assert done.exit_code == 0
    assert done.output.startswith("warning: the recording was cut; its last line is left out.\n")
    assert done.output.endswith(" events, no difference\n")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "there is no such file"),
        ("nonsense", "this is no recording of Antiphon"),
        ('{"recording":1,"about":{"kind":"relay","session_id":"x"}}\n', "not what the core was told"),
        ('{"recording":1,"about":{"kind":"relay","session_id":"x"}}\n{}\n', "line 2: it cannot be read"),
    ],
)
@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_what_cannot_be_replayed_is_told(tmp_path: Path, content: str | None, why: str, flags: list[str]) -> None:
    """On standard error, in a line; never a traceback."""
    path = tmp_path / "x.jsonl"
    if content is not None:
        path.write_text(content)
    done = run(str(path), *flags)

    assert done.exit_code == 1
    assert done.stderr.startswith("error: ")
    assert why in done.stderr


def test_a_server_that_is_not_there(recording: Recording) -> None:
    """As `antiphon talk` tells it, with a hint."""
    done = run(str(recording.path), "--to", "ws://127.0.0.1:1")

    assert done.exit_code == 1
    assert "Nobody answers at ws://127.0.0.1:1" in done.stderr
    assert "hint: is the server running?" in done.stderr


def to_server(recording: Recording, *flags: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """The command against a fresh server."""
    found: list[subprocess.CompletedProcess[str]] = []

    async def scene() -> None:
        async with serving(engines(**options)) as url:
            words = ["replay", str(recording.path), "--to", url, *flags]
            command = [sys.executable, "-c", "from antiphon.cli import app; app()", *words]
            found.append(
                await asyncio.to_thread(
                    subprocess.run, command, capture_output=True, text=True, check=False, timeout=60
                )
            )

    play(scene, limit_s=90)
    return found[0]


def test_to_a_live_server(recording: Recording) -> None:
    """Both timelines, a bar for each answer, and the verdict."""
    done = to_server(recording)

    assert (done.returncode, done.stderr) == (0, "")
    assert "session.created" in done.stdout
    assert "response.output_audio.delta x" in done.stdout
    assert "1 recorded completed" in done.stdout
    assert "1 live completed" in done.stdout
    assert done.stdout.endswith("the same events in the same order\n")


def test_to_a_live_server_for_a_program(recording: Recording) -> None:
    """The same in one object; what differs is marked."""
    done = to_server(recording, "--json", "--timeout", "1", "--speed", "10", tts=None)
    told = json.loads(done.stdout)

    assert (done.returncode, told["is_same"]) == (1, False)
    assert "response.output_audio.delta" in {step["recorded"]["kind"] for step in told["steps"] if step["mark"] == "-"}
    assert len(told["answers"]["recorded"]) == len(told["answers"]["live"]) == 1
