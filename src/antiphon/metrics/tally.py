"""Counting what happens, in memory."""

from collections import Counter
from collections.abc import Iterable

from antiphon.facts import Fact, Meter, ResponseEnded


class FanOut:
    """A `Meter` that tells several others."""

    def __init__(self, meters: Iterable[Meter]) -> None:
        self._meters = tuple(meters)

    def report(self, fact: Fact) -> None:
        """Tell all."""
        for meter in self._meters:
            meter.report(fact)


class Tally:
    """A `Meter` that counts facts by kind, and responses by how they ended."""

    def __init__(self) -> None:
        self.facts: Counter[str] = Counter()
        """`SessionOpened`, `TurnEnded`, … by how often."""
        self.responses: Counter[str] = Counter()
        """`completed`, `cancelled`, … by how often."""

    def report(self, fact: Fact) -> None:
        """Count."""
        self.facts[type(fact).__name__] += 1
        if isinstance(fact, ResponseEnded):
            self.responses[fact.status] += 1
