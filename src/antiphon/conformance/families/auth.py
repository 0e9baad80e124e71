"""Keys: who is let in, and what the others are told."""

from antiphon.conformance.bench import Bench
from antiphon.conformance.case import OBSERVED, SCHEMA, case, cases_in
from antiphon.conformance.expect import field, holds, same

WRONG = "sk-check-0000000000000000000000000000"


@case(OBSERVED, needs_key=True)
async def wrong_key(bench: Bench) -> None:
    """A wrong key is told `invalid_api_key` after the upgrade, and the connection closed with 3000."""
    async with bench.connect(key=WRONG) as probe:
        await probe.refused("invalid_api_key", None)
        same((await probe.closes())[0], 3000, "the close code")


@case(OBSERVED, needs_key=True)
async def no_key(bench: Bench) -> None:
    """Who shows no key is told so after the upgrade, without a code, and the connection closed with 3000."""
    async with bench.connect(key=None) as probe:
        detail = await probe.refused(None, None)
        same(detail.get("message"), "Missing bearer or basic authentication in header", "the message")
        same((await probe.closes())[0], 3000, "the close code")


@case(OBSERVED, needs_key=True)
async def reason(bench: Bench) -> None:
    """The reason of the close names the error."""
    async with bench.connect(key=WRONG) as probe:
        await probe.refused()
        same((await probe.closes())[1], "invalid_request_error.invalid_api_key", "the close reason")


@case(SCHEMA, needs_key=True)
async def key_in_subprotocol(bench: Bench) -> None:
    """The key may come as a subprotocol, as browsers send it; it is never chosen."""
    async with bench.connect(in_subprotocol=True) as probe:
        await probe.until("session.created")
        same(probe.subprotocol, "realtime", "the chosen subprotocol")


@case(SCHEMA, needs_key=True)
async def wrong_key_in_subprotocol(bench: Bench) -> None:
    """A wrong key in the subprotocol is refused like any other."""
    async with bench.connect(in_subprotocol=True, key=WRONG) as probe:
        await probe.refused("invalid_api_key", None)
        same((await probe.closes())[0], 3000, "the close code")


@case(SCHEMA, needs_key=True)
async def key_is_not_told(bench: Bench) -> None:
    """The refusal of a key does not repeat it whole."""
    async with bench.connect(key=WRONG) as probe:
        holds(WRONG not in str((await probe.refused()).get("message")), "the message repeats the key")


@case(SCHEMA, needs_key=True)
async def rest_needs_a_key(bench: Bench) -> None:
    """REST answers 401 with an `error` object to a wrong key, and to none."""
    for key in (WRONG, None):
        reply = await bench.post("/client_secrets", {}, key=key)
        same(reply.status, 401, "the HTTP status")
        holds(field(reply.body, "error.message", str), "the error has no message")


CASES = cases_in("auth", vars())
