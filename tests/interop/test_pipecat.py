"""Pipecat's `OpenAIRealtimeLLMService`, unmodified, in a pipeline as Pipecat's own example has it."""

import pytest
from foreign import Story, python, tell_embedded, tell_tones

pytestmark = pytest.mark.interop

BOT = python("pipecat", "pipecat_client.py", LOGURU_LEVEL="WARNING")
ORDER = 'call weather {"city": "Paris"}'


@pytest.fixture(scope="module")
def story() -> Story:
    """The bot begins by itself, with an order in its context; then it is spoken to."""
    return tell_tones(BOT, "begin", "speak", opening=ORDER)


@pytest.fixture(scope="module")
def interrupted() -> Story:
    """Its long answer is spoken over."""
    return tell_tones(BOT, "begin", "interrupt", opening="say hello", model="talker")


def test_the_conversation_runs_to_its_end(story: Story) -> None:
    """No error frame, no warning in its log, and every event is what the SDK's types say."""
    assert story.acts == ["begin", "speak"]
    assert story.complaints == []
    assert story.faults == []


def test_the_tool_is_called_and_its_result_is_used(story: Story) -> None:
    """Called once, with the model's arguments; the context keeps the call, its result and the answer."""
    (context,) = story.of("context")
    texts = [message.get("content") for message in context["messages"]]

    assert [line["arguments"] for line in story.of("tool")] == [{"city": "Paris"}]
    assert texts[:4] == [ORDER, None, '{"sky": "sunny"}', 'The function gave: {"sky": "sunny"}']


def test_speech_is_heard_and_answered_aloud(story: Story) -> None:
    """The words of both sides end in the context, in their order; the loudspeaker has played."""
    (context,) = story.of("context")

    assert [line["text"] for line in story.of("TranscriptionFrame")] == ["tone 440 hz 1.2 seconds"]
    assert context["messages"][4:] == [
        {"role": "user", "content": "tone 440 hz 1.2 seconds"},
        {"role": "assistant", "content": "You said: tone 440 hz 1.2 seconds"},
    ]
    assert story.audio_ms > 2000
    assert len(story.of("TTSStartedFrame")) == len(story.of("TTSStoppedFrame")) == 2


def test_its_own_choice_of_recogniser_is_taken(story: Story) -> None:
    """It asks for `gpt-realtime-whisper` together with turn detection."""
    asked = story.wire.events("client", "session.update")[0]["session"]["audio"]["input"]
    (*_, told) = story.wire.events("server", "session.updated")

    assert asked["transcription"]["model"] == "gpt-realtime-whisper"
    assert told["session"]["audio"]["input"]["turn_detection"]["type"] == asked["turn_detection"]["type"]


def test_speaking_over_the_answer_ends_it(interrupted: Story) -> None:
    """The pipeline is interrupted, the answer is cancelled and cut, and the bot answers again."""
    assert interrupted.acts == ["begin", "interrupt"]
    assert interrupted.complaints == []
    assert interrupted.faults == []
    cancelled = interrupted.responses[1]
    assert cancelled["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    truncated = interrupted.wire.events("server", "conversation.item.truncated")
    assert cancelled["output"][0]["id"] in [event["item_id"] for event in truncated]
    assert len(interrupted.of("TTSStartedFrame")) == 3


@pytest.mark.embedded
def test_a_spoken_turn_with_real_models() -> None:
    """A question is understood, and answered aloud."""
    story = tell_embedded(BOT, "begin", "speak", opening="Say hello.")

    assert story.complaints == []
    assert story.faults == []
    assert "capital of france" in story.of("TranscriptionFrame")[0]["text"].lower()
    assert story.audio_ms > 300
