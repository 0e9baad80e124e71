"""Transcription of what the caller says, beside responses and in sessions of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from antiphon.audio.pcm import silence
from antiphon.conformance.bench import Bench
from antiphon.conformance.case import OBSERVED, SCHEMA, Broken, NotHere, case, cases_in, thread
from antiphon.conformance.expect import field, holds, same, within
from antiphon.conformance.probe import ITEM, Probe
from antiphon.conformance.wire import Event

BASE: Final = "conversation.item.input_audio_transcription"
DELTA: Final = f"{BASE}.delta"
COMPLETED: Final = f"{BASE}.completed"
TOKENS: Final = "gpt-4o-transcribe"
SECONDS: Final = "whisper-1"
LIVE: Final = "gpt-realtime-whisper"
"""Gives words before the commit."""
LIVE_S: Final = 5.0
"""How long they may take; a recogniser that reads whole turns gives none."""

SESSION_KEYS: Final = ("type", "object", "id", "expires_at", "audio", "include")


def _hearing(model: str, detection: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"input": {"transcription": {"model": model}, "turn_detection": detection}}


async def _said(bench: Bench, probe: Probe) -> list[Event]:
    """Say the sentence and commit it; all events up to the end of its transcription."""
    await probe.play(bench.manner.speech + silence(300))
    await probe.send("input_audio_buffer.commit")
    events = [await probe.next()]
    while events[-1].get("type") not in {COMPLETED, f"{BASE}.failed"}:
        events.append(await probe.next())
    return events


@asynccontextmanager
async def _transcribing(bench: Bench) -> AsyncIterator[Probe]:
    """A session that only transcribes, past its first event."""
    async with bench.connect(query={"intent": "transcription"}) as probe:
        probe.is_transcription = True
        await probe.until("session.created")
        yield probe


@case(OBSERVED, heard_s=2)
async def completed(bench: Bench) -> None:
    """What was committed is transcribed: `completed` names the item and the part, and has the words."""
    async with bench.written(audio=_hearing(SECONDS)) as probe:
        events = await _said(bench, probe)
        item_id = next(event["item_id"] for event in events if event.get("type") == "input_audio_buffer.committed")
        within(events[-1], {"type": COMPLETED, "item_id": item_id, "content_index": 0}, "the transcription")
        holds(field(events[-1], "transcript", str), "nothing was heard")


@case(OBSERVED, heard_s=2)
async def deltas(bench: Bench) -> None:
    """Deltas together are the transcript, but for a space in front."""
    async with bench.written(audio=_hearing(TOKENS)) as probe:
        events = await _said(bench, probe)
        pieces = [field(event, "delta", str) for event in events if event.get("type") == DELTA]
        holds(pieces, f"there is no {DELTA}")
        same("".join(pieces).strip(), field(events[-1], "transcript", str).strip(), "the deltas together")


@case(OBSERVED, heard_s=2)
async def one_delta(bench: Bench) -> None:
    """`whisper-1` gives its words in one delta."""
    async with bench.written(audio=_hearing(SECONDS)) as probe:
        events = await _said(bench, probe)
        same(len([event for event in events if event.get("type") == DELTA]), 1, "the number of deltas")


@case(OBSERVED, heard_s=2)
async def usage_in_tokens(bench: Bench) -> None:
    """The `gpt-4o` models count in tokens."""
    async with bench.written(audio=_hearing(TOKENS)) as probe:
        usage = field((await _said(bench, probe))[-1], "usage", dict)
        same(usage.get("type"), "tokens", "the usage's type")
        same(field(usage, "total_tokens", int), usage.get("input_tokens", 0) + usage.get("output_tokens", 0), "the sum")


@case(OBSERVED, heard_s=2)
async def usage_in_seconds(bench: Bench) -> None:
    """`whisper-1` counts in seconds."""
    async with bench.written(audio=_hearing(SECONDS)) as probe:
        usage = field((await _said(bench, probe))[-1], "usage", dict)
        same(usage.get("type"), "duration", "the usage's type")
        holds(field(usage, "seconds", (int, float)) > 0, "no seconds were heard")


@case(OBSERVED, heard_s=2)
async def kept_in_the_item(bench: Bench) -> None:
    """The transcript is filled in: it is there when the item is retrieved."""
    async with bench.written(audio=_hearing(SECONDS)) as probe:
        last = (await _said(bench, probe))[-1]
        await probe.send("conversation.item.retrieve", item_id=field(last, "item_id", str))
        item = await probe.until("conversation.item.retrieved")
        same(field(item, "item.content.0.transcript"), field(last, "transcript", str), "the item's transcript")


@case(SCHEMA, heard_s=2)
async def only_when_asked(bench: Bench) -> None:
    """Without `transcription` in the session nothing is transcribed."""
    async with bench.heard() as probe:
        await probe.play(bench.manner.speech)
        await probe.send("input_audio_buffer.commit")
        await probe.until(*ITEM)
        await probe.quiet(BASE)


@case(SCHEMA, heard_s=1)
async def silence_is_no_error(bench: Bench) -> None:
    """Silence is transcribed, too: `completed`, not `failed`."""
    async with bench.written(audio=_hearing(SECONDS)) as probe:
        await probe.append(silence(500))
        await probe.send("input_audio_buffer.commit")
        same((await probe.until(COMPLETED, f"{BASE}.failed")).get("type"), COMPLETED, "the end of the transcription")


@case(OBSERVED, heard_s=6)
async def words_before_the_commit(bench: Bench) -> None:
    """Words that a live model gives before the commit come under the id that the commit reports."""
    async with bench.written(audio=_hearing(LIVE)) as probe:
        await probe.play((bench.manner.speech + silence(300)) * 3)
        try:
            first = await probe.until(DELTA, within_s=LIVE_S)
        except Broken as none:
            raise NotHere(f"no words before the commit: {none}") from None
        await probe.send("input_audio_buffer.commit")
        committed = await probe.until("input_audio_buffer.committed")
        same(field(committed, "item_id"), field(first, "item_id"), "the item of the words")


@case(OBSERVED)
async def session(bench: Bench) -> None:
    """`?intent=transcription` opens a session of type `transcription`, with all its keys."""
    async with bench.connect(query={"intent": "transcription"}) as probe:
        found = field(await probe.until("session.created"), "session", dict)
        within(found, {"type": "transcription", "object": "realtime.transcription_session"}, "the session")
        missing = [key for key in SESSION_KEYS if key not in found]
        holds(not missing, f"the session lacks {', '.join(missing)}")


@case(OBSERVED)
async def session_only_listens(bench: Bench) -> None:
    """A transcription session has no output, instructions or tools."""
    async with _transcribing(bench) as probe:
        found = await probe.update(audio=_hearing(SECONDS))
        extra = [key for key in ("instructions", "tools", "output_modalities", "voice") if key in found]
        holds(not extra, f"the session has {', '.join(extra)}")
        holds("output" not in field(found, "audio", dict), "the session has audio.output")


@case(OBSERVED, heard_s=4.5)
async def turn(bench: Bench) -> None:
    """In a transcription session a turn is heard, committed and transcribed, and nothing answers."""
    async with _transcribing(bench) as probe:
        await probe.update(audio=_hearing(SECONDS, {"type": "server_vad", "silence_duration_ms": 500}))
        await probe.speak()
        for kind in ("input_audio_buffer.speech_started", "input_audio_buffer.committed", COMPLETED):
            await probe.until(kind)
        await probe.quiet("response.", "rate_limits.")


@case(SCHEMA)
async def no_responses(bench: Bench) -> None:
    """A transcription session refuses `response.create`."""
    async with _transcribing(bench) as probe:
        await probe.send("response.create")
        await probe.refused()


@case(thread("in client repositories"))
async def other_kind(bench: Bench) -> None:
    """A transcription session does not become one that answers: `invalid_parameter`."""
    async with _transcribing(bench) as probe:
        await probe.send("session.update", session={"type": "realtime"})
        await probe.refused("invalid_parameter")


@case(thread("in client repositories"))
async def live_without_detection(bench: Bench) -> None:
    """Turn detection beside a live model is `invalid_value` in a transcription session."""
    async with _transcribing(bench) as probe:
        audio = _hearing(LIVE, {"type": "server_vad"})
        await probe.send("session.update", session={"type": "transcription", "audio": audio})
        await probe.refused("invalid_value", "session.audio.input.turn_detection")


CASES = cases_in("transcription", vars())
