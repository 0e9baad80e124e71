"""Items of the conversation: created, placed, retrieved, deleted."""

from typing import Any, Final

import pybase64

from antiphon.audio.pcm import silence
from antiphon.conformance.bench import Bench
from antiphon.conformance.case import OBSERVED, SCHEMA, case, cases_in, thread
from antiphon.conformance.expect import field, holds, same, within
from antiphon.conformance.probe import Probe, message

A, B, C = "item_check_a", "item_check_b", "item_check_c"
NOWHERE: Final = "item_check_none"
MAX_ID: Final = 32
SOUND: Final = pybase64.b64encode_as_string(silence(200))
SPOKEN: Final = {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": SOUND}]}


async def _abc(probe: Probe) -> None:
    for each in (A, B, C):
        await probe.add(message(f"this is {each}", id=each))


async def _front(probe: Probe, item_id: str) -> Any:
    """The id in front of a new item at the end."""
    return field(await probe.add(message("the next", id=item_id)), "previous_item_id")


@case(OBSERVED)
async def added_and_done(bench: Bench) -> None:
    """A created item is `added`, then `done`, both completed and with its content."""
    async with bench.session() as probe:
        await probe.send("conversation.item.create", item=message("hello"))
        for kind in ("conversation.item.added", "conversation.item.done"):
            event = await probe.next()
            same(event.get("type"), kind, "the next event")
            within(
                event,
                {"item.status": "completed", "item.role": "user", "item.content": message("hello")["content"]},
                kind,
            )


@case(SCHEMA)
async def own_id(bench: Bench) -> None:
    """A client may choose the id of an item."""
    async with bench.session() as probe:
        same(await probe.write("hello", id=A), A, "the item's id")


@case(OBSERVED)
async def given_id(bench: Bench) -> None:
    """An item without an id gets one that begins with item_."""
    async with bench.session() as probe:
        ids = [await probe.write("hello"), await probe.write("hello")]
        holds(all(each.startswith("item_") for each in ids), f"the ids are {ids}")
        holds(ids[0] != ids[1], "two items have the same id")


@case(OBSERVED)
async def no_object(bench: Bench) -> None:
    """Items in events have no `object`."""
    async with bench.session() as probe:
        holds("object" not in field(await probe.add(message("hello")), "item", dict), "the item has an `object`")


@case(SCHEMA)
async def own_status(bench: Bench) -> None:
    """A `status` of the client is taken and ignored: the item comes back completed."""
    async with bench.session() as probe:
        done = await probe.add(message("hello", status="incomplete"))
        same(field(done, "item.status"), "completed", "the item's status")


@case(OBSERVED)
async def first_has_none_in_front(bench: Bench) -> None:
    """The first item has no item in front: `previous_item_id` is null."""
    async with bench.session() as probe:
        same(await _front(probe, A), None, "previous_item_id")


@case(OBSERVED)
async def appended(bench: Bench) -> None:
    """An item is appended, and names the one in front of it."""
    async with bench.session() as probe:
        await probe.write("first", id=A)
        same(await _front(probe, B), A, "previous_item_id")


@case(OBSERVED)
async def at_the_head(bench: Bench) -> None:
    """`previous_item_id: root` puts an item at the head, where it is told with null."""
    async with bench.session() as probe:
        await probe.write("second", id=B)
        done = await probe.add(message("first", id=A), previous_item_id="root")
        same(field(done, "previous_item_id"), None, "previous_item_id")
        same(await _front(probe, C), B, "the end of the conversation")


@case(OBSERVED)
async def in_between(bench: Bench) -> None:
    """`previous_item_id` puts an item directly behind another."""
    async with bench.session() as probe:
        await probe.write("first", id=A)
        await probe.write("last", id=C)
        done = await probe.add(message("between", id=B), previous_item_id=A)
        same(field(done, "previous_item_id"), A, "previous_item_id")
        same(await _front(probe, NOWHERE), C, "the end of the conversation")


@case(OBSERVED)
async def behind_nothing(bench: Bench) -> None:
    """An unknown `previous_item_id` is an error, and nothing is added."""
    async with bench.session() as probe:
        await probe.send("conversation.item.create", item=message("lost", id=A), previous_item_id=NOWHERE)
        await probe.refused()
        same(await _front(probe, B), None, "the conversation's end")


@case(thread("in client repositories"))
async def long_id(bench: Bench) -> None:
    """An id of more than 32 characters is `string_above_max_length` at `item.id`."""
    async with bench.session() as probe:
        await probe.write("hello", id="i" * MAX_ID)
        await probe.send("conversation.item.create", item=message("hello", id="i" * (MAX_ID + 1)))
        await probe.refused("string_above_max_length", "item.id")


@case(SCHEMA)
async def retrieved(bench: Bench) -> None:
    """An item can be retrieved."""
    async with bench.session() as probe:
        await probe.write("hello", id=A)
        await probe.send("conversation.item.retrieve", item_id=A)
        wanted = {"item.id": A, "item.role": "user", "item.content.0.text": "hello"}
        within(await probe.until("conversation.item.retrieved"), wanted, "the item")


@case(OBSERVED)
async def retrieves_nothing(bench: Bench) -> None:
    """Retrieving what is not there is `item_retrieve_invalid_item_id`, without param."""
    async with bench.session() as probe:
        await probe.send("conversation.item.retrieve", item_id=NOWHERE)
        await probe.refused("item_retrieve_invalid_item_id", None)


@case(OBSERVED)
async def deleted(bench: Bench) -> None:
    """A deleted item is told, and gone."""
    async with bench.session() as probe:
        await probe.write("hello", id=A)
        await probe.send("conversation.item.delete", item_id=A)
        same(field(await probe.until("conversation.item.deleted"), "item_id"), A, "item_id")
        await probe.send("conversation.item.delete", item_id=A)
        await probe.refused()


@case(OBSERVED)
async def deletes_nothing(bench: Bench) -> None:
    """Deleting what is not there is `item_delete_invalid_item_id`, without param."""
    async with bench.session() as probe:
        await probe.send("conversation.item.delete", item_id=NOWHERE)
        await probe.refused("item_delete_invalid_item_id", None)


@case(OBSERVED)
async def closes_the_gap(bench: Bench) -> None:
    """After a delete the chain closes over the gap."""
    async with bench.session() as probe:
        await _abc(probe)
        await probe.send("conversation.item.delete", item_id=C)
        await probe.until("conversation.item.deleted")
        same(await _front(probe, NOWHERE), B, "previous_item_id")


@case(SCHEMA)
async def starts_nothing(bench: Bench) -> None:
    """Creating an item starts no response."""
    async with bench.session() as probe:
        await probe.write("hello")
        await probe.quiet("response.")


@case(SCHEMA)
async def other_roles(bench: Bench) -> None:
    """Messages of the system and of the assistant are taken."""
    async with bench.session() as probe:
        for role in ("system", "assistant"):
            done = await probe.add(message("hello", role=role))
            within(done, {"item.role": role, "item.content.0.text": "hello"}, f"the item of the {role}")


@case(SCHEMA)
async def content_of_another_role(bench: Bench) -> None:
    """The kinds of content go with the role: the user has no `output_text`."""
    async with bench.session() as probe:
        item = {"type": "message", "role": "user", "content": [{"type": "output_text", "text": "hello"}]}
        await probe.send("conversation.item.create", item=item)
        await probe.refused("invalid_value", "item.content[0].type")


@case(SCHEMA)
async def audio_when_retrieved(bench: Bench) -> None:
    """Audio is kept, but comes back only when the item is retrieved."""
    async with bench.session() as probe:
        done = await probe.add({**SPOKEN, "id": A})
        holds(not field(done, "item.content.0", dict).get("audio"), "the event has audio")
        await probe.send("conversation.item.retrieve", item_id=A)
        same(field(await probe.until("conversation.item.retrieved"), "item.content.0.audio"), SOUND, "the audio")


@case(thread("openai/openai-agents-js#963"))
async def no_output_audio(bench: Bench) -> None:
    """An assistant's audio cannot be created: `item.content[0].text` is missing."""
    async with bench.session() as probe:
        content = [{"type": "output_audio", "transcript": "hello"}]
        await probe.send("conversation.item.create", item={"type": "message", "role": "assistant", "content": content})
        await probe.refused("missing_required_parameter", "item.content[0].text")


CASES = cases_in("items", vars())
