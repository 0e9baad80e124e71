"""The caller's words: which item is being heard, and what the client is told of it.

An item is heard while its turn is open when somebody will want the words (the client, or an answer); otherwise
only when an answer asks. The client's deltas are append-only and add up to the transcript.

In a pause the recogniser may be asked for its text already. If the turn then ends without another word, that text
is the transcript, and nobody has to wait for it.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from msgspec import structs

from antiphon.audio.pcm import ms_in, samples_of
from antiphon.facts import EngineFailed, Transcribed
from antiphon.ports import HearingOptions, Transcript, TranscriptUsage
from antiphon.protocol.errors import SERVER_ERROR
from antiphon.protocol.items import InputAudio, Message
from antiphon.protocol.server_events import (
    ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemInputAudioTranscriptionDelta,
    ConversationItemInputAudioTranscriptionFailed,
    ConversationItemInputAudioTranscriptionSegment,
    LogProb,
    TranscriptionDuration,
    TranscriptionError,
    TranscriptionInputTokenDetails,
    TranscriptionTokens,
    TranscriptionUsage,
)
from antiphon.protocol.session import Transcription
from antiphon.protocol.wire import UNSET
from antiphon.session.config import MODELS_WITHOUT_TURN_DETECTION, SessionSettings, given
from antiphon.session.conversation import Entry
from antiphon.session.effects import Effect, Forget, Hear, Report, Send, Settle
from antiphon.session.inputs import Recognised, Unrecognised

LIVE_MODELS = MODELS_WITHOUT_TURN_DETECTION
"""Names of models whose words are told as they are heard; those of others wait for the commit."""

TOKEN_MODELS = ("gpt-4o", "gpt-transcribe")
"""How the names of the models begin whose usage is told in tokens; that of others in seconds."""

HEARD_TOKENS_PER_S = 10
"""By the reference's rates, where the recogniser counts no tokens."""

NO_ASR = "This server has no speech recogniser."


@dataclass(slots=True)
class Track:
    """One item being heard."""

    options: HearingOptions
    samples: int = 0
    """Fed so far."""
    entry: Entry | None = None
    """The item, once it is committed."""
    is_shown: bool = False
    """Whether the client asked for transcription events."""
    stable: str = ""
    """Words that later text will start with."""
    sent: str = ""
    settled_at: float = 0.0
    """When the turn was committed."""
    cut: int | None = None
    """Samples of which the recogniser was last asked for its text; None: it has more to hear first."""
    text: Transcript | None = None
    """Its text of these."""
    is_closing: bool = False
    """Whether its stream ends with that text."""


