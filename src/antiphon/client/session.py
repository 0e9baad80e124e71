"""A session with a Realtime server, as a program wants it: ask, speak, listen; the rest is seen to.

    async with Session("http://localhost:8000/v1", model="gpt-realtime") as session:
        reply = await session.ask("What is an antiphon?")
        print(reply.text)

One task takes the events, in order: it folds them, plays the sound, cuts what the caller interrupts, runs the
functions that the model calls, and opens a lost connection again with all that can be told again.
"""

import asyncio
import ssl as tls
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import repeat, takewhile
from typing import Any, Final, Self, TypedDict, Unpack

from antiphon.audio.pcm import silence
from antiphon.client.address import Dialect
from antiphon.client.audio import Speaker, chunks_of, paced
from antiphon.client.conductor import Conductor
from antiphon.client.connection import OPEN_TIMEOUT_S, Connection, connect
from antiphon.client.conversation import Conversation, Event
from antiphon.client.errors import ClientError, ConnectionLost, Unreachable
from antiphon.client.line import Backoff, Line, may_pass
from antiphon.client.player import Player, turn_detection
from antiphon.client.replies import Reply
from antiphon.client.restoring import History, break_off, history
from antiphon.client.tools import Tools
from antiphon.client.turns import Restored, Turn
from antiphon.client.wishes import check_sound, merged, with_tools
from antiphon.protocol import server_events as ev
from antiphon.protocol.client_events import (
    ClientEvent,
    ConversationItemCreate,
    InputAudioBufferAppend,
    InputAudioBufferCommit,
    ResponseCancel,
    SessionUpdate,
)
from antiphon.protocol.ids import new_id
from antiphon.protocol.items import InputAudio, InputText, Item, Message
from antiphon.protocol.response import ResponseParams
from antiphon.protocol.session import RealtimeSessionUpdate, SemanticVad, SessionUpdateBody, TranscriptionSession

UPDATED_TIMEOUT_S: Final = 5.0
"""How long `session.updated` may take; some servers never send it."""

CHUNK_MS: Final = 40
"""Sound in one append."""

TAIL_MS: Final = 500
"""Silence after what is said, beyond what ends a turn: the last words may not have been noticed yet."""

SILENCE_MS: Final = 500
"""What ends a turn where the server does not say."""

LONGEST_PAUSE_MS: Final = 8_000
"""How long `semantic_vad` may wait for more."""

BACKOFF: Final = Backoff()

CLOSED: Final = 1000

CLOSED_EARLY: Final = "The server closed the connection before the session was open."


class Dialling(TypedDict, total=False):
    """How the server is reached, as `connect` takes it."""

    api_key: str | None
    model: str | None
    dialect: Dialect | None
    subprotocol_auth: bool
    headers: Mapping[str, str] | None
    ssl: tls.SSLContext | None
    open_timeout_s: float


