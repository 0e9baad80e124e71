"""What people write, and the address that it means."""

import pytest

from antiphon.client.address import credentials, dialect_of, endpoint, is_azure
from antiphon.client.errors import BadAddress

KEY = "sk-test-123"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("ws://127.0.0.1:8000/v1/realtime", "ws://127.0.0.1:8000/v1/realtime"),
        ("ws://127.0.0.1:8000/v1/realtime/", "ws://127.0.0.1:8000/v1/realtime"),
        ("http://localhost:8000/v1", "ws://localhost:8000/v1/realtime"),
        ("http://localhost:8000/v1/", "ws://localhost:8000/v1/realtime"),
        ("http://localhost:8000", "ws://localhost:8000/v1/realtime"),
        ("https://api.example.com/v1", "wss://api.example.com/v1/realtime"),
        ("https://example.com/voice", "wss://example.com/voice/realtime"),
        ("localhost:8000", "ws://localhost:8000/v1/realtime"),
        ("server", "ws://server/v1/realtime"),
        ("printer.local:8000", "ws://printer.local:8000/v1/realtime"),
        ("192.168.1.5:8000", "ws://192.168.1.5:8000/v1/realtime"),
        ("[::1]:8000", "ws://[::1]:8000/v1/realtime"),
        ("api.example.com", "wss://api.example.com/v1/realtime"),
        ("93.184.215.14", "wss://93.184.215.14/v1/realtime"),
        ("https://me.openai.azure.com", "wss://me.openai.azure.com/openai/v1/realtime"),
        ("https://me.openai.azure.com/openai", "wss://me.openai.azure.com/openai/v1/realtime"),
        ("https://me.openai.azure.com/openai/v1", "wss://me.openai.azure.com/openai/v1/realtime"),
        ("ws://h:1/v1/realtime/translations", "ws://h:1/v1/realtime/translations"),
        (" localhost:8000 ", "ws://localhost:8000/v1/realtime"),
        ("ws://h:1/v1/realtime#part", "ws://h:1/v1/realtime"),
    ],
)
def test_an_address_is_completed(written: str, meant: str) -> None:
    """A host, a base URL and a whole address all lead to the same place; a plain socket only to hosts nearby."""
    assert endpoint(written) == meant


@pytest.mark.parametrize(
    ("written", "query"),
    [
        ("ws://h/v1", "model=gpt-realtime"),
        ("ws://h/v1?model=mine", "model=mine"),
        ("ws://h/v1?call_id=rtc_1", "call_id=rtc_1"),
        ("ws://h/v1?deployment=d&api-version=2024-10-01-preview", "deployment=d&api-version=2024-10-01-preview"),
        ("ws://h/v1?intent=transcription", "intent=transcription&model=gpt-realtime"),
        ("ws://h/v1?a=&b=%20", "a=&b=+&model=gpt-realtime"),
    ],
)
def test_the_model_joins_the_query(written: str, query: str) -> None:
    """The model is added unless the URL says what to talk to."""
    assert endpoint(written, "gpt-realtime") == f"ws://h/v1/realtime?{query}"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("http://h:1", "ws://h:1/openai/realtime?api-version=2025-04-01-preview&deployment=d"),
        (
            "https://me.openai.azure.com",
            "wss://me.openai.azure.com/openai/realtime?api-version=2025-04-01-preview&deployment=d",
        ),
        ("ws://h/openai/v1", "ws://h/openai/realtime?api-version=2025-04-01-preview&deployment=d"),
        ("ws://h?api-version=2024-10-01-preview", "ws://h/openai/realtime?api-version=2024-10-01-preview&deployment=d"),
        ("ws://h/own/realtime?deployment=x", "ws://h/own/realtime?deployment=x&api-version=2025-04-01-preview"),
    ],
)
def test_azures_beta_has_a_place_of_its_own(written: str, meant: str) -> None:
    """The path is not GA's, and the model is a deployment."""
    assert endpoint(written, "d", "azure") == meant


def test_the_url_tells_the_dialect() -> None:
    """Only Azure's beta has an `api-version`; its GA is GA."""
    assert dialect_of("ws://h/openai/realtime?api-version=2025-04-01-preview") == "azure"
    assert dialect_of("https://me.openai.azure.com/openai/v1") == "ga"
    assert dialect_of("localhost:8000") == "ga"


@pytest.mark.parametrize("written", ["", "ftp://h/v1", "ws://", "ws://h:99999", "ws://h:0/v1", "ws://[::1", "h:port"])
def test_no_address(written: str) -> None:
    """What is no address is said to be none, with an example of one."""
    with pytest.raises(BadAddress) as raised:
        endpoint(written)

    assert raised.value.message.startswith(f"`{written}` is no address")
    assert raised.value.hint == "write it like ws://localhost:8000/v1/realtime"


def test_where_the_key_goes() -> None:
    """By header; by the header of their own with Azure; or as a browser sends it. A newline at its end is no part."""
    assert credentials("ws://h", None, in_subprotocol=True) == ({}, None)
    assert credentials("ws://h", f"{KEY}\n", in_subprotocol=False) == ({"Authorization": f"Bearer {KEY}"}, None)
    assert credentials("wss://me.openai.azure.com", KEY, in_subprotocol=False) == ({"api-key": KEY}, None)
    assert credentials("ws://h", KEY, in_subprotocol=True) == ({}, ["realtime", f"openai-insecure-api-key.{KEY}"])
    beta = {"openai-beta": "realtime=v1"}
    assert credentials("ws://h", None, in_subprotocol=False, dialect="beta") == (beta, None)
    protocols = ["realtime", "openai-beta.realtime-v1"]
    assert credentials("ws://h", None, in_subprotocol=True, dialect="beta") == ({}, protocols)
    assert credentials("ws://h", KEY, in_subprotocol=False, dialect="azure") == ({"api-key": KEY}, None)


@pytest.mark.parametrize("key", ["", "  ", "a b", "a\r\nX-Header: 1", "schlüssel"])
def test_no_key(key: str) -> None:
    """A key that could not be one is refused before it is sent, and not repeated in the message."""
    with pytest.raises(BadAddress, match="The API key has characters"):
        credentials("ws://h", key, in_subprotocol=False)


def test_azure_is_known_by_its_hosts() -> None:
    """A host that only looks like Azure's gets no `api-key`."""
    assert is_azure("https://me.openai.azure.com/openai/v1")
    assert is_azure("me.services.ai.azure.com")
    assert not is_azure("https://openai.azure.com.example.com")
