"""GA, the straight one: every frame is one event, every event one frame."""

from collections.abc import Sequence

from antiphon.protocol import codec
from antiphon.protocol.client_events import ClientEvent
from antiphon.protocol.errors import ErrorDetail
from antiphon.protocol.server_events import ServerEvent


class GA:
    """The GA dialect. `accepted` names the event types that the link's transport takes."""

    def __init__(self, accepted: Sequence[str] = codec.WEBSOCKET_TYPES) -> None:
        self._accepted = accepted

    def receive(self, frame: bytes | str) -> list[ClientEvent | ErrorDetail]:
        """The event, or what is wrong with the frame."""
        return [codec.decode_client(frame, self._accepted)]

    def send(self, event: ServerEvent, event_id: str) -> list[bytes]:
        """The event as it is."""
        return [codec.encode(event, event_id)]
