"""What must be true of any session, whatever happens to it: watchers over its effects.

`Watch.take` raises `AssertionError` at the first effect that breaks a promise of the protocol or of the effects'
own docstrings. It knows nothing of how the core does it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from antiphon.audio.pcm import samples_in, samples_of
from antiphon.protocol import server_events as tell
from antiphon.protocol.items import (
    FunctionCall,
    Item,
    McpApprovalRequest,
    McpCall,
    Message,
    OutputAudio,
    OutputText,
)
from antiphon.protocol.response import Response
from antiphon.session.effects import (
    CallTool,
    Effect,
    Forget,
    Hear,
    Judge,
    ListTools,
    Release,
    Respond,
    Send,
    Settle,
    Stop,
)
from antiphon.session.inputs import Broke, Called, Finished, Input, Listed, Recognised, Unrecognised

MAX_JUDGED_MS = 8_000

PartEvent = (
    tell.ResponseOutputTextDelta
    | tell.ResponseOutputTextDone
    | tell.ResponseOutputAudioTranscriptDelta
    | tell.ResponseOutputAudioTranscriptDone
    | tell.ResponseOutputAudioDelta
    | tell.ResponseOutputAudioDone
    | tell.ResponseContentPartAdded
    | tell.ResponseContentPartDone
)
CallEvent = (
    tell.ResponseFunctionCallArgumentsDelta
    | tell.ResponseFunctionCallArgumentsDone
    | tell.ResponseMcpCallArgumentsDelta
    | tell.ResponseMcpCallArgumentsDone
)
McpCallEvent = tell.ResponseMcpCallInProgress | tell.ResponseMcpCallCompleted | tell.ResponseMcpCallFailed
ToolsEvent = tell.McpListToolsInProgress | tell.McpListToolsCompleted | tell.McpListToolsFailed

PART_STEPS = (
    ["part.added", "words.done", "part.done"],
    ["part.added", "audio.done", "words.done", "part.done"],
)
STEPS: dict[type, tuple[list[str], ...]] = {
    FunctionCall: (["arguments.done"],),
    Message: PART_STEPS,
    McpApprovalRequest: ([],),
}
"""What comes between an item's `added` and its `done`."""


@dataclass
class OutputItem:
    """An item of a response while it is made."""

    id: str
    index: int
    text: str = ""
    closed: list[str] = field(default_factory=list)
    """Names of the done events that came, in order."""


