"""llama.cpp in this process, with the weights that ship through the package index."""

import asyncio
import http.client
import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import psutil
import pytest
from answering import CLOCK, WEATHER, asking, assistant, broken, deltas_of, run_async, text_in, until, user

from antiphon.catalogue import path_of
from antiphon.engines import registry
from antiphon.engines.llama import Llama, LlamaRun, make
from antiphon.engines.llama_presets import PRESETS, Preset
from antiphon.engines.llama_server import LlamaServer, ServerSettings
from antiphon.engines.registry import EngineSpec, MissingWeights, SetupError
from antiphon.ports import LLM, CallDelta, Delta, Ending, EngineError, Prompt, TextDelta, Usage
from antiphon.protocol.items import Message
from antiphon.protocol.session import FunctionTool, ToolChoiceFunction

pytestmark = pytest.mark.embedded

INSTRUCTIONS = "You are a helpful voice assistant. Answer in one short sentence."
CONTEXT_TOKENS = 512
STORY = "Tell me a long story about a cat."
LONG = "The quick brown fox jumps over the lazy dog. " * 30


def new_llama(preset: Preset, parallel: int = 2) -> Llama:
    return Llama("llama", ServerSettings(path_of("smollm2-135m"), CONTEXT_TOKENS, parallel, threads=1), preset)


@pytest.fixture(scope="module")
def llama() -> Iterator[Llama]:
    """The model with its preset, loaded once; two answers at a time."""
    engine = new_llama(PRESETS["smollm2-135m"])
    asyncio.run(engine.start())
    yield engine
    asyncio.run(engine.stop())


@pytest.fixture(scope="module")
def rambling() -> Iterator[Llama]:
    """The same model, never cut short, one answer at a time."""
    engine = new_llama(Preset(temperature=0.0), parallel=1)
    asyncio.run(engine.start())
    yield engine
    asyncio.run(engine.stop())


def ask(engine: Llama, prompt: Prompt) -> tuple[list[Delta], Usage]:
    async def main() -> tuple[list[Delta], Usage]:
        run = engine.run(prompt)
        deltas = await deltas_of(run)
        await settled(engine)
        return deltas, run.usage

    return run_async(main)


async def settled(engine: Llama) -> None:
    """All threads have ended their requests, also those that were told to stop."""
    for request in list(engine._requests):
        await request.ended.wait()


def failing(engine: Llama, prompt: Prompt) -> Exception:
    async def main() -> Exception:
        _, error = await broken(engine.run(prompt))
        await settled(engine)
        return error

    return run_async(main)


async def begun(run: LlamaRun) -> list[Delta]:
    """The first words of an answer; the rest is being written."""
    return [await anext(aiter(run))]


# Answers


def test_it_answers(llama: Llama) -> None:
    """Words come one by one; usage is what llama.cpp counted."""
    deltas, usage = ask(llama, asking("What is the capital of France?", session_id="a", instructions=INSTRUCTIONS))

    assert "Paris" in text_in(deltas)
    assert len(deltas) > 3
    assert all(isinstance(delta, TextDelta) for delta in deltas)
    assert usage.input_tokens > 30
    assert abs(usage.output_tokens - len(deltas)) <= 2


def test_the_next_turn_reads_only_what_is_new(llama: Llama) -> None:
    """The session's slot still holds the conversation, also when the answer was cut short."""
    items: list[Message] = []
    usages = []
    for question in ("Why is the sky blue?", "And the sea?", "Why?"):
        deltas, usage = ask(llama, asking(question, *items, session_id="turns", instructions=INSTRUCTIONS))
        items += [user(question), assistant(text_in(deltas))]
        usages.append(usage)

    for before, after in itertools.pairwise(usages):
        assert after.cached_tokens >= before.input_tokens


def test_sessions_do_not_disturb_each_others_cache(llama: Llama) -> None:
    """Each has its own slot while there are enough."""

    async def main() -> list[Usage]:
        runs = []
        for turn in range(2):
            both = [
                llama.run(asking(f"Hello. {turn}", session_id=name, instructions=f"You are {name}. {INSTRUCTIONS}"))
                for name in ("Ada", "Bob")
            ]
            await asyncio.gather(*map(deltas_of, both))
            runs += both
        await settled(llama)
        return [run.usage for run in runs]

    first, other, again, other_again = run_async(main)
    assert again.cached_tokens >= first.input_tokens - 12
    assert other_again.cached_tokens >= other.input_tokens - 12


def test_a_small_model_is_cut_after_two_sentences(llama: Llama, rambling: Llama) -> None:
    """Its preset knows that it does not find its end."""
    prompt = asking(STORY, session_id="brief", max_output_tokens=150)

    cut, _ = ask(llama, prompt)
    whole, _ = ask(rambling, prompt)

    assert whole[-1] == Ending("max_output_tokens")
    assert text_in(whole).startswith(text_in(cut))
    assert 1 <= text_in(cut).count(".") <= 3
    assert text_in(cut).endswith((".", "!", "?", '"'))


