"""How a wire value looks: frozen, closed to unknown keys, absent keys told apart from `null`.

Everything that crosses the wire is a `Wire` or, where its `type` tells its kind, a `Tagged`.
A field that may be absent is `X | UnsetType = UNSET`; a field that may be `null` is `X | None`.
Audio is `bytes` here; only the codec knows base64.
"""

from typing import Annotated, Any, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType

__all__ = ["UNSET", "Count", "EventId", "Json", "Meta", "Ms", "Ratio", "Tagged", "UnsetType", "Wire"]

Json: TypeAlias = Any  # a JSON value that we pass on unread: tool schemas, tracing metadata

Count: TypeAlias = Annotated[int, Meta(ge=0)]
Ms: TypeAlias = Annotated[int, Meta(ge=0)]
Ratio: TypeAlias = Annotated[float, Meta(ge=0.0, le=1.0)]
EventId: TypeAlias = Annotated[str, Meta(max_length=512)]


class Wire(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A JSON object of the protocol."""


class Tagged(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type", tag="?"):
    """A JSON object whose `type` names its kind; each subclass sets its own `tag`."""
