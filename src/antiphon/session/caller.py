"""The caller's side: audio becomes turns, turns become items, and a turn that ends is answered.

It follows what `Listening` tells of the caller's voice and says what that means for the recogniser, for drafts and
for the response that speaks.
"""

from collections.abc import Iterator

from msgspec import structs

from antiphon.audio.pcm import ms_of
from antiphon.facts import TurnBegan, TurnEnded
from antiphon.protocol import errors
from antiphon.protocol import server_events as tell
from antiphon.protocol.errors import ErrorDetail
from antiphon.protocol.response import Cancelled
from antiphon.session.config import InputConfig, SessionConfig, SessionSettings, TurnRules
from antiphon.session.conversation import Conversation, Entry
from antiphon.session.drafts import turn_entry
from antiphon.session.effects import ClearOutput, Effect, Judge, Report, Send
from antiphon.session.input_buffer import MAX_BUFFER_S, MIN_COMMIT_MS
from antiphon.session.inputs import Heard, Judged, Recognised
from antiphon.session.listening import Began, Ended, Listening, Opened, Paused, Resumed, Still, Stretch, Went
from antiphon.session.planning import standing
from antiphon.session.response import Plan
from antiphon.session.responses import Responses
from antiphon.session.transcription import Transcriptions, is_live

JUDGED_MS = 8_000
"""The end of a turn's audio that a turn model is given."""


