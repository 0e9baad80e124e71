"""Asks a server: plays the scenes, judges every trace by the laws, and tells each verdict as soon as it is known."""

import asyncio
import contextlib
import enum
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from antiphon.client import ClientError, Connection, ConnectionLost, UpgradeRefused, connect
from antiphon.conformance.bench import FULL_STATUSES, Bench, Target
from antiphon.conformance.case import Broken, Case, NotHere
from antiphon.conformance.expect import given
from antiphon.conformance.manner import Manner
from antiphon.conformance.traces import by_link, keep
from antiphon.protocol.server_events import Error
from antiphon.recording import Line
from antiphon.recording.recorder import safe_name

SCENE_LIMIT: Final = 6
"""How many times the patience a scene may last: no server may hold it up by a little noise now and then."""


WELCOME_S: Final = 5.0
"""How long a server may take to turn us away; one that says nothing is left to the cases."""
BAD_KEY: Final = 3000
"""The code of a close for want of the right key."""

FULL: Final = frozenset({"session_limit_reached"})
FULL_PAUSE_S: Final = 0.5


class Outcome(enum.Enum):
    """What came of a case."""

    PASSED = "passed"
    FAILED = "failed"
    ADVICE = "advice"
    """Broken, but nobody knows the rule for sure."""
    SKIPPED = "skipped"
    """The rule does not apply here, or the budget is spent."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one case at one server."""

    case: Case
    outcome: Outcome
    message: str = ""
    seconds: float = 0.0
    tokens: int = 0
    """As the server counts them."""
    lines: Sequence[Line] = ()
    """The trace, of a case that did not pass."""


Tell: TypeAlias = Callable[[Target, Verdict], None]


@dataclass(frozen=True, slots=True)
class Round:
    """One way of asking, for all servers."""

    cases: Sequence[Case]
    manner: Manner
    jobs: int = 1
    """Scenes at once."""
    budget: int | None = None
    """Tokens that may be spent at each server."""
    record: Path | None = None
    """Folder for the traces; each server gets one below."""
    tell: Tell = lambda _target, _verdict: None


async def reach(target: Target, limit_s: float) -> None:
    """Make sure that a server is there and lets us in. Raise ClientError, which says what to do, where it is not so."""
    try:
        async with connect(
            target.url, api_key=target.api_key, model=target.model, open_timeout_s=limit_s
        ) as connection:
            await _welcome(connection)
    except UpgradeRefused as refused:
        if refused.status not in FULL_STATUSES:
            raise
    except ConnectionLost as lost:
        if lost.code == BAD_KEY:
            raise


