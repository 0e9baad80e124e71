"""What a link of an older dialect remembers, since GA does not tell it: temperatures, limits, and who asked for what.

Every update of a session and every wish for a response goes to the core under a name of ours, so that its one
answer, a refusal or not, is known for what it is. The client's own name comes back in the refusal.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from antiphon.protocol import ids
from antiphon.protocol.ids import Ids
from antiphon.protocol.server_events import RateLimit
from antiphon.protocol.wire import UnsetType

DEFAULT_TEMPERATURE = 0.8

MAX_ASKED = 64
"""Questions without an answer; the core answers each, and lets fewer than these wait."""


@dataclass(frozen=True, slots=True)
class Asked:
    """An event that waits for its answer."""

    event_id: str | UnsetType
    """What the client calls it."""
    temperature: float | UnsetType
    waits: bool = False
    """A response that may begin after others that are asked for later."""
    paths: Mapping[str, str] = field(default_factory=dict)
    """Where in the client's event the fields of ours stood."""


class Memory:
    """The memory of one link."""

    def __init__(
        self,
        new_id: Ids = ids.new_id,
        *,
        temperature: float = DEFAULT_TEMPERATURE,
        announces_conversation: bool = False,
    ) -> None:
        """`new_id` names what GA has not named; `temperature` is the session's at its start.

        `announces_conversation` has the client told of the conversation.
        """
        self.new_id = new_id
        self.temperature = temperature
        self.limits: tuple[RateLimit, ...] | None = None
        """The last ones, once they are known."""
        self.conversation_id: str | None = None
        """What this link calls the conversation, if it was told of it."""
        self._announces_conversation = announces_conversation
        self._updates: dict[str, Asked] = {}
        self._responses: dict[str, Asked] = {}
        self._running: dict[str, float] = {}

    def open_conversation(self) -> str | None:
        """The id under which the client is told of the conversation; None if it is not to be told."""
        if self._announces_conversation:
            self.conversation_id = self.new_id("conv")
        return self.conversation_id

    def ask_update(self, asked: Asked) -> str:
        """Remember an update of the session; give the name that it goes by."""
        return self._ask(self._updates, asked)

    def ask_response(self, asked: Asked) -> str:
        """Remember a wish for a response; give the name that it goes by."""
        return self._ask(self._responses, asked)

    def _ask(self, table: dict[str, Asked], asked: Asked) -> str:
        if len(table) >= MAX_ASKED:
            del table[next(iter(table))]
        name = self.new_id("event")
        table[name] = asked
        return name

    def refused(self, name: str) -> Asked | None:
        """What went by this name and is refused; None where it was not of ours."""
        return self._updates.pop(name, None) or self._responses.pop(name, None)

    def updated(self) -> float:
        """An update has taken effect; the session's temperature after it."""
        if self._updates:
            asked = self._updates.pop(next(iter(self._updates)))
            if not isinstance(asked.temperature, UnsetType):
                self.temperature = asked.temperature
        return self.temperature

    def began(self, response_id: str) -> float:
        """A response has begun; its temperature. What nobody asked for has the session's.

        The last that does not wait was answered first: the core takes events one by one.
        """
        names = [name for name, asked in self._responses.items() if not asked.waits][-1:] or list(self._responses)[:1]
        temperature = self.temperature
        for name in names:
            asked = self._responses.pop(name)
            temperature = asked.temperature if not isinstance(asked.temperature, UnsetType) else temperature
        self._running[response_id] = temperature
        return temperature

    def ended(self, response_id: str) -> float:
        """A response has ended; its temperature."""
        return self._running.pop(response_id, self.temperature)
