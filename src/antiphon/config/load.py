"""Reads the layers: file, then environment, then flags; the later one wins, setting by setting."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, TypeAlias

import msgspec
import platformdirs

from antiphon.config import schema
from antiphon.config.errors import ConfigError, quoted
from antiphon.config.places import line_of
from antiphon.config.schema import ENV_PREFIX, Path, UnknownSetting, dotted, is_table, kind_of, rule_of
from antiphon.config.settings import OPTION_ROLES, Config

FILE_NAME = "antiphon.toml"
DEFAULT_ORIGIN = "default"

SPECIAL_ENV: Mapping[str, Path] = {
    "PORT": ("server", "port"),
    f"{ENV_PREFIX}API_KEY": ("server", "api_keys", "default"),
}
"""Names beside the rule. `PORT` is what hosting platforms set; `ANTIPHON_PORT` is stronger."""

PROVIDER_ENV: Mapping[str, str] = {"api_key": "OPENAI_API_KEY", "base_url": "OPENAI_BASE_URL"}
"""Options of the provider's engines by the variables that its SDK has for them."""

PROVIDER_ENGINES: Mapping[str, tuple[str, ...]] = {"openai": ("api_key", "base_url"), "realtime": ("api_key",)}
"""Which of them each engine takes. `OPENAI_BASE_URL` is how `antiphon talk` finds us: we would call ourselves."""

OTHER_ENV = frozenset({f"{ENV_PREFIX}CONFIG"})
"""Ours, and read elsewhere."""


@dataclass(frozen=True, slots=True)
class Value:
    """A value as it was given, and by whom."""

    raw: Any
    origin: str
    is_text: bool
    """From the environment or a flag: numbers and booleans come as text."""


Layer: TypeAlias = dict[Path, Value]


@dataclass(frozen=True, slots=True)
class Loaded:
    """The configuration, and how it came about."""

    config: Config
    file: FilePath | None
    origins: Mapping[Path, str]
    """Who set what: `antiphon.toml:7`, `ANTIPHON_PORT`, `--port`. What is not in it has its default."""
    unknown_env: tuple[str, ...] = ()
    """Variables that look like ours and are not; orchestrators set such names by themselves."""

    def origin_of(self, path: Path) -> str:
        """Who set this; `default` if nobody did."""
        return self.origins.get(path, DEFAULT_ORIGIN)


def find_file(named: str | None, environ: Mapping[str, str]) -> FilePath | None:
    """The file to read: the one named by flag or `ANTIPHON_CONFIG`, else `antiphon.toml` here, else the user's."""
    named = named or environ.get(f"{ENV_PREFIX}CONFIG")
    if named:
        return FilePath(named).expanduser()
    candidates = (FilePath(FILE_NAME), FilePath(platformdirs.user_config_dir("antiphon")) / FILE_NAME)
    return next((c for c in candidates if c.is_file()), None)


def load(
    file: FilePath | None = None,
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, object] | None = None,
) -> Loaded:
    """Read all layers into one configuration.

    `flags` maps `section.field` to a value; None means that the flag was not given. Raises `ConfigError`.
    """
    environ, flags = environ or {}, flags or {}
    values = dict(_from_file(file)) if file is not None else {}
    values = _overlaid(values, dict(_from_environ(environ)))
    values = _overlaid(values, dict(_from_flags(flags)))
    values = dict(_from_provider(values, environ)) | values
    tree: dict[str, Any] = {}
    for path, value in values.items():
        _place(tree, path, _converted(path, value))
    unknown = tuple(sorted(n for n in environ if n.startswith(ENV_PREFIX) and not _is_known_env(n)))
    return Loaded(msgspec.convert(tree, Config), file, {p: v.origin for p, v in values.items()}, unknown)


def _overlaid(weaker: Layer, stronger: Layer) -> Layer:
    """Both layers in one. An engine that is replaced takes the options that were meant for it along."""
    replaced = {path[1] for path in stronger if path[0] == "engines" and len(path) == 2}
    kept = {p: v for p, v in weaker.items() if p[:2] != ("engines", "options") or (p[2:3] and p[2] not in replaced)}
    return kept | stronger


def _from_file(file: FilePath) -> Iterator[tuple[Path, Value]]:
    try:
        text = file.read_text("utf-8")
        tree = tomllib.loads(text)
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        raise ConfigError(str(file), f"{reason}.", "name another file with --config, or leave it out") from None
    except tomllib.TOMLDecodeError as error:
        raise _not_toml(file, str(error)) from None
    except UnicodeDecodeError:
        raise ConfigError(str(file), "not UTF-8 text.", "save the file as UTF-8") from None
    for path, raw in _leaves(tree, ()):
        line = line_of(text, path)
        origin = f"{file}:{line}" if line else str(file)
        _check_known(path, origin)
        yield path, Value(raw, origin, is_text=False)


