"""A speech model behind a Realtime API: our own server as the upstream, and servers that mean no good."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from answering import WEATHER, asking, assistant, broken, deltas_of, pcm_in, run_async, text_in, until, user
from scripted_server import created, error, say, scripted
from served import call, engines, play, spoken, tone
from websockets.asyncio.server import ServerConnection

from antiphon.audio.pcm import ms_of
from antiphon.config import Config, Engines, load
from antiphon.config.settings import Server
from antiphon.engines import realtime, realtime_line
from antiphon.engines.realtime import OPENAI_VOICES, Realtime, RealtimeOptions
from antiphon.engines.realtime_prompt import items_of
from antiphon.engines.registry import SetupError
from antiphon.engines.registry import make as make_engine
from antiphon.ports import AudioDelta, CallDelta, Ending, EngineError, Prompt, TextDelta
from antiphon.protocol.items import (
    FunctionCall,
    FunctionCallOutput,
    InputAudio,
    InputImage,
    InputText,
    Item,
    McpCall,
    Message,
    OutputAudio,
)
from antiphon.protocol.session import ToolChoiceFunction
from antiphon.testing import TONE, serving

LIMIT_S = 30.0
WAIT_S = 20.0


@asynccontextmanager
async def engine_at(url: str, **options: Any) -> AsyncIterator[Realtime]:
    """An engine for a server, stopped at the end."""
    given = RealtimeOptions(**({"timeout_s": WAIT_S} | options))
    engine = Realtime("realtime", url, "tone", given)
    await engine.start()
    try:
        yield engine
    finally:
        await engine.stop()


class Watch:
    """Counts the connections that a server gets, and keeps what was said over each."""

    def __init__(self) -> None:
        self.said: list[list[dict[str, Any]]] = []

    @property
    def kinds(self) -> list[list[str]]:
        return [[event["type"] for event in session] for session in self.said]


@asynccontextmanager
async def upstream(config: Config | None = None) -> AsyncIterator[tuple[str, Watch]]:
    """Our own server behind a socket that watches."""
    watch = Watch()
    async with serving(config or engines()) as url:
        from websockets.asyncio.client import connect  # noqa: PLC0415

        async def pass_on(socket: ServerConnection) -> None:
            mine: list[dict[str, Any]] = []
            watch.said.append(mine)
            async with connect(f"{url.replace('http', 'ws')}/v1/realtime?model=tone", max_size=None) as inner:

                async def up() -> None:
                    async for frame in socket:
                        mine.append(json.loads(frame))
                        await inner.send(frame)

                async def down() -> None:
                    async for frame in inner:
                        await socket.send(frame)

                await first_of(up(), down())

        async with scripted(pass_on) as watched:
            yield watched, watch


async def first_of(*works: Any) -> None:
    """Run until one has ended."""
    tasks = [asyncio.ensure_future(work) for work in works]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    with contextlib.suppress(Exception):
        await asyncio.gather(*tasks, return_exceptions=True)


def with_upstream(act: Callable[[Realtime, Watch], Awaitable[None]], **options: Any) -> None:
    """Act with an engine whose upstream is our own server."""

    async def main() -> None:
        async with asyncio.timeout(LIMIT_S), upstream() as (url, watch), engine_at(url, **options) as engine:
            await act(engine, watch)

    run_async(main)


# Answers


def test_a_written_answer() -> None:
    """Words, and what they cost."""

    async def act(engine: Realtime, watch: Watch) -> None:
        run = engine.run(asking("count to 3", modality="text", instructions="Be brief."))
        deltas = await deltas_of(run)

        assert text_in(deltas) == "1 2 3"
        assert not pcm_in(deltas)
        assert run.usage.output_tokens == 3
        (said,) = watch.said
        assert [event["type"] for event in said] == ["session.update", "conversation.item.create", "response.create"]
        assert said[0]["session"]["audio"]["input"]["turn_detection"] is None
        assert said[2]["response"]["instructions"] == "Be brief."
        assert said[2]["response"]["output_modalities"] == ["text"]

    with_upstream(act)


def test_a_spoken_answer() -> None:
    """Words and sound; the spans go through the transcript, and never back."""

    async def act(engine: Realtime, watch: Watch) -> None:
        deltas = await deltas_of(engine.run(asking("count to 30")))

        text, sounds = text_in(deltas), [delta for delta in deltas if isinstance(delta, AudioDelta)]
        assert text.startswith("1 2 3")
        assert ms_of(pcm_in(deltas)) > 500
        ends = [end for sound in sounds for end in sound.span]
        assert ends == sorted(ends)
        assert sounds[0].span[0] == 0
        assert sounds[-1].span[1] <= len(text)

    with_upstream(act)


def test_the_caller_is_heard() -> None:
    """Sound goes as sound; where it is gone, its words go."""

    async def act(engine: Realtime, watch: Watch) -> None:
        heard = Message(role="user", content=(InputAudio(audio=tone(500), transcript="unused"),))
        gone = Message(role="user", content=(InputAudio(transcript="count to 2"),))
        deltas = await deltas_of(engine.run(Prompt("sess_1", "", (heard, gone), modality="text")))

        assert text_in(deltas) == "1 2"
        parts = [event["item"]["content"][0] for event in watch.said[0] if event["type"] == "conversation.item.create"]
        assert [part["type"] for part in parts] == ["input_audio", "input_text"]
        assert "transcript" not in parts[0]

    with_upstream(act)


def test_function_calls() -> None:
    """Calls come with their names, ids and arguments; what the model may call is told."""

    async def act(engine: Realtime, watch: Watch) -> None:
        text = 'call get_weather {"city": "Ulm"} call get_weather {"city": "Bonn"}'
        choice = ToolChoiceFunction(name="get_weather")
        deltas = await deltas_of(engine.run(asking(text, tools=(WEATHER,), tool_choice=choice, max_output_tokens=50)))

        calls: dict[int, CallDelta] = {}
        for delta in deltas:
            assert isinstance(delta, CallDelta)
            before = calls.get(delta.index, CallDelta(delta.index))
            calls[delta.index] = CallDelta(
                delta.index,
                before.name + delta.name,
                before.arguments + delta.arguments,
                before.call_id + delta.call_id,
            )
        assert [(c.name, json.loads(c.arguments)["city"]) for c in calls.values()] == [
            ("get_weather", "Ulm"),
            ("get_weather", "Bonn"),
        ]
        assert all(c.call_id for c in calls.values())
        asked = watch.said[0][-1]["response"]
        assert [tool["name"] for tool in asked["tools"]] == ["get_weather"]
        assert asked["tool_choice"] == {"type": "function", "name": "get_weather"}
        assert asked["max_output_tokens"] == 50

    with_upstream(act)


@pytest.mark.parametrize(
    ("text", "ending"), [("filter after 1", "content_filter"), ("count to 9", "max_output_tokens")]
)
def test_an_answer_that_is_cut_short_says_why(text: str, ending: Any) -> None:
    """By a filter or by a limit."""

    async def act(engine: Realtime, watch: Watch) -> None:
        limit = 2 if ending == "max_output_tokens" else None
        deltas = await deltas_of(engine.run(asking(text, modality="text", max_output_tokens=limit)))

        assert deltas[-1] == Ending(ending)

    with_upstream(act)


def test_a_model_that_fails() -> None:
    """What it had said, then the server's reason."""

    async def act(engine: Realtime, watch: Watch) -> None:
        deltas, failure = await broken(engine.run(asking("fail after 2", modality="text")))

        assert len(text_in(deltas).split()) == 2
        assert isinstance(failure, EngineError)
        assert failure.type == "server_error"
        assert text_in(await deltas_of(engine.run(asking("count to 1", modality="text")))) == "1"

    with_upstream(act)


