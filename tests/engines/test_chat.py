"""GA items become chat messages that strict endpoints accept."""

from typing import Any

import pytest
from answering import CLOCK, WEATHER, assistant, user

from antiphon.engines.chat import NO_OUTPUT_YET, messages_of, tools_of
from antiphon.ports import Prompt
from antiphon.protocol.items import (
    FunctionCall,
    FunctionCallOutput,
    InputAudio,
    InputImage,
    InputText,
    Item,
    McpCall,
    McpListTools,
    McpToolExecutionError,
    Message,
    OutputAudio,
)
from antiphon.protocol.session import FunctionTool


def chat(*items: Item, instructions: str = "", **more: Any) -> list[dict[str, Any]]:
    return messages_of(Prompt("s", instructions, items), **more)


def call(call_id: str, name: str = "get_weather", arguments: str = '{"city":"Paris"}') -> FunctionCall:
    return FunctionCall(call_id=call_id, name=name, arguments=arguments)


def called(*ids: str) -> list[dict[str, Any]]:
    function = {"name": "get_weather", "arguments": '{"city":"Paris"}'}
    return [{"id": call_id, "type": "function", "function": function} for call_id in ids]


def tool(call_id: str, content: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def test_words_become_messages() -> None:
    """Text and speech alike; instructions come first."""
    system = Message(role="system", content=(InputText(text="Be kind."),))
    heard = Message(role="user", content=(InputAudio(transcript="Hello."), InputText(text="(waves)")))
    spoke = Message(role="assistant", content=(OutputAudio(transcript="Hi."),))

    assert chat(heard, spoke, system, user("Bye."), instructions="Be brief.") == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello. (waves)"},
        {"role": "assistant", "content": "Hi."},
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Bye."},
    ]


def test_messages_without_words_are_left_out_and_neighbours_joined() -> None:
    """Roles alternate, since some chat templates insist on it."""
    silent = Message(role="assistant", content=(OutputAudio(transcript=None),))

    assert chat(user("One."), silent, user("Two."), assistant("Three.")) == [
        {"role": "user", "content": "One.\nTwo."},
        {"role": "assistant", "content": "Three."},
    ]


def test_a_call_and_its_output_stand_together() -> None:
    """Whatever was said while the function ran."""
    items = (user("Weather?"), call("c1"), user("Are you there?"), FunctionCallOutput(call_id="c1", output="sunny"))

    assert chat(*items) == [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": None, "tool_calls": called("c1")},
        tool("c1", "sunny"),
        {"role": "user", "content": "Are you there?"},
    ]


def test_calls_of_one_turn_are_one_message() -> None:
    """With the words before them; a later call is a turn of its own."""
    out = [FunctionCallOutput(call_id=f"c{n}", output=str(n)) for n in range(3)]

    assert chat(assistant("Let me see."), call("c0"), call("c1"), *out[:2], assistant("And."), call("c2"), out[2]) == [
        {"role": "assistant", "content": "Let me see.", "tool_calls": called("c0", "c1")},
        tool("c0", "0"),
        tool("c1", "1"),
        {"role": "assistant", "content": "And.", "tool_calls": called("c2")},
        tool("c2", "2"),
    ]


def test_a_call_after_an_output_is_a_turn_of_its_own() -> None:
    """The model made it because of what the first one gave."""
    items = (
        call("c1"),
        FunctionCallOutput(call_id="c1", output="1"),
        call("c2"),
        FunctionCallOutput(call_id="c2", output="2"),
    )

    assert [message.get("content") for message in chat(*items)] == [None, "1", None, "2"]


def test_a_call_without_output_is_told_so_and_an_output_without_call_is_dropped() -> None:
    """Endpoints refuse either half alone."""
    unnamed = FunctionCall(name="get_weather", arguments='{"city":"Paris"}')

    assert chat(FunctionCallOutput(call_id="gone", output="?"), call("c1"), unnamed) == [
        {"role": "assistant", "content": None, "tool_calls": called("c1", "call_2")},
        tool("c1", NO_OUTPUT_YET),
        tool("call_2", NO_OUTPUT_YET),
    ]
    assert chat(call("c1", arguments=""))[0]["tool_calls"][0]["function"]["arguments"] == "{}"


def test_mcp_calls_read_like_function_calls() -> None:
    """Their output, their error, or neither yet; listings are not shown."""
    listing = McpListTools(server_label="s", tools=())
    done = McpCall(id="m1", server_label="s", name="get_weather", arguments='{"city":"Paris"}', output="sunny")
    failed = McpCall(
        id="m2",
        server_label="s",
        name="get_weather",
        arguments='{"city":"Paris"}',
        error=McpToolExecutionError(message="no"),
    )
    running = McpCall(id="m3", server_label="s", name="get_weather", arguments='{"city":"Paris"}')

    messages = chat(listing, done, failed, running)

    assert messages[0]["tool_calls"] == called("m1", "m2", "m3")
    assert [message["content"] for message in messages[1:]] == [
        "sunny",
        "error: no",
        NO_OUTPUT_YET,
    ]


def test_pictures_are_shown_to_those_who_see() -> None:
    """Others get the words alone; a picture without words is a message too."""
    picture = InputImage(image_url="data:image/png;base64,AA==", detail="low")
    plain = InputImage(image_url="data:image/png;base64,BB==")
    both = Message(role="user", content=(InputText(text="What is it?"), picture))
    alone = Message(role="user", content=(plain,))

    assert chat(both, alone, sees_images=True) == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is it?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"}},
            ],
        },
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,BB=="}}]},
    ]
    assert chat(both, alone) == [{"role": "user", "content": "What is it?"}]


def test_tools_are_listed_unless_calling_is_forbidden() -> None:
    """Each with a schema, even without parameters."""
    prompt = Prompt("s", "", (), tools=(WEATHER, FunctionTool(name="bare"), FunctionTool()))

    assert tools_of(prompt) == [
        {
            "type": "function",
            "function": {
                "name": "get_weather",
                "description": "The weather in a city, now.",
                "parameters": WEATHER.parameters,
            },
        },
        {
            "type": "function",
            "function": {"name": "bare", "description": "", "parameters": {"type": "object", "properties": {}}},
        },
    ]
    assert tools_of(Prompt("s", "", (), tools=(CLOCK,), tool_choice="none")) == []


@pytest.mark.parametrize("instructions", ["", "Be brief."])
def test_an_empty_conversation_has_its_instructions_alone(instructions: str) -> None:
    """Nothing is made up."""
    assert [message["content"] for message in chat(instructions=instructions)] == [instructions][: len(instructions)]