async def _welcome(connection: Connection) -> None:
    """Wait for the first event, and where it is an error, for what follows."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(WELCOME_S):
            first = await connection.receive()
            if isinstance(first, Error):
                await connection.receive()


async def ask(target: Target, plan: Round) -> list[Verdict]:
    """Ask one server; the verdicts in the order of the cases."""
    asking = _Asking(target, plan)
    waiting = iter([case for case in plan.cases if case.scene is not None])
    await asyncio.gather(*(asking.work(waiting) for _ in range(plan.jobs)))
    for each in plan.cases:
        if each.judge is not None:
            asking.settle(asking.judged(each))
    order = {case.id: n for n, case in enumerate(plan.cases)}
    return sorted(asking.verdicts, key=lambda verdict: order[verdict.case.id])


@dataclass(slots=True)
class _Asking:
    """One server, being asked."""

    target: Target
    plan: Round
    verdicts: list[Verdict] = field(default_factory=list)
    spent: int = 0
    broken: dict[str, tuple[str, Sequence[Line]]] = field(default_factory=dict)
    """The first trace that breaks a law, by the law's id, and what is wrong with it."""
    judged_traces: int = 0

    async def work(self, waiting: Iterable[Case]) -> None:
        """Play scenes as long as there are any."""
        for case in waiting:
            self.settle(await self.played(case))

    def settle(self, verdict: Verdict) -> None:
        """Keep a verdict, and tell it."""
        self.verdicts.append(verdict)
        self.plan.tell(self.target, verdict)

    async def played(self, case: Case) -> Verdict:
        """Play one scene."""
        if case.needs_key and self.target.api_key is None:
            return Verdict(case, Outcome.SKIPPED, "the server asks for no key, or none was given")
        if self.plan.budget is not None and self.spent + case.cost.tokens > self.plan.budget:
            return Verdict(case, Outcome.SKIPPED, f"the budget is spent: {self.spent} of {self.plan.budget} tokens")
        self.spent += case.cost.tokens  # reserved, until we know better
        began = time.monotonic()
        outcome, message, lines = await self._with_room(case)
        tokens = tokens_in(lines, case.cost.tokens)
        self.spent += tokens - case.cost.tokens
        self.judge(case.id, lines)
        if self.plan.record is not None:
            folder = self.plan.record / safe_name(self.target.title)
            await asyncio.to_thread(keep, folder, case.id, self.target, lines)
        shown = lines if outcome in {Outcome.FAILED, Outcome.ADVICE} else ()
        return Verdict(case, outcome, message, time.monotonic() - began, tokens, shown)

    async def _with_room(self, case: Case) -> tuple[Outcome, str, Sequence[Line]]:
        """Play a scene, again while the server has no room for it."""
        deadline = time.monotonic() + self.plan.manner.patience_s
        while True:
            bench = Bench(self.target, self.plan.manner)
            outcome, message = await self._outcome(case, bench)
            if not is_full(bench.lines) or time.monotonic() > deadline:
                return outcome, message, tuple(bench.lines)
            await asyncio.sleep(FULL_PAUSE_S)

    def judged(self, case: Case) -> Verdict:
        """What came of a law, once all scenes have been played."""
        if not self.judged_traces:
            return Verdict(case, Outcome.SKIPPED, "there was no trace to judge")
        if case.id not in self.broken:
            return Verdict(case, Outcome.PASSED)
        message, lines = self.broken[case.id]
        return Verdict(case, Outcome.ADVICE if case.is_advice else Outcome.FAILED, message, lines=lines)

    async def _outcome(self, case: Case, bench: Bench) -> tuple[Outcome, str]:
        limit_s = self.plan.manner.patience_s * SCENE_LIMIT
        try:
            async with asyncio.timeout(limit_s):
                await given(case.scene)(bench)
        except NotHere as why:
            return Outcome.SKIPPED, str(why)
        except Broken as broken:
            message = str(broken)
        except ClientError as error:
            message = error.message
        except TimeoutError:
            message = f"the scene was not over after {limit_s:g} s"
        except Exception as error:  # noqa: BLE001 -- a server may send anything; what no scene can read is wrong
            message = f"what came makes no sense: {type(error).__name__}: {error}"
        else:
            return Outcome.PASSED, ""
        return (Outcome.ADVICE if case.is_advice else Outcome.FAILED), message

    def judge(self, name: str, lines: Sequence[Line]) -> None:
        """Hold a trace against every law that has not been broken yet."""
        self.judged_traces += 1
        for each in self.plan.cases:
            if each.judge is None or each.id in self.broken:
                continue
            for link in by_link(lines):
                if wrong := _wrong_in(each, link):
                    self.broken[each.id] = (f"{name}: {wrong[0]}", link)
                    break


def is_full(lines: Iterable[Line]) -> bool:
    """Whether the server had no room for another session. Some hold few, and need a moment to let go of the last."""
    errors = (line.event.get("error") for line in lines if line.way == "server" and line.event.get("type") == "error")
    return any(isinstance(each, dict) and FULL & {str(each.get("code")), str(each.get("type"))} for each in errors)


def tokens_in(lines: Iterable[Line], estimate: int) -> int:
    """What a trace has cost, as the server counts; at least the estimate where it did not say for a response."""
    total = unknown = 0
    for line in lines:
        if line.way == "server":
            response = line.event.get("response")
            usage = response.get("usage") if isinstance(response, dict) else line.event.get("usage")
            tokens = usage.get("total_tokens") if isinstance(usage, dict) else None
            total += tokens if isinstance(tokens, int) else 0
            unknown += line.event.get("type") == "response.created"
            unknown -= line.event.get("type") == "response.done" and isinstance(tokens, int)
    return max(total, estimate) if unknown > 0 else total


def judge(traces: Iterable[tuple[str, Sequence[Line]]], laws: Sequence[Case]) -> list[Verdict]:
    """Hold recorded traces against the laws, without any server."""
    asking = _Asking(Target(""), Round(laws, Manner()))
    for name, lines in traces:
        asking.judge(name, lines)
    return [asking.judged(each) for each in laws]


def _wrong_in(law: Case, link: Sequence[Line]) -> Sequence[str]:
    try:
        return given(law.judge)(link)
    except Exception as error:  # noqa: BLE001 -- a server may send anything; what no law can read is wrong
        return [f"what came makes no sense: {type(error).__name__}: {error}"]
