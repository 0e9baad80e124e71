"""How a wire value looks: frozen, closed to unknown keys, absent keys told apart from `null`.

Everything that crosses the wire is a `Wire` or, where its `type` tells its kind, a `Tagged`.
A field that may be absent is `X | UnsetType = UNSET`; a field that may be `null` is `X | None`.
Audio is `bytes` here; only the codec knows base64.
"""

from typing import Annotated, Any, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType

__all__ = ["MAX_INT", "UNSET", "Count", "EventId", "Json", "Meta", "Ms", "Ratio", "Tagged", "UnsetType", "Wire"]

Json: TypeAlias = Any  # a JSON value that we pass on unread: tool schemas, tracing metadata

MAX_EVENT_ID_LENGTH = 512

MAX_INT = 2**31 - 1
"""The largest number a client may send; as milliseconds, 24 days."""

Count: TypeAlias = Annotated[int, Meta(ge=0, le=MAX_INT)]
Ms: TypeAlias = Annotated[int, Meta(ge=0, le=MAX_INT)]
Ratio: TypeAlias = Annotated[float, Meta(ge=0.0, le=1.0)]
EventId: TypeAlias = Annotated[str, Meta(max_length=MAX_EVENT_ID_LENGTH)]


class Wire(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A JSON object of the protocol."""


class Tagged(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type", tag="?"):
    """A JSON object whose `type` names its kind; each subclass sets its own `tag`."""