def test_the_token_limit_is_kept_and_told(llama: Llama) -> None:
    """No more tokens than allowed, and a reason."""
    deltas, usage = ask(llama, asking(STORY, session_id="limit", max_output_tokens=5))

    assert deltas[-1] == Ending("max_output_tokens")
    assert usage.output_tokens == 5


def test_temperature_is_the_clients_unless_the_preset_fixes_it(llama: Llama) -> None:
    """A greedy model says the same twice, however hot the client wants it."""
    hot = asking(STORY, session_id="hot", temperature=1.2, max_output_tokens=20)

    assert text_in(ask(llama, hot)[0]) == text_in(ask(llama, hot)[0])


# Stopping


def test_an_answer_can_be_stopped(rambling: Llama) -> None:
    """After a few words: the slot is free with the next token, and usage tells what was made."""

    async def main() -> Usage:
        run = rambling.run(asking(STORY, session_id="stop"))
        await begun(run)
        await run.aclose()
        await run.aclose()
        await settled(rambling)
        assert rambling.slots.free == 1
        return run.usage

    usage = run_async(main)
    assert usage.input_tokens > 10
    assert 1 <= usage.output_tokens < 30


def test_reading_a_long_prompt_can_be_stopped_and_is_not_lost(rambling: Llama) -> None:
    """Between two batches; what was read stays in the slot."""

    async def main() -> tuple[int, Usage]:
        prompt = asking(LONG, session_id="prefill", max_output_tokens=4)
        first = rambling.run(prompt)
        reading = asyncio.ensure_future(deltas_of(first))
        await until(lambda: first.usage.input_tokens - first.usage.cached_tokens >= 64)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await first.aclose()
        read = first.usage.input_tokens
        again = rambling.run(prompt)
        await deltas_of(again)
        await settled(rambling)
        return read, again.usage

    read, usage = run_async(main)
    assert read < usage.input_tokens
    assert usage.cached_tokens >= read - 1


@pytest.mark.parametrize("steps", [0, 1, 2, 5, 20])
def test_an_answer_can_be_cancelled_at_any_step(llama: Llama, steps: int) -> None:
    """Waiting for a slot, reading or writing: nothing is left behind."""

    async def main() -> None:
        runs = [llama.run(asking(STORY, session_id=f"cancel {n}", max_output_tokens=20)) for n in range(3)]

        async def listen(run: LlamaRun) -> None:
            try:
                await deltas_of(run)
            finally:
                await run.aclose()

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(listen(run)) for run in runs]
            for _ in range(steps):
                await asyncio.sleep(0.001)
            for task in tasks:
                task.cancel()
        await settled(llama)
        assert (llama.slots.free, llama.slots.waiting) == (2, 0)

    run_async(main)


# Warming


def test_a_warmed_prompt_is_not_read_again(llama: Llama) -> None:
    """Only the words that came after, and the end of the turn."""

    async def main() -> Usage:
        prompt = asking("Who wrote Hamlet, and", session_id="warm", instructions=INSTRUCTIONS)
        await llama.warm(prompt)
        run = llama.run(replace(prompt, items=(user("Who wrote Hamlet, and when?"),)))
        await deltas_of(run)
        await settled(llama)
        return run.usage

    usage = run_async(main)
    assert usage.input_tokens - usage.cached_tokens <= 12


def test_warming_gives_way_to_an_answer(rambling: Llama) -> None:
    """To one of its own session, and to another's that finds no free slot."""

    async def main(session_id: str) -> None:
        warming = asyncio.ensure_future(rambling.warm(asking(LONG, session_id="warmed")))
        await until(lambda: rambling._warming)
        run = rambling.run(asking("Hello.", session_id=session_id, max_output_tokens=3))
        await deltas_of(run)
        assert warming.done()
        await warming
        await settled(rambling)

    run_async(lambda: main("warmed"))
    run_async(lambda: main("another"))


def test_warming_does_not_wait_for_a_slot(rambling: Llama) -> None:
    """With all slots at work it does nothing; nor does it complain of a prompt that is too long."""

    async def main() -> None:
        run = rambling.run(asking(STORY, session_id="busy"))
        await begun(run)
        await rambling.warm(asking("Hello", session_id="other"))
        assert not run._answer.is_done
        await run.aclose()
        await settled(rambling)
        await rambling.warm(asking(LONG * 20, session_id="other"))
        await settled(rambling)

    run_async(main)


