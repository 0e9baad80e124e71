"""A session with a real server: ask, speak, listen, call functions."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Literal, TypeVar

import pytest
from served import engines, spoken, tone

from antiphon.audio.pcm import ms_of, silence
from antiphon.client import ClientError, Heard, Piece, Refused, Reply, Session, Tools
from antiphon.client.audio import SilentSpeaker
from antiphon.client.conversation import Event
from antiphon.protocol import server_events as ev
from antiphon.protocol.client_events import ConversationItemCreate, ResponseCreate
from antiphon.protocol.codec import Unknown
from antiphon.protocol.errors import ErrorDetail
from antiphon.protocol.items import InputText, Message
from antiphon.protocol.response import ResponseParams
from antiphon.protocol.session import (
    Audio,
    AudioInput,
    AudioOutput,
    PcmuFormat,
    RealtimeSession,
    RealtimeSessionUpdate,
    SemanticVad,
    ServerVad,
    SessionUpdateBody,
    Transcription,
    TranscriptionAudio,
    TranscriptionSessionUpdate,
)
from antiphon.testing import serving

T = TypeVar("T")

PATIENCE_S = 30.0

WRITTEN = RealtimeSessionUpdate(output_modalities=("text",))

HEARING = RealtimeSessionUpdate(
    audio=Audio(input=AudioInput(transcription=Transcription(model="tone"), turn_detection=ServerVad()))
)


def play(scene: Coroutine[Any, Any, T]) -> T:
    """Run a scene, with asyncio's own checks; it may not last long."""

    async def within_limit() -> T:
        async with asyncio.timeout(PATIENCE_S):
            return await scene

    return asyncio.run(within_limit(), debug=True)


async def first(session: Session, kind: type[T]) -> T:
    """The next turn of a kind."""
    async for turn in session.listen():
        if isinstance(turn, kind):
            return turn
    raise AssertionError(kind)


@pytest.mark.parametrize("dialect", ["ga", "beta", "azure"])
def test_a_question_is_answered(dialect: Literal["ga", "beta", "azure"]) -> None:
    """In writing and aloud: words, sound, items, status and cost, whatever the server speaks."""

    async def scene() -> tuple[Reply, Reply]:
        async with serving("tone") as url, Session(url, model="tone", dialect=dialect) as session:
            aloud = await session.ask("say good morning.")
            return aloud, await session.ask("say four.", ResponseParams(output_modalities=("text",)))

    aloud, written = play(scene())

    assert (aloud.text, aloud.status, aloud.is_done) == ("good morning.", "completed", True)
    assert ms_of(aloud.audio) == aloud.items[0].audio_ms > 100
    assert (written.text, written.audio) == ("four.", b"")
    assert [item.role for item in written.items] == ["assistant"]
    assert written.total_tokens > 0


def test_a_question_to_a_server_of_preview() -> None:
    """The oldest words of all, known by the version in the URL; functions included."""
    tools = Tools()
    tools.add(lambda: "sunny", name="weather")
    seen: list[Event] = []

    async def scene() -> list[str]:
        async with serving("tone") as url:
            address = f"{url}/openai/realtime?api-version=2024-10-01-preview&deployment=tone"
            async with Session(address, WRITTEN, tools=tools, on_event=seen.append) as session:
                return [(await session.ask(text)).text for text in ("say four.", "call weather {}")]

    assert play(scene()) == ["four.", "The function gave: sunny"]
    assert not [event for event in seen if isinstance(event, Unknown | ev.Error)]


def test_a_reply_is_read_while_it_comes() -> None:
    """Piece by piece, by as many as wish, and also when it is over."""

    async def scene() -> list[list[Piece]]:
        async with serving("tone") as url, Session(url, WRITTEN, model="tone") as session:
            reply = session.ask("count to 3")
            pieces = [piece async for piece in reply]
            assert (await reply).text == "1 2 3"
            return [pieces, [piece async for piece in reply]]

    once, twice = play(scene())

    assert [piece.text for piece in once] == ["1", " 2", " 3"]
    assert once == twice


