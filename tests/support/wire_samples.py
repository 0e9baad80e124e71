"""Values of any wire type, for hypothesis to draw; read from the structs, so that a new field is drawn as well."""

from typing import Any

from hypothesis import strategies as st
from msgspec import inspect

from antiphon.protocol.items import (
    InputAudio,
    InputImage,
    InputText,
    McpApprovalResponse,
    Message,
    OutputAudio,
    OutputText,
)
from antiphon.protocol.wire import MAX_INT, Json

TEXT = st.text(st.characters(codec="utf-8"), max_size=8)

JSON: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)

PARTS: dict[str, tuple[type, ...]] = {
    "system": (InputText,),
    "user": (InputText, InputAudio, InputImage),
    "assistant": (OutputText, OutputAudio),
}
"""Which content each role may have."""

NAMED: dict[type, set[str]] = {McpApprovalResponse: {"id"}}
"""Fields that a client may leave out and a server never does."""


def sample(shape: inspect.Type) -> st.SearchStrategy[Any]:
    """Values of a type, the optional fields sometimes there and sometimes not."""
    match shape:
        case inspect.UnionType(types=members):
            return st.one_of(*map(sample, members))
        case inspect.StructType():
            return _struct(shape)
        case inspect.VarTupleType(item_type=inner, min_length=least):
            return st.lists(sample(inner), min_size=least or 0, max_size=3).map(tuple)
        case inspect.DictType(key_type=key, value_type=value):
            return st.dictionaries(sample(key), sample(value), max_size=3)
        case inspect.LiteralType(values=values):
            return st.sampled_from(values)
    return _scalar(shape)


def _scalar(shape: inspect.Type) -> st.SearchStrategy[Any]:
    match shape:
        case inspect.StrType(pattern=str() as pattern):
            return st.from_regex(pattern, fullmatch=True).map(str.strip)
        case inspect.StrType():
            return TEXT
        case inspect.BytesType(min_length=least):
            return st.binary(min_size=least or 0, max_size=9)
        case inspect.IntType(ge=low, le=high):
            return st.integers(0 if low is None else int(low), MAX_INT if high is None else int(high))
        case inspect.FloatType(ge=low, le=high):
            return st.floats(low or 0, 1e6 if high is None else high)
        case inspect.BoolType():
            return st.booleans()
        case inspect.NoneType():
            return st.none()
    return JSON


def _struct(struct: inspect.StructType) -> st.SearchStrategy[Any]:
    fields = {field.name: sample(field.type) for field in struct.fields}
    if struct.cls is Message:
        return st.sampled_from(sorted(PARTS)).flatmap(lambda role: _built(struct, fields | _of_role(role)))
    return _built(struct, fields)


def _of_role(role: str) -> dict[str, st.SearchStrategy[Any]]:
    parts = st.one_of(*(sample(inspect.type_info(part)) for part in PARTS[role]))
    return {"role": st.just(role), "content": st.lists(parts, max_size=3).map(tuple)}


def _built(struct: inspect.StructType, fields: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    needed = {field.name for field in struct.fields if field.required} | NAMED.get(struct.cls, set())
    return st.fixed_dictionaries(
        {name: values for name, values in fields.items() if name in needed},
        optional={name: values for name, values in fields.items() if name not in needed},
    ).map(lambda known: struct.cls(**known))
