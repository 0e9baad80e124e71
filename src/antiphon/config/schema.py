"""The settings as a tree that can be asked: which type a path has, and how its rule reads aloud."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias, get_args, get_origin, get_type_hints

import msgspec
from msgspec import inspect

from antiphon.config.settings import OPTION_ROLES, Config

Path: TypeAlias = tuple[str, ...]

ENV_PREFIX = "ANTIPHON_"
ANY_NAME = "*"
"""Stands for a name of the operator's choice in the path of a setting, as in `models.*.llm`."""


class UnknownSetting(LookupError):
    """No setting has this path. `close` is the nearest one that exists, or None."""

    def __init__(self, path: Path, close: str | None) -> None:
        super().__init__(dotted(path))
        self.path = path
        self.close = close


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as the reference lists it."""

    path: Path
    description: str
    rule: str
    default: Any
    env: str | None
    """The environment variable that sets it, where one does."""


def dotted(path: Path) -> str:
    """A path as TOML writes it: names that are no bare key in quotes."""
    return ".".join(p if p.replace("-", "").replace("_", "").isalnum() or p == ANY_NAME else f'"{p}"' for p in path)


def env_name(path: Path) -> str | None:
    """The environment variable of a setting; None for tables, and for what is set per model name."""
    if path[0] == "models" or path[-1] in ("api_keys", "prompts", "voices", "options"):
        return None
    return ENV_PREFIX + path[-1].upper()


def kind_of(path: Path) -> Any:
    """The type of the setting at `path`. Raises `UnknownSetting`."""
    kind: Any = Config
    for depth, name in enumerate(path):
        kind = _step(kind, name)
        if kind is None:
            raise UnknownSetting(path[: depth + 1], _nearest(path[: depth + 1]))
    return kind


def is_table(kind: Any) -> bool:
    """Whether a value of this type is a TOML table with names of its own."""
    kind = _bare(kind)
    return get_origin(kind) is dict or (isinstance(kind, type) and issubclass(kind, msgspec.Struct))


def rule_of(kind: Any) -> str:
    """How the rule of a type reads in a sentence: `a whole number from 0 to 65535`."""
    return _rule(inspect.type_info(kind))


def settings() -> tuple[Setting, ...]:
    """All settings, in the order of the file."""
    return tuple(_walk(Config, ()))


def env_table() -> dict[str, Path]:
    """The environment variables of plain settings, by name."""
    return {s.env: s.path for s in settings() if s.env is not None}


def _bare(kind: Any) -> Any:
    return get_args(kind)[0] if hasattr(kind, "__metadata__") else kind


def _step(kind: Any, name: str) -> Any:
    kind = _bare(kind)
    if kind is Any:
        return Any
    if get_origin(kind) is dict:
        key, value = get_args(kind)
        return value if key is str or name in get_args(key) else None
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return get_type_hints(kind, include_extras=True).get(name)
    return None


def _nearest(path: Path) -> str | None:
    parent = _bare(kind_of(path[:-1])) if path[:-1] else Config
    names = OPTION_ROLES if get_origin(parent) is dict else parent.__struct_fields__ if is_table(parent) else ()
    return next(iter(difflib.get_close_matches(path[-1], names, n=1)), None)


def _walk(kind: type[msgspec.Struct], path: Path) -> Iterator[Setting]:
    hints = get_type_hints(kind, include_extras=True)
    for info in msgspec.structs.fields(kind):
        here = (*path, info.name)
        child = _bare(hints[info.name])
        if get_origin(child) is dict and is_table(get_args(child)[1]) and get_args(child)[0] is str:
            yield from _walk(get_args(child)[1], (*here, ANY_NAME))
        elif isinstance(child, type) and issubclass(child, msgspec.Struct):
            yield from _walk(child, here)
        else:
            yield _setting(here, hints[info.name], info)


def _setting(path: Path, kind: Any, info: msgspec.structs.FieldInfo) -> Setting:
    meta = next(m for m in kind.__metadata__ if isinstance(m, msgspec.Meta) and m.description)
    default = info.default
    if callable(info.default_factory):
        default = info.default_factory()
    return Setting(path, str(meta.description), rule_of(kind), default, env_name(path))


def _rule(info: inspect.Type) -> str:
    match info:
        case inspect.Metadata():
            return _rule(info.type)
        case inspect.UnionType():
            return _rule(next(t for t in info.types if not isinstance(t, inspect.NoneType)))
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType():
            return f"a whole number from {info.ge} to {info.le}" if info.le is not None else "a whole number, 0 or more"
        case inspect.FloatType():
            return _number_rule(info)
        case inspect.LiteralType():
            return "one of: " + ", ".join(map(str, info.values))
        case inspect.StrType():
            return "text that is not empty" if info.min_length else "text"
        case inspect.DictType() | inspect.StructType():
            return "a table"
        case _:
            return "any value"


def _number_rule(info: inspect.FloatType) -> str:
    if info.ge is not None and info.le is not None:
        return f"a number from {info.ge:g} to {info.le:g}"
    if info.gt is not None and info.le is not None:
        return f"a number above {info.gt:g}, at most {info.le:g}"
    return "a number"
