"""One response: what it was asked to be, and the events that its pieces become.

`Answer` opens and closes items and parts in the protocol's order; it does not know other responses.
"""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import TypedDict

from antiphon.audio.g711 import G711Encoder
from antiphon.audio.pcm import ms_of
from antiphon.facts import Work
from antiphon.ports import NO_USAGE, AudioDelta, CallDelta, Delta, TextDelta, Usage
from antiphon.protocol.items import Item, ItemStatus, McpApprovalRequest, Message, OutputAudio, OutputText
from antiphon.protocol.response import (
    Incomplete,
    Metadata,
    Response,
    ResponseAudio,
    ResponseAudioOutput,
    ResponseStatus,
    ResponseUsage,
    StatusDetails,
)
from antiphon.protocol.server_events import (
    AudioPart,
    ConversationItemAdded,
    ConversationItemDone,
    ResponseContentPartAdded,
    ResponseContentPartDone,
    ResponseCreated,
    ResponseDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioDone,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputAudioTranscriptDone,
    ResponseOutputItemAdded,
    ResponseOutputItemDone,
    ResponseOutputTextDelta,
    ResponseOutputTextDone,
    TextPart,
)
from antiphon.protocol.session import AudioFormat, PcmFormat, PcmuFormat
from antiphon.session.calls import Call, Calls, OpenCall, is_object
from antiphon.session.config import SessionConfig
from antiphon.session.conversation import Conversation, Entry
from antiphon.session.effects import Effect, Send
from antiphon.session.playback import Speech
from antiphon.session.tools import Offer, Route, needs_approval, server_of
from antiphon.session.usage import response_usage


@dataclass(frozen=True, slots=True)
class Plan:
    """What one response is asked to be: the session's configuration with this response's own wishes."""

    config: SessionConfig
    context: tuple[Entry, ...]
    """The items that the model is given."""
    in_conversation: bool = True
    """False: out of band; its items are nobody else's."""
    follows_turn: bool = False
    """Made by turn detection, not by the client."""
    silence_ms: int | None = None
    """How long the caller had been silent when the turn was over that it answers; None: not known."""
    metadata: Metadata | None = None
    offer: Offer = field(default_factory=Offer)
    """What the model may call; known when its engine starts."""
    rounds: int = 0
    """How many responses before this one followed each other by themselves, each to tell what tools have given."""


class PartIds(TypedDict):
    """What every event of a content part carries."""

    response_id: str
    item_id: str
    output_index: int
    content_index: int


@dataclass(slots=True)
class OpenMessage:
    """The message that is being written or spoken."""

    id: str
    index: int
    offset: int = 0
    """Where its transcript begins in the response's transcript."""
    speech: Speech = field(default_factory=Speech)
    """Its words; its sound, if it is spoken."""
    encoder: G711Encoder | None = None

    @property
    def text(self) -> str:
        """All words so far, spoken or written."""
        return self.speech.transcript


@dataclass(slots=True)
class Times:
    """When things happened, in seconds of the core's clock."""

    created: float
    first_delta: float | None = None
    first_audio: float | None = None


