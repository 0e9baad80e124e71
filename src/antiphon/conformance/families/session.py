"""`session.update`: what changes, what is shown again, what is refused."""

from typing import Any, Final

from antiphon.conformance.bench import Bench
from antiphon.conformance.case import OBSERVED, SCHEMA, case, cases_in, thread
from antiphon.conformance.expect import field, holds, same, within
from antiphon.conformance.probe import Probe
from antiphon.conformance.prompts import HELLO, WEATHER

ANYWHERE: Final = ""
"""No path is known for sure."""


async def _refused(probe: Probe, code: str, param: str, **session: Any) -> None:
    await probe.send("session.update", session={"type": "realtime", **session})
    await probe.refused(code, param)


def _listening(**turn_detection: Any) -> dict[str, Any]:
    return {"input": {"turn_detection": turn_detection}}


@case(OBSERVED)
async def whole(bench: Bench) -> None:
    """`session.updated` shows the whole effective session, with every key of `session.created`."""
    async with bench.connect() as probe:
        created = field(await probe.until("session.created"), "session", dict)
        updated = await probe.update(instructions="Be brief.")
        same(sorted(updated), sorted(created), "the keys of the session")
        same(updated.get("id"), created.get("id"), "the session's id")


@case(OBSERVED)
async def changes_what_it_names(bench: Bench) -> None:
    """An update changes the keys that it has, and no other."""
    async with bench.connect() as probe:
        before = field(await probe.until("session.created"), "session", dict)
        after = await probe.update(instructions="Be brief.")
        same(after.get("instructions"), "Be brief.", "the instructions")
        changed = [key for key in before if before[key] != after.get(key) and key != "instructions"]
        holds(not changed, f"also changed: {', '.join(changed)}")


@case(OBSERVED)
async def merges(bench: Bench) -> None:
    """Objects below `audio` are merged key by key."""
    async with bench.session() as probe:
        before = await probe.update(audio={"output": {"speed": 1.1}})
        after = await probe.update(audio={"input": {"transcription": {"model": "whisper-1"}}})
        same(field(after, "audio.input.transcription.model"), "whisper-1", "the transcription's model")
        same(field(after, "audio.output"), field(before, "audio.output"), "the output")
        same(field(after, "audio.input.turn_detection"), field(before, "audio.input.turn_detection"), "turn detection")


@case(OBSERVED)
async def completes_detection(bench: Bench) -> None:
    """A partial `turn_detection` comes back complete."""
    keys = {"type", "threshold", "prefix_padding_ms", "silence_duration_ms", "create_response", "interrupt_response"}
    async with bench.session() as probe:
        detection = field(await probe.update(audio=_listening(type="server_vad")), "audio.input.turn_detection", dict)
        missing = sorted(keys - set(detection))
        holds(not missing, f"turn detection lacks {', '.join(missing)}")


@case(SCHEMA)
async def keeps_detection(bench: Bench) -> None:
    """The keys of `server_vad` come back as they were set."""
    wanted = {
        "type": "server_vad",
        "threshold": 0.7,
        "prefix_padding_ms": 200,
        "silence_duration_ms": 650,
        "create_response": False,
        "interrupt_response": False,
    }
    async with bench.session() as probe:
        session = await probe.update(audio=_listening(**wanted))
        within(field(session, "audio.input.turn_detection", dict), wanted, "turn detection")


@case(SCHEMA)
async def semantic_detection(bench: Bench) -> None:
    """`semantic_vad` is taken, and shown with its eagerness."""
    async with bench.session() as probe:
        session = await probe.update(audio=_listening(type="semantic_vad", eagerness="high"))
        wanted = {"type": "semantic_vad", "eagerness": "high", "create_response": True, "interrupt_response": True}
        within(field(session, "audio.input.turn_detection", dict), wanted, "turn detection")


@case(SCHEMA)
async def no_detection(bench: Bench) -> None:
    """`turn_detection: null` turns it off."""
    async with bench.session() as probe:
        session = await probe.update(audio={"input": {"turn_detection": None}})
        same(field(session, "audio.input.turn_detection"), None, "turn detection")


@case(SCHEMA)
async def clears(bench: Bench) -> None:
    """Instructions are cleared by `""`, and tools by `[]`."""
    async with bench.session(instructions="Be brief.", tools=[WEATHER]) as probe:
        session = await probe.update(instructions="", tools=[])
        within(session, {"instructions": "", "tools": []}, "session.updated")


@case(OBSERVED)
async def keeps_tools(bench: Bench) -> None:
    """A function tool comes back as it was set."""
    async with bench.session() as probe:
        session = await probe.update(tools=[WEATHER], tool_choice="required")
        within(session, {"tools": [WEATHER], "tool_choice": "required"}, "session.updated")


@case(OBSERVED)
async def shows_transcription(bench: Bench) -> None:
    """Transcription comes back with `model`, `language` and `prompt`, null where they were not set."""
    async with bench.session() as probe:
        session = await probe.update(audio={"input": {"transcription": {"model": "whisper-1"}}})
        wanted = {"model": "whisper-1", "language": None, "prompt": None}
        within(field(session, "audio.input.transcription", dict), wanted, "transcription")


