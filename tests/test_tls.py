"""TLS in the server itself: for browsers that want it before they give a microphone, and SDKs that want it always."""

import asyncio
import ssl
from pathlib import Path

import httpx2
import pytest
from certified import certified

from antiphon.client import Unreachable, connect
from antiphon.config import Config, ConfigError, Server
from antiphon.engines.registry import SetupError
from antiphon.server import House
from antiphon.testing import TONE, serving


def locked(folder: Path) -> tuple[Config, ssl.SSLContext]:
    """A server's configuration with a certificate for this machine, and a client's trust in it."""
    shown = certified(folder)
    return Config(engines=TONE, server=shown.server), ssl.create_default_context(cafile=shown.authority)


def test_sockets_and_requests_go_by_tls(tmp_path: Path) -> None:
    """`https:` and `wss:` on one port, by a certificate that the client trusts."""

    async def main() -> None:
        config, trust = locked(tmp_path)
        async with serving(config) as url:
            assert url.startswith("https://")
            async with httpx2.AsyncClient(verify=trust) as http:
                assert (await http.get(f"{url}/health")).status_code == 200
            async with connect(url, model="tone", ssl=trust) as connection:
                created = await connection.receive()
                assert connection.url.startswith("wss://")
                assert getattr(created, "session").model == "tone"  # noqa: B009 -- of an event that may be unknown

    asyncio.run(main())


def test_who_does_not_trust_it_is_told(tmp_path: Path) -> None:
    """The client refuses; the server goes on."""

    async def main() -> None:
        config, trust = locked(tmp_path)
        async with serving(config) as url:
            with pytest.raises(Unreachable, match="trusted"):
                async with connect(url, model="tone"):
                    pass
            async with connect(url, model="tone", ssl=trust) as connection:
                assert await connection.receive() is not None

    asyncio.run(main())


def test_one_file_is_not_enough(tmp_path: Path) -> None:
    """Certificate and key come together."""
    config, _ = locked(tmp_path)

    with pytest.raises(ConfigError, match="both a certificate and its key"):
        House(Config(engines=TONE, server=Server(tls_key=config.server.tls_key)))


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_that_cannot_be_used(tmp_path: Path, content: str | None) -> None:
    """It is said before anything listens, with the names of the files."""
    config, _ = locked(tmp_path)
    certificate = tmp_path / "other.pem"
    if content is not None:
        certificate.write_text(content)

    with pytest.raises(SetupError, match=r"TLS cannot be served with .*other\.pem"):
        House(Config(engines=TONE, server=Server(tls_certificate=str(certificate), tls_key=config.server.tls_key)))
