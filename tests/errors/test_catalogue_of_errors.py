"""Every error that a client can meet, met over a real socket; and then the session serves a turn, or is closed."""

import asyncio
import json
import logging
from typing import Any

import error_catalogue as catalogue
import httpx2
import pytest
from error_catalogue import DOORS, EXEMPT, REQUESTS, SLIP, SLIPS, STORIES, Door, Play, Request, Slip, made
from served import Caller, dial, engines, play, spoken
from socket_server import listening
from websockets.asyncio.client import connect

from antiphon.metrics import Tally
from antiphon.ports import EngineSet
from antiphon.protocol import errors
from antiphon.runtime.app import RealtimeApp
from antiphon.runtime.options import RuntimeOptions
from antiphon.testing import serving
from antiphon.transports import secrets

RUNNING = {"active_response", "not_allowed"}
"""Stories that leave a response running."""


def named(row: Slip | Door | Request) -> str:
    return f"{row.error.constructor}-{row.error.detail.param or 'whole'}"


async def next_error(caller: Caller) -> dict[str, Any]:
    """The next error, whole; the answers to what was right are passed over."""
    told = await caller.until("error")
    assert set(told) == {"type", "event_id", "error"}
    assert told["event_id"].startswith("event_")
    error: dict[str, Any] = told["error"]
    return error


async def closing(socket: Any) -> tuple[dict[str, Any], int | None, str | None]:
    """The last words of a server that closes: the error, the code, the reason."""
    async with asyncio.timeout(20):
        while (told := json.loads(await socket.recv()))["type"] != "error":
            pass
        await socket.wait_closed()
    return told["error"], socket.close_code, socket.close_reason


async def transcribes(caller: Caller) -> str:
    """What a transcription session hears; so it lives."""
    await caller.say("input_audio_buffer.clear")
    heard = {"transcription": {"model": "whisper-1"}, "turn_detection": {"type": "server_vad"}}
    await caller.say("session.update", session={"type": "transcription", "audio": {"input": heard}})
    await caller.until("session.updated")
    await caller.speak(spoken())
    event = await caller.until("conversation.item.input_audio_transcription.completed")
    return str(event["transcript"])


@pytest.mark.parametrize("row", SLIPS, ids=named)
def test_a_mistake_is_told_whole_and_the_session_goes_on(row: Slip) -> None:
    """Type, code, message, param and the client's own name of the event; then a normal turn."""

    async def scene() -> None:
        async with serving(engines()) as url, connect(f"{url.replace('http', 'ws')}/v1/realtime?{row.query}") as socket:
            caller = Caller(socket)
            for frame in row.sent:
                await socket.send(json.dumps(frame) if isinstance(frame, dict) else frame)
            error = await next_error(caller)

            assert error == row.error.told(SLIP if isinstance(row.frames[-1], dict) else None)
            if "transcription" in row.query:
                assert (await transcribes(caller)).startswith("tone 440 hz")
            else:
                assert await caller.answers() == "still here."

    play(scene)


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_a_mistake_that_depends_on_what_was_said(story: Play) -> None:
    """As above, for rules about a response or an item that the server has made."""

    async def scene() -> None:
        async with serving(engines()) as url, dial(url) as caller:
            expected = await story(caller)
            error = await next_error(caller)

            assert error == expected.told(SLIP)
            await caller.say("response.cancel", event_id="end")
            await caller.until("response.done" if expected.constructor in RUNNING else "error")
            assert await caller.answers() == "still here."

    play(scene)


@pytest.mark.parametrize("door", DOORS, ids=named)
def test_a_connection_that_is_refused(door: Door) -> None:
    """The error, then the close in the same instant, with the error's type and code as its reason."""

    async def scene() -> None:
        async with (
            serving(door.config) as url,
            connect(f"{url.replace('http', 'ws')}/v1/realtime?{door.query}", additional_headers=door.headers) as socket,
        ):
            assert await closing(socket) == (door.error.told(), door.code, door.reason)

    play(scene)


