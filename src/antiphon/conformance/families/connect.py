"""Connecting: what comes first, and how a connection is turned away."""

from datetime import UTC, datetime
from typing import Any

from antiphon.conformance.bench import Bench
from antiphon.conformance.case import OBSERVED, SCHEMA, NotHere, case, cases_in, thread
from antiphon.conformance.expect import field, holds, same, within
from antiphon.conformance.probe import ITEM, message

SESSION_KEYS = (
    *("type", "object", "id", "model", "output_modalities", "instructions", "tools", "tool_choice", "audio"),
    *("max_output_tokens", "tracing", "truncation", "prompt", "expires_at", "include"),
)


@case(OBSERVED)
async def first_event(bench: Bench) -> None:
    """`session.created` is the first event on every connection, and comes unprompted."""
    async with bench.connect() as probe:
        same((await probe.next()).get("type"), "session.created", "the first event")


@case(OBSERVED)
async def whole_session(bench: Bench) -> None:
    """`session.created` shows the whole session: all of its keys are there."""
    async with bench.connect() as probe:
        session = field(await probe.until("session.created"), "session", dict)
        missing = [key for key in SESSION_KEYS if key not in session]
        holds(not missing, f"the session lacks {', '.join(missing)}")


@case(OBSERVED)
async def kind_of_session(bench: Bench) -> None:
    """The session says what it is: `type` realtime, `object` realtime.session, an `id` that begins with sess_."""
    async with bench.connect() as probe:
        created = await probe.until("session.created")
        within(created, {"session.type": "realtime", "session.object": "realtime.session"}, "session.created")
        holds(field(created, "session.id", str).startswith("sess_"), "the session's id does not begin with sess_")


@case(OBSERVED)
async def defaults(bench: Bench) -> None:
    """A session listens by `server_vad`, creates and interrupts responses, and speaks, unless it is told otherwise."""
    async with bench.connect() as probe:
        session = field(await probe.until("session.created"), "session", dict)
        detection = {
            "type": "server_vad",
            "create_response": True,
            "interrupt_response": True,
            "prefix_padding_ms": 300,
        }
        within(field(session, "audio.input.turn_detection", dict), {**detection, "threshold": 0.5}, "turn detection")
        pcm = {"type": "audio/pcm", "rate": 24000}
        within(session, {"audio.input.format": pcm, "audio.output.format": pcm}, "formats")
        within(session, {"output_modalities": ["audio"], "tools": [], "tool_choice": "auto"}, "session.created")
        within(session, {"max_output_tokens": "inf", "audio.input.transcription": None}, "session.created")


@case(OBSERVED)
async def expires_later(bench: Bench) -> None:
    """`expires_at` is a Unix time to come."""
    async with bench.connect() as probe:
        end = field(await probe.until("session.created"), "session.expires_at", int)
        holds(end > datetime.now(UTC).timestamp(), f"`expires_at` is {end}, which is over")


@case(OBSERVED)
async def own_session(bench: Bench) -> None:
    """Two connections have sessions of different ids."""
    ids: list[Any] = []
    for _ in range(2):
        async with bench.connect() as probe:
            ids.append(field(await probe.until("session.created"), "session.id", str))
    holds(ids[0] != ids[1], f"both sessions are called {ids[0]}")


@case(OBSERVED)
async def early_events(bench: Bench) -> None:
    """Events sent before `session.created` has arrived are served, in their order."""
    async with bench.connect() as probe:
        await probe.send("conversation.item.create", item=message("first", id="item_check_early_1"))
        await probe.send("conversation.item.create", item=message("second", id="item_check_early_2"))
        for wanted in ("item_check_early_1", "item_check_early_2"):
            same(field(await probe.until(*ITEM), "item.id"), wanted, "the next item")


@case(OBSERVED)
async def no_model(bench: Bench) -> None:
    """A connection that names no model is told `missing_model`, and closed with 4000."""
    async with bench.connect(query={}) as probe:
        await probe.refused("missing_model", None)
        same((await probe.closes())[0], 4000, "the close code")


@case(OBSERVED)
async def unknown_model(bench: Bench) -> None:
    """A model that the server does not have is refused by `invalid_model`, and the connection closed with 4000."""
    async with bench.connect(query={"model": "no-such-model"}) as probe:
        if (await probe.until("session.created", "error"))["type"] == "session.created":
            raise NotHere("the server takes any model name")
        same(field(_last(bench), "error.code"), "invalid_model", "the error's code")
        same((await probe.closes())[0], 4000, "the close code")


@case(thread("BerriAI/litellm#13471"))
async def bad_intent(bench: Bench) -> None:
    """An intent other than `transcription` is refused by `invalid_intent`, and the connection closed with 4000."""
    async with bench.connect(query={"intent": "check"}) as probe:
        await probe.refused("invalid_intent")
        same((await probe.closes())[0], 4000, "the close code")


@case(OBSERVED)
async def reason(bench: Bench) -> None:
    """The reason of a close at connect is the error's type and code."""
    async with bench.connect(query={}) as probe:
        detail = await probe.refused()
        told = ".".join(part for part in (detail.get("type"), detail.get("code")) if part)
        same((await probe.closes())[1], told, "the close reason")


@case(SCHEMA)
async def subprotocol(bench: Bench) -> None:
    """A client that offers the subprotocol `realtime`, as browsers do, gets it chosen."""
    async with bench.connect(in_subprotocol=True, key=bench.target.api_key or "none") as probe:
        await probe.until("session.created")
        same(probe.subprotocol, "realtime", "the chosen subprotocol")


def _last(bench: Bench) -> dict[str, Any]:
    return bench.lines[-1].event


CASES = cases_in("connect", vars())
