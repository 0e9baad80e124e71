"""How a connection shows its wire variant."""

import pytest

from antiphon.dialects.detect import detect, is_spoken, machine
from antiphon.dialects.ga import GA


def test_plain_connections_are_ga() -> None:
    """A client that says nothing about versions is a client of today; other betas are not ours."""
    assert detect([], [], {}) == "ga"
    assert detect([("openai-beta", "assistants=v2")], ["realtime"], {"model": "gpt-realtime"}) == "ga"


@pytest.mark.parametrize("value", ["realtime=v1", "assistants=v2, realtime=v1"])
def test_beta_is_named_by_a_header(value: str) -> None:
    """Alone, or in a list."""
    assert detect([("openai-beta", value)], [], {}) == "beta"


def test_beta_is_named_by_a_subprotocol() -> None:
    """Browsers cannot set headers."""
    assert detect([], ["realtime", "openai-beta.realtime-v1"], {}) == "beta"


def test_azure_urls_carry_a_version() -> None:
    """Clients of Azure may send the beta header beside it."""
    assert detect([("openai-beta", "realtime=v1")], [], {"api-version": "2024-10-01-preview"}) == "azure"


def test_only_ga_is_spoken_so_far() -> None:
    """The machines of the older variants are not built yet."""
    assert [name for name in ("ga", "beta", "azure") if is_spoken(name)] == ["ga"]
    assert isinstance(machine("ga"), GA)
    with pytest.raises(LookupError):
        machine("beta")