def test_questions_wait_for_each_other() -> None:
    """A server answers one at a time; who asks need not know."""

    async def scene() -> list[str]:
        async with serving("tone") as url, Session(url, WRITTEN, model="tone") as session:
            replies = await asyncio.gather(*(session.ask(f"say {n}.") for n in "abcd"))
            return [reply.text for reply in replies]

    assert play(scene()) == ["a.", "b.", "c.", "d."]


def test_a_question_is_withdrawn() -> None:
    """Who stops waiting for his turn is not answered later."""

    async def scene() -> list[str]:
        async with serving("tone") as url, Session(url, WRITTEN, model="tone") as session:
            running = session.ask("hang after 2")
            async for _ in running:
                break
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await session.ask("say nothing.")
            await session.interrupt()
            await running
            await session.ask("say more.")
            return [item.text for item in session.conversation.items if item.role == "user"]

    assert play(scene()) == ["hang after 2", "say more."]


def test_a_recording_is_asked() -> None:
    """Sound as a question of its own, without turn detection."""

    async def scene() -> Reply:
        async with serving("tone") as url, Session(url, WRITTEN, model="tone") as session:
            return await session.ask(tone(500))

    assert play(scene()).text == "You said: tone 440 hz 0.5 seconds"


@pytest.mark.parametrize("is_paced", [True, False])
def test_what_is_said_is_heard_and_answered(is_paced: bool) -> None:
    """Turn detection hears the end by the silence that follows; the words and the reply come to who listens."""

    async def scene() -> tuple[str | None, str]:
        async with serving("tone") as url, Session(url, HEARING, model="tone") as session:
            await session.speak(silence(200) + tone(500), is_paced=is_paced)
            heard = reply = None
            async for turn in session.listen():
                heard = turn if isinstance(turn, Heard) else heard
                reply = turn if isinstance(turn, Reply) else reply
                if heard and reply:
                    return heard.text, (await reply).text
        raise AssertionError

    words = "tone 440 hz 0.5 seconds"
    assert play(scene()) == (words, f"You said: {words}")


def test_what_is_said_without_turn_detection() -> None:
    """The end is said by us, and a reply is asked for."""
    manual = RealtimeSessionUpdate(audio=Audio(input=AudioInput(turn_detection=None)))

    async def scene() -> str:
        async with serving("tone") as url, Session(url, manual, model="tone") as session:
            await session.speak(tone(300), is_paced=False)
            return (await (await first(session, Reply))).text

    assert play(scene()) == "You said: tone 440 hz 0.3 seconds"


@pytest.mark.parametrize("is_paced", [True, False])
def test_semantic_turn_detection_may_wait_longer(is_paced: bool) -> None:
    """Silence follows for as long as it takes."""
    heard = AudioInput(transcription=Transcription(model="tone"), turn_detection=SemanticVad(eagerness="high"))
    wishes = RealtimeSessionUpdate(output_modalities=("text",), audio=Audio(input=heard))

    async def scene() -> str | None:
        async with serving("tone") as url, Session(url, wishes, model="tone") as session:
            await session.speak(silence(200) + tone(500), is_paced=is_paced)
            return (await first(session, Heard)).text

    assert play(scene()) == "tone 440 hz 0.5 seconds"


@pytest.mark.parametrize("turns", [ServerVad(), None])
def test_a_session_that_only_transcribes(turns: ServerVad | None) -> None:
    """What is said is written down; nobody answers, and no answer is asked for."""
    heard = AudioInput(transcription=Transcription(model="tone"), turn_detection=turns)
    wishes = TranscriptionSessionUpdate(audio=TranscriptionAudio(input=heard))

    async def scene() -> tuple[str | None, int]:
        async with serving("tone") as url, Session(f"{url}/v1?intent=transcription", wishes) as session:
            await session.speak(silence(200) + tone(500), is_paced=False)
            heard = await first(session, Heard)
            return heard.text, len(session.conversation.errors)

    assert play(scene()) == ("tone 440 hz 0.5 seconds", 0)