@pytest.mark.parametrize("dialect", ["beta", "azure"])
def test_an_older_server(dialect: Any) -> None:
    """One that speaks beta, by a header or by Azure's URLs: words, sound, calls and a second turn."""

    async def main() -> None:
        async with asyncio.timeout(LIMIT_S), serving() as url, engine_at(url, dialect=dialect) as engine:
            deltas = await deltas_of(engine.run(asking("count to 3")))
            assert text_in(deltas) == "1 2 3"
            assert pcm_in(deltas)
            again = asking("what did I say first?", user("count to 3"), assistant("1 2 3"))
            assert text_in(await deltas_of(engine.run(again))) == "First you said: count to 3"
            (first, *_) = await deltas_of(engine.run(asking('call get_weather {"city": "Ulm"}', tools=(WEATHER,))))
            assert isinstance(first, CallDelta)
            assert first.name == "get_weather"

    run_async(main)


# One conversation there


def test_only_what_is_new_is_told() -> None:
    """One connection for a session; its own answers are known there."""

    async def act(engine: Realtime, watch: Watch) -> None:
        first = text_in(await deltas_of(engine.run(asking("count to 2"))))
        items: list[Item] = [user("count to 2"), Message(role="assistant", content=(OutputAudio(transcript=first),))]
        await deltas_of(engine.run(asking("what did I say first?", *items)))
        call = FunctionCall(call_id="call_1", name="f", arguments="{}")
        output = FunctionCallOutput(call_id="call_1", output="blue")
        items += [user("what did I say first?"), assistant("First you said: count to 2")]
        third = text_in(await deltas_of(engine.run(Prompt("sess_1", "", (*items, call, output)))))

        assert third == "The function gave: blue"
        assert watch.kinds == [
            [
                *["session.update", "conversation.item.create", "response.create"],
                *["conversation.item.create", "response.create"],
                *["conversation.item.create", "conversation.item.create", "response.create"],
            ]
        ]

    with_upstream(act)


