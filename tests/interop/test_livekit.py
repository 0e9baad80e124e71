"""LiveKit's OpenAI plugin, unmodified, in an `AgentSession` without a room."""

import pytest
from foreign import LONG, Story, python, tell_embedded, tell_tones

pytestmark = pytest.mark.interop

AGENT = python("livekit", "livekit_client.py")


@pytest.fixture(scope="module")
def story() -> Story:
    """One conversation: a spoken question, an order in writing, a long answer that is interrupted."""
    return tell_tones(AGENT, "speak", "tool", "interrupt")


def test_the_conversation_runs_to_its_end(story: Story) -> None:
    """No error, no warning in its log, and every event is what the SDK's types say."""
    assert story.acts == ["speak", "tool", "interrupt"]
    assert story.complaints == []
    assert story.faults == []


def test_the_history_is_what_was_said(story: Story) -> None:
    """Both sides' words, in their order; of the interrupted answer what had been spoken."""
    said = [(line["role"], line["text"], line["interrupted"]) for line in story.of("item") if line["role"]]

    assert said[:5] == [
        ("user", "tone 440 hz 1.2 seconds", False),
        ("assistant", "You said: tone 440 hz 1.2 seconds", False),
        ("user", 'call weather {"city": "Paris"}', False),
        ("assistant", "The function gave: sunny in Paris", False),
        ("user", LONG, False),
    ]
    assert said[5][0] == "assistant"
    assert said[5][1].startswith("One.")
    assert said[5][2], "the answer is marked as interrupted"
    assert said[6:] == [
        ("user", "tone 880 hz 1.2 seconds", False),
        ("assistant", "You said: tone 880 hz 1.2 seconds", False),
    ]


def test_the_tool_is_called(story: Story) -> None:
    """Once, with the model's arguments."""
    assert story.of("tool") == [{"kind": "tool", "city": "Paris"}]


def test_answers_are_spoken(story: Story) -> None:
    """The agent is seen to speak and to listen again, and its sound is there."""
    states = [line["is_now"] for line in story.of("state")]

    assert states.count("speaking") == 4
    assert states[-1] == "listening"
    assert story.audio_ms > 3000


def test_speaking_over_the_answer_cuts_it(story: Story) -> None:
    """The server ends the response, and the plugin truncates the item to what was heard."""
    interrupted = story.responses[3]
    (truncated,) = story.wire.events("server", "conversation.item.truncated")

    assert interrupted["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    assert truncated["item_id"] == interrupted["output"][0]["id"]


@pytest.mark.embedded
def test_a_spoken_turn_with_real_models() -> None:
    """A question is understood, and answered aloud."""
    story = tell_embedded(AGENT, "speak")

    assert story.complaints == []
    assert story.faults == []
    assert "capital of france" in story.of("heard")[0]["text"].lower()
    assert story.audio_ms > 300
