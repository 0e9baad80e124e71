"""Ephemeral keys over HTTP: bodies in, statuses and JSON out."""

import json
from http import HTTPStatus
from typing import Any

import pytest

from antiphon.protocol.session import RealtimeSessionUpdate, TranscriptionSessionUpdate
from antiphon.transports import secrets as module
from antiphon.transports.rest import Mint
from antiphon.transports.secrets import Secrets


def mint(*models: str) -> Mint:
    """A mint at unix second 1000 that knows these models; all, if none is named."""
    return Mint(Secrets(lambda: 1000.0), lambda name: not models or name in models, "Be brief.")


def body(**keys: Any) -> bytes:
    return json.dumps(keys).encode()


def test_a_key_comes_with_its_whole_session() -> None:
    """Every key of the session is shown; it has not begun, so it has no end yet."""
    made = mint()
    status, told = made.client_secret(body(session={"type": "realtime", "model": "gpt-realtime-mini"}), "alice")

    assert status == HTTPStatus.OK
    assert told["expires_at"] == 1600
    session = told["session"]
    assert (session["type"], session["object"], session["model"]) == (
        "realtime",
        "realtime.session",
        "gpt-realtime-mini",
    )
    assert session["expires_at"] == 0
    assert session["instructions"] == "Be brief."
    assert session["audio"]["input"]["turn_detection"]["silence_duration_ms"] == 200
    secret = made.secrets.find(told["value"])
    assert secret is not None
    assert (secret.model, secret.principal) == ("gpt-realtime-mini", "alice")


def test_without_a_body_a_default_session_is_meant() -> None:
    """And the key is good for ten minutes."""
    status, told = mint().client_secret(b"", "")

    assert status == HTTPStatus.OK
    assert told["session"]["model"] == "gpt-realtime"


def test_its_life_can_be_chosen() -> None:
    """Between 10 seconds and 2 hours."""
    _, told = mint().client_secret(body(expires_after={"anchor": "created_at", "seconds": 10}), "")
    assert told["expires_at"] == 1010

    status, told = mint().client_secret(body(expires_after={"anchor": "created_at", "seconds": 9}), "")
    assert status == HTTPStatus.BAD_REQUEST
    assert (told["error"]["code"], told["error"]["param"]) == ("integer_below_min_value", "expires_after.seconds")


def test_a_transcription_session_is_kept_as_one() -> None:
    """It has no model of its own."""
    made = mint("gpt-realtime")
    wanted = {"type": "transcription", "audio": {"input": {"transcription": {"model": "whisper-1"}}}}
    _, told = made.client_secret(body(session=wanted), "")

    assert told["session"]["object"] == "realtime.transcription_session"
    secret = made.secrets.find(told["value"])
    assert secret is not None
    assert isinstance(secret.session, TranscriptionSessionUpdate)


@pytest.mark.parametrize(
    ("request_body", "code", "param"),
    [
        (b"{", "invalid_json", None),
        (b'{"session": {"type": "realtime", "bogus": 1}}', "unknown_parameter", "session.bogus"),
        (b'{"session": {"type": "live"}}', "invalid_value", "session.type"),
        (b'{"session": {"type": "realtime", "model": "gpt-99"}}', "invalid_model", None),
        (b'{"session": {"type": "realtime", "output_modalities": []}}', "invalid_value", "session.output_modalities"),
    ],
)
def test_a_mistake_is_told_as_over_the_socket(request_body: bytes, code: str, param: str | None) -> None:
    """Same type, code and param; in the HTTP shape."""
    status, told = mint("gpt-realtime").client_secret(request_body, "")

    assert status == HTTPStatus.BAD_REQUEST
    assert told["error"]["type"] == "invalid_request_error"
    assert (told["error"]["code"], told["error"]["param"]) == (code, param)


def test_one_key_too_many_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """429."""
    monkeypatch.setattr(module, "MAX_SECRETS", 1)
    made = mint()
    made.client_secret(b"", "")

    status, told = made.client_secret(b"", "")
    assert status == HTTPStatus.TOO_MANY_REQUESTS
    assert told["error"]["code"] == "rate_limit_exceeded"


# Beta


def test_beta_has_its_key_inside_a_flat_session() -> None:
    """With the old names, and the temperature that GA does not know."""
    made = mint()
    status, told = made.beta_session(body(model="gpt-4o-realtime-preview", voice="echo", temperature=0.7), "bob")

    assert status == HTTPStatus.OK
    assert (told["object"], told["voice"], told["temperature"]) == ("realtime.session", "echo", 0.7)
    assert told["modalities"] == ("audio", "text")
    assert told["client_secret"]["expires_at"] == 1600
    secret = made.secrets.find(told["client_secret"]["value"])
    assert secret is not None
    assert isinstance(secret.session, RealtimeSessionUpdate)
    assert secret.model == "gpt-4o-realtime-preview"


def test_beta_chooses_the_life_inside_as_well() -> None:
    """Under either of its SDK's names."""
    for name in ("expires_after", "expires_at"):
        secret = {name: {"anchor": "created_at", "seconds": 30}}
        _, told = mint().beta_transcription_session(body(client_secret=secret), "")
        assert told["client_secret"]["expires_at"] == 1030
        assert told["object"] == "realtime.transcription_session"


@pytest.mark.parametrize(
    ("keys", "code", "param"),
    [
        ({"temperature": 2.0}, "decimal_above_max_value", "temperature"),
        ({"audio": {}}, "unknown_parameter", "audio"),
        ({"modalities": ["audio"]}, "invalid_value", "modalities"),
        (
            {"client_secret": {"expires_after": {"seconds": 1}}},
            "integer_below_min_value",
            "client_secret.expires_after.seconds",
        ),
        ({"prompt": {"id": "pmpt_1"}}, "invalid_value", "prompt.id"),
    ],
)
def test_a_mistake_in_beta_is_told_in_its_words(keys: dict[str, Any], code: str, param: str) -> None:
    """The body is the session itself: paths begin inside it."""
    status, told = mint().beta_session(body(**keys), "")

    assert status == HTTPStatus.BAD_REQUEST
    assert (told["error"]["code"], told["error"]["param"]) == (code, param)


def test_a_mistake_in_a_beta_transcription_session() -> None:
    """It has no voice."""
    status, told = mint().beta_transcription_session(body(voice="echo"), "")

    assert status == HTTPStatus.BAD_REQUEST
    assert (told["error"]["code"], told["error"]["param"]) == ("unknown_parameter", "voice")
