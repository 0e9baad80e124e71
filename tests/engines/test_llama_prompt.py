"""A prompt as llama.cpp's request, and the window that keeps it short enough."""

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from answering import CLOCK, WEATHER, asking, assistant, user

from antiphon.engines.estimate import estimated_tokens
from antiphon.engines.llama_presets import ORDINARY, PRESETS
from antiphon.engines.llama_prompt import KEPT_SHARE, REMEMBERED_SESSIONS, Windows, is_forced, request_of, warming
from antiphon.ports import Prompt
from antiphon.protocol.items import FunctionCall, FunctionCallOutput, Item
from antiphon.protocol.session import ToolChoiceFunction

TOOLS = (WEATHER, CLOCK)


def request(prompt: Prompt, *, has_tools: bool = True) -> dict[str, Any]:
    return request_of(prompt, ORDINARY, has_tools=has_tools)


def test_an_ordinary_request() -> None:
    """Messages, what the client set, and what we want to be told."""
    assert request(asking("Hi.", instructions="Be brief.", temperature=0.7, max_output_tokens=9)) == {
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi."}],
        "stream": True,
        "return_progress": True,
        "timings_per_token": True,
        "chat_template_kwargs": {"enable_thinking": False},
        "temperature": 0.7,
        "max_tokens": 9,
    }
    assert "temperature" not in request(asking("Hi."))


def test_a_preset_fixes_the_temperature() -> None:
    """The smallest model is greedy, whatever the client says."""
    assert request_of(asking("Hi.", temperature=0.7), PRESETS["smollm2-135m"], has_tools=False)["temperature"] == 0.0


@pytest.mark.parametrize(("effort", "thinks"), [(None, False), ("none", False), ("minimal", False), ("high", True)])
def test_a_model_thinks_only_where_the_client_asked_for_it(effort: str | None, thinks: bool) -> None:
    """A caller does not like to wait in silence."""
    prompt = asking("Hi.", reasoning_effort=effort)

    assert request(prompt)["chat_template_kwargs"] == {"enable_thinking": thinks}


def test_a_warming_request_is_its_prompt_alone() -> None:
    """No answer is begun, and the last message stays open."""
    assert warming({"messages": [], "max_tokens": 9}) == {
        "messages": [],
        "max_tokens": 0,
        "add_generation_prompt": False,
    }


# Functions


def test_a_template_that_knows_functions_shows_them_itself() -> None:
    """They go along with the request."""
    body = request(asking("Hi.", tools=TOOLS))

    assert [tool["function"]["name"] for tool in body["tools"]] == ["get_weather", "get_time"]
    assert "response_format" not in body


def test_for_other_templates_we_show_them() -> None:
    """In the instructions, which are made if there are none; calls and outputs become words."""
    call = FunctionCall(call_id="c", name="get_weather", arguments='{"city":"Rome"}')
    items = (user("Rome?"), assistant("Let me see."), call, FunctionCallOutput(call_id="c", output="sunny"))

    system, *others = request(asking("Paris?", *items, tools=TOOLS), has_tools=False)["messages"]

    assert system["role"] == "system"
    assert json.dumps({"name": "get_weather"})[1:-1] in system["content"]
    assert others == [
        {"role": "user", "content": "Rome?"},
        {
            "role": "assistant",
            "content": 'Let me see.\n<tool_call>\n{"name": "get_weather", "arguments": {"city":"Rome"}}\n</tool_call>',
        },
        {"role": "user", "content": "<tool_response>\nsunny\n</tool_response>"},
        {"role": "user", "content": "Paris?"},
    ]
    kept = request(asking("Hi.", instructions="Be brief.", tools=TOOLS), has_tools=False)["messages"][0]["content"]
    assert kept.startswith("Be brief.\n\nYou can call functions.")


def test_a_required_call_is_forced_by_its_schema() -> None:
    """Any of the functions, or the one that was named."""
    weather = {
        "type": "object",
        "properties": {"name": {"const": "get_weather"}, "arguments": WEATHER.parameters},
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }

    def schema(prompt: Prompt) -> Any:
        return request(prompt)["response_format"]["json_schema"]["schema"]

    assert schema(asking("Hi.", tools=(WEATHER,), tool_choice="required")) == weather
    assert schema(asking("Hi.", tools=TOOLS, tool_choice=ToolChoiceFunction(name="get_weather"))) == weather
    assert [
        each["properties"]["name"]["const"]
        for each in schema(asking("Hi.", tools=TOOLS, tool_choice="required"))["anyOf"]
    ] == [
        "get_weather",
        "get_time",
    ]


