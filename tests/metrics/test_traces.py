"""Traces of turns: of facts, of a real conversation, and as a collector gets them."""

import asyncio
import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest
from metered import config, converse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from served import dial, play

from antiphon.config import Config, Server
from antiphon.engines.registry import SetupError
from antiphon.facts import (
    EngineFailed,
    Fact,
    ResponseEnded,
    SessionClosed,
    SessionOpened,
    Shed,
    Transcribed,
    TurnBegan,
    TurnEnded,
    Work,
)
from antiphon.metrics import traces
from antiphon.metrics.traces import TraceMeter
from antiphon.ports import Usage
from antiphon.server.observing import traces_of
from antiphon.testing import TONE, serving

ENGINES = {"asr": "moonshine", "llm": "openai:http://localhost:1/v1#qwen3", "tts": "hibari"}


class Stage:
    """A meter whose spans are kept, and a clock that goes as the test says."""

    def __init__(self) -> None:
        self.now = 0.0
        self.spans = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self.spans))
        self.meter = TraceMeter(provider, lambda _: ENGINES, clock=lambda: self.now)
        self.meter.report(SessionOpened("sess_1", "websocket", "ga", "gpt-realtime"))

    def at(self, now: float, *facts: Fact) -> None:
        """What happens at a time."""
        self.now = now
        for fact in facts:
            self.meter.report(fact)

    def told(self) -> list[ReadableSpan]:
        """The finished spans, parents first."""
        return sorted(self.spans.get_finished_spans(), key=lambda span: span.parent is not None)


def drawn(spans: list[ReadableSpan]) -> list[tuple[str, float, float]]:
    """Names, and milliseconds from the start of the first."""
    zero = spans[0].start_time or 0
    return [(span.name, _ms(span.start_time, zero), _ms(span.end_time, zero)) for span in spans]


def _ms(moment: int | None, zero: int) -> float:
    return round(((moment or 0) - zero) / 1e6, 1)


ANSWER = ResponseEnded(
    "sess_1",
    "resp_1",
    "completed",
    created_at=10.0,
    first_delta_ms=150.0,
    first_audio_ms=300.0,
    done_ms=900.0,
    audio_ms=2000,
    usage=Usage(30, 20, 8),
    item_id="item_1",
    silence_ms=500,
    work=Work(began=10.05, first_token=10.15, last_token=10.4, first_audio=10.3, last_audio=10.8),
)


def test_a_turn_is_a_tree_of_spans() -> None:
    """From the end of speech to the end of the answer; each stage where it was."""
    stage = Stage()
    stage.at(9.0, TurnBegan("sess_1", "item_1", 96, interrupts=False))
    stage.at(10.0, TurnEnded("sess_1", "item_1", 1200, silence_ms=500))
    stage.at(10.05, Transcribed("sess_1", "item_1", 50.0))
    stage.at(10.9, ANSWER)

    turn, *stages = stage.told()

    assert drawn([turn, *stages]) == [
        ("antiphon.turn", 0.0, 1400.0),
        ("turn_detection", 0.0, 500.0),
        ("asr", 500.0, 550.0),
        ("chat qwen3", 550.0, 900.0),
        ("tts", 650.0, 1300.0),
    ]
    assert {span.parent.span_id for span in stages if span.parent} == {turn.context.span_id}
    assert dict(turn.attributes or {}) == {
        "antiphon.session.id": "sess_1",
        "antiphon.transport": "websocket",
        "antiphon.dialect": "ga",
        "antiphon.turn.audio_ms": 1200,
        "antiphon.response.id": "resp_1",
        "antiphon.response.status": "completed",
        "antiphon.response.audio_ms": 2000,
        "antiphon.response.drafted": False,
        "antiphon.first_audio_ms": 800,
    }
    chat = dict(stages[2].attributes or {})
    assert chat.pop("gen_ai.response.time_to_first_chunk") == pytest.approx(0.1)
    assert chat == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "qwen3",
        "gen_ai.conversation.id": "sess_1",
        "gen_ai.usage.input_tokens": 30,
        "gen_ai.usage.output_tokens": 8,
        "gen_ai.usage.cache_read.input_tokens": 20,
    }


def test_a_response_to_no_turn_is_a_span_of_its_own() -> None:
    """Also one that failed before anything came of it."""
    stage = Stage()
    stage.at(11.0, EngineFailed("sess_1", "responder", "out of memory"))
    stage.at(11.0, ResponseEnded("sess_1", "resp_1", "failed", 10.0, None, None, 1000.0, 0, work=Work(began=10.5)))

    response, chat = stage.told()

    assert drawn([response, chat]) == [("antiphon.response", 0.0, 1000.0), ("chat qwen3", 500.0, 1000.0)]
    assert response.status.is_ok is False
    assert response.status.description is None


def test_a_turn_that_nobody_answers_is_told_in_the_end() -> None:
    """With the session, or when too many wait; a failed recognition is marked."""
    stage = Stage()
    for number in range(traces.PENDING_TURNS + 1):
        stage.at(10.0 + number, TurnEnded("sess_1", f"item_{number}", 1000))
    assert [span.name for span in stage.told()] == ["antiphon.turn"]
    stage.at(40.0, Transcribed("sess_1", "item_16", 14_000.0, failed=True), Transcribed("sess_1", "item_0", 1.0))
    stage.at(50.0, SessionClosed("sess_1", 50.0))

    names = [span.name for span in stage.told()]
    assert names == ["antiphon.turn"] * (traces.PENDING_TURNS + 1) + ["asr"]
    assert stage.told()[-1].status.is_ok is False


