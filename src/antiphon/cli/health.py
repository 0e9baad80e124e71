"""`antiphon health` and `version`."""

from importlib.metadata import version as version_of
from typing import Annotated

import httpx2
import typer
from rich.text import Text

from antiphon.cli.common import fail, out

TIMEOUT_S = 3.0
"""A server that needs longer for this does not serve."""


def health(
    url: Annotated[str, typer.Argument(help="The server, up to its port.")] = "http://127.0.0.1:8000",
    ready: Annotated[bool, typer.Option("--ready", help="Ask whether the engines are warm, too.")] = False,
) -> None:
    """Ask a server whether it serves; exit code 1 if not. For containers, which have no curl."""
    place = f"{url.rstrip('/')}/{'ready' if ready else 'health'}"
    try:
        answer = httpx2.get(place, timeout=TIMEOUT_S)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        fail(f"error: {place} does not answer: {error}\nhint: is the server running, and on this port?")
        return
    out().print(Text(answer.text))
    raise typer.Exit(0 if answer.is_success else 1)


def version() -> None:
    """Show the version."""
    out().print(Text(f"antiphon {version_of('antiphon')}"))
