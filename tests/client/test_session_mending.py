"""A session with servers that follow a script: they drop, refuse, race and babble."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, TypeVar

import pytest
from scripted_server import created, error, say, scripted
from server_traces import (
    Trace,
    answer_begun,
    function_call,
    in_item,
    message,
    response,
    session,
    spoken_turn,
    transcribed,
)
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from antiphon.client import (
    Backoff,
    ClientError,
    ConnectionLost,
    Heard,
    Refused,
    Reply,
    Restored,
    Session,
    Tools,
    Unreachable,
    UpgradeRefused,
)
from antiphon.client import session as session_module
from antiphon.client.audio import SilentSpeaker
from antiphon.client.conversation import Event
from antiphon.protocol import server_events as ev
from antiphon.protocol.client_events import InputAudioBufferCommit
from antiphon.protocol.codec import Unknown
from antiphon.protocol.errors import ErrorDetail
from antiphon.protocol.response import ResponseParams
from antiphon.protocol.session import RealtimeSessionUpdate, SessionUpdateBody

T = TypeVar("T")

AT_ONCE = Backoff(first_s=0.001, attempts=3)
SING = RealtimeSessionUpdate(instructions="Sing.")


def play(scene: Coroutine[Any, Any, T]) -> T:
    """Run a scene, with asyncio's own checks; it may not last long."""

    async def within_limit() -> T:
        async with asyncio.timeout(30.0):
            return await scene

    return asyncio.run(within_limit(), debug=True)


class House:
    """A server: one `act` for each connection, in turn, and all that clients sent, by connection."""

    def __init__(self, *acts: Callable[["Client"], Coroutine[Any, Any, None]]) -> None:
        self._acts = list(acts)
        self.clients: list[Client] = []

    async def serve(self, socket: ServerConnection) -> None:
        """Play the next act."""
        client = Client(socket)
        self.clients.append(client)
        await client.say(created())
        await self._acts.pop(0)(client)

    @asynccontextmanager
    async def open(self, **options: Any) -> AsyncIterator[Session]:
        """A session with it."""
        async with scripted(self.serve) as url, Session(url, **({"backoff": AT_ONCE} | options)) as session:
            yield session


class Client:
    """One client of a house."""

    def __init__(self, socket: ServerConnection) -> None:
        self.socket = socket
        self.sent: list[dict[str, Any]] = []

    async def say(self, *events: dict[str, Any]) -> None:
        """Tell it."""
        await say(self.socket, *events)

    async def hear(self, kind: str) -> dict[str, Any]:
        """The next event of a type; others are kept as well. A session update is answered."""
        while True:
            event: dict[str, Any] = json.loads(await self.socket.recv())
            self.sent.append(event)
            if event["type"] == "session.update":
                await self.say({"type": "session.updated", "session": session()})
            if event["type"] == kind:
                return event

    async def answer(self, number: int = 1, text: str = "Hm.", *, echoes: bool = True) -> None:
        """Wait to be asked, and answer in writing."""
        asked = await self.hear("response.create")
        metadata = asked["response"]["metadata"] if echoes else None
        await self.say(*begun(number, metadata), *ended(number, text, metadata))

    async def stay(self) -> None:
        """Until the client goes."""
        async for frame in self.socket:
            self.sent.append(json.loads(frame))

    def kinds(self) -> list[str]:
        """What it sent."""
        return [event["type"] for event in self.sent]


def begun(number: int, metadata: Any = None) -> Trace:
    """A written answer that begins."""
    item = message(f"item_a{number}", "assistant", status="in_progress")
    return [
        {"type": "response.created", "response": response(f"resp_{number}", metadata=metadata)},
        {"type": "response.output_item.added", "response_id": f"resp_{number}", "output_index": 0, "item": item},
        added(item, "item_before"),
    ]


def ended(number: int, text: str, metadata: Any = None) -> Trace:
    """Its words, and its end."""
    response_id, item_id = f"resp_{number}", f"item_a{number}"
    done = message(item_id, "assistant", {"type": "output_text", "text": text})
    final = response(response_id, "completed", output=[done], metadata=metadata)
    return [
        in_item("response.output_text.delta", response_id, item_id, delta=text),
        {"type": "response.done", "response": final},
    ]


