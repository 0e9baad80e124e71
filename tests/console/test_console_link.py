"""The link to the console that `antiphon serve` prints."""

import asyncio
import sys

import pytest

from antiphon.cli.serve import _console
from antiphon.config import Config, Server
from antiphon.server import House
from antiphon.testing import TONE


def printed(config: Config, address: str = "127.0.0.1:8000") -> tuple[list[str], House]:
    async def main() -> tuple[list[str], House]:
        house = House(config, [])
        return _console(house, address), house

    return asyncio.run(main())


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """What we say is read by a person."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)


def locked(**server: object) -> Config:
    return Config(engines=TONE, server=Server(api_keys={"alice": "sk-alice"}, **server))  # type: ignore[arg-type]  # by name


@pytest.mark.usefixtures("terminal")
def test_an_open_server_needs_no_key_in_its_link() -> None:
    """The page mints one for itself."""
    assert printed(Config(engines=TONE))[0] == ["Console: http://127.0.0.1:8000/"]


@pytest.mark.usefixtures("terminal")
def test_the_link_of_a_server_with_keys_brings_one() -> None:
    """An ephemeral one that sees all sessions, in the fragment, which browsers send to nobody."""
    (line,), house = printed(locked())
    link, _, key = line.partition("#")

    assert link == "Console: http://127.0.0.1:8000/"
    secret = house.gate.secret_of(key)
    assert secret is not None
    assert secret.principal == "antiphon console"
    assert "sk-alice" not in line


def test_no_key_goes_to_a_file() -> None:
    """Where nobody looks on, the line may end up in a log."""
    assert printed(locked())[0] == ["Console: http://127.0.0.1:8000/"]


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("address", ["0.0.0.0:80", "[::]:80"])
def test_an_address_that_means_all_is_shown_as_this_machine(address: str) -> None:
    """Nobody can browse to 0.0.0.0; and a microphone is only given to localhost."""
    assert printed(Config(engines=TONE), address)[0] == ["Console: http://localhost:80/"]


@pytest.mark.usefixtures("terminal")
def test_a_console_that_is_off_has_no_link() -> None:
    """Nothing is said of it."""
    assert printed(locked(console=False))[0] == []
