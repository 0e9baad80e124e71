"""Preview: the first public version, which Azure served on as `2024-10-01-preview`. Beta, and some words beside it.

Its responses may wait for one another, leave nothing behind, or bring items of their own. It has fewer events than
beta, and the few that it spells otherwise are told in both spellings.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from antiphon.dialects import beta_items, preview_session, preview_telling
from antiphon.dialects import preview_shapes as preview
from antiphon.dialects.beta import Beta
from antiphon.dialects.beta_items import Roles
from antiphon.dialects.beta_telling import Telling
from antiphon.dialects.reading import Reader
from antiphon.dialects.wording import Worded
from antiphon.protocol.client_events import ClientEvent

TYPES: Final = (
    "session.update",
    "input_audio_buffer.append",
    "input_audio_buffer.commit",
    "input_audio_buffer.clear",
    "conversation.item.create",
    "conversation.item.truncate",
    "conversation.item.delete",
    "response.create",
    "response.cancel",
)
"""What a preview client may send."""


class Preview(Beta):
    """The preview dialect of one link."""

    types: ClassVar[Sequence[str]] = TYPES
    roles: ClassVar[Roles] = beta_items.PREVIEW_ROLES
    reader: ClassVar[Reader] = Reader(preview.ClientEvent)
    unsaid: ClassVar[frozenset[type]] = preview_telling.UNSAID
    tellings: ClassVar[Mapping[type, Telling]] = preview_telling.TELLINGS

    def meaning(self, event: Any) -> ClientEvent | Worded:
        """What an event of this dialect says in GA's words."""
        if isinstance(event, preview.SessionUpdate):
            session = preview_session.session_to_beta(event.session)
            return session if isinstance(session, Worded) else self.update(event.event_id, session)
        if isinstance(event, preview.ResponseCreate):
            asked = preview_session.response_to_ga(event.response or preview.Response())
            return asked if isinstance(asked, Worded) else self.respond(event.event_id, *asked)
        return super().meaning(event)
