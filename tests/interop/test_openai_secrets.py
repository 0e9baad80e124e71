"""Ephemeral keys with the unmodified SDK: a backend mints, a browser connects."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from openai import AsyncOpenAI, AuthenticationError, BadRequestError
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from antiphon.config import Config, Server
from antiphon.testing import TONE, serving

pytestmark = pytest.mark.interop

LOCKED = Config(server=Server(api_keys={"alice": "sk-alice-0123456789"}), engines=TONE)


def run(scene: Coroutine[Any, Any, None]) -> None:
    async def within_limit() -> None:
        async with asyncio.timeout(30):
            await scene

    asyncio.run(within_limit())


def client(url: str, key: str) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0)


def test_a_minted_key_opens_the_session_that_it_was_minted_for() -> None:
    """Without a model in the URL, and with the configuration that the backend chose."""

    async def scene() -> None:
        async with serving(LOCKED) as url, client(url, "sk-alice-0123456789") as backend:
            secret = await backend.realtime.client_secrets.create(
                expires_after={"anchor": "created_at", "seconds": 60},
                session={"type": "realtime", "model": "gpt-realtime", "instructions": "Speak like a pirate."},
            )
            assert secret.value.startswith("ek_")
            assert secret.session.type == "realtime"
            assert secret.session.model == "gpt-realtime"

            async with (
                client(url, secret.value) as browser,
                browser.realtime.connect(model="gpt-realtime") as connection,
            ):
                created = await connection.recv()
                assert created.type == "session.created"
                assert created.session.type == "realtime"
                assert created.session.instructions == "Speak like a pirate."

    run(scene())


def test_a_browser_brings_its_key_in_the_subprotocol() -> None:
    """The one protocol that is chosen is `realtime`; the key is not sent back."""

    async def scene() -> None:
        async with serving(LOCKED) as url, client(url, "sk-alice-0123456789") as backend:
            secret = await backend.realtime.client_secrets.create(session={"type": "transcription"})
            offers = [Subprotocol("realtime"), Subprotocol(f"openai-insecure-api-key.{secret.value}")]
            async with connect(f"{url.replace('http', 'ws')}/v1/realtime", subprotocols=offers) as socket:
                assert socket.subprotocol == "realtime"
                assert '"realtime.transcription_session"' in str(await socket.recv())

    run(scene())


def test_who_may_mint() -> None:
    """The API key does; an ephemeral key, and a wrong one, do not. A mistake is HTTP 400 with its path."""

    async def scene() -> None:
        async with serving(LOCKED) as url, client(url, "sk-alice-0123456789") as backend:
            secret = await backend.realtime.client_secrets.create()
            for key in (secret.value, "sk-mallory"):
                async with client(url, key) as stranger:
                    with pytest.raises(AuthenticationError):
                        await stranger.realtime.client_secrets.create()
            mistake = {"type": "realtime", "bogus": 1}
            with pytest.raises(BadRequestError) as caught:
                await backend.realtime.client_secrets.create(session=mistake)  # type: ignore[arg-type]  # that it is one
            assert caught.value.param == "session.bogus"
            assert caught.value.code == "unknown_parameter"

    run(scene())
