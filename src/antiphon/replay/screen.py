"""What `antiphon replay` shows, for a reader and for a program."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from antiphon.protocol.wire import Json
from antiphon.recording import Line, Recording
from antiphon.replay.again import Outcome
from antiphon.replay.comparing import Change, Difference, Told
from antiphon.replay.live import Performance
from antiphon.replay.moments import Answer, Step, Stretch

MAX_CHARS: Final = 160
"""Of a value that is shown; nobody compares sounds by eye."""

BAR_CELLS: Final = 40
MARK_STYLES: Final = {"=": "", "-": "red", "+": "green"}


# Told to the core again


def told_again(recording: Recording, outcome: Outcome) -> RenderableType:
    """The outcome of a replay."""
    parts: list[RenderableType] = list(_warnings(recording))
    if outcome.stopped:
        parts.append(Text(f"warning: {outcome.stopped}", style="yellow"))
    if outcome.difference is not None:
        parts += _difference(outcome.difference, outcome.events)
    elif outcome.failure:
        parts.append(Text(f"{_events(outcome.events)} the same, then: {outcome.failure}", style="red"))
    else:
        parts.append(Text(f"{_events(outcome.events)}, no difference"))
    return Group(*parts)


def again_as_json(outcome: Outcome) -> str:
    """The outcome as one object."""
    difference = outcome.difference
    told: dict[str, Any] = {"events": outcome.events, "is_same": outcome.is_same, "difference": None}
    if difference is not None:
        told["difference"] = {
            "line": difference.line,
            "at": difference.at,
            "expected": difference.expected and difference.expected.event,
            "got": difference.got and difference.got.event,
            "changes": difference.changes,
        }
    told |= {"failure": outcome.failure or None, "stopped": outcome.stopped or None}
    return msgspec.json.encode(told).decode()


def _events(count: int) -> str:
    return f"{count:,} event{'' if count == 1 else 's'}"


def _warnings(recording: Recording) -> Iterator[Text]:
    if recording.is_cut:
        yield Text("warning: the recording was cut; its last line is left out.", style="yellow")
    if recording.lacks_audio:
        yield Text("warning: audio is missing; those events have none.", style="yellow")


def _difference(difference: Difference, same: int) -> list[RenderableType]:
    head = f"line {difference.line}, {difference.at:.3f} s: after {_events(same)} that are the same"
    parts: list[RenderableType] = [Text(head, style="bold")]
    if difference.after is not None:
        parts.append(Text(f"  the core was told: {_input(difference.after)}", style="dim"))
    parts.append(Text(f"  expected: {_told(difference.expected)}", style="red"))
    parts.append(Text(f"  got:      {_told(difference.got)}", style="green"))
    if difference.changes:
        parts.append(_changes(difference.changes))
    return parts


def _changes(changes: Sequence[Change]) -> Table:
    table = Table("where", "expected", "got", box=None, pad_edge=False, show_edge=False)
    for change in changes:
        table.add_row(Text(change.path), Text(_short(change.expected)), Text(_short(change.got)))
    return table


def _input(line: Line) -> str:
    value = line.event.get("value")
    noted: dict[str, Json] = value if isinstance(value, dict) else {}
    news = noted.get("news")
    return f"{noted.get('kind')} {_short(news)}" if news is not None else f"{noted.get('kind')}, of the frame before"


def _told(told: Told | None) -> str:
    return "nothing" if told is None else f"{told.event.get('type', '?')} to {told.link}"


def _short(value: Json) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= MAX_CHARS else f"{text[: MAX_CHARS - 1]}…"


# Played to a live server


def performed(recording: Recording, performance: Performance) -> RenderableType:
    """Both timelines and what differs in them."""
    parts: list[RenderableType] = list(_warnings(recording))
    parts.append(_timeline(performance.steps))
    recorded, live = performance.answers
    if recorded or live:
        parts += [Text(), _waterfall(recorded, live)]
    if performance.lost:
        parts.append(Text(f"the live session ended: {performance.lost}", style="red"))
    differing = [step for step in performance.steps if step.mark != "="]
    parts += [Text(), Text("the same events in the same order" if performance.is_same else _count(differing))]
    return Group(*parts)


def performance_as_json(performance: Performance) -> str:
    """Both timelines as one object; times in seconds, answers in milliseconds."""
    recorded, live = performance.answers
    told = {
        "is_same": performance.is_same,
        "steps": performance.steps,
        "answers": {"recorded": recorded, "live": live},
        "lost": performance.lost or None,
    }
    return msgspec.json.encode(told).decode()


def _count(differing: Sequence[Step]) -> str:
    missing = sum(step.mark == "-" for step in differing)
    return f"differs: {missing} only recorded (-), {len(differing) - missing} only live (+)"


def _timeline(steps: Sequence[Step]) -> Table:
    table = Table("", "recorded", "live", "event", box=None, pad_edge=False, show_edge=False)
    for step in steps:
        stretch = step.recorded or step.live
        style = MARK_STYLES[step.mark]
        mark = "" if step.mark == "=" else step.mark
        kind = stretch.kind if stretch else ""
        cells = (mark, _seconds(step.recorded), _seconds(step.live), f"{kind}{_times(step)}")
        table.add_row(*(Text(cell, style=style) for cell in cells))
    return table


def _seconds(stretch: Stretch | None) -> str:
    return "" if stretch is None else f"{stretch.at:9.3f}"


def _times(step: Step) -> str:
    counts = [stretch.count for stretch in (step.recorded, step.live) if stretch is not None]
    if max(counts) == 1:
        return ""
    return f" x{counts[0]}" if len(set(counts)) == 1 else f" x{counts[0]} / x{counts[1]}"


def _waterfall(recorded: Sequence[Answer], live: Sequence[Answer]) -> Table:
    """Each answer of both as a bar: waiting, words, sound."""
    longest = max((answer.done or 0 for answer in (*recorded, *live)), default=0) or 1
    table = Table("answer", "ms: begun words sound done", "", box=None, pad_edge=False, show_edge=False)
    for number in range(max(len(recorded), len(live))):
        for name, answers in (("recorded", recorded), ("live", live)):
            if number < len(answers):
                answer = answers[number]
                figures = (answer.created, answer.words, answer.sound, answer.done)
                text = " ".join(f"{'-' if ms is None else ms:>6}" for ms in figures)
                table.add_row(f"{number + 1} {name} {answer.status}", text, _bar(answer, longest))
    return table


def _bar(answer: Answer, longest: int) -> Text:
    def cells(ms: int) -> int:
        return min(BAR_CELLS, round(max(ms, 0) * BAR_CELLS / longest))

    done = cells(answer.done or 0)
    words = min(cells(answer.words), done) if answer.words is not None else done
    sound = min(max(cells(answer.sound), words), done) if answer.sound is not None else done
    return Text("·" * words + "░" * (sound - words) + "█" * (done - sound))