@pytest.mark.parametrize("row", REQUESTS, ids=named)
def test_a_request_that_is_refused(row: Request) -> None:
    """The same errors, in the shape and with the status of HTTP."""

    async def scene() -> None:
        body = json.dumps(row.body).encode() if isinstance(row.body, dict) else row.body
        async with serving(row.config) as url, httpx2.AsyncClient() as client:
            answer = await client.post(f"{url}{row.path}", content=body, headers=row.headers)
        told = row.error.told()
        del told["event_id"]

        assert (answer.status_code, answer.json()) == (row.status, {"error": told})

    play(scene)


def test_an_operator_may_have_ids_taken_twice() -> None:
    """As the provider does: the item comes back behind the one of the same id, and both are in the context."""

    async def scene() -> None:
        async with serving(catalogue.DUPLICATES) as url, dial(url) as caller:
            for _ in range(2):
                await caller.say("conversation.item.create", item=catalogue.message(id="item_a"))
            first, second = [await caller.until("conversation.item.added") for _ in range(2)]

            assert (first["previous_item_id"], second["previous_item_id"]) == (None, "item_a")
            assert await caller.answers() == "still here."

    play(scene)


def test_more_sessions_than_the_operator_allows() -> None:
    """The one beyond is refused, to be tried again; the others go on."""

    async def scene() -> None:
        async with serving(catalogue.ONE_SESSION) as url, dial(url) as caller:
            async with connect(f"{url.replace('http', 'ws')}/v1/realtime?model=tone") as socket:
                refusal = made(errors.too_many_sessions, 1).told()
                assert await closing(socket) == (refusal, 1013, "invalid_request_error.session_limit_reached")
            assert await caller.answers() == "still here."

    play(scene)


def test_more_ephemeral_keys_than_there_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTP 429 while as many as there may be are good."""
    monkeypatch.setattr(secrets, "MAX_SECRETS", 1)

    async def scene() -> None:
        async with serving() as url, httpx2.AsyncClient() as client:
            answers = [await client.post(f"{url}/v1/realtime/client_secrets") for _ in range(2)]
        told = made(errors.too_many_secrets).told()
        del told["event_id"]

        assert [answer.status_code for answer in answers] == [200, 429]
        assert answers[1].json() == {"error": told}

    play(scene)


def test_a_session_that_has_reached_its_end() -> None:
    """The error, then close 1001 with the same sentence."""

    async def scene() -> None:
        async with serving(catalogue.BRIEF) as url, dial(url) as caller:
            expired = made(errors.session_expired, 0)
            assert await closing(caller.socket) == (expired.told(), 1001, expired.detail.message)

    play(scene)


def test_a_fault_of_ours(caplog: pytest.LogCaptureFixture) -> None:
    """A session that cannot be opened: `server_error` with the session's id, close 1011."""

    def broken(model: str | None) -> EngineSet:
        raise LookupError(model)

    async def scene() -> None:
        app = RealtimeApp(engines=broken, meter=Tally(), options=RuntimeOptions())
        await app.start()
        async with listening(app) as url, connect(f"{url}?model=tone") as socket:
            told, code, reason = await closing(socket)
        session_id = told["message"].split("session ")[1].rstrip(")")

        assert session_id.startswith("sess_")
        assert told == made(errors.server_error, session_id).told()
        assert (code, reason) == (1011, "server_error")

    with caplog.at_level(logging.CRITICAL):
        play(scene)


def test_the_whole_catalogue_is_met() -> None:
    """Each constructor of `errors.py` has a row above, or a reason why no client can meet it."""
    rows = {row.error.constructor for row in (*SLIPS, *DOORS, *REQUESTS)} | {name.split(",")[0] for name in STORIES}

    met = rows | set(catalogue.BY_HAND)
    assert met | set(EXEMPT) == catalogue.constructors()
    assert not met & set(EXEMPT)


def test_the_page_is_fresh() -> None:
    """`make docs` would change nothing of the table of errors."""
    assert catalogue.on_page(catalogue.PAGE.read_text("utf-8")) == catalogue.section()
