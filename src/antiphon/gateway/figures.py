"""Figures of a relay for Prometheus. Sessions count in plain integers; a scrape makes metrics of them."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from antiphon.gateway.upstreams import Upstream
from antiphon.gateway.usage import Usage

SECONDS: Final = (0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.1, 1.0)
"""Upper bounds of the buckets for the time that a frame spends here; a slow receiver counts in."""

PREFIX: Final = "antiphon_relay"


@dataclass(slots=True)
class Flow:
    """The frames of one direction."""

    frames: int = 0
    size: int = 0
    seconds: float = 0.0
    buckets: list[int] = field(default_factory=lambda: [0] * (len(SECONDS) + 1))

    def count(self, size: int, seconds: float) -> None:
        """One frame has been passed on."""
        self.frames += 1
        self.size += size
        self.seconds += seconds
        self.buckets[bisect_left(SECONDS, seconds)] += 1


class Figures(Collector):
    """All figures of one relay, in a registry of its own."""

    def __init__(self, upstreams: Sequence[Upstream]) -> None:
        self.to_upstream = Flow()
        self.to_client = Flow()
        self.usage = Usage()
        self.open: Counter[tuple[str, str]] = Counter()
        """Open sessions by dialect and upstream."""
        self.refused: Counter[str] = Counter()
        """Sessions that were not opened, by the error's code."""
        self._upstreams = upstreams
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def page(self) -> bytes:
        """What `GET /metrics` gives."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """For a scrape."""
        yield from self._sessions()
        yield from self._frames()
        yield from self._tokens()

    def _sessions(self) -> Iterator[Metric]:
        open_now = GaugeMetricFamily(f"{PREFIX}_sessions", "Open sessions.", labels=["dialect", "upstream"])
        for (dialect, upstream), count in self.open.items():
            open_now.add_metric([dialect, upstream], count)
        refused = CounterMetricFamily(f"{PREFIX}_refused", "Sessions that were not opened.", labels=["reason"])
        for reason, count in self.refused.items():
            refused.add_metric([reason], count)
        opened = CounterMetricFamily(f"{PREFIX}_upstream_connects", "Sessions that it opened.", labels=["upstream"])
        failures = CounterMetricFamily(
            f"{PREFIX}_upstream_failures", "Sessions that it did not open, or broke.", labels=["upstream"]
        )
        up = GaugeMetricFamily(f"{PREFIX}_upstream_up", "Whether it is well.", labels=["upstream"])
        for one in self._upstreams:
            opened.add_metric([one.name], one.opened)
            failures.add_metric([one.name], one.failures)
            up.add_metric([one.name], int(one.is_up))
        yield from (open_now, refused, opened, failures, up)

    def _frames(self) -> Iterator[Metric]:
        frames = CounterMetricFamily(f"{PREFIX}_frames", "Frames passed on.", labels=["direction"])
        size = CounterMetricFamily(f"{PREFIX}_bytes", "Bytes passed on.", labels=["direction"])
        seconds = HistogramMetricFamily(
            f"{PREFIX}_frame_seconds", "From having a frame to having passed it on.", labels=["direction"]
        )
        for direction, flow in (("to_upstream", self.to_upstream), ("to_client", self.to_client)):
            frames.add_metric([direction], flow.frames)
            size.add_metric([direction], flow.size)
            seconds.add_metric([direction], list(_cumulative(flow)), flow.seconds)
        yield from (frames, size, seconds)

    def _tokens(self) -> Iterator[Metric]:
        tokens = CounterMetricFamily(
            f"{PREFIX}_tokens", "Tokens, as the upstream counts them.", labels=["direction", "modality"]
        )
        for modality in ("text", "audio", "image", "other"):
            tokens.add_metric(["input", modality], getattr(self.usage, f"input_{modality}_tokens"))
        for modality in ("text", "audio", "other"):
            tokens.add_metric(["output", modality], getattr(self.usage, f"output_{modality}_tokens"))
        tokens.add_metric(["transcription", "audio"], self.usage.transcription_tokens)
        yield tokens
        yield CounterMetricFamily(
            f"{PREFIX}_cached_tokens", "Input tokens that were cached.", value=self.usage.cached_tokens
        )
        yield CounterMetricFamily(
            f"{PREFIX}_transcription_seconds", "Audio transcribed.", value=self.usage.transcription_seconds
        )


def _cumulative(flow: Flow) -> Iterator[tuple[str, float]]:
    total = 0
    for bound, count in zip([*map(str, SECONDS), "+Inf"], flow.buckets, strict=True):
        total += count
        yield bound, total
