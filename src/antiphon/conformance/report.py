"""What came of the cases, for programs and for people: JUnit XML, JSON, Markdown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit, urlunsplit
from xml.sax.saxutils import escape, quoteattr

import msgspec

from antiphon.conformance.bench import Target
from antiphon.conformance.run import Outcome, Verdict
from antiphon.recording import Line

Columns: TypeAlias = Sequence[tuple[Target, Sequence[Verdict]]]
"""The servers, side by side, each with what came of the same cases."""

SHOWN_LINES: Final = 60
"""Lines of a failure's trace, counted from its end, which is where it failed."""
SHOWN_CHARS: Final = 160
"""Characters of a text in a trace: audio and instructions are longer."""


@dataclass(frozen=True, slots=True)
class Score:
    """How many of the rules that count are kept."""

    passed: int = 0
    asked: int = 0

    def __str__(self) -> str:
        return f"{self.passed}/{self.asked}" if self.asked else "-"


def score(verdicts: Sequence[Verdict], family: str | None = None) -> Score:
    """The score, of one family or of all. Advice and what was skipped do not count."""
    counted = [v for v in verdicts if not v.case.is_advice and v.outcome is not Outcome.SKIPPED]
    counted = [v for v in counted if family in {None, v.case.family}]
    return Score(sum(v.outcome is Outcome.PASSED for v in counted), len(counted))


def families(columns: Columns) -> tuple[str, ...]:
    """The families that were asked, in their order."""
    return tuple(dict.fromkeys(verdict.case.family for _, verdicts in columns for verdict in verdicts))


def as_json(columns: Columns) -> bytes:
    """Everything, for programs."""
    return msgspec.json.format(msgspec.json.encode({"program": program(), "servers": [_server(*c) for c in columns]}))


def as_junit(columns: Columns) -> str:
    """For the pages of a CI: a suite for each server; what is advice only is a skipped case."""
    suites = "".join(_suite(target, verdicts) for target, verdicts in columns)
    return f'<?xml version="1.0" encoding="utf-8"?>\n<testsuites name="antiphon check">\n{suites}</testsuites>\n'


def as_markdown(columns: Columns) -> str:
    """For people: a score per family, then each failure with its rule, its evidence and its trace."""
    parts = ["# Conformance", f"By `antiphon check` ({program()}).", table(columns)]
    for target, verdicts in columns:
        found = [v for v in verdicts if v.outcome in {Outcome.FAILED, Outcome.ADVICE}]
        parts.append(f"## {target.title}: {len(found)} found" if found else f"## {target.title}: nothing found")
        parts += [_told(verdict) for verdict in found]
    return "\n\n".join(parts) + "\n"


def table(columns: Columns) -> str:
    """The scores as a Markdown table."""
    titles = " | ".join(target.title for target, _ in columns)
    rows = [f"| family | {titles} |", f"|---|{'---|' * len(columns)}"]
    rows += [
        f"| {name} | {' | '.join(str(score(found, name)) for _, found in columns)} |" for name in families(columns)
    ]
    return "\n".join([*rows, f"| **all** | {' | '.join(f'**{score(verdicts)}**' for _, verdicts in columns)} |"])


def trace(lines: Sequence[Line]) -> list[str]:
    """A trace in lines: when, which way, what."""
    arrows = {"client": "->", "server": "<-"}
    shown = [f"{line.at:9.3f} {arrows.get(line.way, '--')} {_frame(line)}" for line in lines[-SHOWN_LINES:]]
    return [f"({len(lines) - SHOWN_LINES} lines before)", *shown] if len(lines) > SHOWN_LINES else shown


def program() -> str:
    """Who asked."""
    return f"antiphon {version('antiphon')}"


def _server(target: Target, verdicts: Sequence[Verdict]) -> Mapping[str, Any]:
    names = families([(target, verdicts)])
    scores = {family: msgspec.to_builtins(score(verdicts, family)) for family in names}
    return {
        "name": target.title,
        "url": _without_keys(target.url),
        "model": target.model,
        "score": {"all": msgspec.to_builtins(score(verdicts)), **scores},
        "cases": [_case(verdict) for verdict in verdicts],
    }


def _case(verdict: Verdict) -> Mapping[str, Any]:
    case = verdict.case
    about = {"id": case.id, "family": case.family, "rule": case.rule, "evidence": str(case.evidence)}
    came = {"outcome": verdict.outcome.value, "message": verdict.message, "seconds": round(verdict.seconds, 3)}
    return {**about, **came, "tokens": verdict.tokens, "trace": trace(verdict.lines)}


def _suite(target: Target, verdicts: Sequence[Verdict]) -> str:
    failures = sum(v.outcome is Outcome.FAILED for v in verdicts)
    skipped = sum(v.outcome in {Outcome.SKIPPED, Outcome.ADVICE} for v in verdicts)
    counts = f'tests="{len(verdicts)}" failures="{failures}" errors="0" skipped="{skipped}"'
    cases = "".join(_testcase(verdict) for verdict in verdicts)
    return f"<testsuite name={quoteattr(target.title)} {counts}>\n{cases}</testsuite>\n"


def _testcase(verdict: Verdict) -> str:
    case = verdict.case
    named = f'classname="{case.family}" name="{case.name}" time="{verdict.seconds:.3f}"'
    match verdict.outcome:
        case Outcome.PASSED:
            inside = ""
        case Outcome.FAILED:
            text = _printable("\n".join((case.rule, str(case.evidence), *trace(verdict.lines))))
            inside = f"<failure message={quoteattr(_printable(verdict.message))}>{escape(text)}</failure>"
        case _:
            inside = f"<skipped message={quoteattr(_printable(verdict.message))}/>"
    return f"<testcase {named}>{inside}</testcase>\n"


def _told(verdict: Verdict) -> str:
    case = verdict.case
    advice = " (advice: it does not count)" if verdict.outcome is Outcome.ADVICE else ""
    shown = "\n".join(trace(verdict.lines)).replace("```", "'''")
    told = f"### `{case.id}`{advice}\n\n{case.rule} *({case.evidence})*\n\n> {verdict.message}"
    return f"{told}\n\n<details><summary>trace</summary>\n\n```text\n{shown}\n```\n\n</details>" if shown else told


def _frame(line: Line) -> str:
    frame = line.event if line.raw is None else line.raw
    return msgspec.json.encode(_clipped(frame)).decode()


def _clipped(value: Any) -> Any:
    match value:
        case str() if len(value) > SHOWN_CHARS:
            return f"{value[:SHOWN_CHARS]}… ({len(value)})"
        case dict():
            return {key: _clipped(each) for key, each in value.items()}
        case list():
            return [_clipped(each) for each in value]
    return value


def _printable(text: str) -> str:
    """Without the control characters that XML has no place for."""
    return "".join(c if c.isprintable() or c in "\n\t" else "�" for c in text)


def _without_keys(url: str) -> str:
    """The address without its query and its user."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment=""))
