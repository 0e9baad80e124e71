"""Meters: they count what happens in memory, for Prometheus, or as traces."""

from antiphon.metrics.prometheus import PrometheusMeter
from antiphon.metrics.tally import FanOut, Tally

__all__ = ["FanOut", "PrometheusMeter", "Tally"]
