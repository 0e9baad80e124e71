"""Keys of a relay: what each may use, what it has used, and keys that are minted for a while."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from hostile import listen
from relayed import relaying
from scripted_server import SESSION, created, say, scripted
from served import Caller, play
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection

from antiphon.gateway.accounts import Account, Accounts
from antiphon.gateway.settings import Key
from antiphon.gateway.usage import Usage
from antiphon.recording import load
from antiphon.testing import serving

KEY = "sk-of-the-app-0123456789"
BEARER = {"authorization": f"Bearer {KEY}"}


def keyed(rules: str = "") -> str:
    return f'[relay]\nhealth_seconds = 0\n[keys.app]\nkey = "{KEY}"\n{rules}'


async def caller_at(socket_url: str, key: str = KEY, **more: Any) -> tuple[Any, Caller]:
    socket = await connect(f"{socket_url}?model=tone", additional_headers={"authorization": f"Bearer {key}"}, **more)
    caller = Caller(socket)
    assert (await caller.next())["type"] == "session.created"
    return socket, caller


def test_sessions_at_a_time() -> None:
    """One more is refused as a protocol error; when one ends, there is room again."""

    async def scene() -> None:
        async with serving() as server, relaying(f"{server}/v1", toml=keyed("sessions = 2")) as relay:
            open_ones = [await caller_at(relay.socket_url) for _ in range(2)]
            told = await listen(relay.socket_url, **BEARER)
            assert told.errors == [
                (
                    "rate_limit_error",
                    "rate_limit_exceeded",
                    "Rate limit reached for sessions: limit 2 at a time. Close one, then try again.",
                )
            ]
            assert (told.code, told.reason) == (1013, "rate_limit_error.rate_limit_exceeded")
            for socket, _ in open_ones:
                await socket.close()
            while relay.house.accounts["app"].open_sessions:  # noqa: ASYNC110 -- no event tells
                await asyncio.sleep(0.01)
            await (await caller_at(relay.socket_url))[0].close()
            assert relay.house.figures.refused == {"rate_limit_exceeded": 1}

    play(scene)


def test_minutes_a_day() -> None:
    """A key whose day is used up opens no session, and its open ones end."""

    async def scene() -> None:
        async with serving() as server, relaying(f"{server}/v1", toml=keyed("minutes_per_day = 0.0001")) as relay:
            socket, caller = await caller_at(relay.socket_url)
            await asyncio.sleep(0.01)
            relay.house.relay.look_over()
            told = (await caller.until("error"))["error"]
            await socket.wait_closed()
            refused = await listen(relay.socket_url, **BEARER)

            text = "Rate limit reached for session minutes: limit 0.0001 per day. Please try again tomorrow (UTC)."
            assert (told["code"], told["message"], socket.close_code) == ("rate_limit_exceeded", text, 1001)
            assert (refused.errors[0][2], refused.code) == (text, 1013)

    play(scene)


def test_tokens_a_minute() -> None:
    """One response may overdraw them; the next is refused under the client's own name for it; the session goes on."""

    async def scene() -> None:
        async with serving() as server, relaying(f"{server}/v1", toml=keyed("tokens_per_minute = 5")) as relay:
            socket, caller = await caller_at(relay.socket_url)
            await caller.answers()
            await caller.say("response.create", event_id="mine")
            refused = (await caller.until("error"))["error"]
            await caller.update(instructions="Still here?")
            await socket.close()

            assert (refused["type"], refused["code"], refused["event_id"]) == (
                "rate_limit_error",
                "rate_limit_exceeded",
                "mine",
            )
            assert refused["message"].startswith(
                "Rate limit reached for tokens: limit 5 per minute. Please try again in "
            )

    play(scene)


