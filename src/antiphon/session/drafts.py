"""Drafts: answers begun while the silence that ends a turn still lasts.

A draft is a response whose pieces are kept back. When the turn ends it becomes the response, and what was kept goes
out at once in the protocol's order; when the caller goes on, or anything else happens to the conversation, it is
dropped without a trace: no event, no item, no token in `usage`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from antiphon.facts import DraftEnded, Work
from antiphon.ports import NO_USAGE, Prompt, Usage
from antiphon.protocol.items import InputAudio, Message
from antiphon.session.conversation import Entry
from antiphon.session.effects import Effect, Release, Report, Respond, Stop
from antiphon.session.inputs import Broke, Finished, Produced


@dataclass(slots=True)
class Draft:
    """An answer that may never be given."""

    response_id: str
    since: float
    work: Work
    kept: list[Produced | Finished] = field(default_factory=list)
    usage: Usage = NO_USAGE


class Drafts:
    """The draft of a session, if there is one."""

    def __init__(self, session_id: str) -> None:
        self._session_id = session_id
        self._draft: Draft | None = None

    @property
    def is_open(self) -> bool:
        """Whether an answer is being drafted."""
        return self._draft is not None

    def begin(self, response_id: str, prompt: Prompt, now: float) -> Iterator[Effect]:
        """Start the engine on what was said so far."""
        self._draft = Draft(response_id, now, Work(began=now))
        yield Respond(response_id, prompt)

    def take(self, news: Produced | Finished | Broke, now: float) -> bool:
        """Keep a piece back; False when it is not the draft's."""
        draft = self._draft
        if draft is None or draft.response_id != news.response_id:
            return False
        draft.usage = news.usage
        if isinstance(news, Broke):
            self._draft = None  # the turn's own response will find out whether the engine is well
        else:
            if isinstance(news, Produced):
                draft.work.note(news.delta, now)
            draft.kept.append(news)
        return True

    def drop(self, now: float) -> Iterator[Effect]:
        """The draft is not wanted any more."""
        draft, self._draft = self._draft, None
        if draft is not None:
            yield Stop(draft.response_id)
            yield self._report(draft, now, was_kept=False)

    def keep(self, now: float) -> tuple[Draft, list[Effect]] | None:
        """The turn has ended: hand the draft over. None when there is none."""
        draft, self._draft = self._draft, None
        if draft is None:
            return None
        return draft, [Release(draft.response_id), self._report(draft, now, was_kept=True)]

    def _report(self, draft: Draft, now: float, *, was_kept: bool) -> Effect:
        return Report(DraftEnded(self._session_id, was_kept, now - draft.since, draft.usage))


def turn_entry(item_id: str, words: str | None = None, pcm: bytes = b"") -> Entry:
    """The caller's turn as an item: audio, its words shown later."""
    item = Message(id=item_id, status="completed", role="user", content=(InputAudio(transcript=None),))
    return Entry(item, pcm=pcm, words=words)