def test_warming_can_be_cancelled(rambling: Llama) -> None:
    """It frees its slot with the next batch."""

    async def main() -> None:
        warming = asyncio.ensure_future(rambling.warm(asking(LONG, session_id="cold")))
        await until(lambda: rambling._warming)
        warming.cancel()
        with pytest.raises(asyncio.CancelledError):
            await warming
        await settled(rambling)
        assert (rambling.slots.free, rambling._warming) == (1, {})

    run_async(main)


# Many at once


def test_more_answers_than_slots_wait_their_turn(llama: Llama) -> None:
    """All are answered, nobody is lost."""

    async def main() -> list[str]:
        runs = [
            llama.run(asking(f"Say the number {n}.", session_id=f"many {n}", max_output_tokens=8)) for n in range(6)
        ]
        answers = await asyncio.gather(*map(deltas_of, runs))
        await settled(llama)
        assert (llama.slots.free, llama.slots.waiting) == (2, 0)
        return [text_in(deltas) for deltas in answers]

    assert all(run_async(main))


def test_the_event_loop_stays_free(rambling: Llama) -> None:
    """While the model reads and writes, other tasks run."""

    async def main() -> int:
        turns = 0
        answering = asyncio.ensure_future(
            deltas_of(rambling.run(asking(LONG, session_id="loop", max_output_tokens=10)))
        )
        while not answering.done():
            await asyncio.sleep(0.001)
            turns += 1
        await settled(rambling)
        return turns

    assert run_async(main) > 50


# Long conversations


def test_the_oldest_items_go_when_a_conversation_is_too_long(llama: Llama) -> None:
    """The instructions stay, and the next turn does not read everything anew."""
    history: list[Message] = []
    for n in range(14):
        history += [
            user(f"Note {n}: the weather is fine and we go out today."),
            assistant("Very well, I have noted it."),
        ]
    history = [msgspec.structs.replace(message, id=f"item_{n}") for n, message in enumerate(history)]
    asked = user("What is two plus two?")

    _, first = ask(llama, Prompt("long", INSTRUCTIONS, (*history, asked), max_output_tokens=20))
    _, second = ask(
        llama, Prompt("long", INSTRUCTIONS, (*history, asked, assistant("Four."), user("Sure?")), max_output_tokens=20)
    )

    assert first.input_tokens + 20 <= CONTEXT_TOKENS
    assert second.input_tokens > first.input_tokens
    assert second.cached_tokens >= first.input_tokens - 12


def test_a_single_prompt_that_is_too_long_is_an_error(llama: Llama) -> None:
    """There is nothing to leave out."""
    error = failing(llama, asking(LONG * 20, session_id="too long"))

    assert isinstance(error, EngineError)
    assert error.code == "context_length_exceeded"
    assert f"the model takes {CONTEXT_TOKENS}" in error.message


def test_an_answer_may_use_the_room_that_a_long_prompt_leaves(llama: Llama) -> None:
    """Less than usual, but some."""
    deltas, usage = ask(llama, asking("word " * 400, session_id="tight", max_output_tokens=200))

    assert text_in(deltas) or usage.output_tokens
    assert usage.input_tokens + usage.output_tokens <= CONTEXT_TOKENS + 1


# Calls


def test_a_required_call_is_made(llama: Llama) -> None:
    """A grammar makes even a model that knows no calls write one; it is no speech."""
    prompt = asking("What is the weather in Paris?", session_id="call", tools=(WEATHER, CLOCK), tool_choice="required")

    deltas, _ = ask(llama, prompt)

    assert deltas == [CallDelta(0, "get_weather", '{"city": "Paris"}')]


def test_a_named_call_is_made(llama: Llama) -> None:
    """Of several functions the one that was asked for."""
    choice = ToolChoiceFunction(name="get_time")
    prompt = asking("What is the weather in Paris?", session_id="call", tools=(WEATHER, CLOCK), tool_choice=choice)

    (call,), _ = ask(llama, prompt)

    assert isinstance(call, CallDelta)
    assert call.name == "get_time"


def test_a_forced_call_that_is_cut_short_is_no_speech(llama: Llama) -> None:
    """Half a call is worth nothing, but the reason is told."""
    prompt = asking("Weather?", session_id="call", tools=(WEATHER,), tool_choice="required", max_output_tokens=3)

    assert ask(llama, prompt)[0] == [Ending("max_output_tokens")]


def test_a_schema_that_cannot_be_kept_is_an_error(llama: Llama) -> None:
    """llama.cpp's own words reach the client."""
    odd = FunctionTool(name="odd", parameters={"type": "object", "properties": {"a": {"$ref": "#/nowhere"}}})
    prompt = asking("Hello.", session_id="call", tools=(odd,), tool_choice="required")

    error = failing(llama, prompt)

    assert isinstance(error, EngineError)
    assert "nowhere" in error.message