@dataclass
class WatchedResponse:
    """One response from `created` to `done`."""

    response: Response
    output: list[str] = field(default_factory=list)
    """The ids of the items that the model has made."""
    open: OutputItem | None = None

    @property
    def in_conversation(self) -> bool:
        """Whether it writes to the conversation."""
        return self.response.conversation_id is not None

    def added(self, event: tell.ResponseOutputItemAdded) -> None:
        """One item at a time, numbered in order, empty."""
        assert self.open is None, event
        assert event.output_index == len(self.output), event
        assert status_of(event.item) in ("in_progress", NO_STATUS), event
        self.open = OutputItem(str(event.item.id), event.output_index)

    def part(self, event: PartEvent) -> None:
        """Parts belong to the open item; their deltas add up to their text."""
        item = self._open_item(event)
        assert event.content_index == 0
        match event:
            case tell.ResponseOutputTextDelta() | tell.ResponseOutputAudioTranscriptDelta():
                assert item.closed == ["part.added"], event
                item.text += event.delta
            case tell.ResponseOutputAudioDelta():
                assert item.closed == ["part.added"], event
                assert event.delta, "an empty piece of audio"
            case tell.ResponseContentPartAdded():
                assert item.closed == []
                assert not part_text(event.part)
                item.closed.append("part.added")
            case tell.ResponseOutputTextDone() | tell.ResponseOutputAudioTranscriptDone():
                said = event.text if isinstance(event, tell.ResponseOutputTextDone) else event.transcript
                assert said == item.text, event
                item.closed.append("words.done")
            case tell.ResponseOutputAudioDone():
                assert item.closed == ["part.added"], event
                item.closed.append("audio.done")
            case tell.ResponseContentPartDone():
                assert part_text(event.part) == item.text, event
                item.closed.append("part.done")

    def call(self, event: CallEvent) -> None:
        """Arguments belong to the open call, and add up."""
        item = self._open_item(event)
        assert item.closed == []
        match event:
            case tell.ResponseFunctionCallArgumentsDelta() | tell.ResponseMcpCallArgumentsDelta():
                item.text += event.delta
            case tell.ResponseFunctionCallArgumentsDone():
                assert event.arguments == item.text
                item.closed.append("arguments.done")
            case tell.ResponseMcpCallArgumentsDone():
                assert event.arguments == item.text or (event.arguments, item.text) == ("{}", "")
                self.output.append(item.id)
                self.open = None  # the model has made it; from now on it is the tool's

    def _open_item(self, event: Any) -> OutputItem:
        assert self.open is not None, event
        assert (event.item_id, event.output_index) == (self.open.id, self.open.index), event
        return self.open

    def item_done(self, event: tell.ResponseOutputItemDone) -> None:
        """The item closes with all that was told of it, after its parts."""
        item = self.open
        assert item is not None
        assert (event.item.id, event.output_index) == (item.id, item.index)
        assert item.closed in STEPS[type(event.item)], (item, event)
        assert item_text(event.item) == item.text
        assert status_of(event.item) in ("completed", "incomplete", NO_STATUS)
        self.output.append(item.id)
        self.open = None

    def done(self, response: Response) -> None:
        """All items are closed and listed; the status is final."""
        assert self.open is None
        assert [item.id for item in response.output] == self.output
        assert response.status != "in_progress"
        assert (response.status == "completed") == (response.status_details is None)
        assert response.usage is not None
        assert response.conversation_id == self.response.conversation_id


@dataclass
class Stream:
    """A recogniser's stream."""

    samples: int = 0
    asked: set[int] = field(default_factory=set)
    is_closing: bool = False


