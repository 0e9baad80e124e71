"""What beta and preview clients wish and GA cannot say, done with what GA has.

A response that is to take the place of another is held until the other, cancelled, has ended; one that may wait is
held until then as well. One that is to leave nothing behind is out of band, and the items that were added for it are
deleted when it has ended. A temperature is left out: GA's models have none to set.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from msgspec import structs

from antiphon.gateway import errors
from antiphon.protocol.beyond import ResponseWishes, SessionWishes
from antiphon.protocol.client_events import (
    ClientEvent,
    ConversationItemCreate,
    ConversationItemDelete,
    ResponseCancel,
    ResponseCreate,
    SessionUpdate,
)
from antiphon.protocol.errors import ErrorDetail
from antiphon.protocol.items import Item, ItemReference
from antiphon.protocol.response import ResponseParams
from antiphon.protocol.server_events import Error, ResponseCreated, ResponseDone, ServerEvent
from antiphon.protocol.session import RealtimeSessionUpdate

MAX_WAITING: Final = 16
"""Responses that wait for the one that runs; a client that asks for more has lost count."""

MAX_ASKED: Final = 64
"""Responses that the upstream has been asked for and says nothing of."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A response that was asked for."""

    name: str | None
    """The event that asked, as an error would name it."""
    is_beside: bool
    appended: tuple[str, ...]
    """Items to delete when it has ended."""


class Wishes:
    """The wishes of one client. It sees what the client means and what the upstream says, in order."""

    def __init__(self, new_id: Callable[[str], str]) -> None:
        self._new_id = new_id
        self._running: str | None = None
        """The response of the conversation that runs."""
        self._asked: deque[_Asked] = deque(maxlen=MAX_ASKED)
        """Oldest first; the upstream takes events one by one."""
        self._waiting: deque[ResponseCreate] = deque()
        self._to_delete: dict[str, tuple[str, ...]] = {}

    def heard(self, event: ClientEvent) -> list[ClientEvent] | ErrorDetail:
        """What to send to a GA upstream now for what the client means."""
        if isinstance(event, SessionUpdate):
            return [in_ga(event)]
        if not isinstance(event, ResponseCreate):
            return [event]
        wishes = event.response
        if not isinstance(wishes, ResponseWishes) or not (wishes.replaces or wishes.queues) or not self._is_busy:
            return self._ask(event)
        if len(self._waiting) >= MAX_WAITING:
            return errors.too_many_waiting(MAX_WAITING, event.event_id or None)
        self._waiting.append(event)
        return self._cancelled() if wishes.replaces else []

    def told(self, event: ServerEvent) -> list[ClientEvent]:
        """What to send to the upstream because of what it says."""
        match event:
            case ResponseCreated():
                return self._began(event)
            case ResponseDone():
                return self._ended(event.response.id)
            case Error():
                return self._refused(event.error.event_id)
        return []

    @property
    def _is_busy(self) -> bool:
        """Whether a response of the conversation runs, or was asked for and not answered yet."""
        return self._running is not None or any(not asked.is_beside for asked in self._asked) or bool(self._waiting)

    def _ask(self, event: ResponseCreate) -> list[ClientEvent]:
        wishes = event.response or ResponseParams()
        appends: tuple[Item, ...] = ()
        discards = False
        if isinstance(wishes, ResponseWishes):
            appends = tuple(self._named(item) for item in wishes.appends)
            discards = wishes.discards
            wishes = _known(wishes, ResponseWishes, ResponseParams)
        if discards:
            wishes = structs.replace(wishes, conversation="none")
        if appends and wishes.input:
            references = tuple(ItemReference(id=_id_of(item)) for item in appends)
            wishes = structs.replace(wishes, input=(*wishes.input, *references))
        delete = tuple(_id_of(item) for item in appends) if discards else ()
        self._asked.append(_Asked(event.event_id or None, wishes.conversation == "none", delete))
        creates = [ConversationItemCreate(item=item) for item in appends]
        response = wishes if event.response or discards else event.response
        return [*creates, structs.replace(event, response=response)]

    def _began(self, event: ResponseCreated) -> list[ClientEvent]:
        is_beside = event.response.conversation_id is None
        asked = next((one for one in self._asked if one.is_beside == is_beside), None)
        if asked is not None:
            self._asked.remove(asked)
            if asked.appended and len(self._to_delete) < MAX_ASKED:
                self._to_delete[event.response.id] = asked.appended
        if is_beside:
            return []
        self._running = event.response.id
        wants_place = any(isinstance(one.response, ResponseWishes) and one.response.replaces for one in self._waiting)
        return self._cancelled() if wants_place else []

    def _ended(self, response_id: str) -> list[ClientEvent]:
        deletes: list[ClientEvent] = [
            ConversationItemDelete(item_id=item_id) for item_id in self._to_delete.pop(response_id, ())
        ]
        if response_id == self._running:
            self._running = None
        return [*deletes, *self._next()]

    def _refused(self, name: str | None) -> list[ClientEvent]:
        """An error that names no event may be anything: the oldest is taken for refused, lest all wait for ever."""
        asked = next((one for one in self._asked if name in (None, one.name)), None)
        if asked is None:
            return []
        self._asked.remove(asked)
        return [*(ConversationItemDelete(item_id=item_id) for item_id in asked.appended), *self._next()]

    def _next(self) -> list[ClientEvent]:
        """The response that has waited longest, if it may begin now."""
        if self._running is not None or not self._waiting or any(not asked.is_beside for asked in self._asked):
            return []
        return self._ask(self._waiting.popleft())

    def _cancelled(self) -> list[ClientEvent]:
        return [] if self._running is None else [ResponseCancel(response_id=self._running)]

    def _named(self, item: Item) -> Item:
        return item if item.id else structs.replace(item, id=self._new_id("item"))


def in_ga(event: SessionUpdate) -> SessionUpdate:
    """The update without what GA does not know."""
    return structs.replace(event, session=_known(event.session, SessionWishes, RealtimeSessionUpdate))


def _known(value: Any, older: type, known: type) -> Any:
    """The value without what GA does not know."""
    if not isinstance(value, older):
        return value
    return known(**{name: getattr(value, name) for name in known.__struct_fields__})  # type: ignore[attr-defined]  # a struct


def _id_of(item: Item) -> str:
    return item.id or ""
