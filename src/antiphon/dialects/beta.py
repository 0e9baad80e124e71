"""Beta: the dialect of October 2024 to May 2026, between its clients and the events of GA.

Sessions are flat, an item is told of once, limits come before the answer, and every session and response has a
temperature, which GA does not know.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from msgspec import structs

from antiphon.dialects import beta_items, beta_response, beta_session, beta_telling
from antiphon.dialects import beta_shapes as beta
from antiphon.dialects.beta_items import Roles
from antiphon.dialects.beta_telling import Telling
from antiphon.dialects.memory import Asked, Memory
from antiphon.dialects.names import RENAMINGS
from antiphon.dialects.reading import Reader, append_of
from antiphon.dialects.wording import Worded, worded
from antiphon.protocol import client_events as ga
from antiphon.protocol import codec
from antiphon.protocol.beyond import ResponseWishes
from antiphon.protocol.client_events import ClientEvent
from antiphon.protocol.errors import ErrorDetail
from antiphon.protocol.items import Item
from antiphon.protocol.server_events import ServerEvent
from antiphon.protocol.wire import UNSET, UnsetType

TYPES: Final = (
    "session.update",
    "transcription_session.update",
    "input_audio_buffer.append",
    "input_audio_buffer.commit",
    "input_audio_buffer.clear",
    "output_audio_buffer.clear",
    "conversation.item.create",
    "conversation.item.truncate",
    "conversation.item.delete",
    "conversation.item.retrieve",
    "response.create",
    "response.cancel",
)
"""What a beta client may send. A transport that does not take all of it says so in GA's words."""

NOT_OF_GA: Final = ("transcription_session.update",)


class Beta:
    """The beta dialect of one link. `accepted` names the event types that its transport takes, as GA has them."""

    types: ClassVar[Sequence[str]] = TYPES
    roles: ClassVar[Roles] = beta_items.ROLES
    reader: ClassVar[Reader] = Reader(beta.ClientEvent)
    unsaid: ClassVar[frozenset[type]] = beta_telling.UNSAID
    tellings: ClassVar[Mapping[type, Telling]] = beta_telling.TELLINGS

    def __init__(
        self,
        accepted: Sequence[str] = codec.WEBSOCKET_TYPES,
        *,
        memory: Memory | None = None,
        names_deployment: bool = False,
    ) -> None:
        """`memory` is what another machine of the same link has left.

        `names_deployment`: the URL is one of Azure's; a model in the session is then no more than the model's own name.
        """
        self.memory = memory or Memory()
        self._names_deployment = names_deployment
        self._accepted = tuple(kind for kind in self.types if kind in accepted or kind in NOT_OF_GA)

    def receive(self, frame: bytes | str) -> list[ClientEvent | ErrorDetail]:
        """The event in GA's words, or what is wrong with the frame in the client's."""
        append = append_of(frame)
        if append is not None:
            return [append]
        event = self.reader.read(frame, self._accepted)
        if isinstance(event, Worded):
            return [event]
        meant = self.meaning(event)
        return [worded(meant, event.event_id) if isinstance(meant, Worded) else meant]

    def send(self, event: ServerEvent, event_id: str) -> list[bytes]:
        """The frames that tell the client of an event; the first goes by `event_id`."""
        kind = type(event)
        if kind in self.unsaid:
            return []
        if kind in self.tellings:
            told = self.tellings[kind](self.memory, event)
            return [codec.encode(one, self.memory.new_id("event") if at else event_id) for at, one in enumerate(told)]
        frame = codec.encode(event, event_id)
        return [RENAMINGS[kind](frame) if kind in RENAMINGS else frame]

    def meaning(self, event: Any) -> ClientEvent | Worded:
        """What an event of this dialect says in GA's words."""
        match event:
            case beta.SessionUpdate():
                return self.update(event.event_id, event.session)
            case beta.TranscriptionSessionUpdate():
                session = beta_session.transcription_to_ga(event.session)
                return ga.SessionUpdate(event_id=event.event_id, session=session)
            case beta.ConversationItemCreate():
                item = beta_items.item_to_ga(event.item, "item", self.roles)
                return item if isinstance(item, Worded) else _create_item(event, item)
            case beta.ResponseCreate():
                asked = beta_response.response_to_ga(event.response or beta.Response())
                return asked if isinstance(asked, Worded) else self.respond(event.event_id, *asked)
        plain: ClientEvent = event
        return plain

    def update(self, event_id: str | UnsetType, session: beta.Session) -> ClientEvent | Worded:
        """An update of the session, remembered until it is answered."""
        if self._names_deployment:
            session = structs.replace(session, model=UNSET)
        update = beta_session.session_to_ga(session)
        if isinstance(update, Worded):
            return update
        name = self.memory.ask_update(Asked(event_id, update.temperature))
        return ga.SessionUpdate(event_id=name, session=update)

    def respond(self, event_id: str | UnsetType, wishes: ResponseWishes, paths: Mapping[str, str]) -> ClientEvent:
        """A wish for a response, remembered until it is answered."""
        name = self.memory.ask_response(Asked(event_id, wishes.temperature, waits=wishes.queues, paths=paths))
        return ga.ResponseCreate(event_id=name, response=wishes)


def _create_item(event: beta.ConversationItemCreate, item: Item) -> ClientEvent:
    return ga.ConversationItemCreate(event_id=event.event_id, item=item, previous_item_id=event.previous_item_id)
