"""Truncation: an assistant's item is cut to what was heard of it."""

from typing import Any, Final

import pybase64

from antiphon.audio.pcm import ms_of
from antiphon.conformance.bench import Bench
from antiphon.conformance.case import SCHEMA, case, cases_in, thread
from antiphon.conformance.expect import field, holds, same, within
from antiphon.conformance.probe import Probe, message
from antiphon.conformance.prompts import HELLO

CUT_MS: Final = 200
TRUNCATE: Final = "conversation.item.truncate"


async def _spoken(probe: Probe) -> str:
    """The id of a spoken answer."""
    await probe.ask(HELLO)
    return str(field((await probe.answer()).completed().items[0], "id", str))


async def _cut(probe: Probe) -> str:
    """The id of a spoken answer that was cut."""
    item_id = await _spoken(probe)
    await probe.send(TRUNCATE, item_id=item_id, content_index=0, audio_end_ms=CUT_MS)
    await probe.until("conversation.item.truncated")
    return item_id


async def _part(probe: Probe, item_id: str) -> dict[str, Any]:
    await probe.send("conversation.item.retrieve", item_id=item_id)
    return dict(field(await probe.until("conversation.item.retrieved"), "item.content.0", dict))


@case(SCHEMA, spoken=1)
async def truncated(bench: Bench) -> None:
    """A truncation is told with the item, the part and the time."""
    async with bench.session() as probe:
        item_id = await _spoken(probe)
        await probe.send(TRUNCATE, item_id=item_id, content_index=0, audio_end_ms=CUT_MS)
        wanted = {"item_id": item_id, "content_index": 0, "audio_end_ms": CUT_MS}
        within(await probe.until("conversation.item.truncated"), wanted, "conversation.item.truncated")


@case(SCHEMA, spoken=1)
async def words_are_gone(bench: Bench) -> None:
    """The transcript of a truncated part is deleted."""
    async with bench.session() as probe:
        holds(not (await _part(probe, await _cut(probe))).get("transcript"), "the part has still a transcript")


@case(SCHEMA, spoken=1)
async def sound_is_cut(bench: Bench) -> None:
    """The audio of a truncated part ends where it was cut."""
    async with bench.session() as probe:
        audio = field(await _part(probe, await _cut(probe)), "audio", str)
        length = ms_of(pybase64.b64decode(audio))
        holds(abs(length - CUT_MS) <= 1, f"expected {CUT_MS} ms of audio, but got {length}")


@case(SCHEMA)
async def unknown_item(bench: Bench) -> None:
    """Truncating what is not there is `item_truncate_invalid_item_id`."""
    async with bench.session() as probe:
        await probe.send(TRUNCATE, item_id="item_check_none", content_index=0, audio_end_ms=CUT_MS)
        await probe.refused("item_truncate_invalid_item_id")


@case(thread("twilio-samples/speech-assistant-openai-realtime-api-python#45"), spoken=1)
async def too_long(bench: Bench) -> None:
    """An end behind the end of the audio is `invalid_value`."""
    async with bench.session() as probe:
        item_id = await _spoken(probe)
        await probe.send(TRUNCATE, item_id=item_id, content_index=0, audio_end_ms=600_000)
        await probe.refused("invalid_value")


@case(thread("livekit/agents#6158"))
async def not_spoken(bench: Bench) -> None:
    """Only an assistant's audio can be truncated, not the words of the user."""
    async with bench.session() as probe:
        item_id = await probe.write("hello")
        await probe.send(TRUNCATE, item_id=item_id, content_index=0, audio_end_ms=CUT_MS)
        await probe.refused()


@case(thread("TanStack/ai#586"))
async def needs_a_time(bench: Bench) -> None:
    """`audio_end_ms` must be there."""
    async with bench.session() as probe:
        await probe.send(TRUNCATE, item_id="item_check_none", content_index=0)
        await probe.refused("missing_required_parameter", "audio_end_ms")


@case(thread("openai/openai-agents-js#315"))
async def whole_milliseconds(bench: Bench) -> None:
    """`audio_end_ms` is an integer: a decimal number is `invalid_type`."""
    async with bench.session() as probe:
        await probe.send(TRUNCATE, item_id="item_check_none", content_index=0, audio_end_ms=200.5)
        await probe.refused("invalid_type", "audio_end_ms")


@case(SCHEMA, spoken=1)
async def goes_on(bench: Bench) -> None:
    """After a truncation the conversation goes on behind the same item."""
    async with bench.session() as probe:
        item_id = await _cut(probe)
        done = await probe.add(message("And now?"))
        same(field(done, "previous_item_id"), item_id, "previous_item_id")


CASES = cases_in("truncation", vars())
