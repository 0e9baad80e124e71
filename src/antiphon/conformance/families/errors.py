"""Errors: what a mistake is answered with, and that it costs nothing but itself."""

import msgspec

from antiphon.conformance.bench import Bench
from antiphon.conformance.case import OBSERVED, SCHEMA, UNVERIFIED, case, cases_in, thread
from antiphon.conformance.expect import field, holds, same
from antiphon.conformance.probe import message

DETAIL_KEYS = ("type", "code", "message", "param", "event_id")
MAX_EVENT_ID = 512


@case(OBSERVED)
async def no_json(bench: Bench) -> None:
    """What is no JSON is answered by `invalid_json`, without param."""
    async with bench.session() as probe:
        await probe.send_frame(b'{"type": "session.update",')
        detail = await probe.refused("invalid_json", None)
        begin = "Invalid event: failed to parse JSON value."
        holds(str(detail.get("message")).startswith(begin), f"the message does not begin with {begin!r}")


@case(OBSERVED)
async def binary_frame(bench: Bench) -> None:
    """A binary frame is answered by `invalid_event`."""
    async with bench.session() as probe:
        await probe.send_frame(b'{"type":"response.cancel"}', is_binary=True)
        await probe.refused("invalid_event", None)


@case(OBSERVED)
async def unknown_type(bench: Bench) -> None:
    """An unknown type of event is answered by `invalid_value` at `type`."""
    async with bench.session() as probe:
        await probe.send("session.dance")
        await probe.refused("invalid_value", "type")


@case(OBSERVED)
async def types_listed(bench: Bench) -> None:
    """The message about an unknown type names it, and lists the types that there are."""
    async with bench.session() as probe:
        await probe.send("session.dance")
        text = str((await probe.refused()).get("message"))
        holds(text.startswith("Invalid value: 'session.dance'. Supported values are: "), f"the message is {text!r}")
        for kind in ("session.update", "input_audio_buffer.append", "response.create", "response.cancel"):
            holds(f"'{kind}'" in text, f"the message does not name {kind}")


@case(SCHEMA)
async def no_type(bench: Bench) -> None:
    """An event without a type is answered by an error."""
    async with bench.session() as probe:
        await probe.send_frame(b'{"event_id":"check_1"}')
        await probe.refused()


@case(UNVERIFIED)
async def no_type_code(bench: Bench) -> None:
    """An event without a type is `missing_required_parameter` at `type`."""
    async with bench.session() as probe:
        await probe.send_frame(b'{"event_id":"check_1"}')
        await probe.refused("missing_required_parameter", "type")


@case(OBSERVED)
async def unknown_key(bench: Bench) -> None:
    """An unknown key is answered by `unknown_parameter` at its path, at the top of an event."""
    async with bench.session() as probe:
        await probe.send("input_audio_buffer.clear", bogus=1)
        await probe.refused("unknown_parameter", "bogus")


@case(thread("TanStack/ai#586"))
async def missing_key(bench: Bench) -> None:
    """A missing key is answered by `missing_required_parameter` at its path."""
    async with bench.session() as probe:
        await probe.send("conversation.item.delete")
        await probe.refused("missing_required_parameter", "item_id")


@case(thread("openai/openai-agents-js#315"))
async def wrong_type(bench: Bench) -> None:
    """A value of another type is answered by `invalid_type` at its path."""
    async with bench.session() as probe:
        await probe.send("conversation.item.delete", item_id=7)
        await probe.refused("invalid_type", "item_id")


@case(SCHEMA)
async def shape(bench: Bench) -> None:
    """An error has `type`, `code`, `message`, `param` and `event_id`, though some are null."""
    async with bench.session() as probe:
        await probe.send("conversation.item.delete", item_id="item_check_none")
        event = await probe.until("error")
        missing = [key for key in DETAIL_KEYS if key not in field(event, "error", dict)]
        holds(not missing, f"the error lacks {', '.join(missing)}")
        same(field(event, "error.type"), "invalid_request_error", "the error's type")


@case(SCHEMA)
async def names_the_event(bench: Bench) -> None:
    """An error names the client's event that caused it, and null where that had no name."""
    async with bench.session() as probe:
        await probe.send("conversation.item.delete", item_id="item_check_none", event_id="check_7")
        same((await probe.refused()).get("event_id"), "check_7", "the error's event_id")
        await probe.send("conversation.item.delete", item_id="item_check_none")
        same((await probe.refused()).get("event_id"), None, "the error's event_id")


@case(SCHEMA)
async def success_names_nothing(bench: Bench) -> None:
    """A reply to what succeeded does not repeat the client's event_id."""
    async with bench.session() as probe:
        await probe.send("session.update", session={"type": "realtime"}, event_id="check_8")
        holds(field(await probe.until("session.updated"), "event_id") != "check_8", "the reply repeats the event_id")


@case(SCHEMA)
async def long_event_id(bench: Bench) -> None:
    """An event_id has at most 512 characters."""
    async with bench.session() as probe:
        await probe.send("input_audio_buffer.clear", event_id="x" * MAX_EVENT_ID)
        await probe.until("input_audio_buffer.cleared")
        await probe.send("input_audio_buffer.clear", event_id="x" * (MAX_EVENT_ID + 1))
        await probe.refused()


@case(OBSERVED)
async def goes_on(bench: Bench) -> None:
    """No mistake ends a session: after any of them it serves on."""
    mistakes = [b"", b"[]", b"{}", b"null", b'{"type":"response.create","response":[]}', b'{"type":7}']
    async with bench.session() as probe:
        for frame in mistakes:
            await probe.send_frame(frame)
            await probe.refused()
        await probe.write("still here")


@case(OBSERVED)
async def changes_nothing(bench: Bench) -> None:
    """A refused event changes nothing at all."""
    async with bench.session() as probe:
        item = message("never said", id="item_check_wrong", bogus=1)
        await probe.send_frame(msgspec.json.encode({"type": "conversation.item.create", "item": item}))
        await probe.refused("unknown_parameter", "item.bogus")
        await probe.send("conversation.item.retrieve", item_id="item_check_wrong")
        await probe.refused("item_retrieve_invalid_item_id")


CASES = cases_in("errors", vars())
