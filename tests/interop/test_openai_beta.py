"""The Python `openai` SDK of the beta, 1.97.0, unmodified: it still finds a server that speaks its language."""

import json
import subprocess
from pathlib import Path

import pytest
from foreign import ENVIRONMENTS, ROOT, Story, python, tell_embedded, tell_tones

pytestmark = pytest.mark.interop

OLD = python("openai-beta", "openai_beta_client.py")
JUDGE = ROOT / "tests" / "support" / "beta_sdk.py"


@pytest.fixture(scope="module")
def story() -> Story:
    """One conversation: a spoken question, an order in writing, a long answer that is interrupted, two mistakes."""
    return tell_tones(OLD, "speak", "tool", "interrupt", "mistake")


def problems(story: Story) -> list[str]:
    """What the old SDK's types find wrong with what the server said."""
    frames = "".join(json.dumps(event) + "\n" for event in story.wire.events("server"))
    judge = [str(Path(ENVIRONMENTS, "openai-beta", "bin", "python")), str(JUDGE)]
    out = subprocess.run(judge, input=frames, capture_output=True, text=True, check=True, timeout=60).stdout
    answers = [json.loads(line) for line in out.splitlines()]
    assert len(answers) == frames.count("\n") > 20
    return [problem for answer in answers for problem in answer]


def test_the_conversation_runs_to_its_end(story: Story) -> None:
    """Only the two mistakes are errors, in beta's words, and every event is what the old types say."""
    assert story.acts == ["speak", "tool", "interrupt", "mistake"]
    assert [(line["code"], line["text"]) for line in story.of("error")] == [
        ("response_cancel_not_active", "Cancellation failed: no active response found"),
        (
            "decimal_above_max_value",
            "Invalid 'session.temperature': decimal above maximum value. Expected a value <= 1.2, but got 5 instead.",
        ),
    ]
    assert (story.of("log"), story.problems) == ([], "")
    assert problems(story) == []


def test_it_is_spoken_to_in_beta(story: Story) -> None:
    """By the header that the SDK sends; no name of GA is on the wire."""
    kinds = {event["type"] for event in story.wire.events("server")}

    assert {"conversation.item.created", "response.audio.delta", "response.audio_transcript.done"} <= kinds
    assert not {
        kind for kind in kinds if "output_audio" in kind or "output_text" in kind or kind.endswith(".added")
    } - {
        "response.output_item.added",
        "response.content_part.added",
    }


def test_the_session_keeps_its_flat_shape(story: Story) -> None:
    """What was asked for is shown as beta shows it."""
    (updated,) = story.wire.events("server", "session.updated")
    session = updated["session"]

    assert (session["voice"], session["temperature"], session["modalities"]) == ("sage", 0.7, ["audio", "text"])
    assert session["input_audio_format"] == session["output_audio_format"] == "pcm16"
    assert session["turn_detection"]["silence_duration_ms"] == 300


def test_speech_is_heard_and_answered_aloud(story: Story) -> None:
    """The words of both sides, and the sound."""
    first = story.of("done")[0]["response"]["output"][0]["content"][0]

    assert [line["text"] for line in story.of("heard")] == ["tone 440 hz 1.2 seconds", "tone 880 hz 1.2 seconds"]
    assert first["transcript"] == "You said: tone 440 hz 1.2 seconds"
    assert story.audio_ms > 3000


def test_the_tool_is_called_and_its_result_is_used(story: Story) -> None:
    """The call comes with its arguments, the answer uses the output."""
    assert [line["arguments"] for line in story.of("tool")] == [{"city": "Paris"}]
    assert story.of("done")[2]["response"]["output"][0]["content"][0]["transcript"] == "The function gave: sunny"


def test_speaking_over_the_answer_ends_it(story: Story) -> None:
    """Cancelled because of the turn; truncated on demand; the new question is answered."""
    interrupted, answered = (line["response"] for line in story.of("done")[3:5])
    (truncated,) = story.wire.events("server", "conversation.item.truncated")

    assert (interrupted["status"], interrupted["status_details"]["reason"]) == ("cancelled", "turn_detected")
    assert truncated["item_id"] == interrupted["output"][0]["id"]
    assert answered["output"][0]["content"][0]["transcript"] == "You said: tone 880 hz 1.2 seconds"


@pytest.mark.embedded
def test_a_spoken_turn_with_real_models() -> None:
    """A question is understood, and answered aloud."""
    story = tell_embedded(OLD, "speak")

    assert story.complaints == []
    assert problems(story) == []
    assert "capital of france" in story.of("heard")[0]["text"].lower()
    assert story.audio_ms > 300
