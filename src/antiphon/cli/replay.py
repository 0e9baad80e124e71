"""`antiphon replay`."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from antiphon.cli.common import FAILED, fail, out
from antiphon.client import ClientError
from antiphon.recording import BadRecording, Recording, load
from antiphon.replay import NotReplayable, screen
from antiphon.replay import replay as tell_again
from antiphon.replay.live import Performance, Wish, perform

Defaults = Wish("")


def replay(
    file: Annotated[Path, typer.Argument(help="A recording: NAME.jsonl, with NAME.audio beside it.")],
    *,
    to: Annotated[str | None, typer.Option("--to", help="Play the client's side to this server, in real time.")] = None,
    speed: Annotated[float, typer.Option(min=0.01, max=100.0, help="How many times real time.")] = Defaults.speed,
    api_key: Annotated[
        str | None,
        typer.Option(
            envvar=["ANTIPHON_API_KEY", "OPENAI_API_KEY"],
            show_envvar=False,
            help="The key to show to the server. (env: ANTIPHON_API_KEY, OPENAI_API_KEY)",
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="The model to ask for.  [default: the recording's]", show_default=False)
    ] = None,
    timeout: Annotated[
        float, typer.Option(min=0.1, help="Seconds of silence after which the server has finished.")
    ] = Defaults.patience_s,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Tell a recorded session to the core again, or play it to a live server, and show what differs.

    The exit code is 1 where something does.
    """
    try:
        recording = load(file)
        if to is None:
            is_same, shown = _again(recording, as_json=as_json)
        else:
            is_same, shown = _live(recording, Wish(to, api_key, model, speed, timeout), as_json=as_json)
    except (BadRecording, NotReplayable, ClientError, OSError) as error:
        fail(f"error: {error}")
        raise
    out().print(shown)
    raise typer.Exit(0 if is_same else FAILED)


def _again(recording: Recording, *, as_json: bool) -> tuple[bool, object]:
    outcome = tell_again(recording)
    shown = Text(screen.again_as_json(outcome)) if as_json else screen.told_again(recording, outcome)
    return outcome.is_same, shown


def _live(recording: Recording, wish: Wish, *, as_json: bool) -> tuple[bool, object]:
    try:
        performance: Performance = asyncio.run(perform(recording, wish))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    shown = Text(screen.performance_as_json(performance)) if as_json else screen.performed(recording, performance)
    return performance.is_same, shown
