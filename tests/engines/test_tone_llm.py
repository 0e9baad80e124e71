"""The tone LLM obeys a small command language."""

import asyncio
from typing import Any

import pytest
from answering import CLOCK, WEATHER, asking, assistant, deltas_of, run_async, text_in, user

from antiphon.engines.tone_llm import REMEMBERED_SESSIONS, ToneLLM, ToneLLMOptions, ToneRun
from antiphon.ports import CallDelta, Delta, Ending, EngineError, Prompt, TextDelta, Usage
from antiphon.protocol.items import (
    FunctionCall,
    FunctionCallOutput,
    InputAudio,
    InputImage,
    InputText,
    McpCall,
    McpToolExecutionError,
    Message,
)
from antiphon.protocol.session import ToolChoiceFunction


def answer(prompt: Prompt, llm: ToneLLM | None = None) -> list[Delta]:
    return run_async(lambda: deltas_of((llm or ToneLLM()).run(prompt)))


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("Good morning", "You said: Good morning"),
        ("say Well, hello there. Bye!", "Well, hello there. Bye!"),
        ("Count to 4.", "1 2 3 4"),
        ("What are your instructions?", "Be brief."),
        ("call me maybe", "You said: call me maybe"),
        ("call f {broken", "You said: call f {broken"),
    ],
)
def test_it_answers_words(asked: str, answered: str) -> None:
    """Each command has one answer; anything else is echoed."""
    assert text_in(answer(asking(asked, instructions="Be brief."))) == answered


def test_words_come_one_at_a_time() -> None:
    """A delta per word, with its blank."""
    assert answer(asking("count to 3")) == [TextDelta("1"), TextDelta(" 2"), TextDelta(" 3")]


def test_it_remembers_what_was_said_first() -> None:
    """Earlier turns are read from the items, speech by its transcript."""
    speech = Message(role="user", content=(InputAudio(transcript="My name is Ada."), InputAudio(transcript=None)))

    told = answer(asking("What did I say first?", speech, assistant("Hi Ada.")))

    assert text_in(told) == "First you said: My name is Ada."


def test_without_a_word_of_the_caller_it_greets() -> None:
    """An empty conversation has an answer too."""
    assert text_in(answer(Prompt("s", "", ()))) == "Hello."


def test_the_output_of_a_function_is_told() -> None:
    """After a call the answer uses what it gave."""
    call = FunctionCall(name="get_weather", arguments="{}", call_id="call_1")
    prompt = Prompt("s", "", (user("weather?"), call, FunctionCallOutput(call_id="call_1", output="sunny")))

    assert text_in(answer(prompt)) == "The function gave: sunny"


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"output": "5"}, "The function gave: 5"),
        ({"output": ""}, "The function gave: "),
        ({"error": McpToolExecutionError(message="no")}, "The function gave: error: no"),
        ({}, "The function has not answered yet."),
    ],
)
def test_the_output_of_an_mcp_tool_is_told(keys: dict[str, Any], told: str) -> None:
    """The call holds it itself."""
    call = McpCall(id="m1", server_label="s", name="add", arguments="{}", **keys)

    assert text_in(answer(Prompt("s", "", (user("call add"), call)))) == told


def test_pictures_are_counted() -> None:
    """It sees that there are images."""
    picture = InputImage(image_url="data:image/png;base64,AA==")
    one = Message(role="user", content=(InputText(text="look"), picture))
    two = Message(role="user", content=(picture, picture))

    assert text_in(answer(Prompt("s", "", (one,)))) == "I see 1 image. You said: look"
    assert text_in(answer(Prompt("s", "", (two,)))).startswith("I see 2 images.")


# Calls


def test_calls_are_made_as_told() -> None:
    """Several calls, their JSON left as it is."""
    assert answer(asking('call get_weather {"city":"Paris"} call get_time')) == [
        CallDelta(0, "get_weather", '{"city":"Paris"}', "call_tone_0"),
        CallDelta(1, "get_time", "{}", "call_tone_1"),
    ]


def test_one_call_where_calls_may_not_be_parallel() -> None:
    """The first of them."""
    assert answer(asking("call f call g", parallel_tool_calls=False)) == [CallDelta(0, "f", "{}", "call_tone_0")]