def test_what_was_changed_here_is_changed_there() -> None:
    """From the first item that differs: an answer of which half was heard is told as that half."""

    async def act(engine: Realtime, watch: Watch) -> None:
        await deltas_of(engine.run(asking("count to 5")))
        await deltas_of(engine.run(asking("what did I say first?", user("count to 5"), assistant("1 2"))))
        text = text_in(await deltas_of(engine.run(asking("what did I say first?"))))

        assert text == "First you said: what did I say first?"
        assert watch.kinds[0][3:] == [
            *["conversation.item.delete", "conversation.item.create", "conversation.item.create", "response.create"],
            *["conversation.item.delete"] * 4,
            *["conversation.item.create", "response.create"],
        ]

    with_upstream(act)


def test_each_session_has_its_own() -> None:
    """And two answers of one session at once do not disturb each other."""

    async def act(engine: Realtime, watch: Watch) -> None:
        prompts = [asking(f"count to {n}", session_id=s, modality="text") for n, s in ((1, "a"), (2, "b"), (3, "a"))]
        answers = await asyncio.gather(*(deltas_of(engine.run(prompt)) for prompt in prompts))

        assert [text_in(deltas) for deltas in answers] == ["1", "1 2", "1 2 3"]
        assert len(watch.said) == 3

    with_upstream(act)


def test_a_stopped_answer_is_cancelled_there() -> None:
    """The session there goes on with the next turn, without what nobody heard."""

    async def act(engine: Realtime, watch: Watch) -> None:
        run = engine.run(asking("slow one two three four five six seven eight nine ten", modality="text"))
        async for delta in run:
            assert isinstance(delta, TextDelta)
            break
        await run.aclose()
        await run.aclose()
        text = text_in(await deltas_of(engine.run(asking("what did I say first?", modality="text"))))

        assert text == "First you said: what did I say first?"
        assert len(watch.said) == 1
        assert watch.kinds[0][3:] == [
            "response.cancel",
            *["conversation.item.delete"] * 2,
            "conversation.item.create",
            "response.create",
        ]

    with_upstream(act)


def test_a_task_that_is_cancelled_leaves_a_session_that_can_be_used() -> None:
    """As the runtime stops answers: the next turn waits until the stopped one is over."""

    async def act(engine: Realtime, watch: Watch) -> None:
        begun = asyncio.Event()

        async def answer() -> None:
            async for _ in engine.run(asking("slow one two three four five six seven", modality="text")):
                begun.set()

        task = asyncio.ensure_future(answer())
        await begun.wait()
        task.cancel()
        await asyncio.sleep(0)
        text = text_in(await deltas_of(engine.run(asking("count to 2", modality="text"))))

        assert text == "1 2"
        assert len(watch.said) == 1
        with pytest.raises(asyncio.CancelledError):
            await task

    with_upstream(act)


def test_warming_tells_what_is_known() -> None:
    """The answer then needs no more than its own words."""

    async def act(engine: Realtime, watch: Watch) -> None:
        known = user("hello"), assistant("You said: hello")
        await engine.warm(Prompt("sess_1", "", known))
        await deltas_of(engine.run(asking("count to 2", *known)))

        assert watch.kinds == [
            ["session.update", *["conversation.item.create"] * 3, "response.create"],
        ]

    with_upstream(act)


