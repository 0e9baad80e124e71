"""Flags made from the settings: a new setting is a new flag of `antiphon serve`."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any

import typer

from antiphon.config.schema import Setting, settings

Config = Annotated[str | None, typer.Option("--config", help="Configuration file. (env: ANTIPHON_CONFIG)")]
Key = Annotated[str | None, typer.Option("--api-key", help="A key that clients must show. (env: ANTIPHON_API_KEY)")]

API_KEY = "server.api_keys.default"


def with_flags(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command a flag for each setting that has an environment variable; typer reads the signature."""
    parameters = list(_parameters())
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # as inspect documents it
    command.__annotations__ = {p.name: p.annotation for p in parameters} | {"return": None}
    return command


def by_path(flags: Mapping[str, object]) -> dict[str, object]:
    """The values of such flags by the settings that they set."""
    paths = {_name(setting): ".".join(setting.path) for setting in settings() if setting.env} | {"api_key": API_KEY}
    return {paths[name]: value for name, value in flags.items()}


def _parameters() -> Iterator[inspect.Parameter]:
    yield _parameter("config", Config)
    yield _parameter("api_key", Key)
    for setting in settings():
        if setting.env is not None:
            yield _parameter(_name(setting), _annotation(setting))


def _parameter(name: str, annotation: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _annotation(setting: Setting) -> Any:
    flag = f"--{_name(setting).replace('_', '-')}"
    text = f"{setting.description} (env: {setting.env})"
    if setting.default is True:
        flag = f"{flag}/--no-{flag.removeprefix('--')}"
    kind = bool if isinstance(setting.default, bool) else str
    return Annotated[kind | None, typer.Option(flag, help=text)]


def _name(setting: Setting) -> str:
    return setting.path[-1]