def test_an_upstream_that_answers_by_itself_is_stopped() -> None:
    """After a caller's turn nobody asks a relay: the answer begins, and is cancelled at once."""
    heard: asyncio.Queue[Any] = asyncio.Queue()

    async def answers_unasked(socket: ServerConnection) -> None:
        usage = {"total_tokens": 9, "input_tokens": 9, "output_tokens": 0, "input_token_details": {"audio_tokens": 9}}
        await say(socket, created())
        for number in (1, 2):
            await say(socket, {"type": "response.created", "response": {"id": f"resp_{number}"}})
            await say(socket, {"type": "response.done", "response": {"id": f"resp_{number}", "usage": usage}})
        await heard.put(json.loads(await socket.recv()))

    async def scene() -> None:
        async with scripted(answers_unasked) as url, relaying(url, toml=keyed("tokens_per_minute = 5")) as relay:
            socket, caller = await caller_at(relay.socket_url)
            kinds = [(await caller.next())["type"] for _ in range(5)]
            cancelled = await heard.get()
            await socket.close()

            assert kinds == ["response.created", "response.done", "response.created", "error", "response.done"]
            assert cancelled == {"type": "response.cancel", "response_id": "resp_2"}
            assert relay.house.accounts["app"].usage.input_audio_tokens == 18

    play(scene)


def test_usage_by_key_and_modality() -> None:
    """A key sees its own, an operator's all, nobody else anything."""

    async def scene() -> None:
        toml = keyed() + '[keys.boss]\nkey = "sk-of-the-boss-0123456789"\noperator = true'
        async with serving() as server, relaying(f"{server}/v1", toml=toml) as relay:
            socket, caller = await caller_at(relay.socket_url)
            await caller.answers()
            async with httpx.AsyncClient(base_url=relay.url) as http:
                mine = (await http.get("/usage", headers=BEARER)).json()["keys"]
                boss = {"authorization": "Bearer sk-of-the-boss-0123456789"}
                everybodys = (await http.get("/usage", headers=boss)).json()["keys"]
                strangers = (await http.get("/usage")).status_code
                page = (await http.get("/metrics")).text
            await socket.close()

            assert list(mine) == ["app"]
            assert mine["app"].pop("session_seconds") > 0
            assert mine["app"] == {
                "input_text_tokens": mine["app"]["input_text_tokens"],
                "output_text_tokens": 2,
                "responses": 1,
                "sessions": 1,
                "open_sessions": 1,
            }
            assert (sorted(everybodys), strangers) == (["app", "boss"], 401)
            assert 'antiphon_relay_tokens_total{direction="output",modality="text"} 2.0' in page
            assert 'antiphon_relay_sessions{dialect="ga",upstream="' in page
            assert 'antiphon_relay_frame_seconds_count{direction="to_client"}' in page
            assert KEY not in page

    play(scene)


def test_a_minted_key_opens_the_session_that_it_was_minted_for() -> None:
    """The upstream takes the configuration before the client hears a word; its first event shows it."""

    async def scene() -> None:
        async with serving() as server, relaying(f"{server}/v1", toml=keyed("tokens_per_minute = 5")) as relay:
            wanted = {"type": "realtime", "model": "tone", "instructions": "Sing.", "output_modalities": ["text"]}
            async with httpx.AsyncClient(base_url=relay.url) as http:
                path = "/v1/realtime/client_secrets"
                minted = (await http.post(path, json={"session": wanted}, headers=BEARER)).json()
                strangers = (await http.post(path, json={"session": wanted})).status_code
            bearer = {"authorization": f"Bearer {minted['value']}"}
            socket = await connect(relay.socket_url, additional_headers=bearer)
            caller = Caller(socket)
            first = await caller.next()
            assert (first["type"], first["session"]["instructions"]) == ("session.created", "Sing.")
            assert first["session"]["output_modalities"] == ["text"]
            assert await caller.answers() == "still here."
            await caller.say("response.create")
            assert (await caller.error())["code"] == "rate_limit_exceeded"
            await socket.close()

            assert strangers == 401
            assert relay.house.accounts["app"].usage.responses == 1

    play(scene)


