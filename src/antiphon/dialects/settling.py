"""A link whose dialect shows only in what its client says first: beta, until it turns out to be preview or GA.

GA clients still open Azure's URLs with an `api-version`, of which only beta clients used to know; they show
themselves by the `type` in their first session. A preview client shows itself by its first wish for a response.
"""

from collections.abc import Sequence

from antiphon.dialects.beta import Beta
from antiphon.dialects.dialect import Dialect
from antiphon.dialects.ga import GA
from antiphon.dialects.memory import Memory
from antiphon.dialects.preview import Preview
from antiphon.dialects.preview_shapes import OWN_KEYS
from antiphon.dialects.reading import append_of
from antiphon.protocol import codec
from antiphon.protocol.client_events import ClientEvent
from antiphon.protocol.codec import Tree
from antiphon.protocol.errors import ErrorDetail
from antiphon.protocol.server_events import ServerEvent
from antiphon.protocol.wire import Json


class Settling:
    """Begins as beta, or as preview, and changes before it answers the event that shows another dialect."""

    def __init__(
        self,
        accepted: Sequence[str] = codec.WEBSOCKET_TYPES,
        *,
        is_azure: bool,
        memory: Memory,
        is_preview: bool = False,
    ) -> None:
        """`is_azure`: by the URL; `is_preview`: the URL says so already."""
        self._accepted = accepted
        self._memory = memory
        self._machine: Dialect = (Preview if is_preview else Beta)(accepted, memory=memory, names_deployment=is_azure)
        self._may_be_ga = self._is_azure = is_azure
        self._may_be_preview = not is_preview

    def receive(self, frame: bytes | str) -> list[ClientEvent | ErrorDetail]:
        """As the machine of the dialect does that this frame is in."""
        if self._may_be_ga or self._may_be_preview:
            append = append_of(frame)
            if append is not None:
                return [append]
            tree = codec.tree_of(frame)
            if not isinstance(tree, ErrorDetail):
                self._settle(tree)
        return self._machine.receive(frame)

    def send(self, event: ServerEvent, event_id: str) -> list[bytes]:
        """As the machine of the dialect does that the link is in."""
        return self._machine.send(event, event_id)

    def _settle(self, tree: Tree) -> None:
        kind = tree.get("type")
        if kind == "session.update" and self._may_be_ga:
            self._may_be_ga = False
            if _holds(tree.get("session"), ("type",)):
                self._become(GA(self._accepted))
        elif kind == "response.create" and self._may_be_preview:
            self._may_be_preview = False
            if _holds(tree.get("response"), OWN_KEYS):
                preview = Preview(self._accepted, memory=self._memory, names_deployment=self._is_azure)
                self._become(preview)

    def _become(self, machine: Dialect) -> None:
        self._machine = machine
        self._may_be_ga = self._may_be_preview = False


def _holds(value: Json, keys: Sequence[str]) -> bool:
    return isinstance(value, dict) and any(key in value for key in keys)
