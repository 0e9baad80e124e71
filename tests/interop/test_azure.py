"""Clients that take the server for Azure's: an `api-version` in the URL, and the key in a header of its own."""

import asyncio
from typing import Any, cast

import pytest
from foreign import Story, python, tell_tones
from openai import AsyncAzureOpenAI
from sdk import until, write

from antiphon.config import Config, Server
from antiphon.testing import TONE, serving

pytestmark = pytest.mark.interop

KEY = "sk-of-azure-0123456789"


@pytest.fixture(scope="module")
def story() -> Story:
    """LiveKit's plugin, which speaks beta to Azure: a spoken question, a tool, an interruption."""
    agent = python("livekit", "livekit_client.py")
    return tell_tones(agent, "speak", "tool", "interrupt", api_version="2024-12-17")


def test_livekit_talks_to_azure_in_beta(story: Story) -> None:
    """It says itself that the version is a thing of the past, and complains of nothing else."""
    said = [(line["role"], line["text"]) for line in story.of("item") if line["role"] == "assistant"]

    assert [line["text"] for line in story.complaints if "`api_version` parameter" not in line["text"]] == []
    assert story.acts == ["speak", "tool", "interrupt"]
    assert "conversation.item.created" in {event["type"] for event in story.wire.events("server")}
    assert said[:2] == [
        ("assistant", "You said: tone 440 hz 1.2 seconds"),
        ("assistant", "The function gave: sunny in Paris"),
    ]
    assert said[3:] == [("assistant", "You said: tone 880 hz 1.2 seconds")]


def test_livekit_hears_the_caller(story: Story) -> None:
    """The words, the tool, the sound."""
    assert [line["text"] for line in story.of("heard")] == ["tone 440 hz 1.2 seconds", "tone 880 hz 1.2 seconds"]
    assert story.of("tool") == [{"kind": "tool", "city": "Paris"}]
    assert story.audio_ms > 3000


def test_the_sdk_talks_to_azure_in_the_newest_words() -> None:
    """The newest Python SDK builds Azure's old URL, and then speaks GA: so is it answered."""

    async def main() -> None:
        config = Config(engines=TONE, server=Server(api_keys={"azure": KEY}))
        async with serving(config) as url:
            client = AsyncAzureOpenAI(
                azure_endpoint=url,
                websocket_base_url=f"{url.replace('http', 'ws')}/openai",
                api_version="2025-04-01-preview",
                api_key=KEY,
            )
            async with client, client.realtime.connect(model="gpt-realtime") as connection:
                update: Any = {"type": "realtime", "output_modalities": ["text"]}
                await connection.session.update(session=cast("Any", update))
                updated = (await until(connection, "session.updated"))[-1]
                assert updated.session.output_modalities == ["text"]
                await write(connection, "say good evening")
                await connection.response.create()
                assert (await until(connection))[-1].response.output[0].content[0].text == "good evening"

    asyncio.run(main())