def busy(event_id: str | None) -> dict[str, Any]:
    """What a server says to whom asks while it answers."""
    told = error("Conversation already has an active response.", "conversation_already_has_active_response")
    return {**told, "error": {**told["error"], "event_id": event_id}}


def added(item: dict[str, Any], previous: str | None = None) -> dict[str, Any]:
    """An item is in the conversation."""
    return {"type": "conversation.item.added", "previous_item_id": previous, "item": item}


# Whose response it is.


def test_a_server_that_sends_no_metadata_back() -> None:
    """Its responses are taken in the order of things."""

    async def both(client: Client) -> None:
        await client.answer(1, "One.", echoes=False)
        await client.answer(2, "Two.", echoes=False)
        await client.stay()

    house = House(both)

    async def scene() -> list[str]:
        async with house.open() as session:
            return [(await session.ask("1")).text, (await session.ask("2", ResponseParams(metadata={"a": "b"}))).text]

    assert play(scene()) == ["One.", "Two."]
    asked = [event for event in house.clients[0].sent if event["type"] == "response.create"]
    assert asked[1]["response"]["metadata"]["a"] == "b"


def test_the_callers_turn_comes_between() -> None:
    """A response to what was said aloud is not taken for the reply to what was asked, echo or not."""

    async def act(client: Client) -> None:
        await client.hear("response.create")
        await client.say(*spoken_turn(), *begun(1), *ended(1, "To the voice."))
        await client.say(*begun(2), *ended(2, "To the question."))
        await client.stay()

    async def scene() -> list[str]:
        async with House(act).open() as session:
            reply = await session.ask("?")
            async for turn in session.listen():
                if isinstance(turn, Reply):
                    return [reply.text, (await turn).text]
        raise AssertionError

    assert play(scene()) == ["To the question.", "To the voice."]


def test_asking_again_when_another_response_was_first() -> None:
    """A question that lost the race is asked once more, as soon as the winner is done."""

    async def act(client: Client) -> None:
        asked = await client.hear("response.create")
        await client.say(*spoken_turn(), *begun(1), busy(asked["event_id"]))
        await client.say(*ended(1, "To the voice."))
        await client.answer(2, "To the question.")
        await client.stay()

    house = House(act)

    async def scene() -> str:
        async with house.open() as session:
            return (await session.ask("?")).text

    assert play(scene()) == "To the question."
    assert house.clients[0].kinds() == ["conversation.item.create", "response.create", "response.create"]


def test_a_response_that_has_seen_the_question_answers_it() -> None:
    """It came after the question was in the conversation: to ask again would be to hear it twice."""

    async def act(client: Client) -> None:
        question = (await client.hear("conversation.item.create"))["item"]
        asked = await client.hear("response.create")
        await client.say(*spoken_turn(), added(question, "item_1"), *begun(1), busy(asked["event_id"]))
        await client.say(*ended(1, "To both."))
        await client.stay()

    house = House(act)

    async def scene() -> list[str]:
        async with house.open() as session:
            reply = await session.ask("?")
            async for turn in session.listen():
                if isinstance(turn, Reply):
                    return [reply.text, (await turn).text]
        raise AssertionError

    assert play(scene()) == ["To both.", "To both."]
    assert house.clients[0].kinds().count("response.create") == 1


@pytest.mark.parametrize("names", [True, False])
def test_outputs_of_functions_survive_the_race(names: bool) -> None:
    """The caller speaks while a function runs: outputs are told at once, one response follows when it can."""
    tools = Tools()
    running, spoken = asyncio.Event(), asyncio.Event()

    @tools.function
    async def weather(city: str) -> str:
        running.set()
        await spoken.wait()
        return f"rain in {city}"

    async def act(client: Client) -> None:
        metadata = (await client.hear("response.create"))["response"]["metadata"]
        call = [
            {**event, "response": {**event["response"], "metadata": metadata}} if "response" in event else event
            for event in function_call("resp_1", "item_c")
        ]
        await client.say(*call)
        await running.wait()
        spoken.set()
        asked = await client.hear("response.create")
        await client.say(*spoken_turn(), *begun(2), busy(asked["event_id"] if names else None))
        await client.say(*ended(2, "To the voice."))
        await client.answer(3, "Take an umbrella.")
        await client.stay()

    house = House(act)

    async def scene() -> Reply:
        async with house.open(tools=tools) as session:
            return await session.ask("weather?")

    reply = play(scene())

    assert reply.text == "Take an umbrella."
    assert [item.kind for item in reply.items] == ["function_call", "message"]
    outputs = [event["item"] for event in house.clients[0].sent if "item" in event and "output" in event["item"]]
    assert [output["output"] for output in outputs] == ["rain in Oslo"]


