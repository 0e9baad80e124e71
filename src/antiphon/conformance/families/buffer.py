"""The input audio buffer without turn detection: append, commit, clear."""

from typing import Final

import pybase64

from antiphon.audio.pcm import silence
from antiphon.conformance.bench import Bench
from antiphon.conformance.case import OBSERVED, SCHEMA, case, cases_in, thread
from antiphon.conformance.expect import field, holds, same, within
from antiphon.conformance.probe import ITEM

EMPTY: Final = "input_audio_buffer_commit_empty"
ULAW_SILENCE: Final = b"\xff"


@case(OBSERVED, heard_s=0.2)
async def committed(bench: Bench) -> None:
    """A commit is told, then the user's item of the same id is added and done."""
    async with bench.heard() as probe:
        await probe.append(silence(200))
        await probe.send("input_audio_buffer.commit")
        event = await probe.next()
        same(event.get("type"), "input_audio_buffer.committed", "the next event")
        item_id = field(event, "item_id", str)
        for kind in ("conversation.item.added", "conversation.item.done"):
            event = await probe.next()
            same(event.get("type"), kind, "the next event")
            within(event, {"item.id": item_id, "item.role": "user", "item.status": "completed"}, kind)


@case(OBSERVED, heard_s=0.2)
async def heard_item(bench: Bench) -> None:
    """The item of a commit has one part of `input_audio`, whose transcript is null."""
    async with bench.heard() as probe:
        await probe.append(silence(200))
        await probe.send("input_audio_buffer.commit")
        content = field(await probe.until(*ITEM), "item.content", list)
        same(content, [{"type": "input_audio", "transcript": None}], "the item's content")


@case(OBSERVED, heard_s=0.4)
async def in_the_chain(bench: Bench) -> None:
    """`committed` names the item in front, and null for the first."""
    async with bench.heard() as probe:
        front = None
        for _ in range(2):
            await probe.append(silence(200))
            await probe.send("input_audio_buffer.commit")
            event = await probe.until("input_audio_buffer.committed")
            same(field(event, "previous_item_id"), front, "previous_item_id")
            front = field(event, "item_id", str)


@case(OBSERVED)
async def nothing_to_commit(bench: Bench) -> None:
    """A commit of nothing is `input_audio_buffer_commit_empty`, without param."""
    async with bench.heard() as probe:
        await probe.send("input_audio_buffer.commit")
        await probe.refused(EMPTY, None)


@case(OBSERVED, heard_s=0.1)
async def too_little(bench: Bench) -> None:
    """A commit of less than 100 ms is refused, and the message says how much there was."""
    async with bench.heard() as probe:
        await probe.append(silence(60))
        await probe.send("input_audio_buffer.commit")
        told = "buffer too small. Expected at least 100ms of audio, but buffer only has 60.00ms of audio."
        message = str((await probe.refused(EMPTY)).get("message"))
        holds(message.endswith(told), f"the message is {message!r}")


@case(OBSERVED, heard_s=0.3)
async def counts_from_the_last(bench: Bench) -> None:
    """The 100 ms count from the last commit: what was committed does not count again."""
    async with bench.heard() as probe:
        await probe.append(silence(200))
        await probe.send("input_audio_buffer.commit")
        await probe.until("input_audio_buffer.committed")
        await probe.append(silence(60))
        await probe.send("input_audio_buffer.commit")
        await probe.refused(EMPTY)


@case(SCHEMA, heard_s=0.3)
async def kept_after_a_refusal(bench: Bench) -> None:
    """A refused commit loses nothing: with more audio, it goes through."""
    async with bench.heard() as probe:
        await probe.append(silence(60))
        await probe.send("input_audio_buffer.commit")
        await probe.refused(EMPTY)
        await probe.append(silence(60))
        await probe.send("input_audio_buffer.commit")
        await probe.until("input_audio_buffer.committed")


@case(SCHEMA, heard_s=0.2)
async def cleared(bench: Bench) -> None:
    """A clear is told, and then there is nothing to commit."""
    async with bench.heard() as probe:
        await probe.append(silence(200))
        await probe.send("input_audio_buffer.clear")
        await probe.until("input_audio_buffer.cleared")
        await probe.send("input_audio_buffer.commit")
        await probe.refused(EMPTY)


@case(SCHEMA, heard_s=0.2)
async def append_is_silent(bench: Bench) -> None:
    """An append is not answered."""
    async with bench.heard() as probe:
        await probe.append(silence(200))
        same(await probe.settled(), [], "the events after an append")


@case(SCHEMA, heard_s=0.2)
async def commit_starts_nothing(bench: Bench) -> None:
    """A commit by hand starts no response."""
    async with bench.heard() as probe:
        await probe.append(silence(200))
        await probe.send("input_audio_buffer.commit")
        await probe.until(*ITEM)
        await probe.quiet("response.")


@case(SCHEMA, written=1, heard_s=2)
async def turn_by_hand(bench: Bench) -> None:
    """Without turn detection a turn is an append, a commit and a `response.create`."""
    async with bench.heard() as probe:
        await probe.append(bench.manner.speech)
        await probe.send("input_audio_buffer.commit")
        await probe.respond()
        (await probe.answer()).completed()


@case(SCHEMA, heard_s=2)
async def heard_again(bench: Bench) -> None:
    """The audio of a committed item can be retrieved, whole."""
    async with bench.heard() as probe:
        await probe.append(bench.manner.speech)
        await probe.send("input_audio_buffer.commit")
        await probe.send("conversation.item.retrieve", item_id=field(await probe.until(*ITEM), "item.id"))
        audio = field(await probe.until("conversation.item.retrieved"), "item.content.0.audio", str)
        same(len(pybase64.b64decode(audio)), len(bench.manner.speech), "the bytes of audio")


@case(thread("in client repositories"))
async def no_base64(bench: Bench) -> None:
    """Audio that is no base64 is an error."""
    async with bench.heard() as probe:
        await probe.send("input_audio_buffer.append", audio="*no base64*")
        await probe.refused()


@case(thread("in client repositories"))
async def no_bytes(bench: Bench) -> None:
    """An append of no bytes is an error."""
    async with bench.heard() as probe:
        await probe.send("input_audio_buffer.append", audio="")
        await probe.refused()


@case(SCHEMA, heard_s=0.3)
async def telephone_audio(bench: Bench) -> None:
    """Audio is taken in the session's format: 8,000 bytes of G.711 are a second."""
    async with bench.heard() as probe:
        await probe.update(audio={"input": {"format": {"type": "audio/pcmu"}}})
        await probe.append(ULAW_SILENCE * 480)
        await probe.send("input_audio_buffer.commit")
        await probe.refused(EMPTY)
        await probe.append(ULAW_SILENCE * 800)
        await probe.send("input_audio_buffer.commit")
        await probe.until("input_audio_buffer.committed")


CASES = cases_in("buffer", vars())
