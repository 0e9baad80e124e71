"""The npm package `@openai/agents`, unmodified, over WebSocket: an agent with a tool, spoken to and interrupted."""

import asyncio

import pytest
from foreign import TONES, Story, node, played, tell_embedded, tell_tones
from mcp_servers import real_server, running

pytestmark = pytest.mark.interop

AGENT = node("agents_client.mjs")


@pytest.fixture(scope="module")
def story() -> Story:
    """One conversation: a spoken question, an order in writing, a long answer that is interrupted."""
    return tell_tones(AGENT, "speak", "tool", "interrupt")


def said(story: Story) -> list[str | None]:
    """The history that an application would show: words and, for calls, what came back."""
    (history,) = story.of("history")
    return [
        item["output"] if item["type"] == "function_call" else _words(item["content"][0]) for item in history["items"]
    ]


def _words(part: dict[str, str | None]) -> str | None:
    return part.get("text") or part.get("transcript")


def test_the_conversation_runs_to_its_end(story: Story) -> None:
    """No error, no warning, no event that the package's own schemas do not take, or the Python SDK's types."""
    assert story.acts == ["speak", "tool", "interrupt"]
    assert story.complaints == []
    assert story.faults == []


def test_the_history_is_what_was_said(story: Story) -> None:
    """Both sides' words, the call and its result."""
    history = said(story)

    assert history[:5] == [
        "tone 440 hz 1.2 seconds",
        "You said: tone 440 hz 1.2 seconds",
        'call weather {"city": "Paris"}',
        "sunny in Paris",
        "The function gave: sunny in Paris",
    ]
    assert history[7:] == ["tone 880 hz 1.2 seconds", "You said: tone 880 hz 1.2 seconds"]


def test_the_tool_is_called(story: Story) -> None:
    """Once, with the model's arguments."""
    assert story.of("tool") == [{"kind": "tool", "city": "Paris"}]
    assert [line["result"] for line in story.of("tool_end")] == ["sunny in Paris"]


def test_answers_are_spoken(story: Story) -> None:
    """The sound of four answers."""
    assert story.audio_ms > 3000


def test_speaking_over_the_answer_ends_it(story: Story) -> None:
    """The player is told, the answer is cut to what was heard."""
    interrupted = story.responses[3]
    truncated = story.wire.events("server", "conversation.item.truncated")

    assert len(story.of("interrupted")) >= 1
    assert interrupted["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    assert interrupted["output"][0]["id"] in [event["item_id"] for event in truncated]


def test_its_habit_of_retrieving_is_served(story: Story) -> None:
    """After each transcription and each truncation it asks for the item that the event names."""
    asked = [event["item_id"] for event in story.wire.events("client", "conversation.item.retrieve")]
    given = [event["item"]["id"] for event in story.wire.events("server", "conversation.item.retrieved")]

    assert len(asked) >= 3
    assert given == asked


def test_tools_of_an_mcp_server_are_listed_approved_and_called() -> None:
    """The SDK asks for the tools by its habit of retrieving, for approval, and for the answer after the call."""

    async def main() -> Story:
        async with running(real_server().streamable_http_app()) as server:
            return await played(AGENT, TONES, ["mcp"], {}, model="helper", tools=f"{server}/mcp")

    story = asyncio.run(main())

    assert (story.acts, story.complaints, story.faults) == (["mcp"], [], [])
    assert "add" in story.of("mcp_tools")[0]["names"]
    assert [line["name"] for line in story.of("approval_asked")] == ["add"]
    assert [(line["name"], line["output"]) for line in story.of("mcp_call")] == [("add", "42")]


def test_words_that_cannot_be_made_out_are_no_riddle() -> None:
    """An event about it is one that the package's schemas take."""
    story = tell_tones(AGENT, "misheard", model="deaf")

    assert story.wire.events("server", "conversation.item.input_audio_transcription.failed")
    assert (story.acts, story.complaints) == (["misheard"], [])


@pytest.mark.embedded
def test_a_spoken_turn_with_real_models() -> None:
    """A question is understood, and answered aloud."""
    story = tell_embedded(AGENT, "speak")

    assert story.complaints == []
    assert story.faults == []
    assert "capital of france" in story.transcripts[0].lower()
    assert story.audio_ms > 300
