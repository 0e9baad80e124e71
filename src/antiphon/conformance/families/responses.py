"""Responses: their events in order, their object, what a client may ask of them."""

from typing import Any, Final

from antiphon.conformance.bench import Bench
from antiphon.conformance.case import OBSERVED, SCHEMA, case, cases_in, thread
from antiphon.conformance.expect import field, holds, same, within
from antiphon.conformance.probe import ITEM, message
from antiphon.conformance.prompts import HELLO, LONG

KEYS: Final = (
    *("object", "id", "status", "status_details", "output", "conversation_id", "output_modalities"),
    *("max_output_tokens", "audio", "usage", "metadata"),
)
WRITTEN: Final = [
    "response.created",
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.done",
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
    "response.done",
]
SPOKEN_END: Final = [
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
    "response.done",
]
FEW_TOKENS: Final = 8
ANYWHERE: Final = ""
"""No path is known for sure."""


@case(OBSERVED, written=1)
async def written_sequence(bench: Bench) -> None:
    """A written answer is told by exactly these events, in this order."""
    async with bench.written() as probe:
        await probe.write(HELLO)
        await probe.respond()
        same((await probe.answer()).completed().kinds(), WRITTEN, "the events")


@case(OBSERVED, spoken=1)
async def spoken_sequence(bench: Bench) -> None:
    """A spoken answer ends with audio done, transcript done, part done, and the ends of the item and the response."""
    async with bench.session() as probe:
        await probe.write(HELLO)
        await probe.respond()
        kinds = (await probe.answer()).completed().kinds()
        same(kinds[:4], WRITTEN[:4], "the first events")
        same(kinds[-len(SPOKEN_END) :], SPOKEN_END, "the last events")


@case(OBSERVED, spoken=1)
async def spoken_deltas(bench: Bench) -> None:
    """A spoken answer comes as audio and as its transcript."""
    async with bench.session() as probe:
        await probe.ask(HELLO)
        answer = (await probe.answer()).completed()
        for kind in ("response.output_audio.delta", "response.output_audio_transcript.delta"):
            deltas = answer.all(kind)
            holds(deltas, f"there is no {kind}")
            holds(all(field(delta, "delta", str) for delta in deltas), f"a {kind} is empty")


@case(OBSERVED, written=1)
async def whole_object(bench: Bench) -> None:
    """A response has all of its keys, in `response.created` and in `response.done`."""
    async with bench.written() as probe:
        await probe.ask(HELLO)
        answer = await probe.answer()
        for name, response in (("response.created", answer.created), ("response.done", answer.response)):
            missing = [key for key in KEYS if key not in response]
            holds(not missing, f"{name} lacks {', '.join(missing)}")


@case(SCHEMA, written=1)
async def created(bench: Bench) -> None:
    """A response begins `in_progress`, without output, usage or details."""
    async with bench.written() as probe:
        await probe.ask(HELLO)
        created = (await probe.answer()).created
        wanted: dict[str, Any] = {"status": "in_progress", "output": [], "usage": None, "status_details": None}
        within(created, {**wanted, "object": "realtime.response"}, "response.created")


@case(SCHEMA, written=1)
async def done(bench: Bench) -> None:
    """A response ends `completed` with its message, and without details."""
    async with bench.written() as probe:
        await probe.ask(HELLO)
        answer = (await probe.answer()).completed()
        same(answer.response.get("status_details"), None, "status_details")
        same(len(answer.items), 1, "the number of items")
        within(answer.items[0], {"type": "message", "role": "assistant", "status": "completed"}, "the item")
        holds(field(answer.items[0], "content.0.text", str), "the item has no text")


@case(OBSERVED, written=1)
async def item_begins_empty(bench: Bench) -> None:
    """The assistant's item is added `in_progress`, with no content."""
    async with bench.written() as probe:
        await probe.ask(HELLO)
        answer = await probe.answer()
        for kind in ("response.output_item.added", "conversation.item.added"):
            within(answer.one(kind), {"item.status": "in_progress", "item.content": []}, kind)


@case(OBSERVED, written=1)
async def text_names(bench: Bench) -> None:
    """The part of a written answer is of type `text`, the content of its item of type `output_text`."""
    async with bench.written() as probe:
        await probe.ask(HELLO)
        answer = (await probe.answer()).completed()
        begun = {"part.type": "text", "part.text": ""}
        within(answer.one("response.content_part.added"), begun, "response.content_part.added")
        same(field(answer.one("response.content_part.done"), "part.type"), "text", "the type of the part")
        same(field(answer.items[0], "content.0.type"), "output_text", "the type of the content")