# What a server says.


def test_errors_and_babble_do_no_harm() -> None:
    """Harmless codes say nothing, other errors come to who listens, the unknown is passed on, garbage too."""
    seen: list[Event] = []
    harmless = ("response_cancel_not_active", "item_truncate_invalid_item_id", "input_audio_buffer_commit_empty")

    async def act(client: Client) -> None:
        metadata = (await client.hear("response.create"))["response"]["metadata"]
        await client.say(*begun(1, metadata), *(error("crossed", code) for code in harmless))
        await client.socket.send("{")
        await client.socket.send(b"\xff")
        await client.say({"type": "weather.changed", "sky": "blue"}, {"type": "response.done"}, error("Hm.", "odd"))
        await client.say(*ended(1, "Still here.", metadata))
        await client.stay()

    async def scene() -> tuple[str, Any]:
        async with House(act).open(on_event=seen.append) as session:
            reply = await session.ask("?")
            async for turn in session.listen():
                return reply.text, turn
        raise AssertionError

    text, turn = play(scene())

    assert (text, isinstance(turn, ErrorDetail) and turn.code) == ("Still here.", "odd")
    assert [event.type for event in seen if isinstance(event, Unknown)] == ["", "", "weather.changed", "response.done"]


def test_words_that_could_not_be_made_out() -> None:
    """Who listens is told that there were some."""
    failed = {"type": "server_error", "message": "No."}

    async def act(client: Client) -> None:
        await client.say(*spoken_turn(), *transcribed())
        where = {"item_id": "item_9", "content_index": 0}
        await client.say({"type": "conversation.item.input_audio_transcription.failed", **where, "error": failed})
        await client.stay()

    async def scene() -> list[Any]:
        turns = []
        async with House(act).open() as session:
            async for turn in session.listen():
                turns.append(turn)
                if len(turns) == 2:
                    return turns
        return turns

    assert play(scene()) == [Heard("item_1", "Hello there."), Heard("item_9", None)]


def test_nobody_listens() -> None:
    """Then only the newest turns are kept."""

    async def act(client: Client) -> None:
        for number in range(150):
            await client.say(*transcribed("item_1", f"word {number}"))
        await client.answer()
        await client.stay()

    async def scene() -> Any:
        async with House(act).open() as session:
            await session.ask("done?")
            async for turn in session.listen():
                return turn
        raise AssertionError

    assert play(scene()) == Heard("item_1", "word 50")


def test_a_refusal_without_a_name() -> None:
    """A server that names nothing refuses who waits longest."""

    async def act(client: Client) -> None:
        await client.hear("response.create")
        await client.say(error("Too expensive."))
        await client.stay()

    async def scene() -> None:
        async with House(act).open() as session:
            await session.ask("?")

    with pytest.raises(Refused, match="The server said: Too expensive"):
        play(scene())


# A connection that is lost.


def test_a_function_that_runs_while_the_connection_is_lost() -> None:
    """Its output is nobody's: the call is out of the history, and the reply has failed."""
    tools = Tools()
    running, restored = asyncio.Event(), asyncio.Event()

    @tools.function
    async def weather(city: str) -> str:
        running.set()
        await restored.wait()
        return city

    async def first(client: Client) -> None:
        await client.hear("response.create")
        await client.say(*function_call("resp_1", "item_c"))
        await running.wait()
        client.socket.transport.abort()

    async def second(client: Client) -> None:
        await client.answer(2, "On.")
        await client.stay()

    house = House(first, second)

    async def scene() -> str:
        async with house.open(tools=tools) as session:
            with pytest.raises(ConnectionLost):
                await session.ask("weather?")
            async for turn in session.listen():
                assert isinstance(turn, Restored)
                assert turn.left_out == ("item_c",)
                break
            restored.set()
            return (await session.ask("go on")).text

    assert play(scene()) == "On."
    assert history_of(house.clients[1]) == [("message", "user", "go on")]


