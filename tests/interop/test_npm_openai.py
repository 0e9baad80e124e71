"""The npm package `openai`, unmodified: its Node class, and its browser class behind TLS."""

from pathlib import Path

import pytest
from certified import certified
from foreign import Story, node, tell_embedded, tell_tones

pytestmark = pytest.mark.interop

CLIENT = node("openai_client.mjs")


@pytest.fixture(scope="module")
def story() -> Story:
    """One conversation: a spoken question, an order in writing, a long answer that is interrupted."""
    return tell_tones(CLIENT, "speak", "tool", "interrupt")


def test_the_conversation_runs_to_its_end(story: Story) -> None:
    """No error, no warning, and every event is what the SDK's types say."""
    assert story.acts == ["speak", "tool", "interrupt"]
    assert story.complaints == []
    assert story.faults == []


def test_speech_is_heard_and_answered_aloud(story: Story) -> None:
    """The words of both sides, and the sound."""
    said = [response["output"][0]["content"][0]["transcript"] for response in (story.responses[0], story.responses[4])]

    assert story.transcripts == ["tone 440 hz 1.2 seconds", "tone 880 hz 1.2 seconds"]
    assert said == [f"You said: {words}" for words in story.transcripts]
    assert story.audio_ms > 3000


def test_the_tool_is_called_and_its_result_is_used(story: Story) -> None:
    """The call comes with its name and arguments, the answer uses the output."""
    assert story.of("tool") == [{"kind": "tool", "name": "weather", "arguments": {"city": "Paris"}}]
    assert story.responses[2]["output"][0]["content"][0]["transcript"] == "The function gave: sunny"


def test_speaking_over_the_answer_ends_it(story: Story) -> None:
    """Cancelled because of the turn, and truncated as the client asks while it happens."""
    interrupted = story.responses[3]
    (truncated,) = story.wire.events("server", "conversation.item.truncated")

    assert interrupted["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    assert truncated["item_id"] == interrupted["output"][0]["id"]


@pytest.mark.parametrize("style", ["node", "browser"])
def test_behind_tls_the_address_is_all_that_changes(style: str, tmp_path: Path) -> None:
    """The server has a certificate; the browser's key comes as a subprotocol."""
    shown = certified(tmp_path)
    client = node("openai_client.mjs", NODE_EXTRA_CA_CERTS=str(shown.authority))
    story = tell_tones(client, "speak", style=style, server=shown.server)

    assert story.complaints == []
    assert story.transcripts == ["tone 440 hz 1.2 seconds"]
    assert story.audio_ms > 1000


@pytest.mark.embedded
def test_a_spoken_turn_with_real_models() -> None:
    """A question is understood, and answered aloud."""
    story = tell_embedded(CLIENT, "speak")

    assert story.complaints == []
    assert story.faults == []
    assert "capital of france" in story.transcripts[0].lower()
    assert story.audio_ms > 300
