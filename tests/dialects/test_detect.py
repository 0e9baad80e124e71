"""How a connection shows its wire variant."""

import pytest

from antiphon.dialects.detect import detect, is_spoken, machine
from antiphon.dialects.dialect import Name
from antiphon.protocol.beyond import SessionWishes
from antiphon.protocol.server_events import SessionCreated
from antiphon.protocol.session import RealtimeSession


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


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ({"api-version": "2025-04-01-preview"}, "azure"),
        ({"api-version": "2024-10-01-preview"}, "preview"),
        ({"api-version": "2024-10-01-preview", "intent": "transcription"}, "azure"),
    ],
)
def test_azure_urls_carry_a_version(query: dict[str, str], name: str) -> None:
    """Clients of Azure may send the beta header beside it. Preview had no transcription sessions."""
    assert detect([("openai-beta", "realtime=v1")], [], query) == name


def test_the_refusal_is_of_beta_alone() -> None:
    """The provider has switched beta off; Azure's URLs go on."""
    names: list[Name] = ["ga", "beta", "azure", "preview"]

    assert [is_spoken(name) for name in names] == [True] * 4
    assert [is_spoken(name, refuses_beta=True) for name in names] == [True, False, True, True]


CREATED = SessionCreated(session=RealtimeSession(id="sess_1", expires_at=0))


@pytest.mark.parametrize(("name", "is_flat"), [("ga", False), ("beta", True), ("azure", True), ("preview", True)])
def test_each_variant_has_its_machine(name: Name, is_flat: bool) -> None:
    """What it first says shows which."""
    [frame] = machine(name).send(CREATED, "event_1")

    assert (b'"temperature":0.8' in frame) == is_flat


@pytest.mark.parametrize(("name", "frames"), [("ga", 1), ("beta", 2), ("azure", 2), ("preview", 2)])
def test_the_conversation_is_announced_if_wanted(name: Name, frames: int) -> None:
    """GA clients never see it."""
    assert len(machine(name, announces_conversation=True).send(CREATED, "event_1")) == frames


def test_a_session_may_open_with_a_temperature() -> None:
    """A key may have been made with one."""
    [warm] = machine("beta", session=SessionWishes(temperature=1.1)).send(CREATED, "event_1")
    [plain] = machine("beta", session=SessionWishes()).send(CREATED, "event_1")

    assert b'"temperature":1.1' in warm
    assert b'"temperature":0.8' in plain
