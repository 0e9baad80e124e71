"""Runs programs of other people's making against a real server, and keeps what they told and what was said."""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec import structs
from sdk import sine
from sdk_types import faults
from starlette.middleware import Middleware
from wire import Tap, Wire

from antiphon.audio import wav
from antiphon.audio.pcm import ms_of, silence
from antiphon.config import Config, ModelAlias, Server
from antiphon.testing import TONE, serving

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
ENVIRONMENTS = ROOT / ".interop"
NODE = HERE / "node"
LIMIT_S = 100.0
"""For one program; a little less than a test may take."""

HARMLESS = {"response_cancel_not_active"}
"""What the provider too answers to clients that cancel after barge-in, when the server has already cancelled."""

LONG = "slow " + "One. Two. Three. " * 30
TONES = Config(
    engines=TONE,
    models={
        "talker": ModelAlias(asr="tone", options={"asr": {"says": LONG}}),
        "deaf": ModelAlias(asr="tone", options={"asr": {"fails": True}}),
        "helper": ModelAlias(tools="mcp", options={"tools": {"allowed_hosts": ["127.0.0.1"]}}),
    },
)
"""The engines without models. The caller of `talker` always asks for a very long answer; `helper` has MCP tools."""

QUESTION = wav.read(ROOT / "examples" / "question.wav")
"""What is the capital of France?"""


@dataclass(frozen=True)
class Story:
    """How a program fared."""

    told: list[dict[str, Any]]
    """Its lines."""
    wire: Wire
    problems: str
    """What it wrote to standard error, and how it ended if that was not well."""

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Its lines of one kind."""
        return [line for line in self.told if line["kind"] == kind]

    @property
    def audio_ms(self) -> float:
        """How much sound it was given."""
        return ms_of(bytes(sum(line["bytes"] for line in self.of("audio"))))

    @property
    def acts(self) -> list[str]:
        """What it played to the end."""
        return [line["name"] for line in self.of("acted")]

    @property
    def transcripts(self) -> list[str]:
        """What the server heard the caller say."""
        kind = "conversation.item.input_audio_transcription.completed"
        return [event["transcript"] for event in self.wire.events("server", kind)]

    @property
    def responses(self) -> list[dict[str, Any]]:
        """The responses as they ended."""
        return [event["response"] for event in self.wire.events("server", "response.done")]

    @property
    def faults(self) -> list[str]:
        """What the official SDK's types find wrong with what the server said."""
        return [fault for event in self.wire.events("server") for fault in faults(event)]

    @property
    def complaints(self) -> list[Any]:
        """Errors on the wire, errors and log lines of the program, and whatever it wrote as it went wrong."""
        told = [line for line in self.told if line["kind"] in {"error", "model_error", "log", "unknown"}]
        errors = [event for event in self.wire.events("server", "error") if event["error"]["code"] not in HARMLESS]
        return told + errors + [self.problems] * bool(self.problems)


@dataclass(frozen=True)
class Program:
    """A program beside this file, and how it is started."""

    home: Path
    """Where it is installed."""
    command: Sequence[str]
    environment: dict[str, str] = field(default_factory=dict)

    async def play(self, url: str, acts: Sequence[str], sounds: dict[str, bytes], **wanted: Any) -> tuple[str, str]:
        """Run it; gives what it wrote, and its problems."""
        assert self.home.exists(), f"{self.home} is missing\nhint: {sys.executable} {HERE}/clients/install.py"
        with tempfile.TemporaryDirectory() as folder:
            pcm = _files(Path(folder), sounds)
            return await self._run(json.dumps({"url": url, "acts": acts, "pcm": pcm, **wanted}) + "\n")

    async def _run(self, line: str) -> tuple[str, str]:
        pipe = asyncio.subprocess.PIPE
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        process = await asyncio.create_subprocess_exec(
            *self.command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment | self.environment
        )
        try:
            async with asyncio.timeout(LIMIT_S):
                out, err = await process.communicate(line.encode())
        except TimeoutError:
            process.kill()
            await process.wait()
            return "", f"not done after {LIMIT_S} s"
        ending = f"ended with {process.returncode}" if process.returncode else ""
        return out.decode(), err.decode() + ending


def python(environment: str, script: str, **variables: str) -> Program:
    """A Python program in an environment that `make interop` has installed."""
    home = ENVIRONMENTS / environment
    return Program(home, [str(home / "bin" / "python"), str(HERE / "clients" / script)], variables)


def node(script: str, **variables: str) -> Program:
    """A Node program beside its packages."""
    return Program(NODE / "node_modules", ["node", str(NODE / script)], variables)


def _files(folder: Path, sounds: dict[str, bytes]) -> dict[str, str]:
    paths = {name: folder / f"{name}.pcm" for name in sounds}
    for name, path in paths.items():
        path.write_bytes(sounds[name])
    return {name: str(path) for name, path in paths.items()}


def tell_tones(
    program: Program, *acts: str, model: str = "gpt-realtime", server: Server | None = None, **wanted: Any
) -> Story:
    """Play acts with the `tone` engines: a question of 440 Hz, an interruption of 880 Hz."""
    config = structs.replace(TONES, server=server or Server())
    sounds = {"question": silence(300) + sine(1200, 440), "interruption": silence(300) + sine(1200, 880)}
    return asyncio.run(played(program, config, acts, sounds, model=model, **wanted))


def tell_embedded(program: Program, *acts: str, **wanted: Any) -> Story:
    """Play acts with the default engines: real speech, real models."""
    return asyncio.run(played(program, Config(), acts, {"question": QUESTION}, model="gpt-realtime", **wanted))


async def played(
    program: Program, config: Config, acts: Sequence[str], sounds: dict[str, bytes], **wanted: Any
) -> Story:
    """Play acts against a server of this configuration."""
    wire = Wire()
    async with serving(config, middleware=[Middleware(Tap, wire=wire)]) as url:
        out, problems = await program.play(url, acts, sounds, **wanted)
    return Story([json.loads(line) for line in out.splitlines()], wire, problems)
