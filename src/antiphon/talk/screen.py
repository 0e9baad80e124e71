"""What the person at the terminal sees: live words while a turn runs, then the turn with its waterfall."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Final, Protocol

from rich.bar import Bar
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from antiphon.client.errors import ClientError
from antiphon.talk.report import Failure, Report
from antiphon.talk.turns import Stage

REFRESH_S: Final = 0.08
"""Time between two pictures: often enough to look live, seldom enough not to disturb what is measured."""

BAR_WIDTH: Final = 44

COLOURS: Final[dict[Stage, str]] = {
    Stage.STOPPED: "bright_black",
    Stage.TRANSCRIPT: "cyan",
    Stage.WORDS: "blue",
    Stage.AUDIO: "green",
    Stage.DONE: "magenta",
}

NAMES: Final[dict[Stage, str]] = {
    Stage.STOPPED: "speech_stopped",
    Stage.TRANSCRIPT: "transcript",
    Stage.WORDS: "first token",
    Stage.AUDIO: "first audio",
    Stage.DONE: "done",
}


class Screen(Protocol):
    """Where a run tells what happens."""

    def live(self) -> AbstractContextManager[None]:
        """Draw while this is open."""

    def show(self, you: str, answer: str, state: str, now: float) -> None:
        """The words of the running turn so far, and what is going on; may be dropped."""

    def turn(self, report: Report) -> None:
        """A turn is over."""

    def note(self, text: str) -> None:
        """Something worth a line."""

    def failure(self, error: ClientError) -> None:
        """The run ends here."""


class JsonScreen:
    """One JSON object per line and nothing else."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def live(self) -> AbstractContextManager[None]:
        """Nothing to draw."""
        return nullcontext()

    def show(self, you: str, answer: str, state: str, now: float) -> None:
        """Live words are not for programs."""

    def note(self, text: str) -> None:
        """Neither are notes."""

    def turn(self, report: Report) -> None:
        """The whole report."""
        self._line(report.json())

    def failure(self, error: ClientError) -> None:
        """An object with `error` in place of `turn`."""
        self._line(Failure(error=error.message, hint=error.hint).json())

    def _line(self, text: str) -> None:
        self._console.print(text, soft_wrap=True, markup=False, highlight=False)


class TerminalScreen:
    """For the eye. Live words need a terminal; a file or pipe gets whole turns only."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._drawn_at = 0.0

    @contextmanager
    def live(self) -> Iterator[None]:
        """Draw while this runs."""
        if not self._console.is_terminal:
            yield
            return
        with Live(console=self._console, transient=True, auto_refresh=False) as self._live:
            yield
        self._live = None

    def show(self, you: str, answer: str, state: str, now: float) -> None:
        """Redraw, but not too often."""
        if self._live is None or now - self._drawn_at < REFRESH_S:
            return
        self._drawn_at = now
        rows = [_said("you", you, "dim")] if you else []
        rows += [_said("answer", answer, "")] if answer else []
        self._live.update(Group(*rows, Text(f" {state}", "dim")), refresh=True)

    def turn(self, report: Report) -> None:
        """The words, the waterfall, and what is to be said of the answer's end."""
        if self._live:
            self._live.update(Text())
        self._console.print(turn_view(report, has_bars=self._console.encoding.startswith("utf")))

    def note(self, text: str) -> None:
        """A dim line."""
        self._console.print(Text(text, "dim"), highlight=False)

    def failure(self, error: ClientError) -> None:
        """The message, and the hint below it."""
        self._console.print(Text(error.message, "bold red"), highlight=False, soft_wrap=True)
        if error.hint:
            self._console.print(Text(f"hint: {error.hint}"), highlight=False, soft_wrap=True)


def turn_view(report: Report, *, has_bars: bool = True) -> RenderableType:
    """A finished turn, as it is printed."""
    words = [_said("you", "(not transcribed)" if report.you is None else report.you or "(no words)", "bold")]
    words += [_said("answer", report.answer, "")] if report.answer else []
    head = Text(f"turn {report.turn}", "bold")
    return Group(
        Text(),
        head,
        *words,
        Padding(_waterfall(report, has_bars=has_bars), (1, 0, 0, 1), expand=False),
        _ending(report),
    )


def _said(who: str, words: str, style: str) -> Table:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=7, style="dim")
    grid.add_column(style=style)
    grid.add_row(f" {who}", Text(words))
    return grid


def _waterfall(report: Report, *, has_bars: bool) -> Table:
    """A row per step, each bar from the step before to its own."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=14)
    grid.add_column(justify="right", width=6)
    stages = report.stages
    grid.add_row(Text("end of speech", "dim"), Text("0 ms", "dim"))
    scale, before = max([1, *(at for _, at in stages)]), 0
    for stage, at in stages:
        bar = Bar(scale, max(0, before), max(0, at), width=BAR_WIDTH, color=COLOURS[stage])
        style = "bold" if stage is Stage.AUDIO else ""
        grid.add_row(Text(NAMES[stage], style), Text(f"{at:,}", style), *([bar] if has_bars else []))
        before = at
    return grid


def _ending(report: Report) -> Text:
    """The sound of the answer and how the response ended, on one line."""
    parts = [f"{report.audio_ms / 1000:.1f} s of sound"] if report.audio_ms else []
    if report.heard_ms is not None:
        parts.append(f"interrupted after {report.heard_ms / 1000:.1f} s")
    if report.status != "completed":
        status = "not done" if report.status == "in_progress" else report.status
        parts.append(": ".join(part for part in (status, report.error or report.reason) if part))
    return Text(f" {', '.join(parts)}", "red" if report.status == "failed" else "dim")
