"""What goes over links and waits in queues, read when Prometheus asks and not before.

The counters of a session are its own (`facts.Traffic`); here they are added up, those of closed sessions first.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from antiphon.facts import SessionClosed, SessionOpened, Traffic

OTHER = "other"
"""The label of what has no name of its own."""

MAX_CODES = 64
"""Error codes with a name of their own, far more than we have: an engine of others may bring more."""


class TrafficCollector(Collector):
    """Sessions that are open, events, errors and bytes of all sessions, and the queues of the engines."""

    def __init__(self, queues: Callable[[], Mapping[str, int]]) -> None:
        """`queues` tells how much work waits for each kind of engine."""
        self._queues = queues
        self._open: dict[str, SessionOpened] = {}
        self._seen: set[tuple[str, str]] = set()
        """Kinds of sessions there have been: a gauge goes back to zero, it does not vanish."""
        self._closed = Traffic()

    def opened(self, fact: SessionOpened) -> None:
        """Count this session's traffic from now on."""
        self._open[fact.session_id] = fact
        self._seen.add((fact.transport, fact.dialect))

    def closed(self, fact: SessionClosed) -> None:
        """Keep what the session has counted, and forget the session."""
        opened = self._open.pop(fact.session_id, None)
        if opened is not None:
            _add(self._closed, opened.traffic)

    def collect(self) -> Iterator[Metric]:
        """All of it, now."""
        total = Traffic()
        for traffic in (self._closed, *(opened.traffic for opened in self._open.values())):
            _add(total, traffic)
        yield self._sessions()
        yield from _families(total)
        depth = GaugeMetricFamily("antiphon_engine_queue_depth", "Work that waits for engines.", labels=["engine"])
        for role, waiting in self._queues().items():
            depth.add_metric([role], waiting)
        yield depth

    def _sessions(self) -> Metric:
        gauge = GaugeMetricFamily("antiphon_sessions", "Sessions that are open.", labels=["transport", "dialect"])
        now = Counter((opened.transport, opened.dialect) for opened in self._open.values())
        for kind in sorted(self._seen):
            gauge.add_metric(kind, now[kind])
        return gauge


def _families(total: Traffic) -> Iterator[Metric]:
    events = CounterMetricFamily("antiphon_events", "Events, by type.", labels=["type", "direction"])
    data = CounterMetricFamily("antiphon_bytes", "Bytes of frames.", labels=["direction"])
    for direction, kinds, size in (
        ("in", total.received, total.received_bytes),
        ("out", total.sent, total.sent_bytes),
    ):
        for name, count in sorted(_by_name(kinds).items()):
            events.add_metric([name, direction], count)
        data.add_metric([direction], size)
    errors = CounterMetricFamily("antiphon_errors", "Error events, by code.", labels=["code"])
    for code, count in sorted(_bounded(total.errors).items()):
        errors.add_metric([code], count)
    yield from (events, data, errors)


def _by_name(kinds: Mapping[type, int]) -> Counter[str]:
    """The protocol's names of event classes; anything else is `other`."""
    names: Counter[str] = Counter()
    for kind, count in kinds.items():
        tag = getattr(getattr(kind, "__struct_config__", None), "tag", None)
        names[tag if isinstance(tag, str) else OTHER] += count
    return names


def _bounded(codes: Mapping[str, int]) -> Counter[str]:
    """The codes that came first, and all others together."""
    kept: Counter[str] = Counter()
    for code, count in codes.items():
        kept[code if code in kept or len(kept) < MAX_CODES else OTHER] += count
    return kept


def _add(total: Traffic, traffic: Traffic) -> None:
    total.received.update(traffic.received)
    total.received_bytes += traffic.received_bytes
    total.sent.update(traffic.sent)
    total.sent_bytes += traffic.sent_bytes
    total.errors.update(_bounded(traffic.errors))
    total.errors = _bounded(total.errors)
