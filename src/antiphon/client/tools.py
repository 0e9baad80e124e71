"""Functions that a model may call: a signature becomes a JSON schema, a call a result that the model can read.

    tools = Tools()

    @tools.function
    def weather(city: Annotated[str, "Its name in English."], unit: Literal["C", "F"] = "C") -> str:
        \"\"\"Tell the weather of a city.\"\"\"

Types are checked before the function is called. Whatever goes wrong is told to the model, which may then do
better; a traceback is not.
"""

import asyncio
import inspect
import logging
import re
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Final, TypeVar

import msgspec

from antiphon.protocol.session import FunctionTool
from antiphon.protocol.wire import Json

LIMIT_S: Final = 60.0
"""How long a call may take; a caller on the line does not wait longer."""

_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_ARGUMENTS: Final = "arguments_of_a_tool"
"""A name that no shape within has."""

_NAMED: Final = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)

_log = logging.getLogger("antiphon.client")

AnyFunction = TypeVar("AnyFunction", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Function:
    """A function and what the model is told of it."""

    tool: FunctionTool
    call: Callable[..., Any]
    arguments: type[msgspec.Struct]


class Tools:
    """The functions of a session by their names. `limit_s` is how long a call may take."""

    def __init__(self, *, limit_s: float = LIMIT_S) -> None:
        self._limit_s = limit_s
        self._functions: dict[str, Function] = {}

    def function(self, call: AnyFunction) -> AnyFunction:
        """Offer a function, plain or async, under its own name: a decorator. Raise as `add` does."""
        self.add(call)
        return call

    def add(self, call: Callable[..., Any], *, name: str | None = None, description: str | None = None) -> None:
        """Offer a function, by default under its own name and with its docstring.

        Raise TypeError for a parameter that has no type or one without a JSON form, ValueError for a name that
        is taken or none. A plain function runs in a thread, so that it may block.
        """
        known_as = getattr(call, "__name__", "") if name is None else name
        if not _NAME.fullmatch(known_as):
            raise ValueError(f"`{known_as}` cannot be the name of a tool: give letters, digits, `_` or `-`.")
        if known_as in self._functions:
            raise ValueError(f"There is a tool called `{known_as}` already.")
        arguments = _arguments(known_as, call)
        try:
            schema = _schema(arguments)
        except TypeError as error:
            kind = str(error).splitlines()[-1]
            raise TypeError(f"A parameter of `{known_as}` has no form in JSON: {kind}.") from None
        described = inspect.getdoc(call) if description is None else description
        tool = FunctionTool(name=known_as, description=described or "", parameters=schema)
        self._functions[known_as] = Function(tool, call, arguments)

    @property
    def offered(self) -> tuple[FunctionTool, ...]:
        """What a session is told."""
        return tuple(function.tool for function in self._functions.values())

    async def run(self, name: str, arguments: str) -> str:
        """Call a function with arguments in JSON; the output for the model. Never raises."""
        function = self._functions.get(name)
        if function is None:
            return _failed(f"There is no function called {name}.")
        try:
            given = msgspec.json.decode(arguments or "{}", type=function.arguments, strict=False)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            return _failed(f"The arguments are wrong: {error}")
        try:
            async with asyncio.timeout(self._limit_s):
                return _output(await _called(function.call, msgspec.structs.asdict(given)))
        except TimeoutError:
            return _failed(f"{name} took too long.")
        except Exception as error:  # noqa: BLE001 -- anything may come out of a function that is not ours
            _log.warning("tool %s failed: %s", name, type(error).__name__)
            return _failed(f"{type(error).__name__}: {error}")


async def _called(call: Callable[..., Any], given: dict[str, Any]) -> Any:
    if inspect.iscoroutinefunction(call):
        return await call(**given)
    result = await asyncio.to_thread(partial(call, **given))
    return await result if inspect.isawaitable(result) else result


def _output(result: Any) -> str:
    return result if isinstance(result, str) else msgspec.json.encode(result).decode()


def _failed(message: str) -> str:
    return msgspec.json.encode({"error": message}).decode()


def _arguments(name: str, call: Callable[..., Any]) -> type[msgspec.Struct]:
    """A struct with a field for each parameter."""
    hints = typing.get_type_hints(call, include_extras=True)
    fields: list[Any] = []
    for parameter in inspect.signature(call).parameters.values():
        if parameter.kind not in _NAMED:
            raise TypeError(f"`{name}` cannot be called by names alone: `{parameter}`.")
        if parameter.name not in hints:
            raise TypeError(f"`{name}` does not say of what type `{parameter.name}` is.")
        fields.append(_field(parameter, _described(hints[parameter.name])))
    return msgspec.defstruct(_ARGUMENTS, fields, kw_only=True, forbid_unknown_fields=True)


def _field(parameter: inspect.Parameter, hint: Any) -> tuple[Any, ...]:
    default = parameter.default
    if default is inspect.Parameter.empty:
        return (parameter.name, hint)
    if default and isinstance(default, list | dict | set):  # shared by all calls otherwise
        return (parameter.name, hint, msgspec.field(default_factory=partial(type(default), default)))
    return (parameter.name, hint, default)


def _described(hint: Any) -> Any:
    """The type; a plain string beside it, as in `Annotated[str, "The city."]`, describes it."""
    if typing.get_origin(hint) is not Annotated:
        return hint
    kind, *notes = typing.get_args(hint)
    for note in notes:
        kind = Annotated[kind, msgspec.Meta(description=note) if isinstance(note, str) else note]
    return kind


def _schema(arguments: type[msgspec.Struct]) -> Json:
    """The parameters as JSON schema; shapes that are used in it stand below `$defs`."""
    (_,), parts = msgspec.json.schema_components([arguments], ref_template="#/$defs/{name}")
    schema = dict(parts.pop(_ARGUMENTS))
    del schema["title"]
    others: Mapping[str, Json] = parts
    return {**schema, "$defs": dict(others)} if others else schema
