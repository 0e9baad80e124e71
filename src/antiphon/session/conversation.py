"""The conversation: items in order, what each may contain, and what the model is shown of them.

An `Entry` holds an item as the wire shows it, without audio, and beside it what the wire does not show: the
audio, the caller's words, and the part of an answer that was really heard.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from msgspec import structs

from antiphon.protocol import errors
from antiphon.protocol.errors import ErrorDetail
from antiphon.protocol.items import (
    MAX_ITEM_ID_LENGTH,
    ContentPart,
    FunctionCall,
    FunctionCallOutput,
    InputAudio,
    InputImage,
    InputText,
    Item,
    McpCall,
    McpListTools,
    Message,
    OutputAudio,
    OutputText,
)
from antiphon.protocol.wire import UNSET
from antiphon.session.playback import Speech

MAX_KEPT_AUDIO_BYTES = 32 * 1024 * 1024
"""Audio of items kept for `retrieve`, a session: about 11 minutes. The oldest goes first."""

MAX_GONE_ITEMS = 256
"""Deleted items that a response may still refer to; without their audio."""

ROOT = "root"
"""What a client writes as `previous_item_id` to put an item first."""

PARTS_BY_ROLE: dict[str, dict[type, str]] = {
    "system": {InputText: "input_text"},
    "user": {InputText: "input_text", InputAudio: "input_audio", InputImage: "input_image"},
    "assistant": {OutputText: "output_text"},
}

Position: TypeAlias = str | None


@dataclass(slots=True)
class Entry:
    """An item and what belongs to it."""

    item: Item
    pcm: bytes = b""
    """The caller's audio."""
    words: str | None = None
    """The caller's words, once they are known."""
    speech: Speech | None = None
    """The answer's audio."""
    heard: str | None = None
    """What was heard of an answer that was cut; None: all of it."""
    is_unheard: bool = False
    """The recogniser has failed on it. As the newest item it is tried again, later it is passed over."""
    is_left_out: bool = False
    """Gone from the model's context, which has grown too long."""
    counted: tuple[str, int] | None = None
    """The text that a model reads of it, and its tokens, as last counted."""

    @property
    def id(self) -> str:
        """The item's id; every item of a conversation has one."""
        return str(self.item.id)

    @property
    def needs_words(self) -> bool:
        """Whether a model that only reads has to wait for the recogniser."""
        return bool(self.pcm) and self.words is None

    @property
    def kept_bytes(self) -> int:
        """Audio held for `retrieve`."""
        return len(self.pcm) + (len(self.speech.pcm) if self.speech else 0)

    @property
    def is_settled(self) -> bool:
        """Whether nothing of it is still to come."""
        if isinstance(self.item, McpCall):
            return isinstance(self.item.output, str) or bool(self.item.error)
        if isinstance(self.item, McpListTools):
            return bool(self.item.tools)
        return getattr(self.item, "status", "completed") != "in_progress" and not self.needs_words

    def let_go(self) -> None:
        """Forget the audio. Words that nobody has asked for by now are never known."""
        if self.needs_words:
            self.words = ""
        self.pcm = b""
        if self.speech is not None:
            self.speech.forget()

    def finish(self, item: Item) -> None:
        """The answer is final; what was cut meanwhile stays cut."""
        self.item = item
        if self.heard is not None:
            self._drop_transcript()

    def truncate(self, end_ms: int) -> ErrorDetail | None:
        """Cut an answer to what was heard: the wire loses its transcript, the model keeps the words heard.

        `end_ms` beyond the audio is refused, by the protocol.
        """
        if self.speech is None or not self.speech.audio_ms:
            return errors.truncate_not_audio()
        if end_ms > self.speech.audio_ms:
            return errors.truncate_too_long(self.speech.audio_ms, end_ms)
        self.heard = self.speech.truncate(end_ms)
        self._drop_transcript()
        return None

    def _drop_transcript(self) -> None:
        if isinstance(self.item, Message) and self.item.content:
            self.item = structs.replace(self.item, content=(OutputAudio(transcript=""),))

    def for_model(self, *, hears_audio: bool) -> Item:
        """The item as a model should know it: what was said, and what was heard."""
        if not isinstance(self.item, Message):
            return self.item
        content = tuple(self._part_for_model(part, hears_audio) for part in self.item.content)
        return structs.replace(self.item, content=content)

    def _part_for_model(self, part: ContentPart, hears_audio: bool) -> ContentPart:
        if isinstance(part, InputAudio):
            return InputAudio(audio=self.pcm if hears_audio else UNSET, transcript=self.words)
        if isinstance(part, OutputAudio) and self.heard is not None:
            return OutputAudio(transcript=self.heard)
        return part

    def retrieved(self) -> Item:
        """The item with its audio, as far as it is kept."""
        if not isinstance(self.item, Message):
            return self.item
        content = tuple(self._part_retrieved(part) for part in self.item.content)
        return structs.replace(self.item, content=content)

    def _part_retrieved(self, part: ContentPart) -> ContentPart:
        if isinstance(part, InputAudio):
            return InputAudio(audio=self.pcm or UNSET, transcript=part.transcript)
        if isinstance(part, OutputAudio) and self.speech is not None:
            return OutputAudio(audio=bytes(self.speech.pcm) or UNSET, transcript=part.transcript)
        return part


