"""Which upstream gets a session, what it is shown, and what happens when it cannot take it."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from certified import certified
from hostile import Peer, hostile, listen
from relayed import relaying
from scripted_server import created, error, say, scripted
from served import dial, play
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection

from antiphon.config import Config, Server
from antiphon.gateway.health import check, health_url
from antiphon.gateway.models import models_url
from antiphon.gateway.upstreams import Upstream, Upstreams, Wanted
from antiphon.testing import TONE, serving

CLIENT_KEY, UPSTREAM_KEY = "sk-of-the-client-0001", "sk-of-the-operator-0002"


class Desk:
    """An upstream that notes who came."""

    def __init__(self, name: str = "", goodbye: tuple[dict[str, Any], int] | None = None) -> None:
        self.name = name
        self.goodbye = goodbye
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []

    async def play(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        self.paths.append(socket.request.path)
        self.headers.append({name.lower(): value for name, value in socket.request.headers.raw_items()})
        if self.goodbye is not None:
            await say(socket, self.goodbye[0])
            await socket.close(self.goodbye[1])
            return
        await say(socket, {**created(), "desk": self.name})
        async for frame in socket:
            await socket.send(frame)


async def desk_at(url: str, model: str = "m") -> str:
    """Which desk a client is led to."""
    async with connect(f"{url}?model={model}") as socket:
        return str(json.loads(await socket.recv())["desk"])


def test_the_operators_key_goes_in_place_of_the_clients() -> None:
    """Neither key is seen where it does not belong; what else the address says goes on."""
    desk = Desk()
    toml = f'[keys.app]\nkey = "{CLIENT_KEY}"'

    async def scene() -> None:
        async with scripted(desk.play) as url:
            settings = toml + f'\n[[upstreams]]\nurl = "{url}"\nkey = "{UPSTREAM_KEY}"'
            async with relaying(toml=settings) as relay:
                bearer = {"authorization": f"Bearer {CLIENT_KEY}"}
                asked = f"{relay.socket_url}?model=gpt-realtime&trace=on"
                async with connect(asked, additional_headers=bearer) as socket:
                    await socket.recv()
                refused = await listen(relay.socket_url, authorization="Bearer wrong-key-0123456789")

            assert desk.paths == ["/v1/realtime?trace=on&model=gpt-realtime"]
            assert desk.headers[0]["authorization"] == f"Bearer {UPSTREAM_KEY}"
            assert CLIENT_KEY not in str(desk.headers)
            assert (refused.errors[0][1], refused.code) == ("invalid_api_key", 3000)

    play(scene)


def test_a_browsers_key_and_azures_header_open_it_too() -> None:
    """As a subprotocol, or as `api-key`."""
    desk = Desk()

    async def scene() -> None:
        async with scripted(desk.play) as url, relaying(url, toml=f'[keys.app]\nkey = "{CLIENT_KEY}"') as relay:
            offers: Any = ["realtime", f"openai-insecure-api-key.{CLIENT_KEY}"]
            async with connect(f"{relay.socket_url}?model=m", subprotocols=offers) as socket:
                assert (json.loads(await socket.recv())["type"], socket.subprotocol) == ("session.created", "realtime")
            base = relay.url.replace("http", "ws")
            azure = f"{base}/openai/v1/realtime?model=m"
            async with connect(azure, additional_headers={"api-key": CLIENT_KEY}) as socket:
                assert json.loads(await socket.recv())["type"] == "session.created"
            assert "sec-websocket-protocol" not in desk.headers[0]

    play(scene)


def test_an_azure_upstream_is_asked_in_azures_way() -> None:
    """Beta's URL with its version and a deployment; the client names a model."""
    desk = Desk()

    async def scene() -> None:
        async with scripted(desk.play) as url:
            base = url.removesuffix("/v1/realtime")
            toml = f"""
                [models]
                gpt-realtime = "my-deployment"
                [[upstreams]]
                url = "{base}/openai/realtime?api-version=2024-10-01-preview"
                key = "{UPSTREAM_KEY}"
            """
            async with relaying(toml=toml) as relay:
                client = f"{relay.url.replace('http', 'ws')}/openai/realtime?api-version=2025-04-01-preview"
                async with connect(f"{client}&deployment=gpt-realtime") as socket:
                    await socket.recv()

            assert desk.paths == ["/openai/realtime?api-version=2024-10-01-preview&deployment=my-deployment"]
            assert desk.headers[0]["api-key"] == UPSTREAM_KEY

    play(scene)