class Transcriptions:
    """All items of a session that are being heard."""

    def __init__(self, settings: SessionSettings) -> None:
        self._settings = settings
        self._tracks: dict[str, Track] = {}
        self._told: dict[str, str] = {}
        """What the client was told of items whose recogniser failed before the commit."""

    def is_hearing(self, item_id: str) -> bool:
        """Whether a recogniser works on the item."""
        return item_id in self._tracks

    def open(self, item_id: str, config: Transcription | None, *, logprobs: bool = False) -> None:
        """Begin to hear an item, before or after it is committed."""
        if self._settings.has_asr:
            options, sent = _options(config, logprobs=logprobs), self._told.pop(item_id, "")
            self._tracks[item_id] = Track(options, is_shown=is_live(config), sent=sent)

    def hear(self, item_id: str, pcm: bytes) -> Iterator[Effect]:
        """Feed audio of an item that is being heard."""
        track = self._tracks.get(item_id)
        if track is not None and pcm:
            track.samples += samples_of(pcm)
            yield Hear(item_id, pcm, track.options)

    def commit(
        self, entry: Entry, config: Transcription | None, now: float, *, logprobs: bool = False
    ) -> Iterator[Effect]:
        """The item is in the conversation: ask for its final words if anybody wants them."""
        track = self._tracks.get(entry.id)
        if track is None and config is None and entry.id not in self._told:
            return
        if track is None:
            yield from self.demand(entry, now, config, logprobs=logprobs)
            track = self._tracks.get(entry.id)
        elif track.cut is None:
            yield from self._settle(entry.id, track)
        if track is None:
            yield self._failed(entry.id, NO_ASR, None)
            return
        track.entry, track.settled_at = entry, now
        track.is_shown = config is not None or track.sent != ""  # what was begun is told to its end
        if track.text is not None:
            yield from self._complete(track, entry, track.text, now)
        elif track.is_shown:
            yield from self._delta(entry.id, track, track.stable)

    def silent(
        self, entry: Entry, config: Transcription | None, now: float, *, logprobs: bool = False
    ) -> Iterator[Effect]:
        """The item in the conversation is known to hold no words: nobody has to hear it."""
        if config is not None:
            track = Track(_options(config, logprobs=logprobs), samples_of(entry.pcm), settled_at=now)
            track.is_shown = track.is_closing = True
            self._tracks[entry.id] = track
            yield from self._complete(track, entry, Transcript(""), now)

    def _settle(self, item_id: str, track: Track, *, last: bool = True) -> Iterator[Effect]:
        track.cut, track.text, track.is_closing = track.samples, None, last
        yield Settle(item_id, track.samples, last=last)

    def pause(self, item_id: str) -> Iterator[Effect]:
        """The caller is quiet: ask for the text of what was said so far."""
        track = self._tracks.get(item_id)
        if track is not None:
            yield from self._settle(item_id, track, last=False)

    def resume(self, item_id: str) -> None:
        """The caller goes on: the text of the pause is not the last word."""
        track = self._tracks.get(item_id)
        if track is not None:
            track.cut = track.text = None

    def text_in_pause(self, item_id: str) -> tuple[str, int] | None:
        """What was said, and of how many samples, if the recogniser has told it in this pause."""
        track = self._tracks.get(item_id)
        if track is None or track.text is None or track.cut is None:
            return None
        return track.text.text, track.cut

    def demand(
        self, entry: Entry, now: float, config: Transcription | None = None, *, logprobs: bool = False
    ) -> Iterator[Effect]:
        """An answer needs the item's words: hear it from its kept audio, unless it is being heard."""
        if entry.id in self._tracks or not entry.needs_words:
            return
        self.open(entry.id, config, logprobs=logprobs)
        yield from self.hear(entry.id, entry.pcm)
        track = self._tracks.get(entry.id)
        if track is not None:
            track.entry, track.settled_at = entry, now
            yield from self._settle(entry.id, track)

    def forget(self, item_id: str) -> Iterator[Effect]:
        """The item is gone; its words are not wanted."""
        self._told.pop(item_id, None)
        if self._tracks.pop(item_id, None) is not None:
            yield Forget(item_id)

    def recognised(self, news: Recognised, now: float) -> Iterator[Effect]:
        """Take the recogniser's text."""
        track = self._tracks.get(news.item_id)
        if track is None:
            return
        if news.final:
            if news.cut != track.cut:
                return  # of a pause that was none
            track.text = news.transcript
            if track.entry is not None:
                yield from self._complete(track, track.entry, news.transcript, now)
        elif news.transcript.stable:
            track.stable = news.transcript.text
            if track.is_shown:
                yield from self._delta(news.item_id, track, track.stable)

    def unrecognised(self, news: Unrecognised, now: float) -> Iterator[Effect]:
        """The recogniser failed; the words stay unknown. Before the commit that is no news: it will be tried again."""
        track = self._tracks.pop(news.item_id, None)
        if track is None:
            return
        session_id = self._settings.session_id
        yield Report(EngineFailed(session_id, "asr", news.message))
        if track.entry is None:
            if track.sent:
                self._told[news.item_id] = track.sent
            return
        track.entry.is_unheard = True
        yield Report(Transcribed(session_id, news.item_id, (now - track.settled_at) * 1000, failed=True))
        if track.is_shown:
            yield self._failed(news.item_id, news.message, news.code)

    def _complete(self, track: Track, entry: Entry, transcript: Transcript, now: float) -> Iterator[Effect]:
        del self._tracks[entry.id]
        if not track.is_closing:
            yield Forget(entry.id)  # the stream was left open in a pause
        entry.words = transcript.text
        yield Report(Transcribed(self._settings.session_id, entry.id, (now - track.settled_at) * 1000))
        if not track.is_shown:
            return
        yield from self._delta(entry.id, track, transcript.text)
        for number, segment in enumerate(transcript.segments):
            yield Send(
                ConversationItemInputAudioTranscriptionSegment(
                    item_id=entry.id,
                    id=f"seg_{number}",
                    text=segment.text,
                    speaker=segment.speaker,
                    start=segment.start,
                    end=segment.end,
                )
            )
        _show_words(entry, track.sent)
        logprobs = tuple(
            LogProb(token=t.token, logprob=t.logprob, bytes=tuple(t.token.encode())) for t in transcript.tokens
        )
        yield Send(
            ConversationItemInputAudioTranscriptionCompleted(
                item_id=entry.id,
                transcript=track.sent,
                usage=self._usage(transcript, track),
                logprobs=logprobs if track.options.logprobs else UNSET,
            )
        )

    def _usage(self, transcript: Transcript, track: Track) -> TranscriptionUsage:
        """Tokens where the recogniser counts them, or the model's name makes a client expect them; or seconds."""
        if transcript.usage is not None:
            return _in_tokens(transcript.usage)
        seconds, context = ms_in(track.samples) / 1000, self._settings.context
        if context is None or not (track.options.model or "").startswith(TOKEN_MODELS):
            return TranscriptionDuration(seconds=math.ceil(seconds))
        asked = " ".join((track.options.prompt or "", *track.options.keywords)).strip()
        return _in_tokens(
            TranscriptUsage(
                text_tokens=context.count(asked) if asked else 0,
                audio_tokens=math.ceil(seconds * HEARD_TOKENS_PER_S),
                output_tokens=context.count(transcript.text) if transcript.text else 0,
            )
        )

    def _delta(self, item_id: str, track: Track, text: str) -> Iterator[Effect]:
        """Send what is new; words once sent are never taken back."""
        delta = text[len(track.sent) :]
        if delta:
            track.sent += delta
            yield Send(ConversationItemInputAudioTranscriptionDelta(item_id=item_id, delta=delta))

    def _failed(self, item_id: str, message: str, code: str | None) -> Effect:
        error = TranscriptionError(type=SERVER_ERROR, code=code or UNSET, message=message)
        return Send(ConversationItemInputAudioTranscriptionFailed(item_id=item_id, error=error))