def history_of(client: Client) -> list[tuple[str, str, str]]:
    """Type, role and words of the items that a client made."""
    items = [event["item"] for event in client.sent if event["type"] == "conversation.item.create"]
    return [
        (item["type"], item.get("role", ""), item.get("output") or "".join(p["text"] for p in item.get("content", ())))
        for item in items
    ]


def test_a_lost_connection_is_opened_again() -> None:
    """Wishes and history are told to the new session; who listens is told, and the talk goes on."""

    async def first(client: Client) -> None:
        question = await client.hear("conversation.item.create")
        await client.say(added(question["item"]))
        await client.answer(1, "One.")
        await client.say(*transcribed_turn())
        await client.hear("session.update")
        client.socket.transport.abort()

    async def second(client: Client) -> None:
        await client.answer(2, "Two.")
        await client.stay()

    house = House(first, second)

    async def scene() -> tuple[Restored, str, list[str]]:
        async with house.open(wishes=SING) as session:
            await session.ask("What is one?")
            await session.update(RealtimeSessionUpdate(output_modalities=("text",)))
            async for turn in session.listen():
                if isinstance(turn, Restored):
                    reply = await session.ask("What is two?")
                    return turn, reply.text, [item.text for item in session.conversation.items]
        raise AssertionError

    restored, text, items = play(scene())

    assert (restored.lost.code, restored.attempts, restored.left_out) == (1006, 1, ("item_1",))
    assert text == "Two."
    new = house.clients[1]
    assert new.sent[0]["session"] == {"type": "realtime", "instructions": "Sing.", "output_modalities": ["text"]}
    assert history_of(new) == [
        ("message", "user", "What is one?"),
        ("message", "assistant", "One."),
        ("message", "user", "What is two?"),
    ]
    assert items[:2] == ["What is one?", "One."]


def transcribed_turn() -> Trace:
    """Speech that nobody has written down."""
    return [event for event in spoken_turn("item_1", "item_a1") if "speech" not in event["type"]]


def test_what_was_under_way_fails_clearly() -> None:
    """A reply that had begun, and one that waits for it: each raises, and may be asked again."""
    has_begun = asyncio.Event()

    def on_event(event: Event) -> None:
        if isinstance(event, ev.ResponseCreated):
            has_begun.set()

    async def first(client: Client) -> None:
        asked = await client.hear("response.create")
        await client.say(*begun(1, asked["response"]["metadata"]))
        await client.hear("input_audio_buffer.append")
        await client.socket.close(1011, "oh")

    async def second(client: Client) -> None:
        await client.answer(2, "At last.")
        await client.stay()

    house = House(first, second)

    async def scene() -> tuple[list[Any], str]:
        async with house.open(on_event=on_event) as session:
            asking = [asyncio.ensure_future(session.ask(text)) for text in ("one", "two")]
            await has_begun.wait()
            await session.append(b"\0\0")
            failures = await asyncio.gather(*asking, return_exceptions=True)
            return list(failures), (await session.ask("two")).text

    failures, text = play(scene())

    assert [isinstance(failure, ConnectionLost) and failure.code for failure in failures] == [1011, 1011]
    assert text == "At last."
    assert history_of(house.clients[1]) == [("message", "user", "two")]


def test_what_was_not_heard_is_not_told() -> None:
    """The answer breaks off in the middle: the new session knows as many words as were played."""
    now = [0.0]
    arrived = asyncio.Event()

    async def first(client: Client) -> None:
        await client.say(*spoken_turn(), *transcribed(), *answer_begun())
        await client.hear("input_audio_buffer.append")
        client.socket.transport.abort()

    house = House(first, lambda client: client.stay())

    def on_event(event: Event) -> None:
        if getattr(event, "delta", None) == "morning.":
            now[0] = 0.2  # of 400 ms
            arrived.set()

    async def scene() -> Restored:
        speaker = SilentSpeaker(lambda: now[0])
        async with house.open(speaker=speaker, on_event=on_event) as session:
            await arrived.wait()
            await session.append(b"\0\0")
            async for turn in session.listen():
                if isinstance(turn, Restored):
                    await session.append(b"\0\0")
                    return turn
        raise AssertionError

    assert play(scene()).left_out == ()
    assert history_of(house.clients[1]) == [("message", "user", "Hello there."), ("message", "assistant", "Good")]


