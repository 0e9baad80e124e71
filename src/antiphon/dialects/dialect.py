"""What a dialect is: a small machine between the frames of one link and the events of GA.

It does no input or output and reads no clock. GA is the only language inside; whatever another wire variant
says or expects differently, its machine knows, and nobody else.
"""

from typing import Literal, Protocol, TypeAlias

from antiphon.protocol.client_events import ClientEvent
from antiphon.protocol.errors import ErrorDetail
from antiphon.protocol.server_events import ServerEvent

Name: TypeAlias = Literal["ga", "beta", "azure", "preview"]


class Dialect(Protocol):
    """The wire variant of one link. It sees the link's frames and events in order, each once."""

    def receive(self, frame: bytes | str) -> list[ClientEvent | ErrorDetail]:
        """What a text frame means; a client's mistake is a value. One frame may mean several events, or none."""

    def send(self, event: ServerEvent, event_id: str) -> list[bytes]:
        """The frames that tell a link of an event, in order; none where the variant has no word for it."""