def test_the_next_one_is_tried() -> None:
    """Gone, refusing the operator's key, full: the client notices nothing, and the key that failed is not shown."""
    gone = Desk("gone")
    shy = Desk("shy", (error(f"Incorrect API key provided: {UPSTREAM_KEY}", "invalid_api_key"), 3000))
    full = Desk("full", (error("Too many sessions.", "session_limit_reached"), 1013))
    well = Desk("well")

    async def scene() -> None:
        async with scripted(gone.play) as nobody:
            pass
        async with (
            scripted(shy.play) as first,
            scripted(full.play) as second,
            scripted(well.play) as third,
            relaying(nobody, first, second, third) as relay,
        ):
            assert await desk_at(relay.socket_url) == "well"
            assert await desk_at(relay.socket_url) == "well"
            states = [(one.is_up, one.failures, one.opened) for one in relay.house.upstreams.all]
            assert states == [(False, 1, 0), (False, 1, 0), (False, 1, 0), (True, 0, 2)]
            assert (len(shy.paths), len(full.paths)) == (1, 1)

    play(scene)


def test_a_refused_key_of_ours_is_not_the_clients_affair() -> None:
    """It learns that there is no upstream, and nothing of the key."""
    shy = Desk("shy", (error(f"Incorrect API key provided: {UPSTREAM_KEY}", "invalid_api_key"), 3000))

    async def scene() -> None:
        async with scripted(shy.play) as url, relaying(url) as relay:
            told = await listen(relay.socket_url)
            assert [code for _, code, _ in told.errors] == ["upstream_unavailable"]
            assert UPSTREAM_KEY not in json.dumps(told.events)

    play(scene)


def test_a_clients_mistake_is_told_by_the_upstream() -> None:
    """An unknown model is the same everywhere: its words, its code, and no other is tried."""
    strict = Desk("strict", (error('Model "m" is not supported in realtime mode.', "invalid_model"), 4000))
    other = Desk("other")

    async def scene() -> None:
        async with scripted(strict.play) as first, scripted(other.play) as second, relaying(first, second) as relay:
            told = await listen(relay.socket_url)

            assert told.errors == [
                ("invalid_request_error", "invalid_model", 'Model "m" is not supported in realtime mode.')
            ]
            assert (told.code, other.paths) == (4000, [])
            assert relay.house.upstreams.all[0].is_up

    play(scene)


def test_models_have_names_of_the_operators() -> None:
    """An alias leads to the upstream that has the model, under the name that it has there, also in an update."""
    one, two = Desk("one"), Desk("two")

    async def scene() -> None:
        async with scripted(one.play) as first, scripted(two.play) as second:
            toml = f"""
                [relay]
                strict_models = true
                health_seconds = 0
                [[upstreams]]
                name = "one"
                url = "{first}"
                [[upstreams]]
                name = "two"
                url = "{second}"
                [models]
                quick = "gpt-realtime-mini"
                good = {{ model = "gpt-realtime", upstream = "two" }}
            """
            async with relaying(toml=toml) as relay:
                assert await desk_at(relay.socket_url, "quick") == "one"
                async with connect(f"{relay.socket_url}?model=good") as socket:
                    assert json.loads(await socket.recv())["desk"] == "two"
                    for model in ("good", "other"):
                        update = {"type": "session.update", "session": {"type": "realtime", "model": model}}
                        await socket.send(json.dumps(update))
                    models = [json.loads(await socket.recv())["session"]["model"] for _ in range(2)]
                refused = await listen(relay.socket_url)
                async with httpx.AsyncClient(base_url=relay.url) as http:
                    listed = (await http.get("/v1/models")).json()["data"]

            assert models == ["gpt-realtime", "other"]
            assert [path.partition("model=")[2] for path in (*one.paths, *two.paths)] == [
                "gpt-realtime-mini",
                "gpt-realtime",
            ]
            assert (refused.errors[0][1], refused.code) == ("invalid_model", 4000)
            assert [row["id"] for row in listed] == ["quick", "good"]

    play(scene)


def test_the_order_of_trial() -> None:
    """Well before ill, the client's own dialect before a translation, then priority, then the one with less to do."""
    names = ["ill", "old", "busy", "idle", "last"]
    ill, old, busy, idle, last = (Upstream(name, f"ws://{name}:1/v1") for name in names)
    ill.is_up, old.dialect, busy.sessions, last.priority = False, "beta", 2, 1
    upstreams = Upstreams([ill, old, busy, idle, last], 1.0)

    def order(dialect: str, only: str | None = None) -> list[str]:
        return [one.name for one in upstreams.candidates(Wanted(dialect, "m", only))]

    assert order("ga") == ["idle", "busy", "last", "old", "ill"]
    assert order("beta") == ["old", "idle", "busy", "last", "ill"]
    assert order("ga", "last") == ["last"]