def test_a_beta_client_with_a_minted_key() -> None:
    """Beta's REST, beta's session: its temperature is remembered, and never reaches a GA upstream."""

    async def scene() -> None:
        async with serving() as server, relaying(f"{server}/v1", toml=keyed()) as relay:
            async with httpx.AsyncClient(base_url=relay.url) as http:
                wanted = {"model": "tone", "instructions": "Sing.", "temperature": 0.9, "modalities": ["text"]}
                minted = (await http.post("/v1/realtime/sessions", json=wanted, headers=BEARER)).json()
            headers = {"authorization": f"Bearer {minted['client_secret']['value']}", "OpenAI-Beta": "realtime=v1"}
            async with connect(f"{relay.socket_url}?model=tone", additional_headers=headers) as socket:
                session = json.loads(await socket.recv())["session"]

            assert (session["instructions"], session["temperature"], session["modalities"]) == ("Sing.", 0.9, ["text"])

    play(scene)


def test_what_only_the_upstream_can_judge_is_minted() -> None:
    """Its prompts and its MCP tools; what is wrong for any server is refused here."""
    tools = [{"type": "mcp", "server_label": "house", "server_url": "https://tools.example.com"}]
    configured: list[Any] = []

    async def talk(socket: ServerConnection) -> None:
        await say(socket, created())
        update = json.loads(await socket.recv())
        configured.append(update["session"])
        await say(socket, {"type": "session.updated", "session": SESSION | update["session"]})
        await socket.wait_closed()

    async def scene() -> None:
        async with scripted(talk) as url, relaying(url, toml=keyed()) as relay:
            wanted = {"type": "realtime", "prompt": {"id": "pmpt_1"}, "tools": tools, "instructions": "Sing."}
            async with httpx.AsyncClient(base_url=relay.url, headers=BEARER) as http:
                path = "/v1/realtime/client_secrets"
                minted = (await http.post(path, json={"session": wanted})).json()
                wrong = {"session": {"type": "realtime", "output_modalities": ["smell"]}}
                refused = (await http.post(path, json=wrong)).json()["error"]
            assert minted["session"]["prompt"] == {"id": "pmpt_1"}
            assert minted["session"]["tools"] == tools
            bearer = {"authorization": f"Bearer {minted['value']}"}
            async with connect(relay.socket_url, additional_headers=bearer) as socket:
                assert json.loads(await socket.recv())["session"]["instructions"] == "Sing."
            assert configured == [wanted]
            assert refused["param"] == "session.output_modalities[0]"

    play(scene)


@pytest.mark.parametrize("answer", ["error", "silence", "chatter"])
def test_an_upstream_that_does_not_take_the_configuration(answer: str) -> None:
    """A refusal is told; silence and endless chatter are no session."""

    async def treat(socket: ServerConnection) -> None:
        await say(socket, created())
        await socket.recv()
        if answer == "error":
            await say(socket, {"type": "error", "error": {"type": "invalid_request_error", "message": "No singing."}})
        while answer == "chatter":
            await say(socket, {"type": "rate_limits.updated", "rate_limits": []})
        await socket.wait_closed()

    async def scene() -> None:
        async with scripted(treat) as url, relaying(url, toml=keyed(), open_seconds=0.5) as relay:
            async with httpx.AsyncClient(base_url=relay.url) as http:
                body = {"session": {"type": "realtime", "instructions": "Sing."}}
                minted = (await http.post("/v1/realtime/client_secrets", json=body, headers=BEARER)).json()
            bearer = {"authorization": f"Bearer {minted['value']}"}
            async with connect(relay.socket_url, additional_headers=bearer) as socket:
                first = json.loads(await socket.recv())
                if answer == "error":
                    assert first["session"]["id"] == SESSION["id"]
                    assert json.loads(await socket.recv())["error"]["message"] == "No singing."
                else:
                    assert first["error"]["code"] == "upstream_unavailable"

    play(scene)


