"""The composition root: a configuration becomes engines shared by name, routes, and an orderly beginning and end."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from msgspec.structs import replace
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from antiphon.config import Config, ConfigError, Engines, Limits, ModelAlias, Server, Sessions, Weights
from antiphon.engines.registry import MissingWeights, SetupError, UnknownEngine
from antiphon.engines.tone import ToneTTS
from antiphon.metrics import Tally
from antiphon.ports import Engine
from antiphon.server import House, build, serve
from antiphon.server.house import options_of, store_of
from antiphon.server.pool import EnginePool, NotReady, State
from antiphon.server.voices import renamed
from antiphon.testing import TONE, serving

TEXT = {"type": "session.update", "session": {"type": "realtime", "output_modalities": ["text"]}}


def weightless(name: str) -> Any:
    raise LookupError(name)


def pool_of(config: Config) -> EnginePool:
    return EnginePool(config, weightless)


async def get(url: str, **headers: str) -> tuple[int, Any]:
    """Status and JSON of an answer."""
    async with httpx2.AsyncClient() as client:
        answer = await client.get(url, headers=headers)
    return answer.status_code, answer.json()


@asynccontextmanager
async def socket_to(url: str, model: str | None = "gpt-realtime") -> AsyncIterator[ClientConnection]:
    query = f"?model={model}" if model else ""
    async with connect(f"{url.replace('http', 'ws')}/v1/realtime{query}") as link:
        yield link


async def until(link: ClientConnection, kind: str) -> dict[str, Any]:
    """The next event of a type."""
    async with asyncio.timeout(10):
        while True:
            event: dict[str, Any] = json.loads(await link.recv())
            if event["type"] == kind:
                return event


async def say(link: ClientConnection, text: str) -> None:
    """A written turn that asks for a written answer."""
    content = [{"type": "input_text", "text": text}]
    item = {"type": "message", "role": "user", "content": content}
    for event in (TEXT, {"type": "conversation.item.create", "item": item}, {"type": "response.create"}):
        await link.send(json.dumps(event))


# Engines


def test_engines_are_made_once_and_shared_by_name() -> None:
    """Sets that name the same engine with the same options share the instance; other options are another one."""
    config = Config(
        engines=TONE,
        models={
            "same": ModelAlias(),
            "slow": ModelAlias(llm="tone", options={"llm": {"token_ms": 1}}),
            "mute": ModelAlias(tts="none", asr="none", turn="none"),
        },
    )
    pool = pool_of(config)
    plain, same, slow, mute = (pool.set_for(name) for name in ("gpt-realtime", "same", "slow", "mute"))

    assert plain is same
    assert slow.vad is plain.vad
    assert slow.asr is plain.asr
    assert slow.responder is not plain.responder
    assert (mute.asr, mute.turn, mute.responder.voices) == (None, None, ())
    assert dict(pool.names) == dict.fromkeys(("vad", "turn", "asr", "llm", "tts"), "tone")


def test_drafts_are_for_engines_of_this_machine() -> None:
    """A draft that is dropped has cost what it used: nothing here, money elsewhere."""
    remote = ("openai#m", "openai:https://example.org/v1#m")
    local = ("tone", "openai:http://localhost:1/v1#m", "openai:http://127.0.0.1:1/v1#m")
    config = Config(engines=TONE, models={llm: ModelAlias(llm=llm) for llm in (*remote, *local)})
    anywhere = ModelAlias(llm="openai#m", options={"llm": {"base_url": "http://localhost:1/v1"}})
    pool = pool_of(replace(config, models={**config.models, "by option": anywhere}))

    assert [pool.set_for(name).anticipates for name in remote] == [False, False]
    assert [pool.set_for(name).anticipates for name in (*local, "by option")] == [True] * 4


def test_a_wrong_engine_is_told_before_anything_listens() -> None:
    """Unknown engine, missing weights, wrong option, in the default set or behind a model name."""
    with pytest.raises(UnknownEngine, match='ASR engine "nope" is not installed'):
        pool_of(Config(engines=Engines(vad="tone", asr="nope", llm="tone", tts="tone")))
    with pytest.raises(SetupError, match="token_ms"):
        pool_of(Config(engines=TONE, models={"x": ModelAlias(llm="tone", options={"llm": {"nonsense": 1}})}))
    with pytest.raises(MissingWeights, match=r"hint: antiphon pull smollm2-135m"):
        build(Config(weights=Weights(cache="/nowhere/antiphon")))


def test_a_name_that_is_not_served_has_no_engines() -> None:
    """Strict: the gate refuses it, and so does the pool."""
    pool = pool_of(Config(engines=TONE, server=Server(strict_models=True)))

    with pytest.raises(LookupError):
        pool.set_for("gpt-9")


class Stubborn:
    """An engine that does not start, or does not stop."""

    name = "stubborn"

    def __init__(self, *, starts: bool) -> None:
        self._starts = starts

    async def start(self) -> None:
        if not self._starts:
            raise OSError("no GPU here")

    async def stop(self) -> None:
        raise RuntimeError("stuck")


def with_engine(pool: EnginePool, engine: Engine) -> EnginePool:
    pool._engines["asr", "stubborn", b""] = engine
    return pool


def test_an_engine_that_does_not_start_is_kept_as_the_failure() -> None:
    """The pool never raises from `start`; whoever waits for it is told."""

    async def main() -> None:
        pool = with_engine(pool_of(Config(engines=TONE)), Stubborn(starts=False))
        await pool.start()

        assert pool.state is State.FAILED
        with pytest.raises(NotReady, match="no GPU here"):
            await pool.until_ready()

    asyncio.run(main())


def test_an_engine_that_does_not_stop_keeps_no_other_from_it(caplog: pytest.LogCaptureFixture) -> None:
    """Its trouble is logged, and the rest is freed."""

    async def main() -> None:
        pool = with_engine(pool_of(Config(engines=TONE)), Stubborn(starts=True))
        await pool.start()
        assert pool.state is State.READY
        await pool.stop()

    asyncio.run(main())
    assert "the engine stubborn could not be stopped" in caplog.text


def test_voices_have_the_names_that_clients_know() -> None:
    """`alloy` is spoken by the engine's own voice of the table; other names stay the engine's business."""

    async def main() -> None:
        engine = ToneTTS()
        voice = renamed(engine, {"alloy": engine.voices[0]})
        assert voice.voices == (*engine.voices, "alloy")
        await voice.start()
        own = [piece async for piece in engine.speak("hello", engine.voices[0], 1.0)]
        assert [piece async for piece in voice.speak("hello", "alloy", 1.0)] == own
        await voice.stop()
        assert renamed(engine, {}) is engine

    asyncio.run(main())


# Routes


def test_the_routes_of_health() -> None:
    """Alive, ready, version, models; aliases for those who are used to them."""

    async def main() -> None:
        async with serving() as url:
            assert await get(f"{url}/health") == await get(f"{url}/healthz") == (200, {"status": "ok"})
            status, told = await get(f"{url}/ready")
            assert (status, told["status"], told["sessions"], told["engines"]["asr"]) == (200, "ready", 0, "tone")
            assert (await get(f"{url}/readyz"))[0] == 200
            assert (await get(f"{url}/version"))[1]["name"] == "antiphon"
            status, models = await get(f"{url}/v1/models")
            assert status == 200
            assert models["object"] == "list"
            assert next(m["id"] for m in models["data"]) == "gpt-realtime"
            assert set(models["data"][0]) == {"id", "object", "created", "owned_by"}

    asyncio.run(main())


def test_models_are_told_to_those_with_a_key() -> None:
    """401 as the protocol has it, without a key and with a wrong one."""

    async def main() -> None:
        async with serving(Config(engines=TONE, server=Server(api_keys={"phone": "sk-right"}))) as url:
            for headers, code in (({}, None), ({"Authorization": "Bearer sk-wrong"}, "invalid_api_key")):
                status, told = await get(f"{url}/v1/models", **headers)
                assert status == 401
                assert told["error"]["type"] == "invalid_request_error"
                assert told["error"]["code"] == code or code is None
            assert (await get(f"{url}/v1/models", Authorization="Bearer sk-right"))[0] == 200
            assert (await get(f"{url}/health"))[0] == 200

    asyncio.run(main())


def test_strict_models_close_unknown_names() -> None:
    """An error event, then close 4000; a listed name is served."""

    async def main() -> None:
        config = Config(engines=TONE, server=Server(strict_models=True), models={"mine": ModelAlias()})
        async with serving(config) as url:
            async with socket_to(url, "gpt-realtime") as link:
                assert (await until(link, "error"))["error"]["type"] == "invalid_request_error"
                with pytest.raises(ConnectionClosed) as closed:
                    await link.recv()
                assert closed.value.rcvd is not None
                assert closed.value.rcvd.code == 4000
            async with socket_to(url, "mine") as link:
                assert (await until(link, "session.created"))["session"]["model"] == "mine"

    asyncio.run(main())


def test_settings_reach_the_session() -> None:
    """Instructions, lifetime and the limit of sessions are the operator's."""
    config = Config(session=Sessions(instructions="Be brief.", lifetime_minutes=0.5), limits=Limits(max_sessions=1))
    options = options_of(config)
    assert (options.instructions, options.lifetime_s, options.max_sessions) == ("Be brief.", 30, 1)
    assert options_of(Config(session=Sessions(lifetime_minutes=0))).lifetime_s is None
    assert str(store_of(Config(weights=Weights(cache="/x"))).folder) == "/x"

    async def main() -> None:
        limited = Config(engines=TONE, session=config.session, limits=config.limits)
        async with serving(limited) as url, socket_to(url) as link:
            assert (await until(link, "session.created"))["session"]["instructions"] == "Be brief."
            async with socket_to(url) as second:
                assert (await until(second, "error"))["error"]["code"]

    asyncio.run(main())


