"""Turn detection: when the caller began and ended, and what follows from it."""

from typing import Any, Final

import pybase64

from antiphon.audio.pcm import ms_of, silence
from antiphon.conformance.bench import Bench
from antiphon.conformance.case import OBSERVED, SCHEMA, case, cases_in
from antiphon.conformance.expect import field, holds, same
from antiphon.conformance.probe import AFTER_MS, BEFORE_MS, ITEM, Probe
from antiphon.conformance.prompts import HELLO
from antiphon.conformance.wire import Event

STARTED: Final = "input_audio_buffer.speech_started"
STOPPED: Final = "input_audio_buffer.speech_stopped"
COMMITTED: Final = "input_audio_buffer.committed"
ADDED: Final = "conversation.item.added"
TURN: Final = (STARTED, STOPPED, COMMITTED, ADDED, "conversation.item.done")

PADDING_MS: Final = 300
SILENCE_MS: Final = 500
LISTENING: Final = {"silence_duration_ms": SILENCE_MS, "prefix_padding_ms": PADDING_MS}
"""Long enough to bridge any pause within the sentence."""
MUTE: Final = {**LISTENING, "create_response": False}
"""Listens, and does not answer."""
TOLERANCE_MS: Final = 400
"""How far a detector may be from what an ear hears."""
SPOKEN_S: Final = 4.5
"""Seconds of a turn with the silence around it."""
IDLE_MS: Final = 5_000


async def _turn(probe: Probe) -> dict[str, Event]:
    """Say the sentence; the events of the turn by type."""
    await probe.speak()
    events = {kind: await probe.until(kind) for kind in (STARTED, STOPPED, COMMITTED)}
    return {**events, ADDED: await probe.until(*ITEM)}


@case(OBSERVED, heard_s=SPOKEN_S)
async def turn(bench: Bench) -> None:
    """A turn is told in this order: speech started, speech stopped, committed, the item added, the item done."""
    async with bench.heard(**MUTE) as probe:
        await probe.speak()
        seen = [str((await probe.until(*TURN)).get("type")) for _ in TURN]
        same(seen, list(TURN), "the order of events")


@case(OBSERVED, heard_s=SPOKEN_S)
async def one_id(bench: Bench) -> None:
    """All events of a turn name the same item, from the start of the speech on."""
    async with bench.heard(**MUTE) as probe:
        events = await _turn(probe)
        item_id = field(events[STARTED], "item_id", str)
        for kind in (STOPPED, COMMITTED):
            same(field(events[kind], "item_id"), item_id, f"{kind}: item_id")
        same(field(events[ADDED], "item.id"), item_id, "the item's id")


@case(SCHEMA, heard_s=SPOKEN_S)
async def began(bench: Bench) -> None:
    """`audio_start_ms` counts from the session's first audio, with the prefix padding taken off."""
    async with bench.heard(**MUTE) as probe:
        start = field((await _turn(probe))[STARTED], "audio_start_ms", int)
        wanted = BEFORE_MS - PADDING_MS
        holds(abs(start - wanted) <= TOLERANCE_MS, f"expected about {wanted} ms, but got {start}")


@case(SCHEMA, heard_s=SPOKEN_S)
async def ended(bench: Bench) -> None:
    """`audio_end_ms` includes the silence that ended the turn."""
    async with bench.heard(**MUTE) as probe:
        end = field((await _turn(probe))[STOPPED], "audio_end_ms", int)
        wanted = BEFORE_MS + ms_of(bench.manner.speech) + SILENCE_MS
        holds(abs(end - wanted) <= TOLERANCE_MS, f"expected about {wanted} ms, but got {end}")


@case(SCHEMA, heard_s=SPOKEN_S)
async def silence_before_is_left_out(bench: Bench) -> None:
    """Audio from before the start of the speech, less its padding, is no part of the item."""
    async with bench.heard(**MUTE) as probe:
        await probe.send("conversation.item.retrieve", item_id=field((await _turn(probe))[COMMITTED], "item_id"))
        audio = field(await probe.until("conversation.item.retrieved"), "item.content.0.audio", str)
        length = ms_of(pybase64.b64decode(audio))
        limit = PADDING_MS + ms_of(bench.manner.speech) + SILENCE_MS + TOLERANCE_MS
        holds(length <= limit, f"expected at most {limit} ms, but got {length}")


