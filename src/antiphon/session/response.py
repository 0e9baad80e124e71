"""One response: what it was asked to be, and the events that its pieces become.

`Answer` opens and closes items and parts in the protocol's order; it does not know other responses.
"""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import TypedDict

from antiphon.audio.g711 import G711Encoder
from antiphon.audio.pcm import ms_of
from antiphon.ports import NO_USAGE, AudioDelta, CallDelta, Delta, TextDelta, Usage
from antiphon.protocol.items import FunctionCall, Item, ItemStatus, Message, OutputAudio, OutputText
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
    ResponseFunctionCallArgumentsDelta,
    ResponseFunctionCallArgumentsDone,
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
from antiphon.session.config import SessionConfig
from antiphon.session.conversation import Conversation, Entry
from antiphon.session.effects import Effect, Send
from antiphon.session.playback import Speech
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
    metadata: Metadata | None = None


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
class OpenCall:
    """The function call that is being made."""

    id: str
    index: int
    call_id: str
    name: str
    number: int
    """The engine's number of the call."""
    arguments: str = ""


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
    times: Times
    waits_for: set[str] = field(default_factory=set)
    """Items whose words are not known yet; the engine starts when it is empty."""
    usage: Usage = NO_USAGE
    ending: Incomplete | None = None
    spoken_ms: int = 0
    _transcript_chars: int = 0
    _output: list[Item] = field(default_factory=list)
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
        """Close what is open, then the response; nothing follows."""
        yield from self._close("completed" if status == "completed" else "incomplete")
        heard_ms = sum(ms_of(entry.pcm) for entry in self.plan.context)
        usage = response_usage(self.usage, heard_ms if self.usage.input_tokens else 0, self.spoken_ms)
        yield Send(ResponseDone(response=self._shown(status, details, usage)))

    def _shown(
        self, status: ResponseStatus, details: StatusDetails | None = None, usage: ResponseUsage | None = None
    ) -> Response:
        config = self.plan.config
        return Response(
            id=self.id,
            status=status,
            status_details=details,
            output=tuple(self._output),
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
        message = OpenMessage(self.new_id("item"), len(self._output), offset=self._transcript_chars)
        entry = Entry(Message(id=message.id, status="in_progress", role="assistant", content=()))
        if self._speaks:
            entry.speech = message.speech
            message.encoder = encoder_of(self.plan.config.output.format)
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
        self._transcript_chars += len(text)
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
        if coded:
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

    # Function calls

    def _call(self, delta: CallDelta) -> Iterator[Effect]:
        call = self._open
        if not isinstance(call, OpenCall) or call.number != delta.index:
            yield from self._close("completed")
            call_id = delta.call_id or self.new_id("call")
            call = OpenCall(self.new_id("item"), len(self._output), call_id, delta.name, delta.index)
            self._open = call
            yield from self._added(Entry(self._call_item(call, "in_progress")), call.index)
        if delta.arguments:
            call.arguments += delta.arguments
            yield Send(
                ResponseFunctionCallArgumentsDelta(
                    response_id=self.id,
                    item_id=call.id,
                    output_index=call.index,
                    call_id=call.call_id,
                    delta=delta.arguments,
                )
            )

    def _call_item(self, call: OpenCall, status: ItemStatus) -> FunctionCall:
        return FunctionCall(id=call.id, status=status, call_id=call.call_id, name=call.name, arguments=call.arguments)

    def _close_call(self, call: OpenCall, status: ItemStatus) -> Iterator[Effect]:
        yield Send(
            ResponseFunctionCallArgumentsDone(
                response_id=self.id,
                item_id=call.id,
                output_index=call.index,
                call_id=call.call_id,
                name=call.name,
                arguments=call.arguments,
            )
        )
        yield from self._done(self._call_item(call, status), call.index)

    # Items of either kind

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

    def _done(self, item: Message | FunctionCall, index: int) -> Iterator[Effect]:
        self._output.append(item)
        if self.plan.in_conversation:
            item_id = str(item.id)
            entry = self.conversation.get(item_id)
            if entry is not None:
                entry.finish(item)
            yield Send(ConversationItemDone(previous_item_id=self.conversation.previous_of(item_id), item=item))
        yield Send(ResponseOutputItemDone(response_id=self.id, output_index=index, item=item))


def encoder_of(output: AudioFormat) -> G711Encoder | None:
    """What turns `pcm` into the output format; None where it is that already."""
    if isinstance(output, PcmFormat):
        return None
    return G711Encoder("pcmu" if isinstance(output, PcmuFormat) else "pcma")
