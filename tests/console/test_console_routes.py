"""The console's routes, over real HTTP: what is served, to whom, and under which rules."""

import itertools
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from served import dial, engines, play, spoken
from websockets.asyncio.client import connect

from antiphon.config import Config, Server
from antiphon.testing import TONE, serving

KEYS = {"alice": "sk-alice-0123456789", "bob": "sk-bob-0123456789"}
LOCKED = Config(engines=TONE, server=Server(api_keys=KEYS))
SESSION = {"session": {"type": "realtime"}}


@asynccontextmanager
async def web(config: Config | None = None) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of a fresh server."""
    async with serving(config or engines()) as url, httpx2.AsyncClient(base_url=url, timeout=20) as client:
        yield client


def bearing(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def minted(client: httpx2.AsyncClient, key: str | None = None) -> dict[str, str]:
    """The headers of a fresh ephemeral key."""
    answer = await client.post("/v1/realtime/client_secrets", json=SESSION, headers=bearing(key) if key else {})
    return bearing(answer.json()["value"])


def test_the_page_is_served_with_rules_that_keep_it_here() -> None:
    """No script, style or connection from anywhere else; never in a frame; no address told to others."""

    async def scene() -> None:
        async with web() as client:
            answer = await client.get("/")

        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        policy = dict(rule.strip().split(" ", 1) for rule in answer.headers["content-security-policy"].split(";"))
        assert policy["default-src"] == "'none'"
        assert {policy[name] for name in ("script-src", "style-src", "connect-src")} == {"'self'"}
        assert policy["frame-ancestors"] == "'none'"
        assert policy["require-trusted-types-for"] == "'script'"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"

    play(scene)


def test_every_file_that_the_page_names_is_served() -> None:
    """Styles and modules come with their types, which `nosniff` demands, and under the same rules."""

    async def scene() -> None:
        async with web() as client:
            css = await client.get("/console/static/console.css")
            app = await client.get("/console/static/app.js")
            named = re.findall(r'^import .* from "\./(.*)";$', app.text, re.MULTILINE)
            modules = [await client.get(f"/console/static/{name}") for name in [*named, "worklets.js"]]

        assert css.headers["content-type"] == "text/css; charset=utf-8"
        assert len(modules) > 10
        for module in (app, *modules):
            assert module.status_code == 200
            assert module.headers["content-type"] == "text/javascript; charset=utf-8"
            assert "content-security-policy" in module.headers

    play(scene)


def test_a_file_that_the_browser_has_is_not_sent_again() -> None:
    """The tag is the content's; a weak or listed one counts too."""

    async def scene() -> None:
        async with web() as client:
            first = await client.get("/console/static/app.js")
            tag = first.headers["etag"]
            again = [
                await client.get("/console/static/app.js", headers={"If-None-Match": known})
                for known in (tag, f"W/{tag}", f'"other", {tag}', '"other"')
            ]

        assert [answer.status_code for answer in again] == [304, 304, 304, 200]
        assert again[0].content == b""
        assert first.headers["cache-control"] == "no-cache"

    play(scene)


@pytest.mark.parametrize(
    "name", ["nothing.js", "..%2f..%2froutes.py", "%2e%2e/routes.py", "routes.py", "app.js%00", ""]
)
def test_nothing_else_is_served(name: str) -> None:
    """Only the page's own files, whatever path is asked for."""

    async def scene() -> None:
        async with web() as client:
            answer = await client.get(f"/console/static/{name}")

        assert answer.status_code == 404
        assert "antiphon" not in answer.text

    play(scene)


def test_files_are_packed_for_those_who_can_unpack_them() -> None:
    """The whole page is some fifty kilobytes then."""

    async def scene() -> None:
        async with web() as client:
            plain = await client.get("/console/static/app.js", headers={"Accept-Encoding": "identity"})
            packed = await client.get("/console/static/app.js", headers={"Accept-Encoding": "br, gzip"})

        assert "content-encoding" not in plain.headers
        assert packed.headers["content-encoding"] == "gzip"
        assert packed.headers["vary"] == "Accept-Encoding"
        assert int(packed.headers["content-length"]) < len(plain.content) / 2
        assert packed.content == plain.content

    play(scene)


def test_the_console_can_be_switched_off() -> None:
    """`server.console = false`: no page, no state, nothing to watch; the API stays."""

    async def scene() -> None:
        async with web(Config(engines=TONE, server=Server(console=False))) as client:
            gone = [await client.get(path) for path in ("/", "/console/state", "/console/events.json")]
            models = await client.get("/v1/models")

        assert [answer.status_code for answer in gone] == [404, 404, 404]
        assert models.status_code == 200

    play(scene)


