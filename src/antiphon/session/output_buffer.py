"""The output audio buffer of a call: what is being played, and what becomes of an answer that is cut short.

Over a WebSocket the client plays, and says by `conversation.item.truncate` what was heard. On a call the server
plays: it knows, and truncates by itself.
"""

from collections.abc import Iterator

from antiphon.link import PlayoutStarted, PlayoutStopped, Unheard
from antiphon.protocol import server_events as tell
from antiphon.session.conversation import Conversation
from antiphon.session.effects import Effect, Send
from antiphon.session.inputs import PlayoutCleared


class OutputBuffer:
    """Tells the client what the playout tells us."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._playing: str | None = None

    def started(self, news: PlayoutStarted) -> Iterator[Effect]:
        """The caller hears the first of a response."""
        self._playing = news.response_id
        yield Send(tell.OutputAudioBufferStarted(response_id=news.response_id))

    def stopped(self, news: PlayoutStopped) -> Iterator[Effect]:
        """The caller has heard a response to its end."""
        self._playing = None
        yield Send(tell.OutputAudioBufferStopped(response_id=news.response_id))

    def cleared(self, news: PlayoutCleared) -> Iterator[Effect]:
        """What was not heard to its end is cut where it was left; a response that nobody heard goes unmentioned."""
        if self._playing is not None:
            yield Send(tell.OutputAudioBufferCleared(response_id=self._playing))
        self._playing = None
        for part in news.unheard:
            yield from self._truncated(part)

    def _truncated(self, part: Unheard) -> Iterator[Effect]:
        entry = self._conversation.get(part.item_id)
        if entry is None or entry.speech is None:
            return  # out of band, or deleted meanwhile
        played_ms = min(part.played_ms, entry.speech.audio_ms)
        if entry.truncate(played_ms) is None:
            truncated = tell.ConversationItemTruncated(
                item_id=part.item_id, content_index=part.content_index, audio_end_ms=played_ms
            )
            yield Send(truncated)
