"""Responses that follow by themselves, to tell what MCP tools have given; where the operator wants them.

The provider waits for the client's `response.create` after each call, and so do we by default. Callers on a telephone
have no client that would ask.
"""

from dataclasses import dataclass, replace

from antiphon.protocol.items import FunctionCall, McpCall
from antiphon.protocol.session import ToolChoice
from antiphon.session.calls import Calls
from antiphon.session.config import SessionSettings
from antiphon.session.conversation import Conversation, Entry
from antiphon.session.planning import standing
from antiphon.session.response import Answer, Plan

MAX_ROUNDS = 8
"""Responses that follow each other without the caller or the client; the last one may not call any more."""


@dataclass(frozen=True, slots=True)
class Followup:
    """What follows a response when the last of its calls has ended."""

    response_id: str
    plan: Plan
    made: tuple[Entry, ...]
    """What the response has made."""


class Followups:
    """All responses whose calls somebody has to tell of."""

    def __init__(self, settings: SessionSettings, conversation: Conversation, calls: Calls) -> None:
        self.calls = calls
        self._settings = settings
        self._conversation = conversation
        self._expected: list[Followup] = []

    def expect(self, answer: Answer) -> None:
        """A response has ended. If it waits for nobody but MCP tools, another one follows."""
        kinds = {type(entry.item) for entry in answer.output}
        if self._settings.follows_up and McpCall in kinds and FunctionCall not in kinds:
            self._expected.append(Followup(answer.id, answer.plan, tuple(answer.output)))

    def supersede(self, awaited: set[str]) -> None:
        """A response begins in the conversation that knows all calls which have ended, and waits for `awaited`."""
        self._expected = [
            one
            for one in self._expected
            if not one.plan.in_conversation or not self.calls.open_of(one.response_id) <= awaited
        ]

    def due(self, *, is_free: bool) -> list[Plan]:
        """The responses that begin now; `is_free` says whether one may speak in the conversation."""
        due = [one for one in self._expected if self._is_due(one) and (is_free or not one.plan.in_conversation)]
        self._expected = [one for one in self._expected if one not in due]
        beside = [one for one in due if not one.plan.in_conversation]
        inside = [one for one in due if one.plan.in_conversation][-1:]  # the last one can tell of all calls
        return [self._next(one) for one in (*beside, *inside)]

    def _is_due(self, one: Followup) -> bool:
        return not self.calls.open_of(one.response_id)

    def _next(self, one: Followup) -> Plan:
        plan = one.plan
        rounds = plan.rounds + 1
        choice: ToolChoice = "none" if rounds >= MAX_ROUNDS else "auto"
        context = standing(self._conversation) if plan.in_conversation else (*plan.context, *one.made)
        config = replace(plan.config, tool_choice=choice)
        return replace(plan, config=config, context=context, rounds=rounds, follows_turn=False)
