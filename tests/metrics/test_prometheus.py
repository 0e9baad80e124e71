"""Figures for Prometheus, of facts and of a real conversation."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from metered import after_a_conversation, config, scrape
from msgspec import structs
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from served import play

from antiphon.config import Config, Server
from antiphon.facts import (
    DraftEnded,
    EngineFailed,
    Fact,
    ResponseEnded,
    SessionClosed,
    SessionOpened,
    Shed,
    Traffic,
    Transcribed,
    TurnBegan,
    TurnEnded,
    Work,
)
from antiphon.metrics import PrometheusMeter, traffic
from antiphon.ports import Usage
from antiphon.protocol.client_events import InputAudioBufferAppend
from antiphon.protocol.errors import ErrorDetail
from antiphon.protocol.server_events import Error
from antiphon.testing import TONE, serving

ANSWER = ResponseEnded(
    "sess_1",
    "resp_1",
    "completed",
    created_at=10.0,
    first_delta_ms=100.0,
    first_audio_ms=300.0,
    done_ms=900.0,
    audio_ms=2000,
    usage=Usage(30, 20, 8),
    silence_ms=500,
    work=Work(began=10.0, first_token=10.1, last_token=10.4, first_audio=10.3, last_audio=10.8),
    heard_tokens=7,
    spoken_tokens=40,
)


def samples_of(text: str) -> list[Sample]:
    """All samples of an exposition."""
    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]


def counted(facts: Sequence[Fact], meter: PrometheusMeter | None = None) -> dict[str, float]:
    """What is counted of facts, without zeros and buckets: `name{label=value}`."""
    meter = meter or PrometheusMeter()
    for fact in facts:
        meter.report(fact)
    return {
        _line(sample): round(sample.value, 6)
        for sample in samples_of(meter.exposition("")[0].decode())
        if sample.value and not sample.name.endswith(("_bucket", "_created", "_info"))
    }


def _line(sample: Sample) -> str:
    labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
    return f"{sample.name}{{{labels}}}".removesuffix("{}")


def test_a_turn_is_measured_stage_by_stage() -> None:
    """From the end of the caller's speech: its end noticed, its words, the answer's first word and sound."""
    facts: list[Fact] = [
        TurnBegan("sess_1", "item_1", noticed_ms=96, interrupts=True),
        TurnEnded("sess_1", "item_1", 1500, silence_ms=500),
        Transcribed("sess_1", "item_1", 40.0),
        ANSWER,
    ]

    assert counted(facts) == {
        "antiphon_barge_in_seconds_count": 1,
        "antiphon_barge_in_seconds_sum": 0.096,
        "antiphon_turns_total": 1,
        "antiphon_turn_detection_seconds_count": 1,
        "antiphon_turn_detection_seconds_sum": 0.5,
        "antiphon_transcriptions_total{outcome=completed}": 1,
        "antiphon_asr_seconds_count": 1,
        "antiphon_asr_seconds_sum": 0.04,
        "antiphon_llm_time_to_first_token_seconds_count": 1,
        "antiphon_llm_time_to_first_token_seconds_sum": 0.1,
        "antiphon_tts_first_audio_seconds_count": 1,
        "antiphon_tts_first_audio_seconds_sum": 0.2,
        "antiphon_turn_first_audio_seconds_count": 1,
        "antiphon_turn_first_audio_seconds_sum": 0.8,
        "antiphon_responses_total{status=completed}": 1,
        "antiphon_audio_seconds_total{direction=in}": 1.5,
        "antiphon_audio_seconds_total{direction=out}": 2,
        "antiphon_tokens_total{cached=false,direction=in,modality=text}": 10,
        "antiphon_tokens_total{cached=true,direction=in,modality=text}": 20,
        "antiphon_tokens_total{cached=false,direction=out,modality=text}": 8,
        "antiphon_tokens_total{cached=false,direction=in,modality=audio}": 7,
        "antiphon_tokens_total{cached=false,direction=out,modality=audio}": 40,
    }


def test_what_did_not_happen_is_not_measured() -> None:
    """A turn that began while nothing was said, one that was committed by hand, words and sound that never came."""
    facts: list[Fact] = [
        TurnBegan("sess_1", "item_1", noticed_ms=96, interrupts=False),
        TurnEnded("sess_1", "item_1", 0),
        Transcribed("sess_1", "item_1", 40.0, failed=True),
        ResponseEnded("sess_1", "resp_1", "cancelled", 1.0, None, None, 2.0, 0, reason="turn_detected"),
    ]

    assert counted(facts) == {
        "antiphon_turns_total": 1,
        "antiphon_transcriptions_total{outcome=failed}": 1,
        "antiphon_responses_total{status=cancelled}": 1,
        "antiphon_interruptions_total{kind=turn_detected}": 1,
    }


def test_drafts_and_what_was_wasted_on_them() -> None:
    """Only what was dropped was wasted."""
    facts: list[Fact] = [
        DraftEnded("sess_1", was_kept=True, seconds=1.0, usage=Usage(100, 0, 10)),
        DraftEnded("sess_1", was_kept=False, seconds=0.25, usage=Usage(50, 40, 5)),
    ]

    assert counted(facts) == {
        "antiphon_drafts_total{outcome=kept}": 1,
        "antiphon_drafts_total{outcome=dropped}": 1,
        "antiphon_dropped_draft_seconds_total": 0.25,
        "antiphon_dropped_draft_tokens_total{direction=in}": 50,
        "antiphon_dropped_draft_tokens_total{direction=out}": 5,
    }


def test_what_was_refused_and_what_failed() -> None:
    """By reason, and by the kind of engine; never by its message."""
    facts: list[Fact] = [Shed("sessions"), Shed("draining"), EngineFailed("sess_1", "tts", "out of breath")]

    assert counted(facts) == {
        "antiphon_shed_total{reason=sessions}": 1,
        "antiphon_shed_total{reason=draining}": 1,
        "antiphon_engine_errors_total{engine=tts}": 1,
    }


def test_traffic_is_read_when_it_is_asked_for() -> None:
    """Of open sessions and of closed ones, and never less than before."""
    meter, going = PrometheusMeter(), Traffic()
    meter.report(SessionOpened("sess_1", "websocket", "ga", "any name", going))
    going.received.update({InputAudioBufferAppend: 2, ErrorDetail: 1})
    going.sent[Error] += 1
    going.errors["invalid_value"] += 1
    going.received_bytes, going.sent_bytes = 700, 90
    during = counted([], meter)
    after = counted([SessionClosed("sess_1", 12.5), SessionClosed("sess_unknown", 1.0)], meter)

    traffic_counted = {
        "antiphon_events_total{direction=in,type=input_audio_buffer.append}": 2,
        "antiphon_events_total{direction=in,type=other}": 1,
        "antiphon_events_total{direction=out,type=error}": 1,
        "antiphon_errors_total{code=invalid_value}": 1,
        "antiphon_bytes_total{direction=in}": 700,
        "antiphon_bytes_total{direction=out}": 90,
        "antiphon_sessions_opened_total{dialect=ga,transport=websocket}": 1,
    }
    assert during == traffic_counted | {"antiphon_sessions{dialect=ga,transport=websocket}": 1}
    assert after == traffic_counted | {"antiphon_session_seconds_count": 2, "antiphon_session_seconds_sum": 13.5}
    assert 'antiphon_sessions{dialect="ga",transport="websocket"} 0.0' in meter.exposition("")[0].decode()


def test_error_codes_are_no_endless_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine of others may invent codes; beyond some they are told together."""
    monkeypatch.setattr(traffic, "MAX_CODES", 2)
    meter, going = PrometheusMeter(), Traffic()
    meter.report(SessionOpened("sess_1", "websocket", "ga", None, going))
    going.errors.update({"a": 1, "b": 2, "c": 3, "d": 4})

    errors = {name: count for name, count in counted([], meter).items() if "errors" in name}
    assert errors == {
        "antiphon_errors_total{code=a}": 1,
        "antiphon_errors_total{code=b}": 2,
        "antiphon_errors_total{code=other}": 7,
    }


