"""REST: ephemeral keys, and the sessions that they open."""

from datetime import UTC, datetime
from typing import Any, Final

from antiphon.conformance.bench import Bench, Reply
from antiphon.conformance.case import SCHEMA, case, cases_in, thread
from antiphon.conformance.expect import field, holds, same, within

SECRETS: Final = "/client_secrets"
TOLERANCE_S: Final = 90
"""How far the server's clock may be from ours."""


async def _minted(bench: Bench, session: dict[str, Any] | None = None, **body: Any) -> dict[str, Any]:
    wanted = session or {"type": "realtime", "model": bench.target.model}
    reply = await bench.post(SECRETS, {"session": wanted, **body})
    holds(reply.status == 200, f"expected HTTP 200, but got {reply.status}: {reply.body}")
    return dict(reply.body) if isinstance(reply.body, dict) else {}


def _refused(reply: Reply, code: str = "") -> None:
    same(reply.status, 400, "the HTTP status")
    missing = [key for key in ("type", "code", "message", "param") if key not in field(reply.body, "error", dict)]
    holds(not missing, f"the error lacks {', '.join(missing)}")
    if code:
        same(field(reply.body, "error.code"), code, "the error's code")


@case(SCHEMA)
async def secret(bench: Bench) -> None:
    """A client secret is a key that begins with ek_, with its end and its session."""
    minted = await _minted(bench)
    holds(field(minted, "value", str).startswith("ek_"), "the value does not begin with ek_")
    holds(field(minted, "expires_at", int) > 0, "expires_at is not a time")
    same(field(minted, "session.type"), "realtime", "the session's type")


@case(SCHEMA)
async def life(bench: Bench) -> None:
    """A client secret lives as long as `expires_after` says."""
    minted = await _minted(bench, expires_after={"anchor": "created_at", "seconds": 1200})
    left = field(minted, "expires_at", int) - datetime.now(UTC).timestamp()
    holds(abs(left - 1200) < TOLERANCE_S, f"expected a life of 1200 s, but it is {left:.0f} s")


@case(SCHEMA)
async def default_life(bench: Bench) -> None:
    """A client secret lives for ten minutes unless it is told otherwise."""
    left = field(await _minted(bench), "expires_at", int) - datetime.now(UTC).timestamp()
    holds(abs(left - 600) < TOLERANCE_S, f"expected a life of 600 s, but it is {left:.0f} s")


@case(SCHEMA)
async def life_has_limits(bench: Bench) -> None:
    """A life of fewer than 10 seconds is refused."""
    _refused(await bench.post(SECRETS, {"expires_after": {"anchor": "created_at", "seconds": 5}}))


@case(SCHEMA)
async def shows_the_session(bench: Bench) -> None:
    """The answer shows the whole session that the key opens, with what was asked for."""
    session = {"type": "realtime", "model": bench.target.model, "instructions": "Be brief."}
    shown = field(await _minted(bench, session), "session", dict)
    within(shown, {"instructions": "Be brief.", "audio.input.turn_detection.type": "server_vad"}, "the session")


@case(SCHEMA)
async def opens_a_session(bench: Bench) -> None:
    """A client secret opens a session that is configured as it says, and opens another one after that."""
    session = {"type": "realtime", "model": bench.target.model, "instructions": "Be brief."}
    key = field(await _minted(bench, session), "value", str)
    for _ in range(2):
        async with bench.connect(key=key) as probe:
            created = await probe.until("session.created")
            same(field(created, "session.instructions"), "Be brief.", "the session's instructions")


@case(SCHEMA)
async def may_be_overridden(bench: Bench) -> None:
    """The client may update what the secret has set."""
    session = {"type": "realtime", "model": bench.target.model, "instructions": "Be brief."}
    key = field(await _minted(bench, session), "value", str)
    async with bench.connect(key=key) as probe:
        await probe.until("session.created")
        same((await probe.update(instructions="Be long.")).get("instructions"), "Be long.", "the instructions")


@case(SCHEMA)
async def opens_a_transcription(bench: Bench) -> None:
    """A client secret for transcription opens such a session, without any query."""
    session = {"type": "transcription", "audio": {"input": {"transcription": {"model": "whisper-1"}}}}
    key = field(await _minted(bench, session), "value", str)
    async with bench.connect(key=key, query={}) as probe:
        created = await probe.until("session.created")
        within(created, {"session.type": "transcription"}, "the session")
        same(field(created, "session.audio.input.transcription.model"), "whisper-1", "the model")


@case(SCHEMA)
async def unknown_key(bench: Bench) -> None:
    """An unknown key of the session is refused with 400 and `unknown_parameter`."""
    _refused(await bench.post(SECRETS, {"session": {"type": "realtime", "bogus": 1}}), "unknown_parameter")


@case(SCHEMA)
async def no_json(bench: Bench) -> None:
    """A body that is no JSON is refused with 400."""
    _refused(await bench.post(SECRETS, b'{"session":'))


@case(thread("in client repositories"))
async def live_without_detection(bench: Bench) -> None:
    """Turn detection beside a live transcription model is refused with 400 and `invalid_value`."""
    heard = {"transcription": {"model": "gpt-realtime-whisper"}, "turn_detection": {"type": "server_vad"}}
    body = {"session": {"type": "transcription", "audio": {"input": heard}}}
    _refused(await bench.post(SECRETS, body), "invalid_value")


CASES = cases_in("rest", vars())