def test_a_voice_and_a_speed() -> None:
    """A known voice is asked for; another one needs another session once it has spoken. Unknown ones are not told."""

    async def act(engine: Realtime, watch: Watch) -> None:
        await deltas_of(engine.run(asking("count to 1", voice="low", speed=1.5)))
        await deltas_of(engine.run(asking("count to 1", voice="low", speed=1.0)))
        await deltas_of(engine.run(asking("count to 1", voice="high")))
        await deltas_of(engine.run(asking("count to 1", voice="nobody", session_id="other")))

        outputs = [
            [e["session"]["audio"]["output"] for e in session if e["type"] == "session.update"]
            for session in watch.said
        ]
        pcm = {"format": {"type": "audio/pcm", "rate": 24000}}
        assert outputs == [
            [pcm | {"voice": "low", "speed": 1.5}, pcm | {"speed": 1.0}],
            [pcm | {"voice": "high"}],
            [pcm],
        ]

    with_upstream(act, voices=("low", "high"))


def test_a_session_that_nobody_uses_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while, and when there are too many; the next turn begins another."""
    monkeypatch.setattr(realtime, "MAX_KEPT", 1)

    async def act(engine: Realtime, watch: Watch) -> None:
        for session_id in ("a", "b", "a"):
            await deltas_of(engine.run(asking("count to 1", session_id=session_id, modality="text")))
        assert len(watch.said) == 3
        monkeypatch.setattr(realtime, "IDLE_S", 0.0)
        await deltas_of(engine.run(asking("count to 1", session_id="a", modality="text")))
        await until(lambda: not engine._kept)
        await deltas_of(engine.run(asking("count to 1", session_id="a", modality="text")))
        assert len(watch.said) == 4

    with_upstream(act)


# Servers that mean no good


def against(script: Any, prompt: Prompt | None = None, runs: int = 1, **options: Any) -> list[tuple[list[Any], Any]]:
    """What an engine gives with a scripted server: deltas and failure of each run."""
    found: list[tuple[list[Any], Any]] = []

    async def main() -> None:
        async with asyncio.timeout(LIMIT_S), scripted(script) as url, engine_at(url, **options) as engine:
            for _ in range(runs):
                run = engine.run(prompt or asking("hello"))
                try:
                    found.append((await deltas_of(run), None))
                except EngineError as failure:
                    found.append(([], failure))
                await run.aclose()

    run_async(main)
    return found


async def asked(socket: ServerConnection, kind: str = "response.create") -> dict[str, Any]:
    """Wait for the client's event of a type."""
    async for frame in socket:
        event: dict[str, Any] = json.loads(frame)
        if event["type"] == kind:
            return event
    raise AssertionError("the client has gone")


RESPONSE = {"id": "resp_1", "object": "realtime.response", "status": "in_progress", "output": []}
DONE = {"type": "response.done", "response": RESPONSE | {"status": "completed"}}


def text_events(text: str) -> list[dict[str, Any]]:
    item = {"id": "item_a", "type": "message", "role": "assistant", "content": []}
    ids = {"response_id": "resp_1", "output_index": 0}
    return [
        {"type": "response.created", "response": RESPONSE},
        {"type": "response.output_item.added", **ids, "item": item},
        {"type": "response.output_text.delta", **ids, "item_id": "item_a", "content_index": 0, "delta": text},
    ]


def test_a_server_that_drops_in_mid_answer() -> None:
    """What was said is given, then the loss; nothing is asked twice."""
    sessions: list[int] = []

    async def script(socket: ServerConnection) -> None:
        sessions.append(1)
        await say(socket, created())
        await asked(socket)
        await say(socket, *text_events("half"))
        await socket.close(1011)

    ((_, failure),) = against(script)

    assert failure.message == "The connection to the speech model was lost."
    assert sessions == [1]


def test_a_kept_session_that_ended_is_begun_again() -> None:
    """Between two turns a server may end a session: the next turn has another, and nobody notices."""
    sessions: list[int] = []

    async def script(socket: ServerConnection) -> None:
        sessions.append(1)
        await say(socket, created())
        await asked(socket)
        await say(socket, *text_events("whole"), DONE)

    results = against(script, runs=3)

    assert [(text_in(deltas), failure) for deltas, failure in results] == [("whole", None)] * 3
    assert len(sessions) == 3


