"""What the tests of language engines share: short ways to ask, and to collect an answer."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from antiphon.ports import AudioDelta, Delta, Prompt, Run, TextDelta
from antiphon.protocol.items import InputText, Item, Message, OutputText
from antiphon.protocol.session import FunctionTool

T = TypeVar("T")

WEATHER = FunctionTool(
    name="get_weather",
    description="The weather in a city, now.",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
CLOCK = FunctionTool(name="get_time", description="What time it is.", parameters={"type": "object", "properties": {}})


def user(text: str) -> Message:
    return Message(role="user", content=(InputText(text=text),))


def assistant(text: str) -> Message:
    return Message(role="assistant", content=(OutputText(text=text),))


def asking(text: str, *before: Item, instructions: str = "", **more: Any) -> Prompt:
    more.setdefault("session_id", "sess_1")
    return Prompt(instructions=instructions, items=(*before, user(text)), **more)


async def deltas_of(run: Run) -> list[Delta]:
    return [delta async for delta in run]


async def broken(run: Run) -> tuple[list[Delta], Exception]:
    """What a run gave before it failed, and how it failed."""
    got: list[Delta] = []
    try:
        async for delta in run:
            got.append(delta)  # noqa: PERF401 -- what came before the failure counts
    except Exception as error:  # noqa: BLE001 -- handed back to be looked at
        return got, error
    raise AssertionError(f"the run did not fail, it gave {got}")


def text_in(deltas: list[Delta]) -> str:
    return "".join(d.text for d in deltas if isinstance(d, TextDelta))


def pcm_in(deltas: list[Delta]) -> bytes:
    return b"".join(d.pcm for d in deltas if isinstance(d, AudioDelta))


async def until(condition: Callable[[], object]) -> None:
    """Wait for what a thread does; the test's time limit ends what never comes."""
    while not condition():  # noqa: ASYNC110 -- nothing in the thread could set an event
        await asyncio.sleep(0.001)


def run_async(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a test's coroutine in debug mode; afterwards no task may be left over."""

    async def guarded() -> T:
        before = asyncio.all_tasks()
        result = await main()
        for _ in range(3):  # the SDK leaves generators behind, which the loop then closes
            await asyncio.sleep(0)
        left = asyncio.all_tasks() - before
        assert not left, f"tasks left over: {left}"
        return result

    return asyncio.run(guarded(), debug=True)
