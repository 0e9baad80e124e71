"""What a client wishes of its session, over all updates: a new session is to have it all."""

from typing import Any, TypeVar

from msgspec import structs

from antiphon.client.tools import Tools
from antiphon.protocol.session import PcmFormat, RealtimeSessionUpdate, SessionUpdateBody
from antiphon.protocol.wire import UNSET, Wire

AnyWire = TypeVar("AnyWire", bound=Wire)


def merged(old: AnyWire, new: AnyWire) -> AnyWire:
    """Both, key by key; where they differ, the newer counts. The kind is the one that has room for both."""
    both = old if isinstance(old, type(new)) else type(new)(**_given(old))
    changes = {name: _merged_value(getattr(both, name), value) for name, value in _given(new).items()}
    return structs.replace(both, **changes)


def with_tools(wishes: SessionUpdateBody, tools: Tools | None) -> SessionUpdateBody:
    """The wishes, and the functions that are offered beside the tools in them."""
    if tools is None or not isinstance(wishes, RealtimeSessionUpdate):
        return wishes
    return structs.replace(wishes, tools=(*(wishes.tools or ()), *tools.offered))


def check_sound(wishes: SessionUpdateBody) -> None:
    """Raise ValueError where sound is to be anything but `pcm`."""
    audio = wishes.audio or None
    for part in (audio.input, getattr(audio, "output", None)) if audio else ():
        if part and part.format and not isinstance(part.format, PcmFormat):
            raise ValueError("A Session speaks and hears `pcm`; for G.711 use `connect`.")


def _given(wire: Wire) -> dict[str, Any]:
    return {name: value for name, value in structs.asdict(wire).items() if value is not UNSET}


def _merged_value(old: Any, new: Any) -> Any:
    """Objects of the same kind are merged; anything else replaces what was there."""
    return merged(old, new) if isinstance(new, Wire) and type(old) is type(new) else new