def test_queues_are_asked_at_each_scrape() -> None:
    """As deep as they are then."""
    depth = {"asr": 3, "tts": 0}
    meter = PrometheusMeter(lambda: depth)
    assert counted([], meter) == {"antiphon_engine_queue_depth{engine=asr}": 3}

    depth["tts"] = 7
    assert counted([], meter)["antiphon_engine_queue_depth{engine=tts}"] == 7


def test_figures_of_engines_are_not_trusted() -> None:
    """More cached tokens than tokens, words before they were asked for: nothing falls, nothing fails."""
    odd = replace(ANSWER, usage=Usage(5, 9, 0), work=Work(began=2.0, first_token=1.0))

    assert "antiphon_tokens_total{cached=false,direction=in,modality=text}" not in counted([odd])


def test_each_meter_counts_for_itself() -> None:
    """Two houses in one process share nothing."""
    counted([ANSWER])

    assert counted([]) == {}


def test_a_real_conversation_is_measured() -> None:
    """Everything that can be known of it, under the names that the guide gives; and of nobody in particular."""

    async def scene() -> None:
        async with after_a_conversation() as url:
            text = await scrape(url)
        told = {_line(sample): sample.value for sample in samples_of(text)}

        assert told["antiphon_sessions{dialect=ga,transport=websocket}"] == 1
        assert told["antiphon_shed_total{reason=sessions}"] == 1
        assert told["antiphon_turns_total"] == 2
        assert told["antiphon_turn_first_audio_seconds_count"] == 2
        assert told["antiphon_turn_detection_seconds_sum"] == pytest.approx(2 * 0.224)
        assert told["antiphon_interruptions_total{kind=turn_detected}"] == 1
        assert told["antiphon_interruptions_total{kind=client_cancelled}"] == 1
        assert told["antiphon_barge_in_seconds_count"] == 1
        assert told["antiphon_responses_total{status=failed}"] == 1
        assert told["antiphon_engine_errors_total{engine=responder}"] == 1
        assert told["antiphon_events_total{direction=in,type=other}"] == 1
        assert told["antiphon_events_total{direction=out,type=response.done}"] == 5
        assert told["antiphon_errors_total{code=invalid_value}"] == 1
        assert "sess_" not in text
        assert "resp_" not in text
        assert "item_" not in text

    play(scene)


def test_figures_need_no_key_and_can_be_left_out() -> None:
    """As Prometheus expects it; an operator who wants none serves none."""

    async def scene() -> None:
        async with serving(Config(server=Server(api_keys={"ann": "secret"}), engines=TONE)) as url:
            assert "antiphon_build_info" in await scrape(url)
            assert (await scrape(url, "application/openmetrics-text; version=1.0.0")).endswith("# EOF\n")
        async with serving(structs.replace(config(), server=Server(metrics=False))) as url:
            with pytest.raises(Exception, match="404"):
                await scrape(url)

    play(scene)