@case(OBSERVED, written=1, heard_s=SPOKEN_S)
async def answers(bench: Bench) -> None:
    """The end of a turn starts a response by itself, after the item."""
    async with bench.heard(**LISTENING) as probe:
        events = await _turn(probe)
        holds(events, "there was no turn")
        (await probe.answer()).completed()


@case(SCHEMA, heard_s=SPOKEN_S)
async def does_not_answer(bench: Bench) -> None:
    """With `create_response: false` the end of a turn starts no response."""
    async with bench.heard(**MUTE) as probe:
        await _turn(probe)
        await probe.quiet("response.")


@case(SCHEMA, heard_s=SPOKEN_S)
async def switched_off(bench: Bench) -> None:
    """Without turn detection speech raises no events."""
    async with bench.heard() as probe:
        await probe.speak()
        await probe.quiet("input_audio_buffer.", "conversation.", "response.")


@case(SCHEMA, heard_s=2)
async def hears_no_silence(bench: Bench) -> None:
    """Silence raises no events."""
    async with bench.heard(**LISTENING) as probe:
        await probe.play(silence(2_000))
        await probe.quiet("input_audio_buffer.", "conversation.", "response.")


@case(SCHEMA, heard_s=2 * SPOKEN_S)
async def turn_by_turn(bench: Bench) -> None:
    """Each turn has an item of its own, behind the one before, and its times go on."""
    async with bench.heard(**MUTE) as probe:
        first, second = await _turn(probe), await _turn(probe)
        holds(first[STARTED]["item_id"] != second[STARTED]["item_id"], "both turns have the same item")
        front = field(second[COMMITTED], "previous_item_id")
        same(front, field(first[COMMITTED], "item_id"), "the second turn's previous_item_id")
        times = [field(event, key, int) for event, key in _times(first, second)]
        same(times, sorted(times), "the times of both turns, in order")


def _times(*turns: dict[str, Event]) -> list[tuple[Event, str]]:
    return [pair for turn in turns for pair in ((turn[STARTED], "audio_start_ms"), (turn[STOPPED], "audio_end_ms"))]


@case(SCHEMA, heard_s=3)
async def commit_by_hand(bench: Bench) -> None:
    """A commit during the speech ends the turn under the id that was announced, and starts no response."""
    async with bench.heard(**LISTENING) as probe:
        await probe.play(silence(BEFORE_MS) + bench.manner.speech)
        started = await probe.until(STARTED)
        await probe.send("input_audio_buffer.commit")
        committed = await probe.until(STOPPED, COMMITTED)
        same(committed.get("type"), COMMITTED, "the next event of the turn")
        same(field(committed, "item_id"), field(started, "item_id"), "item_id")
        await probe.quiet(STOPPED, "response.")


@case(SCHEMA, heard_s=SPOKEN_S)
async def clear_drops_the_turn(bench: Bench) -> None:
    """A clear during the speech drops the turn: no item comes of it."""
    async with bench.heard(**MUTE) as probe:
        await probe.play(silence(BEFORE_MS) + bench.manner.speech)
        await probe.until(STARTED)
        await probe.send("input_audio_buffer.clear")
        await probe.until("input_audio_buffer.cleared")
        await probe.play(silence(AFTER_MS))
        await probe.quiet(COMMITTED, "conversation.")


@case(SCHEMA, heard_s=8)
async def semantic(bench: Bench) -> None:
    """`semantic_vad` tells a turn by the same events."""
    detection: dict[str, Any] = {"type": "semantic_vad", "eagerness": "high", "create_response": False}
    async with bench.written(audio={"input": {"turn_detection": detection}}) as probe:
        await probe.speak(after_ms=5_000)
        detected = TURN[:3]
        seen = [str((await probe.until(*detected)).get("type")) for _ in detected]
        same(seen, list(detected), "the order of events")


@case(SCHEMA, written=2, heard_s=SPOKEN_S + 5)
async def idle(bench: Bench) -> None:
    """After `idle_timeout_ms` without speech, the server commits the silence and answers it."""
    kind = "input_audio_buffer.timeout_triggered"
    async with bench.heard(**LISTENING, idle_timeout_ms=IDLE_MS) as probe:
        await probe.ask(HELLO)
        await probe.answer()
        await probe.play(silence(IDLE_MS))
        triggered = await probe.until(kind, within_s=IDLE_MS / 1000 + bench.manner.patience_s)
        committed = await probe.until(COMMITTED)
        same(field(committed, "item_id"), field(triggered, "item_id"), "item_id")
        await probe.until("response.created")


CASES = cases_in("vad", vars())
