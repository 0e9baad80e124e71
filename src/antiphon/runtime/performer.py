"""Does what the core asks of the world, without ever waiting: it queues, starts and stops."""

from collections.abc import Callable
from typing import Any

from antiphon.facts import Meter
from antiphon.protocol.ids import new_id
from antiphon.protocol.server_events import ResponseDone
from antiphon.runtime.answering import Answers
from antiphon.runtime.hearing import Hearings
from antiphon.runtime.judging import Judges
from antiphon.runtime.limits import Allowance
from antiphon.runtime.members import Members
from antiphon.runtime.tools import ToolCalls
from antiphon.session.effects import (
    CallTool,
    ClearOutput,
    Close,
    Effect,
    Forget,
    Hear,
    Judge,
    ListTools,
    Release,
    Report,
    Respond,
    Send,
    Settle,
    Stop,
    Warm,
)
from antiphon.session.inputs import Input, PlayoutCleared


class Performer:
    """The hands of one session."""

    def __init__(
        self,
        members: Members,
        hearings: Hearings,
        judges: Judges,
        answers: Answers,
        meter: Meter,
        *,
        tools: ToolCalls,
        allowance: Allowance,
        post: Callable[[Input], None],
    ) -> None:
        """`post` gives the core news, at once."""
        self._members = members
        self._allowance = allowance
        self._hearings = hearings
        self._answers = answers
        self._tools = tools
        self._do: dict[type, Callable[[Any], None]] = {
            Send: self._send,
            Hear: hearings.hear,
            Settle: hearings.settle,
            Judge: judges.judge,
            Forget: lambda effect: hearings.forget(effect.item_id),
            Warm: answers.warm,
            Respond: answers.start,
            Release: lambda effect: answers.release(effect.response_id),
            Stop: self._stop,
            ClearOutput: lambda _: post(PlayoutCleared(members.clear_output())),
            ListTools: tools.list,
            CallTool: tools.call,
            Report: lambda effect: meter.report(effect.fact),
            Close: lambda effect: members.close(effect.code, effect.reason),
        }

    def perform(self, effect: Effect) -> None:
        """Do it, or have it begun."""
        self._do[type(effect)](effect)

    def noted(self, news: Input) -> None:
        """The core is about to be told of this."""
        self._hearings.noted(news)

    def _send(self, effect: Send) -> None:
        self._members.tell(effect.event, new_id("event"), effect.to)
        if isinstance(effect.event, ResponseDone):
            limits = self._allowance.end(effect.event.response.usage)
            if limits is not None:
                self._members.tell_limits(limits)

    def _stop(self, effect: Stop) -> None:
        self._members.drop_audio(effect.response_id)
        self._answers.stop(effect.response_id)
        self._tools.stop(effect.response_id)
