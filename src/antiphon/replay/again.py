"""A recording told to the core again, with the same clock and the same answers: it must tell the same."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from antiphon.protocol.wire import Json
from antiphon.recording import BadRecording, Line, Recording
from antiphon.recording.recorder import GAP
from antiphon.replay.comparing import Comparing, Difference, Told
from antiphon.replay.stage import OutOfStep, Stage
from antiphon.runtime.tape import FAULT, INPUT, LIMITS, LINKED, OPENED, SOUND, Noted


class NotReplayable(Exception):
    """The recording does not hold what the core was told."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a replay."""

    events: int
    """How many were held against the recording."""
    difference: Difference | None = None
    failure: str = ""
    """Why the core could not go on."""
    stopped: str = ""
    """Why the replay ended before the recording did, through no fault of the core's."""

    @property
    def is_same(self) -> bool:
        """Whether the core told the same, as far as the recording can be replayed."""
        return self.difference is None and not self.failure


class _End(Exception):
    """The replay is over."""

    def __init__(self, difference: Difference | None = None, *, failure: str = "", stopped: str = "") -> None:
        super().__init__(failure or stopped)
        self.difference = difference
        self.failure = failure
        self.stopped = stopped


def replay(recording: Recording, core: Callable[[Json], Stage] = Stage) -> Outcome:
    """Tell a recorded session to the core again. Raise NotReplayable or BadRecording.

    `core` makes a session of the note of its beginning.
    """
    if recording.lacks_audio:
        raise NotReplayable("Its audio is missing, and the core would hear something else.")
    rerun = _Rerun(recording, core)
    try:
        for line in recording.lines:
            rerun.take(line)
        rerun.finish(is_cut=recording.is_cut)
    except _End as end:
        return Outcome(rerun.events, end.difference, end.failure, end.stopped)
    return Outcome(rerun.events)


class _Rerun:
    """One replay."""

    def __init__(self, recording: Recording, core: Callable[[Json], Stage]) -> None:
        self.events = 0
        self._path = recording.path
        self._make = core
        self._stage: Stage | None = None
        self._got: deque[Told] = deque()
        """What the core told and the recording has not shown yet."""
        self._comparing = Comparing()
        self._after: Line | None = None
        self._last: Line | None = None

    def take(self, line: Line) -> None:
        """The next line. Raise _End, NotReplayable or BadRecording."""
        self._last = line
        try:
            if line.way == "server":
                self._expect(line, Told(line.link, line.event))
            elif line.way == "client":
                self._open.take(line.link, _frame(line))
            else:
                self._note(line, line.event.get("type"), line.event.get("value"))
        except (msgspec.ValidationError, LookupError, TypeError) as error:
            raise BadRecording(self._path, line.number, f"it cannot be replayed: {error}") from error

    def finish(self, *, is_cut: bool) -> None:
        """All lines were taken."""
        if self._stage is None:
            raise NotReplayable("It holds what went over the wire, and not what the core was told.")
        if not is_cut:
            self._is_due(self._last)

    @property
    def _open(self) -> Stage:
        if self._stage is None:
            raise NotReplayable("It holds what went over the wire, and not what the core was told.")
        return self._stage

    def _note(self, line: Line, kind: Json, value: Any) -> None:
        if kind == SOUND:
            self._expect(line, Told(value["link"], {"type": SOUND, **value["sound"]}))
        elif kind == GAP:
            raise _End(stopped=f"Lines are missing after line {line.number - 1}: the disk was too slow.")
        elif kind == FAULT:
            raise _End(stopped=f"The server had a fault at line {line.number}, which the replay does not have.")
        elif kind == OPENED:
            self._stage = self._make(value)
        elif kind == LINKED:
            self._open.link(value)
        elif kind == LIMITS:
            self._got.extend(self._open.limit(value))
        elif kind == INPUT:
            self._is_due(line)
            self._hand(line, msgspec.convert(value, Noted))

    def _hand(self, line: Line, noted: Noted) -> None:
        self._after = line
        try:
            told = self._open.hand(noted)
        except OutOfStep as error:
            raise _End(failure=f"Line {line.number} does not follow: {error}.") from error
        except Exception as error:  # the core is what is tried here
            raise _End(failure=f"The core fails at line {line.number}: {type(error).__name__}: {error}") from error
        self._got.extend(told)

    def _expect(self, line: Line, expected: Told) -> None:
        """The recording tells something: so must the core have done."""
        got = self._got.popleft() if self._got else None
        if got is None or not self._comparing.is_same(expected, got):
            raise _End(self._difference(line, expected, got))
        self.events += 1

    def _is_due(self, line: Line | None) -> None:
        """The recording goes on: the core must not have told more."""
        if self._got and line is not None:
            raise _End(self._difference(line, None, self._got[0]))

    def _difference(self, line: Line, expected: Told | None, got: Told | None) -> Difference:
        return Difference(line.number, line.at, expected, got, self._after)


def _frame(line: Line) -> str:
    """The frame again, as text."""
    return msgspec.json.encode(line.event).decode() if line.raw is None else line.raw