class Caller:
    """What the caller says, and when."""

    def __init__(
        self, settings: SessionSettings, conversation: Conversation, words: Transcriptions, responses: Responses
    ) -> None:
        self._settings = settings
        self._conversation = conversation
        self._words = words
        self._responses = responses
        self._listening = Listening(settings.new_id, judges=settings.has_turn_model and settings.has_asr)

    def hear(self, news: Heard, config: SessionConfig, now: float) -> Iterator[Effect]:
        """Take audio."""
        rules = config.input.turns
        if rules is None and self._settings.is_call:
            self._listening.buffer.keep_last(MAX_BUFFER_S * 1000 - ms_of(news.pcm) - 1)  # a caller cannot be refused
        elif rules is None and not self._listening.buffer.has_room(news.pcm):
            error = structs.replace(errors.buffer_full(MAX_BUFFER_S), event_id=news.event_id)
            yield Send(tell.Error(error=error), to=news.origin)
            return
        for stretch in self._listening.hear(news.pcm, news.scores, rules, is_live=is_live(config.input.transcription)):
            yield from self._follow(stretch, config, rules or TurnRules(), now)

    def _follow(self, stretch: Stretch, config: SessionConfig, rules: TurnRules, now: float) -> Iterator[Effect]:
        match stretch:
            case Opened():
                self._words.open(stretch.item_id, config.input.transcription, logprobs=bool(config.include))
            case Went():
                yield from self._words.hear(stretch.item_id, stretch.pcm)
            case Began():
                yield from self._began(stretch, config, rules, now)
            case Paused():
                if self._drafts_answers(rules) or self._judges(rules):
                    yield from self._words.pause(stretch.item_id)
            case Still():
                yield from self._draft(stretch.item_id, config, rules, now)
            case Resumed():
                self._words.resume(stretch.item_id)
                yield from self._responses.drop_draft(now)
            case _:  # `Ended`
                yield from self._ended(stretch, config, rules, now)

    # A turn

    @property
    def turn_id(self) -> str | None:
        """The item that the open turn will become; announced already."""
        return self._listening.turn_id

    def _began(self, turn: Began, config: SessionConfig, rules: TurnRules, now: float) -> Iterator[Effect]:
        self._responses.played_at = None
        yield Send(tell.InputAudioBufferSpeechStarted(audio_start_ms=turn.start_ms, item_id=turn.item_id))
        interrupts = rules.interrupt_response and self._responses.active_id is not None
        yield Report(TurnBegan(self._settings.session_id, turn.item_id, turn.noticed_ms, interrupts))
        if rules.interrupt_response:
            yield from self._responses.cancel(None, Cancelled(reason="turn_detected"), now)
            if self._settings.is_call:
                yield ClearOutput()
        transcription = config.input.transcription
        answers = self._answers_turns(rules) and not self._settings.hears_audio
        if transcription is not None or answers or self._judges(rules):
            self._words.open(turn.item_id, transcription, logprobs=bool(config.include))
        if self._drafts_answers(rules) or (self._settings.hears_audio and self._answers_turns(rules)):
            yield from self._responses.warm(Plan(config=config, context=standing(self._conversation)))

    def _ended(self, turn: Ended, config: SessionConfig, rules: TurnRules, now: float) -> Iterator[Effect]:
        yield Send(tell.InputAudioBufferSpeechStopped(audio_end_ms=turn.end_ms, item_id=turn.item_id))
        yield from self._commit(turn.item_id, turn.pcm, config, now, silence_ms=turn.silence_ms)
        if not self._answers_turns(rules):
            return
        active = self._responses.active_id
        if active is not None:
            yield Send(tell.Error(error=errors.active_response(active)))
            return
        plan = Plan(
            config=config,
            context=standing(self._conversation),
            follows_turn=True,
            silence_ms=turn.silence_ms,
        )
        yield from self._responses.answer_turn(plan, now)

    def _answers_turns(self, rules: TurnRules) -> bool:
        return rules.create_response and self._settings.kind == "realtime"

    # A pause

    def recognised(self, news: Recognised, config: SessionConfig, now: float) -> Iterator[Effect]:
        """The recogniser has told the words of an item whose turn is still open; what it guesses changes nothing."""
        text, rules = self._words.text_in_pause(news.item_id), config.input.turns
        if rules is None or news.item_id != self._listening.turn_id:
            return
        if text is None or not news.final or news.cut != text[1]:
            return
        if self._judges(rules):
            yield Judge(news.item_id, cut=text[1], text=text[0], pcm=self._listening.last(JUDGED_MS))
        if self._listening.is_still:
            yield from self._draft(news.item_id, config, rules, now)

    def judged(self, news: Judged) -> None:
        """The turn model has spoken; its verdict holds for the pause that it was asked about."""
        text = self._words.text_in_pause(news.item_id)
        if text is not None and text[1] == news.cut:
            self._listening.finished = news.finished

    def _draft(self, item_id: str, config: SessionConfig, rules: TurnRules, now: float) -> Iterator[Effect]:
        """Begin the answer in the pause, if the words are known."""
        text = self._words.text_in_pause(item_id)
        if text is None or not text[0].strip() or not self._drafts_answers(rules):
            return
        if self._responses.is_drafting or self._responses.active_id is not None:
            return
        earlier = standing(self._conversation)
        if any(entry.needs_words and not entry.is_unheard for entry in earlier):
            return  # the answer has to wait for more than this turn
        context = (*earlier, turn_entry(item_id, words=text[0]))
        yield from self._responses.draft(Plan(config=config, context=context), now)

    def _drafts_answers(self, rules: TurnRules) -> bool:
        return self._settings.anticipates and self._answers_turns(rules) and not self._settings.hears_audio

    def _judges(self, rules: TurnRules) -> bool:
        return self._settings.has_turn_model and rules.kind == "semantic_vad"

    # Silence

    def idle_at(self, rules: TurnRules | None) -> float | None:
        """When the caller will have been silent for too long, if that is asked for."""
        played_at = self._responses.played_at
        if rules is None or rules.idle_timeout_ms is None or played_at is None:
            return None
        if self._listening.turn_id is not None or self._responses.active_id is not None:
            return None
        return played_at + rules.idle_timeout_ms / 1000

    def tick(self, config: SessionConfig, now: float) -> Iterator[Effect]:
        """After the idle timeout: a turn of silence, and an answer to it."""
        rules = config.input.turns
        idle_at = self.idle_at(rules)
        if rules is None or idle_at is None or now < idle_at:
            return
        end_ms = self._listening.buffer.end_ms
        start_ms = max(0, end_ms - (rules.idle_timeout_ms or 0))
        item_id, pcm = self._listening.take()
        yield Send(tell.InputAudioBufferTimeoutTriggered(audio_start_ms=start_ms, audio_end_ms=end_ms, item_id=item_id))
        yield from self._commit(item_id, pcm, config, now, words="")
        yield from self._responses.create(Plan(config=config, context=standing(self._conversation)), now)

    # The buffer

    def commit(self, config: SessionConfig, now: float) -> Iterator[Effect] | ErrorDetail:
        """Commit by hand."""
        pending_ms = self._listening.buffer.pending_ms
        if pending_ms < MIN_COMMIT_MS:
            return errors.commit_too_small(pending_ms, MIN_COMMIT_MS)
        item_id, pcm = self._listening.take()
        return self._commit(item_id, pcm, config, now)

    def _commit(
        self,
        item_id: str,
        pcm: bytes,
        config: SessionConfig,
        now: float,
        *,
        words: str | None = None,
        silence_ms: int | None = None,
    ) -> Iterator[Effect]:
        """The caller's audio becomes an item; `words` are given where they are known without hearing."""
        previous = self._conversation.last_id
        entry = turn_entry(item_id, words, pcm)
        self._conversation.add(entry)
        self._conversation.let_go()
        yield Send(tell.InputAudioBufferCommitted(previous_item_id=previous, item_id=item_id))
        yield from announced(self._conversation, entry)
        yield Report(TurnEnded(self._settings.session_id, item_id, ms_of(pcm), silence_ms))
        told = self._words.commit if words is None else self._words.silent
        yield from told(entry, config.input.transcription, now, logprobs=bool(config.include))

    def clear(self) -> Iterator[Effect]:
        """Forget what was heard and not committed, and the turn in it."""
        yield from self._forget_turn()
        self._listening.clear()
        yield Send(tell.InputAudioBufferCleared())

    def reconfigured(self, before: InputConfig, after: InputConfig) -> Iterator[Effect]:
        """A new format empties the buffer; another kind of turn detection forgets the open turn."""
        if before.format != after.format:
            yield from self._forget_turn()
            self._listening.clear()
        elif (before.turns and before.turns.kind) != (after.turns and after.turns.kind):
            yield from self._forget_turn()
            self._listening.reset()

    def _forget_turn(self) -> Iterator[Effect]:
        if self._listening.turn_id is not None:
            yield from self._words.forget(self._listening.turn_id)


def announced(conversation: Conversation, entry: Entry) -> Iterator[Effect]:
    """An item that is complete as it enters."""
    previous = conversation.previous_of(entry.id)
    yield Send(tell.ConversationItemAdded(previous_item_id=previous, item=entry.item))
    yield Send(tell.ConversationItemDone(previous_item_id=previous, item=entry.item))
