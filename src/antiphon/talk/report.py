"""One turn as a value: what was said, what came of it, and the figures. The waterfall and `--json` show the same."""

from typing import Any

import msgspec

from antiphon.client.conversation import Conversation
from antiphon.talk.turns import Stage, Turn


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A turn that is over; also the object that `--json` prints."""

    turn: int
    you: str | None
    """The caller's words; None when nobody wrote them down."""
    answer: str
    status: str
    """The response's, or `unanswered`."""
    reason: str
    """Why the response did not complete, in the wire's word."""
    error: str
    audio_ms: int
    """Sound of the answer, as made."""
    heard_ms: int | None
    """How much of it was heard before the caller cut in; None when the caller did not."""
    ms: dict[str, int]
    """Steps that were reached, in ms from the end of speech."""
    item_id: str | None
    response_id: str | None
    usage: Any

    @classmethod
    def of(cls, turn: Turn, view: Conversation) -> "Report":
        """What the view knows of the turn."""
        item = view.item(turn.item_id) if turn.item_id else None
        answer = view.responses.get(turn.response_id or "")
        cut = [part for part in answer.items if part.cut_ms is not None] if answer else []
        made = sum(part.audio_bytes // part.bytes_per_ms for part in answer.items) if answer else 0
        return cls(
            turn=turn.number,
            you=item.text if item and item.hearing == "completed" else None,
            answer=answer.text if answer else "",
            status=answer.status if answer else "unanswered",
            reason=answer.reason if answer else "",
            error=answer.error if answer else "",
            audio_ms=made,
            heard_ms=answer.audio_ms if answer and cut else None,
            ms={stage.value: at for stage, at in turn.ms().items()},
            item_id=turn.item_id,
            response_id=turn.response_id,
            usage=answer.usage if answer else None,
        )

    def json(self) -> str:
        """One line."""
        return msgspec.json.encode(self).decode()

    @property
    def stages(self) -> list[tuple[Stage, int]]:
        """The steps by their time."""
        return sorted(((Stage(name), at) for name, at in self.ms.items()), key=lambda stage: stage[1])


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a run that could not go on, for `--json`."""

    error: str
    hint: str | None

    def json(self) -> str:
        """One line."""
        return msgspec.json.encode(self).decode()
