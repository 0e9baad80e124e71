"""What is wrong with a JSON value: the first rule of a wire type that it breaks, as an `ErrorDetail`.

The rules are stored once, in the structs; here they are only read. An object is looked at in the provider's
order: what is missing, what is unknown, and then each value as it stands in the document.
"""

import re
from typing import Any

import pybase64
from msgspec import inspect

from antiphon.protocol import errors
from antiphon.protocol.errors import ErrorDetail
from antiphon.protocol.shapes import Shape, candidates, declared_literals, members
from antiphon.protocol.wire import Json

GOT = {
    bool: "a boolean",
    int: "an integer",
    float: "a decimal number",
    str: "a string",
    list: "an array",
    dict: "an object",
    type(None): "null",
}
"""What an error calls a JSON value."""

EXPECTED = {
    inspect.BoolType: "boolean",
    inspect.IntType: "integer",
    inspect.FloatType: "decimal",
    inspect.StrType: "string",
    inspect.BytesType: "string",
    inspect.DictType: "object",
    inspect.StructType: "object",
}
"""What an error calls a wire type."""


class Rules:
    """The rules of one wire type. Make it once and keep it: reading the structs takes milliseconds."""

    def __init__(self, wire_type: Any) -> None:
        self._shape = inspect.type_info(wire_type)
        self._declared: dict[tuple[Any, ...], tuple[str, ...]] = {
            tuple(sorted(values)): values for values in declared_literals(wire_type)
        }

    def violation(self, value: Json) -> ErrorDetail | None:
        """The first rule that a value breaks, or None."""
        return self._check(value, self._shape, "")

    def _check(self, value: Json, shape: Shape, path: str) -> ErrorDetail | None:
        fitting = candidates(value, shape)
        if not fitting:
            return errors.invalid_type(path, self._expected(members(shape)), GOT[type(value)])
        match fitting[0]:
            case inspect.StructType(tag=None) as struct:
                return self._check_object(value, struct, path)
            case inspect.StructType():
                return self._check_tagged(value, fitting, path)
            case inspect.VarTupleType() as array:
                return self._check_array(value, array, path)
            case inspect.DictType() as mapping:
                return self._check_mapping(value, mapping, path)
            case inspect.LiteralType() as literal if value not in literal.values:
                return errors.invalid_value(path, value, self._declared[literal.values])
            case inspect.StrType() as text:
                return _check_text(value, text, path)
            case inspect.BytesType() as audio:
                return _check_audio(value, audio, path)
            case inspect.IntType() | inspect.FloatType() as number:
                return _check_number(value, number, path)
        return None

    def _check_tagged(self, value: dict[str, Json], fitting: list[Any], path: str) -> ErrorDetail | None:
        where, tags = _below(path, fitting[0].tag_field), {struct.tag: struct for struct in fitting}
        tag = value.get(fitting[0].tag_field, ...)
        if tag is ...:
            return errors.missing_parameter(where)
        if not isinstance(tag, str):
            return errors.invalid_type(where, "a string", GOT[type(tag)])
        if tag not in tags:
            return errors.invalid_value(where, tag, tuple(tags))
        return self._check_object(value, tags[tag], path)

    def _check_object(self, value: dict[str, Json], struct: inspect.StructType, path: str) -> ErrorDetail | None:
        fields = {field.encode_name: field for field in struct.fields}
        for name, field in fields.items():
            if field.required and name not in value:
                return errors.missing_parameter(_below(path, name))
        for name in value:
            if name not in fields and name != struct.tag_field:
                return errors.unknown_parameter(_below(path, name))
        found = (self._check(value[name], fields[name].type, _below(path, name)) for name in value if name in fields)
        return next(filter(None, found), None)

    def _check_array(self, value: list[Json], array: inspect.VarTupleType, path: str) -> ErrorDetail | None:
        if not value and array.min_length:
            return errors.empty_array(path)
        found = (self._check(element, array.item_type, f"{path}[{index}]") for index, element in enumerate(value))
        return next(filter(None, found), None)

    def _check_mapping(self, value: dict[str, Json], mapping: inspect.DictType, path: str) -> ErrorDetail | None:
        if mapping.max_length is not None and len(value) > mapping.max_length:
            return errors.too_many_properties(path, mapping.max_length, len(value))
        limit = mapping.key_type.max_length if isinstance(mapping.key_type, inspect.StrType) else None
        for name, element in value.items():
            if limit is not None and len(name) > limit:
                return errors.property_name_too_long(path, name, limit)
            if found := self._check(element, mapping.value_type, _below(path, name)):
                return found
        return None

    def _expected(self, shapes: tuple[Shape, ...]) -> str:
        """`one of a string or array of objects`; null goes without saying."""
        named = [shape for shape in shapes if not isinstance(shape, inspect.NoneType)]
        literals = [self._declared[shape.values] for shape in named if isinstance(shape, inspect.LiteralType)]
        kinds = dict.fromkeys(self._kind(shape) for shape in named if not isinstance(shape, inspect.LiteralType))
        words = [*kinds, *(errors.listed(values, "or") for values in literals)]
        if not kinds:
            return _enumerated(literals[0])
        first = f"{'an' if words[0][0] in 'aeiou' else 'a'} {words[0]}"
        return first if len(words) == 1 else f"one of {errors.in_words([first, *words[1:]], 'or')}"

    def _kind(self, shape: Shape) -> str:
        if isinstance(shape, inspect.VarTupleType):
            return f"array of {self._kind(members(shape.item_type)[0])}s"
        return EXPECTED.get(type(shape), "string")


def _below(path: str, name: str) -> str:
    """Where a key of an object stands. A key is the client's own text, so it is clipped."""
    name = errors.clipped(name)
    return f"{path}.{name}" if path else name


def _enumerated(values: tuple[str, ...]) -> str:
    named = errors.listed(values, "or")
    return named if len(values) == 1 else f"one of {named}"


def _check_text(value: str, text: inspect.StrType, path: str) -> ErrorDetail | None:
    if text.max_length is not None and len(value) > text.max_length:
        return errors.string_too_long(path, text.max_length, len(value))
    if text.pattern is not None and not re.search(text.pattern, value):
        return errors.pattern_mismatch(path, text.pattern)
    return None


def _check_audio(value: str, audio: inspect.BytesType, path: str) -> ErrorDetail | None:
    try:
        size = len(pybase64.b64decode(value, validate=True))
    except ValueError:
        return errors.invalid_audio(path)
    if audio.min_length and not size:
        return errors.empty_audio(path)
    if audio.max_length is not None and size > audio.max_length:
        return errors.audio_too_long(path, audio.max_length, size)
    return None


def _check_number(value: float, number: inspect.IntType | inspect.FloatType, path: str) -> ErrorDetail | None:
    kind = "integer" if isinstance(number, inspect.IntType) else "decimal"
    if number.ge is not None and value < number.ge:
        return errors.out_of_range(path, kind=kind, bound=number.ge, got=value, low=True)
    if number.le is not None and value > number.le:
        return errors.out_of_range(path, kind=kind, bound=number.le, got=value, low=False)
    return None