def test_an_open_server_tells_its_state_and_with_a_key_its_sessions() -> None:
    """A page of another site can reach an open port, but it has no key: it learns of no session."""

    async def scene() -> None:
        async with web() as client, dial(str(client.base_url)):
            bare = (await client.get("/console/state")).json()
            whole = (await client.get("/console/state", headers=await minted(client))).json()

        assert (bare["status"], bare["is_open"], bare["engines"]["asr"]) == ("ready", True, "tone")
        assert bare["voices"] == ["mid", "low", "high"]
        assert "sessions" not in bare
        (row,) = whole["sessions"]
        assert row | {"id": "", "age_s": 0} == {
            "id": "",
            "call_id": None,
            "is_own": True,
            "transport": "websocket",
            "dialect": "ga",
            "model": "tone",
            "age_s": 0,
        }

    play(scene)


def test_a_server_with_keys_tells_nothing_to_strangers() -> None:
    """Neither without a key nor with a wrong or a made-up ephemeral one."""

    async def scene() -> None:
        async with web(LOCKED) as client:
            for headers in ({}, bearing("sk-wrong"), bearing("ek_0123456789abcdef")):
                for path in ("/console/state", "/console/watch/sess_1"):
                    answer = await client.get(path, headers=headers)
                    assert answer.status_code == 401
                    assert set(answer.json()) == {"error"}

    play(scene)


def test_only_the_operators_keys_see_all_sessions() -> None:
    """An application mints keys for its users; they must not learn of each other's calls."""

    async def scene() -> None:
        async with web(LOCKED) as client:
            user = (await client.get("/console/state", headers=await minted(client, KEYS["alice"]))).json()
            operator = (await client.get("/console/state", headers=bearing(KEYS["bob"]))).json()

        assert "sessions" not in user
        assert user["status"] == "ready"
        assert operator["sessions"] == []

    play(scene)


def test_a_model_has_its_own_voices() -> None:
    """The state is asked for one model name; one that is not served is taken for the first."""

    async def scene() -> None:
        async with web() as client:
            states = [(await client.get("/console/state", params={"model": name})).json() for name in ("", "nonsense")]

        assert states[0]["voices"] == states[1]["voices"] == ["mid", "low", "high"]
        assert states[0]["models"][0] == "gpt-realtime"

    play(scene)


def test_a_watched_session_tells_scores_and_facts_until_it_ends() -> None:
    """One JSON object a line: what no client is ever sent."""

    async def scene() -> None:
        async with web() as client, dial(str(client.base_url)) as caller:
            headers = await minted(client)
            (row,) = (await client.get("/console/state", headers=headers)).json()["sessions"]
            async with client.stream("GET", f"/console/watch/{row['id']}", headers=headers) as feed:
                lines = feed.aiter_lines()
                assert await anext(lines) == ""  # the watch is on
                await caller.speak(spoken())
                await caller.until("response.done")
                await caller.socket.close()
                seen = [json.loads(line) async for line in lines]

        assert feed.headers["content-type"] == "application/x-ndjson"
        check(seen)

    def check(seen: list[dict[str, Any]]) -> None:
        frames = [frame for one in seen if one["kind"] == "Scored" for frame in one["frames"]]
        assert {round(end - before) for (before, _), (end, _) in itertools.pairwise(frames)} == {32}
        assert {speech for _, speech in frames} == {0.0, 1.0}
        kinds = [one["kind"] for one in seen if one["kind"] != "Scored"]
        assert {"TurnBegan", "TurnEnded", "ResponseEnded"} <= set(kinds)
        assert kinds[-1] == "SessionClosed"
        assert all("session_id" not in one for one in seen)

    play(scene)


def test_sessions_of_others_cannot_be_watched() -> None:
    """Not with a key of another name, not by a wrong id; the operator's own key may."""

    async def scene() -> None:
        async with web(LOCKED) as client:
            url = f"{str(client.base_url).replace('http', 'ws')}/v1/realtime?model=tone"
            async with connected(url, KEYS["alice"]) as session_id:
                other = await client.get(f"/console/watch/{session_id}", headers=await minted(client, KEYS["bob"]))
                wrong = await client.get("/console/watch/sess_none", headers=bearing(KEYS["alice"]))
                async with client.stream(
                    "GET", f"/console/watch/{session_id}", headers=await minted(client, KEYS["alice"])
                ) as own:
                    first = await anext(own.aiter_lines())

        assert (other.status_code, wrong.status_code, own.status_code) == (404, 404, 200)
        assert first == ""

    play(scene)


@asynccontextmanager
async def connected(url: str, key: str) -> AsyncIterator[str]:
    """A session opened with a key; gives its id."""
    async with connect(url, additional_headers=bearing(key)) as socket:
        yield json.loads(await socket.recv())["session"]["id"]
