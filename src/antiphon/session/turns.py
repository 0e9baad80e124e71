"""Turn detection: VAD scores in; "started", "paused", "resumed" and "stopped" out.

Silence alone ends a turn, and only after a given length of it; a pause is still the caller's turn.
Time here is counted in samples of the session's audio, never by a clock.
"""

import enum

from antiphon.audio.pcm import samples_in
from antiphon.session.config import TurnRules
from antiphon.session.inputs import Score

START_FRAMES = 3
"""Voiced frames that start a turn: about 100 ms. A click or a breath is no barge-in."""

STILL_FRAMES = 2
"""Quiet frames after which a pause is worth a draft: one alone is often a stop inside a word."""

HYSTERESIS = 0.15
"""A frame is quiet only this far below the threshold; in between, nothing changes."""


class Voice(enum.Enum):
    """What the caller is doing."""

    QUIET = "quiet"
    RISING = "rising"  # a voice, but too short to be believed
    SPEAKING = "speaking"
    PAUSING = "pausing"  # silent, but the turn is not over yet


class Cue(enum.Enum):
    """What a score means in the present state."""

    VOICED = "voiced"
    VOICE_HELD = "voice_held"
    UNVOICED = "unvoiced"
    QUIET_HELD = "quiet_held"
    SILENCE_ELAPSED = "silence_elapsed"


class Turn(enum.Enum):
    """What the rest of the core needs to know."""

    STARTED = "started"
    PAUSED = "paused"
    STILL = "still"
    RESUMED = "resumed"
    STOPPED = "stopped"


NEXT: dict[tuple[Voice, Cue], tuple[Voice, Turn | None]] = {
    (Voice.QUIET, Cue.VOICED): (Voice.RISING, None),
    (Voice.RISING, Cue.UNVOICED): (Voice.QUIET, None),
    (Voice.RISING, Cue.VOICE_HELD): (Voice.SPEAKING, Turn.STARTED),
    (Voice.SPEAKING, Cue.UNVOICED): (Voice.PAUSING, Turn.PAUSED),
    (Voice.PAUSING, Cue.QUIET_HELD): (Voice.PAUSING, Turn.STILL),
    (Voice.PAUSING, Cue.VOICED): (Voice.SPEAKING, Turn.RESUMED),
    (Voice.PAUSING, Cue.SILENCE_ELAPSED): (Voice.QUIET, Turn.STOPPED),
}
"""A pair that is missing changes nothing."""


class TurnDetector:
    """Follows one caller's voice."""

    def __init__(self) -> None:
        self.voice = Voice.QUIET
        self.onset = 0
        """Where the voice was first noticed: the first sample of the first voiced frame."""
        self.quiet_since = 0
        """Where the voice was last heard, if it is not heard now."""
        self._voiced_frames = 0
        self._quiet_frames = 0

    @property
    def is_still(self) -> bool:
        """Whether the caller has been quiet for `STILL_FRAMES` or more."""
        return self.voice is Voice.PAUSING and self._quiet_frames >= STILL_FRAMES

    def reset(self) -> None:
        """Forget the turn; the next voiced frames start another."""
        self.voice = Voice.QUIET
        self._voiced_frames = 0

    def hear(self, score: Score, rules: TurnRules, silence_ms: int) -> Turn | None:
        """Take the next frame; `silence_ms` ends a turn. A turn that stops has its end at `score.end`."""
        if score.speech >= rules.threshold:
            cue = self._voiced(score)
        elif score.speech < rules.threshold - HYSTERESIS or self.voice is Voice.PAUSING:
            cue = self._unvoiced(score, silence_ms)
        else:
            return None
        self.voice, turn = NEXT.get((self.voice, cue), (self.voice, None))
        return turn

    def _voiced(self, score: Score) -> Cue:
        if self.voice is Voice.QUIET:
            self.onset, self._voiced_frames = score.start, 0
        self._voiced_frames += 1
        if self.voice is Voice.RISING and self._voiced_frames >= START_FRAMES:
            return Cue.VOICE_HELD
        return Cue.VOICED

    def _unvoiced(self, score: Score, silence_ms: int) -> Cue:
        if self.voice is not Voice.PAUSING:
            self.quiet_since, self._quiet_frames = score.start, 1
            return Cue.UNVOICED
        self._quiet_frames += 1
        if score.end - self.quiet_since >= samples_in(silence_ms):
            return Cue.SILENCE_ELAPSED
        return Cue.QUIET_HELD if self._quiet_frames == STILL_FRAMES else Cue.UNVOICED
