"""Replies: what the other side says, as one value from its first word to its last.

A reply may take several responses: one that calls functions goes on with the next. Which response belongs to
which reply is told by metadata that a server sends back; one that does not is taken by the order of things.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from dataclasses import dataclass, field
from typing import Final

from antiphon.client.errors import ClientError, Refused
from antiphon.client.views import ItemView, ResponseView
from antiphon.protocol.errors import ErrorDetail
from antiphon.protocol.items import Item
from antiphon.protocol.response import ResponseParams, ResponseStatus

METADATA_KEY: Final = "antiphon_reply"
"""Under which a response carries the name of the event that asked for it."""

BUSY: Final = "conversation_already_has_active_response"

HARMLESS: Final = frozenset(
    {
        BUSY,
        "response_cancel_not_active",
        "input_audio_buffer_commit_empty",
        "item_truncate_invalid_item_id",
        "item_delete_invalid_item_id",
        "item_retrieve_invalid_item_id",
    }
)
"""Errors that come of two events crossing on the wire."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What just came of a reply: words, or sound."""

    text: str = ""
    audio: bytes = b""


class Reply:
    """What the other side says. Await it for the whole, or iterate it for its pieces as they come.

    Both raise ClientError where it was refused, or where the connection was lost before its end. A response that
    fails is no exception: see `status`. Who is cancelled before its turn has come withdraws the question.
    """

    def __init__(self, begin: Callable[["Reply"], Awaitable[None]] | None = None) -> None:
        """`begin` asks for it; it is called once, by the first who awaits or iterates."""
        self._begin = begin
        self._pieces: list[Piece] = []
        self._news = asyncio.Event()
        self._failure: ClientError | None = None
        self._followers: list[Reply] = []
        self.responses: list[ResponseView] = []
        """One, and another after each round of function calls."""
        self.is_done = False

    def __await__(self) -> Generator[None, None, "Reply"]:
        return self._whole().__await__()

    async def __aiter__(self) -> AsyncIterator[Piece]:
        """Every piece from the first on; several may iterate."""
        begin, self._begin = self._begin, None
        if begin:
            await begin(self)
        taken = 0
        while True:
            while taken < len(self._pieces):
                yield self._pieces[taken]
                taken += 1
            if self.is_done:
                break
            await self._changed()
        if self._failure:
            raise self._failure

    async def _changed(self) -> None:
        self._news.clear()
        try:
            await self._news.wait()
        except asyncio.CancelledError:
            if not self.responses:
                self.end()  # nobody waits for what has not begun: it shall not be asked for
            raise

    async def _whole(self) -> "Reply":
        async for _ in self:
            pass
        return self

    @property
    def text(self) -> str:
        """All its words, written or spoken."""
        return "".join(response.text for response in self.responses)

    @property
    def audio(self) -> bytes:
        """All its sound, as `pcm`, heard or not."""
        return b"".join(piece.audio for piece in self._pieces)

    @property
    def items(self) -> list[ItemView]:
        """The items that it consists of: messages and function calls."""
        return [item for response in self.responses for item in response.items]

    @property
    def status(self) -> ResponseStatus:
        """The last response's; its `reason` and `error` say why it did not complete."""
        return self.responses[-1].status if self.responses else "in_progress"

    @property
    def total_tokens(self) -> int:
        """What it has cost; each response's `usage` tells more."""
        return sum(response.usage.total_tokens for response in self.responses if response.usage)

    # From the session.

    def go_on(self, response: ResponseView) -> None:
        """Another response is a part of it."""
        self.responses.append(response)
        for follower in self._followers:
            follower.go_on(response)

    def add(self, piece: Piece) -> None:
        """Something has come."""
        self._pieces.append(piece)
        self._news.set()
        for follower in self._followers:
            follower.add(piece)

    def end(self, failure: ClientError | None = None) -> None:
        """Nothing more will come."""
        if not self.is_done:
            self.is_done, self._failure = True, failure
            self._news.set()
        for follower in self._followers:
            follower.end(failure)

    def lead(self, follower: "Reply") -> None:
        """Have another say the same, from the beginning: this answers both."""
        for response in self.responses:
            follower.go_on(response)
        for piece in self._pieces:
            follower.add(piece)
        if self.is_done:
            follower.end(self._failure)
        else:
            self._followers.append(follower)