def test_functions_are_shown_to_a_model_whose_template_knows_none(llama: Llama) -> None:
    """They cost tokens; without them, or when calling is forbidden, nothing is shown."""
    _, with_tools = ask(llama, asking("Hello.", session_id="shown", tools=(WEATHER,)))
    _, forbidden = ask(llama, asking("Hello.", session_id="shown", tools=(WEATHER,), tool_choice="none"))
    _, without = ask(llama, asking("Hello.", session_id="shown"))

    assert with_tools.input_tokens > without.input_tokens + 50
    assert forbidden.input_tokens == without.input_tokens


# Weights and life


def test_it_is_an_llm_of_the_registry() -> None:
    """By its own name, by that of its weights, and by path."""
    path = path_of("smollm2-135m")
    engines: list[LLM] = [
        registry.make("llm", "llama", weights=path_of),
        registry.make("llm", "smollm2-135m", weights=path_of, options={"parallel": "1", "max_sentences": 3}),
        registry.make("llm", f"file:{path}", options={"context_tokens": 512, "threads": 1}),
        registry.make("llm", f"llama#file:{path}"),
    ]

    assert [engine.context_tokens for engine in engines] == [2048, 2048, 512, 4096]
    assert [engine.name for engine in engines][1] == "smollm2-135m"
    assert not engines[0].sees_images
    assert engines[0].count("abcdefgh") == 2


def test_weights_that_are_not_there_are_the_operators_matter(tmp_path: Path) -> None:
    """Not pulled, not in the catalogue: said when the engine is made."""

    def not_pulled(name: str) -> Path:
        raise MissingWeights(name)

    with pytest.raises(MissingWeights, match="hint: antiphon pull smollm2-135m"):
        make(EngineSpec("llm", "llama", weights=not_pulled))
    with pytest.raises(SetupError, match='"nonsense" is in no catalogue'):
        make(EngineSpec("llm", "llama", model="nonsense"))
    with pytest.raises(SetupError, match="its options are: model, context_tokens"):
        make(EngineSpec("llm", "llama", options={"ctx": 1}))


def start(path: Path) -> None:
    async def main() -> None:
        engine = make(EngineSpec("llm", "llama", model=f"file:{path}"))
        try:
            await engine.start()
        finally:
            await engine.stop()

    run_async(main)


def test_weights_that_cannot_be_loaded_are_the_operators_matter(tmp_path: Path) -> None:
    """Missing, of another kind, or damaged: said when the engine starts."""
    wrong, damaged = tmp_path / "wrong.gguf", tmp_path / "damaged.gguf"
    wrong.write_bytes(b"PK\x03\x04")
    damaged.write_bytes(path_of("smollm2-135m").read_bytes()[:100_000])

    with pytest.raises(SetupError, match="cannot be read: No such file"):
        start(tmp_path / "none.gguf")
    with pytest.raises(SetupError, match="is no GGUF file"):
        start(wrong)
    with pytest.raises(SetupError, match="cannot be loaded"):
        start(damaged)


def test_the_port_that_llama_cpp_opens_needs_a_key() -> None:
    """It is on loopback only, and without our key it does nothing."""
    server = LlamaServer(ServerSettings(path_of("smollm2-135m"), 128, 1, threads=1))
    address = urlsplit(server._server.listening_address)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=5)
    try:
        for path in ("/v1/models", "/props", "/slots", "/v1/chat/completions", "/tokenize"):
            connection.request("POST" if "t" in path[-2:] else "GET", path, body="{}")
            response = connection.getresponse()
            response.read()
            assert response.status == 401, path
    finally:
        connection.close()
        server.close()

    assert address.hostname == "127.0.0.1"


def test_stopping_frees_threads_and_port() -> None:
    """Nothing of the model is left, and what still ran has failed."""
    process = psutil.Process()

    async def main() -> tuple[list[Delta], Exception]:
        engine = new_llama(PRESETS["smollm2-135m"], parallel=1)
        await engine.start()
        running = engine.run(asking(STORY, session_id="a"))
        await begun(running)
        waiting = asyncio.ensure_future(broken(engine.run(asking("Hello", session_id="b"))))
        await asyncio.sleep(0)
        await engine.stop()
        _, refused = await waiting
        assert isinstance(refused, EngineError)
        _, late = await broken(engine.run(asking("Hello", session_id="c")))
        assert str(late) == "The model is not running."
        assert (engine.slots.free, engine.slots.waiting) == (1, 0)
        return await broken(running)

    run_async(main)
    threads, connections = process.num_threads(), len(process.net_connections())
    _, error = run_async(main)

    assert str(error) == "The model cannot answer: it is stopping."
    run_async(lambda: until(lambda: process.num_threads() <= threads))  # the last ones are on their way out
    assert len(process.net_connections()) == connections
