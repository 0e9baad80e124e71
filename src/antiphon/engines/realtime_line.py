"""One session with another Realtime server, and what its conversation holds: only what is new is told to it."""

import asyncio
import contextlib
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

from msgspec import structs

from antiphon.client import BadAddress, ClientError, Connection, ConnectionLost, UpgradeRefused, connect
from antiphon.client.address import Dialect, dialect_of
from antiphon.engines.realtime_answer import Answer, shortened
from antiphon.engines.realtime_prompt import mark, response_of, session_of
from antiphon.ports import Delta, EngineError, Prompt
from antiphon.protocol.client_events import (
    ClientEvent,
    ConversationItemCreate,
    ConversationItemDelete,
    ResponseCancel,
    ResponseCreate,
    SessionUpdate,
)
from antiphon.protocol.codec import Unknown
from antiphon.protocol.errors import ErrorDetail
from antiphon.protocol.ids import new_id
from antiphon.protocol.items import Item
from antiphon.protocol.server_events import Error, ServerEvent, SessionCreated

DRAIN_S: Final = 2.0
"""How long a server may take to stop an answer; a session that takes longer is left, and another one begun."""

LOST: Final = "The connection to the speech model was lost."


class Stale(Exception):
    """The session had ended before it was asked anything: another one may answer."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the server is."""

    url: str
    model: str
    api_key: str | None
    headers: dict[str, str]
    dialect: Dialect | None
    timeout_s: float


@dataclass(frozen=True, slots=True)
class _Kept:
    """An item of the conversation there."""

    item_id: str
    mark: bytes | None
    """None: it is not what any prompt would have, such as an answer that was cut short."""


