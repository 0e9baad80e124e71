"""The names that a server gives, from those of the recording to those of today.

The first items of a kind are taken for one another, and so on: two servers that are told the same make the same
items, under other names.
"""

import asyncio
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from typing import Final

from antiphon.protocol.wire import Json
from antiphon.recording.rows import Place
from antiphon.replay.moments import Moment

KEYS: Final = frozenset({"id", "item_id", "previous_item_id", "response_id", "call_id", "approval_request_id"})
"""Where an event names something."""


def names_in(value: Json, place: Place = ()) -> Iterator[tuple[Place, str]]:
    """The names in an event, and where they stand."""
    if isinstance(value, dict):
        for key, entry in value.items():
            if key in KEYS and isinstance(entry, str):
                yield (*place, key), entry
            else:
                yield from names_in(entry, (*place, key))
    elif isinstance(value, list):
        for number, entry in enumerate(value):
            yield from names_in(entry, (*place, number))


class _Counter:
    """Numbers the events of each kind."""

    def __init__(self) -> None:
        self._counts: Counter[Hashable] = Counter()

    def key(self, moment: Moment) -> Hashable:
        """What the event is, and the how manyeth of these."""
        item = moment.event.get("item")
        shape = (item.get("type"), item.get("role")) if isinstance(item, dict) else ()
        kind = (moment.kind, *map(str, shape))
        self._counts[kind] += 1
        return kind, self._counts[kind]


class Names:
    """Translates names in a client's events, as the live server makes itself known."""

    def __init__(self, recorded: Iterable[Moment]) -> None:
        self._recorded: dict[Hashable, dict[Place, str]] = {}
        self._servers: set[str] = set()
        """Names that the recorded server gave; all others are the client's own."""
        clients: set[str] = set()
        count = _Counter()
        for moment in recorded:
            names = dict(names_in(moment.event))
            if moment.way == "server":
                self._recorded[count.key(moment)] = names
                self._servers.update(set(names.values()) - clients)
            else:
                clients.update(set(names.values()) - self._servers)
        self._live: dict[str, str] = {}
        self._count = _Counter()
        self._news = asyncio.Event()

    def learn(self, moment: Moment) -> None:
        """The live server has told something."""
        recorded = self._recorded.get(self._count.key(moment), {})
        for place, name in names_in(moment.event):
            if place in recorded:
                self._live.setdefault(recorded[place], name)
        self._news.set()

    async def translated(self, event: dict[str, Json], patience_s: float) -> dict[str, Json]:
        """The event with the names of today; one that does not come to be known within `patience_s` stays."""
        wanted = {name for _, name in names_in(event)} & self._servers
        try:
            async with asyncio.timeout(patience_s):
                while wanted - self._live.keys():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            pass
        told: dict[str, Json] = self._renamed(event)
        return told

    def _renamed(self, value: Json) -> Json:
        if isinstance(value, dict):
            return {
                key: self._live.get(entry, entry) if key in KEYS and isinstance(entry, str) else self._renamed(entry)
                for key, entry in value.items()
            }
        return [self._renamed(entry) for entry in value] if isinstance(value, list) else value