def test_a_session_whose_time_is_over_goes_on() -> None:
    """1001 after an hour is no refusal."""

    async def first(client: Client) -> None:
        await client.say(error("Your session hit the maximum duration of 60 minutes.", "session_expired"))
        await client.socket.close(1001)

    house = House(first, lambda client: client.stay())

    async def scene() -> Restored:
        async with house.open() as session:
            async for turn in session.listen():
                if isinstance(turn, Restored):
                    return turn
        raise AssertionError

    detail = play(scene()).lost.detail
    assert detail is not None
    assert detail.code == "session_expired"


@pytest.mark.parametrize(("code", "backoff"), [(3000, AT_ONCE), (4000, AT_ONCE), (1008, AT_ONCE), (1011, None)])
def test_a_refusal_is_final(code: int, backoff: Backoff | None) -> None:
    """A server that does not want us is not asked again, nor any where that is not wished."""

    async def act(client: Client) -> None:
        await client.hear("response.create")
        await client.socket.close(code)

    house = House(act)

    async def scene() -> None:
        async with house.open(backoff=backoff) as session:
            with pytest.raises(ConnectionLost) as raised:
                await session.ask("?")
            assert raised.value.code == code
            for what in (session.ask("again"), session.append(b"\0\0"), session.update(SING)):
                with pytest.raises(ConnectionLost):
                    await what
            with pytest.raises(ConnectionLost):
                [turn async for turn in session.listen()]
            assert session.wishes == RealtimeSessionUpdate()

    play(scene())

    assert len(house.clients) == 1


def test_a_server_that_is_done() -> None:
    """It closes in good order: who listens comes to an end, who asks is told."""

    async def act(client: Client) -> None:
        await client.socket.close()

    async def scene() -> list[Any]:
        async with House(act).open() as session:
            turns = [turn async for turn in session.listen()]
            with pytest.raises(ConnectionLost, match="The server has closed the connection"):
                await session.ask("?")
            return turns

    assert play(scene()) == []


@pytest.mark.parametrize(("status", "attempts"), [(503, 4), (429, 4), (401, 2)])
def test_giving_up(status: int, attempts: int) -> None:
    """A server that may come back is tried as often as was wished, one that refuses once."""
    asked: list[Request] = []

    def on_request(socket: ServerConnection, request: Request) -> Response | None:
        asked.append(request)
        return None if len(asked) == 1 else socket.respond(HTTPStatus(status), "no")

    async def script(socket: ServerConnection) -> None:
        await say(socket, created())
        await socket.recv()
        socket.transport.abort()

    async def scene() -> None:
        async with scripted(script, on_request=on_request) as url, Session(url, backoff=AT_ONCE) as session:
            with pytest.raises(ConnectionLost):
                await session.ask("?")
            with pytest.raises(UpgradeRefused):
                await session.ask("?")
            await session.send(InputAudioBufferCommit())

    with pytest.raises(UpgradeRefused) as raised:
        play(scene())
    assert (raised.value.status, len(asked)) == (status, attempts)


def test_a_loss_while_it_is_restored() -> None:
    """It counts as an attempt, and the history is told whole to the next."""

    async def first(client: Client) -> None:
        question = await client.hear("conversation.item.create")
        await client.say(added(question["item"]))
        await client.answer(1, "One.")
        await client.hear("input_audio_buffer.append")
        client.socket.transport.abort()

    async def second(client: Client) -> None:
        client.socket.transport.abort()

    async def third(client: Client) -> None:
        await client.hear("input_audio_buffer.append")
        await client.stay()

    house = House(first, second, third)

    async def scene() -> int:
        async with house.open(wishes=SING) as session:
            await session.ask("?")
            await session.append(b"\0\0")
            async for turn in session.listen():
                if isinstance(turn, Restored):
                    await session.append(b"\0\0")
                    return turn.attempts
        raise AssertionError

    assert play(scene()) == 2
    assert history_of(house.clients[2]) == [("message", "user", "?"), ("message", "assistant", "One.")]


