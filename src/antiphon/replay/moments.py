"""A session as both of its sides saw it: what was said when, and how long the answers took."""

import difflib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final, Literal, TypeAlias

from antiphon.protocol.wire import Json
from antiphon.recording import Line, Recording
from antiphon.runtime.tape import INPUT

ASKED: Final = ("response.create", "input_audio_buffer.speech_stopped", "input_audio_buffer.committed")
"""What an answer may be measured from: the last of these before it."""

WORDS: Final = (".output_text.delta", ".output_audio_transcript.delta", ".text.delta", ".audio_transcript.delta")
SOUND: Final = (".output_audio.delta", ".audio.delta")

Mark: TypeAlias = Literal["=", "-", "+"]
"""In both, only recorded, only live."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One event of a timeline."""

    at: float
    """Seconds from the server's first word."""
    way: Literal["client", "server"]
    event: dict[str, Json]
    raw: str | None = None
    """A frame that is no event."""

    @property
    def kind(self) -> str:
        """The event's type."""
        kind = self.event.get("type")
        return kind if isinstance(kind, str) else "?"


@dataclass(frozen=True, slots=True)
class Stretch:
    """Events of one type that follow each other."""

    at: float
    way: Literal["client", "server"]
    kind: str
    count: int


@dataclass(frozen=True, slots=True)
class Step:
    """A stretch of two timelines, laid side by side."""

    mark: Mark
    recorded: Stretch | None
    live: Stretch | None


@dataclass(frozen=True, slots=True)
class Answer:
    """How long a response took; in milliseconds from what asked for it, None for what never came."""

    created: int
    words: int | None
    sound: int | None
    done: int | None
    status: str


def recorded_moments(recording: Recording, link: str) -> tuple[Moment, ...]:
    """The timeline of one link of a recording. The sound of a call comes as appends."""
    found = [moment for line in recording.lines if (moment := _moment(line, link)) is not None]
    begin = next((moment.at for moment in found if moment.way == "server"), 0.0)
    return tuple(Moment(round(m.at - begin, 6), m.way, m.event, m.raw) for m in found)


def _moment(line: Line, link: str) -> Moment | None:
    if line.way == "note":
        pcm = _media(line, link)
        return Moment(line.at, "client", {"type": "input_audio_buffer.append", "audio": pcm}) if pcm else None
    return Moment(line.at, line.way, line.event, line.raw) if line.link == link else None


def _media(line: Line, link: str) -> str | None:
    """Sound that came over a call, in base64."""
    value = line.event.get("value")
    if line.event.get("type") != INPUT or not isinstance(value, dict) or value.get("kind") != "Heard":
        return None
    news = value.get("news")
    return news.get("pcm") if isinstance(news, dict) and news.get("origin") == link else None


def stretches(moments: Iterable[Moment]) -> list[Stretch]:
    """The timeline, with runs of one type as one."""
    runs = groupby(moments, key=lambda moment: (moment.way, moment.kind))
    return [Stretch(together[0].at, way, kind, len(together)) for (way, kind), run in runs for together in [list(run)]]


def side_by_side(recorded: Sequence[Moment], live: Sequence[Moment]) -> list[Step]:
    """What the server told in both, in order. What a server tells in bits counts once, however many there are."""
    one, other = (stretches(m for m in moments if m.way == "server") for moments in (recorded, live))
    matcher = difflib.SequenceMatcher(None, [s.kind for s in one], [s.kind for s in other], autojunk=False)
    steps: list[Step] = []
    for tag, one_from, one_to, other_from, other_to in matcher.get_opcodes():
        if tag == "equal":
            pairs = zip(one[one_from:one_to], other[other_from:other_to], strict=True)
            steps += [Step("=", recorded, live) for recorded, live in pairs]
        else:
            steps += [Step("-", stretch, None) for stretch in one[one_from:one_to]]
            steps += [Step("+", None, stretch) for stretch in other[other_from:other_to]]
    return steps


def answers(moments: Sequence[Moment]) -> Iterator[Answer]:
    """The responses of a timeline, in order."""
    asked = 0.0
    for place, moment in enumerate(moments):
        if moment.kind in ASKED:
            asked = moment.at
        elif moment.way == "server" and moment.kind == "response.created":
            yield _answer(moments[place:], asked)


def _answer(moments: Sequence[Moment], asked: float) -> Answer:
    """The response that is created first in these moments."""
    response_id = _response_id(moments[0])
    own = [moment for moment in moments if moment.way == "server" and _response_id(moment) == response_id]
    done = next((moment for moment in own if moment.kind == "response.done"), None)
    response = done.event.get("response") if done else None
    return Answer(
        created=_ms(moments[0], asked) or 0,
        words=_ms(next((moment for moment in own if moment.kind.endswith(WORDS)), None), asked),
        sound=_ms(next((moment for moment in own if moment.kind.endswith(SOUND)), None), asked),
        done=_ms(done, asked),
        status=str(response.get("status", "")) if isinstance(response, dict) else "",
    )


def _response_id(moment: Moment) -> Json:
    response = moment.event.get("response")
    return response.get("id") if isinstance(response, dict) else moment.event.get("response_id")


def _ms(moment: Moment | None, since: float) -> int | None:
    return None if moment is None else round((moment.at - since) * 1000)