def test_functions_are_called() -> None:
    """All that are asked for, at the same time; one response follows, and all is one reply."""
    tools = Tools()
    meeting = asyncio.Barrier(2)

    @tools.function
    async def weather(city: str) -> str:
        """Tell the weather of a city."""
        await meeting.wait()
        return f"sunny in {city}"

    seen: list[Event] = []

    async def scene() -> tuple[Reply, Session]:
        async with (
            serving("tone") as url,
            Session(url, WRITTEN, model="tone", tools=tools, on_event=seen.append) as session,
        ):
            return await session.ask('call weather {"city": "Oslo"} call weather {"city": "Rome"}'), session

    reply, session = play(scene())

    assert reply.text == "The function gave: sunny in Rome"
    assert [item.kind for item in reply.items] == ["function_call", "function_call", "message"]
    outputs = [item.output for item in session.conversation.items if item.kind == "function_call_output"]
    assert outputs == ["sunny in Oslo", "sunny in Rome"]
    assert len([event for event in seen if isinstance(event, ev.ResponseCreated)]) == 2
    assert isinstance(session.conversation.session, RealtimeSession)
    assert session.conversation.session.tools == tools.offered


def test_a_function_that_is_unknown_or_fails() -> None:
    """The model is told, and answers all the same."""
    tools = Tools()

    @tools.function
    def fail() -> None:
        raise ValueError("no luck")

    async def scene() -> list[str]:
        async with serving("tone") as url, Session(url, WRITTEN, model="tone", tools=tools) as session:
            return [(await session.ask(f"call {name} {{}}")).text for name in ("fail", "nothing")]

    assert play(scene()) == [
        'The function gave: {"error":"ValueError: no luck"}',
        'The function gave: {"error":"There is no function called nothing."}',
    ]


def test_without_functions_calls_are_the_programs_own() -> None:
    """The reply ends with the call; the program may answer it."""

    async def scene() -> Reply:
        async with serving("tone") as url, Session(url, WRITTEN, model="tone") as session:
            return await session.ask("call weather {}")

    (call,) = play(scene()).items
    assert (call.kind, call.name, call.arguments) == ("function_call", "weather", "{}")


def test_a_call_aside_is_not_run() -> None:
    """A response outside the conversation has no place for an output."""
    tools = Tools()
    tools.add(lambda: "ran", name="f")

    async def scene() -> Reply:
        async with serving("tone") as url, Session(url, WRITTEN, model="tone", tools=tools) as session:
            return await session.ask("call f {}", ResponseParams(conversation="none"))

    assert [item.kind for item in play(scene()).items] == ["function_call"]


def test_the_session_changes() -> None:
    """An update is there when it returns; one that is refused raises and changes nothing."""

    async def scene() -> tuple[str, Refused, SessionUpdateBody]:
        async with serving("tone") as url, Session(url, WRITTEN, model="tone") as session:
            await session.update(RealtimeSessionUpdate(instructions="Sing."))
            with pytest.raises(Refused) as refused:
                await session.update(RealtimeSessionUpdate(model="another"))
            reply = await session.ask("what are your instructions?")
            return reply.text, refused.value, session.wishes

    text, refused, wishes = play(scene())

    assert text == "Sing."
    assert refused.detail.event_id
    assert wishes == RealtimeSessionUpdate(output_modalities=("text",), instructions="Sing.")


def test_functions_that_come_later() -> None:
    """The next update offers them."""
    tools = Tools()

    async def scene() -> Any:
        async with serving("tone") as url, Session(url, WRITTEN, model="tone", tools=tools) as session:
            tools.add(lambda: "x", name="late")
            await session.update()
            return session.conversation.session

    assert play(scene()).tools == tools.offered


def test_a_session_that_is_refused() -> None:
    """Wishes that no server grants end it before it begins."""

    async def scene() -> None:
        async with serving("tone") as url, Session(url, RealtimeSessionUpdate(model="other"), model="tone"):
            raise AssertionError

    with pytest.raises(Refused, match="The server said: "):
        play(scene())
    with pytest.raises(ValueError, match="pcm"):
        Session("localhost", RealtimeSessionUpdate(audio=Audio(output=AudioOutput(format=PcmuFormat()))))


def test_an_answer_that_fails_is_no_exception() -> None:
    """Its status says so; the session goes on."""

    async def scene() -> tuple[Reply, str]:
        async with serving("tone") as url, Session(url, WRITTEN, model="tone") as session:
            return await session.ask("fail"), (await session.ask("say on.")).text

    reply, after = play(scene())

    assert (reply.status, after) == ("failed", "on.")
    assert reply.responses[0].error


