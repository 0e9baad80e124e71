"""`antiphon serve`."""

import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from antiphon import logs
from antiphon.cli.common import meaning, out, own_name, read, told
from antiphon.config.settings import Engines
from antiphon.server import House
from antiphon.server import serve as serve_until_stopped

TINY = Engines().llm
"""The default model: it proves the road, and knows little."""

QUESTION = " examples/question.wav"
"""A recording for machines without a microphone; it is there in a clone."""

Config = Annotated[str | None, typer.Option("--config", help="Configuration file. (env: ANTIPHON_CONFIG)")]
Key = Annotated[str | None, typer.Option("--api-key", help="A key that clients must show. (env: ANTIPHON_API_KEY)")]


def serve(
    *,
    host: Annotated[str | None, typer.Option(help=meaning("server.host"))] = None,
    port: Annotated[str | None, typer.Option(help=meaning("server.port"))] = None,
    config: Config = None,
    vad: Annotated[str | None, typer.Option(help=meaning("engines.vad"))] = None,
    turn: Annotated[str | None, typer.Option(help=meaning("engines.turn"))] = None,
    asr: Annotated[str | None, typer.Option(help=meaning("engines.asr"))] = None,
    llm: Annotated[str | None, typer.Option(help=meaning("engines.llm"))] = None,
    tts: Annotated[str | None, typer.Option(help=meaning("engines.tts"))] = None,
    api_key: Key = None,
    api_key_file: Annotated[str | None, typer.Option(help=meaning("server.api_key_file"))] = None,
    strict_models: Annotated[bool | None, typer.Option("--strict-models", help=meaning("server.strict_models"))] = None,
    instructions: Annotated[str | None, typer.Option(help=meaning("session.instructions"))] = None,
    lifetime_minutes: Annotated[str | None, typer.Option(help=meaning("session.lifetime_minutes"))] = None,
    max_sessions: Annotated[str | None, typer.Option(help=meaning("limits.max_sessions"))] = None,
    engine_seconds: Annotated[str | None, typer.Option(help=meaning("limits.engine_seconds"))] = None,
    drain_seconds: Annotated[str | None, typer.Option(help=meaning("server.drain_seconds"))] = None,
    cache: Annotated[str | None, typer.Option(help=meaning("weights.cache"))] = None,
    offline: Annotated[bool | None, typer.Option("--offline", help=meaning("weights.offline"))] = None,
    log_level: Annotated[str | None, typer.Option(help=meaning("server.log_level"))] = None,
    log_format: Annotated[str | None, typer.Option(help=meaning("server.log_format"))] = None,
) -> None:
    """Start the server. An engine is NAME, NAME:URL#MODEL, the name of pulled weights, or file:PATH."""
    flags: dict[str, object] = {
        "server.host": host,
        "server.port": port,
        "engines.vad": vad,
        "engines.turn": turn,
        "engines.asr": asr,
        "engines.llm": llm,
        "engines.tts": tts,
        "server.api_keys.default": api_key,
        "server.api_key_file": api_key_file,
        "server.strict_models": strict_models,
        "session.instructions": instructions,
        "session.lifetime_minutes": lifetime_minutes,
        "limits.max_sessions": max_sessions,
        "limits.engine_seconds": engine_seconds,
        "server.drain_seconds": drain_seconds,
        "weights.cache": cache,
        "weights.offline": offline,
        "server.log_level": log_level,
        "server.log_format": log_format,
    }
    with told():
        settings = read(config, flags).config
        logs.set_up(settings.server.log_level, settings.server.log_format, os.environ)
        serve_until_stopped(settings, listening=_announce)


def _announce(house: House, address: str) -> None:
    """Say where we listen, with what, and what to type next."""
    engines = ", ".join(f"{role} {name}" for role, name in house.pool.names.items())
    command = own_name()
    at = "" if address.endswith(":8000") else f" --url http://{address}/v1"
    lines = [
        f"Antiphon {version('antiphon')} listens on http://{address} (ws://{address}/v1/realtime)",
        f"Engines: {engines}",
        f"Try it:  {command} talk{QUESTION if Path(QUESTION.strip()).exists() else ''}{at}",
    ]
    if house.config.engines.llm == TINY:
        lines += [
            f"The default model, {TINY}, is tiny: it proves the road and knows little. For better answers:",
            f"  {command} serve --llm openai:http://localhost:11434/v1#qwen3   (any OpenAI-compatible endpoint)",
            f"  {command} pull qwen2.5-coder-1.5b && {command} serve --llm qwen2.5-coder-1.5b",
        ]
    console = out()
    for line in lines:
        console.print(Text(line))
    sys.stdout.flush()
