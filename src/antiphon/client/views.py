"""What a client can know of an item and of a response, and how the wire's own objects are read into it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from antiphon.protocol.items import FunctionCall, FunctionCallOutput, Item, McpCall, Message
from antiphon.protocol.response import Response, ResponseStatus, ResponseUsage
from antiphon.protocol.session import AudioFormat, PcmFormat, RealtimeSession, SessionBody
from antiphon.protocol.wire import UnsetType

PCM_BYTES_PER_MS, G711_BYTES_PER_MS = 48, 8


@dataclass(slots=True)
class ItemView:
    """One item. A message is known by its `role`, anything else by its `kind`."""

    id: str
    kind: str = "message"
    role: str = ""
    status: str = ""
    response_id: str | None = None
    """The response that makes it."""
    texts: dict[int, str] = field(default_factory=dict)
    """Text or transcript of each content part, growing."""
    audio: dict[int, bytearray] = field(default_factory=dict)
    """Sound of each content part, in the output format, growing; empty unless audio is kept."""
    audio_bytes: int = 0
    """How much sound came, kept or not."""
    bytes_per_ms: int = PCM_BYTES_PER_MS
    cut_ms: int | None = None
    """Where the item was truncated."""
    heard_ms: int = 0
    """How much of it was played, as the player says."""
    hearing: Literal["", "started", "completed", "failed"] = ""
    """How far the transcription of the caller's speech is."""
    name: str = ""
    call_id: str = ""
    arguments: str = ""
    output: str = ""

    @property
    def text(self) -> str:
        """All its words."""
        return "".join(self.texts[index] for index in sorted(self.texts))

    @property
    def audio_ms(self) -> int:
        """How much sound came, up to the cut."""
        made = self.audio_bytes // self.bytes_per_ms
        return made if self.cut_ms is None else min(made, self.cut_ms)


@dataclass(slots=True)
class ResponseView:
    """One response."""

    id: str
    status: ResponseStatus = "in_progress"
    reason: str = ""
    """Why it is cancelled, incomplete or failed, as the wire names it."""
    error: str = ""
    """The text of a failure."""
    items: list[ItemView] = field(default_factory=list)
    conversation_id: str | None = None
    usage: ResponseUsage | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    bytes_per_ms: int = PCM_BYTES_PER_MS

    @property
    def text(self) -> str:
        """All that it says."""
        return "".join(item.text for item in self.items)

    @property
    def audio_ms(self) -> int:
        """How much sound it has made."""
        return sum(item.audio_ms for item in self.items)


def id_of(item: Item) -> str:
    """The id, or nothing: a server without ids gives us nothing to hold on to."""
    return _word(item, "id")


def grow(item: ItemView, index: int, delta: str) -> None:
    """Add words to a content part, which may be new."""
    item.texts[index] = item.texts.get(index, "") + delta


def read(view: ItemView, item: Item, *, with_audio: bool = False) -> None:
    """Take over what the item says. What it leaves out, or has empty, stays as it was."""
    view.kind = str(item.__struct_config__.tag)
    view.status = _word(item, "status") or view.status
    view.call_id = _word(item, "call_id") or view.call_id
    match item:
        case Message():
            view.role = item.role
            for index, part in enumerate(item.content):
                view.texts[index] = _word(part, "text") or _word(part, "transcript") or view.texts.get(index, "")
                audio = getattr(part, "audio", None)
                if with_audio and isinstance(audio, bytes):
                    view.audio[index] = bytearray(audio)
        case FunctionCall() | McpCall():
            view.name, view.arguments = item.name, item.arguments or view.arguments
        case FunctionCallOutput():
            view.output = item.output


def _word(wire: object, name: str) -> str:
    """A string that may be absent, unset, null or of a kind without it."""
    found = getattr(wire, name, "")
    return found if isinstance(found, str) else ""


def bytes_per_ms(response: Response, session: SessionBody | None) -> int:
    """What a millisecond of a response's sound takes."""
    return PCM_BYTES_PER_MS if isinstance(_format(response, session), PcmFormat) else G711_BYTES_PER_MS


def _format(response: Response, session: SessionBody | None) -> AudioFormat:
    """What the sound of a response is coded in: its own word, the session's, or PCM."""
    output = response.audio.output
    if not isinstance(output, UnsetType) and not isinstance(output.format, UnsetType):
        return output.format
    if isinstance(session, RealtimeSession) and not isinstance(session.audio, UnsetType):
        of_session = session.audio.output
        if not isinstance(of_session, UnsetType) and not isinstance(of_session.format, UnsetType):
            return of_session.format
    return PcmFormat()
