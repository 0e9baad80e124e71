"""The official SDK's own types as a judge of server events: nothing is missing, of another type, or unknown."""

import typing
from collections.abc import Iterator
from typing import Any

from openai.types.realtime import RealtimeServerEvent
from pydantic import BaseModel, ValidationError

UNTYPED = {
    "session.id": "seen on the wire",
    "session.object": "seen on the wire",
    "session.expires_at": "seen on the wire",
}
"""Keys that the real service sends and the SDK does not know, and why we send them."""

MODELS: dict[str, type[BaseModel]] = {
    typing.get_args(model.model_fields["type"].annotation)[0]: model
    for model in typing.get_args(typing.get_args(RealtimeServerEvent)[0])
}


def faults(event: dict[str, Any]) -> list[str]:
    """What the SDK would find wrong with an event of the server."""
    kind = event["type"]
    if kind not in MODELS:
        return [f"{kind}: no such event"]
    try:
        model = MODELS[kind].model_validate(event, strict=True)
    except ValidationError as error:
        return [f"{kind}.{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
    return [f"{kind}.{path}: unknown" for path in _unknown(model, "") if path not in UNTYPED]


def _unknown(value: Any, path: str) -> Iterator[str]:
    """Paths of what the models have no field for."""
    if isinstance(value, BaseModel):
        yield from (f"{path}{name}" for name in value.model_extra or {})
        for name in type(value).model_fields:
            yield from _unknown(getattr(value, name), f"{path}{name}.")
    elif isinstance(value, list):
        for one in value:
            yield from _unknown(one, path)
