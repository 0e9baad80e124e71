"""`antiphon serve`."""

import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.text import Text

from antiphon import logs
from antiphon.cli.common import out, own_name, read, told
from antiphon.cli.flags import by_path, with_flags
from antiphon.config.settings import Engines
from antiphon.server import House
from antiphon.server import serve as serve_until_stopped

TINY = Engines().llm
"""The default model: it proves the road, and knows little."""

QUESTION = " examples/question.wav"
"""A recording for machines without a microphone; it is there in a clone."""


@with_flags
def serve(*, config: str | None = None, **flags: Any) -> None:
    """Start the server. An engine is NAME, NAME:URL#MODEL, the name of pulled weights, or file:PATH."""
    with told():
        chosen = read(config, by_path(flags)).config
        logs.set_up(chosen.server.log_level, chosen.server.log_format, os.environ)
        serve_until_stopped(chosen, listening=_announce)


def _announce(house: House, address: str) -> None:
    """Say where we listen, with what, and what to type next."""
    engines = ", ".join(f"{role} {name}" for role, name in house.pool.names.items())
    command = own_name()
    secure = "s" if house.tls else ""
    at = "" if address.endswith(":8000") and not secure else f" --url http{secure}://{address}/v1"
    lines = [
        f"Antiphon {version('antiphon')} listens on http{secure}://{address} (ws{secure}://{address}/v1/realtime)",
        f"Engines: {engines}",
        f"Try it:  {command} talk{QUESTION if Path(QUESTION.strip()).exists() else ''}{at}",
        *_console(house, address),
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


def _console(house: House, address: str) -> list[str]:
    """The console's link. On a server with keys it carries one for a while, unless what we say goes to a file."""
    if not house.config.server.console:
        return []
    here = address.replace("0.0.0.0", "localhost").replace("[::]", "localhost")  # noqa: S104 -- not bound to, but shown
    fragment = "" if house.keys.is_open or not sys.stdout.isatty() else f"#{house.console_key()}"
    return [f"Console: http{'s' if house.tls else ''}://{here}/{fragment}"]
