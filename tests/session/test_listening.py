"""Rules of the ear: audio and scores in, what became of the turn out. Frames are 32 ms."""

from collections.abc import Iterator

from corescript import Ids

from antiphon.audio.pcm import samples_in, samples_of
from antiphon.session.config import TurnRules
from antiphon.session.input_buffer import MAX_BUFFER_S, QUIET_KEPT_MS
from antiphon.session.inputs import Score
from antiphon.session.listening import Began, Ended, Listening, Opened, Paused, Resumed, Still, Stretch, Went

RULES = TurnRules(prefix_padding_ms=64)
FRAME = samples_in(32)


class Ear:
    """A `Listening` that is given frames by their letters: loud `x`, quiet `.`."""

    def __init__(self, rules: TurnRules | None = RULES, *, judges: bool = False) -> None:
        self.listening = Listening(Ids(), judges=judges)
        self.rules = rules
        self._end = 0

    def hear(self, pattern: str, *, is_live: bool = False) -> list[str]:
        """One append of these frames, and what came of it, in words."""
        scores = []
        for letter in pattern:
            scores.append(Score(self._end, self._end + FRAME, 0.9 if letter == "x" else 0.05))
            self._end += FRAME
        pcm = bytes(2 * FRAME * len(pattern))
        return list(in_words(self.listening.hear(pcm, tuple(scores), self.rules, is_live=is_live)))


def in_words(stretches: Iterator[Stretch]) -> Iterator[str]:
    for stretch in stretches:
        match stretch:
            case Began(item_id, start_ms):
                yield f"{item_id} began at {start_ms}"
            case Went(item_id, pcm):
                yield f"{item_id} went on for {samples_of(pcm) // 24}"
            case Ended(item_id, end_ms, pcm):
                yield f"{item_id} ended at {end_ms}: {samples_of(pcm) // 24}"
            case Opened(item_id) | Paused(item_id) | Still(item_id) | Resumed(item_id):
                yield f"{item_id} {type(stretch).__name__.lower()}"


def test_a_turn_from_beginning_to_end() -> None:
    """Its audio is told once, from its prefix padding on; at its end all of it is handed over."""
    ear = Ear()

    assert ear.hear("....") == []
    assert ear.hear("xxxx") == ["item_1 began at 64", "item_1 went on for 192"]
    assert ear.hear("..x") == [
        "item_1 went on for 32",
        "item_1 paused",
        "item_1 still",
        "item_1 resumed",
        "item_1 went on for 64",
    ]
    assert ear.hear(".......") == [
        "item_1 went on for 32",
        "item_1 paused",
        "item_1 still",
        "item_1 went on for 192",
        "item_1 ended at 576: 512",
    ]
    assert ear.listening.turn_id is None


def test_two_turns_in_one_append() -> None:
    """What comes after the end of a turn is not of that turn, and its padding does not reach into it."""
    ear = Ear()

    told = ear.hear("xxx.......xxx")
    assert told[-3:] == ["item_1 ended at 320: 320", "item_2 began at 320", "item_2 went on for 96"]


def test_without_detection_audio_is_only_kept() -> None:
    """For a commit by hand."""
    ear = Ear(rules=None)

    assert ear.hear("xxxx....") == []
    item_id, pcm = ear.listening.take()
    assert (item_id, len(pcm)) == ("item_1", 8 * 2 * FRAME)


def test_a_live_model_hears_as_the_audio_comes() -> None:
    """Also without detection, from what is in the buffer already; what was begun is heard to its end."""
    ear = Ear(rules=None)
    ear.hear("..")

    assert ear.hear("x", is_live=True) == ["item_1 opened", "item_1 went on for 96"]
    assert ear.hear("x", is_live=True) == ["item_1 went on for 32"]
    assert ear.hear("x", is_live=False) == ["item_1 went on for 32"]
    assert ear.listening.take()[0] == "item_1"
    assert ear.hear("x", is_live=False) == []


def test_quiet_audio_is_let_go() -> None:
    """Nobody will want it; as much as the prefix padding needs stays, or more for a commit by hand."""
    ear = Ear()
    ear.hear("." * 1000)
    assert ear.listening.buffer.end - ear.listening.buffer.start == samples_in(QUIET_KEPT_MS)

    patient = Ear(TurnRules(prefix_padding_ms=20_000))
    patient.hear("." * 1000)
    assert patient.listening.buffer.end - patient.listening.buffer.start == samples_in(20_000)


def test_a_commit_by_hand_has_the_announced_id() -> None:
    """The turn is over, and the voice that goes on starts another."""
    ear = Ear()
    ear.hear("xxx")

    item_id, pcm = ear.listening.take()
    assert (item_id, samples_of(pcm)) == ("item_1", 3 * FRAME)
    assert ear.hear("xxx") == ["item_2 began at 96", "item_2 went on for 96"]


def test_a_clear_and_a_reset() -> None:
    """Both forget the turn; the reset keeps the audio."""
    ear = Ear()
    ear.hear("xxx")
    ear.listening.reset()
    assert (ear.listening.turn_id, samples_of(ear.listening.buffer.take())) == (None, 3 * FRAME)
    ear.hear("xxx")
    ear.listening.clear()
    assert (ear.listening.turn_id, ear.listening.buffer.pending_ms) == (None, 0)


def test_a_turn_ends_where_the_buffer_is_full() -> None:
    """A voice that never stops must not fill the memory."""
    ear = Ear()
    ear.hear("xxx")

    listening = ear.listening
    stretches = list(listening.hear(bytes(2 * samples_in(MAX_BUFFER_S * 1000)), (), RULES))
    assert [type(stretch) for stretch in stretches] == [Went, Ended]
    assert listening.turn_id is None
    assert listening.buffer.pending_ms == 0


def test_a_verdict_sets_the_silence() -> None:
    """Where somebody judges: soon for finished words, late for unfinished or unjudged ones; forgotten on resuming."""
    rules = TurnRules(kind="semantic_vad", eagerness="high")
    ear = Ear(rules, judges=True)
    ear.hear("xxx.")
    assert ear.hear("." * 20) == ["item_1 still", "item_1 went on for 640"]
    ear.listening.finished = 0.9
    assert ear.hear(".")[-1] == "item_1 ended at 800: 800"

    ear.hear("xxx.")
    ear.listening.finished = 0.9
    assert ear.hear("x")[0] == "item_2 resumed"
    assert ear.listening.finished is None


def test_where_nobody_judges() -> None:
    """A silence of its own; a verdict would not be asked for."""
    ear = Ear(TurnRules(kind="semantic_vad", eagerness="high"))

    assert ear.hear("xxx" + "." * 15)[-1] == "item_1 ended at 576: 576"


def test_the_last_of_a_turn() -> None:
    """What a turn model is given: the end of the audio, no more than there is."""
    ear = Ear()
    ear.hear("xxxx.")
    assert not ear.listening.is_still
    ear.hear(".")
    assert ear.listening.is_still

    assert samples_of(ear.listening.last(64)) == 2 * FRAME
    assert samples_of(ear.listening.last(9000)) == 6 * FRAME
