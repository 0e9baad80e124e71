"""The older dialects: served in their own words, or refused as the provider refuses them; and never mixed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from antiphon.conformance.bench import Bench
from antiphon.conformance.case import OBSERVED, SCHEMA, NotHere, case, cases_in, thread
from antiphon.conformance.expect import field, holds, same, within
from antiphon.conformance.probe import Answer, Probe, message
from antiphon.conformance.prompts import HELLO

BETA: Final = {"OpenAI-Beta": "realtime=v1"}
DISABLED: Final = "beta_api_shape_disabled"
BETA_KEYS: Final = (
    *("id", "object", "expires_at", "modalities", "instructions", "voice", "input_audio_format", "output_audio_format"),
    *("input_audio_transcription", "turn_detection", "tools", "tool_choice", "temperature", "model"),
    "max_response_output_tokens",
)
CREATED: Final = "session.created"


@asynccontextmanager
async def _beta(bench: Bench, query: dict[str, str] | None = None) -> AsyncIterator[Probe]:
    """A beta connection that is served, before its first event was read. Raise NotHere where there is no beta."""
    async with bench.connect(headers=BETA, query=query) as probe:
        await _served(probe, "transcription_session.created" if query else CREATED)
        yield probe


async def _served(probe: Probe, created: str) -> dict[str, Any]:
    event = await probe.until(created, "error")
    if event.get("type") == "error" and field(event, "error.code") == DISABLED:
        raise NotHere("the server has no beta")
    same(event.get("type"), created, "the first event")
    return dict(field(event, "session", dict))


@case(OBSERVED)
async def beta(bench: Bench) -> None:
    """The beta header gets a session of beta's shape, or `beta_api_shape_disabled` and close 4000."""
    async with bench.connect(headers=BETA) as probe:
        event = await probe.until(CREATED, "error")
        if event.get("type") == CREATED:
            holds("modalities" in field(event, "session", dict), "the session is not of beta's shape")
            return
        same(field(event, "error.code"), DISABLED, "the error's code")
        same((await probe.closes())[0], 4000, "the close code")


@case(OBSERVED)
async def beta_session(bench: Bench) -> None:
    """A beta session is flat, and has all the keys of beta."""
    async with bench.connect(headers=BETA) as probe:
        session = await _served(probe, CREATED)
        missing = [key for key in BETA_KEYS if key not in session]
        holds(not missing, f"the session lacks {', '.join(missing)}")
        holds("audio" not in session and "output_modalities" not in session, "the session has keys of GA")


@case(OBSERVED)
async def beta_defaults(bench: Bench) -> None:
    """A beta session speaks and writes, in pcm16, by `server_vad`."""
    async with bench.connect(headers=BETA) as probe:
        session = await _served(probe, CREATED)
        formats = {"input_audio_format": "pcm16", "output_audio_format": "pcm16"}
        within(session, {**formats, "turn_detection.type": "server_vad", "temperature": 0.8}, "the session")
        same(sorted(field(session, "modalities", list)), ["audio", "text"], "the modalities")


@case(OBSERVED)
async def beta_update(bench: Bench) -> None:
    """A beta session is updated without a `type`, by flat keys."""
    async with _beta(bench) as probe:
        await probe.send("session.update", session={"modalities": ["text"], "input_audio_format": "g711_ulaw"})
        wanted = {"session.modalities": ["text"], "session.input_audio_format": "g711_ulaw"}
        within(await probe.until("session.updated"), wanted, "session.updated")


@case(OBSERVED)
async def beta_item(bench: Bench) -> None:
    """In beta an item is told once, by `conversation.item.created`, with its `object`."""
    async with _beta(bench) as probe:
        for n in range(2):
            await probe.send("conversation.item.create", item=message("hello", id=f"item_check_{n}"))
            event = await probe.next()
            same(event.get("type"), "conversation.item.created", "the next event")
            within(event, {"item.id": f"item_check_{n}", "item.object": "realtime.item"}, "the item")


@case(OBSERVED, written=1)
async def beta_text(bench: Bench) -> None:
    """In beta a written answer comes as `response.text.delta`, in content of type `text`."""
    async with _beta(bench) as probe:
        answer = await _beta_answer(probe, ["text"])
        holds(answer.all("response.text.delta"), "there is no response.text.delta")
        same(field(answer.items[0], "content.0.type"), "text", "the type of the content")


@case(OBSERVED, spoken=1)
async def beta_audio(bench: Bench) -> None:
    """In beta a spoken answer comes as `response.audio.delta` and `response.audio_transcript.delta`."""
    async with _beta(bench) as probe:
        answer = await _beta_answer(probe, ["audio", "text"])
        for kind in ("response.audio.delta", "response.audio_transcript.delta", "response.audio.done"):
            holds(answer.all(kind), f"there is no {kind}")
        same(field(answer.items[0], "content.0.type"), "audio", "the type of the content")


@case(OBSERVED, written=1)
async def beta_names_alone(bench: Bench) -> None:
    """In beta no event has a name of GA."""
    async with _beta(bench) as probe:
        answer = await _beta_answer(probe, ["text"])
        strange = ("response.output_text", "response.output_audio", "conversation.item.added", "conversation.item.done")
        found = [kind for kind in answer.kinds() if kind.startswith(strange)]
        holds(not found, f"{', '.join(found)} came")


async def _beta_answer(probe: Probe, modalities: list[str]) -> Answer:
    await probe.send("conversation.item.create", item=message(HELLO))
    await probe.send("response.create", response={"modalities": modalities})
    return (await probe.answer()).completed()


@case(thread("pipecat-ai/pipecat#1324"))
async def no_ga_in_beta(bench: Bench) -> None:
    """A key of GA is `unknown_parameter` in a beta session."""
    async with _beta(bench) as probe:
        await probe.send("session.update", session={"output_modalities": ["text"]})
        await probe.refused("unknown_parameter", "session.output_modalities")


@case(thread("openai/openai-python#2638"))
async def no_beta_in_ga(bench: Bench) -> None:
    """A key of beta is `unknown_parameter` in a GA session."""
    async with bench.session() as probe:
        await probe.send("session.update", session={"type": "realtime", "modalities": ["text"]})
        await probe.refused("unknown_parameter", "session.modalities")


@case(SCHEMA)
async def beta_transcription(bench: Bench) -> None:
    """In beta a transcription session has events of its own."""
    async with _beta(bench, {"intent": "transcription"}) as probe:
        heard = {"input_audio_transcription": {"model": "whisper-1"}}
        await probe.send("transcription_session.update", session=heard)
        event = await probe.until("transcription_session.updated")
        same(field(event, "session.input_audio_transcription.model"), "whisper-1", "the model")


@case(OBSERVED)
async def no_beta_event_in_ga(bench: Bench) -> None:
    """`transcription_session.update` is no type of GA: `invalid_value` at `type`."""
    async with bench.session() as probe:
        await probe.send("transcription_session.update", session={})
        await probe.refused("invalid_value", "type")


@case(OBSERVED)
async def no_call_event_over_websocket(bench: Bench) -> None:
    """`output_audio_buffer.clear` belongs to calls: over a WebSocket it is `invalid_value` at `type`."""
    async with bench.session() as probe:
        await probe.send("output_audio_buffer.clear")
        await probe.refused("invalid_value", "type")


CASES = cases_in("dialects", vars())
