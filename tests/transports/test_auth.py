"""API keys and where clients put them."""

import pytest

from antiphon.transports.auth import Keys, key_in, masked, without_keys


def test_a_key_has_a_name() -> None:
    """Logs and counters know a key by its name."""
    keys = Keys({"ann": "sk-ann", "bob": "sk-bob"})

    assert keys.name_of("sk-bob") == "bob"
    assert keys.name_of("sk-eve") is None
    assert keys.name_of("") is None


def test_without_keys_the_server_is_open() -> None:
    """The operator who sets none wants none."""
    assert Keys().is_open
    assert not Keys({"ann": "sk-ann"}).is_open


@pytest.mark.parametrize(
    ("headers", "subprotocols", "query"),
    [
        ({"authorization": "Bearer k1"}, (), {}),
        ({"authorization": "bearer  k1 "}, (), {}),
        ({"api-key": "k1"}, (), {}),
        ({}, ("realtime", "openai-insecure-api-key.k1"), {}),
        ({}, (), {"api-key": "k1"}),
        ({}, (), {"Authorization": "Bearer k1"}),
    ],
)
def test_a_key_comes_by_many_ways(
    headers: dict[str, str], subprotocols: tuple[str, ...], query: dict[str, str]
) -> None:
    """Header, Azure's header, the browser's subprotocol, and the query of clients that have nothing better."""
    assert key_in(headers, subprotocols, query) == "k1"


def test_no_key_is_no_key() -> None:
    """An empty bearer, another scheme, another subprotocol: nothing was shown."""
    assert key_in({"authorization": "Bearer "}, ("realtime",), {}) is None
    assert key_in({"authorization": "Basic YTpi"}, (), {}) is None


def test_the_header_counts_before_the_rest() -> None:
    """A proxy that adds its own key wins over what a page has in its URL."""
    assert key_in({"authorization": "Bearer k1"}, (), {"api-key": "k2"}) == "k1"


def test_a_refused_key_is_shown_by_its_ends() -> None:
    """Enough to recognise one's own mistake, not enough to be of use to others."""
    assert masked("sk-0123456789abcdef") == "sk-***cdef"
    assert masked("short") == "***"


def test_the_query_is_kept_without_keys() -> None:
    """What a scope carries may be logged."""
    assert without_keys({"model": "m", "api-key": "k", "Authorization": "Bearer k"}) == {"model": "m"}
