"""Which JSON values may stand for a wire type, by what msgspec knows of it."""

import typing
from collections.abc import Iterator
from typing import Any, Literal, TypeAlias

from msgspec import Struct, inspect

from antiphon.protocol.wire import Json

Shape: TypeAlias = inspect.Type
"""A wire type as `msgspec.inspect` describes it."""

ACCEPTS: dict[type[Shape], tuple[type, ...]] = {
    inspect.BoolType: (bool,),
    inspect.IntType: (int,),
    inspect.FloatType: (float, int),
    inspect.StrType: (str,),
    inspect.BytesType: (str,),  # base64
    inspect.LiteralType: (str,),  # every literal of the protocol is a string
    inspect.VarTupleType: (list,),
    inspect.DictType: (dict,),
    inspect.StructType: (dict,),
    inspect.NoneType: (type(None),),
    inspect.AnyType: (bool, int, float, str, list, dict, type(None)),
}


def members(shape: Shape) -> tuple[Shape, ...]:
    """The types of a union; any other type is a union of one."""
    return shape.types if isinstance(shape, inspect.UnionType) else (shape,)


def candidates(value: Json, shape: Shape) -> list[Shape]:
    """The members that a value of this kind may stand for: one, or several objects told apart by their tag."""
    return [member for member in members(shape) if type(value) in ACCEPTS[type(member)]]


def declared_literals(hint: Any) -> Iterator[tuple[str, ...]]:
    """The values of every literal below a type, in the order of the source; `msgspec.inspect` sorts them."""
    if typing.get_origin(hint) is Literal:
        yield typing.get_args(hint)
    elif isinstance(hint, type) and issubclass(hint, Struct):
        for field in typing.get_type_hints(hint, include_extras=True).values():
            yield from declared_literals(field)
    else:
        for argument in typing.get_args(hint):
            yield from declared_literals(argument)
