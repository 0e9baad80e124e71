"""What a session owes: each thing begun is ended once, nothing follows its end, and pieces add up to the whole.

`Ledger.take` reads the events of one GA session in the order of their arrival. `faults` says what was wrong, in words;
`open_things` what was begun and never ended, which is a fault only where the session was heard to its end.
"""

from dataclasses import dataclass, field
from typing import Any

Event = dict[str, Any]

ENDS = {
    "response.output_item.added": "response.output_item.done",
    "conversation.item.added": "conversation.item.done",
    "response.content_part.added": "response.content_part.done",
    "input_audio_buffer.speech_started": "input_audio_buffer.speech_stopped",
}
"""What begins, and the event that ends it."""
BEGINS = {end: begin for begin, end in ENDS.items()}
STREAMS = {
    "response.output_audio": None,
    "response.output_audio_transcript": "transcript",
    "response.output_text": "text",
    "response.function_call_arguments": "arguments",
    "conversation.item.input_audio_transcription": "transcript",
}
"""What comes in deltas, and the field in which its end repeats the whole."""
STREAM_ENDS = ("done", "completed", "failed")


@dataclass
class Ledger:
    """One session's account."""

    faults: list[str] = field(default_factory=list)
    seen: int = 0
    _ids: set[str] = field(default_factory=set)
    _open: set[tuple[str, str]] = field(default_factory=set)
    _ended: set[tuple[str, str]] = field(default_factory=set)
    _responses: dict[str, str] = field(default_factory=dict)
    """By id: the conversation of those in progress, "" once done."""
    _texts: dict[tuple[str, str], str] = field(default_factory=dict)
    _streams_ended: set[tuple[str, str]] = field(default_factory=set)

    def take(self, event: Event) -> None:
        """Enter one event."""
        kind = event["type"]
        if not self.seen and kind != "session.created":
            self._fault(f"the first event is {kind}")
        self.seen += 1
        if event.get("event_id") in self._ids or not event.get("event_id"):
            self._fault(f"{kind} has an event_id that is missing or was used")
        self._ids.add(event.get("event_id", ""))
        self._of_response(kind, event)
        self._begun_or_ended(kind, event)
        self._streamed(kind, event)

    def open_things(self) -> list[str]:
        """What was begun and has not ended."""
        responses = [f"response {each}" for each, where in self._responses.items() if where]
        return [f"{kind} {which}" for kind, which in sorted(self._open)] + responses

    def _of_response(self, kind: str, event: Event) -> None:
        if kind == "response.created":
            self._created(event["response"])
        elif kind == "response.done":
            name = event["response"]["id"]
            if not self._responses.get(name):
                self._fault("response.done for none that is in progress")
            self._responses[name] = ""
            left = [each for each in self._open if name in each[1]]
            for begin, which in left:
                self._fault(f"response.done while {begin} is open")
                self._open.discard((begin, which))
        elif "response_id" in event and not self._responses.get(event["response_id"]):
            self._fault(f"{kind} outside its response")

    def _created(self, response: Event) -> None:
        where = response.get("conversation_id") or "none"
        if response["id"] in self._responses:
            self._fault("response.created twice")
        if where != "none" and where in self._responses.values():
            self._fault("response.created while another is in progress")
        self._responses[response["id"]] = where

    def _begun_or_ended(self, kind: str, event: Event) -> None:
        begin = kind if kind in ENDS else BEGINS.get(kind)
        if begin is None:
            return
        which = _which(event)
        key = (begin, which)
        if kind in ENDS:
            if key in self._open or (key in self._ended and begin != "input_audio_buffer.speech_started"):
                self._fault(f"{kind} twice")
            self._open.add(key)
            return
        if key not in self._open:
            self._fault(f"{kind} without its beginning, or twice")
        self._open.discard(key)
        self._ended.add(key)

    def _streamed(self, kind: str, event: Event) -> None:
        stream, _, what = kind.rpartition(".")
        if stream not in STREAMS:
            return
        key = (stream, _which(event))
        if key in self._streams_ended:
            self._fault(f"{kind} after its end")
        if what == "delta":
            if STREAMS[stream]:
                self._texts[key] = self._texts.get(key, "") + event["delta"]
        elif what in STREAM_ENDS:
            self._streams_ended.add(key)
            told, whole = self._texts.pop(key, None), event.get(STREAMS[stream] or "")
            if told is not None and what != "failed" and told != whole:
                self._fault(f"{kind} differs from its deltas")

    def _fault(self, text: str) -> None:
        self.faults.append(text)


def _which(event: Event) -> str:
    """The thing that an event is about: ids and index together."""
    item = event.get("item_id") or event.get("item", {}).get("id", "")
    return f"{event.get('response_id', '')}/{item}/{event.get('content_index', '')}"
