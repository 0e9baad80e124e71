"""What a relay reads of frames: types, and the price of what has ended; and what it makes of it for Prometheus."""

import json
from typing import Any

import pytest

from antiphon.gateway.figures import SECONDS, Figures
from antiphon.gateway.frames import type_of
from antiphon.gateway.upstreams import Upstream
from antiphon.gateway.usage import RESPONSE_DONE, TRANSCRIBED, Usage, usage_in


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        ('{"type":"a"}', "a"),
        (b' {"x":{"type":"inner"},"type":"b"} ', "b"),
        ('{"text":"\\"type\\":\\"no\\"","type":"c"}', "c"),
        ('{"type":"first","type":"last"}', "last"),
        ('{"ty\\u0070e":"escaped"}', "escaped"),
        ('{"type":"é"}'.encode(), "é"),
        (b'{"type":"x","a":"\xff"}', None),
        ('{"type":null}', None),
        ("{}", None),
        ("[]", None),
        ("", None),
        ('{"type":"x"', None),
        ('{"type":"x"}{}', None),
        ('{"type":"x","a":' + "[" * 100_000 + "]" * 100_000 + "}", None),
    ],
)
def test_the_type_is_the_top_levels(frame: bytes | str, kind: str | None) -> None:
    """Wherever it stands, whatever strings hold; the last of two counts, as in every JSON reader."""
    assert type_of(frame) == kind


def done(usage: Any) -> bytes:
    return json.dumps({"type": RESPONSE_DONE, "response": {"id": "resp_1", "usage": usage}}).encode()


GA_USAGE = {
    "total_tokens": 140,
    "input_tokens": 100,
    "output_tokens": 40,
    "input_token_details": {"text_tokens": 60, "audio_tokens": 30, "image_tokens": 10, "cached_tokens": 50},
    "output_token_details": {"text_tokens": 10, "audio_tokens": 30},
}


def test_the_price_of_a_response() -> None:
    """By modality; cached tokens are a part of the input."""
    usage = usage_in(done(GA_USAGE), RESPONSE_DONE)

    assert usage.shown() == {
        "input_text_tokens": 60,
        "input_audio_tokens": 30,
        "input_image_tokens": 10,
        "cached_tokens": 50,
        "output_text_tokens": 10,
        "output_audio_tokens": 30,
        "responses": 1,
    }
    assert usage.tokens == 140


def test_tokens_of_no_named_modality() -> None:
    """An upstream that tells only sums is believed in the sums."""
    usage = usage_in(done({"input_tokens": 7, "output_tokens": 2, "input_token_details": None}), RESPONSE_DONE)

    assert usage.shown() == {"input_other_tokens": 7, "output_other_tokens": 2, "responses": 1}


@pytest.mark.parametrize("usage", [None, 7, {"input_tokens": "many"}, {"input_tokens": -5}, {"output_tokens": 10**30}])
def test_a_price_that_cannot_be_read_is_none(usage: Any) -> None:
    """It costs nobody the session."""
    assert usage_in(done(usage), RESPONSE_DONE).shown() == {"responses": 1}


def test_the_price_of_a_transcription() -> None:
    """In tokens or in seconds; other events have none."""
    tokens = json.dumps({"usage": {"type": "tokens", "total_tokens": 9}}).encode()
    seconds = json.dumps({"usage": {"type": "duration", "seconds": 3}}).encode()

    assert usage_in(tokens, TRANSCRIBED).shown() == {"transcription_tokens": 9}
    assert usage_in(seconds, TRANSCRIBED).shown() == {"transcription_seconds": 3}
    assert usage_in(b'{"usage":{"seconds":1e99}}', TRANSCRIBED).shown() == {}
    assert usage_in(b"nonsense", TRANSCRIBED) == usage_in(b"{}", "error") == Usage()


def test_the_page_for_prometheus() -> None:
    """Cumulative buckets, counters with their sums, states of upstreams."""
    figures = Figures([Upstream("one", "ws://one/v1", opened=3, failures=1, is_up=False)])
    figures.to_client.count(100, SECONDS[0])
    figures.to_client.count(50, 2.0)
    figures.usage.add(usage_in(done(GA_USAGE), RESPONSE_DONE))
    figures.refused["rate_limit_exceeded"] += 1
    page = figures.page().decode()

    for line in (
        'antiphon_relay_frames_total{direction="to_client"} 2.0',
        'antiphon_relay_bytes_total{direction="to_client"} 150.0',
        'antiphon_relay_frame_seconds_bucket{direction="to_client",le="5e-05"} 1.0',
        'antiphon_relay_frame_seconds_bucket{direction="to_client",le="1.0"} 1.0',
        'antiphon_relay_frame_seconds_bucket{direction="to_client",le="+Inf"} 2.0',
        'antiphon_relay_tokens_total{direction="input",modality="image"} 10.0',
        'antiphon_relay_refused_total{reason="rate_limit_exceeded"} 1.0',
        'antiphon_relay_upstream_connects_total{upstream="one"} 3.0',
        'antiphon_relay_upstream_failures_total{upstream="one"} 1.0',
        'antiphon_relay_upstream_up{upstream="one"} 0.0',
    ):
        assert line in page
