"""What a client does at a server, in the words of the protocol; scenes are made of it."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pybase64

from antiphon.audio.pcm import BYTES_PER_MS, silence
from antiphon.client import Connection
from antiphon.conformance.case import Broken
from antiphon.conformance.expect import field, short, told
from antiphon.conformance.manner import Manner
from antiphon.conformance.wire import Event, Note, Wire

ITEM: Final = ("conversation.item.added", "conversation.item.created")
"""How an item is told, in new words or in older ones: rules of their own judge the words."""

CHUNK_MS: Final = 100
"""How much audio is sent at once, as clients do."""
BEFORE_MS: Final = 1_000
AFTER_MS: Final = 1_500
"""Silence around a turn: long enough for any detector to see both ends."""
QUIET_S: Final = 0.5
"""How long a scene waits for what must not come, once the server has answered a later event."""


class Probe(Wire):
    """A session as a client has it."""

    def __init__(self, connection: Connection, link: str, note: Note, manner: Manner) -> None:
        super().__init__(connection, link, note, manner.patience_s)
        self._manner = manner
        self.is_transcription = False
        """Whether the session transcribes; a scene says so."""
        self.modality: dict[str, Any] = {}
        """What every response asks for: for servers that do not take it from the session."""

    async def quiet(self, *forbidden: str, within_s: float = QUIET_S) -> list[Event]:
        """What comes within the time; none of the forbidden types (by their beginning) may be among it."""
        seen = await self.settled()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + within_s
        while (left := deadline - loop.time()) > 0:
            try:
                seen.append(await self.next(left))
            except Broken as broken:
                if not str(broken).startswith("nothing came"):
                    raise
        for event in seen:
            if str(event.get("type")).startswith(forbidden):
                raise Broken(f"{event.get('type')} came, which must not: {short(event)}")
        return seen

    async def settled(self) -> list[Event]:
        """What comes until the server has answered an update that changes nothing."""
        kind = "transcription" if self.is_transcription else "realtime"
        await self.send("session.update", session={"type": kind})
        seen: list[Event] = []
        while (event := await self.next()).get("type") != "session.updated":
            seen.append(event)
        return seen

    async def update(self, **session: Any) -> dict[str, Any]:
        """Change the session; gives what the server says it is now."""
        kind = "transcription" if self.is_transcription else "realtime"
        await self.send("session.update", session={"type": kind, **session})
        return dict(field(await self.until("session.updated"), "session", dict))

    async def add(self, item: Mapping[str, Any], **keys: Any) -> Event:
        """Create an item; gives the event that tells it."""
        await self.send("conversation.item.create", item=item, **keys)
        return await self.until(*ITEM)

    async def write(self, text: str, **keys: Any) -> str:
        """Create a user message; gives its id."""
        return str(field(await self.add(message(text, **keys)), "item.id", str))

    async def ask(self, text: str, **response: Any) -> None:
        """Ask in writing for a response."""
        await self.send("conversation.item.create", item=message(text))
        await self.respond(**response)

    async def respond(self, **response: Any) -> None:
        """Ask for a response, in the modality of the scene."""
        await self.send("response.create", response={**self.modality, **response})

    async def answer(self) -> "Answer":
        """The whole next response."""
        events = [await self.until("response.created")]
        response_id = field(events[0], "response.id", str)
        while True:
            event = await self.next()
            if event.get("type") == "error":
                raise Broken(f"an error came during the response: {told(event)}")
            events.append(event)
            if event.get("type") == "response.done" and field(event, "response.id", str) == response_id:
                return Answer(events)

    async def append(self, pcm: bytes) -> None:
        """Send audio at once."""
        await self.send("input_audio_buffer.append", audio=pybase64.b64encode_as_string(pcm))

    async def play(self, pcm: bytes) -> None:
        """Send audio in chunks, at the pace of the run."""
        size = CHUNK_MS * BYTES_PER_MS
        for start in range(0, len(pcm), size):
            await self.append(pcm[start : start + size])
            if self._manner.pace:
                await asyncio.sleep(CHUNK_MS / 1000 / self._manner.pace)

    async def speak(self, before_ms: int = BEFORE_MS, after_ms: int = AFTER_MS) -> None:
        """Say the sentence, with silence around it."""
        await self.play(silence(before_ms) + self._manner.speech + silence(after_ms))


@dataclass(frozen=True, slots=True)
class Answer:
    """The events from a `response.created` to its `response.done`."""

    events: Sequence[Event]

    @property
    def created(self) -> dict[str, Any]:
        """The response as it began."""
        return dict(field(self.events[0], "response", dict))

    @property
    def response(self) -> dict[str, Any]:
        """The response as it ended."""
        return dict(field(self.events[-1], "response", dict))

    @property
    def items(self) -> list[dict[str, Any]]:
        """What it made."""
        return list(field(self.response, "output", list))

    def all(self, kind: str) -> list[Event]:
        """Its events of a type."""
        return [event for event in self.events if event.get("type") == kind]

    def one(self, kind: str) -> Event:
        """Its only event of a type."""
        found = self.all(kind)
        if len(found) != 1:
            raise Broken(f"expected one {kind} in the response, but got {len(found)}")
        return found[0]

    def kinds(self, *others: str) -> list[str]:
        """Its event types in order; repeated ones once, and `others` left out."""
        kinds = [str(event.get("type")) for event in self.events]
        kinds = [kind for kind in kinds if kind not in {"rate_limits.updated", *others}]
        return [kind for n, kind in enumerate(kinds) if n == 0 or kinds[n - 1] != kind]

    def completed(self) -> "Answer":
        """Itself, if it came to a good end."""
        return self.ended("completed")

    def ended(self, status: str) -> "Answer":
        """Itself, if it ended so."""
        if (found := self.response.get("status")) != status:
            details = self.response.get("status_details")
            raise Broken(f"expected a response that is {status}, but it is {found}: {details}")
        return self


def message(text: str, role: str = "user", **keys: Any) -> dict[str, Any]:
    """A message item in words."""
    kind = "output_text" if role == "assistant" else "input_text"
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text}], **keys}
