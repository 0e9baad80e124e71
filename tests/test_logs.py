"""Log lines: one per response with its times and ids; human on a terminal, JSON when piped; never words."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from antiphon import logs
from antiphon.facts import (
    DraftEnded,
    EngineFailed,
    Fact,
    ResponseEnded,
    SessionClosed,
    SessionOpened,
    Shed,
    Transcribed,
    TurnBegan,
    TurnEnded,
)
from antiphon.logs import LogMeter
from antiphon.metrics import FanOut, Tally
from antiphon.ports import Usage

ENDED = ResponseEnded("sess_1", "resp_1", "completed", 10.0, 12.4, None, 301.6, 900, Usage(30, 20, 8))
FACTS: list[Fact] = [
    SessionOpened("sess_1", "websocket", "ga"),
    TurnBegan("sess_1", "item_1", 96, interrupts=True),
    TurnEnded("sess_1", "item_1", 1200),
    Shed("sessions"),
    Transcribed("sess_1", "item_1", 3.2),
    Transcribed("sess_1", "item_2", 3.2, failed=True),
    DraftEnded("sess_1", was_kept=True, seconds=0.25, usage=Usage()),
    DraftEnded("sess_1", was_kept=False, seconds=0.25, usage=Usage()),
    ENDED,
    EngineFailed("sess_1", "tts", "out of breath"),
    SessionClosed("sess_1", 12.34),
]


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Leave logging as it was."""
    root, ours = logging.getLogger(), logging.getLogger(logs.ROOT)
    before = (root.handlers[:], root.level, ours.level)
    libraries = [logging.getLogger(name) for name in logs.LIBRARIES]
    states = [(library.level, library.handlers[:], library.propagate) for library in libraries]
    yield
    root.handlers[:], root.level, ours.level = before
    for library, (level, handlers, propagate) in zip(libraries, states, strict=True):
        library.level, library.handlers[:], library.propagate = level, handlers, propagate


def written(facts: list[Fact], level: str = "info", stream: io.StringIO | None = None, **environ: str) -> list[str]:
    """The lines that these facts lead to."""
    stream = stream or io.StringIO()
    logs.set_up(level, "auto", environ, stream)
    for fact in facts:
        LogMeter().report(fact)
    return stream.getvalue().splitlines()


def test_a_piped_log_is_json_with_the_times_and_ids_of_the_response() -> None:
    """One object a line; what never came (here the audio) is left out."""
    (line,) = written([ENDED])

    told = json.loads(line)
    assert told.pop("time").endswith("+00:00")
    assert told == {
        "level": "info",
        "logger": "antiphon.facts",
        "message": "response completed",
        "session": "sess_1",
        "response": "resp_1",
        "first_delta_ms": 12,
        "done_ms": 302,
        "audio_ms": 900,
        "input_tokens": 30,
        "cached_tokens": 20,
        "output_tokens": 8,
    }


def test_on_a_terminal_a_line_is_for_people() -> None:
    """Time, level, message, fields; coloured unless NO_COLOR says otherwise."""
    (plain,) = written([ENDED], stream=Terminal(), NO_COLOR="1")
    (coloured,) = written([ENDED], stream=Terminal())

    assert plain[8:].startswith(" info    response completed  session=sess_1 response=resp_1 first_delta_ms=12 ")
    assert "\x1b[36minfo" in coloured


def test_every_fact_has_its_line_and_level() -> None:
    """Responses, sessions and failures always; turns, transcriptions and drafts at `debug`."""
    messages = [json.loads(line)["message"] for line in written(FACTS, "debug")]
    assert messages == [
        "session opened",
        "turn began",
        "turn ended",
        "session refused",
        "transcribed",
        "transcription failed",
        "draft kept",
        "draft dropped",
        "response completed",
        "tts failed: out of breath",
        "session closed",
    ]

    usual = [json.loads(line)["message"] for line in written(FACTS)]
    assert usual == [
        "session opened",
        "session refused",
        "response completed",
        "tts failed: out of breath",
        "session closed",
    ]
    assert [json.loads(line)["level"] for line in written(FACTS, "warning")] == ["warning", "warning"]


def test_a_traceback_stays_with_its_line() -> None:
    """Inside the object as JSON; below the line for people."""
    for stream in (io.StringIO(), Terminal()):
        logs.set_up("info", "auto", {"NO_COLOR": "1"}, stream)
        try:
            int("boom")
        except ValueError:
            logging.getLogger("antiphon.x").exception("went wrong")
        text = stream.getvalue()
        told = json.loads(text)["traceback"] if not stream.isatty() else text
        assert "ValueError: invalid literal" in told
        assert "went wrong" in text


def test_libraries_tell_warnings_only() -> None:
    """A line per request of a library is not what an operator wants to read."""
    stream = io.StringIO()
    logging.getLogger("uvicorn").propagate = False  # as uvicorn has it when it sets up logging itself
    logs.set_up("debug", "json", {}, stream)
    logging.getLogger("uvicorn.error").info("hello")
    logging.getLogger("uvicorn.error").warning("look")

    assert [json.loads(line)["message"] for line in stream.getvalue().splitlines()] == ["look"]


def test_the_form_can_be_forced() -> None:
    """`human` also when piped."""
    stream = io.StringIO()
    logs.set_up("info", "human", {}, stream)
    logging.getLogger("antiphon.x").info("hello")

    assert stream.getvalue().endswith(" info    hello\n")


def test_facts_are_counted_by_kind_and_outcome() -> None:
    """Every meter is told of every fact."""
    tallies = [Tally(), Tally()]
    meter = FanOut(tallies)
    for fact in FACTS:
        meter.report(fact)

    assert [tally.facts["Transcribed"] for tally in tallies] == [2, 2]
    assert tallies[0].responses == {"completed": 1}
