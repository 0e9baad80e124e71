"""Reads wire types into one form, whoever wrote them: our structs, the SDK's models, our table of facts.

A fact about a field is written `!string|null`: `!` if it must be there, then the kinds of JSON that may stand
for it. `'auto'` is that string alone, `[string]` an array of strings, `{string}` a mapping, `object` a nested
type. From a server, a field is `!` if it is always there and never null; where it may be absent it may be null.
"""

import types
import typing
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from msgspec import NODEFAULT, inspect
from pydantic import BaseModel

Side: TypeAlias = Literal["client", "server"]


@dataclass(frozen=True)
class Fact:
    """What is known of one field."""

    required: bool
    kinds: frozenset[str]
    nested: tuple["Kind", ...] = field(default=(), compare=False)

    def __str__(self) -> str:
        return "!" * self.required + "|".join(sorted(self.kinds)) or "absent"


@dataclass(frozen=True)
class Kind:
    """An object of the wire: its name, the values that its `type` may have, and its fields without `type`."""

    name: str
    tags: frozenset[str]
    fields: dict[str, Fact]


def kind_from(name: str, row: dict[str, Any]) -> Kind:
    """A row of the table; a list under `type` holds tags, anything else is a fact."""
    tags = {tag for value in row.values() if isinstance(value, list) for tag in value}
    return Kind(name, frozenset(tags), {key: fact_from(value) for key, value in row.items() if isinstance(value, str)})


def fact_from(text: str) -> Fact:
    """Reads `!string|null` back; a `|` inside brackets belongs to what they hold."""
    kinds, depth = [""], 0
    for letter in text.removeprefix("!"):
        depth += (letter in "[{") - (letter in "]}")
        if letter == "|" and not depth:
            kinds.append("")
        else:
            kinds[-1] += letter
    return Fact(text.startswith("!"), frozenset(kinds))


def _fact(side: Side, required: bool, kinds: set[str], nested: list[Kind]) -> Fact:
    return Fact(required and not (side == "server" and "null" in kinds), frozenset(kinds), tuple(nested))


# Our structs.


def our_kind(struct: inspect.StructType, side: Side) -> Kind:
    """A struct of ours."""
    tags = {str(struct.tag)} if struct.tag else set()
    fields = {}
    for one in struct.fields:
        if one.name == "type" and isinstance(one.type, inspect.LiteralType):
            tags = set(map(str, one.type.values))
            continue
        kinds, nested = _our_kinds(one.type, side)
        is_sent = one.required or (side == "server" and (one.default is not NODEFAULT or one.name == "event_id"))
        fields[one.encode_name] = _fact(side, is_sent, kinds, nested)
    return Kind(struct.cls.__name__, frozenset(tags), fields)


OUR_NAMES: dict[type[inspect.Type], str] = {
    inspect.StrType: "string",
    inspect.BytesType: "string",
    inspect.IntType: "integer",
    inspect.FloatType: "number",
    inspect.BoolType: "boolean",
    inspect.NoneType: "null",
    inspect.AnyType: "any",
}


def _our_kinds(shape: inspect.Type, side: Side) -> tuple[set[str], list[Kind]]:
    match shape:
        case inspect.UnionType(types=members):
            return _merged(_our_kinds(member, side) for member in members)
        case inspect.StructType():
            return {"object"}, [our_kind(shape, side)]
        case inspect.LiteralType(values=values):
            return {f"'{value}'" for value in values}, []
        case inspect.VarTupleType(item_type=inner):
            return _inside("[]", _our_kinds(inner, side))
        case inspect.DictType(value_type=inner):
            return _inside("{}", _our_kinds(inner, side))
    return {OUR_NAMES[type(shape)]}, []


def our_events(union: Any, side: Side) -> dict[str, Kind]:
    """Our events by their type."""
    described = inspect.type_info(union)
    assert isinstance(described, inspect.UnionType)
    kinds = [our_kind(one, side) for one in described.types if isinstance(one, inspect.StructType)]
    return {tag: replace(kind, name=tag) for kind in kinds for tag in kind.tags}


# The SDK's models.


def sdk_kind(model: type[BaseModel], side: Side) -> Kind:
    """A pydantic model of the SDK; it cannot tell "may be absent" from "may be null"."""
    tags: set[str] = set()
    fields = {}
    for name, info in model.model_fields.items():
        kinds, nested = _sdk_kinds(info.annotation, side)
        if name == "type" and all(kind.startswith("'") or kind == "null" for kind in kinds):
            tags = {kind.strip("'") for kind in kinds - {"null"}}
        else:
            fields[info.alias or name] = _fact(side, info.is_required(), kinds, nested)
    return Kind(model.__name__, frozenset(tags), fields)


SDK_NAMES: dict[Any, str] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    type(None): "null",
    object: "any",
    Any: "any",
}


