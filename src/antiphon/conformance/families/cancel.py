"""Cancelling and barge-in: how a response ends before its end."""

from typing import Any, Final

from antiphon.audio.pcm import silence
from antiphon.conformance.bench import Bench
from antiphon.conformance.case import OBSERVED, SCHEMA, NotHere, case, cases_in, thread
from antiphon.conformance.expect import field, holds, same, within
from antiphon.conformance.probe import AFTER_MS, Answer, Probe
from antiphon.conformance.prompts import HELLO, LONG

STARTED: Final = "input_audio_buffer.speech_started"
ENDING: Final = ["response.content_part.done", "response.output_item.done", "response.done"]
IN_CONVERSATION: Final = ("conversation.item.added", "conversation.item.created", "conversation.item.done")


async def _cancelled(probe: Probe, delta: str, **keys: Any) -> Answer:
    """The end of a response that is cancelled after its first delta."""
    await probe.ask(LONG)
    events = [await probe.until("response.created")]
    while events[-1].get("type") != delta:
        events.append(await probe.until(delta, "response.output_item.added", "response.content_part.added"))
    await probe.send("response.cancel", **keys)
    while events[-1].get("type") != "response.done":
        events.append(await probe.next())
    return _cut(Answer(events))


def _cut(answer: Answer) -> Answer:
    if answer.response.get("status") == "completed":
        raise NotHere("the answer was over before it could be cut off")
    return answer


@case(OBSERVED, written=1)
async def cancelled(bench: Bench) -> None:
    """A cancelled response ends `cancelled`, for the reason `client_cancelled`."""
    async with bench.written() as probe:
        answer = await _cancelled(probe, "response.output_text.delta")
        details = answer.ended("cancelled").response.get("status_details")
        within(details, {"type": "cancelled", "reason": "client_cancelled"}, "status_details")


@case(OBSERVED, written=1)
async def closes_what_is_open(bench: Bench) -> None:
    """A cancel closes the text, the part, the item; then comes `response.done`."""
    async with bench.written() as probe:
        answer = await _cancelled(probe, "response.output_text.delta")
        same(answer.kinds(*IN_CONVERSATION)[-4:], ["response.output_text.done", *ENDING], "the last events")


@case(OBSERVED, spoken=1)
async def closes_sound(bench: Bench) -> None:
    """A cancel of a spoken answer closes the audio and the transcript first."""
    async with bench.session() as probe:
        answer = await _cancelled(probe, "response.output_audio_transcript.delta")
        wanted = ["response.output_audio.done", "response.output_audio_transcript.done", *ENDING]
        same(answer.kinds(*IN_CONVERSATION)[-5:], wanted, "the last events")


@case(OBSERVED, written=1)
async def item_is_incomplete(bench: Bench) -> None:
    """The item of a cancelled response is `incomplete`, with the text so far."""
    async with bench.written() as probe:
        answer = await _cancelled(probe, "response.output_text.delta")
        same([field(item, "status") for item in answer.items], ["incomplete"], "the items' status")
        text = field(answer.one("response.output_text.done"), "text", str)
        same(field(answer.items[0], "content.0.text"), text, "the item's text")


@case(SCHEMA, written=1)
async def usage(bench: Bench) -> None:
    """A cancelled response says what it has used."""
    async with bench.written() as probe:
        answer = await _cancelled(probe, "response.output_text.delta")
        field(answer.response, "usage.total_tokens", int)


@case(SCHEMA, spoken=1)
async def nothing_after(bench: Bench) -> None:
    """Nothing of a cancelled response comes after its `response.done`."""
    async with bench.session() as probe:
        await _cancelled(probe, "response.output_audio_transcript.delta")
        await probe.quiet("response.")


@case(SCHEMA, written=1)
async def cancelled_by_id(bench: Bench) -> None:
    """A response may be cancelled by its id."""
    async with bench.written() as probe:
        await probe.ask(LONG)
        response_id = field(await probe.until("response.created"), "response.id", str)
        await probe.send("response.cancel", response_id=response_id)
        while (event := await probe.next()).get("type") != "response.done":
            pass
        same(_cut(Answer([event])).response.get("status"), "cancelled", "the status")


@case(thread("block/berd#318"))
async def nothing_to_cancel(bench: Bench) -> None:
    """Where no response runs, a cancel is `response_cancel_not_active`, without param."""
    async with bench.written() as probe:
        await probe.send("response.cancel")
        await probe.refused("response_cancel_not_active", None)


@case(SCHEMA, written=2)
async def goes_on(bench: Bench) -> None:
    """After a cancel the next response can be asked for at once."""
    async with bench.written() as probe:
        await _cancelled(probe, "response.output_text.delta")
        await probe.ask(HELLO)
        (await probe.answer()).completed()


async def _interrupted(bench: Bench, probe: Probe) -> Answer:
    """The events from the first sound of a long answer on, with the caller speaking over it."""
    await probe.ask(LONG)
    events = [await probe.until("response.created")]
    await probe.until("response.output_audio.delta")
    await probe.play(bench.manner.speech + silence(AFTER_MS))
    while events[-1].get("type") != "response.done":
        events.append(await probe.next())
    return Answer(events)


def _listening(**keys: Any) -> dict[str, Any]:
    detection = {"type": "server_vad", "silence_duration_ms": 500, "create_response": False, **keys}
    return {"input": {"turn_detection": detection}}


@case(SCHEMA, spoken=1, heard_s=3)
async def barge_in(bench: Bench) -> None:
    """Speech interrupts an answer: it ends `cancelled`, for the reason `turn_detected`."""
    async with bench.session(audio=_listening()) as probe:
        details = _cut(await _interrupted(bench, probe)).ended("cancelled").response.get("status_details")
        within(details, {"type": "cancelled", "reason": "turn_detected"}, "status_details")


@case(SCHEMA, spoken=1, heard_s=3)
async def speech_comes_first(bench: Bench) -> None:
    """`speech_started` comes before the ends of what it interrupts."""
    async with bench.session(audio=_listening()) as probe:
        kinds = _cut(await _interrupted(bench, probe)).kinds()
        wanted = [STARTED, "response.output_audio.done", "response.output_audio_transcript.done", *ENDING]
        same([kind for kind in kinds if kind in wanted], wanted, "the last events")


@case(SCHEMA, spoken=1, heard_s=3)
async def goes_on_talking(bench: Bench) -> None:
    """With `interrupt_response: false` speech does not cut an answer off."""
    async with bench.session(audio=_listening(interrupt_response=False), max_output_tokens=100) as probe:
        answer = await _interrupted(bench, probe)
        holds(answer.response.get("status") != "cancelled", "the answer was cut off")


CASES = cases_in("cancel", vars())
