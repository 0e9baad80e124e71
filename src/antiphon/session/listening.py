"""The ear of a session: audio and scores in; what became of the caller's turn out."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from antiphon.audio.pcm import ms_in, samples_in
from antiphon.session.config import TurnRules
from antiphon.session.input_buffer import QUIET_KEPT_MS, InputBuffer
from antiphon.session.inputs import Score
from antiphon.session.turns import Turn, TurnDetector

UNHURRIED_MS = 450
"""With so much silence to come, a pause is told at its second quiet frame: a draft is ready in time all the same,
and the end of the last word is heard more often (word errors 2.0 % instead of 2.7 %, `bench/wer.py`)."""


@dataclass(frozen=True, slots=True)
class Began:
    """A turn has started at `start_ms` of the session's audio, prefix padding included."""

    item_id: str
    start_ms: int
    noticed_ms: int
    """How long the voice had been heard by then."""


@dataclass(frozen=True, slots=True)
class Opened:
    """Audio has come that no turn detection looks at; the item that it will become is heard as it comes."""

    item_id: str


@dataclass(frozen=True, slots=True)
class Went:
    """The turn has gone on with this audio."""

    item_id: str
    pcm: bytes


@dataclass(frozen=True, slots=True)
class Paused:
    """The caller is quiet. All audio of the turn so far has been told."""

    item_id: str


@dataclass(frozen=True, slots=True)
class Still:
    """The pause has lasted for more than a moment."""

    item_id: str


@dataclass(frozen=True, slots=True)
class Resumed:
    """The caller goes on: the pause was none."""

    item_id: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The turn has stopped at `end_ms`; `pcm` is all of it."""

    item_id: str
    end_ms: int
    pcm: bytes
    silence_ms: int | None
    """How long the caller had been silent; None when it was no silence that ended it."""


Stretch: TypeAlias = Began | Opened | Went | Paused | Still | Resumed | Ended


class Listening:
    """The input audio buffer and the turn in it. `judges` says that somebody tells `finished` in a pause."""

    def __init__(self, new_id: Callable[[str], str], *, judges: bool = False) -> None:
        self.buffer = InputBuffer()
        self.turn_id: str | None = None
        """The user item that the open turn will become; announced already."""
        self.finished: float | None = None
        """How probably the caller has finished, as judged in this pause; None: not judged."""
        self._new_id = new_id
        self._judges = judges
        self._detector = TurnDetector()
        self._told = 0

    def hear(
        self, pcm: bytes, scores: tuple[Score, ...], rules: TurnRules | None, *, is_live: bool = False
    ) -> Iterator[Stretch]:
        """Take more audio, and the scores of the frames that it completed.

        `is_live` asks for the audio as it comes, also without turn detection.
        """
        self.buffer.append(pcm)
        if rules is None:
            if is_live or self.turn_id is not None:  # what was begun is heard to its end
                yield from self._stream()
            return
        for score in scores:
            silence_ms = rules.silence_ms(self.finished) if self._judges else rules.unjudged_silence_ms
            turn = self._detector.hear(score, rules, silence_ms)
            if turn is not None:
                yield from self._turned(turn, score, rules)
        if self.turn_id is not None and self.buffer.is_full:
            self._detector.reset()
            yield from self._end(self.turn_id, self.buffer.end)
        elif self.turn_id is None:
            self.buffer.keep_last(max(QUIET_KEPT_MS, rules.prefix_padding_ms))
        else:
            yield from self._tell(self.turn_id, self.buffer.end)

    def _stream(self) -> Iterator[Stretch]:
        """Without turn detection the turn begins with the buffer, and ends with the commit."""
        if self.turn_id is None:
            self.turn_id, self._told = self._new_id("item"), self.buffer.start
            yield Opened(self.turn_id)
        yield from self._tell(self.turn_id, self.buffer.end)

    def _turned(self, turn: Turn, score: Score, rules: TurnRules) -> Iterator[Stretch]:
        if turn is Turn.STARTED or self.turn_id is None:
            yield self._begin(rules, score)
        elif turn is Turn.STOPPED:
            yield from self._end(self.turn_id, score.end, ms_in(score.end - self._detector.quiet_since))
        elif turn is Turn.RESUMED:
            self.finished = None
            yield Resumed(self.turn_id)
        else:
            asks_at = Turn.PAUSED if rules.silence_ms(finished=1.0) < UNHURRIED_MS else Turn.STILL
            if turn is asks_at:
                yield from self._tell(self.turn_id, score.end)
                yield Paused(self.turn_id)
            if turn is Turn.STILL:
                yield Still(self.turn_id)

    def _begin(self, rules: TurnRules, score: Score) -> Began:
        self.turn_id, self.finished = self._new_id("item"), None
        self.buffer.drop_before(self._detector.onset - samples_in(rules.prefix_padding_ms))
        self._told = self.buffer.start
        return Began(self.turn_id, ms_in(self._told), ms_in(score.end - self._detector.onset))

    def _tell(self, item_id: str, end: int) -> Iterator[Went]:
        """Hand on what has not been told of the turn."""
        pcm = self.buffer.read(self._told, end)
        self._told = max(self._told, end)
        if pcm:
            yield Went(item_id, pcm)

    def _end(self, item_id: str, end: int, silence_ms: int | None = None) -> Iterator[Stretch]:
        self.turn_id = None
        yield from self._tell(item_id, end)
        yield Ended(item_id, ms_in(end), self.buffer.take(end), silence_ms)

    def last(self, ms: int) -> bytes:
        """The end of the open turn's audio."""
        return self.buffer.read(max(self.buffer.start, self.buffer.end - samples_in(ms)), self.buffer.end)

    @property
    def is_still(self) -> bool:
        """Whether the pause has lasted for more than a moment."""
        return self._detector.is_still

    def take(self) -> tuple[str, bytes]:
        """Commit by hand: the id of the turn that was announced, or a new one, and all audio."""
        item_id = self.turn_id or self._new_id("item")
        self.reset()
        return item_id, self.buffer.take()

    def clear(self) -> None:
        """Forget the audio and the turn."""
        self.reset()
        self.buffer.clear()

    def reset(self) -> None:
        """Forget the turn; the audio stays."""
        self.turn_id = None
        self._detector.reset()
