"""The events of another Realtime server as the deltas of an answer."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from antiphon.audio.pcm import ms_of
from antiphon.ports import NO_USAGE, AudioDelta, CallDelta, Delta, Ending, EngineError, TextDelta, Usage
from antiphon.protocol import server_events as told
from antiphon.protocol.codec import Unknown
from antiphon.protocol.items import FunctionCall, Item, Message, OutputText
from antiphon.protocol.response import Failed, Incomplete, Response
from antiphon.protocol.server_events import ServerEvent
from antiphon.protocol.wire import UNSET, UnsetType

CHARACTERS_PER_S: Final = 15
"""How fast speech goes through its transcript. The server does not tell which words a piece of sound speaks; English
has 14 to 16 characters in a second."""

MAX_MESSAGE_CHARACTERS: Final = 500


@dataclass(slots=True)
class _Call:
    """A function call as it comes."""

    index: int
    name: str = ""
    call_id: str = ""
    arguments: str = ""


class Answer:
    """One response being read."""

    def __init__(self) -> None:
        self.usage: Usage = NO_USAGE
        self.was_asked = False
        """Whether the server has been asked for it."""
        self.response_id: str | None = None
        self.is_done = False
        self.items: dict[str, Item | None] = {}
        """What it added to the conversation, by id; as a prompt will have it, or None while that is not known."""
        self._calls: dict[str, _Call] = {}
        self._texts: dict[str, str] = {}
        self._written = 0
        """Characters of the transcript."""
        self._spoken = 0
        """Characters that the sound has come to, as far as can be told."""
        self._sound_ms = 0

    def read(self, event: ServerEvent | Unknown) -> Iterator[Delta]:
        """The deltas of an event. Raise EngineError where the response has failed."""
        match event:
            case told.ResponseCreated(response=response):
                self.response_id = self.response_id or response.id
            case told.ResponseOutputItemAdded(item=item, output_index=index):
                yield from self._add(item, index)
            case told.ResponseOutputTextDelta() | told.ResponseOutputAudioTranscriptDelta():
                yield from self._write(event.item_id, event.delta)
            case told.ResponseOutputAudioDelta(delta=pcm):
                yield from self._sound(pcm)
            case told.ResponseFunctionCallArgumentsDelta():
                yield from self._argue(event.item_id, event.delta)
            case told.ResponseFunctionCallArgumentsDone():
                yield from self._end_call(event)
            case told.ResponseDone(response=response):
                yield from self._end(response)

    def _add(self, item: Item, index: int) -> Iterator[Delta]:
        item_id = _text(getattr(item, "id", ""))
        self.items[item_id] = None
        if isinstance(item, FunctionCall):
            call = self._calls[item_id] = _Call(index, item.name, _text(item.call_id))
            if call.name:
                yield CallDelta(index, call.name, "", call.call_id)

    def _write(self, item_id: str, text: str) -> Iterator[Delta]:
        if text:
            self._texts[item_id] = self._texts.get(item_id, "") + text
            self._written += len(text)
            yield TextDelta(text)

    def _sound(self, pcm: bytes) -> Iterator[Delta]:
        pcm = pcm[: len(pcm) & ~1]
        if pcm:
            self._sound_ms += ms_of(pcm)
            start, reached = self._spoken, self._sound_ms * CHARACTERS_PER_S // 1000
            self._spoken = max(start, min(self._written, reached))
            yield AudioDelta(pcm, (start, self._spoken))

    def _argue(self, item_id: str, text: str) -> Iterator[Delta]:
        call = self._calls.get(item_id)
        if call is not None and text:
            call.arguments += text
            if call.name:
                yield CallDelta(call.index, arguments=text)

    def _end_call(self, event: told.ResponseFunctionCallArgumentsDone) -> Iterator[Delta]:
        """Some servers name a function only at the end, and some give its arguments only there."""
        call = self._calls.setdefault(event.item_id, _Call(event.output_index))
        if not call.name:
            call.name, call.call_id = event.name, call.call_id or event.call_id
            yield CallDelta(call.index, call.name, event.arguments, call.call_id)
        elif not call.arguments and event.arguments:
            yield CallDelta(call.index, arguments=event.arguments)
        call.arguments = event.arguments or call.arguments

    def _end(self, response: Response) -> Iterator[Delta]:
        self.is_done = True
        for item_id, text in self._texts.items():
            self.items[item_id] = Message(role="assistant", content=(OutputText(text=text),))
        for item_id, call in self._calls.items():
            self.items[item_id] = FunctionCall(call_id=call.call_id or UNSET, name=call.name, arguments=call.arguments)
        if response.usage is not None:
            cached = response.usage.input_token_details.cached_tokens
            self.usage = Usage(response.usage.input_tokens, cached, response.usage.output_tokens)
        match response.status, response.status_details:
            case "completed", _:
                return
            case "incomplete", Incomplete(reason=reason):
                yield Ending(reason)
            case "incomplete", _:
                yield Ending("max_output_tokens")
            case "failed", Failed(error=error):
                words = "" if error.message is UNSET else error.message
                raise EngineError(
                    shortened(words) or "The speech model failed.", code=error.code, type=error.type or "server_error"
                )
            case _:
                raise EngineError("The speech model did not finish its answer.")


def shortened(text: str) -> str:
    """A server's words, no longer than a client should have to read."""
    return text[:MAX_MESSAGE_CHARACTERS]


def _text(value: str | UnsetType) -> str:
    return value if isinstance(value, str) else ""