def test_facts_reach_the_meters() -> None:
    """What happens is counted: sessions and responses."""

    async def main() -> None:
        tally = Tally()
        async with serving(meters=[tally]) as url, socket_to(url) as link:
            await say(link, "say hello")
            assert (await until(link, "response.done"))["response"]["status"] == "completed"
        assert (tally.facts["SessionOpened"], tally.facts["SessionClosed"], tally.responses["completed"]) == (1, 1, 1)

    asyncio.run(main())


def test_serving_takes_a_config_or_engines_and_nothing_else() -> None:
    """A misspelt name is the test's mistake; what the test raises comes out as it is."""

    async def main() -> None:
        async with serving(TONE) as url:
            assert (await get(f"{url}/health"))[0] == 200
        with pytest.raises(ValueError, match='no set of engines called "tune"'):
            async with serving("tune"):
                pass
        with pytest.raises(KeyError, match="mine"):
            async with serving():
                raise KeyError("mine")

    asyncio.run(main())


# Beginning and end


class Slow:
    """An engine that starts when it is told."""

    name = "slow"

    def __init__(self, *, fails: bool = False) -> None:
        self.may_start = asyncio.Event()
        self._fails = fails

    async def start(self) -> None:
        await self.may_start.wait()
        if self._fails:
            raise OSError("no GPU here")

    async def stop(self) -> None:
        pass


