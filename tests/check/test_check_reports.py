"""What is written about a check: for programs, for CI pages, for people."""

import json
import xml.etree.ElementTree as ET

import pytest

from antiphon.conformance.bench import Target
from antiphon.conformance.case import OBSERVED, UNVERIFIED, Case, Evidence, thread
from antiphon.conformance.report import Score, as_json, as_junit, as_markdown, families, score, trace
from antiphon.conformance.run import Outcome, Verdict
from antiphon.recording import Line

TARGET = Target("wss://user:secret@host.example:9/v1/realtime?api-key=secret", name="peer")
LINES = (
    Line(2, 0.25, "client", "link_1", {"type": "session.update"}),
    Line(3, 0.5, "server", "link_1", {"type": "error", "audio": "A" * 1000}),
    Line(4, 0.75, "server", "link_1", raw="no\0json"),
)


def verdict(name: str, outcome: Outcome, evidence: Evidence = OBSERVED, message: str = "") -> Verdict:
    lines = LINES if outcome is Outcome.FAILED else ()
    return Verdict(Case(name, "The rule.", evidence, family="family"), outcome, message, 0.5, 7, lines)


VERDICTS = [
    verdict("good", Outcome.PASSED),
    verdict("bad", Outcome.FAILED, thread("a/b#1"), 'expected <1> & "2"\x00'),
    verdict("perhaps", Outcome.ADVICE, UNVERIFIED, "not so"),
    verdict("maybe", Outcome.PASSED, UNVERIFIED),
    verdict("absent", Outcome.SKIPPED, message="not here"),
]
COLUMNS = [(TARGET, VERDICTS), (Target("ws://localhost:1", name="ours"), VERDICTS[:1])]


def test_advice_and_what_was_skipped_do_not_count() -> None:
    """Only rules that are known for sure count, whichever way they went."""
    assert (score(VERDICTS), score(VERDICTS, "family"), score(VERDICTS, "none")) == (Score(1, 2), Score(1, 2), Score())
    assert (str(Score(1, 2)), str(Score())) == ("1/2", "-")
    assert families(COLUMNS) == ("family",)


def test_json_has_every_case_with_its_rule_and_trace() -> None:
    """A program finds what was asked, what came of it, and the trace of what failed."""
    tree = json.loads(as_json(COLUMNS))

    peer = tree["servers"][0]
    assert (peer["name"], peer["score"]) == (
        "peer",
        {"all": {"passed": 1, "asked": 2}, "family": {"passed": 1, "asked": 2}},
    )
    assert [case["id"] for case in peer["cases"]] == [
        f"family.{name}" for name in ["good", "bad", "perhaps", "maybe", "absent"]
    ]
    assert peer["cases"][1]["evidence"] == "thread a/b#1"
    assert [len(case["trace"]) for case in peer["cases"]] == [0, 3, 0, 0, 0]


def test_no_report_has_a_key() -> None:
    """Addresses are shown without their user and their query."""
    for text in (as_json(COLUMNS).decode(), as_junit(COLUMNS), as_markdown(COLUMNS)):
        assert "secret" not in text


def test_junit_is_xml_whatever_the_server_said() -> None:
    """Control characters and signs of XML come through as text; advice is a skipped case."""
    suites = ET.fromstring(as_junit(COLUMNS))  # noqa: S314 -- our own text

    peer = suites[0]
    assert peer.attrib == {"name": "peer", "tests": "5", "failures": "1", "errors": "0", "skipped": "2"}
    assert [child.tag for case in peer for child in case] == ["failure", "skipped", "skipped"]
    assert peer[1][0].attrib["message"] == 'expected <1> & "2"�'
    assert [(case.attrib["classname"], case.attrib["name"]) for case in peer][:2] == [
        ("family", "good"),
        ("family", "bad"),
    ]


def test_markdown_has_scores_side_by_side_and_each_failure() -> None:
    """The table first; then the rule, its evidence, what came, and the trace."""
    text = as_markdown(COLUMNS)

    assert "| family | peer | ours |\n|---|---|---|\n| family | 1/2 | 1/1 |\n| **all** | **1/2** | **1/1** |" in text
    assert "### `family.bad`\n\nThe rule. *(thread a/b#1)*\n\n> expected <1>" in text
    assert "### `family.perhaps` (advice: it does not count)" in text
    assert "## ours: nothing found" in text


def test_a_trace_is_told_in_short_lines() -> None:
    """When, which way, what; long texts are cut, and what is no JSON is shown as it came."""
    lines = trace(LINES)

    assert lines[0] == '    0.250 -> {"type":"session.update"}'
    assert lines[1].endswith('A… (1000)"}')
    assert lines[2].startswith('    0.750 <- "no')
    assert trace([LINES[0]] * 100)[0] == "(40 lines before)"


@pytest.mark.parametrize(("evidence", "text"), [(OBSERVED, "observed"), (thread("a/b#1"), "thread a/b#1")])
def test_evidence_is_told_in_words(evidence: Evidence, text: str) -> None:
    """A kind, and where it was found."""
    assert str(evidence) == text
