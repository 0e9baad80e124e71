"""`antiphon pull`, `list` and `rm`: the weights of the catalogue."""

from typing import Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.table import Table
from rich.text import Text

from antiphon.cli.common import err, out, store, told
from antiphon.cli.flags import Config
from antiphon.engines.registry import installed

Name = Annotated[str, typer.Argument(help="A name of the catalogue: see `antiphon list`.")]


def pull(
    name: Name,
    config: Config = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Fetch nothing; fail if the weights are not here.")
    ] = False,
) -> None:
    """Fetch weights, unless they are here: resumed where it broke off, checked by SHA-256."""
    with told():
        place = store(config, offline=offline or None)
        entry = place.entry(name)
        if (found := place.find(name)) is not None:
            out().print(Text(f"{name} is here: {found}"))
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=err()) as bar:
            task = bar.add_task(name, total=entry.download_bytes)
            path = place.pull(name, advance=lambda more: bar.advance(task, more))
        out().print(Text(f"{name} ({entry.licence}) is here: {path}"))


def listing(config: Config = None) -> None:
    """Show the catalogue: what there is, and what is on this machine."""
    with told():
        place = store(config)
        table = Table("name", "for", "size", "here", "licence", "what it is", box=None, pad_edge=False)
        for entry in place.entries.values():
            here = "yes" if place.find(entry.name) is not None else ""
            runs = "" if entry.engine in installed(entry.role) else f" (needs the engine {entry.engine}, not installed)"
            size = f"{entry.download_bytes / 1e6:,.0f} MB"
            table.add_row(entry.name, entry.role, size, here, entry.licence, entry.about + runs)
        out().print(table)


def remove(name: Name, config: Config = None) -> None:
    """Delete weights from this machine."""
    with told():
        freed = store(config).remove(name)
        out().print(
            Text(f"{name} is gone: {freed / 1e6:,.0f} MB are free again." if freed else f"{name} was not here.")
        )