async def asked(house: House, path: str) -> tuple[int, Any]:
    """An answer of the house's application, without a socket."""
    transport = httpx2.ASGITransport(app=house.asgi)
    async with httpx2.AsyncClient(transport=transport, base_url="http://house") as client:
        answer = await client.get(path)
    return answer.status_code, answer.json()


@asynccontextmanager
async def lived_in(house: House) -> AsyncIterator[None]:
    """The house between its ASGI start and its ASGI end."""
    async with house.asgi.router.lifespan_context(house.asgi):
        yield


def test_health_answers_before_the_engines_are_warm() -> None:
    """Alive at once; ready when warm; draining after the end was asked for."""

    async def main() -> None:
        house = House(Config(engines=TONE))
        slow = Slow()
        with_engine(house.pool, slow)
        async with lived_in(house):
            assert (await asked(house, "/health"))[0] == 200
            assert await asked(house, "/ready") == (503, (await asked(house, "/ready"))[1])
            assert (await asked(house, "/ready"))[1]["status"] == "warming"
            slow.may_start.set()
            await house.pool.until_ready()
            assert (await asked(house, "/ready"))[0] == 200
            await house.drain(0)
            assert (await asked(house, "/ready"))[1]["status"] == "draining"

    asyncio.run(main())


class FakeLink:
    """A link that records how it was closed."""

    scope: Any = None
    closed: tuple[int, str] | None = None

    async def receive(self) -> None:
        return None

    async def send(self, data: bytes) -> None:
        pass

    async def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)


def test_a_session_opened_too_early_waits_and_hears_of_a_failure() -> None:
    """It is not refused while the engines warm up; if they cannot start, it is closed with 1011."""

    async def main() -> None:
        house = House(Config(engines=TONE))
        slow = Slow(fails=True)
        with_engine(house.pool, slow)
        async with lived_in(house):
            link = FakeLink()
            waiting = asyncio.ensure_future(house.serve_link(link))
            slow.may_start.set()
            await waiting
            assert link.closed == (1011, "The engines could not be started.")
            status, told = await asked(house, "/ready")
            assert (status, told["status"], told["reason"]) == (503, "failed", "no GPU here")

    asyncio.run(main())


def test_an_open_server_stays_on_this_machine() -> None:
    """Checked before engines are made or a port is opened."""

    def silent(house: House, address: str) -> None:
        return None

    with pytest.raises(ConfigError, match="without an API key"):
        serve(Config(server=Server(host="0.0.0.0")), listening=silent)


@pytest.mark.parametrize(
    ("session", "status"),
    [
        ({"prompt": {"id": "pmpt_pirate"}}, 200),
        ({"prompt": {"id": "pmpt_nobody"}}, 400),
        ({"tools": [{"type": "mcp", "server_label": "files", "server_url": "http://127.0.0.1:9/mcp"}]}, 200),
        ({"tools": [{"type": "mcp", "server_label": "files", "server_url": "http://192.0.2.1/mcp"}]}, 400),
    ],
)
def test_keys_are_minted_for_what_sessions_may_have(session: dict[str, Any], status: int) -> None:
    """Prompt templates and MCP servers are judged as the session itself would."""
    engines = replace(TONE, tools="mcp", options={"tools": {"allowed_hosts": ["127.0.0.1"]}})
    config = Config(engines=engines, session=Sessions(prompts={"pmpt_pirate": "Speak like a pirate."}))

    async def main() -> None:
        async with serving(config) as url, httpx2.AsyncClient() as http:
            body = {"session": {"type": "realtime", "model": "gpt-realtime", **session}}
            answer = await http.post(f"{url}/v1/realtime/client_secrets", json=body)
            assert answer.status_code == status, answer.text

    asyncio.run(main())
