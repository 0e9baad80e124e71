"""Reads what another server sent, as far as it can be read.

A newer server sends keys that we do not know, an older one leaves some out, a third breaks a bound. None of
that may cost a client the event. So nothing is checked here beyond the kind of a value: unknown keys are
dropped, and what is absent or unreadable takes its default, its `ASSUMED` value, or takes its surroundings
with it, up to the nearest place where something may be left out.
"""

from typing import Any, Final

import pybase64
from msgspec import NODEFAULT, inspect

from antiphon.protocol.shapes import Shape, candidates
from antiphon.protocol.wire import Json

ASSUMED: dict[str, Json] = {
    "audio": {},
    "content_index": 0,
    "conversation_id": None,
    "expires_at": 0,
    "max_output_tokens": "inf",
    "message": "",
    "name": "",
    "output_index": 0,
    "output_modalities": ["audio"],
    "type": "server_error",
    "usage": {"type": "duration", "seconds": 0},
}
"""Required fields that servers in the field leave out or send as null, and what we take that to mean."""

UNREADABLE: Final = object()
ABSENT: Final = object()


def read(value: Json, shape: Shape) -> Any:
    """The value as its wire type, or `UNREADABLE`."""
    fitting = candidates(value, shape)
    if not fitting:
        return UNREADABLE
    match fitting[0]:
        case inspect.StructType():
            return _read_object(value, fitting)
        case inspect.VarTupleType() as array:
            found = (read(element, array.item_type) for element in value)
            return tuple(element for element in found if element is not UNREADABLE)
        case inspect.DictType() as mapping:
            pairs = ((name, read(element, mapping.value_type)) for name, element in value.items())
            return {name: element for name, element in pairs if element is not UNREADABLE}
        case inspect.LiteralType() as literal if value not in literal.values:
            return UNREADABLE
        case inspect.BytesType():
            return _read_audio(value)
    return value


def _read_object(value: dict[str, Json], fitting: list[Any]) -> Any:
    tag_field = fitting[0].tag_field
    struct = next((one for one in fitting if tag_field is None or one.tag == value.get(tag_field)), None)
    if struct is None:
        return UNREADABLE
    known = {field.name: _read_field(value, field) for field in struct.fields}
    if any(found is UNREADABLE for found in known.values()):
        return UNREADABLE
    return struct.cls(**{name: found for name, found in known.items() if found is not ABSENT})


def _read_field(value: dict[str, Json], field: inspect.Field) -> Any:
    """The field's value, `ABSENT` where its default is to stand, or `UNREADABLE`."""
    name = field.encode_name
    if name in value and (found := read(value[name], field.type)) is not UNREADABLE:
        return found
    if value.get(name) is not None:
        return ABSENT if _says_nothing(field) else UNREADABLE
    if not field.required:
        return ABSENT
    return read(ASSUMED[name], field.type) if name in ASSUMED else UNREADABLE


def _says_nothing(field: inspect.Field) -> bool:
    """Whether leaving the field out claims nothing; a default other than null would be a claim."""
    return not field.required and field.default in (NODEFAULT, None)


def _read_audio(value: str) -> Any:
    try:
        return pybase64.b64decode(value, validate=True)
    except ValueError:
        return UNREADABLE