def test_health_checks_find_who_is_back() -> None:
    """Any answer below 500 is a sign of life; a fault, silence or a closed port is none."""

    async def answers(status: str) -> Any:
        async def treat(peer: Peer) -> None:
            await peer.request()
            await peer.answer(status)

        return treat

    async def scene() -> None:
        async with httpx.AsyncClient(timeout=1) as http:
            for status, is_up in (("200 OK", True), ("404 Not Found", True), ("503 Service Unavailable", False)):
                async with hostile(await answers(status)) as url:
                    upstream = Upstream("one", url, is_up=not is_up)
                    await check(upstream, http)
                    assert upstream.is_up == is_up
            await check(upstream, http)  # by now nobody listens
            assert not upstream.is_up
            async with serving() as server:
                await check(upstream := Upstream("real", f"{server}/v1", is_up=False), http)
                assert upstream.is_up

    assert health_url("wss://api.example.com/v1?model=x") == "https://api.example.com/health"
    play(scene)


def test_checks_run_by_themselves() -> None:
    """One that was down is up again without a client's trying it."""
    desk = Desk()

    async def scene() -> None:
        async with serving() as server, relaying(f"{server}/v1", health_seconds=0.05) as relay:
            (upstream,) = relay.house.upstreams.all
            upstream.failed("a test")
            async with httpx.AsyncClient(base_url=relay.url) as http:
                while (await http.get("/ready")).status_code != 200:  # noqa: ASYNC110 -- no event tells
                    await asyncio.sleep(0.02)
            assert upstream.is_up

    assert desk.paths == []
    play(scene)


def test_a_relay_before_a_server_with_keys() -> None:
    """Antiphon behind Antiphon: the server's key is the relay's alone."""

    async def scene() -> None:
        config = Config(engines=TONE, server=Server(api_keys={"relay": UPSTREAM_KEY}))
        async with serving(config) as server:
            toml = f'[[upstreams]]\nurl = "{server}/v1"\nkey = "{UPSTREAM_KEY}"'
            async with relaying(toml=toml) as relay, dial(relay.url) as caller:
                assert await caller.answers() == "still here."

    play(scene)


def test_models_are_the_upstreams_where_none_are_named() -> None:
    """The first that answers, with the operator's key; one that talks nonsense is passed over."""

    async def nonsense(peer: Peer) -> None:
        await peer.request()
        await peer.answer("200 OK", "[]")

    async def scene() -> None:
        config = Config(engines=TONE, server=Server(api_keys={"relay": UPSTREAM_KEY}))
        async with hostile(nonsense) as first, serving(config) as second:
            toml = f"""
                [[upstreams]]
                url = "{first}"
                [[upstreams]]
                url = "{second}/v1"
                key = "{UPSTREAM_KEY}"
            """
            async with relaying(toml=toml) as relay, httpx.AsyncClient(base_url=relay.url) as http:
                names = [row["id"] for row in (await http.get("/v1/models")).json()["data"]]
            async with relaying(first) as relay, httpx.AsyncClient(base_url=relay.url) as http:
                none = (await http.get("/v1/models")).json()
        assert "gpt-realtime" in names
        assert none == {"object": "list", "data": []}

    assert models_url("https://api.example.com/v1/realtime?x=1") == "https://api.example.com/v1/models?x=1"
    play(scene)


def test_an_upstream_over_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its certificate is checked: for sessions, for its health, for its models."""
    shown = certified(tmp_path)

    async def scene() -> None:
        async with serving(Config(engines=TONE, server=shown.server)) as server:
            assert server.startswith("https:")
            async with relaying(f"{server}/v1") as relay:
                assert (await listen(relay.socket_url)).errors[0][1] == "upstream_unavailable"
            monkeypatch.setenv("SSL_CERT_FILE", str(shown.authority))
            async with relaying(f"{server}/v1", health_seconds=0.05) as relay, dial(relay.url) as caller:
                assert await caller.answers() == "still here."
                async with httpx.AsyncClient(base_url=relay.url) as http:
                    assert (await http.get("/v1/models")).json()["data"] != []
                assert relay.house.upstreams.all[0].is_up

    play(scene)
