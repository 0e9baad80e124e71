"""Which engines there are, and how one is made from what the operator wrote.

An engine is an entry point: group `antiphon.ROLE`, its name as the operator writes it, its value a factory
`(EngineSpec) -> Engine`. Ours are listed in `pyproject.toml`; another package adds its own in the same way.

The operator writes `NAME`, `NAME#MODEL`, `NAME:URL#MODEL` or `file:PATH`. A name that is no engine may be
that of weights: `qwen2.5-coder-1.5b` is `llama` with these weights.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar, cast, overload

import msgspec

from antiphon.ports import ASR, LLM, TTS, VAD, Engine, Responder, Role, ToolBox, TurnModel

WEIGHTS_ENGINE: Mapping[Role, str] = {"llm": "llama", "asr": "whisper"}
"""The engine that runs weights which the operator names directly."""

_SPOKEN_ROLE: Mapping[Role, str] = {
    "vad": "VAD engine",
    "turn": "turn model",
    "asr": "ASR engine",
    "llm": "LLM engine",
    "tts": "TTS engine",
    "responder": "responder",
    "tools": "tool box",
}

_EXTRA: Mapping[str, str] = {"mcp": "mcp", "whisper": "whisper"}
"""The extra that brings what one of our engines needs, where it is not `embedded`."""

Weights: TypeAlias = Callable[[str], Path]
"""The local path of weights, by their catalogue name."""

_Given: TypeAlias = Mapping[str, Any] | None
_Options = TypeVar("_Options")


class SetupError(Exception):
    """The operator has to change something before the server can start.

    The text is for the operator: one sentence, then a line `hint: …` that says what to do.
    """

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(f"{message}\nhint: {hint}")
        self.message = message
        self.hint = hint


class UnknownEngine(SetupError):
    """No entry point has this name."""

    def __init__(self, role: Role, name: str) -> None:
        choices = ", ".join(installed(role)) or "(none is installed)"
        super().__init__(
            f'{_SPOKEN_ROLE[role]} "{name}" is not installed.',
            f'install the extra "{name}", or choose one of: {choices}',
        )


class UnloadableEngine(SetupError):
    """The engine is known, but a package that it needs is not there."""

    def __init__(self, role: Role, name: str, missing: ImportError) -> None:
        super().__init__(
            f'{_SPOKEN_ROLE[role]} "{name}" cannot be loaded: {missing}.',
            f'pip install "antiphon[{_EXTRA.get(name, "embedded")}]" brings what it needs',
        )


class MissingWeights(SetupError):
    """The weights are known, but not on this machine yet."""

    def __init__(self, name: str) -> None:
        super().__init__(f'The weights "{name}" are not on this machine.', f"antiphon pull {name}")


class NoOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The options of an engine that has none."""


def no_weights(name: str) -> Path:
    """Know no weights at all: for engines that need none."""
    raise LookupError(name)


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """What a factory is told.

    `weights` gives the local path of weights by their catalogue name. It raises `MissingWeights` for those that
    have to be pulled first, and `LookupError` for a name that the catalogue does not have.
    """

    role: Role
    name: str
    url: str | None = None
    model: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    weights: Weights = no_weights
    text: str = ""
    """As the operator wrote it; the engine's `name`."""

    def read(self, kind: type[_Options]) -> _Options:
        """The options as a value of `kind`, a msgspec struct that forbids unknown fields.

        Numbers and booleans may come as text, since an environment variable has nothing else.
        """
        try:
            return msgspec.convert(dict(self.options), kind, strict=False)
        except msgspec.ValidationError as error:
            known = ", ".join(f.encode_name for f in msgspec.structs.fields(cast("Any", kind))) or "(none)"
            raise SetupError(
                f'Wrong option of the {_SPOKEN_ROLE[self.role]} "{self.text or self.name}": {error}.',
                f"its options are: {known}",
            ) from error


def parse(text: str) -> tuple[str, str | None, str | None]:
    """Take apart what the operator wrote: the name, the URL (or path) and the model.

    >>> parse("openai:http://localhost:11434/v1#qwen3")
    ('openai', 'http://localhost:11434/v1', 'qwen3')
    >>> parse("moonshine")
    ('moonshine', None, None)
    """
    head, _, model = text.strip().partition("#")
    name, _, url = head.partition(":")
    if not name:
        raise SetupError(f'"{text}" names no engine.', "write NAME, NAME#MODEL, NAME:URL#MODEL or file:PATH")
    return name, url or None, model or None


def installed(role: Role) -> tuple[str, ...]:
    """The names of all engines of a role, in alphabetical order."""
    return tuple(sorted(entry_points(group=f"antiphon.{role}").names))


@overload
def make(role: Literal["vad"], text: str, *, options: _Given = None, weights: Weights = ...) -> VAD: ...
@overload
def make(role: Literal["turn"], text: str, *, options: _Given = None, weights: Weights = ...) -> TurnModel: ...
@overload
def make(role: Literal["asr"], text: str, *, options: _Given = None, weights: Weights = ...) -> ASR: ...
@overload
def make(role: Literal["llm"], text: str, *, options: _Given = None, weights: Weights = ...) -> LLM: ...
@overload
def make(role: Literal["tts"], text: str, *, options: _Given = None, weights: Weights = ...) -> TTS: ...
@overload
def make(role: Literal["responder"], text: str, *, options: _Given = None, weights: Weights = ...) -> Responder: ...
@overload
def make(role: Literal["tools"], text: str, *, options: _Given = None, weights: Weights = ...) -> ToolBox: ...
@overload
def make(role: Role, text: str, *, options: _Given = None, weights: Weights = ...) -> Engine: ...
def make(
    role: Role,
    text: str,
    *,
    options: _Given = None,
    weights: Weights = no_weights,
) -> Engine:
    """Make, but not start, the engine that `text` names.

    Raises `SetupError`: `UnknownEngine`, `UnloadableEngine`, `MissingWeights`, or an option that is wrong.
    """
    name, url, model = parse(text)
    found = _find(role, name)
    if found is None:
        name, url, model = _by_weights(role, text, weights)
        found = _find(role, name)
    if found is None:
        raise UnknownEngine(role, name)
    spec = EngineSpec(role, name, url, model, options or {}, weights, text.strip())
    try:
        return cast("Engine", found.load()(spec))
    except ImportError as error:
        raise UnloadableEngine(role, name, error) from error


def _find(role: Role, name: str) -> EntryPoint | None:
    return next(iter(entry_points(group=f"antiphon.{role}", name=name)), None)


def _by_weights(role: Role, text: str, weights: Weights) -> tuple[str, str | None, str | None]:
    """Read `text` as the weights of the role's own runtime: `file:PATH`, or a name of the catalogue."""
    name, url, model = parse(text)
    engine = WEIGHTS_ENGINE.get(role)
    if engine is None or model is not None:
        return name, url, model
    if name == "file" and url is not None:
        return engine, None, f"file:{url}"
    try:
        weights(name)
    except MissingWeights:
        raise
    except LookupError:
        return name, url, model
    return engine, None, name