@case(OBSERVED, spoken=1)
async def audio_names(bench: Bench) -> None:
    """The part of a spoken answer is of type `audio`, the content of its item of type `output_audio`."""
    async with bench.session() as probe:
        await probe.ask(HELLO)
        answer = (await probe.answer()).completed()
        begun = {"part.type": "audio", "part.transcript": ""}
        within(answer.one("response.content_part.added"), begun, "response.content_part.added")
        within(answer.items[0], {"content.0.type": "output_audio"}, "the item")
        holds(field(answer.items[0], "content.0.transcript", str), "the item has no transcript")


@case(SCHEMA, written=1)
async def usage(bench: Bench) -> None:
    """`response.done` says what was used, by direction and modality."""
    async with bench.written() as probe:
        await probe.ask(HELLO)
        used = field((await probe.answer()).completed().response, "usage", dict)
        for key in ("total_tokens", "input_tokens", "output_tokens"):
            holds(field(used, key, int) > 0, f"{key} is {used[key]}")
        for key in ("input_token_details.text_tokens", "input_token_details.cached_tokens"):
            field(used, key, int)
        holds(field(used, "output_token_details.text_tokens", int) > 0, "no tokens of text were written")


@case(OBSERVED, written=2)
async def one_conversation(bench: Bench) -> None:
    """All responses of a session belong to the same conversation, whose id begins with conv_."""
    async with bench.written() as probe:
        ids = []
        for _ in range(2):
            await probe.ask(HELLO)
            ids.append(field((await probe.answer()).response, "conversation_id", str))
        holds(ids[0].startswith("conv_"), f"the conversation is called {ids[0]}")
        same(ids[1], ids[0], "the second conversation_id")


@case(SCHEMA, written=1)
async def metadata(bench: Bench) -> None:
    """`metadata` comes back in `response.created` and in `response.done`."""
    async with bench.written() as probe:
        await probe.ask(HELLO, metadata={"topic": "check"})
        answer = await probe.answer()
        for response in (answer.created, answer.response):
            within(response, {"metadata.topic": "check"}, "the response")


@case(SCHEMA, written=1)
async def session_modality(bench: Bench) -> None:
    """A session whose modality is text answers in text."""
    async with bench.session(output_modalities=["text"]) as probe:
        await probe.ask(HELLO)
        answer = (await probe.answer()).completed()
        same(answer.response.get("output_modalities"), ["text"], "the response's modalities")
        holds(answer.all("response.output_text.delta"), "the answer is not in text")


@case(SCHEMA, written=1)
async def own_modality(bench: Bench) -> None:
    """A response may have another modality than the session, which keeps its own."""
    async with bench.session() as probe:
        before = (await probe.update()).get("output_modalities")
        await probe.ask(HELLO, output_modalities=["text"])
        answer = (await probe.answer()).completed()
        holds(answer.all("response.output_text.delta"), "the answer is not in text")
        same((await probe.update()).get("output_modalities"), before, "the session's modalities")


@case(SCHEMA, written=1)
async def own_instructions(bench: Bench) -> None:
    """Instructions of a response leave those of the session alone."""
    async with bench.written(instructions="Be brief.") as probe:
        await probe.ask(HELLO, instructions="Be polite.")
        (await probe.answer()).completed()
        same((await probe.update()).get("instructions"), "Be brief.", "the session's instructions")


@case(SCHEMA, written=1)
async def limited(bench: Bench) -> None:
    """An answer that reaches `max_output_tokens` is `incomplete` for that reason, and so is its item."""
    async with bench.written() as probe:
        await probe.ask(LONG, max_output_tokens=FEW_TOKENS)
        answer = (await probe.answer()).ended("incomplete")
        details = field(answer.response, "status_details", dict)
        within(details, {"type": "incomplete", "reason": "max_output_tokens"}, "status_details")
        same(answer.response.get("max_output_tokens"), FEW_TOKENS, "max_output_tokens")
        same(field(answer.items[0], "status"), "incomplete", "the item's status")