def _options(config: Transcription | None, *, logprobs: bool) -> HearingOptions:
    """What the recogniser is told."""
    if config is None:
        return HearingOptions()
    keys = given(config)
    languages = keys.get("languages") or ()
    return HearingOptions(
        model=keys.get("model"),
        language=keys.get("language") or (languages[0] if languages else None),
        prompt=keys.get("prompt"),
        keywords=keys.get("keywords") or (),
        logprobs=logprobs,
    )


def _show_words(entry: Entry, text: str) -> None:
    """Put the transcript where `retrieve` shows it."""
    if isinstance(entry.item, Message):
        content = tuple(
            InputAudio(transcript=text) if isinstance(part, InputAudio) else part for part in entry.item.content
        )
        entry.item = structs.replace(entry.item, content=content)


def is_live(config: Transcription | None) -> bool:
    """Whether the client is told words before the commit."""
    return config is not None and config.model in LIVE_MODELS


def _in_tokens(usage: TranscriptUsage) -> TranscriptionTokens:
    heard = usage.text_tokens + usage.audio_tokens
    return TranscriptionTokens(
        total_tokens=heard + usage.output_tokens,
        input_tokens=heard,
        output_tokens=usage.output_tokens,
        input_token_details=TranscriptionInputTokenDetails(
            text_tokens=usage.text_tokens, audio_tokens=usage.audio_tokens
        ),
    )
