"""Between a client of one dialect and an upstream of another: GA in the middle, and both sides' machines around it.

An append is the same in all dialects, and passes as it is. What an upstream says beyond what we know is not told to
older clients: many take an unknown event for a broken connection.
"""

import logging
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct, ValidationError, json, structs

from antiphon.client.older import Older
from antiphon.dialects.dialect import Dialect
from antiphon.gateway.passing import Moves
from antiphon.gateway.wishes import Wishes
from antiphon.protocol.client_events import ClientEvent
from antiphon.protocol.codec import Unknown, decode_server, encode_client
from antiphon.protocol.errors import ErrorDetail, clipped
from antiphon.protocol.ids import new_id
from antiphon.protocol.server_events import (
    ConversationItemAdded,
    ConversationItemCreated,
    ConversationItemDeleted,
    ConversationItemDone,
    Error,
    ServerEvent,
)
from antiphon.protocol.wire import UNSET, UnsetType

_LOG = logging.getLogger("antiphon.gateway")

APPEND: Final = "input_audio_buffer.append"

MAX_ITEMS: Final = 1024
"""Items remembered as told; a session that has more forgets the oldest."""


class Translated:
    """One session's translation."""

    def __init__(self, client: Dialect, upstream: Older | None) -> None:
        """`upstream` is None where the upstream speaks GA."""
        self._client = client
        self._upstream = upstream
        self._wishes = Wishes(new_id)
        self._items = Items()

    def heard(self, frame: bytes | str, kind: str | None) -> Moves | None:
        """What a client's frame becomes; None where it may pass as it is."""
        if kind == APPEND:
            return None
        up: list[bytes] = []
        down: list[bytes] = []
        for meant in self._client.receive(frame):
            sent = meant if isinstance(meant, ErrorDetail) else self._wishes.heard(meant)
            if isinstance(sent, ErrorDetail):
                down += self.error(sent)
            else:
                up += map(self._frame, sent)
        return Moves(up, down)

    def told(self, frame: bytes, kind: str) -> Moves | None:  # noqa: ARG002 -- the contract's
        """What an upstream's event becomes."""
        up: list[bytes] = []
        down: list[bytes] = []
        for read in self._events(frame):
            for event in self._items.told(read, frame):
                down += self._client.send(event, _name_of(event))
                up += map(self._frame, self._wishes.told(event))
        return Moves(up, down)

    def error(self, detail: ErrorDetail) -> Sequence[bytes]:
        """How the client is told of an error of ours."""
        return self._client.send(Error(error=detail), new_id("event"))

    def _frame(self, event: ClientEvent) -> bytes:
        return encode_client(event) if self._upstream is None else self._upstream.frame(event)

    def _events(self, frame: bytes) -> Iterator[ServerEvent]:
        events = [decode_server(frame)] if self._upstream is None else self._upstream.events(frame)
        for event in events:
            if isinstance(event, Unknown):
                _LOG.debug("an event of the upstream is not told: %s", clipped(event.type))
            else:
                yield event


class Items:
    """Sees that a client is told of each item once, whatever words the upstream has for it.

    GA says `added` and then `done`; some servers of GA still say beta's `created`, alone or beside `added`, and some
    say only `done`. Some leave out which item stands before: then it is the one that was told of last.
    """

    def __init__(self) -> None:
        self._told: dict[str, type] = {}
        """How an item was told of."""
        self._last: str | None = None

    def told(self, event: ServerEvent, frame: bytes) -> tuple[ServerEvent, ...]:
        """The event as it is to be told; nothing for what says the same again."""
        if isinstance(event, ConversationItemDeleted):
            self._told.pop(event.item_id, None)
        if not isinstance(event, ConversationItemAdded | ConversationItemCreated | ConversationItemDone):
            return (event,)
        item_id = event.item.id or ""
        known = self._told.get(item_id)
        if isinstance(event, ConversationItemDone) and known is not None:
            return (event,)
        if known not in (None, type(event)):
            return ()
        placed = structs.replace(event, previous_item_id=self._before(event, frame))
        self._remember(item_id, type(event))
        if isinstance(placed, ConversationItemDone):
            added = ConversationItemAdded(item=placed.item, previous_item_id=placed.previous_item_id)
            return (added, placed)
        return (placed,)

    def _before(
        self, event: ConversationItemAdded | ConversationItemCreated | ConversationItemDone, frame: bytes
    ) -> str | None:
        if event.previous_item_id is None and _before_in(frame) is UNSET:
            return self._last
        return event.previous_item_id

    def _remember(self, item_id: str, kind: type) -> None:
        if len(self._told) >= MAX_ITEMS:
            del self._told[next(iter(self._told))]
        self._told[item_id] = kind
        self._last = item_id


class _Placed(Struct):
    previous_item_id: str | UnsetType | None = UNSET


_PLACED: Final = json.Decoder(_Placed)


def _before_in(frame: bytes) -> str | UnsetType | None:
    """What a frame says of the item before; UNSET where it says nothing."""
    try:
        return _PLACED.decode(frame).previous_item_id
    except ValidationError:
        return UNSET


def _name_of(event: ServerEvent) -> str:
    """The upstream's name for the event; a new one for what it has not named."""
    return getattr(event, "event_id", UNSET) or new_id("event")