def test_facts_of_unknown_sessions_are_passed_over() -> None:
    """Refused ones, and those that were open before."""
    stage = Stage()
    stage.at(1.0, Shed("sessions"), SessionClosed("sess_2", 1.0), TurnEnded("sess_2", "item_1", 100))

    assert stage.told() == []


def test_a_real_conversation_leaves_traces() -> None:
    """A spoken turn has all its stages; what was interrupted and cancelled says so; no word is in them."""

    async def scene() -> list[ReadableSpan]:
        spans = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(spans))
        meter = TraceMeter(provider, lambda _: {"asr": "tone", "llm": "tone", "tts": "tone"})
        async with serving(config(), meters=[meter]) as url, dial(url) as caller:
            await converse(caller)
        return list(spans.get_finished_spans())

    spans: list[ReadableSpan] = []

    async def keep() -> None:
        spans.extend(await scene())

    play(keep)
    turns = [span for span in spans if span.name == "antiphon.turn"]
    responses = [span for span in spans if span.name == "antiphon.response"]
    first = [span for span in spans if span.parent and span.parent.span_id == turns[0].context.span_id]

    assert {span.name for span in first} == {"turn_detection", "asr", "chat tone", "tts"}
    assert all((turns[0].start_time or 0) <= (span.start_time or 0) <= (span.end_time or 0) for span in first)
    assert len(turns) == 2
    reasons = [(span.attributes or {}).get("antiphon.response.reason") for span in responses]
    assert reasons == ["turn_detected", "client_cancelled", None]
    assert not any("boom" in str(span.to_json()) for span in spans)


class Collector(BaseHTTPRequestHandler):
    """Takes spans over HTTP, as an OpenTelemetry collector does."""

    got: ClassVar[list[tuple[str, ExportTraceServiceRequest]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.got.append((self.path, ExportTraceServiceRequest.FromString(body)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None: ...


@contextmanager
def collecting() -> Iterator[str]:
    """A collector's address."""
    Collector.got.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_a_collector_gets_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the variables that OpenTelemetry has for it, and no others; the last ones when the server stops."""

    async def scene() -> None:
        async with serving(config()) as url, dial(url) as caller:
            await caller.ask("say hello.")
            await caller.until("response.done")

    with collecting() as address:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
        monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test")
        play(scene)

    [(path, request)] = Collector.got
    [resource] = request.resource_spans
    about = {pair.key: pair.value.string_value for pair in resource.resource.attributes}
    assert path == "/v1/traces"
    assert (about["service.name"], about["deployment.environment"]) == ("antiphon", "test")
    names = {span.name for scope in resource.scope_spans for span in scope.spans}
    assert names == {"antiphon.response", "chat tone", "tts"}


@pytest.mark.parametrize(
    ("is_set", "environ", "is_sent"),
    [
        (False, {}, False),
        (True, {}, True),
        (False, {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:1/v1/traces"}, True),
        (True, {"OTEL_TRACES_EXPORTER": "none"}, False),
    ],
)
def test_who_wants_none_sends_none(*, is_set: bool, environ: dict[str, str], is_sent: bool) -> None:
    """The setting or the environment asks for them; the environment can forbid them."""
    meter = traces_of(Config(server=Server(traces=is_set), engines=TONE), environ)

    assert (meter is not None) is is_sent
    if meter is not None:
        meter.report(SessionOpened("sess_1", "websocket", "ga", "tone"))
        meter.report(SessionClosed("sess_1", 1.0))
        meter.stop()


@pytest.fixture
def without_otel() -> Iterator[None]:
    """The extra is not installed."""
    kept = sys.modules.pop("antiphon.metrics.traces")
    real = sys.modules["opentelemetry.trace"]
    sys.modules["opentelemetry.trace"] = None  # type: ignore[assignment]  # how Python itself marks what cannot be imported
    yield
    sys.modules |= {"antiphon.metrics.traces": kept, "opentelemetry.trace": real}


@pytest.mark.usefixtures("without_otel")
def test_a_missing_extra_is_named(caplog: pytest.LogCaptureFixture) -> None:
    """An error for who asked in our settings; a warning where the environment was perhaps meant for others."""
    with pytest.raises(SetupError, match=r'pip install "antiphon\[otel\]"'):
        traces_of(Config(server=Server(traces=True)), {})
    with caplog.at_level(logging.WARNING):
        assert traces_of(Config(), {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}) is None
    assert "Traces cannot be sent" in caplog.text


def test_nothing_is_imported_that_nobody_wants() -> None:
    """Not every server has OpenTelemetry."""
    code = "import sys, antiphon.server.house; print(any(name.startswith('opentelemetry') for name in sys.modules))"

    async def ask() -> str:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE, env=dict(os.environ)
        )
        out, _ = await process.communicate()
        return out.decode().strip()

    assert asyncio.run(ask()) == "False"
