"""Answers through a speaker: every delta is played, and a caller who cuts in is heard at once."""

from antiphon.client.audio import Position, Speaker
from antiphon.client.conversation import Conversation, Event
from antiphon.protocol import server_events as ev
from antiphon.protocol.client_events import ConversationItemTruncate
from antiphon.protocol.session import TurnDetection
from antiphon.protocol.wire import UNSET, UnsetType


class Player:
    """Feeds `speaker`, and keeps in `view` what was heard. Give it every event, after the view has folded it."""

    def __init__(self, speaker: Speaker, view: Conversation) -> None:
        self._speaker = speaker
        self._view = view

    def take(self, event: Event) -> ConversationItemTruncate | None:
        """Take one event. What is to be sent, when the caller has cut an answer short."""
        match event:
            case ev.InputAudioBufferSpeechStarted() if is_interrupted(self._view):
                return self.stop()
            case ev.ResponseOutputAudioDelta() if self._view.item(event.item_id).cut_ms is None:
                self._speaker.play(event.item_id, event.content_index, event.delta)
            case ev.ResponseOutputAudioDone():
                self._speaker.finish(event.item_id)
            case ev.ResponseDone():
                for item in self._view.response(event.response.id).items:
                    self._speaker.finish(item.id)
            case _:
                pass  # makes no sound
        return None

    def stop(self) -> ConversationItemTruncate | None:
        """Be silent now. What is to be sent, unless all that was to be said has been heard."""
        where = self._speaker.stop()
        if where is None:
            return None
        self._view.cut(where.item_id, where.content_index, where.played_ms)
        return _cut(where)


def is_interrupted(view: Conversation) -> bool:
    """Whether the caller's voice stops an answer; a session may wish to go on."""
    turns = turn_detection(view)
    return not turns or turns.interrupt_response is not False


def turn_detection(view: Conversation) -> TurnDetection | UnsetType | None:
    """How the server hears where a turn ends. None: not at all; UNSET: it does not say."""
    session = view.session
    if session and session.audio and session.audio.input:
        return session.audio.input.turn_detection
    return UNSET


def _cut(where: Position) -> ConversationItemTruncate:
    return ConversationItemTruncate(
        item_id=where.item_id, content_index=where.content_index, audio_end_ms=where.played_ms
    )
