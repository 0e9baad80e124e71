"""Reads the tables of facts about older dialects, and holds frames and structs against them.

A table names events by side and the objects in them. A fact is written as in `wire_facts`, and `@Name` is an object
of the table: `!@Item`, `[@Content]|null`. The tables hold what the schemas of the day say, nothing else; where we
differ it is meant, and the test that compares says why.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wire_facts import Fact, Kind, Side, fact_from

FOLDER = Path(__file__).parent.parent / "dialects"

JSON_KINDS: dict[type, tuple[str, ...]] = {
    str: ("string",),
    bool: ("boolean",),
    int: ("integer", "number"),
    float: ("number",),
    type(None): ("null",),
}


@dataclass(frozen=True)
class Table:
    """The facts about one dialect."""

    client: dict[str, dict[str, str]]
    server: dict[str, dict[str, str]]
    objects: dict[str, dict[str, str]]

    def problems(self, frame: bytes) -> Iterator[str]:
        """What in a server's frame is not as the table says; places in arrays are not told apart."""
        tree = json.loads(frame)
        kind, event_id = tree.pop("type"), tree.pop("event_id")
        if kind not in self.server:
            yield f"{kind}: no such event"
            return
        if not isinstance(event_id, str):
            yield f"{kind}.event_id: {event_id!r}"
        yield from self._object(tree, self.server[kind], kind)

    def _object(self, tree: dict[str, Any], facts: dict[str, str], path: str) -> Iterator[str]:
        yield from (f"{path}.{name}: unknown" for name in tree.keys() - facts.keys())
        for name, text in facts.items():
            if name in tree:
                yield from self._value(tree[name], fact_from(text), f"{path}.{name}")
            elif text.startswith("!"):
                yield f"{path}.{name}: missing"

    def _value(self, value: Any, fact: Fact, path: str) -> Iterator[str]:
        inner = [kind[1:-1] for kind in fact.kinds if kind[0] in "[{"]
        names = [kind[1:] for kind in fact.kinds if kind[0] == "@"]
        if "any" in fact.kinds:
            return
        if isinstance(value, list) and inner:
            for one in value:
                yield from self._value(one, fact_from(inner[0]), f"{path}[]")
        elif isinstance(value, dict) and (names or inner):
            yield from self._nested(value, names, inner, path)
        elif not fact.kinds & {f"'{value}'", *JSON_KINDS.get(type(value), ())}:
            yield f"{path}: {fact} expected"

    def _nested(self, value: dict[str, Any], names: list[str], inner: list[str], path: str) -> Iterator[str]:
        if not names:
            for one in value.values():
                yield from self._value(one, fact_from(inner[0]), f"{path}{{}}")
            return
        fitting = [name for name in sorted(names) if f"'{value.get('type')}'" in self.objects[name].get("type", "")]
        yield from self._object(value, self.objects[(fitting or sorted(names))[0]], path)

    def events(self, side: Side) -> dict[str, Kind]:
        """The events of a side, each with all that is in it."""
        rows = self.client if side == "client" else self.server
        named = {"event_id": "string" if side == "client" else "!string"}
        return {name: self._kind(name, named | row, {name}) for name, row in rows.items()}

    def _kind(self, name: str, row: dict[str, str], tags: set[str]) -> Kind:
        fields = {key: self._fact(text) for key, text in row.items() if key != "type"}
        return Kind(name, frozenset(tags), fields)

    def _fact(self, text: str) -> Fact:
        names = re.findall(r"@(\w+)", text)
        told = fact_from(re.sub(r"@\w+(\|@\w+)*", "object", text))
        return Fact(told.required, told.kinds, tuple(self._named(name) for name in names))

    def _named(self, name: str) -> Kind:
        row = self.objects[name]
        return self._kind(name, row, set(re.findall(r"'(\w+)'", row.get("type", ""))))


def table(dialect: str) -> Table:
    """The table of `beta` or of `preview`."""
    return Table(**json.loads((FOLDER / f"{dialect}_fields.json").read_text()))
