"""Responses beside the conversation: `conversation: "none"`."""

from typing import Any

from antiphon.conformance.bench import Bench
from antiphon.conformance.case import SCHEMA, Broken, NotHere, case, cases_in
from antiphon.conformance.expect import field, holds, same, within
from antiphon.conformance.probe import Probe, message
from antiphon.conformance.prompts import HELLO, LONG
from antiphon.conformance.wire import Event


async def _beside(probe: Probe, text: str = HELLO, **keys: Any) -> None:
    """Ask beside the conversation."""
    response = {"conversation": "none", "input": [message(text)], "output_modalities": ["text"], **keys}
    await probe.send("response.create", response=response)


@case(SCHEMA, written=1)
async def leaves_no_item(bench: Bench) -> None:
    """A response out of band tells its items, but adds none to the conversation."""
    async with bench.written() as probe:
        await _beside(probe)
        kinds = (await probe.answer()).completed().kinds()
        holds("response.output_item.added" in kinds, "no item was told")
        found = [kind for kind in kinds if kind.startswith("conversation.")]
        same(found, [], "the events of the conversation")


@case(SCHEMA, written=1)
async def no_conversation(bench: Bench) -> None:
    """Its `conversation_id` is null."""
    async with bench.written() as probe:
        await _beside(probe)
        answer = (await probe.answer()).completed()
        for response in (answer.created, answer.response):
            same(field(response, "conversation_id"), None, "conversation_id")


@case(SCHEMA, written=1)
async def not_in_the_chain(bench: Bench) -> None:
    """The conversation goes on as if it had not been: its items are in front of nothing."""
    async with bench.written() as probe:
        first = await probe.write("This is the first item.")
        await _beside(probe)
        (await probe.answer()).completed()
        same(field(await probe.add(message("This is the second.")), "previous_item_id"), first, "previous_item_id")


@case(SCHEMA, written=1)
async def told_by_metadata(bench: Bench) -> None:
    """Its metadata comes back, by which clients know it."""
    async with bench.written() as probe:
        await _beside(probe, metadata={"topic": "classification"})
        answer = (await probe.answer()).completed()
        within(answer.response, {"metadata.topic": "classification"}, "response.done")


@case(SCHEMA, written=1)
async def empty_context(bench: Bench) -> None:
    """`input: []` is an empty context, not the conversation."""
    async with bench.written() as probe:
        await probe.write("This must not be read.")
        await probe.respond(conversation="none", input=[], instructions=HELLO)
        (await probe.answer()).completed()


@case(SCHEMA, written=2)
async def beside_another(bench: Bench) -> None:
    """It may run beside a response of the conversation: neither is refused, both come to their end."""
    async with bench.written() as probe:
        await probe.ask(LONG, max_output_tokens=60)
        await probe.until("response.created")
        await _beside(probe, metadata={"topic": "beside"})
        done = [await probe.until("response.done") for _ in range(2)]
        topics = [(field(event, "response.metadata") or {}).get("topic") for event in done]
        same(sorted(topics, key=str), [None, "beside"], "the topics of the responses that ended")


@case(SCHEMA, written=2)
async def two_at_once(bench: Bench) -> None:
    """Several may run at once, each under its own id."""
    async with bench.written() as probe:
        for topic in ("a", "b"):
            await _beside(probe, metadata={"topic": topic})
        done = [await probe.until("response.done") for _ in range(2)]
        topics = sorted(str(field(event, "response.metadata.topic")) for event in done)
        same(topics, ["a", "b"], "the responses that ended")
        holds(done[0]["response"]["id"] != done[1]["response"]["id"], "both have the same id")


@case(SCHEMA, written=1)
async def cancelled_by_id(bench: Bench) -> None:
    """It is cancelled by its id."""
    async with bench.written() as probe:
        await _beside(probe, LONG)
        response_id = field(await probe.until("response.created"), "response.id", str)
        await probe.send("response.cancel", response_id=response_id)
        done = await _end(probe)
        wanted = {"response.id": response_id, "response.status": "cancelled"}
        within(done, wanted, "response.done")


@case(SCHEMA, written=1)
async def not_cancelled_without_id(bench: Bench) -> None:
    """A `response.cancel` without id does not mean it."""
    async with bench.written() as probe:
        await _beside(probe, LONG, max_output_tokens=30)
        await probe.until("response.created")
        await probe.send("response.cancel")
        event = await probe.until("error", "response.done")
        while event.get("type") == "error":
            event = await probe.until("response.done")
        holds(field(event, "response.status") != "cancelled", "the response was cancelled")


@case(SCHEMA, written=1, heard_s=3)
async def not_interrupted(bench: Bench) -> None:
    """The caller's speech does not interrupt it."""
    listening = {"type": "server_vad", "create_response": False, "interrupt_response": True}
    async with bench.written(audio={"input": {"turn_detection": listening}}) as probe:
        await _beside(probe, LONG, max_output_tokens=60)
        await probe.until("response.created")
        await probe.speak(before_ms=200)
        holds(field(await probe.until("response.done"), "response.status") != "cancelled", "it was interrupted")


async def _end(probe: Probe) -> Event:
    """The end of a response that is being cancelled."""
    event = await probe.until("response.done", "error")
    if event.get("type") == "error":
        raise Broken(f"the cancel was refused: {field(event, 'error.message')}")
    if field(event, "response.status") == "completed":
        raise NotHere("the answer was over before it could be cancelled")
    return event


CASES = cases_in("out_of_band", vars())