@dataclass(slots=True)
class Conversation:
    """Entries in order."""

    id: str
    _order: list[str] = field(default_factory=list)
    _entries: dict[str, Entry] = field(default_factory=dict)
    _gone: dict[str, Entry] = field(default_factory=dict)
    _hidden: int = 0
    """How many ids were taken twice."""

    def __iter__(self) -> Iterator[Entry]:
        return (self._entries[item_id] for item_id in self._order)

    def __contains__(self, item_id: str) -> bool:
        return item_id in self._entries

    def get(self, item_id: str) -> Entry | None:
        """An entry, if it is here."""
        return self._entries.get(item_id)

    def known(self, item_id: str) -> Entry | None:
        """An entry that is or was here, for references; the deleted ones are remembered up to a bound."""
        return self._entries.get(item_id) or self._gone.get(item_id)

    @property
    def last_id(self) -> str | None:
        """Where an item that is added now comes after."""
        return self._entries[self._order[-1]].id if self._order else None

    def previous_of(self, item_id: str) -> str | None:
        """The id in front of an item; None at the head, and for an item that has been deleted."""
        if item_id not in self._entries:
            return None
        index = self._order.index(item_id)
        return self._entries[self._order[index - 1]].id if index else None

    def add(self, entry: Entry, after: Position = None) -> None:
        """Put an entry at the end, first (`root`) or after an id that is here.

        An older entry of the same id stays where it is, for the model; the id does not mean it any more.
        """
        if entry.id in self._entries:
            place = self._order.index(entry.id)
            self._hidden += 1
            self._order[place] = hidden = f"{entry.id} {self._hidden}".rjust(MAX_ITEM_ID_LENGTH + 1)  # nobody's id
            self._entries[hidden] = self._entries[entry.id]
            after = hidden if after == entry.id else after
        self._entries[entry.id] = entry
        if after == ROOT:
            self._order.insert(0, entry.id)
        elif after:
            self._order.insert(self._order.index(after) + 1, entry.id)
        else:
            self._order.append(entry.id)

    def delete(self, item_id: str) -> bool:
        """Remove an entry; False when there is none."""
        entry = self._entries.pop(item_id, None)
        if entry is None:
            return False
        self._order.remove(item_id)
        entry.let_go()
        self._gone[item_id] = entry
        if len(self._gone) > MAX_GONE_ITEMS:
            del self._gone[next(iter(self._gone))]
        return True

    def let_go(self) -> None:
        """Forget the oldest audio beyond the bound."""
        kept = sum(entry.kept_bytes for entry in self)
        for entry in self:
            if kept <= MAX_KEPT_AUDIO_BYTES:
                return
            kept -= entry.kept_bytes
            entry.let_go()

    def refusal(
        self, item: Item, after: Position, *, sees_images: bool, takes_duplicates: bool = False
    ) -> ErrorDetail | None:
        """Why a client's item cannot be added; None when it can. Nothing takes the id of what is still being made."""
        older = None if item.id is UNSET else self.known(item.id)
        if older is not None and not (older.is_settled and (takes_duplicates or older.id not in self)):
            return errors.item_exists(older.id)
        if after and after != ROOT and after not in self:
            return errors.previous_item_unknown(after)
        return self.content_error(item, "item", sees_images=sees_images)

    def content_error(
        self, item: Item, owner: str, *, sees_images: bool, beside: Sequence[Entry] = ()
    ) -> ErrorDetail | None:
        """What is wrong inside an item that a client sends; `beside` are items that it comes with."""
        if isinstance(item, Message):
            return message_error(item, owner, sees_images=sees_images)
        if isinstance(item, FunctionCallOutput):
            return None if _has_call((*self, *beside), item.call_id) else errors.tool_call_unknown(item.call_id)
        return None  # a call, or what is known of MCP tools from another session


def _has_call(entries: Sequence[Entry], call_id: str) -> bool:
    return any(isinstance(entry.item, FunctionCall) and entry.item.call_id == call_id for entry in entries)


def message_error(message: Message, owner: str, *, sees_images: bool) -> ErrorDetail | None:
    """Each role has its own kinds of content."""
    allowed = PARTS_BY_ROLE[message.role]
    for index, part in enumerate(message.content):
        path = f"{owner}.content[{index}]"
        if isinstance(part, OutputAudio) and message.role == "assistant":
            return errors.missing_parameter(f"{path}.text")  # a client cannot put words in the answerer's mouth
        if type(part) not in allowed:
            return errors.invalid_value(f"{path}.type", part.__struct_config__.tag, tuple(allowed.values()))
        if isinstance(part, InputAudio) and not part.audio:
            return errors.missing_parameter(f"{path}.audio")
        if isinstance(part, InputImage) and not sees_images:
            return errors.not_allowed(f"{path}.type", "The model of this session does not see images.")
    return None


def entry_of(item: Item, new_id: Callable[[str], str], decode: Callable[[bytes], bytes]) -> Entry:
    """A client's item as it enters the conversation: named, completed, its audio set apart.

    `new_id` names what the client has not named; `decode` makes `pcm` of audio in the session's input format.
    """
    item_id = item.id or new_id("item")
    if not isinstance(item, Message):
        changes = {"id": item_id, "status": "completed"} if hasattr(item, "status") else {"id": item_id}
        if isinstance(item, FunctionCall) and not item.call_id:
            changes["call_id"] = new_id("call")
        return Entry(structs.replace(item, **changes))
    spoken = [part.audio for part in item.content if isinstance(part, InputAudio)]
    pcm = b"".join(decode(audio) for audio in spoken if isinstance(audio, bytes))
    content = tuple(
        InputAudio(transcript=p.transcript or None) if isinstance(p, InputAudio) else p for p in item.content
    )
    return Entry(structs.replace(item, id=item_id, status="completed", content=content), pcm=pcm)