def test_a_minted_key_that_ends_lets_its_session_go_on() -> None:
    """It opens no new one then; the one that is open outlives it, as with the provider."""

    async def scene() -> None:
        async with serving() as server, relaying(f"{server}/v1", toml=keyed()) as relay:
            async with httpx.AsyncClient(base_url=relay.url) as http:
                minted = (await http.post("/v1/realtime/client_secrets", json={}, headers=BEARER)).json()
            bearer = {"authorization": f"Bearer {minted['value']}"}
            async with connect(f"{relay.socket_url}?model=tone", additional_headers=bearer) as socket:
                caller = Caller(socket)
                await caller.next()
                secrets = relay.house.gate.secrets
                assert secrets is not None
                secrets._clock = lambda: datetime.now(UTC).timestamp() + 10_000
                assert await caller.answers() == "still here."
            assert (await listen(relay.socket_url, **bearer)).errors[0][1] == "invalid_api_key"

    play(scene)


def test_no_calls_and_no_strangers_over_http() -> None:
    """WebRTC is not relayed, and says so; health needs no key, models do."""

    async def scene() -> None:
        async with serving() as server, relaying(f"{server}/v1", toml=keyed()) as relay:
            async with httpx.AsyncClient(base_url=relay.url) as http:
                call = await http.post("/v1/realtime/calls", content=b"v=0")
                hangup = await http.post("/v1/realtime/calls/rtc_1/hangup")
                statuses = [(await http.get(path)).status_code for path in ("/health", "/v1/models", "/version")]

            assert (call.status_code, call.json()["error"]["code"]) == (501, "calls_not_supported")
            assert (hangup.status_code, statuses) == (501, [200, 401, 200])

    play(scene)


def test_sessions_are_recorded(tmp_path: Path) -> None:
    """Each in a file of its own: what went both ways, who spoke what, and no key."""

    async def scene() -> None:
        toml = keyed()
        async with serving() as server, relaying(f"{server}/v1", toml=toml, record=str(tmp_path)) as relay:
            socket, caller = await caller_at(relay.socket_url)
            await caller.answers()
            await socket.close()

    play(scene)
    (path,) = tmp_path.glob("*.jsonl")
    recording = load(path)
    told = [(line.way, line.event["type"]) for line in recording.lines if line.way != "note"]

    assert (recording.about.kind, recording.about.dialect, recording.about.model) == ("relay", "ga", "tone")
    assert told[0] == ("server", "session.created")
    assert [kind for way, kind in told if way == "client"] == ["conversation.item.create", "response.create"]
    assert told[-1] == ("server", "response.done")
    assert KEY not in path.read_text()


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = 20_000 * 86_400.0

    def __call__(self) -> float:
        return self.now


def test_a_day_ends_at_midnight() -> None:
    """Minutes count by the UTC day; what was open over midnight counts in both."""
    clock = Clock()
    account = Account("app", Key(minutes_per_day=60), clock)
    clock.now += 86_400 - 1800
    assert account.begin() is None
    clock.now += 1799
    assert account.out_of_time() is None
    clock.now += 1 + 3599

    assert account.out_of_time() is None
    clock.now += 2
    assert account.out_of_time() is not None
    account.end()
    assert account.begin() is not None
    assert account.usage.session_seconds == 1800 + 3601
    clock.now += 86_400
    assert account.begin() is None


def test_tokens_come_back_within_a_minute() -> None:
    """Evenly; the error says when the first one is there."""
    clock = Clock()
    account = Account("app", Key(tokens_per_minute=60), clock)
    account.spend(Usage(input_text_tokens=70))
    refusal = account.out_of_tokens("mine")

    assert refusal is not None
    assert (refusal.message.endswith("try again in 11.0s."), refusal.event_id) == (True, "mine")
    clock.now += 11
    assert account.out_of_tokens() is None


def test_a_key_sees_its_own_account() -> None:
    """An open relay has one, which all see."""
    accounts = Accounts({"a": Key(), "b": Key(operator=True)}, Clock())

    assert [one.name for one in accounts.seen_by("a")] == ["a"]
    assert [one.name for one in accounts.seen_by("b")] == ["a", "b"]
    assert [one.name for one in Accounts({}, Clock()).seen_by("")] == [""]
