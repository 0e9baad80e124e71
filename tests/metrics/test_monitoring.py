"""The dashboard and the alert rules ask for nothing that our own `/metrics` does not tell."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser as promql
import pytest
import yaml
from metered import after_a_conversation, scrape
from prometheus_client.parser import text_string_to_metric_families
from served import play

FOLDER = Path(__file__).parents[2] / "docs" / "monitoring"
GUIDE = (FOLDER.parent / "guides" / "observing.md").read_text()
RULES: list[dict[str, Any]] = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"][0]["rules"]
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "grafana.json").read_text())
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
QUERIES = {
    **{f"{panel['title']}: {target['refId']}": str(target["expr"]) for panel in PANELS for target in panel["targets"]},
    **{rule["alert"]: str(rule["expr"]) for rule in RULES},
}

Labels = dict[str, str]


@pytest.fixture(scope="module")
def told() -> dict[str, list[Labels]]:
    """All samples after a real conversation: their labels, by name."""
    samples: dict[str, list[Labels]] = {}

    async def scene() -> None:
        async with after_a_conversation() as url:
            for family in text_string_to_metric_families(await scrape(url)):
                for sample in family.samples:
                    samples.setdefault(sample.name, []).append(dict(sample.labels))

    play(scene)
    return samples


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES.keys())
def test_a_query_finds_what_it_asks_for(query: str, told: dict[str, list[Labels]]) -> None:
    """Each metric is there, with the labels and the values that are asked for, and with those it is grouped by."""
    tree = promql.parse(query.replace("$__rate_interval", "5m"))
    selectors = list(_selectors(tree))
    grouped = {label for labels in _groupings(tree) for label in labels}

    assert selectors
    for selector in selectors:
        wanted = {matcher.name: matcher.value for matcher in selector.matchers.matchers}
        found = [labels for labels in told[str(selector.name)] if wanted.items() <= labels.items()]
        assert found
    shown = {label for selector in selectors for labels in told[str(selector.name)] for label in labels}
    assert grouped <= shown


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: str(panel["title"]))
def test_a_legend_names_labels_that_the_query_leaves(panel: dict[str, Any], told: dict[str, list[Labels]]) -> None:
    """A label that was summed away would be shown as nothing."""
    for target in panel["targets"]:
        tree = promql.parse(str(target["expr"]).replace("$__rate_interval", "5m"))
        groupings = list(_groupings(tree))
        left = set(groupings[0]) if groupings else _labels(tree, told)
        named = {part.partition("}}")[0] for part in str(target["legendFormat"]).split("{{")[1:]}
        assert named <= left


def test_the_guide_names_every_metric_and_no_other(told: dict[str, list[Labels]]) -> None:
    """With all its labels."""
    rows = [line for line in GUIDE.splitlines() if line.startswith("| `antiphon_")]
    listed = {row.split("`")[1]: row for row in rows}
    base = {name: re.sub(r"_(bucket|count|sum)$", "", name) for name in told if not name.endswith("_created")}

    assert set(listed) == set(base.values())
    for name, family in base.items():
        for label in {label for labels in told[name] for label in labels} - {"le"}:
            assert f"`{label}`" in listed[family]


def test_the_dashboard_can_be_loaded() -> None:
    """Panels have ids of their own, and lie beside each other, not on each other."""
    taken: set[tuple[int, int]] = set()
    for panel in PANELS:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert place["x"] + place["w"] <= 24
        assert not cells & taken
        taken |= cells
        assert panel["description"]
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)


def test_an_alert_says_what_is_wrong_and_what_to_do() -> None:
    """Eight of them; each with a name, a severity, and words for who is woken."""
    assert len(RULES) == 8
    assert len({rule["alert"] for rule in RULES}) == 8
    for rule in RULES:
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["remedy"]


def _selectors(tree: Any) -> Iterator[promql.VectorSelector]:
    """All selectors below."""
    if isinstance(tree, promql.VectorSelector):
        yield tree
    elif isinstance(tree, promql.MatrixSelector):
        yield tree.vector_selector
    for part in _parts(tree):
        yield from _selectors(part)


def _groupings(tree: Any) -> Iterator[list[str]]:
    """What aggregations keep, the outermost first; an aggregation without `by` keeps nothing."""
    if isinstance(tree, promql.AggregateExpr):
        is_top = tree.param is not None
        if not is_top:
            yield list(tree.modifier.labels) if tree.modifier is not None else []
    for part in _parts(tree):
        yield from _groupings(part)


def _labels(tree: Any, told: dict[str, list[Labels]]) -> set[str]:
    return {label for selector in _selectors(tree) for labels in told[str(selector.name)] for label in labels}


def _parts(tree: Any) -> list[Any]:
    match tree:
        case promql.BinaryExpr():
            return [tree.lhs, tree.rhs]
        case promql.Call():
            return list(tree.args)
        case promql.AggregateExpr() | promql.ParenExpr() | promql.UnaryExpr():
            return [tree.expr]
    return []
