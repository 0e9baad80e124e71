"""What the person sees."""

import io
from typing import Any

import pytest
from rich.console import Console

from antiphon.client.errors import NoDevice
from antiphon.talk.report import Report
from antiphon.talk.screen import REFRESH_S, JsonScreen, TerminalScreen

STEPS = {"speech_stopped": 500, "transcript": 640, "first_token": 600, "first_audio": 700, "done": 1_200}


def report(**changes: Any) -> Report:
    """A turn that went well."""
    fields: dict[str, Any] = {
        "turn": 1,
        "you": "Hello there.",
        "answer": "Good morning.",
        "status": "completed",
        "reason": "",
        "error": "",
        "audio_ms": 1_300,
        "heard_ms": None,
        "ms": STEPS,
        "item_id": "item_1",
        "response_id": "resp_1",
        "usage": None,
    }
    return Report(**(fields | changes))


def printed(shown: Report, encoding: str = "utf-8") -> list[str]:
    """The lines of a turn on paper."""
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    TerminalScreen(Console(file=file, width=80)).turn(shown)
    file.seek(0)
    return [line.rstrip() for line in file.read().splitlines()]


def test_a_waterfall() -> None:
    """A row per step in the order of time; each bar begins where the one before ends."""
    assert printed(report()) == [
        "",
        "turn 1",
        " you    Hello there.",
        " answer Good morning.",
        "",
        " end of speech    0 ms",
        " speech_stopped    500 ██████████████████▎",
        " first token       600                   ████",
        " transcript        640                       █▍",
        " first audio       700                        ▐█▋",
        " done            1,200                          ▐██████████████████",
        " 1.3 s of sound",
    ]


def test_bars_need_an_encoding_that_has_them() -> None:
    """Elsewhere the figures do."""
    assert " done            1,200" in printed(report(), "ascii")


@pytest.mark.parametrize(
    ("changes", "ending"),
    [
        (
            {"heard_ms": 400, "status": "cancelled", "reason": "turn_detected"},
            " 1.3 s of sound, interrupted after 0.4 s, cancelled: turn_detected",
        ),
        ({"status": "failed", "error": "No voice.", "audio_ms": 0}, " failed: No voice."),
        ({"status": "unanswered", "audio_ms": 0}, " unanswered"),
        ({"status": "in_progress"}, " 1.3 s of sound, not done"),
    ],
)
def test_how_an_answer_ended(changes: dict[str, Any], ending: str) -> None:
    """What is unusual is said in words."""
    assert printed(report(**changes))[-1] == ending


def test_words_that_are_not_there() -> None:
    """Not written down is not the same as nothing said; an empty answer takes no line."""
    assert " you    (not transcribed)" in printed(report(you=None))
    assert " you    (no words)" in printed(report(you=""))
    assert not [line for line in printed(report(answer="")) if line.startswith(" answer")]


def test_a_step_before_the_end_of_speech() -> None:
    """A trigger-happy server is shown as it was."""
    assert " speech_stopped    -30" in printed(report(ms={"speech_stopped": -30, "done": 100}))


def test_words_are_not_markup() -> None:
    """What a model says is printed as it is."""
    assert " answer [bold]No[/bold]" in printed(report(answer="[bold]No[/bold]"))


def test_live_words() -> None:
    """A terminal sees them grow, but not more often than the eye; nothing of it stays."""
    file = io.StringIO()
    screen = TerminalScreen(Console(file=file, width=80, force_terminal=True, color_system=None))
    with screen.live():
        screen.show("Hel", "", "listening", 1.0)
        screen.show("Hello", "", "listening", 1.0 + REFRESH_S / 2)
        screen.show("Hello th", "Good", "waiting", 1.0 + REFRESH_S)
    screen.show("after", "", "the end", 9.0)

    shown = file.getvalue()
    assert [word in shown for word in ("Hel", "Hello\n", "Hello th", "Good", "waiting", "after")] == [
        True, False, True, True, True, False,
    ]  # fmt: skip


def test_a_pipe_sees_no_live_words() -> None:
    """Only what stays."""
    file = io.StringIO()
    screen = TerminalScreen(Console(file=file))
    with screen.live():
        screen.show("Hello", "", "listening", 1.0)
    screen.note("saved")

    assert file.getvalue() == "saved\n"


def test_json_is_one_line_each() -> None:
    """However long, and nothing else."""
    file = io.StringIO()
    screen = JsonScreen(Console(file=file, width=20))
    with screen.live():
        screen.show("Hello", "", "listening", 1.0)
        screen.note("saved")
        screen.turn(report(usage=None))
        screen.failure(NoDevice("No microphone.", "buy one"))

    assert file.getvalue().splitlines() == [
        (
            '{"turn":1,"you":"Hello there.","answer":"Good morning.","status":"completed","reason":"","error":"",'
            '"audio_ms":1300,"heard_ms":null,"ms":{"speech_stopped":500,"transcript":640,"first_token":600,'
            '"first_audio":700,"done":1200},"item_id":"item_1","response_id":"resp_1","usage":null}'
        ),
        '{"error":"No microphone.","hint":"buy one"}',
    ]
