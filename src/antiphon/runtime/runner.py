"""The loop of one session: inputs in strict order into the core, its effects to the performer.

Frames are read only when they are taken out of the inbox, so each is read under the session as the ones before
have left it. Audio is scored then, if anybody wants scores; nothing overtakes an append.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence

from antiphon.facts import EngineFailed, Meter, Traffic
from antiphon.faults import log_fault
from antiphon.link import Binary, Frame, Link, Media, Text
from antiphon.owner import TaskOwner
from antiphon.ports import CLAIM, Claim, EngineSet
from antiphon.protocol import errors
from antiphon.protocol.ids import new_id
from antiphon.protocol.server_events import Error
from antiphon.runtime.answering import Answers
from antiphon.runtime.core import Core
from antiphon.runtime.hearing import Hearings
from antiphon.runtime.inbox import Framed, Inbox
from antiphon.runtime.judging import Judges
from antiphon.runtime.limits import Allowance
from antiphon.runtime.members import Member, Members
from antiphon.runtime.options import RuntimeOptions
from antiphon.runtime.performer import Performer
from antiphon.runtime.scoring import ScoringError, Stream
from antiphon.runtime.tape import Tape
from antiphon.runtime.tools import ToolCalls
from antiphon.session.effects import Effect, Send
from antiphon.session.inputs import Heard, Input, Joined, Left, Score, Tick

DONE = 1000
INTERNAL_ERROR = 1011

END_LIMIT_S = 10.0
"""How long the tasks of a session may take to end; more than any of them allows itself."""

_LOG = logging.getLogger("antiphon.runtime")


class Runner:
    """Runs one session for all its links."""

    def __init__(
        self,
        core: Core,
        engines: EngineSet,
        stream: Stream,
        meter: Meter,
        options: RuntimeOptions,
        *,
        allowance: Allowance,
        traffic: Traffic,
        tape: Tape | None = None,
    ) -> None:
        self._core = core
        self._stream = stream
        self._meter = meter
        self._clock = asyncio.get_running_loop().time
        self._inbox = Inbox()
        self._tape = tape or Tape()
        self._members = Members(options, traffic, self._tape)
        self._tasks = TaskOwner(self._break_off)
        self._performer = self._hands(engines, options, allowance)
        self._timer: asyncio.TimerHandle | None = None
        self._armed: float | None = None
        """The deadline that the timer is set to, or whose Tick is on its way."""
        self._has_scores = True
        self._tasks.start(self._run(), f"session {core.session_id}")

    def _hands(self, engines: EngineSet, options: RuntimeOptions, allowance: Allowance) -> Performer:
        put, tasks = self._inbox.put, self._tasks
        return Performer(
            self._members,
            Hearings(engines.asr, put, tasks, options.engine_limit_s),
            Judges(engines.turn, put, tasks, self._meter, self._core.session_id),
            Answers(
                engines.responder,
                put,
                self._members.room,
                tasks,
                options.engine_limit_s,
                allowance=allowance,
                ahead_s=options.ahead_s,
            ),
            self._meter,
            tools=ToolCalls(engines.tools, put, tasks, options.tool_limit_s),
            allowance=allowance,
            post=self._inbox.post,
        )

    @property
    def links(self) -> int:
        """How many links there are."""
        return len(self._members)

    async def serve(self, link: Link) -> None:
        """Let a link take part in the session until it, or the session, ends."""
        member = self._members.admit(link)
        self._inbox.post(Joined(member.origin, link.scope.takes_audio))
        reader = self._tasks.start(self._read(member), f"reading {member.origin}")
        try:
            await member.outbound.write(link)
        finally:
            reader.cancel()
            self._members.leave(member)
            if self.links:
                self._inbox.post(Left(member.origin))

    def watch(self, listener: Callable[[Sequence[Score]], None] | None) -> None:
        """Have a listener told of the VAD's scores, or nobody any more; it must be quick and must not raise."""
        self._stream.listener = listener

    def close(self, code: int, reason: str) -> None:
        """End all links once what waits has been sent."""
        self._members.close(code, reason)

    async def dismiss(self) -> None:
        """End the links that are left, and return when they have gone: a slow one is given up by its own limit."""
        self._members.close(DONE, "The call has ended.")
        await self._members.gone()

    async def end(self) -> None:
        """Stop everything. Called once the last link has gone."""
        if self._timer is not None:
            self._timer.cancel()
        await self._tasks.end(END_LIMIT_S)
        if len(self._tasks):
            _LOG.error("session %s: %d tasks do not end", self._core.session_id, len(self._tasks))

    async def _read(self, member: Member) -> None:
        """Put the frames of a link into the inbox, no faster than they are taken out."""
        try:
            while (frame := await member.link.receive()) is not None:
                await self._inbox.put(Framed(member.origin, frame, _size(frame)))
        finally:
            member.outbound.abandon()

    # The loop

    async def _run(self) -> None:
        CLAIM.set(Claim(self._core.session_id))
        while True:
            entry = await self._inbox.take()
            try:
                if isinstance(entry, Framed):
                    await self._take(entry)
                else:
                    self._handle(entry)
            except Exception as error:  # noqa: BLE001 -- a fault of ours ends this session, never the process
                log_fault(f"session {self._core.session_id}", error)
                self._break_off()
                return

    def _handle(self, news: Input) -> list[Effect]:
        """One input, all its effects; no await between them."""
        self._note(news)
        now = self._clock()
        try:
            effects = self._core.handle(news, now)
        finally:
            self._tape.handled(news, now)
        for effect in effects:
            self._performer.perform(effect)
        self._set_timer()
        return effects

    def _note(self, news: Input) -> None:
        """What the runtime itself has to do when the core is told."""
        if isinstance(news, Joined):
            self._members[news.origin].is_joined = True
        elif isinstance(news, Left):
            self._members.dismiss(news.origin)
        elif isinstance(news, Tick):
            self._armed = None
        else:
            self._performer.noted(news)

    def _set_timer(self) -> None:
        """Have a Tick come at the core's deadline."""
        deadline = self._core.deadline
        if deadline == self._armed:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._armed = deadline
        if deadline is not None:
            self._timer = asyncio.get_running_loop().call_at(deadline, self._inbox.post, Tick())

    def _break_off(self) -> None:
        """After a fault of ours: tell the client, and end."""
        self._tape.broke()
        self._members.tell(Error(error=errors.server_error(self._core.session_id)), new_id("event"))
        self._members.close(INTERNAL_ERROR, "The server had an error.")

    # Frames

    async def _take(self, entry: Framed) -> None:
        """Read a frame and hand on what it means."""
        member = self._members[entry.origin]
        member.traffic.received_bytes += entry.size
        self._tape.took(entry.origin, entry.frame)
        for number, news in enumerate(member.reader.read(entry.frame, self._core)):
            if not isinstance(news, Heard):
                self._handle(news)
                continue
            if number:
                await asyncio.sleep(0)
            await self._hear(news)

    async def _hear(self, news: Heard) -> None:
        """Tell the core of audio, with its scores."""
        if self._core.wants_scores:
            self._handle(Heard(news.origin, news.pcm, await self._scores(news.pcm), news.event_id))
        elif not _is_refused(self._handle(news)):
            self._stream.skip(news.pcm)

    async def _scores(self, pcm: bytes) -> tuple[Score, ...]:
        """The scores of the frames that the audio completes; none when the VAD fails, which is reported once."""
        try:
            return await self._stream.hear(pcm)
        except ScoringError as error:
            if self._has_scores:
                self._has_scores = False
                log_fault(f"the VAD of session {self._core.session_id}", error)
                self._meter.report(EngineFailed(self._core.session_id, "vad", str(error)))
            return ()


def _size(frame: Frame) -> int:
    match frame:
        case Text(data):
            return len(data)
        case Media(pcm):
            return len(pcm)
        case Binary(size):
            return size
        case _:
            return 0


def _is_refused(effects: list[Effect]) -> bool:
    """Whether the core did not take audio that nobody scores: its buffer is full."""
    return any(isinstance(effect, Send) and isinstance(effect.event, Error) for effect in effects)
