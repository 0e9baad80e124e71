"""A client's frame as a struct of its dialect, or the exact error in the dialect's own terms."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from antiphon.dialects.wording import Worded, worded
from antiphon.protocol import codec, errors
from antiphon.protocol.client_events import InputAudioBufferAppend
from antiphon.protocol.codec import Tree
from antiphon.protocol.errors import ErrorDetail
from antiphon.protocol.violations import Rules
from antiphon.protocol.wire import MAX_EVENT_ID_LENGTH

APPEND: Final = "input_audio_buffer.append"

HEAD_LENGTH: Final = 256
"""Where an append says what it is. One that says it later is read all the same, at more cost."""


def append_of(frame: bytes | str) -> InputAudioBufferAppend | None:
    """The append in a frame, by GA's fast way; None for anything else, a broken append among it."""
    head = frame[:HEAD_LENGTH]
    if APPEND not in (head if isinstance(head, str) else head.decode(errors="replace")):
        return None
    event = codec.decode_client(frame, (APPEND,))
    return event if isinstance(event, InputAudioBufferAppend) else None


class Reader:
    """Reads the events of one dialect. Make it once and keep it: reading the structs takes milliseconds."""

    def __init__(self, union: Any) -> None:
        self._union = union
        self._rules = Rules(union)

    def read(self, frame: bytes | str, accepted: Sequence[str]) -> Any | Worded:
        """The event as the dialect's struct, or what is wrong with it. `accepted` is what the transport takes."""
        tree = codec.tree_of(frame)
        if isinstance(tree, ErrorDetail):
            return worded(tree)
        kind = tree.get("type")
        if isinstance(kind, str) and kind not in accepted:
            return worded(errors.invalid_value("type", kind, accepted), _name_of(tree))
        try:
            return msgspec.convert(tree, self._union)
        except msgspec.ValidationError as error:
            return worded(self._rules.violation(tree) or errors.unreadable(str(error)), _name_of(tree))


def _name_of(tree: Tree) -> str | None:
    """What the client calls the event, where that can be read."""
    event_id = tree.get("event_id")
    return event_id if isinstance(event_id, str) and len(event_id) <= MAX_EVENT_ID_LENGTH else None
