"""Any order of anything: clients right and wrong, audio, engines alive and dead, time.

The machine makes inputs at random; `corewatch` says what must hold of the effects. At the end the tape of the session
is replayed on a fresh one, which has to do the same.
"""

import os
from typing import Any

from corechance import (
    CLIENT_EVENTS,
    DELTAS,
    ITEMS,
    LEVELS,
    LISTS,
    MCP_ERRORS,
    NAMES,
    REALTIME_UPDATES,
    RESPONSES,
    TRANSCRIPTS,
    USAGES,
    WORDS,
    good_url,
)
from corescript import LINK, Sound, Stage, new_settings, replayed, says
from corewatch import Watch
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from antiphon.ports import CallDelta, Delta, Transcript, Usage
from antiphon.protocol import client_events as said
from antiphon.protocol import errors
from antiphon.protocol import server_events as tell
from antiphon.protocol.items import InputText, McpApprovalResponse, McpListedTool, Message
from antiphon.protocol.session import McpTool, RealtimeSessionUpdate
from antiphon.session.config import Context, shown
from antiphon.session.effects import Effect, Send, Settle
from antiphon.session.inputs import (
    Broke,
    Called,
    Finished,
    Heard,
    Input,
    Joined,
    Judged,
    Left,
    Listed,
    Produced,
    Received,
    Recognised,
    Refused,
    Tick,
    Unrecognised,
)

EXAMPLES = os.environ.get("CORE_EXAMPLES", "")
"""How many sessions are played, at random: a few thousand take minutes. By default always the same 300."""
CUTS = st.none() | st.sampled_from([0, 10, 150, 9000])
ORIGINS = st.sampled_from([LINK, "link_2"])