@dataclass(slots=True)
class Asked:
    """A response that is wished for and has not begun."""

    reply: Reply
    params: ResponseParams
    item_id: str | None = None
    """The newest item that it is to answer."""
    question: Item | None = None
    """That item, as long as it is to be sent first."""
    is_held: bool = False
    """Whether what it is to answer is still being sent."""
    is_sent: bool = False
    """Whether the server was asked; not while another response runs."""
    is_seen: bool = False
    """Whether the server has said that the item is in the conversation."""
    overtaken_by: Reply | None = None
    """What has begun since then without being asked for: it answers the item, too."""


@dataclass(slots=True)
class Replies:
    """All replies that are not done, and what they wait for."""

    asked: dict[str, Asked] = field(default_factory=dict)
    """By the name of the `response.create`."""
    running: dict[str, Reply] = field(default_factory=dict)
    """By the response."""
    calling: list[Reply] = field(default_factory=list)
    """Those that wait for a function of ours."""
    owed: int = 0
    """Turns of the caller that the server will answer unasked."""
    echoes: bool = False
    """Whether the server has named our events; then what has no name is not about them."""

    def added(self, item_id: str) -> None:
        """An item is in the conversation."""
        for asked in self.asked.values():
            asked.is_seen = asked.is_seen or asked.item_id == item_id

    def began(self, response: ResponseView) -> Reply | None:
        """A response has begun. Its reply, where nobody has asked for it, be it that he was refused meanwhile."""
        asked = self._asked_for(response)
        reply = asked.reply if asked else Reply()
        reply.go_on(response)
        self.running[response.id] = reply
        if asked or METADATA_KEY in response.metadata:
            return None
        self.owed = max(0, self.owed - 1)
        for waiting in self.asked.values():
            if waiting.is_seen and response.conversation_id is not None:
                waiting.overtaken_by = reply
        return reply

    def _asked_for(self, response: ResponseView) -> Asked | None:
        name = response.metadata.get(METADATA_KEY)
        self.echoes = self.echoes or name is not None
        if not self.echoes and not self.owed:
            name = self._longest_waiting
        return self.asked.pop(name, None) if name else None

    @property
    def is_asking(self) -> bool:
        """Whether a response of the conversation was asked for and has not begun."""
        return any(asked.is_sent and asked.params.conversation != "none" for asked in self.asked.values())

    @property
    def _longest_waiting(self) -> str | None:
        return next((name for name, asked in self.asked.items() if asked.is_sent), None)

    def refused(self, error: ErrorDetail) -> bool:
        """Whether an error is the answer to somebody's wish. One without a name may concern who waits longest."""
        name = error.event_id
        self.echoes = self.echoes or name is not None
        if name is None and (error.code == BUSY or not (self.echoes or error.code in HARMLESS)):
            name = self._longest_waiting
        asked = self.asked.get(name or "")
        if name is None or asked is None:
            return False
        if error.code == BUSY:
            asked.is_sent = False  # `due` tells when to ask again
        else:
            self.asked.pop(name).reply.end(refusal(error))
        return True

    def due(self) -> list[str]:
        """Names of what may be asked for now, less what was answered without being asked for."""
        waiting = [name for name, asked in self.asked.items() if not (asked.is_sent or asked.is_held)]
        for name in waiting:
            overtaken_by = self.asked[name].overtaken_by
            if self.asked[name].reply.is_done:
                del self.asked[name]
            elif overtaken_by:
                overtaken_by.lead(self.asked.pop(name).reply)
        return [name for name in waiting if name in self.asked]

    def fail(self, failure: ClientError) -> list[str]:
        """Nothing of all this will come any more. Ids of questions that were never answered."""
        unanswered = [asked.item_id for asked in self.asked.values() if asked.item_id and not asked.reply.responses]
        waiting = [asked.reply for asked in self.asked.values()]
        for reply in (*waiting, *self.running.values(), *self.calling):
            reply.end(failure)
        self.asked.clear()
        self.running.clear()
        self.calling.clear()
        self.owed = 0
        return unanswered


def refusal(error: ErrorDetail) -> Refused:
    """The error as an exception."""
    return Refused(f"The server said: {error.message}", detail=error)