@case(thread("openai/openai-agents-python#1466"), written=1)
async def one_at_a_time(bench: Bench) -> None:
    """A second response is refused, `conversation_already_has_active_response`, and the first goes on."""
    async with bench.written() as probe:
        await probe.ask(LONG, max_output_tokens=60)
        first = field(await probe.until("response.created"), "response.id", str)
        await probe.respond()
        detail = await probe.refused("conversation_already_has_active_response", None)
        holds(first in str(detail.get("message")), "the message does not name the running response")
        same(field(await probe.until("response.done"), "response.id"), first, "the response that ends")


@case(SCHEMA, written=1)
async def without_waiting(bench: Bench) -> None:
    """Events are taken strictly in order: an item and a response can be asked for without waiting in between."""
    async with bench.written() as probe:
        await probe.send("conversation.item.create", item=message("Remember the number 7.", id="item_check_1"))
        await probe.ask(HELLO)
        added = [field(await probe.until(*ITEM), "item.id") for _ in range(2)]
        same(added[0], "item_check_1", "the first item")
        (await probe.answer()).completed()


@case(SCHEMA, written=1)
async def retrieved(bench: Bench) -> None:
    """A written answer can be retrieved from the conversation."""
    async with bench.written() as probe:
        await probe.ask(HELLO)
        item = (await probe.answer()).completed().items[0]
        await probe.send("conversation.item.retrieve", item_id=field(item, "id", str))
        found = field(await probe.until("conversation.item.retrieved"), "item", dict)
        within(found, {"id": item["id"], "role": "assistant", "content.0.text": field(item, "content.0.text")}, "it")


@case(SCHEMA, spoken=1)
async def retrieved_sound(bench: Bench) -> None:
    """A spoken answer can be retrieved with its audio and its transcript."""
    async with bench.session() as probe:
        await probe.ask(HELLO)
        item = (await probe.answer()).completed().items[0]
        await probe.send("conversation.item.retrieve", item_id=field(item, "id", str))
        part = field(await probe.until("conversation.item.retrieved"), "item.content.0", dict)
        holds(field(part, "audio", str), "there is no audio")
        same(part.get("transcript"), field(item, "content.0.transcript"), "the transcript")


@case(SCHEMA, written=1)
async def own_input(bench: Bench) -> None:
    """Items of `response.create` are its context alone: they do not enter the conversation."""
    async with bench.written() as probe:
        await probe.respond(input=[message(HELLO)])
        answer = (await probe.answer()).completed()
        roles = [field(event, "item.role") for event in answer.all("conversation.item.added")]
        same(roles, ["assistant"], "the roles of the items that were added")


@case(SCHEMA, written=1)
async def reference(bench: Bench) -> None:
    """`input` may name an item of the conversation."""
    async with bench.written() as probe:
        item_id = await probe.write(HELLO)
        await probe.respond(input=[{"type": "item_reference", "id": item_id}])
        (await probe.answer()).completed()


@case(SCHEMA, spoken=1)
async def telephone_audio(bench: Bench) -> None:
    """A response may have its own audio format, and shows it."""
    async with bench.session() as probe:
        await probe.ask(HELLO, audio={"output": {"format": {"type": "audio/pcmu"}}})
        response = (await probe.answer()).completed().response
        same(field(response, "audio.output.format.type"), "audio/pcmu", "the response's format")


async def _refused(bench: Bench, code: str, param: str, **response: Any) -> None:
    async with bench.written() as probe:
        await probe.send("response.create", response=response)
        await probe.refused(code, param)


@case(OBSERVED)
async def unknown_key(bench: Bench) -> None:
    """An unknown key of a response is `unknown_parameter` at its path."""
    await _refused(bench, "unknown_parameter", "response.bogus", bogus=1)


@case(SCHEMA)
async def unknown_modality(bench: Bench) -> None:
    """A modality outside the list is `invalid_value`."""
    await _refused(bench, "invalid_value", ANYWHERE, output_modalities=["dance"])


@case(SCHEMA)
async def too_much_metadata(bench: Bench) -> None:
    """`metadata` has at most 16 keys: more are refused, and no response is made."""
    async with bench.written() as probe:
        await probe.send("response.create", response={"metadata": {f"key_{n}": "" for n in range(17)}})
        await probe.refused()
        await probe.quiet("response.")


@case(thread("openai/openai-python#2638"))
async def no_temperature(bench: Bench) -> None:
    """`temperature` belongs to older dialects: `unknown_parameter`."""
    await _refused(bench, "unknown_parameter", "response.temperature", temperature=0.8)


CASES = cases_in("responses", vars())