class Session:
    """A session for as long as its block runs. Raise ClientError where it cannot be opened.

    `wishes` is what the session is to be; `tools` are the functions that the model may call. With a `speaker`
    answers are played, and cut where the caller interrupts. `backoff` says how a lost connection is opened again;
    None: not at all. `on_event` sees every event first, also those that we do not know; it must not wait.
    """

    def __init__(
        self,
        url: str,
        wishes: SessionUpdateBody | None = None,
        *,
        tools: Tools | None = None,
        speaker: Speaker | None = None,
        backoff: Backoff | None = BACKOFF,
        on_event: Callable[[Event], None] | None = None,
        **dialling: Unpack[Dialling],
    ) -> None:
        """Raise ValueError where the wishes name a format other than `pcm`."""
        self.wishes: SessionUpdateBody = wishes or RealtimeSessionUpdate()
        """All that was wished for so far."""
        check_sound(self.wishes)
        self.conversation = Conversation(keeps_audio=False)
        self._tools, self._backoff, self._on_event = tools, backoff, on_event
        self._open_timeout_s = dialling.get("open_timeout_s", OPEN_TIMEOUT_S)
        self._line = Line(partial(connect, url, **dialling))
        self._player = Player(speaker, self.conversation) if speaker else None
        self._conductor = Conductor(self._line, self.conversation, player=self._player, tools=tools, start=self._start)
        self._tasks: asyncio.TaskGroup | None = None
        self._running: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        try:
            await self._open()
        except BaseException:
            await self._line.close()
            raise
        # No TaskGroup: what the caller raises must come out as it is, and what fails here ends no block of his.
        self._running = asyncio.get_running_loop().create_task(self._run(), name="session")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._running:
            self._running.cancel()
            await asyncio.wait([self._running])
        self._end(ConnectionLost("The session is over.", code=CLOSED))
        await self._line.close()

    # Talking.

    def ask(self, question: str | bytes, params: ResponseParams | None = None) -> Reply:
        """Ask in writing, or with a whole recording as `pcm`. Nothing is sent before the reply is awaited or iterated.

        Waits for a response that runs. `params` are wishes for this reply alone.
        """
        part = InputText(text=question) if isinstance(question, str) else InputAudio(audio=question)
        item = Message(id=new_id("item"), role="user", content=(part,))
        return Reply(partial(self._conductor.ask, question=item, params=params or ResponseParams()))

    async def speak(self, pcm: bytes, *, is_paced: bool = True) -> None:
        """Say something aloud; `listen` tells what comes of it. Raise ClientError.

        In real time, or with `is_paced` off all at once. Silence follows until turn detection has heard the end;
        without turn detection, the end is said and a reply is asked for.
        """
        await self._say(chunks_of(pcm, CHUNK_MS), is_paced=is_paced)
        if turn_detection(self.conversation) is not None:
            for pause in self._pauses(is_paced=is_paced):
                await self._say(pause, is_paced=is_paced)
            return
        await self.send(InputAudioBufferCommit())
        if isinstance(self.conversation.session, TranscriptionSession):
            return
        reply = Reply()
        self._conductor.turns.put(reply)
        await self._conductor.ask(reply, None, ResponseParams())

    async def append(self, pcm: bytes) -> None:
        """More of what the caller says, as it is said: sound is lost while the connection is. Raise ClientError."""
        if self._line.is_ready or self._line.failure:
            try:
                await self._line.send(InputAudioBufferAppend(audio=pcm))
            except ConnectionLost:
                if self._backoff is None or self._line.failure:
                    raise

    async def listen(self) -> AsyncIterator[Turn]:
        """What comes without being asked for: replies as they begin, the caller's words, errors, a new connection.

        For one listener; what comes before he listens waits for him. Ends with the session; raise ClientError
        where that ends badly.
        """
        async for turn in self._conductor.turns:
            yield turn

    async def interrupt(self) -> None:
        """Stop the answer that runs or plays. The server is told how much of it was heard. Raise ClientError."""
        cut = self._player.stop() if self._player else None
        if self.conversation.active:
            await self.send(ResponseCancel())
        if cut:
            await self.send(cut)

    async def update(self, wishes: SessionUpdateBody | None = None) -> None:
        """Change what `wishes` names, and offer the tools as they are by now. Raise ClientError; Refused: no change."""
        before, self.wishes = self.wishes, merged(self.wishes, wishes) if wishes else self.wishes
        name, told = self._conductor.expect_update()
        try:
            check_sound(self.wishes)
            await self._line.send(SessionUpdate(event_id=name, session=with_tools(self.wishes, self._tools)))
            await asyncio.wait([told], timeout=UPDATED_TIMEOUT_S)
            if told.done():
                told.result()
        except (ClientError, ValueError):
            self.wishes = before
            raise
        finally:
            self._conductor.updates.pop(name, None)

    async def send(self, event: ClientEvent) -> None:
        """Send any event, once there is a connection. Raise ClientError."""
        await self._line.send(event)
        if isinstance(event, SessionUpdate):
            self.wishes = merged(self.wishes, event.session)

    # Sound.

    async def _say(self, chunks: Iterable[bytes], *, is_paced: bool) -> None:
        if is_paced:
            async for chunk in paced(chunks, CHUNK_MS):
                await self.append(chunk)
        else:
            for chunk in chunks:
                await self.append(chunk)

    def _pauses(self, *, is_paced: bool) -> Iterator[Iterable[bytes]]:
        """As much silence as ends a turn; in real time no more than it takes."""
        turns = turn_detection(self.conversation)
        if not isinstance(turns, SemanticVad):
            yield _silent((turns.silence_duration_ms if turns else None) or SILENCE_MS)
        yield _silent(TAIL_MS)
        if isinstance(turns, SemanticVad):
            pause = _silent(LONGEST_PAUSE_MS)
            yield takewhile(lambda _: self.conversation.speaking, pause) if is_paced else pause

    # The connection.

    async def _open(self, items: Sequence[Item] = ()) -> None:
        """Connect, and bring the session to what it is to be. Raise ClientError."""
        connection = await self._line.open()
        try:
            async with asyncio.timeout(self._open_timeout_s):
                while not isinstance(await self._next(connection), ev.SessionCreated):
                    pass
        except TimeoutError:
            raise Unreachable(f"The server opened no session within {self._open_timeout_s:g} s.") from None
        await self._update_first(connection)
        for item in items:
            await connection.send(ConversationItemCreate(item=item))
        self._line.ready()

    async def _update_first(self, connection: Connection) -> None:
        """Tell a new session what it is to be. Raise ClientError; Refused where it does not want to."""
        wishes = with_tools(self.wishes, self._tools)
        if wishes == RealtimeSessionUpdate():
            return
        name, told = self._conductor.expect_update()
        try:
            with suppress(ConnectionLost):  # receiving tells why
                await connection.send(SessionUpdate(event_id=name, session=wishes))
            async with asyncio.timeout(UPDATED_TIMEOUT_S):
                while not told.done():
                    await self._next(connection)
            told.result()
        except TimeoutError:
            pass  # a server that never tells
        finally:
            self._conductor.updates.pop(name, None)

    async def _next(self, connection: Connection) -> Event:
        """The next event of a session that is being opened, taken."""
        event = await connection.receive()
        if event is None:
            said = connection.last_error
            message = f"The server said: {said.message}" if said else CLOSED_EARLY
            raise ConnectionLost(message, code=CLOSED, detail=said)
        await self._take(event)
        return event

    async def _take(self, event: Event) -> None:
        if self._on_event:
            self._on_event(event)
        self.conversation.fold(event)
        await self._conductor.take(event)

    async def _run(self) -> None:
        """Take events to the end, over as many connections as it needs."""
        try:
            async with asyncio.TaskGroup() as self._tasks:
                while True:
                    await self._restore(await self._take_all())
        except* ClientError as failures:
            self._end(_first(failures))
        except* Exception as faults:  # noqa: BLE001 -- a fault of `on_event`, or of ours: nobody shall wait for ever
            failure = ClientError(f"The session broke: {_first(faults)!r}")
            failure.__cause__ = _first(faults)
            self._end(failure)

    async def _take_all(self) -> ConnectionLost:
        """Take what comes over this connection; how it ended."""
        try:
            async for event in self._line.connection:
                await self._take(event)
        except ConnectionLost as lost:
            return lost
        return ConnectionLost("The server has closed the connection.", code=CLOSED)

    async def _restore(self, lost: ConnectionLost) -> None:
        """Open the session again, and tell it what it was. Raise ClientError where that cannot be."""
        self._line.pause()
        if self._backoff is None or lost.code == CLOSED or not may_pass(lost):
            raise lost
        kept = self._break_off(lost)
        last: ClientError = lost
        async for attempt in self._backoff.pauses():
            try:
                await self._open(kept.items)
            except ClientError as error:
                if not may_pass(error):
                    raise
                last = error
            else:
                self._conductor.turns.put(Restored(lost, attempt, kept.left_out))
                return
        raise last

    def _break_off(self, lost: ConnectionLost) -> History:
        """End what was under way; what is left."""
        if self._player and self.conversation.active:
            self._player.stop()
        for item_id in self._conductor.lose(lost):
            self.conversation.remove(item_id)
        kept = history(self.conversation)
        break_off(self.conversation, kept)
        return kept

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        if self._tasks:
            self._tasks.create_task(work)
        else:  # a server that answers before its session is open
            work.close()

    def _end(self, failure: ClientError) -> None:
        """There will be nothing more: tell all who wait."""
        self._line.end(failure)
        self._conductor.end(failure)


def _silent(ms: int) -> Iterable[bytes]:
    return repeat(silence(CHUNK_MS), ms // CHUNK_MS)


def _first(group: BaseExceptionGroup[Any]) -> Any:
    """The first exception in a group, however deep."""
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