def _not_toml(file: FilePath, message: str) -> ConfigError:
    line = re.search(r" \(at line (\d+), column (\d+)\)$", message)
    where = f"{file}:{line[1]}:{line[2]}" if line else str(file)
    reason = message[: line.start()] if line else message
    return ConfigError(
        where, f"not TOML: {reason}.", "texts stand in quotes, tables in [brackets]: see https://toml.io"
    )


def _leaves(tree: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, Any]]:
    for name, value in tree.items():
        here = (*path, name)
        if isinstance(value, dict) and value and _descends(here):
            yield from _leaves(value, here)
        else:
            yield here, value


def _descends(path: Path) -> bool:
    try:
        return is_table(kind_of(path))
    except UnknownSetting:
        return False


def _check_known(path: Path, origin: str) -> None:
    try:
        kind_of(path)
    except UnknownSetting as error:
        hint = f"did you mean `{error.close}`?" if error.close else "`antiphon config show` lists all settings"
        raise ConfigError(origin, f"there is no setting `{dotted(error.path)}`.", hint) from None


def _from_environ(environ: Mapping[str, str]) -> Iterator[tuple[Path, Value]]:
    names = {**SPECIAL_ENV, **schema.env_table()}
    for name, path in names.items():
        text = environ.get(name, "")
        if text and not _is_service_link(text):
            yield path, Value(text, name, is_text=True)
    for name, text in environ.items():
        if name not in names and (path := _option_path(name)) and text:
            yield path, Value(text, name, is_text=True)


def _is_service_link(text: str) -> bool:
    """Kubernetes sets `ANTIPHON_PORT=tcp://…` in every pod beside a service called antiphon."""
    return text.startswith(("tcp://", "udp://"))


def _option_path(name: str) -> Path:
    """`ANTIPHON_LLM_THREADS` is the option `threads` of the LLM engine; empty for other names."""
    role, _, option = name.removeprefix(ENV_PREFIX).partition("_")
    is_option = name.startswith(ENV_PREFIX) and role.lower() in OPTION_ROLES and option
    return ("engines", "options", role.lower(), option.lower()) if is_option else ()


def _is_known_env(name: str) -> bool:
    return name in SPECIAL_ENV or name in OTHER_ENV or name in schema.env_table() or bool(_option_path(name))


def _from_provider(values: Layer, environ: Mapping[str, str]) -> Iterator[tuple[Path, Value]]:
    """Options of the provider's engines that the customary variables give: the weakest layer."""
    given = {option: environ[name] for option, name in PROVIDER_ENV.items() if environ.get(name)}
    for path, value in values.items():
        is_engine = path[0] in ("engines", "models") and path[-1] in OPTION_ROLES and "options" not in path
        if not is_engine or not isinstance(value.raw, str):
            continue
        name, has_url, _ = value.raw.partition("#")[0].partition(":")
        for option, text in given.items():
            if option in PROVIDER_ENGINES.get(name, ()) and (option != "base_url" or not has_url):
                yield (*path[:-1], "options", path[-1], option), Value(text, PROVIDER_ENV[option], is_text=True)


def _from_flags(flags: Mapping[str, object]) -> Iterator[tuple[Path, Value]]:
    for name, raw in flags.items():
        path = tuple(name.split("."))
        if raw is not None:
            flag = "api-key" if path[1:2] == ("api_keys",) else path[-1].replace("_", "-")
            yield path, Value(raw, f"--{flag}", is_text=isinstance(raw, str))


def _converted(path: Path, value: Value) -> Any:
    kind = kind_of(path)
    try:
        return msgspec.to_builtins(msgspec.convert(value.raw, kind, strict=not value.is_text))
    except msgspec.ValidationError as error:
        shown = "(hidden)" if is_secret(path) else quoted(value.raw)
        inner = "" if isinstance(value.raw, (str, int, float)) else f" ({error})"
        message = f"`{dotted(path)}` must be {rule_of(kind)}, not {shown}{inner}."
        raise ConfigError(value.origin, message, f"its meaning: {_meaning(path)}") from None


def is_secret(path: Path) -> bool:
    """Whether the value of this setting must not be shown."""
    return path[:2] == ("server", "api_keys") or any(
        word in path[-1] for word in ("key", "token", "secret", "password")
    )


def _meaning(path: Path) -> str:
    match: Mapping[Path, str] = {s.path: s.description for s in schema.settings()}
    generic = (path[0], schema.ANY_NAME, *path[2:])
    return match.get(path) or match.get(generic) or "see `antiphon config show`"


def _place(tree: dict[str, Any], path: Path, value: Any) -> None:
    for name in path[:-1]:
        tree = tree.setdefault(name, {})
    tree[path[-1]] = value
