"""What follows from each event of a session: replies grow, sound is played, functions are called."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from msgspec import structs

from antiphon.client.conversation import Conversation, Event
from antiphon.client.errors import ClientError, ConnectionLost
from antiphon.client.line import Line
from antiphon.client.player import Player, turn_detection
from antiphon.client.replies import HARMLESS, METADATA_KEY, Asked, Piece, Replies, Reply, refusal
from antiphon.client.tools import Tools
from antiphon.client.turns import Heard, Turns
from antiphon.client.views import ItemView, ResponseView, id_of
from antiphon.protocol import server_events as ev
from antiphon.protocol.client_events import ConversationItemCreate, ResponseCreate
from antiphon.protocol.errors import ErrorDetail
from antiphon.protocol.ids import new_id
from antiphon.protocol.items import FunctionCallOutput, Item
from antiphon.protocol.response import ResponseParams


class Conductor:
    """Takes the events of a session, one after the other. `start` runs what must not keep them waiting."""

    def __init__(
        self,
        line: Line,
        view: Conversation,
        *,
        player: Player | None,
        tools: Tools | None,
        start: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        self._line, self._view, self._player, self._tools, self._start = line, view, player, tools, start
        self.replies = Replies()
        self.turns = Turns()
        self.updates: dict[str, asyncio.Future[None]] = {}
        """Updates of the session by their names, in order, until the server says what came of them."""

    async def take(self, event: Event) -> None:
        """Do what follows from an event that the view has folded. Raises nothing."""
        cut = self._player.take(event) if self._player else None
        if cut:
            with suppress(ConnectionLost):  # who receives is told why
                await self._line.connection.send(cut)
        match event:
            case ev.Error():
                self._refused(event.error)
            case ev.SessionUpdated():
                self._updated()
            case ev.ConversationItemAdded() | ev.ConversationItemCreated():
                self.replies.added(id_of(event.item))
            case ev.InputAudioBufferSpeechStopped():
                turns = turn_detection(self._view)
                self.replies.owed += not turns or turns.create_response is not False
            case ev.ConversationItemInputAudioTranscriptionCompleted():
                self.turns.put(Heard(event.item_id, event.transcript))
            case ev.ConversationItemInputAudioTranscriptionFailed():
                self.turns.put(Heard(event.item_id, None))
            case _:
                self._answer(event)

    def _answer(self, event: Event) -> None:
        match event:
            case ev.ResponseCreated():
                unasked = self.replies.began(self._view.response(event.response.id))
                if unasked:
                    self.turns.put(unasked)
            case ev.ResponseOutputTextDelta() | ev.ResponseOutputAudioTranscriptDelta():
                self._add(event.response_id, Piece(text=event.delta))
            case ev.ResponseOutputAudioDelta():
                self._add(event.response_id, Piece(audio=event.delta))
            case ev.ResponseDone():
                self._ended(self._view.response(event.response.id))
            case _:
                pass  # it is in the view

    def _add(self, response_id: str, piece: Piece) -> None:
        reply = self.replies.running.get(response_id)
        if reply:
            reply.add(piece)

    def _refused(self, error: ErrorDetail) -> None:
        update = self.updates.pop(error.event_id or "", None)
        if update:
            update.set_exception(refusal(error))
        elif self.replies.refused(error):
            if not self._is_busy:
                self._start(self._go_on())
        elif error.code not in HARMLESS:
            self.turns.put(error)

    def _updated(self) -> None:
        for name in list(self.updates)[:1]:
            self.updates.pop(name).set_result(None)

    def expect_update(self) -> tuple[str, asyncio.Future[None]]:
        """A name for an update of the session, and what is done when the server has answered it."""
        name, told = new_id("event"), asyncio.get_running_loop().create_future()
        self.updates[name] = told
        return name, told

    def lose(self, lost: ConnectionLost) -> list[str]:
        """The connection is gone. Items that were never answered; updates are told again with the new session."""
        for told in self.updates.values():
            told.set_result(None)
        self.updates.clear()
        return self.replies.fail(lost)

    def end(self, failure: ClientError) -> None:
        """Nothing more will come: tell all who wait."""
        self.replies.fail(failure)
        self.turns.end(failure)
        for told in self.updates.values():
            if not told.done():
                told.set_exception(failure)

    # Asking.

    async def ask(self, reply: Reply, question: Item | None, params: ResponseParams) -> None:
        """Ask for a response as soon as none runs; `question` is added then. Raise ClientError where that cannot be."""
        item_id = id_of(question) if question else None
        await self._wish(Asked(reply, params, item_id, question))

    async def _wish(self, asked: Asked, *first: Item) -> None:
        """Send what is to be sent first, and ask then or later."""
        name = new_id("event")
        self.replies.asked[name] = asked
        try:
            asked.is_held = True
            for item in first:
                await self._line.send(ConversationItemCreate(item=item))
            asked.is_held = False
            await self._respond(name)
        except ClientError:
            self.replies.asked.pop(name, None)
            raise

    async def _respond(self, name: str) -> None:
        """Ask now, unless a response runs: its end is another occasion."""
        await self._line.until_ready()
        asked = self.replies.asked.get(name)
        if asked is None or asked.is_sent or (self._is_busy and asked.params.conversation != "none"):
            return
        asked.is_sent = True
        question, asked.question = asked.question, None
        if question:
            await self._line.send(ConversationItemCreate(event_id=name, item=question))
        metadata = {**(asked.params.metadata or {}), METADATA_KEY: name}
        await self._line.send(ResponseCreate(event_id=name, response=structs.replace(asked.params, metadata=metadata)))

    @property
    def _is_busy(self) -> bool:
        runs = any(response.conversation_id is not None for response in self._view.active)
        return runs or self.replies.is_asking

    def _ended(self, response: ResponseView) -> None:
        reply = self.replies.running.pop(response.id, None)
        calls = self._calls(response)
        if reply and calls:
            self.replies.calling.append(reply)
            self._start(self._call(reply, calls))
        elif reply:
            reply.end()
        self._start(self._go_on())

    async def _go_on(self) -> None:
        """Ask for what waits."""
        with suppress(ClientError):  # who waits is told by the one who receives
            for name in self.replies.due():
                await self._respond(name)

    # Functions.

    def _calls(self, response: ResponseView) -> list[ItemView]:
        """What is to be called: whole calls of a response that is part of the conversation."""
        if self._tools is None or response.status != "completed":
            return []
        return [item for item in response.items if item.kind == "function_call" and item in self._view.items]

    async def _call(self, reply: Reply, calls: list[ItemView]) -> None:
        """Run all calls at once, tell the outputs in the order of the calls, and ask once for what follows."""
        if self._tools is None:
            return
        outputs = await asyncio.gather(*(self._tools.run(call.name, call.arguments) for call in calls))
        if reply.is_done:  # the connection, and with it the calls, were lost meanwhile
            return
        self.replies.calling.remove(reply)
        told = [
            FunctionCallOutput(id=new_id("item"), call_id=call.call_id, output=output)
            for call, output in zip(calls, outputs, strict=True)
        ]
        try:
            await self._wish(Asked(reply, ResponseParams(), told[-1].id or None), *told)
        except ClientError as failure:
            reply.end(failure)
