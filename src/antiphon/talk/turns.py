"""Turns with their times: server events folded into when each step of an answer was reached.

Words and sound are in `antiphon.client.conversation`; here is only what belongs together, and when it came.
"""

import enum
from dataclasses import dataclass, field

from antiphon.client.conversation import Event
from antiphon.protocol import server_events as ev


class Stage(enum.StrEnum):
    """The steps from the end of speech to the end of the answer."""

    STOPPED = "speech_stopped"
    TRANSCRIPT = "transcript"
    WORDS = "first_token"
    AUDIO = "first_audio"
    DONE = "done"


@dataclass(slots=True)
class Turn:
    """The caller's turn, and the answer to it."""

    number: int
    item_id: str | None = None
    """The caller's item; None when the server spoke without being asked."""
    response_id: str | None = None
    start_ms: int = 0
    """Where it starts in all audio sent, by the server."""
    end_ms: int | None = None
    spoken_at: float | None = None
    """When the speech ended, on our clock."""
    at: dict[Stage, float] = field(default_factory=dict)
    is_committed: bool = False
    is_reported: bool = False

    def ms(self) -> dict[Stage, int]:
        """Each step that was reached, in ms from the end of speech; from `speech_stopped` where that is not known."""
        start = self.spoken_at if self.spoken_at is not None else min(self.at.values(), default=0.0)
        return {stage: round((self.at[stage] - start) * 1000) for stage in Stage if stage in self.at}


class Turns:
    """All turns of a session. `is_transcribed` says whether the caller's words are to be waited for."""

    def __init__(self, *, is_transcribed: bool) -> None:
        self.all: list[Turn] = []
        self.is_speaking = False
        self._is_transcribed = is_transcribed

    def fold(self, event: Event, now: float) -> None:
        """Take one event that came at `now`."""
        match event:
            case ev.InputAudioBufferSpeechStarted():
                self.is_speaking = True
                self.of_item(event.item_id).start_ms = event.audio_start_ms
            case ev.InputAudioBufferSpeechStopped():
                self.is_speaking = False
                turn = self.of_item(event.item_id)
                turn.at[Stage.STOPPED], turn.end_ms = now, event.audio_end_ms
            case ev.InputAudioBufferCommitted():
                self.is_speaking = False
                self.of_item(event.item_id).is_committed = True
            case (
                ev.ConversationItemInputAudioTranscriptionCompleted()
                | ev.ConversationItemInputAudioTranscriptionFailed()
            ):
                self.of_item(event.item_id).at.setdefault(Stage.TRANSCRIPT, now)
            case _:
                self._fold_answer(event, now)

    def _fold_answer(self, event: Event, now: float) -> None:
        match event:
            case ev.ResponseCreated():
                self._of_response(event.response.id)
            case ev.ResponseOutputTextDelta() | ev.ResponseOutputAudioTranscriptDelta():
                self._of_response(event.response_id).at.setdefault(Stage.WORDS, now)
            case ev.ResponseOutputAudioDelta():
                self._of_response(event.response_id).at.setdefault(Stage.AUDIO, now)
            case ev.ResponseDone():
                self._of_response(event.response.id).at[Stage.DONE] = now
            case _:
                pass  # the rest is words and sound, and not a matter of time

    def is_over(self, turn: Turn) -> bool:
        """Whether nothing more will come of a turn."""
        if turn is not self.all[-1] and turn.response_id is None:
            return True  # the caller went on before an answer was begun
        has_words = not self._is_transcribed or turn.item_id is None or Stage.TRANSCRIPT in turn.at
        return has_words and Stage.DONE in turn.at

    @property
    def is_settled(self) -> bool:
        """Whether nobody speaks and every turn is over."""
        return not self.is_speaking and all(self.is_over(turn) for turn in self.all)

    @property
    def missing(self) -> str:
        """What the last turn still lacks."""
        if self.is_speaking:
            return "the end of speech"
        if not self.all or self.all[-1].response_id is None:
            return "an answer"
        return "transcript" if Stage.DONE in self.all[-1].at else "the end of the answer"

    def of_item(self, item_id: str) -> Turn:
        """The turn in which the caller speaks that item."""
        found = next((turn for turn in self.all if turn.item_id == item_id), None)
        return found or self._new(item_id=item_id)

    def _of_response(self, response_id: str) -> Turn:
        """The turn that a response answers: its own, or the newest committed one without an answer."""
        found = next((turn for turn in self.all if turn.response_id == response_id), None)
        if found:
            return found
        waiting = [turn for turn in self.all if turn.is_committed and turn.response_id is None]
        turn = waiting[-1] if waiting else self._new()
        turn.response_id = response_id
        return turn

    def _new(self, item_id: str | None = None) -> Turn:
        self.all.append(Turn(len(self.all) + 1, item_id))
        return self.all[-1]
