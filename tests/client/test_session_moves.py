"""A session whose connection to a real server is cut: what the server knows of it afterwards."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Literal

import pytest
from served import spoken

from antiphon.client import Backoff, Heard, Reply, Restored, Session, Tools, Unreachable, UpgradeRefused
from antiphon.client.audio import SilentSpeaker
from antiphon.protocol.client_events import ConversationItemRetrieve
from antiphon.protocol.errors import ErrorDetail
from antiphon.protocol.session import (
    Audio,
    AudioInput,
    RealtimeSession,
    RealtimeSessionUpdate,
    ServerVad,
    Transcription,
)
from antiphon.testing import serving

AT_ONCE = Backoff(first_s=0.001, attempts=5)


class Wire:
    """A line to a server that can be cut."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._open: list[asyncio.StreamWriter] = []
        self.is_down = False
        """Whether nobody is let in."""
        self.refused = 0

    async def join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass everything on, both ways."""
        if self.is_down:
            self.refused += 1
            writer.transport.abort()
            return
        their_reader, their_writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._open += [writer, their_writer]
        await asyncio.gather(self._pass(reader, their_writer), self._pass(their_reader, writer))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while sound := await reader.read(65_536):
                writer.write(sound)
        writer.close()

    def cut(self) -> None:
        """Let nothing through any more, without a word."""
        for writer in self._open:
            writer.transport.abort()
        self._open.clear()


@asynccontextmanager
async def wired() -> AsyncIterator[tuple[str, Wire]]:
    """The address of a wire to a real server, and the wire."""
    async with serving("tone") as url:
        wire = Wire(int(url.rpartition(":")[2]))
        server = await asyncio.start_server(wire.join, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", wire
        finally:
            wire.cut()
            server.close()


async def restored(session: Session) -> Restored:
    """When the session goes on."""
    async for turn in session.listen():
        assert not isinstance(turn, ErrorDetail), turn
        if isinstance(turn, Restored):
            return turn
    raise AssertionError


@pytest.mark.parametrize("dialect", ["ga", "beta", "azure"])
def test_a_talk_goes_on_after_a_cut(dialect: Literal["ga", "beta", "azure"]) -> None:
    """Wishes, words, calls and their outputs are there, in their order, under their ids; twice over."""
    tools = Tools()
    tools.add(lambda: "sunny", name="weather")
    wishes = RealtimeSessionUpdate(instructions="Sing.", output_modalities=("text",))

    async def scene() -> tuple[list[tuple[str, str]], list[str]]:
        async with (
            asyncio.timeout(30),
            wired() as (url, wire),
            Session(url, wishes, model="tone", tools=tools, backoff=AT_ONCE, dialect=dialect) as session,
        ):
            await session.ask("good morning")
            await session.ask("call weather {}")
            before = [item.id for item in session.conversation.items]
            for _ in range(2):
                wire.cut()
                assert (await restored(session)).left_out == ()
            texts = [
                (await session.ask(text)).text for text in ("what did I say first?", "what are your instructions?")
            ]
            assert isinstance(session.conversation.session, RealtimeSession)
            assert session.conversation.session.tools == tools.offered
            items = session.conversation.items
            assert [item.id for item in items[: len(before)]] == before
            return [(item.kind, item.text or item.output) for item in items[: len(before)]], texts

    items, texts = asyncio.run(scene(), debug=True)

    assert items == [
        ("message", "good morning"),
        ("message", "You said: good morning"),
        ("message", "call weather {}"),
        ("function_call", ""),
        ("function_call_output", "sunny"),
        ("message", "The function gave: sunny"),
    ]
    assert texts == ["First you said: good morning", "Sing."]


def test_a_server_that_stays_away() -> None:
    """After the last attempt, whoever waits is told, and so is whoever listens."""

    async def scene() -> None:
        async with (
            asyncio.timeout(30),
            wired() as (url, wire),
            Session(url, model="tone", backoff=AT_ONCE) as session,
        ):
            wire.is_down = True
            wire.cut()
            with pytest.raises((Unreachable, UpgradeRefused)):
                [turn async for turn in session.listen()]
            with pytest.raises((Unreachable, UpgradeRefused)):
                await session.ask("Is anybody there?")
            assert wire.refused == AT_ONCE.attempts

    asyncio.run(scene(), debug=True)


def test_speech_goes_on_after_a_cut() -> None:
    """What was said aloud is known by its words, the answer as far as it was heard; then the caller speaks on."""
    now = [0.0]
    heard = AudioInput(transcription=Transcription(model="tone"), turn_detection=ServerVad())
    wishes = RealtimeSessionUpdate(audio=Audio(input=heard))

    async def turn(session: Session) -> str:
        await session.speak(spoken(), is_paced=False)
        words = reply = None
        async for told in session.listen():
            words = told if isinstance(told, Heard) else words
            reply = told if isinstance(told, Reply) else reply
            if words and reply:
                return (await reply).text
        raise AssertionError

    async def scene() -> tuple[str, list[str]]:
        speaker = SilentSpeaker(lambda: now[0])
        async with (
            asyncio.timeout(30),
            wired() as (url, wire),
            Session(url, wishes, model="tone", speaker=speaker, backoff=AT_ONCE) as session,
        ):
            await turn(session)
            await session.interrupt()  # before anything was heard of the answer
            await session.send(ConversationItemRetrieve(item_id=session.conversation.items[0].id))
            wire.cut()
            left_out = (await restored(session)).left_out
            assert len(left_out) == 1
            return await turn(session), [item.role for item in session.conversation.items]

    text, roles = asyncio.run(scene(), debug=True)

    assert text == "You said: tone 440 hz 0.6 seconds"
    assert roles == ["user", "user", "assistant"]
