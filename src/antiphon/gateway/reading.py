"""Reads a relay's settings: file, then environment, then flags; the later one wins, setting by setting."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from antiphon.client.address import endpoint
from antiphon.client.errors import BadAddress
from antiphon.engines.registry import SetupError
from antiphon.gateway.house import names_of
from antiphon.gateway.settings import Key, Relay, RelayConfig, Upstream

ENV_PREFIX: Final = "ANTIPHON_RELAY_"
UPSTREAM_KEY_ENV: Final = "ANTIPHON_UPSTREAM_KEY"

DEFAULT_KEY: Final = "default"
"""The name of a key that has none."""

_PLACE: Final = re.compile(r" - at `(?:key in )?\$\.?(.*)`$")


class BadSetting(SetupError):
    """A setting cannot be used. `path` says which: the names that lead to it."""

    def __init__(self, path: tuple[str, ...], message: str, hint: str) -> None:
        super().__init__(message, hint)
        self.path = path


@dataclass(frozen=True, slots=True)
class Given:
    """What was given on the command line; None and nothing where it was not."""

    relay: Mapping[str, object] = field(default_factory=dict)
    """Settings of `[relay]` by name."""
    upstreams: Sequence[str] = ()
    """Addresses that stand in for those of the file."""
    upstream_key: str | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, and the secrets that they name."""

    config: RelayConfig
    keys: Mapping[str, str] = field(repr=False)
    """What clients show, by name."""
    upstream_keys: Mapping[str, str] = field(repr=False)
    """What upstreams are shown, by the upstream's name."""


def load(text: str, environ: Mapping[str, str], given: Given) -> Loaded:
    """All layers in one; `text` is the file's. Raises `BadSetting`."""
    tree = _tree(text)
    relay = {**_table(tree, "relay"), **_from_environ(environ), **_set(given.relay)}
    upstreams: Any = tree.get("upstreams", ())
    if given.upstreams:
        upstreams = [{"url": url, "priority": number} for number, url in enumerate(given.upstreams)]
    config = _converted({**tree, "relay": relay, "upstreams": upstreams})
    _check(config)
    upstream_key = given.upstream_key or environ.get(UPSTREAM_KEY_ENV) or None
    api_key = given.api_key or environ.get(f"{ENV_PREFIX}API_KEY") or None
    keys = {name: _required(("keys", name), one, environ) for name, one in config.keys.items()}
    if api_key is not None:
        keys[DEFAULT_KEY] = api_key
        config = msgspec.structs.replace(config, keys={DEFAULT_KEY: Key(), **config.keys})
    shown = {}
    for name, one in zip(names_of(config.upstreams), config.upstreams, strict=True):
        key = _secret(("upstreams", name), one, environ) or upstream_key
        if key is not None:
            shown[name] = key
    return Loaded(config, keys, shown)


def _tree(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadSetting((), f"not TOML: {error}.", "texts stand in quotes, tables in [brackets]") from None


def _table(tree: Mapping[str, Any], name: str) -> dict[str, Any]:
    table = tree.get(name, {})
    if not isinstance(table, dict):
        raise BadSetting((name,), f"`{name}` must be a table.", f"write it as [{name}]")
    return table


def _from_environ(environ: Mapping[str, str]) -> dict[str, Any]:
    """Settings of `[relay]` by their variables: `ANTIPHON_RELAY_PORT`."""
    return _set({name: environ.get(f"{ENV_PREFIX}{name.upper()}") or None for name in Relay.__struct_fields__})


def _set(values: Mapping[str, object]) -> dict[str, Any]:
    """Those that were given, with what is text brought into the setting's type."""
    kinds = {info.name: info.type for info in msgspec.structs.fields(Relay)}
    made: dict[str, Any] = {}
    for name, value in values.items():
        if value is None:
            continue
        try:
            made[name] = msgspec.convert(value, kinds[name], strict=not isinstance(value, str))
        except msgspec.ValidationError as error:
            message = f"`relay.{name}` cannot be `{value}`: {error}."
            raise BadSetting(("relay", name), message, "see docs/guides/relay.md") from None
    return made


def _converted(tree: Mapping[str, Any]) -> RelayConfig:
    try:
        return msgspec.convert(tree, RelayConfig)
    except msgspec.ValidationError as error:
        message, place = str(error), _PLACE.search(str(error))
        path = tuple(part for part in re.split(r"[.\[\]]+", place[1]) if part) if place else ()
        said = message[: place.start()] if place else message
        where = f"`{place[1]}`: " if place and place[1] else ""
        raise BadSetting(path, f"{where}{said}.", "all settings are in docs/guides/relay.md") from None


def _check(config: RelayConfig) -> None:
    """What no type can say."""
    if not config.upstreams:
        raise BadSetting((), "There is no upstream to pass sessions to.", "give one with --upstream wss://HOST/v1")
    for one in config.upstreams:
        try:
            endpoint(one.url)
        except BadAddress as error:
            raise BadSetting(("upstreams",), error.message, error.hint or "write it like wss://HOST/v1") from None
    names = names_of(config.upstreams)
    for model, alias in config.models.items():
        wanted = None if isinstance(alias, str) else alias.upstream
        if wanted is not None and wanted not in names:
            hint = f"choose one of: {', '.join(names)}"
            raise BadSetting(("models", model), f'The model "{model}" names an unknown upstream "{wanted}".', hint)


def _required(path: tuple[str, ...], holder: Key, environ: Mapping[str, str]) -> str:
    key = _secret(path, holder, environ)
    if key is None:
        raise BadSetting(path, f'The key "{path[-1]}" has no value.', "give it `key`, `key_env` or `key_file`")
    return key


def _secret(path: tuple[str, ...], holder: Key | Upstream, environ: Mapping[str, str]) -> str | None:
    """The secret that a table names, in whichever way; None if it names none."""
    if holder.key_env is not None:
        key = environ.get(holder.key_env, "")
        hint = f"set {holder.key_env}"
    elif holder.key_file is not None:
        try:
            key = Path(holder.key_file).expanduser().read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            key = ""
        hint = f"check the file {holder.key_file}"
    elif holder.key is not None:
        key, hint = holder.key, "give it a value, or leave it out"
    else:
        return None
    if not key.strip():
        raise BadSetting(path, f"The key of `{'.'.join(path)}` cannot be read.", hint)
    return key.strip()