def test_a_server_that_drops_at_once_each_time() -> None:
    """It is tried again once, and not for ever."""
    sessions: list[int] = []

    async def script(socket: ServerConnection) -> None:
        sessions.append(1)
        await say(socket, created())
        await asked(socket)
        if len(sessions) == 1:
            await say(socket, *text_events("whole"), DONE)

    first, second = against(script, runs=2)

    assert first[1] is None
    assert second[1].message == "The connection to the speech model was lost."
    assert len(sessions) <= 3


async def silent(socket: ServerConnection) -> None:
    await socket.wait_closed()


async def mute(socket: ServerConnection) -> None:
    await say(socket, created())
    await socket.wait_closed()


async def stalls(socket: ServerConnection) -> None:
    await say(socket, created())
    await asked(socket)
    await say(socket, *text_events("half"))
    await socket.wait_closed()


@pytest.mark.parametrize("script", [silent, mute, stalls])
def test_a_server_that_says_nothing(script: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given up after the operator's time."""
    monkeypatch.setattr(realtime_line, "DRAIN_S", 0.05)
    ((_, failure),) = against(script, timeout_s=0.1)

    assert failure.message == "The speech model said nothing for 0.1 seconds."


@pytest.mark.parametrize("greeting", [[], [error("Wrong model.", "model_not_found")]])
def test_a_server_that_leaves_at_once(greeting: list[dict[str, Any]]) -> None:
    """Its reason is told, where it has one."""

    async def script(socket: ServerConnection) -> None:
        await say(socket, *greeting)

    ((_, failure),) = against(script)

    assert failure.message in {"The connection to the speech model was lost.", "The speech model reports: Wrong model."}
    assert failure.code == ("model_not_found" if greeting else None)


def test_a_key_that_is_refused_is_not_shown() -> None:
    """Servers quote a part of the key; our client has no business with it."""

    async def script(socket: ServerConnection) -> None:
        await say(socket, error("Incorrect API key provided: sk-proj-abc***xyz.", "invalid_api_key"))

    ((_, failure),) = against(script, api_key="sk-proj-abcdefxyz")

    assert (failure.message, failure.code) == ("The speech model refuses the API key.", "invalid_api_key")


@pytest.mark.parametrize(
    ("status", "code"), [(401, "invalid_api_key"), (403, "invalid_api_key"), (404, "model_not_found"),
                         (429, "rate_limit_exceeded"), (500, None)],
)  # fmt: skip
def test_an_upgrade_that_is_refused(status: int, code: str | None) -> None:
    """By its status; without the address."""
    found: list[EngineError] = []

    async def main() -> None:
        refuse = lambda socket, _: socket.respond(status, "secret words\n")  # noqa: E731 -- a line of a script
        async with scripted(mute, on_request=refuse) as url, engine_at(url) as engine:
            _, failure = await broken(engine.run(asking("hello")))
            assert isinstance(failure, EngineError)
            found.append(failure)

    run_async(main)
    assert found[0].code == code
    assert "127.0.0.1" not in found[0].message
    assert "secret" not in found[0].message


def test_nobody_is_there() -> None:
    """Said without the address."""

    async def main() -> None:
        async with engine_at("ws://127.0.0.1:1/v1/realtime") as engine:
            _, failure = await broken(engine.run(asking("hello")))
            assert str(failure) == "The connection to the speech model failed."

    run_async(main)


def test_a_refusal_of_what_was_asked() -> None:
    """An error that names our event, or comes before the response, ends the answer with the server's words."""

    async def script(socket: ServerConnection) -> None:
        await say(socket, created())
        event = await asked(socket, "conversation.item.create")
        refused = error("No such content.", "invalid_value")
        refused["error"]["event_id"] = event["event_id"]
        await say(socket, refused)
        await socket.wait_closed()

    ((_, failure),) = against(script)

    assert (failure.message, failure.code) == ("The speech model reports: No such content.", "invalid_value")


def test_garbage_does_no_harm() -> None:
    """What cannot be read is passed over; odd events of known kinds as well."""

    async def script(socket: ServerConnection) -> None:
        await socket.send("no json")
        await socket.send(b"\x00\xff")
        await say(socket, {"type": "session.created", "session": 5}, created())
        await asked(socket)
        ids = {"response_id": "resp_1", "output_index": 0, "item_id": "item_x", "content_index": 0}
        await say(socket, *text_events("good"))
        await socket.send('{"type":"response.output_audio.delta","delta":"no base64"}')
        await say(
            socket,
            {"type": "response.function_call_arguments.delta", **ids, "call_id": "c", "delta": "{}"},
            {"type": "response.output_audio.delta", **ids, "delta": "AQ=="},
            {"type": "response.output_text.delta", **ids, "delta": ""},
            {"type": "something.new", "more": [1, 2]},
            error("Nobody asked.", "other"),
            DONE,
        )
        await socket.wait_closed()

    ((deltas, failure),) = against(script)

    assert failure is None
    assert deltas == [TextDelta("good")]


def test_a_function_that_is_named_at_its_end() -> None:
    """Older servers tell name and arguments only then."""

    async def script(socket: ServerConnection) -> None:
        await say(socket, created())
        await asked(socket)
        ids = {"response_id": "resp_1", "output_index": 2, "item_id": "item_f", "call_id": "call_9"}
        await say(
            socket,
            {"type": "response.created", "response": RESPONSE},
            {"type": "response.function_call_arguments.done", **ids, "name": "look", "arguments": '{"a":1}'},
            DONE,
        )
        await socket.wait_closed()

    ((deltas, failure),) = against(script)

    assert failure is None
    assert deltas == [CallDelta(2, "look", '{"a":1}', "call_9")]


def test_a_response_that_somebody_else_cancelled() -> None:
    """It did not end as it should, and that is a failure."""

    async def script(socket: ServerConnection) -> None:
        await say(socket, created())
        await asked(socket)
        done = {"type": "response.done", "response": RESPONSE | {"status": "cancelled"}}
        await say(socket, *text_events("half"), done)
        await socket.wait_closed()

    ((_, failure),) = against(script)

    assert failure.message == "The speech model did not finish its answer."


def test_a_server_that_does_not_stop_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while, so that the next turn does not wait for it."""
    monkeypatch.setattr(realtime_line, "DRAIN_S", 0.05)
    sessions: list[int] = []

    async def script(socket: ServerConnection) -> None:
        sessions.append(1)
        await say(socket, created())
        await asked(socket)
        await say(socket, *text_events("half"))
        if len(sessions) > 1:
            await say(socket, DONE)
        await socket.wait_closed()

    async def main() -> None:
        async with scripted(script) as url, engine_at(url) as engine:
            run = engine.run(asking("hello"))
            async for _ in run:
                break
            await run.aclose()
            assert text_in(await deltas_of(engine.run(asking("hello")))) == "half"

    run_async(main)
    assert len(sessions) == 2


# What the operator writes


def test_an_engine_is_made_of_its_text() -> None:
    """The URL, the model, the options."""
    made = make_engine("responder", "realtime:wss://speech.example/v1/realtime#gpt-realtime")
    assert (made.name, made.hears_audio, made.sees_images, made.voices) == (
        "realtime:wss://speech.example/v1/realtime#gpt-realtime", True, False, (),
    )  # fmt: skip
    ours = make_engine("responder", "realtime#gpt-realtime", options={"hears_audio": "false", "context_tokens": 9})
    assert (ours.hears_audio, ours.sees_images, ours.voices, ours.context_tokens) == (False, True, OPENAI_VOICES, 9)


@pytest.mark.parametrize(
    ("text", "options", "why"),
    [
        ("realtime", {}, "names no model"),
        ("realtime:ftp://x#m", {}, "no URL of a Realtime server"),
        ("realtime#m", {"nonsense": 1}, "Wrong option"),
        ("realtime#m", {"dialect": "klingon"}, "Wrong option"),
    ],
)
def test_what_is_wrong_is_told(text: str, options: dict[str, Any], why: str) -> None:
    """Before the server listens."""
    with pytest.raises(SetupError, match=why):
        make_engine("responder", text, options=options)


def test_the_customary_key_is_taken_but_not_the_customary_address() -> None:
    """`OPENAI_BASE_URL` may well be our own."""
    environ = {"OPENAI_API_KEY": "sk-1", "OPENAI_BASE_URL": "http://localhost:8000/v1"}
    config = load(None, environ, {"engines.llm": "realtime#gpt-realtime"}).config

    assert config.engines.options == {"llm": {"api_key": "sk-1"}}


# In a session of ours


def test_items_of_all_kinds() -> None:
    """What a prompt holds, as another server takes it; what says nothing is left out."""
    picture = InputImage(image_url="data:image/png;base64,AA==")
    prompt = Prompt(
        "sess_1",
        "",
        (
            Message(role="system", content=(InputText(text="now"),)),
            Message(role="user", content=(picture, InputText(text="look"))),
            Message(role="user", content=(InputAudio(transcript=""),)),
            Message(role="assistant", content=(OutputAudio(transcript="I see"),)),
            McpCall(id="item_m", server_label="s", name="sum", arguments="{}", output="5"),
            McpCall(id="item_n", server_label="s", name="sum", arguments="{}"),
        ),
    )
    made = items_of(prompt, sees_images=False)

    assert made == [
        Message(role="system", content=(InputText(text="now"),)),
        Message(role="user", content=(InputText(text="look"),)),
        assistant("I see"),
        FunctionCall(call_id="item_m", name="sum", arguments="{}"),
        FunctionCallOutput(call_id="item_m", output="5"),
        FunctionCall(call_id="item_n", name="sum", arguments="{}"),
        FunctionCallOutput(call_id="item_n", output="(no result yet)"),
    ]
    assert picture in items_of(prompt, sees_images=True)[1].content  # type: ignore[union-attr]  # it is the message


def through(url: str, **keys: Any) -> Config:
    """Our own server, answered by another one."""
    made = Engines(vad="tone", turn="tone", asr="tone", llm=f"realtime:{url}#tone", tts=TONE.tts, **keys)
    return Config(engines=made, server=Server())


def test_a_caller_is_answered_by_the_model_behind() -> None:
    """Our turn-taking, its words and its sound; a tool of the client's in between."""

    async def scene() -> None:
        async with upstream() as (url, watch), call(through(url)) as caller:
            await caller.speak(spoken())
            done = await caller.until("response.done")
            (item,) = done["response"]["output"]
            assert item["content"][0]["transcript"].startswith("You said:")
            tool = {"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}}
            await caller.update(tools=[tool])
            await caller.ask("call look {}")
            done = await caller.until("response.done")
            (item,) = done["response"]["output"]
            output = {"type": "function_call_output", "call_id": item["call_id"], "output": "blue"}
            await caller.say("conversation.item.create", item=output)
            await caller.say("response.create")
            done = await caller.until("response.done")
            assert done["response"]["output"][0]["content"][0]["transcript"] == "The function gave: blue"
            assert done["response"]["usage"]["output_tokens"] > 0
            assert [kinds.count("response.create") for kinds in watch.kinds] == [3]
            assert [kinds.count("conversation.item.delete") for kinds in watch.kinds] == [0]

    play(scene)


def test_the_model_is_told_of_the_conversation_as_the_caller_begins_to_speak() -> None:
    """The session there is open, and knows what was said, when the turn ends."""

    async def scene() -> None:
        async with upstream() as (url, watch), call(through(url)) as caller:
            await caller.ask("hello", conversation="none", input=[])
            await caller.until("response.done")
            content = [{"type": "input_text", "text": "remember this"}]
            await caller.say("conversation.item.create", item={"type": "message", "role": "user", "content": content})
            await caller.speak(tone(700))
            await caller.until("input_audio_buffer.speech_started")
            await until(lambda: "remember this" in json.dumps(watch.said))
            assert watch.kinds[0].count("response.create") == 1

    play(scene)


def test_a_caller_who_cuts_in_is_understood() -> None:
    """Barge-in stops the model behind, and it is told what was heard of its answer."""

    async def scene() -> None:
        slow = engines(llm={"token_ms": 20})
        async with upstream(slow) as (url, watch), call(through(url)) as caller:
            await caller.ask("count to 300")
            await caller.until("response.output_audio.delta")
            await caller.speak(tone(800))
            done = await caller.until("response.done")
            assert done["response"]["status"] == "cancelled"
            await caller.speak(bytes(2 * 24 * 900))
            done = await caller.until("response.done")
            assert done["response"]["status"] == "completed"
            assert "response.cancel" in watch.kinds[0]

    play(scene)


def test_a_voice_is_not_loaded_beside_it() -> None:
    """A speech model speaks for itself: `tts` is not made, and not shown."""

    async def scene() -> None:
        async with upstream() as (url, _):
            from antiphon.server.pool import EnginePool  # noqa: PLC0415

            pool = EnginePool(through(url), lambda name: (_ for _ in ()).throw(LookupError(name)))
            assert "tts" not in pool.names
            assert {role for role, _, _ in pool._engines} == {"vad", "turn", "asr", "llm"}
            await pool.start()
            assert isinstance(pool.set_for("tone").responder, Realtime)
            await pool.stop()

    play(scene)