class CoreMachine(RuleBasedStateMachine):
    """One session and all that can happen to it."""

    def __init__(self) -> None:
        super().__init__()
        self.watch = Watch()
        self.told: list[Effect] = []
        self.settles: list[Settle] = []
        self.number = 0
        self.is_sound = False
        """Whether the last input was taken without a fault."""

    @initialize(
        kind=st.sampled_from(["realtime", "realtime", "realtime", "transcription"]),
        has_asr=st.sampled_from([True, True, True, False]),
        tool_refusal=st.sampled_from([good_url, good_url, None]),
        follows_up=st.booleans(),
        takes_duplicates=st.booleans(),
        hears_audio=st.sampled_from([False, False, True]),
        flags=st.tuples(st.booleans(), st.booleans(), st.booleans()),
        context=st.sampled_from([None, None, Context(60, lambda text: len(text.split()))]),
        lifetime_s=st.sampled_from([None, 60]),
        update=st.none() | REALTIME_UPDATES,
    )
    def opens(self, flags: tuple[bool, bool, bool], update: Any, **given: Any) -> None:
        """A session is made, joined and perhaps set up."""
        sees_images, has_turn_model, anticipates = flags
        self.session = Stage(
            new_settings(
                sees_images=sees_images,
                has_turn_model=has_turn_model,
                anticipates=anticipates,
                templates={"greeting": "Greet {{name}}."},
                **given,
            )
        )
        self.watch.takes_duplicates = self.session.settings.takes_duplicates
        self.hand(Joined(LINK))
        if update is not None:
            self.hand(Received(LINK, said.SessionUpdate(session=update)))

    def hand(self, news: Input) -> list[Effect]:
        """One input; its effects are watched."""
        self.is_sound = False
        effects = self.session.handle(news, self.session.now)
        self.watch.heard_from_engines(news)
        self.watch.take(effects)
        self.is_sound = True
        self.told += effects
        self.settles += [effect for effect in effects if isinstance(effect, Settle)]
        return effects

    # Clients

    @rule(event=CLIENT_EVENTS, origin=ORIGINS)
    def says(self, event: said.ClientEvent, origin: str) -> None:
        """A client says something, sensible or not; what is refused changes nothing."""
        self.number += 1
        named = type(event)(**{k: getattr(event, k) for k in event.__struct_fields__} | {"event_id": str(self.number)})
        before = state(self.session)
        effects = self.hand(Received(origin, named))
        if any(is_error(effect, named.event_id) for effect in effects):
            assert [effect for effect in effects if isinstance(effect, Send)] == [effects[-1]]
            assert state(self.session) == before

    @precondition(lambda self: self.watch.known_items)
    @rule(data=st.data(), deletes=st.booleans())
    def means_what_is_known(self, data: st.DataObject, *, deletes: bool) -> None:
        """A client takes an id that it has seen, or deletes what it names."""
        item_id = data.draw(st.sampled_from(sorted(self.watch.known_items)))
        item = Message(id=item_id, role="user", content=(InputText(text="Mine."),))
        if deletes:
            self.says(said.ConversationItemDelete(item_id=item_id), LINK)
        self.says(said.ConversationItemCreate(item=item), LINK)

    @rule(origin=ORIGINS, joins=st.booleans())
    def comes_or_goes(self, origin: str, joins: bool) -> None:
        """Links join and leave at any time, twice if they like."""
        assert len(self.hand(Joined(origin) if joins else Left(origin))) == int(joins)

    @rule(origin=ORIGINS)
    def is_not_understood(self, origin: str) -> None:
        """A frame that is no event."""
        error = errors.binary_frame()
        assert self.hand(Refused(origin, error)) == [Send(tell.Error(error=error), to=origin)]

    # The caller

    @rule(ms=st.sampled_from([1, 20, 96, 100, 320, 3000]), level=LEVELS)
    def sounds(self, ms: int, level: float) -> None:
        """The microphone gives something."""
        self.hand(self.session.append_of(Sound(ms, level, b"\1\2")))

    @rule(words=WORDS)
    def takes_a_turn(self, words: str) -> None:
        """Speech, then silence, and the recogniser does its work: what happens most."""
        for sound in (Sound(320, 0.9, b"\1\2"), Sound(64, 0.0, b"\0\0")):
            self.hand(self.session.append_of(sound))
        self.recognises_what_was_asked(Transcript(words))
        self.hand(self.session.append_of(Sound(960, 0.0, b"\0\0")))
        self.recognises_what_was_asked(Transcript(words))

    @rule(sentences=st.lists(st.sampled_from([20, 100, 300]), min_size=1, max_size=3), ends=st.booleans(), cut=CUTS)
    def is_answered_aloud(self, sentences: list[int], *, ends: bool, cut: int | None) -> None:
        """The client asks, the engine speaks as it should, and the client may cut what was said."""
        self.says(said.ResponseCreate(), LINK)
        for response_id in self.speaking():
            for number, ms in enumerate(sentences):
                for piece in says(response_id, (f"Sentence {number}. ", ms), start=12 * number):
                    self.hand(piece)
            if ends:
                self.hand(Finished(response_id, Usage(5, 0, 7)))
        if cut is not None and self.watch.order:
            truncate = said.ConversationItemTruncate(item_id=self.watch.order[-1], content_index=0, audio_end_ms=cut)
            self.says(truncate, LINK)

    @rule(
        approval=st.sampled_from(["never", "never", "always"]),
        calls=st.lists(st.sampled_from(["f", "g"]), min_size=1, max_size=3),
        arguments=st.sampled_from(["{}", "", "["]),
        end=st.sampled_from(["finishes", "breaks", "goes on", "is cancelled"]),
    )
    def is_answered_by_a_tool(self, approval: Any, calls: list[str], arguments: str, end: str) -> None:
        """The client brings a server, which names its tools, and the engine calls some of them."""
        server = McpTool(server_label="a", server_url="https://good.example", require_approval=approval)
        self.says(said.SessionUpdate(session=RealtimeSessionUpdate(tools=(server,))), LINK)
        for item_id in sorted(self.watch.listings):
            self.hand(Listed(item_id, tuple(McpListedTool(name=name, input_schema={}) for name in ("f", "g"))))
        self.says(said.ResponseCreate(), LINK)
        for response_id in self.speaking():
            for number, name in enumerate(calls):
                self.hand(Produced(response_id, CallDelta(number, name=name, arguments=arguments)))
            if end == "finishes":
                self.hand(Finished(response_id, Usage()))
            elif end == "breaks":
                self.hand(Broke(response_id, "Out of order."))
            elif end == "is cancelled":
                self.says(said.ResponseCancel(), LINK)

    def speaking(self) -> list[str]:
        """The response that speaks in the conversation, if its engine runs."""
        runs = (response_id for response_id, is_draft in self.watch.runs.items() if not is_draft)
        return [response_id for response_id in runs if self.watch.responses[response_id].in_conversation]

    @rule()
    def brings_no_audio(self) -> None:
        """An append of nothing, by RTP perhaps."""
        self.hand(Heard(LINK, b""))

    # Engines

    @precondition(lambda self: self.watch.runs)
    @rule(data=st.data(), deltas=st.lists(DELTAS, min_size=1, max_size=4), usage=USAGES)
    def answers(self, data: st.DataObject, deltas: list[Delta], usage: Usage) -> None:
        """An engine that runs gives pieces."""
        response_id = data.draw(st.sampled_from(sorted(self.watch.runs)))
        for delta in deltas:
            if response_id in self.watch.runs:
                self.hand(Produced(response_id, delta, usage))

    @precondition(lambda self: self.watch.runs)
    @rule(data=st.data(), usage=USAGES, fails=st.sampled_from([False, False, True]))
    def ends(self, data: st.DataObject, usage: Usage, fails: bool) -> None:
        """An engine that runs comes to its end."""
        response_id = data.draw(st.sampled_from(sorted(self.watch.runs)))
        self.hand(Broke(response_id, "Out of order.", usage=usage) if fails else Finished(response_id, usage))

    @rule(response_id=RESPONSES, delta=DELTAS)
    def haunts(self, response_id: str, delta: Delta) -> None:
        """What does not run says something: nobody hears it."""
        if response_id not in self.watch.runs | self.watch.responses:
            assert self.hand(Produced(response_id, delta)) == []

    @precondition(lambda self: self.settles)
    @rule(transcript=TRANSCRIPTS)
    def recognises_what_was_asked(self, transcript: Transcript) -> None:
        """The recogniser answers, the oldest question first."""
        for settle in self.settles[:1]:
            self.settles.remove(settle)
            self.hand(Recognised(settle.item_id, transcript, cut=settle.cut, final=True))

    @rule(item_id=ITEMS, transcript=TRANSCRIPTS, cut=st.sampled_from([0, 2400, 7680]), final=st.booleans())
    def recognises(self, item_id: str, transcript: Transcript, cut: int, final: bool) -> None:
        """The recogniser says anything of anything."""
        self.hand(Recognised(item_id, transcript, cut=cut, final=final))

    @rule(item_id=ITEMS)
    def hears_nothing(self, item_id: str) -> None:
        """The recogniser fails."""
        self.hand(Unrecognised(item_id, "No ears."))

    # Tools

    @precondition(lambda self: self.watch.listings)
    @rule(data=st.data(), tools=LISTS, error=MCP_ERRORS)
    def lists(self, data: st.DataObject, tools: Any, error: Any) -> None:
        """An MCP server answers what it was asked."""
        item_id = data.draw(st.sampled_from(sorted(self.watch.listings)))
        self.hand(Listed(item_id, () if error else tools, error))

    @precondition(lambda self: self.watch.tools)
    @rule(data=st.data(), output=WORDS, error=MCP_ERRORS)
    def gives(self, data: st.DataObject, output: str, error: Any) -> None:
        """An MCP tool that works comes to its end."""
        self.hand(Called(data.draw(st.sampled_from(sorted(self.watch.tools))), output, error))

    @rule(item_id=NAMES, is_list=st.booleans())
    def haunts_as_a_tool(self, item_id: str, *, is_list: bool) -> None:
        """A server or a tool that nobody asked says something: nobody hears it."""
        assert self.hand(Listed(item_id) if is_list else Called(item_id)) == []

    @precondition(lambda self: self.watch.requests)
    @rule(data=st.data(), approve=st.booleans())
    def decides(self, data: st.DataObject, *, approve: bool) -> None:
        """The client answers a request for approval, perhaps twice."""
        request_id = data.draw(st.sampled_from(self.watch.requests))
        item = McpApprovalResponse(approval_request_id=request_id, approve=approve)
        self.says(said.ConversationItemCreate(item=item), LINK)

    @rule(item_id=ITEMS, cut=st.sampled_from([2400, 7680]), finished=st.sampled_from([0.0, 0.5, 1.0]))
    def judges(self, item_id: str, cut: int, finished: float) -> None:
        """The turn model says anything of anything."""
        assert self.hand(Judged(item_id, cut, finished)) == []

    # Time

    @rule(seconds=st.sampled_from([0.0, 0.5, 6.0]))
    def waits(self, seconds: float) -> None:
        """Time goes by, and somebody looks at the clock."""
        self.session.now += seconds
        self.hand(Tick())

    @precondition(lambda self: self.session.deadline is not None)
    @rule()
    def waits_until_it_is_due(self) -> None:
        """A `Tick` at the deadline always settles it."""
        due = self.session.deadline
        assert due is not None
        self.session.now = max(self.session.now, due)
        assert self.hand(Tick())
        assert self.session.deadline is None or self.session.deadline > due

    @invariant()
    def the_conversation_is_what_was_told(self) -> None:
        """A client that follows the events knows every item and its place."""
        if hasattr(self, "session"):
            assert [entry.id for entry in self.session._conversation] == self.watch.shown_order

    def teardown(self) -> None:
        """Everything comes to its end; nothing is left over; the tape gives the same effects again."""
        if not self.is_sound:
            return
        self.hand(Received(LINK, said.InputAudioBufferClear()))
        assert not any(self.watch.runs.values()), "a draft of no turn"
        for _ in range(20):  # as often as responses may follow each other, and more
            self.comes_to_an_end()
        assert (self.watch.calls, self.watch.tools, self.watch.listings) == ({}, set(), set())
        assert self.watch.streams == {}, "recogniser streams are left open"
        assert self.watch.undone == set()
        assert replayed(self.session) == self.told

    def comes_to_an_end(self) -> None:
        """Engines and servers answer all that they were asked; what still waits is cancelled."""
        for item_id in sorted(self.watch.listings):
            self.hand(Listed(item_id))
        for request_id in self.watch.requests:
            item = McpApprovalResponse(approval_request_id=request_id, approve=False)
            self.hand(Received(LINK, said.ConversationItemCreate(item=item)))
        while self.settles:
            self.recognises_what_was_asked(Transcript("Last words."))
        for item_id in sorted(self.watch.tools):
            self.hand(Called(item_id, "Done."))
        for response_id in sorted(self.watch.runs):
            if response_id in self.watch.runs:
                self.hand(Finished(response_id, Usage()))
        for response_id in sorted(self.watch.responses):
            if response_id not in self.watch.runs and not self.settles:
                self.hand(Received(LINK, said.ResponseCancel(response_id=response_id)))


def is_error(effect: Effect, event_id: Any) -> bool:
    """Whether an event of the client's was refused."""
    return isinstance(effect, Send) and isinstance(effect.event, tell.Error) and effect.event.error.event_id == event_id


def state(session: Stage) -> Any:
    """What a client could find out about a session."""
    return (
        shown(session.config, session.settings),
        [entry.retrieved() for entry in session._conversation],
        sorted(session._responses._open),
        session._caller.turn_id,
        session.deadline,
        session._caller._listening.buffer.pending_ms,
    )


TestCore = CoreMachine.TestCase
TestCore.settings = settings(
    max_examples=int(EXAMPLES or 300),
    derandomize=not EXAMPLES,
    stateful_step_count=40,
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