@dataclass
class Watch:
    """Everything that was told of a session, and what must hold of it."""

    order: list[str] = field(default_factory=list)
    """The conversation, as a client knows it; an item whose id was taken again has a `'` after it."""
    takes_duplicates: bool = False
    """Whether a client may use an id twice."""
    known_items: set[str] = field(default_factory=set)
    """Every item id that was ever told."""
    deleted: set[str] = field(default_factory=set)
    responses: dict[str, WatchedResponse] = field(default_factory=dict)
    """In progress."""
    ended: set[str] = field(default_factory=set)
    runs: dict[str, bool] = field(default_factory=dict)
    """Engines that run, by response; True: for a draft."""
    streams: dict[str, Stream] = field(default_factory=dict)
    transcripts: dict[str, str] = field(default_factory=dict)
    transcribed: set[str] = field(default_factory=set)
    undone: set[str] = field(default_factory=set)
    """Items that were added and are not done."""
    calls: dict[str, tuple[str, int]] = field(default_factory=dict)
    """MCP calls that the model has made and that have not ended: response and index."""
    tools: set[str] = field(default_factory=set)
    """Those of them whose tools work."""
    decided: set[str] = field(default_factory=set)
    """Those that have failed or completed, and whose item is not done yet."""
    listings: set[str] = field(default_factory=set)
    """MCP servers that have been asked for their tools."""
    requests: list[str] = field(default_factory=list)
    """Approvals that were asked for."""

    def heard_from_engines(self, news: Input) -> None:
        """An engine has come to its end by itself: what it ran is no more."""
        match news:
            case Finished(response_id) | Broke(response_id):
                self.runs.pop(response_id, None)
            case Unrecognised(item_id):
                self.streams.pop(item_id, None)
            case Recognised(item_id, _, cut, True):
                stream = self.streams.get(item_id)
                if stream is not None and stream.is_closing and cut == stream.samples:
                    del self.streams[item_id]
            case Listed(item_id):
                self.listings.discard(item_id)
            case Called(item_id):
                self.tools.discard(item_id)
            case _:
                pass

    def take(self, effects: Iterable[Effect]) -> None:
        """Look at the effects of one input, which was told before."""
        for effect in effects:
            match effect:
                case Send(event):
                    self._event(event)
                case Respond(response_id, prompt):
                    assert response_id not in self.runs, f"{response_id} runs already"
                    assert (response_id in self.responses) != prompt.draft
                    self.runs[response_id] = prompt.draft
                case Release(response_id):
                    self.runs[response_id] = False
                case Stop(response_id):
                    self.runs.pop(response_id, None)
                    self.tools = {item_id for item_id in self.tools if self.calls[item_id][0] != response_id}
                case ListTools(item_id):
                    assert item_id not in self.listings
                    self.listings.add(item_id)
                case CallTool(response_id, item_id):
                    assert self.calls[item_id][0] == response_id
                    assert item_id not in self.tools
                    self.tools.add(item_id)
                case Hear() | Settle() | Forget() | Judge():
                    self._recogniser(effect)
                case _:
                    pass
        assert len([r for r in self.responses.values() if r.in_conversation]) <= 1, "two default responses"
        assert sum(self.runs.values()) <= 1, "two drafts"
        for response_id, is_draft in self.runs.items():
            assert is_draft or response_id in self.responses, f"{response_id} runs for nobody"
        making = {r.open.id for r in self.responses.values() if r.open}
        assert self.undone <= making | self.listings | set(self.calls), "added and never done"
        assert self.tools <= set(self.calls), "a tool works for nobody"

    def _recogniser(self, effect: Hear | Settle | Forget | Judge) -> None:
        match effect:
            case Hear(item_id, pcm):
                stream = self.streams.setdefault(item_id, Stream())
                assert not stream.is_closing, "more to hear after the last word"
                assert pcm
                stream.samples += samples_of(pcm)
            case Settle(item_id, cut, last):
                stream = self.streams[item_id]
                assert cut == stream.samples
                assert not stream.is_closing
                stream.is_closing = last
            case Forget(item_id):
                self.streams.pop(item_id, None)
            case Judge(item_id, cut, _, pcm):
                assert cut <= self.streams[item_id].samples
                assert samples_of(pcm) <= samples_in(MAX_JUDGED_MS)

    def _event(self, event: tell.ServerEvent) -> None:
        match event:
            case tell.ResponseCreated(response=response):
                assert response.id not in self.ended
                assert response.id not in self.responses
                assert (response.status, response.output, response.usage) == ("in_progress", (), None)
                self.responses[response.id] = WatchedResponse(response)
            case tell.ResponseDone(response=response):
                self.responses.pop(response.id).done(response)
                self.ended.add(response.id)
            case tell.ResponseOutputItemAdded():
                self.known_items.add(str(event.item.id))
                self.responses[event.response_id].added(event)
            case tell.ResponseOutputItemDone(item=McpCall()):
                self.decided.remove(str(event.item.id))
                assert (event.response_id, event.output_index) == self.calls.pop(str(event.item.id))
            case tell.ResponseOutputItemDone():
                self.responses[event.response_id].item_done(event)
            case _ if isinstance(event, CallEvent):
                self.responses[event.response_id].call(event)
                if isinstance(event, tell.ResponseMcpCallArgumentsDone):
                    self.calls[event.item_id] = (event.response_id, event.output_index)
            case _ if isinstance(event, McpCallEvent):
                assert self.calls[event.item_id][1] == event.output_index
                assert event.item_id not in self.decided
                if not isinstance(event, tell.ResponseMcpCallInProgress):
                    self.decided.add(event.item_id)
            case _ if isinstance(event, PartEvent):
                self.responses[event.response_id].part(event)
            case _:
                self._event_of_conversation(event)

    def _event_of_conversation(self, event: tell.ServerEvent) -> None:
        match event:
            case tell.ConversationItemAdded():
                self._added(event)
            case tell.ConversationItemDone():
                item_id = str(event.item.id)
                self.undone.remove(item_id)
                assert event.previous_item_id == self._before(item_id)
            case tell.ConversationItemDeleted():
                self.order.remove(event.item_id)
                self.deleted.add(event.item_id)
            case tell.InputAudioBufferSpeechStarted() | tell.InputAudioBufferTimeoutTriggered():
                assert event.item_id not in self.known_items
                self.known_items.add(event.item_id)
            case tell.InputAudioBufferCommitted():
                assert event.item_id not in self.order
                assert event.previous_item_id == (self.shown_order[-1] if self.order else None)
                self.known_items.add(event.item_id)
            case (
                tell.ConversationItemInputAudioTranscriptionDelta()
                | tell.ConversationItemInputAudioTranscriptionSegment()
                | tell.ConversationItemInputAudioTranscriptionCompleted()
                | tell.ConversationItemInputAudioTranscriptionFailed()
            ):
                self._transcription(event)
            case _ if isinstance(event, ToolsEvent):
                assert event.item_id in self.known_items
            case tell.ConversationItemTruncated() | tell.InputAudioBufferSpeechStopped():
                assert event.item_id in self.known_items
            case tell.ConversationItemRetrieved():
                assert event.item.id in self.order
            case _:
                pass

    def _added(self, event: tell.ConversationItemAdded) -> None:
        item_id = str(event.item.id)
        if item_id in self.order:
            assert self.takes_duplicates, f"{item_id} is in the conversation twice"
            self.order[self.order.index(item_id)] += "'"
        self.order.insert(self._place_after(event.previous_item_id), item_id)
        self.known_items.add(item_id)
        self.deleted.discard(item_id)
        self.undone.add(item_id)
        if isinstance(event.item, McpApprovalRequest):
            self.requests.append(item_id)

    def _place_after(self, previous: str | None) -> int:
        if previous is None:
            return 0
        if self.shown_order[-1] == previous:
            return len(self.order)
        return (self.order if previous in self.order else self.shown_order).index(previous) + 1

    def _before(self, item_id: str) -> str | None:
        index = self.order.index(item_id) if item_id in self.order else 0
        return self.shown_order[index - 1] if index else None

    @property
    def shown_order(self) -> list[str]:
        """The conversation by the ids that the wire shows."""
        return [item_id.rstrip("'") for item_id in self.order]

    def _transcription(self, event: Any) -> None:
        """The deltas add up to the transcript, and nothing follows it; deltas of live models come before the item."""
        assert event.item_id not in self.transcribed, event
        if isinstance(event, tell.ConversationItemInputAudioTranscriptionDelta):
            assert event.delta
            assert event.item_id not in self.deleted, event
            self.known_items.add(event.item_id)
            self.transcripts[event.item_id] = self.transcripts.get(event.item_id, "") + event.delta
            return
        assert event.item_id in self.order, event
        if isinstance(event, tell.ConversationItemInputAudioTranscriptionCompleted):
            assert event.transcript == self.transcripts.get(event.item_id, "")
            self.transcribed.add(event.item_id)
        elif isinstance(event, tell.ConversationItemInputAudioTranscriptionFailed):
            self.transcribed.add(event.item_id)


NO_STATUS = "none"
"""Of items that have no status: those of MCP."""


def status_of(item: Item) -> Any:
    """The status, of items that have one."""
    return getattr(item, "status", NO_STATUS)


def part_text(part: tell.Part) -> str:
    """The words of a part."""
    return part.text if isinstance(part, tell.TextPart) else part.transcript


def item_text(item: Item) -> str:
    """The words or the arguments of an item of a response."""
    if isinstance(item, FunctionCall):
        return item.arguments
    if isinstance(item, McpApprovalRequest):
        return ""
    assert isinstance(item, Message)
    (part,) = item.content
    assert isinstance(part, OutputText | OutputAudio)
    return part.text if isinstance(part, OutputText) else str(part.transcript)
