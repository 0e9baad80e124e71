"""Figures for Prometheus: what the server is asked for, how long callers wait, and at which stage.

No label tells a session, a caller or a model's name: each has a few values that are known beforehand. The times of
one answer add up: `turn_detection`, then `asr`, then `llm_time_to_first_token`, then `tts_first_audio`; from the end
of the caller's speech to the first sound it is `turn_first_audio`. A draft does some of this ahead of time.
"""

import platform
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import choose_encoder

from antiphon.facts import (
    DraftEnded,
    EngineFailed,
    Fact,
    ResponseEnded,
    SessionClosed,
    SessionOpened,
    Shed,
    Transcribed,
    TurnBegan,
    TurnEnded,
)
from antiphon.metrics.traffic import TrafficCollector
from antiphon.ports import Role

WAITS_S = (0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)
"""Close together where a caller notices the difference."""
LIVES_S = (1.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0)
"""Sessions last as long as a visit, a call, or an hour."""

STAGES: Mapping[str, str] = {
    "turn_first_audio": "From the end of the caller's speech to the first sound of the answer.",
    "turn_detection": "From the end of the caller's speech until the turn was taken as over.",
    "asr": "From the end of the turn until its words were known.",
    "llm_time_to_first_token": "From the prompt to the first word or call of the answer.",
    "tts_first_audio": "From the first word of the answer to its first sound.",
    "barge_in": "From the caller's first sound over an answer until the answer was stopped.",
}
COUNTERS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "sessions_opened": ("Sessions that were opened.", ("transport", "dialect")),
    "shed": ("Sessions that were refused for the server's sake.", ("reason",)),
    "turns": ("Turns of callers.", ()),
    "transcriptions": ("Transcriptions of callers' turns.", ("outcome",)),
    "responses": ("Responses that ended.", ("status",)),
    "interruptions": ("Answers that were cut short, by whom.", ("kind",)),
    "drafts": ("Answers begun before the turn had ended.", ("outcome",)),
    "dropped_draft_seconds": ("Time spent on drafts that were dropped.", ()),
    "dropped_draft_tokens": ("Tokens spent on drafts that were dropped.", ("direction",)),
    "tokens": ("Tokens, as they are counted for the client.", ("modality", "direction", "cached")),
    "audio_seconds": ("Audio of callers' turns, and of answers.", ("direction",)),
    "engine_errors": ("Failures of engines.", ("engine",)),
}

KNOWN: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "shed": (("sessions",), ("draining",)),
    "transcriptions": (("completed",), ("failed",)),
    "responses": (("completed",), ("cancelled",), ("failed",), ("incomplete",)),
    "interruptions": (("turn_detected",), ("client_cancelled",)),
    "drafts": (("kept",), ("dropped",)),
    "dropped_draft_tokens": (("in",), ("out",)),
    "audio_seconds": (("in",), ("out",)),
    "engine_errors": tuple((role,) for role in get_args(Role)),
}
"""Labels that are there from the start, at zero: a rate misses the first of what appears with a one."""


class PrometheusMeter:
    """A `Meter` with a registry of its own. Call it on one thread."""

    def __init__(self, queues: Callable[[], Mapping[str, int]] = dict) -> None:
        """`queues` tells how much work waits for each kind of engine; asked at each scrape."""
        self.registry = CollectorRegistry()
        self._traffic = TrafficCollector(queues)
        self.registry.register(self._traffic)
        self._session = self._histogram("session", "How long sessions last.", LIVES_S)
        self._stages = {name: self._histogram(name, told, WAITS_S) for name, told in STAGES.items()}
        self._counters = {
            name: Counter(f"antiphon_{name}", told, labels, registry=self.registry)
            for name, (told, labels) in COUNTERS.items()
        }
        for name, known in KNOWN.items():
            for labels in known:
                self._counters[name].labels(*labels)
        build = Gauge("antiphon_build_info", "The version that runs.", ("version", "python"), registry=self.registry)
        build.labels(version("antiphon"), platform.python_version()).set(1)

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """All figures now, in the format that suits an `Accept` header; and its content type."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type

    def report(self, fact: Fact) -> None:
        """Count."""
        match fact:
            case SessionOpened():
                self._traffic.opened(fact)
                self._count("sessions_opened", fact.transport, fact.dialect)
            case SessionClosed():
                self._traffic.closed(fact)
                self._session.observe(fact.seconds)
            case Shed():
                self._count("shed", fact.reason)
            case ResponseEnded():
                self._answered(fact)
            case DraftEnded():
                self._drafted(fact)
            case EngineFailed():
                self._count("engine_errors", fact.role)
            case _:
                self._listened(fact)

    def _listened(self, fact: TurnBegan | TurnEnded | Transcribed) -> None:
        match fact:
            case TurnBegan(noticed_ms=noticed_ms, interrupts=True):
                self._took("barge_in", noticed_ms / 1000)
            case TurnEnded():
                self._count("turns")
                self._count("audio_seconds", "in", amount=fact.audio_ms / 1000)
                if fact.silence_ms is not None:
                    self._took("turn_detection", fact.silence_ms / 1000)
            case Transcribed():
                self._count("transcriptions", "failed" if fact.failed else "completed")
                if not fact.failed:
                    self._took("asr", fact.wait_ms / 1000)

    def _answered(self, fact: ResponseEnded) -> None:
        self._count("responses", fact.status)
        if fact.status == "cancelled":
            self._count("interruptions", fact.reason or "other")
        self._count("audio_seconds", "out", amount=fact.audio_ms / 1000)
        usage = fact.usage
        self._count("tokens", "text", "in", "false", amount=usage.input_tokens - usage.cached_tokens)
        self._count("tokens", "text", "in", "true", amount=usage.cached_tokens)
        self._count("tokens", "text", "out", "false", amount=usage.output_tokens)
        self._count("tokens", "audio", "in", "false", amount=fact.heard_tokens)
        self._count("tokens", "audio", "out", "false", amount=fact.spoken_tokens)
        work = fact.work
        if work.began is not None and work.first_token is not None:
            self._took("llm_time_to_first_token", work.first_token - work.began)
        if work.first_token is not None and work.first_audio is not None:
            self._took("tts_first_audio", work.first_audio - work.first_token)
        if fact.silence_ms is not None and fact.first_audio_ms is not None:
            self._took("turn_first_audio", (fact.silence_ms + fact.first_audio_ms) / 1000)

    def _drafted(self, fact: DraftEnded) -> None:
        self._count("drafts", "kept" if fact.was_kept else "dropped")
        if not fact.was_kept:
            self._count("dropped_draft_seconds", amount=fact.seconds)
            self._count("dropped_draft_tokens", "in", amount=fact.usage.input_tokens)
            self._count("dropped_draft_tokens", "out", amount=fact.usage.output_tokens)

    def _histogram(self, name: str, told: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(f"antiphon_{name}_seconds", told, buckets=buckets, registry=self.registry)

    def _took(self, stage: str, seconds: float) -> None:
        self._stages[stage].observe(max(0.0, seconds))

    def _count(self, name: str, *labels: str, amount: float = 1) -> None:
        """Count; an amount that an engine got wrong is no reason to fail."""
        counter = self._counters[name]
        (counter.labels(*labels) if labels else counter).inc(max(0.0, amount))
