"""Log lines: human on a terminal, JSON when piped; one line per response with its times and ids.

Never audio, words, arguments or keys: the facts that a `Meter` is told hold none.
"""

import json
import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

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

ROOT = "antiphon"
LIBRARIES = ("uvicorn", "uvicorn.error", "websockets", "httpx2", "httpcore2", "openai")
"""Libraries that tell of every connection or request at `info`; we want their warnings."""

_COLOURS: Mapping[int, str] = {logging.DEBUG: "2", logging.INFO: "36", logging.WARNING: "33", logging.ERROR: "31"}
_FACTS = logging.getLogger(f"{ROOT}.facts")


def set_up(
    level: str, form: Literal["auto", "human", "json"], environ: Mapping[str, str], stream: TextIO | None = None
) -> None:
    """Send all log lines of `level` and above to `stream`, by default standard error."""
    stream = stream or sys.stderr
    is_human = form == "human" or (form == "auto" and stream.isatty())
    handler = logging.StreamHandler(stream)
    has_colours = stream.isatty() and not environ.get("NO_COLOR")
    handler.setFormatter(HumanFormatter(has_colours=has_colours) if is_human else JSONFormatter())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger(ROOT).setLevel(level.upper())
    for name in LIBRARIES:
        library = logging.getLogger(name)
        library.setLevel(logging.WARNING)
        library.handlers.clear()  # some bring their own, and keep their lines to themselves
        library.propagate = True


class HumanFormatter(logging.Formatter):
    """`12:03:04 info  response completed  response=resp_1 first_audio_ms=412`."""

    def __init__(self, *, has_colours: bool = False) -> None:
        super().__init__()
        self._has_colours = has_colours

    def format(self, record: logging.LogRecord) -> str:
        """One line; a traceback follows on lines of its own."""
        level = f"{record.levelname.lower():<7}"
        if self._has_colours:
            level = f"\x1b[{_COLOURS.get(record.levelno, '0')}m{level}\x1b[0m"
        fields = " ".join(f"{name}={value}" for name, value in _fields(record).items())
        line = f"{datetime.fromtimestamp(record.created).astimezone():%H:%M:%S} {level} {record.getMessage()}"
        return "\n".join(filter(None, (f"{line}  {fields}".rstrip(), _traceback(self, record))))


class JSONFormatter(logging.Formatter):
    """One JSON object a line: `time`, `level`, `logger`, `message`, and the fields of the fact."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, also with a traceback."""
        told: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        traceback = _traceback(self, record)
        return json.dumps(told | {"traceback": traceback} if traceback else told, ensure_ascii=False, default=str)


class LogMeter:
    """A `Meter` that writes a line per fact: responses, sessions and failures always, the rest at `debug`."""

    def report(self, fact: Fact) -> None:
        """Write the line of a fact."""
        level, message, fields = _line(fact)
        _FACTS.log(level, message, extra={"fields": {k: v for k, v in fields.items() if v is not None}})


def _line(fact: Fact) -> tuple[int, str, dict[str, Any]]:
    """Level, message and fields of a fact."""
    if isinstance(fact, Shed):
        return logging.WARNING, "session refused", {"reason": fact.reason}
    session: dict[str, Any] = {"session": fact.session_id}
    match fact:
        case SessionOpened():
            return logging.INFO, "session opened", session | {"transport": fact.transport, "dialect": fact.dialect}
        case SessionClosed():
            return logging.INFO, "session closed", session | {"seconds": round(fact.seconds, 1)}
        case TurnBegan():
            return logging.DEBUG, "turn began", session | {"item": fact.item_id, "interrupts": fact.interrupts}
        case TurnEnded():
            told = {"item": fact.item_id, "audio_ms": fact.audio_ms, "silence_ms": fact.silence_ms}
            return logging.DEBUG, "turn ended", session | told
        case Transcribed():
            message = "transcription failed" if fact.failed else "transcribed"
            return logging.DEBUG, message, session | {"item": fact.item_id, "wait_ms": round(fact.wait_ms)}
        case ResponseEnded():
            return logging.INFO, f"response {fact.status}", session | _response_fields(fact)
        case DraftEnded():
            kept = "draft kept" if fact.was_kept else "draft dropped"
            return logging.DEBUG, kept, session | {"seconds": round(fact.seconds, 3)}
        case EngineFailed():
            return logging.WARNING, f"{fact.role} failed: {fact.message}", session


def _response_fields(fact: ResponseEnded) -> dict[str, Any]:
    return {
        "response": fact.response_id,
        "reason": fact.reason,
        "first_delta_ms": _rounded(fact.first_delta_ms),
        "first_audio_ms": _rounded(fact.first_audio_ms),
        "done_ms": _rounded(fact.done_ms),
        "audio_ms": fact.audio_ms,
        "input_tokens": fact.usage.input_tokens,
        "cached_tokens": fact.usage.cached_tokens,
        "output_tokens": fact.usage.output_tokens,
    }


def _rounded(ms: float | None) -> int | None:
    return None if ms is None else round(ms)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields: dict[str, Any] = getattr(record, "fields", {})
    return fields


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    return formatter.formatException(record.exc_info) if record.exc_info else ""