class Line:
    """An open session. One answer at a time; a failure of any kind leaves it closed."""

    def __init__(self, connection: Connection, stack: AsyncExitStack, timeout_s: float) -> None:
        self._connection = connection
        self._stack = stack
        self._timeout_s = timeout_s
        self._items: list[_Kept] = []
        self._set: tuple[str, float] | None = None
        """Voice and speed."""
        self._has_spoken = False
        self._deletions: set[str] = set()
        """Names of our events whose refusal does no harm."""
        self.is_open = True
        self.was_kept = False
        """Whether it has waited for its next turn: it may then have ended unseen."""

    @classmethod
    async def open(cls, address: Address) -> "Line":
        """Begin a session. Raise EngineError."""
        stack = AsyncExitStack()
        with explained():
            opening = connect(
                address.url,
                api_key=address.api_key,
                model=address.model,
                dialect=address.dialect or dialect_of(address.url),
                headers=address.headers,
            )
            connection = await stack.enter_async_context(opening)
        line = cls(connection, stack, address.timeout_s)
        try:
            await line._greeted()
        except BaseException:
            await line.close()
            raise
        return line

    def speaks_as(self, voice: str) -> bool:
        """Whether this session can speak with a voice: once it has spoken, it keeps its own."""
        return self._set is None or not self._has_spoken or self._set[0] == voice

    async def close(self) -> None:
        """End the session."""
        self.is_open = False
        with contextlib.suppress(ClientError, OSError):
            await self._stack.aclose()

    async def prepare(self, items: list[Item], voice: str, speed: float) -> None:
        """Make the conversation there the same as ours. Raise Stale where the session was kept and is gone."""
        events = list(self._changes(items, voice, speed))
        try:
            for event in events:
                await self._connection.send(event)
        except ConnectionLost as error:
            await self.close()
            if self.was_kept:
                raise Stale from error
            raise EngineError(LOST) from error

    async def ask(self, prompt: Prompt, answer: Answer) -> list[Delta]:
        """Ask for the next response, until it begins. Raise EngineError, or Stale as `prepare` does."""
        self._has_spoken = self._has_spoken or prompt.modality == "audio"
        answer.was_asked = True
        await self._send(ResponseCreate(event_id=new_id("event"), response=response_of(prompt)))
        deltas: list[Delta] = []
        while not (deltas or answer.response_id or answer.is_done):
            deltas = await self.read(answer)
        return deltas

    async def read(self, answer: Answer) -> list[Delta]:
        """What the next event adds to a response that has begun. Raise EngineError."""
        deltas = list(answer.read(await self._next(answer)))
        if answer.is_done:
            self._keep(answer)
        return deltas

    async def stop(self, answer: Answer) -> None:
        """Stop the response; the session is closed where that takes too long, or where nothing was asked yet."""
        if answer.is_done:
            return
        if answer.was_asked and await self._is_drained(answer):
            self._items += [_Kept(item_id, None) for item_id in answer.items]
        else:
            await self.close()

    async def _is_drained(self, answer: Answer) -> bool:
        """Cancel a response and read it to its end, however it ends; False where that cannot be."""
        try:
            async with asyncio.timeout(DRAIN_S):
                await self._send(ResponseCancel())
                while not answer.is_done:
                    await self._pass_over(answer)
        except (TimeoutError, ClientError, EngineError, Stale):
            return False
        return True

    async def _pass_over(self, answer: Answer) -> None:
        event = await self._receive()
        with contextlib.suppress(EngineError):
            list(answer.read(event))

    def _keep(self, answer: Answer) -> None:
        """Remember what the response has added."""
        self._items += [_Kept(item_id, None if item is None else mark(item)) for item_id, item in answer.items.items()]

    def _changes(self, items: list[Item], voice: str, speed: float) -> Iterator[ClientEvent]:
        """The events that make the session as it should be."""
        if self._set != (voice, speed):
            is_first = self._set is None
            session = session_of(None if self._has_spoken else voice, None if is_first and speed == 1.0 else speed)
            self._set = (voice, speed)
            yield SessionUpdate(event_id=new_id("event"), session=session)
        self._deletions.clear()
        marks = [mark(item) for item in items]
        same = _common([kept.mark for kept in self._items], marks)
        gone, self._items = self._items[same:], self._items[:same]
        for kept in gone:
            name = new_id("event")
            self._deletions.add(name)
            yield ConversationItemDelete(event_id=name, item_id=kept.item_id)
        for item, own in zip(items[same:], marks[same:], strict=True):
            item_id = new_id("item")
            self._items.append(_Kept(item_id, own))
            yield ConversationItemCreate(event_id=new_id("event"), item=_named(item, item_id))

    async def _greeted(self) -> None:
        """Wait for the server's first word. Raise EngineError."""
        event = await self._next(Answer())
        while not isinstance(event, SessionCreated):
            event = await self._next(Answer())

    async def _send(self, event: ClientEvent) -> None:
        with self._lost():
            await self._connection.send(event)

    async def _next(self, answer: Answer) -> ServerEvent | Unknown:
        """The next event of the response. Raise EngineError for a refusal, silence or a loss."""
        with self._lost(begun=answer.response_id is not None):
            event = await self._receive()
        if isinstance(event, Error) and self._counts(event.error, answer):
            raise refusal(event.error)
        return event

    async def _receive(self) -> ServerEvent | Unknown:
        try:
            async with asyncio.timeout(self._timeout_s):
                event = await self._connection.receive()
        except TimeoutError:
            raise EngineError(f"The speech model said nothing for {self._timeout_s:g} seconds.") from None
        if event is None:
            raise ConnectionLost(LOST, code=1000)
        return event

    def _counts(self, error: ErrorDetail, answer: Answer) -> bool:
        """Whether an error ends the answer: not that of a deletion, nor one of nobody's while the answer goes on."""
        if error.event_id is not None:
            return error.event_id not in self._deletions
        return answer.response_id is None

    @contextlib.contextmanager
    def _lost(self, *, begun: bool = False) -> Iterator[None]:
        """Tell a loss as what it is: the end of an answer, or of a session that had waited for too long."""
        try:
            yield
        except ConnectionLost as error:
            if self.was_kept and not begun:
                raise Stale from error
            raise (refusal(error.detail) if error.detail else EngineError(LOST)) from error


def _common(ours: list[bytes | None], theirs: list[bytes]) -> int:
    """How many are the same from the start."""
    pairs = zip(ours, theirs, strict=False)
    return next((place for place, (one, other) in enumerate(pairs) if one != other), min(len(ours), len(theirs)))


def _named(item: Item, item_id: str) -> Item:
    named: Item = structs.replace(item, id=item_id)
    return named


def refusal(error: ErrorDetail) -> EngineError:
    """What the server says of our mistake, or of its own; not of our key, which is no business of the client's."""
    if error.code == "invalid_api_key":
        return EngineError("The speech model refuses the API key.", code=error.code)
    return EngineError(
        f"The speech model reports: {shortened(error.message)}", code=error.code, type=error.type or "server_error"
    )


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Raise EngineError for what the client raises as it connects; no address, no key."""
    try:
        yield
    except UpgradeRefused as error:
        raise _by_status(error.status) from error
    except BadAddress as error:
        raise EngineError("The speech model cannot be used.") from error
    except ClientError as error:
        raise EngineError("The connection to the speech model failed.") from error


def _by_status(status: int) -> EngineError:
    match status:
        case 401 | 403:
            return EngineError("The speech model refuses the API key.", code="invalid_api_key")
        case 404:
            return EngineError("The speech model is not there.", code="model_not_found")
        case 429:
            return EngineError(
                "The speech model takes no more sessions.", code="rate_limit_exceeded", type="rate_limit_error"
            )
        case _:
            return EngineError(f"The speech model answered with HTTP status {status}.")