@case(SCHEMA)
async def formats(bench: Bench) -> None:
    """G.711 is taken for input and output, and shown."""
    async with bench.session() as probe:
        for law in ("audio/pcmu", "audio/pcma"):
            session = await probe.update(
                audio={"input": {"format": {"type": law}}, "output": {"format": {"type": law}}}
            )
            within(session, {"audio.input.format.type": law, "audio.output.format.type": law}, "session.updated")


@case(SCHEMA)
async def text_modality(bench: Bench) -> None:
    """Text is taken as the only output modality, and shown."""
    async with bench.session() as probe:
        same((await probe.update(output_modalities=["text"])).get("output_modalities"), ["text"], "the modalities")


@case(SCHEMA)
async def output_limit(bench: Bench) -> None:
    """`max_output_tokens` takes a number, and `inf`."""
    async with bench.session() as probe:
        for limit in (200, "inf"):
            same((await probe.update(max_output_tokens=limit)).get("max_output_tokens"), limit, "max_output_tokens")


@case(thread("TanStack/ai#586"))
async def needs_type(bench: Bench) -> None:
    """An update must say its `type`."""
    async with bench.session() as probe:
        await probe.send("session.update", session={"instructions": "Be brief."})
        await probe.refused("missing_required_parameter", "session.type")


@case(OBSERVED)
async def unknown_key(bench: Bench) -> None:
    """An unknown key of the session is `unknown_parameter` at its path."""
    async with bench.session() as probe:
        await _refused(probe, "unknown_parameter", "session.bogus_field", bogus_field=1)


@case(thread("livekit/agents#3210"))
async def unknown_tool_key(bench: Bench) -> None:
    """An unknown key of a tool is `unknown_parameter` at its path, too."""
    async with bench.session() as probe:
        await _refused(probe, "unknown_parameter", "session.tools[0].meta", tools=[{**WEATHER, "meta": {}}])


@case(OBSERVED)
async def all_or_nothing(bench: Bench) -> None:
    """An update with one bad key is refused as a whole."""
    async with bench.session(instructions="Be brief.") as probe:
        await _refused(probe, "unknown_parameter", "session.bogus", instructions="Be long.", bogus=1)
        same((await probe.update()).get("instructions"), "Be brief.", "the instructions")


@case(OBSERVED)
async def low_rate(bench: Bench) -> None:
    """A rate below 24,000 Hz is `integer_below_min_value` at its path."""
    async with bench.session() as probe:
        audio = {"input": {"format": {"type": "audio/pcm", "rate": 16000}}}
        await _refused(probe, "integer_below_min_value", "session.audio.input.format.rate", audio=audio)


@case(OBSERVED)
async def unknown_value(bench: Bench) -> None:
    """A value outside its list is `invalid_value` at its path."""
    async with bench.session() as probe:
        audio = _listening(type="semantic_vad", eagerness="bogus")
        await _refused(probe, "invalid_value", "session.audio.input.turn_detection.eagerness", audio=audio)


@case(thread("livekit/agents#3444"))
async def null_flag(bench: Bench) -> None:
    """`create_response: null` is `invalid_type`."""
    async with bench.session() as probe:
        audio = _listening(type="server_vad", create_response=None)
        await _refused(probe, "invalid_type", "session.audio.input.turn_detection.create_response", audio=audio)


@case(SCHEMA)
async def high_speed(bench: Bench) -> None:
    """A speed above 1.5 is `decimal_above_max_value` at its path."""
    async with bench.session() as probe:
        await _refused(probe, "decimal_above_max_value", "session.audio.output.speed", audio={"output": {"speed": 2.5}})


@case(SCHEMA)
async def both_modalities(bench: Bench) -> None:
    """Text and audio together are refused as output modalities."""
    async with bench.session() as probe:
        await _refused(probe, "invalid_value", ANYWHERE, output_modalities=["text", "audio"])


@case(SCHEMA)
async def own_id(bench: Bench) -> None:
    """The session's `id` is the server's: a client cannot set it."""
    async with bench.connect() as probe:
        before = field(await probe.until("session.created"), "session.id", str)
        await probe.send("session.update", session={"type": "realtime", "id": "sess_of_the_client"})
        await probe.until("error", "session.updated")
        same((await probe.update()).get("id"), before, "the session's id")


@case(thread("in client repositories"))
async def other_kind(bench: Bench) -> None:
    """A session does not become one for transcription: `invalid_parameter`."""
    async with bench.session() as probe:
        await probe.send("session.update", session={"type": "transcription"})
        await probe.refused("invalid_parameter")


@case(thread("openai/openai-python#2607"), spoken=1)
async def voice_is_fixed(bench: Bench) -> None:
    """Another voice is refused, `cannot_update_voice`, once the session has spoken."""
    async with bench.session() as probe:
        await probe.ask(HELLO)
        (await probe.answer()).completed()
        voice = field(await probe.update(), "audio.output.voice")
        same(field(await probe.update(audio={"output": {"voice": voice}}), "audio.output.voice"), voice, "the voice")
        other = "cedar" if voice != "cedar" else "marin"
        await probe.send("session.update", session={"type": "realtime", "audio": {"output": {"voice": other}}})
        await probe.refused("cannot_update_voice")


CASES = cases_in("session", vars())
