"""`antiphon relay` as a process: it listens, relays, refuses what cannot be, and ends in order."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from served import dial, play

from antiphon.testing import serving

COMMAND = [sys.executable, "-c", "from antiphon.cli import app; app()", "relay"]


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, **environ},
    )


def test_it_relays_until_it_is_told_to_end() -> None:
    """A session through the process; SIGTERM ends it once the session has gone."""

    async def scene() -> None:
        async with serving() as server:
            process = await asyncio.create_subprocess_exec(
                *COMMAND, "--upstream", f"{server}/v1", "--port", "0", stdout=asyncio.subprocess.PIPE
            )
            assert process.stdout is not None
            said = (await process.stdout.readline()).decode()
            found = re.search(r"relays on (http://127\.0\.0\.1:\d+)", said)
            assert found
            async with dial(found[1]) as caller:
                process.send_signal(signal.SIGTERM)
                assert await caller.answers() == "still here."
            assert await process.wait() == 0

    play(scene)


def test_a_relay_without_upstreams_is_none() -> None:
    """It says what to give."""
    told = run()

    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr == (
        "error: There is no upstream to pass sessions to.\nhint: give one with --upstream wss://HOST/v1\n"
    )


def test_the_place_of_a_mistake(tmp_path: Path) -> None:
    """File and line."""
    file = tmp_path / "relay.toml"
    file.write_text('[[upstreams]]\nurl = "ws://localhost:1"\n\n[relay]\nport = "eighty"\n')

    assert f"error: {file}:5: `relay.port`" in run("--config", str(file)).stderr
    assert f"error: {tmp_path}/none.toml: no such file" in run(ANTIPHON_RELAY_CONFIG=f"{tmp_path}/none.toml").stderr


def test_an_open_relay_stays_on_this_machine() -> None:
    """Whoever reached it would spend the operator's money."""
    told = run("--upstream", "ws://localhost:1/v1", "--host", "0.0.0.0", "--port", "0")

    assert told.returncode == 1
    assert "without an API key" in told.stderr
