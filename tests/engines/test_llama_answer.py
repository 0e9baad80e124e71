"""Chunks of llama.cpp become deltas."""

from typing import Any

import pytest
from answering import WEATHER, asking, text_in

from antiphon.engines.llama_answer import Answer
from antiphon.engines.llama_presets import ORDINARY, Preset
from antiphon.ports import CallDelta, Delta, Ending, EngineError, Prompt, TextDelta, Usage

CALL = '{"name": "get_weather", "arguments": {"city": "Paris"}}'
PLAIN = asking("Hi.")
WITH_TOOLS = asking("Hi.", tools=(WEATHER,))


def chunk(content: str | None = None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    return {"choices": [{"finish_reason": finish, "index": 0, "delta": {"content": content}}], **more}


def read(prompt: Prompt, *chunks: dict[str, Any], preset: Preset = ORDINARY) -> tuple[list[Delta], Answer]:
    answer = Answer(prompt, preset)
    deltas: list[Delta] = []
    for each in chunks:
        if answer.is_done:
            break
        deltas += answer.read(each)
    return deltas + answer.end(), answer


def test_words_pass_as_they_come() -> None:
    """Chunks without words say nothing."""
    deltas, answer = read(PLAIN, chunk(), chunk("Hello"), chunk(" there."), chunk(finish="stop"), {"choices": []})

    assert deltas == [TextDelta("Hello"), TextDelta(" there.")]
    assert not answer.is_done


def test_usage_is_what_the_timings_say() -> None:
    """Cached tokens are a part of the input tokens; progress counts too."""
    timings = {"cache_n": 10, "prompt_n": 5, "predicted_n": 2}

    _, answer = read(PLAIN, {"prompt_progress": {"total": 15}, "timings": timings}, chunk("Hi"))

    assert answer.usage == Usage(15, 10, 2)


def test_an_answer_cut_by_the_limit_says_so() -> None:
    """The reason comes last."""
    assert read(PLAIN, chunk("Hello"), chunk(finish="length"))[0] == [TextDelta("Hello"), Ending("max_output_tokens")]


def test_an_answer_cut_for_brevity_has_found_its_end() -> None:
    """That is no ending the client needs to know of."""
    deltas, answer = read(
        PLAIN, chunk("One."), chunk(" Two"), chunk(". Thr"), chunk("ee."), preset=Preset(max_sentences=2)
    )

    assert text_in(deltas) == "One. Two."
    assert answer.is_done


def test_a_call_in_the_text_is_a_call() -> None:
    """What follows it ends the answer."""
    deltas, answer = read(
        WITH_TOOLS, chunk("Well.\n"), chunk(CALL), chunk("\n"), chunk("Paris is"), chunk(finish="length")
    )

    assert deltas == [TextDelta("Well.\n"), CallDelta(0, "get_weather", '{"city": "Paris"}')]
    assert answer.is_done


def test_one_call_is_enough_where_parallel_calls_are_not_wanted() -> None:
    """Even if two come at once."""
    prompt = asking("Hi.", tools=(WEATHER,), parallel_tool_calls=False)

    deltas, answer = read(prompt, chunk(f"[{CALL}, {CALL}]"))

    assert deltas == [CallDelta(0, "get_weather", '{"city": "Paris"}')]
    assert answer.is_done
    assert len(read(WITH_TOOLS, chunk(f"[{CALL}, {CALL}]"))[0]) == 2


def test_a_forced_call_is_never_spoken() -> None:
    """Half a call is dropped."""
    prompt = asking("Hi.", tools=(WEATHER,), tool_choice="required")

    assert read(prompt, chunk(CALL[:20]), chunk(finish="length"))[0] == [Ending("max_output_tokens")]
    assert read(prompt, chunk(CALL))[0] == [CallDelta(0, "get_weather", '{"city": "Paris"}')]


def test_calls_that_llama_cpp_found_itself_pass() -> None:
    """Name and id first, then the arguments piece by piece."""

    def native(**call: Any) -> dict[str, Any]:
        return {"choices": [{"delta": {"tool_calls": [{"index": 1, **call}]}}]}

    deltas, _ = read(
        WITH_TOOLS,
        native(id="abc", function={"name": "get_weather", "arguments": ""}),
        native(function={"arguments": '{"city":'}),
        native(),
    )

    assert deltas == [CallDelta(1, "get_weather", "", "abc"), CallDelta(1, "", '{"city":'), CallDelta(1)]


def test_what_is_held_comes_at_the_end() -> None:
    """Text that might have become a call."""
    assert read(WITH_TOOLS, chunk('{"na'))[0] == [TextDelta('{"na')]


def test_brevity_holds_for_what_is_held_too() -> None:
    """Nothing passes after the last sentence."""
    deltas, _ = read(WITH_TOOLS, chunk('One. Two.\n{"city": 1}'), preset=Preset(max_sentences=1))

    assert text_in(deltas) == "One."


@pytest.mark.parametrize("error", [{"message": "out of memory"}, {"code": 500}])
def test_a_failure_is_raised(error: dict[str, Any]) -> None:
    """With llama.cpp's own words."""
    with pytest.raises(EngineError, match=r"The model cannot answer: .*(out of memory|500)"):
        read(PLAIN, {"error": error})
