"""`antiphon doctor`: looks for what keeps the server from working, and says what to do about it."""

import enum
import importlib
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import typer
from rich.text import Text

from antiphon.cli.common import FAILED, out, read
from antiphon.cli.flags import Config as ConfigFile
from antiphon.config import Config, check_bind, read_keys
from antiphon.engines.registry import SetupError
from antiphon.server.house import store_of
from antiphon.server.pool import EnginePool
from antiphon.transports.listening import bound

LITTLE_ROOM_BYTES = 500_000_000
"""Less than this on the disk of the cache is worth a word: the default weights take a fifth of it."""


class Verdict(enum.Enum):
    """How a check ended."""

    GOOD = "ok"
    NOTE = "note"
    BAD = "BAD"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found."""

    name: str
    verdict: Verdict
    text: str


def doctor(config: ConfigFile = None) -> None:
    """Look for what keeps the server from working; exit code 1 if there is something."""
    findings = list(examine(config))
    console = out()
    for finding in findings:
        first, *hints = finding.text.splitlines()
        console.print(Text(f"{finding.verdict.value:<5} {finding.name:<14} {first}"))
        for hint in hints:
            console.print(Text(f"{'':<20} {hint}"))
    if any(finding.verdict is Verdict.BAD for finding in findings):
        raise typer.Exit(FAILED)


def examine(config_file: str | None) -> Iterator[Finding]:
    """All findings, in order; those that need a configuration only if it can be read."""
    yield Finding("python", Verdict.GOOD, f"{platform.python_version()} at {sys.executable}")
    try:
        loaded = read(config_file)
    except SetupError as error:
        yield Finding("configuration", Verdict.BAD, str(error))
        return
    yield Finding("configuration", Verdict.GOOD, str(loaded.file or "no file; defaults, environment"))
    config = loaded.config
    yield _checked("engines", lambda: _engines(config))
    yield _room(config)
    yield _checked("access", lambda: _access(config))
    yield _checked("port", lambda: _port(config))
    yield _microphone()


def _checked(name: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(name, Verdict.GOOD, check())
    except SetupError as error:
        return Finding(name, Verdict.BAD, str(error))


def _engines(config: Config) -> str:
    pool = EnginePool(config, store_of(config).path_of)
    return ", ".join(f"{role} {name}" for role, name in pool.names.items())


def _access(config: Config) -> str:
    keys = read_keys(config.server)
    check_bind(config.server.host, keys)
    return f"{len(keys)} API keys" if keys else "no API key needed, this machine only"


def _port(config: Config) -> str:
    with bound(config.server.host, config.server.port):
        return f"{config.server.host}:{config.server.port} is free"


def _room(config: Config) -> Finding:
    folder = store_of(config).folder
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    free = shutil.disk_usage(existing).free
    verdict = Verdict.NOTE if free < LITTLE_ROOM_BYTES else Verdict.GOOD
    return Finding("disk", verdict, f"{free / 1e9:,.1f} GB free for {folder}")


def _microphone() -> Finding:
    try:
        devices = importlib.import_module("sounddevice").query_devices()
    except ImportError:
        return Finding(
            "microphone", Verdict.NOTE, 'not installed\nhint: pip install "antiphon[mic]", for `antiphon talk`'
        )
    except OSError as error:
        return Finding("microphone", Verdict.NOTE, f"{error}\nhint: on Debian, apt-get install libportaudio2")
    inputs = sum(device["max_input_channels"] > 0 for device in devices)
    if not inputs:
        return Finding("microphone", Verdict.NOTE, "none here\nhint: antiphon talk question.wav works without")
    return Finding("microphone", Verdict.GOOD, f"{inputs} found")