def test_tool_choice_counts() -> None:
    """`none` forbids, `required` and a name force, and a command comes before both."""
    tools = (WEATHER, CLOCK)

    assert text_in(answer(asking("call f", tools=tools, tool_choice="none"))) == "You said: call f"
    assert answer(asking("hello", tools=tools, tool_choice="required")) == [
        CallDelta(0, "get_weather", "{}", "call_tone_0")
    ]
    assert answer(asking("hello", tools=tools, tool_choice=ToolChoiceFunction(name="get_time"))) == [
        CallDelta(0, "get_time", "{}", "call_tone_0")
    ]
    assert answer(asking('call f {"a":1}', tools=tools, tool_choice="required")) == [
        CallDelta(0, "f", '{"a":1}', "call_tone_0")
    ]
    assert text_in(answer(asking("hello", tool_choice="required"))) == "You said: hello"


# Ends


def test_the_token_limit_ends_an_answer() -> None:
    """A token is a word; an answer that fits has no ending."""
    assert answer(asking("count to 5", max_output_tokens=2))[-2:] == [TextDelta(" 2"), Ending("max_output_tokens")]
    assert answer(asking("count to 2", max_output_tokens=2))[-1] == TextDelta(" 2")


def test_it_fails_on_command() -> None:
    """At once, or after some words."""

    async def main() -> list[Delta]:
        got: list[Delta] = []
        deltas = aiter(ToneLLM().run(asking("fail after 2")))
        got += [await anext(deltas), await anext(deltas)]
        with pytest.raises(EngineError, match="told to fail"):
            await anext(deltas)
        return got

    assert run_async(main) == [TextDelta("1"), TextDelta(" 2")]
    with pytest.raises(EngineError):
        answer(asking("Fail."))


def test_it_hangs_on_command_and_can_be_closed() -> None:
    """What hangs is ended by `aclose`."""

    async def main() -> tuple[Delta, ToneRun]:
        run = ToneLLM().run(asking("hang after 1"))
        deltas = aiter(run)
        first = await anext(deltas)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(deltas), 0.01)
        await run.aclose()
        await run.aclose()
        return first, run

    first, run = run_async(main)
    assert first == TextDelta("1")
    assert run.usage.output_tokens == 1


def test_it_filters_on_command() -> None:
    """The provider's reason for silence."""
    assert answer(asking("filter after 1")) == [TextDelta("1"), Ending("content_filter")]


def test_slow_answers_take_their_time() -> None:
    """`slow` waits before each word, options before each word of any answer."""

    async def first_words(prompt: Prompt, llm: ToneLLM, seconds: float) -> list[str]:
        got = []
        run = llm.run(prompt)
        try:
            async with asyncio.timeout(seconds):
                async for delta in run:
                    assert isinstance(delta, TextDelta)
                    got.append(delta.text)
        except TimeoutError:
            await run.aclose()
        return got

    assert run_async(lambda: first_words(asking("slow a b c d"), ToneLLM(), 0.3)) == ["a"]
    late = ToneLLM("tone", ToneLLMOptions(first_token_ms=60_000))
    assert run_async(lambda: first_words(asking("say a"), late, 0.01)) == []


# Counting


def test_usage_counts_words_and_knows_the_shared_prefix() -> None:
    """Cached are the words that a session's last prompt began with."""

    async def main() -> list[Usage]:
        llm = ToneLLM()
        runs = []
        for prompt in (
            asking("one two", instructions="Be kind."),
            asking("three", user("one two"), assistant("fine"), instructions="Be kind."),
            asking("three", instructions="Be kind.", session_id="other"),
        ):
            runs.append(llm.run(prompt))
            await deltas_of(runs[-1])
        await llm.stop()
        return [run.usage for run in runs]

    assert run_async(main) == [Usage(4, 0, 4), Usage(6, 4, 3), Usage(3, 0, 3)]


def test_warming_fills_the_cache() -> None:
    """A warmed prompt is cached as an answered one is."""

    async def main() -> Usage:
        llm = ToneLLM()
        await llm.start()
        await llm.warm(asking("one two"))
        return llm.run(asking("one two three")).usage

    assert run_async(main) == Usage(3, 2, 0)


def test_the_memory_of_sessions_is_bounded() -> None:
    """The oldest session is forgotten."""

    async def main() -> list[int]:
        llm = ToneLLM()
        for n in range(REMEMBERED_SESSIONS + 1):
            await llm.warm(asking("one", session_id=str(n)))
        return [llm.run(asking("one", session_id=str(n))).usage.cached_tokens for n in (REMEMBERED_SESSIONS, 0)]

    assert run_async(main) == [1, 0]
    assert ToneLLM().count("one two  three") == 3
