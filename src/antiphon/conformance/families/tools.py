"""Function tools: how a call is told, and what its output does."""

import json
import re
from typing import Any, Final

from antiphon.conformance.bench import Bench
from antiphon.conformance.case import SCHEMA, case, cases_in, thread
from antiphon.conformance.expect import field, holds, same, within
from antiphon.conformance.probe import Answer, Probe
from antiphon.conformance.prompts import CALL, FORCED, HELLO, WEATHER

CALLING: Final = [
    "response.created",
    "response.output_item.added",
    "conversation.item.added",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "conversation.item.done",
    "response.output_item.done",
    "response.done",
]
CALL_ID: Final = re.compile(r"[a-zA-Z0-9_-]+")
ARGUMENTS_DONE: Final = "response.function_call_arguments.done"


async def _called(probe: Probe) -> Answer:
    """A response that calls the function."""
    await probe.ask(CALL, tools=[WEATHER], tool_choice="required")
    answer = (await probe.answer()).completed()
    holds(answer.all(ARGUMENTS_DONE), f"no function was called: {answer.items}")
    return answer


async def _given(probe: Probe, call_id: Any) -> None:
    await probe.add({"type": "function_call_output", "call_id": call_id, "output": '{"sky":"blue"}'})


@case(SCHEMA, written=1)
async def call_sequence(bench: Bench) -> None:
    """A function call is told by exactly these events, in this order."""
    async with bench.written() as probe:
        same((await _called(probe)).kinds(), CALLING, "the events")


@case(SCHEMA, written=1)
async def call_item(bench: Bench) -> None:
    """The call's item begins `in_progress` with empty arguments, and ends completed with all of them."""
    async with bench.written() as probe:
        answer = await _called(probe)
        begun = {"item.type": "function_call", "item.status": "in_progress", "item.arguments": ""}
        within(answer.one("response.output_item.added"), begun, "response.output_item.added")
        arguments = field(answer.one(ARGUMENTS_DONE), "arguments", str)
        ended = {"item.type": "function_call", "item.status": "completed", "item.arguments": arguments}
        within(answer.one("response.output_item.done"), ended, "response.output_item.done")


@case(SCHEMA, written=1)
async def named_function(bench: Bench) -> None:
    """`tool_choice` with a function's name makes the model call it."""
    async with bench.written() as probe:
        other = {**WEATHER, "name": "get_time"}
        await probe.ask(CALL, tools=[other, WEATHER], tool_choice=FORCED)
        answer = (await probe.answer()).completed()
        same([item.get("name") for item in answer.items], ["get_weather"], "the functions called")


@case(SCHEMA, written=1)
async def arguments_name_the_function(bench: Bench) -> None:
    """The end of the arguments names the function and the call."""
    async with bench.written() as probe:
        answer = await _called(probe)
        done, item = answer.one(ARGUMENTS_DONE), answer.items[0]
        wanted = {"name": "get_weather", "call_id": field(item, "call_id", str), "item_id": field(item, "id", str)}
        within(done, wanted, ARGUMENTS_DONE)


@case(SCHEMA, written=1)
async def arguments_are_json(bench: Bench) -> None:
    """The arguments are a JSON object, as a string."""
    async with bench.written() as probe:
        arguments = field(await _arguments(probe), "arguments", str)
        try:
            value = json.loads(arguments)
        except ValueError:
            value = None
        holds(isinstance(value, dict), f"the arguments are {arguments!r}")


async def _arguments(probe: Probe) -> dict[str, Any]:
    return (await _called(probe)).one(ARGUMENTS_DONE)


@case(thread("livekit/agents#5652"), written=1)
async def call_id(bench: Bench) -> None:
    """A `call_id` has letters, digits, `_` and `-` alone."""
    async with bench.written() as probe:
        given = field(await _arguments(probe), "call_id", str)
        holds(CALL_ID.fullmatch(given), f"the call_id is {given!r}")


@case(SCHEMA, written=1)
async def output_waits(bench: Bench) -> None:
    """A function's output is added to the conversation, and starts no response."""
    async with bench.written() as probe:
        answer = await _called(probe)
        await _given(probe, field(answer.items[0], "call_id"))
        await probe.quiet("response.")


@case(SCHEMA, written=2)
async def answers_the_output(bench: Bench) -> None:
    """The client asks for the answer to a function's output, and gets a message."""
    async with bench.written() as probe:
        answer = await _called(probe)
        await _given(probe, field(answer.items[0], "call_id"))
        await probe.respond(tool_choice="none")
        items = (await probe.answer()).completed().items
        same([field(item, "type") for item in items], ["message"], "the types of the items")


@case(thread("livekit/agents#3344"))
async def output_of_no_call(bench: Bench) -> None:
    """The output of a call that nobody made is `invalid_tool_call_id`."""
    async with bench.written() as probe:
        item = {"type": "function_call_output", "call_id": "call_check_none", "output": "{}"}
        await probe.send("conversation.item.create", item=item)
        await probe.refused("invalid_tool_call_id", None)


@case(SCHEMA)
async def call_of_the_client(bench: Bench) -> None:
    """A client may put a call and its output into the conversation, as history."""
    async with bench.written() as probe:
        call = {"type": "function_call", "name": "get_weather", "call_id": "call_check_1", "arguments": "{}"}
        same(field(await probe.add(call), "item.call_id"), "call_check_1", "the call_id")
        await _given(probe, "call_check_1")


@case(SCHEMA)
async def call_gets_an_id(bench: Bench) -> None:
    """A call that the client makes without `call_id` gets one."""
    async with bench.written() as probe:
        done = await probe.add({"type": "function_call", "name": "get_weather", "arguments": "{}"})
        holds(field(done, "item.call_id", str), "the call has no call_id")


@case(SCHEMA, written=1)
async def required(bench: Bench) -> None:
    """`tool_choice: required` of the session makes the model call a function."""
    async with bench.written(tools=[WEATHER], tool_choice="required") as probe:
        await probe.ask("What is the weather in Oslo?")
        types = [field(item, "type") for item in (await probe.answer()).completed().items]
        holds("function_call" in types, f"the response has {types}")


@case(SCHEMA, written=1)
async def none(bench: Bench) -> None:
    """`tool_choice: none` keeps the model from calling any."""
    async with bench.written(tools=[WEATHER], tool_choice="none") as probe:
        await probe.ask(CALL)
        types = [field(item, "type") for item in (await probe.answer()).completed().items]
        same(types, ["message"], "the types of the items")


@case(SCHEMA, written=1)
async def own_tools(bench: Bench) -> None:
    """Tools of a response leave those of the session alone."""
    async with bench.written() as probe:
        before = (await probe.update()).get("tools")
        await probe.ask(HELLO, tools=[WEATHER], tool_choice="none")
        (await probe.answer()).completed()
        same((await probe.update()).get("tools"), before, "the session's tools")


@case(SCHEMA)
async def flat(bench: Bench) -> None:
    """A function tool is flat: one nested below `function`, as in other APIs, is refused."""
    async with bench.written() as probe:
        nested = {"type": "function", "function": {"name": "get_weather", "parameters": {}}}
        await probe.send("session.update", session={"type": "realtime", "tools": [nested]})
        await probe.refused()


CASES = cases_in("tools", vars())