def _sdk_kinds(hint: Any, side: Side) -> tuple[set[str], list[Kind]]:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        kinds, nested = _merged(_sdk_kinds(one, side) for one in arguments)
        is_open = "string" in kinds  # the values beside it are no more than the known ones
        return {kind for kind in kinds if not (is_open and kind.startswith("'"))}, nested
    if origin is typing.Annotated:
        return _sdk_kinds(arguments[0], side)
    if origin is Literal:
        return {f"'{value}'" if isinstance(value, str) else "integer" for value in arguments}, []
    if origin is list:
        return _inside("[]", _sdk_kinds(arguments[0], side))
    if origin is dict:
        return ({"any"}, []) if arguments[1] is object else _inside("{}", _sdk_kinds(arguments[1], side))
    if hint not in SDK_NAMES:
        return {"object"}, [sdk_kind(hint, side)]
    return {SDK_NAMES[hint]}, []


def sdk_models(union: Any) -> dict[str, type[BaseModel]]:
    """The SDK's models of events by their type."""
    models = typing.get_args(typing.get_args(union)[0])
    return {tag: model for model in models for tag in sdk_kind(model, "server").tags}


def sdk_events(union: Any, side: Side) -> dict[str, Kind]:
    """The SDK's events by their type."""
    return {tag: sdk_kind(model, side) for tag, model in sdk_models(union).items()}


def _merged(parts: Iterable[tuple[set[str], list[Kind]]]) -> tuple[set[str], list[Kind]]:
    kinds: set[str] = set()
    nested: list[Kind] = []
    for some_kinds, some_nested in parts:
        kinds |= some_kinds
        nested += some_nested
    return kinds, nested


def _inside(brackets: str, inner: tuple[set[str], list[Kind]]) -> tuple[set[str], list[Kind]]:
    return {f"{brackets[0]}{'|'.join(sorted(inner[0]))}{brackets[1]}"}, inner[1]


# Side by side.


def pairs(ours: Iterable[Kind], theirs: Iterable[Kind]) -> Iterator[tuple[Kind, Kind]]:
    """Which kinds of ours answer to which of theirs, and so on down.

    What shares a `type` belongs together: three messages of theirs are one of ours, and one content part of
    theirs, with the fields of all types, is several of ours.
    """
    groups: list[tuple[list[Kind], list[Kind]]] = []
    for side, kind in [(0, kind) for kind in ours] + [(1, kind) for kind in theirs]:
        near = [group for group in groups if any(_answers(kind, one) for one in group[0] + group[1])]
        groups = [group for group in groups if group not in near]
        groups.append(([], []))
        for group in near:
            groups[-1][0].extend(group[0])
            groups[-1][1].extend(group[1])
        groups[-1][side].append(kind)
    for mine, other in groups:
        here, there = as_one(mine), as_one(other)
        yield here, there
        for name in here.fields.keys() & there.fields.keys():
            yield from pairs(here.fields[name].nested, there.fields[name].nested)


def _answers(one: Kind, other: Kind) -> bool:
    return bool(one.tags & other.tags) or not (one.tags or other.tags)


def as_one(group: list[Kind]) -> Kind:
    names = list(dict.fromkeys(name for kind in group for name in kind.fields))
    return Kind(
        "|".join(sorted({kind.name for kind in group})),
        frozenset(tag for kind in group for tag in kind.tags),
        {name: _field_of(group, name) for name in names},
    )


def _field_of(group: list[Kind], name: str) -> Fact:
    facts = [kind.fields[name] for kind in group if name in kind.fields]
    return Fact(
        len(facts) == len(group) and all(fact.required for fact in facts),
        frozenset(kind for fact in facts for kind in fact.kinds),
        tuple(nested for fact in facts for nested in fact.nested),
    )


def differences(ours: Kind, theirs: Kind, side: Side, *, nulls: bool) -> Iterator[str]:
    """Where two kinds disagree. `nulls`: whether they know of null at all."""
    if ours.tags != theirs.tags:
        yield f"{side} {ours.name}: types {sorted(ours.tags)} here, {sorted(theirs.tags)} there"
    for name in sorted(ours.fields.keys() | theirs.fields.keys()):
        here, there = _shown(ours, name, nulls=nulls), _shown(theirs, name, nulls=nulls)
        is_weaker = there.required and not here.required
        is_stricter = here.required and not there.required and side == "client"
        if here.kinds != there.kinds or is_weaker or is_stricter:
            yield f"{side} {ours.name}.{name}: {here} here, {there} there"


def _shown(kind: Kind, name: str, *, nulls: bool) -> Fact:
    fact = kind.fields.get(name, Fact(required=False, kinds=frozenset()))
    return fact if nulls else replace(fact, kinds=fact.kinds - {"null"})
