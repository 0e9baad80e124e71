"""The Python `openai-agents` SDK, unmodified: an agent with a tool that is spoken to, and interrupted."""

import pytest
from foreign import Story, python, tell_embedded, tell_tones

pytestmark = pytest.mark.interop

AGENT = python("openai-agents", "agents_client.py")


@pytest.fixture(scope="module")
def story() -> Story:
    """One conversation: a spoken question, an order in writing, a long answer that is interrupted."""
    return tell_tones(AGENT, "speak", "tool", "interrupt")


def test_the_conversation_runs_to_its_end(story: Story) -> None:
    """No error, no log line, and every event is what the SDK's types say."""
    assert story.acts == ["speak", "tool", "interrupt"]
    assert story.complaints == []
    assert story.faults == []


def test_speech_is_heard_and_answered_aloud(story: Story) -> None:
    """The history shows what was said on both sides; the sound is there."""
    texts = [part.get("transcript") for item in story.of("history")[-1]["items"] for part in item.get("content", [])]

    assert story.transcripts == ["tone 440 hz 1.2 seconds", "tone 880 hz 1.2 seconds"]
    assert texts[:2] == ["tone 440 hz 1.2 seconds", "You said: tone 440 hz 1.2 seconds"]
    assert story.audio_ms > 3000


def test_the_tool_is_called_and_its_result_is_used(story: Story) -> None:
    """Called once, with the model's arguments; the answer tells what came back."""
    assert story.of("tool") == [{"kind": "tool", "city": "Paris"}]
    assert [line["output"] for line in story.of("tool_end")] == ["sunny in Paris"]
    assert story.responses[2]["output"][0]["content"][0]["transcript"] == "The function gave: sunny in Paris"


def test_speaking_over_the_answer_ends_it(story: Story) -> None:
    """The player is told, the answer is cut to what was heard, the new question is answered."""
    (truncated,) = story.wire.events("server", "conversation.item.truncated")
    interrupted = story.responses[3]

    assert len(story.of("audio_interrupted")) == 1
    assert interrupted["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    assert truncated["item_id"] == interrupted["output"][0]["id"]
    assert story.responses[4]["output"][0]["content"][0]["transcript"] == "You said: tone 880 hz 1.2 seconds"


def test_its_habit_of_retrieving_is_served(story: Story) -> None:
    """After each transcription and each truncation it asks for the item that it played last."""
    asked = [event["item_id"] for event in story.wire.events("client", "conversation.item.retrieve")]
    given = [event["item"] for event in story.wire.events("server", "conversation.item.retrieved")]

    assert len(asked) == 2
    assert [item["id"] for item in given] == asked
    assert given[0]["content"][0]["transcript"] == "", "a truncated item keeps no transcript"


@pytest.mark.embedded
def test_a_spoken_turn_with_real_models() -> None:
    """A question is understood, and answered aloud."""
    story = tell_embedded(AGENT, "speak")

    assert story.complaints == []
    assert story.faults == []
    assert "capital of france" in story.transcripts[0].lower()
    assert story.audio_ms > 300