@dataclass(slots=True)
class Answer:
    """A response in progress."""

    id: str
    plan: Plan
    conversation: Conversation
    new_id: Callable[[str], str]
    calls: Calls
    times: Times
    work: Work = field(default_factory=Work)
    is_played: bool = False
    """Whether the server plays it itself: then its sound stays `pcm`, and ends where it was cut."""
    waits_for: set[str] = field(default_factory=set)
    """Items that are not known yet: words, lists of tools, what a tool gives. The engine starts when it is empty."""
    usage: Usage = NO_USAGE
    billed: ResponseUsage | None = None
    """What the client is told that it has cost; known at its end."""
    ending: Incomplete | None = None
    spoken_ms: int = 0
    output: list[Entry] = field(default_factory=list)
    """The items that are made."""
    _open: OpenMessage | OpenCall | None = None

    # The response itself

    def created(self) -> Iterator[Effect]:
        """Tell that the response runs."""
        yield Send(ResponseCreated(response=self._shown("in_progress")))

    def take(self, delta: Delta, usage: Usage, now: float) -> Iterator[Effect]:
        """Turn a piece from the engine into events."""
        self.usage = usage
        if self.times.first_delta is None:
            self.times.first_delta = now
        if isinstance(delta, TextDelta):
            yield from self._write(delta.text)
        elif isinstance(delta, AudioDelta):
            yield from self._speak(delta, now)
        elif isinstance(delta, CallDelta):
            yield from self._call(delta)
        else:
            self.ending = Incomplete(reason=delta.reason)

    def finish(self, status: ResponseStatus, details: StatusDetails | None) -> Iterator[Effect]:
        """Close what is open, then the response; nothing follows but what its tools give."""
        yield from self._close("completed" if status == "completed" else "incomplete")
        if status in ("cancelled", "failed"):
            yield from self.calls.stop(self.id)
        heard_ms = sum(ms_of(entry.pcm) for entry in self.plan.context)
        self.billed = response_usage(self.usage, heard_ms if self.usage.input_tokens else 0, self.spoken_ms)
        yield Send(ResponseDone(response=self._shown(status, details, self.billed)))
        yield from self.calls.release(self.id)

    def _shown(
        self, status: ResponseStatus, details: StatusDetails | None = None, usage: ResponseUsage | None = None
    ) -> Response:
        config = self.plan.config
        return Response(
            id=self.id,
            status=status,
            status_details=details,
            output=tuple(entry.item for entry in self.output),
            conversation_id=self.conversation.id if self.plan.in_conversation else None,
            output_modalities=(config.modality,),
            max_output_tokens=config.max_output_tokens,
            audio=ResponseAudio(output=ResponseAudioOutput(format=config.output.format, voice=config.output.voice)),
            usage=usage,
            metadata=self.plan.metadata,
        )

    # Messages

    def _message(self) -> Generator[Effect, None, OpenMessage]:
        """The open message; opened now, if there is none."""
        if isinstance(self._open, OpenMessage):
            return self._open
        yield from self._close("completed")
        offset = sum(len(_text(entry.item)) for entry in self.output)
        message = OpenMessage(self.new_id("item"), len(self.output), offset)
        entry = Entry(Message(id=message.id, status="in_progress", role="assistant", content=()))
        if self._speaks:
            entry.speech = message.speech
            message.encoder = None if self.is_played else encoder_of(self.plan.config.output.format)
        self._open = message
        yield from self._added(entry, message.index)
        part = AudioPart() if self._speaks else TextPart()
        yield Send(ResponseContentPartAdded(**self._part_ids(message), part=part))
        return message

    @property
    def _speaks(self) -> bool:
        return self.plan.config.modality == "audio"

    def _part_ids(self, message: OpenMessage) -> PartIds:
        return {"response_id": self.id, "item_id": message.id, "output_index": message.index, "content_index": 0}

    def _write(self, text: str) -> Iterator[Effect]:
        message = yield from self._message()
        message.speech.transcript += text
        kind = ResponseOutputAudioTranscriptDelta if self._speaks else ResponseOutputTextDelta
        yield Send(kind(**self._part_ids(message), delta=text))

    def _speak(self, delta: AudioDelta, now: float) -> Iterator[Effect]:
        if not self._speaks:
            return  # an engine that speaks although text was asked for
        if self.times.first_audio is None:
            self.times.first_audio = now
        message = yield from self._message()
        start, end = delta.span
        message.speech.add(delta.pcm, (start - message.offset, end - message.offset))
        self.spoken_ms += ms_of(delta.pcm)
        yield from self._sound(message, message.encoder.encode(delta.pcm) if message.encoder else delta.pcm)

    def _sound(self, message: OpenMessage, coded: bytes) -> Iterator[Effect]:
        if coded and not (self.is_played and message.speech.is_cut):
            yield Send(ResponseOutputAudioDelta(**self._part_ids(message), delta=coded))

    def _close_message(self, message: OpenMessage, status: ItemStatus) -> Iterator[Effect]:
        ids = self._part_ids(message)
        content: OutputAudio | OutputText
        if self._speaks:
            if message.encoder is not None:
                yield from self._sound(message, message.encoder.flush())
            yield Send(ResponseOutputAudioDone(**ids))
            yield Send(ResponseOutputAudioTranscriptDone(**ids, transcript=message.text))
            yield Send(ResponseContentPartDone(**ids, part=AudioPart(transcript=message.text)))
            content = OutputAudio(transcript=message.text)
        else:
            yield Send(ResponseOutputTextDone(**ids, text=message.text))
            yield Send(ResponseContentPartDone(**ids, part=TextPart(text=message.text)))
            content = OutputText(text=message.text)
        item = Message(id=message.id, status=status, role="assistant", content=(content,))
        yield from self._done(item, message.index)

    # Calls

    def _call(self, delta: CallDelta) -> Iterator[Effect]:
        call = self._open
        if not isinstance(call, OpenCall) or call.number != delta.index:
            yield from self._close("completed")
            call = self._open = self._opened(delta)
            yield from self._added(call.entry, call.index)
        if delta.arguments:
            call.arguments += delta.arguments
            yield Send(call.more(self.id, delta.arguments))

    def _opened(self, delta: CallDelta) -> OpenCall:
        """A call whose name is known."""
        call_id = delta.call_id or self.new_id("call")
        route = self.plan.offer.routes.get(delta.name)
        return OpenCall(self.new_id("item"), len(self.output), call_id, delta.name, delta.index, route)

    def _close_call(self, call: OpenCall, status: ItemStatus) -> Iterator[Effect]:
        is_whole = status == "completed"
        if call.route is not None and is_whole:
            call.arguments = call.arguments or "{}"
        yield Send(call.whole(self.id))
        if call.route is None:
            yield from self._done(call.item(status), call.index)
        else:
            yield from self._hand_over(call, call.route, is_whole=is_whole)

    def _hand_over(self, call: OpenCall, route: Route, *, is_whole: bool) -> Iterator[Effect]:
        """An MCP call is made: ask for its approval, where that is wanted, and have it run."""
        call.entry.item = item = call.mcp_item(route)
        self.output.append(call.entry)
        request_id = None
        if is_whole and is_object(call.arguments) and needs_approval(route.tool, route.server):
            request_id = self.new_id("item")
            request = McpApprovalRequest(
                id=request_id, server_label=item.server_label, name=item.name, arguments=item.arguments
            )
            index = len(self.output)
            yield from self._added(Entry(request), index)
            yield from self._done(request, index)
        made = Call(
            call.entry, item, self.id, call.index, server_of(route.server), self.plan.in_conversation, request_id
        )
        yield from self.calls.begin(made, is_whole=is_whole)

    # Items of any kind

    def _added(self, entry: Entry, index: int) -> Iterator[Effect]:
        yield Send(ResponseOutputItemAdded(response_id=self.id, output_index=index, item=entry.item))
        if self.plan.in_conversation:
            previous = self.conversation.last_id
            self.conversation.add(entry)
            yield Send(ConversationItemAdded(previous_item_id=previous, item=entry.item))

    def _close(self, status: ItemStatus) -> Iterator[Effect]:
        item, self._open = self._open, None
        if isinstance(item, OpenMessage):
            yield from self._close_message(item, status)
        elif isinstance(item, OpenCall):
            yield from self._close_call(item, status)

    def _done(self, item: Item, index: int) -> Iterator[Effect]:
        self.output.append(Entry(item))
        if self.plan.in_conversation:
            item_id = str(item.id)
            entry = self.conversation.known(item_id)  # also if it was deleted meanwhile: then its id is free again
            if entry is not None:
                entry.finish(item)
            yield Send(ConversationItemDone(previous_item_id=self.conversation.previous_of(item_id), item=item))
        yield Send(ResponseOutputItemDone(response_id=self.id, output_index=index, item=item))


def _text(item: Item) -> str:
    """The words of an item that the answer has made."""
    part = item.content[0] if isinstance(item, Message) else None
    if isinstance(part, OutputText):
        return part.text
    return part.transcript or "" if isinstance(part, OutputAudio) else ""


def encoder_of(output: AudioFormat) -> G711Encoder | None:
    """What turns `pcm` into the output format; None where it is that already."""
    if isinstance(output, PcmFormat):
        return None
    return G711Encoder("pcmu" if isinstance(output, PcmuFormat) else "pcma")
