"""Traces of turns, by OpenTelemetry (extra `otel`): where the time between a question and its answer went.

A turn is a span, from the end of the caller's speech to the end of the answer; below it are the detection of its end,
its recognition, the model's answer and the voice. A response to no turn is a span of its own. The model's span follows
the conventions for generative AI. There are ids, times and figures, and never a word.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, StatusCode, set_span_in_context

from antiphon.engines.registry import parse
from antiphon.facts import Fact, ResponseEnded, SessionClosed, SessionOpened, Transcribed, TurnEnded

PENDING_TURNS = 16
"""Turns of one session that wait for their answers; more than one is rare. The oldest is told without."""

Attributes = Mapping[str, str | int | float | bool]
EnginesOf = Callable[[str | None], Mapping[str, str]]
"""The engines by role, as the operator wrote them, for the model name that a client asked for."""


def exporting() -> TracerProvider:
    """What sends spans as the OTEL_* variables say; by default over HTTP to a collector on this machine."""
    ours = Resource({SERVICE_NAME: "antiphon", SERVICE_VERSION: version("antiphon")})
    resource = ours.merge(OTELResourceDetector().detect())
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


@dataclass(slots=True)
class _Turn:
    """A turn that is over; times in seconds of the core's clock."""

    fact: TurnEnded
    ended: float
    words: Transcribed | None = None
    words_known: float = 0.0

    @property
    def spoken_until(self) -> float:
        return self.ended - (self.fact.silence_ms or 0) / 1000


@dataclass(slots=True)
class _Session:
    fact: SessionOpened
    engines: Mapping[str, str]
    turns: OrderedDict[str, _Turn] = field(default_factory=OrderedDict)


class TraceMeter:
    """A `Meter` that makes spans of facts, once a turn or a response is over."""

    def __init__(
        self, provider: TracerProvider, engines_of: EnginesOf, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`clock` is the core's."""
        self._provider = provider
        self._tracer = provider.get_tracer("antiphon", version("antiphon"))
        self._engines_of = engines_of
        self._clock = clock
        self._sessions: dict[str, _Session] = {}
        self._epoch = 0.0
        """When the core's clock stood at zero, by the calendar; looked up for each trace, for calendars are set."""

    def stop(self) -> None:
        """Send what is left. May take as long as the exporter's limits allow."""
        self._provider.shutdown()

    def report(self, fact: Fact) -> None:
        """Take note, and tell of what is over."""
        if isinstance(fact, SessionOpened):
            self._sessions[fact.session_id] = _Session(fact, self._engines_of(fact.model))
            return
        session = self._sessions.get(fact.session_id)
        if session is None:
            return
        match fact:
            case TurnEnded():
                self._ended(session, fact)
            case Transcribed():
                turn = session.turns.get(fact.item_id)
                if turn is not None:
                    turn.words, turn.words_known = fact, self._clock()
            case ResponseEnded():
                self._answered(session, fact)
            case SessionClosed():
                for turn in session.turns.values():
                    self._tell(session, turn, None)
                del self._sessions[fact.session_id]

    def _ended(self, session: _Session, fact: TurnEnded) -> None:
        session.turns[fact.item_id] = _Turn(fact, self._clock())
        if len(session.turns) > PENDING_TURNS:
            _, oldest = session.turns.popitem(last=False)
            self._tell(session, oldest, None)

    def _answered(self, session: _Session, fact: ResponseEnded) -> None:
        self._tell(session, session.turns.pop(fact.item_id or "", None), fact)

    # Spans

    def _tell(self, session: _Session, turn: _Turn | None, answer: ResponseEnded | None) -> None:
        """One span for a turn and its answer, or for the one that there is."""
        self._epoch = datetime.now(UTC).timestamp() - self._clock()
        start = turn.spoken_until if turn is not None else answer.created_at if answer is not None else 0.0
        ends = [start]
        root = self._span("antiphon.turn" if turn is not None else "antiphon.response", start, _of_session(session))
        below = set_span_in_context(root)
        if turn is not None:
            ends.append(self._heard(session, turn, root, below))
        if answer is not None:
            ends.append(answer.created_at + answer.done_ms / 1000)
            root.set_attributes(_of_answer(answer))
            if answer.status == "failed":
                root.set_status(StatusCode.ERROR)
            self._worked(session, answer, below)
        root.end(self._ns(max(ends)))

    def _heard(self, session: _Session, turn: _Turn, root: Span, below: Context) -> float:
        """The detection of the turn's end, and its recognition; gives when it was over."""
        root.set_attribute("antiphon.turn.audio_ms", turn.fact.audio_ms)
        if turn.fact.silence_ms is not None:
            self._span("turn_detection", turn.spoken_until, {}, below).end(self._ns(turn.ended))
        if turn.words is None:
            return turn.ended
        engine = {"antiphon.engine": session.engines.get("asr", "")}
        asr = self._span("asr", turn.words_known - turn.words.wait_ms / 1000, engine, below)
        if turn.words.failed:
            asr.set_status(StatusCode.ERROR)
        asr.end(self._ns(turn.words_known))
        return turn.words_known

    def _worked(self, session: _Session, answer: ResponseEnded, below: Context) -> None:
        """The model, from its prompt to its last word; the voice, from the first word to its last sound."""
        work = answer.work
        if work.began is not None:
            engine, _, model = parse(session.engines.get("llm") or "none")
            told: dict[str, str | int | float | bool] = {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": engine,
                "gen_ai.request.model": model or engine,
                "gen_ai.conversation.id": answer.session_id,
                "gen_ai.usage.input_tokens": answer.usage.input_tokens,
                "gen_ai.usage.output_tokens": answer.usage.output_tokens,
                "gen_ai.usage.cache_read.input_tokens": answer.usage.cached_tokens,
            }
            if work.first_token is not None:
                told["gen_ai.response.time_to_first_chunk"] = work.first_token - work.began
            done = answer.created_at + answer.done_ms / 1000
            self._span(f"chat {model or engine}", work.began, told, below).end(self._ns(work.last_token or done))
        if work.first_audio is not None and work.last_audio is not None:
            start = work.first_audio if work.first_token is None else min(work.first_token, work.first_audio)
            voice: Attributes = {
                "antiphon.engine": session.engines.get("tts", ""),
                "antiphon.audio_ms": answer.audio_ms,
            }
            self._span("tts", start, voice, below).end(self._ns(work.last_audio))

    def _span(self, name: str, start: float, told: Attributes, below: Context | None = None) -> Span:
        return self._tracer.start_span(name, below or Context(), start_time=self._ns(start), attributes=told)

    def _ns(self, moment: float) -> int:
        """A time of the core's clock as the calendar has it."""
        return round((self._epoch + moment) * 1e9)


def _of_session(session: _Session) -> Attributes:
    fact = session.fact
    return {
        "antiphon.session.id": fact.session_id,
        "antiphon.transport": fact.transport,
        "antiphon.dialect": fact.dialect,
    }


def _of_answer(fact: ResponseEnded) -> Attributes:
    told: dict[str, str | int | float | bool] = {
        "antiphon.response.id": fact.response_id,
        "antiphon.response.status": fact.status,
        "antiphon.response.audio_ms": fact.audio_ms,
        "antiphon.response.drafted": fact.work.began is not None and fact.work.began < fact.created_at,
    }
    if fact.reason is not None:
        told["antiphon.response.reason"] = fact.reason
    if fact.first_audio_ms is not None:
        told["antiphon.first_audio_ms"] = round(fact.first_audio_ms + (fact.silence_ms or 0))
    return told