@pytest.mark.parametrize(
    ("prompt", "forced"),
    [
        (asking("Hi.", tools=TOOLS), False),
        (asking("Hi.", tools=TOOLS, tool_choice="none"), False),
        (asking("Hi.", tools=TOOLS, tool_choice="required"), True),
        (asking("Hi.", tools=TOOLS, tool_choice=ToolChoiceFunction(name="get_time")), True),
        (asking("Hi.", tools=TOOLS, tool_choice=ToolChoiceFunction(name="unknown")), False),
        (asking("Hi.", tool_choice="required"), False),
    ],
)
def test_a_call_is_forced_only_where_it_can_be(prompt: Prompt, forced: bool) -> None:
    """Without functions, or with a name that is none, the model answers freely."""
    assert is_forced(prompt) is forced
    assert ("response_format" in request(prompt)) is forced


# Windows


def conversation(turns: int, words: int = 10) -> tuple[Item, ...]:
    items = [message for n in range(turns) for message in (user("word " * words), assistant("word " * words))]
    return tuple(msgspec.structs.replace(item, id=f"item_{n}") for n, item in enumerate([*items, user("Well?")]))


def test_the_oldest_items_are_left_out() -> None:
    """So many that well less than the room is taken; the caller's last words stay."""
    windows = Windows(estimated_tokens)
    prompt = Prompt("s", "Be brief.", conversation(20))

    shorter = windows.shorten(prompt, tokens=1000, room=500)

    assert shorter is not None
    assert shorter.items == prompt.items[-len(shorter.items) :]
    assert shorter.instructions == "Be brief."
    kept = len(shorter.items) / len(prompt.items)
    assert KEPT_SHARE / 2 - 0.1 < kept <= KEPT_SHARE / 2


def test_what_was_left_out_stays_out() -> None:
    """The next prompt of the session begins with the same item."""
    windows = Windows(estimated_tokens)
    prompt = Prompt("s", "", conversation(20))
    shorter = windows.shorten(prompt, tokens=1000, room=500)
    assert shorter is not None
    longer = replace(prompt, items=(*prompt.items, assistant("Yes."), user("Sure?")))

    assert windows.cut(longer).items == (*shorter.items, assistant("Yes."), user("Sure?"))
    assert windows.cut(replace(longer, session_id="other")) == replace(longer, session_id="other")


def test_a_session_that_forgot_the_item_is_not_cut() -> None:
    """The client deleted it, or asks with other items."""
    windows = Windows(estimated_tokens)
    windows.shorten(Prompt("s", "", conversation(20)), tokens=1000, room=500)

    fresh = asking("Hi.", session_id="s")
    assert windows.cut(fresh) == fresh


def test_something_goes_even_where_the_estimate_says_it_fits() -> None:
    """Else we would try the same prompt for ever."""
    windows = Windows(estimated_tokens)
    prompt = Prompt("s", "", conversation(5))

    shorter = windows.shorten(prompt, tokens=10, room=500)

    assert shorter is not None
    assert len(shorter.items) == len(prompt.items) - 1


@pytest.mark.parametrize(
    "items", [(), (user("Hi."),), (assistant("Hi."),), (user("Hi."), assistant("Well."), assistant("Well."))]
)
def test_the_callers_last_words_never_go(items: tuple[Item, ...]) -> None:
    """Nor does the only item."""
    assert Windows(estimated_tokens).shorten(Prompt("s", "", items), tokens=1000, room=500) is None


def test_the_memory_of_sessions_is_bounded() -> None:
    """The oldest is forgotten: its next prompt is then cut anew."""
    windows = Windows(estimated_tokens)
    prompts = [Prompt(str(n), "", conversation(2)) for n in range(REMEMBERED_SESSIONS + 1)]
    for prompt in prompts:
        windows.shorten(prompt, tokens=1000, room=500)

    assert windows.cut(prompts[0]) == prompts[0]
    assert windows.cut(prompts[-1]) != prompts[-1]


def test_items_without_an_id_are_cut_each_time() -> None:
    """There is nothing to remember them by."""
    windows = Windows(estimated_tokens)
    prompt = asking("Hi.", user("old"), user("older"))

    assert windows.shorten(prompt, tokens=1000, room=500) is not None
    assert windows.cut(prompt) == prompt