def test_questions_wait_for_the_new_connection() -> None:
    """What is asked meanwhile is asked then, one after the other; an error on the way there stops nobody."""
    is_back, may_open = asyncio.Event(), asyncio.Event()

    async def first(client: Client) -> None:
        await client.hear("input_audio_buffer.append")
        client.socket.transport.abort()

    async def second(client: Client) -> None:
        is_back.set()
        await may_open.wait()
        await client.say(error("Odd."), {"type": "session.updated", "session": session()})
        await client.answer(1, "One.")
        await client.answer(2, "Two.")
        await client.stay()

    async def scene() -> list[str]:
        async with House(first, second).open(wishes=SING) as session:
            await session.append(b"\0\0")
            await is_back.wait()
            asking = [asyncio.ensure_future(session.ask(text)) for text in "12"]
            await asyncio.sleep(0)
            may_open.set()
            return [reply.text for reply in await asyncio.gather(*asking)]

    assert play(scene()) == ["One.", "Two."]


@pytest.mark.parametrize("ends", ["lost", "over"])
def test_an_update_that_is_not_answered(ends: str) -> None:
    """The new session is told of it; where there is none, it has failed."""

    async def first(client: Client) -> None:
        await client.socket.recv()
        if ends == "over":
            await client.socket.close()
        client.socket.transport.abort()

    house = House(first, lambda client: client.answer())

    async def scene() -> Any:
        async with house.open() as session:
            await session.update(SING)
            return (await session.ask("?")).text

    if ends == "over":
        with pytest.raises(ConnectionLost, match="The server has closed the connection"):
            play(scene())
    else:
        assert play(scene()) == "Hm."
        assert house.clients[1].sent[0]["session"] == {"type": "realtime", "instructions": "Sing."}


# Opening.


def test_sound_while_there_is_no_connection_is_lost() -> None:
    """It is live: what is said later is not said earlier."""

    async def first(client: Client) -> None:
        client.socket.transport.abort()

    async def second(client: Client) -> None:
        await client.hear("input_audio_buffer.append")
        await client.stay()

    house = House(first, second)

    async def scene() -> None:
        async with house.open() as session:
            async for turn in session.listen():
                assert isinstance(turn, Restored)
                break
            session._line.pause()
            await session.append(b"\1\1")
            session._line.ready()
            await session.append(b"\2\2")

    play(scene())

    sounds = [base64.b64decode(event["audio"]) for event in house.clients[1].sent if "audio" in event]
    assert sounds == [b"\2\2"]


def test_a_server_that_never_says_updated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some do not; the session opens all the same."""
    monkeypatch.setattr(session_module, "UPDATED_TIMEOUT_S", 0.01)

    async def script(socket: ServerConnection) -> None:
        await say(socket, created())
        await socket.wait_closed()

    async def scene() -> SessionUpdateBody:
        async with scripted(script) as url, Session(url, SING) as session:
            await session.update(RealtimeSessionUpdate(output_modalities=("text",)))
            return session.wishes

    assert play(scene()) == RealtimeSessionUpdate(instructions="Sing.", output_modalities=("text",))


@pytest.mark.parametrize(
    ("opening", "code", "kind", "text"),
    [
        ([error("Incorrect API key.", "invalid_api_key")], 3000, ConnectionLost, "The server said: Incorrect API key."),
        ([error("No.")], 1000, ConnectionLost, "The server said: No."),
        ([], 1000, ConnectionLost, "The server closed the connection before the session was open."),
        ([], None, Unreachable, "The server opened no session within 0.1 s."),
    ],
)
def test_a_session_that_does_not_open(opening: Trace, code: int | None, kind: type[ClientError], text: str) -> None:
    """It is told at once, and not tried again."""
    limit_s = 0.1 if code is None else 10.0

    async def script(socket: ServerConnection) -> None:
        await say(socket, *opening)
        if code is not None:
            await socket.close(code)
        await socket.wait_closed()

    async def scene() -> None:
        async with scripted(script) as url, Session(url, SING, backoff=AT_ONCE, open_timeout_s=limit_s):
            raise AssertionError

    with pytest.raises(kind) as raised:
        play(scene())
    assert raised.value.message == text


def test_pauses_grow_and_differ() -> None:
    """Each wait is at most twice the last, never above the limit, and never the same for all."""

    async def scene() -> list[float]:
        waits: list[float] = []

        async def sleep(seconds: float) -> None:
            waits.append(seconds)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(asyncio, "sleep", sleep)
            assert [number async for number in Backoff(first_s=1, limit_s=5, attempts=5).pauses()] == [1, 2, 3, 4, 5]
        return waits

    waits = play(scene())

    assert all(top / 2 <= wait <= top for wait, top in zip(waits, [1, 2, 4, 5, 5], strict=True))
