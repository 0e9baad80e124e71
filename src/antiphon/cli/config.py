"""`antiphon config show` and `check`."""

from typing import Annotated, Any

import msgspec
import typer
from rich.text import Text

from antiphon.cli.common import out, read, told
from antiphon.cli.flags import Config as ConfigFile
from antiphon.config import Config, check_bind, read_keys
from antiphon.config.load import is_secret
from antiphon.config.schema import Path, dotted

app = typer.Typer(help="Show and check the configuration.", no_args_is_help=True)


@app.command()
def show(
    config: ConfigFile = None,
    origin: Annotated[bool, typer.Option("--origin", help="Also show who set each value.")] = False,
) -> None:
    """Show every setting, as TOML keys; keys and passwords are hidden."""
    with told():
        loaded = read(config)
        console = out()
        for path, value in _leaves(loaded.config, ()):
            shown = '"(hidden)"' if is_secret(path) else _toml(value)
            line = f"{dotted(path)} = {shown}"
            console.print(Text(f"{line:<60} # {loaded.origin_of(path)}" if origin else line))


@app.command()
def check(config: ConfigFile = None) -> None:
    """Check file and environment without starting anything."""
    with told():
        loaded = read(config)
        check_bind(loaded.config.server.host, read_keys(loaded.config.server))
        console = out()
        console.print(Text(f"{loaded.file or 'No file'}: no mistake found."))
        for name in loaded.unknown_env:
            console.print(Text(f"note: {name} is no setting of Antiphon."))


@app.command()
def schema() -> None:
    """Print the JSON schema of `antiphon.toml`, for editors."""
    out().print(Text(msgspec.json.format(msgspec.json.encode(msgspec.json.schema(Config))).decode()))


def _leaves(value: Any, path: Path) -> list[tuple[Path, Any]]:
    """All settings below a value that are set to something."""
    named = _named(value)
    if named is None:
        return [] if value is None else [(path, value)]
    return [leaf for name, child in named.items() for leaf in _leaves(child, (*path, name))]


def _named(value: Any) -> dict[str, Any] | None:
    """The parts of a table; None for a plain value."""
    if isinstance(value, dict):
        return value
    fields = getattr(value, "__struct_fields__", None)
    return None if fields is None else {name: getattr(value, name) for name in fields}


def _toml(value: Any) -> str:
    """A plain value as TOML writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'"{escaped}"'
    return str(value)