def test_what_is_refused_raises() -> None:
    """A wish that breaks a rule concerns who has it, and nobody else."""

    async def scene() -> str:
        async with serving("tone") as url, Session(url, WRITTEN, model="tone") as session:
            with pytest.raises(Refused):
                await session.ask("say no.", ResponseParams(output_modalities=("text", "audio")))
            return (await session.ask("say yes.")).text

    assert play(scene()) == "yes."


def test_errors_of_nobody_come_to_who_listens() -> None:
    """A raw event that is refused; a harmless one says nothing."""

    async def scene() -> ErrorDetail:
        async with serving("tone") as url, Session(url, WRITTEN, model="tone") as session:
            await session.interrupt()
            message = Message(id="x" * 32, role="user", content=(InputText(text="Hm."),))
            await session.send(ConversationItemCreate(item=message, previous_item_id="item_none"))
            return await first(session, ErrorDetail)

    assert play(scene()).code == "item_create_invalid_previous_item_id"


def test_raw_events_are_possible() -> None:
    """A response that the program asks for by an event comes to who listens."""

    async def scene() -> str:
        async with serving("tone") as url, Session(url, WRITTEN, model="tone") as session:
            await session.send(ResponseCreate())
            return (await (await first(session, Reply))).text

    assert play(scene()) == "Hello."


def test_an_answer_is_interrupted() -> None:
    """It ends as cancelled, and the server is told how much of it was heard."""
    cut = asyncio.Event()
    now = [0.0]

    def on_event(event: Event) -> None:
        if isinstance(event, ev.ConversationItemTruncated):
            cut.set()

    async def scene() -> tuple[Reply, Session]:
        speaker = SilentSpeaker(lambda: now[0])
        config = engines(llm={"token_ms": 30})
        async with serving(config) as url, Session(url, model="tone", speaker=speaker, on_event=on_event) as session:
            reply = session.ask("count to 40")
            async for piece in reply:
                if piece.audio:
                    now[0] = 0.05
                    await session.interrupt()
                    break
            await reply
            await cut.wait()
            return reply, session

    reply, session = play(scene())

    assert (reply.status, reply.responses[0].reason) == ("cancelled", "client_cancelled")
    assert session.conversation.items[-1].cut_ms == 50


def test_the_caller_cuts_in() -> None:
    """Speech stops the answer and tells the server what was heard of it, without a word of the program's."""

    async def scene() -> list[tuple[str, int | None]]:
        speaker = SilentSpeaker(lambda: 0.0)  # nothing is played before the caller speaks
        async with serving("tone") as url, Session(url, HEARING, model="tone", speaker=speaker) as session:
            reply = await session.ask("say one two three four five six seven eight nine ten eleven twelve.")
            await session.speak(spoken(), is_paced=False)
            await (await first(session, Reply))
            return [(reply.status, reply.items[0].cut_ms)]

    ((status, cut_ms),) = play(scene())

    assert (status, cut_ms) == ("completed", 0)


def test_a_program_that_fails_leaves_in_order() -> None:
    """What is raised in the block comes out as it is; who still waits is told that it is over."""

    async def scene() -> None:
        async with serving("tone") as url:
            session = Session(url, WRITTEN, model="tone")
            waiting = session.ask("hang")

            asking: list[asyncio.Future[Reply]] = []

            async def fail() -> None:
                async with session:
                    asking.append(asyncio.ensure_future(waiting))
                    await asyncio.sleep(0)
                    raise KeyError

            with pytest.raises(KeyError):
                await fail()
            with pytest.raises(ClientError, match="The session is over"):
                await asking[0]
            assert [turn async for turn in session.listen()] == []
            with pytest.raises(ClientError, match="The session is over"):
                await session.append(silence(20))

    play(scene())


def test_a_watcher_that_fails_ends_the_session() -> None:
    """`on_event` is the program's: its failure is told to all who wait, with its cause."""

    def on_event(event: Event) -> None:
        if isinstance(event, ev.ResponseCreated):
            raise KeyError("mine")

    async def scene() -> ClientError:
        async with serving("tone") as url, Session(url, WRITTEN, model="tone", on_event=on_event) as session:
            with pytest.raises(ClientError, match="The session broke") as raised:
                await session.ask("say hi.")
            return raised.value

    assert isinstance(play(scene()).__cause__, KeyError)
