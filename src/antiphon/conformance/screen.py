"""The table that fills while servers are asked, and what is said when all is done."""

from collections.abc import Sequence
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from antiphon.conformance.bench import Target
from antiphon.conformance.case import Case
from antiphon.conformance.report import Columns, score
from antiphon.conformance.run import Outcome, Verdict

MARKS = {Outcome.FAILED: ("failed", "red"), Outcome.ADVICE: ("advice", "yellow"), Outcome.SKIPPED: ("skipped", "dim")}


class Board:
    """Scores by family, side by side, while they grow."""

    def __init__(self, console: Console, targets: Sequence[Target], cases: Sequence[Case]) -> None:
        self._console = console
        self._targets = targets
        self._families = tuple(dict.fromkeys(case.family for case in cases))
        self._sizes = {family: sum(case.family == family for case in cases) for family in self._families}
        self._verdicts: dict[str, list[Verdict]] = {target.title: [] for target in targets}
        self._live = Live(self._table(), console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def tell(self, target: Target, verdict: Verdict) -> None:
        """Show one more verdict."""
        self._verdicts[target.title].append(verdict)
        self._live.update(self._table(), refresh=self._console.is_terminal)

    def _table(self) -> Table:
        table = Table("family", *(escape(target.title) for target in self._targets), box=None, pad_edge=False)
        for family in self._families:
            table.add_row(family, *(self._cell(target, family) for target in self._targets))
        return table

    def _cell(self, target: Target, family: str) -> Text:
        verdicts = [v for v in self._verdicts[target.title] if v.case.family == family]
        left = self._sizes[family] - len(verdicts)
        failed = any(v.outcome is Outcome.FAILED for v in verdicts)
        style = "red" if failed else "dim" if left else "green"
        return Text(f"{score(verdicts)}{' …' if left else ''}", style=style)


def summary(columns: Columns) -> RenderableType:
    """What was found, and the scores."""
    found = [_found(target, verdict) for target, verdicts in columns for verdict in verdicts]
    return Group(*(text for texts in found for text in texts), _scores(columns))


def _found(target: Target, verdict: Verdict) -> list[Text]:
    """What there is to say of a case that did not pass, and the rule where that counts."""
    if verdict.outcome is Outcome.PASSED:
        return []
    word, colour = MARKS[verdict.outcome]
    said = Text.assemble((word, colour), f" {target.title}  {verdict.case.id}: {verdict.message}")
    rule = Text(f"       {verdict.case.rule} ({verdict.case.evidence})", style="dim")
    return [said, rule] if verdict.outcome is Outcome.FAILED else [said]


def listing(cases: Sequence[Case]) -> RenderableType:
    """The cases with their rules."""
    return Group(*(Text(f"{case.id}  ({case.evidence})  {case.rule}") for case in cases))


def costs(cases: Sequence[Case]) -> RenderableType:
    """What would be asked of each server, and about what it costs."""
    table = Table("case", "responses", "tokens", "audio s", box=None, pad_edge=False)
    for case in cases:
        cost = case.cost
        table.add_row(
            case.id, str(cost.responses or ""), str(cost.tokens or ""), f"{cost.heard_s:g}" * bool(cost.heard_s)
        )
    total = [case.cost for case in cases]
    responses, tokens = sum(c.responses for c in total), sum(c.tokens for c in total)
    table.add_row(
        f"{len(cases)} cases", str(responses), str(tokens), f"{sum(c.heard_s for c in total):g}", style="bold"
    )
    return table


def _scores(columns: Columns) -> Table:
    families = tuple(dict.fromkeys(v.case.family for _, verdicts in columns for v in verdicts))
    table = Table("family", *(escape(target.title) for target, _ in columns), box=None, pad_edge=False)
    for family in families:
        table.add_row(family, *(str(score(verdicts, family)) for _, verdicts in columns))
    table.add_row("all", *(str(score(verdicts)) for _, verdicts in columns), style="bold")
    return table
