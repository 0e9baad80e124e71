"""A case: one rule of the protocol, the evidence for it, what it costs to ask, and the scene that asks.

A family is a module of `antiphon.conformance.families`; its decorated functions are its cases, in their order.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias

from antiphon.recording import Line

TEXT_TOKENS: Final = 400
"""A guess at a written answer: a provider's instructions, a short question, up to a hundred words."""
SPOKEN_TOKENS: Final = 900
"""A guess at a spoken one: the same, and some ten seconds of sound."""
HEARD_TOKENS_S: Final = 10
"""What a second of the caller's speech counts."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """How we know of a rule."""

    kind: Literal["observed", "schema", "thread", "unverified"]
    """Recorded from the provider; written in its schema, documents or SDKs; reported in public; our best reading."""
    where: str = ""
    """`owner/repository#number` of a thread."""

    def __str__(self) -> str:
        return f"{self.kind} {self.where}".rstrip()


OBSERVED: Final = Evidence("observed")
SCHEMA: Final = Evidence("schema")
UNVERIFIED: Final = Evidence("unverified")


def thread(where: str) -> Evidence:
    """A report in public."""
    return Evidence("thread", where)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a case asks of a server that counts."""

    written: int = 0
    """Answers in text."""
    spoken: int = 0
    """Answers in sound."""
    heard_s: float = 0.0
    """Seconds of audio sent."""

    @property
    def responses(self) -> int:
        """Answers of both kinds."""
        return self.written + self.spoken

    @property
    def tokens(self) -> int:
        """An estimate, rather too high than too low."""
        return self.written * TEXT_TOKENS + self.spoken * SPOKEN_TOKENS + round(self.heard_s * HEARD_TOKENS_S)


Scene: TypeAlias = Callable[[Any], Awaitable[None]]
"""Plays a case with a `Bench`. Raises `Broken` where the rule is broken, `NotHere` where it does not apply."""

Judge: TypeAlias = Callable[[Sequence[Line]], Sequence[str]]
"""Names what is wrong in the trace of one link."""


@dataclass(frozen=True, slots=True)
class Case:
    """One rule. It has a scene of its own, or is a law: judged over the traces of all scenes."""

    name: str
    rule: str
    evidence: Evidence
    cost: Cost = Cost()
    scene: Scene | None = None
    judge: Judge | None = None
    needs_key: bool = False
    """Only a server with keys can be asked."""
    family: str = ""

    @property
    def id(self) -> str:
        """What it is called on the command line and in reports."""
        return f"{self.family}.{self.name}"

    @property
    def is_advice(self) -> bool:
        """Whether it does not count against a server, for nobody knows the rule for sure."""
        return self.evidence.kind == "unverified"


class Broken(Exception):
    """The server broke the rule; the message says what was expected and what came."""


class NotHere(Exception):
    """The rule does not apply to this server; the message says why."""


def case(
    evidence: Evidence,
    *,
    written: int = 0,
    spoken: int = 0,
    heard_s: float = 0.0,
    needs_key: bool = False,
) -> Callable[[Scene], Case]:
    """Make a case of a scene: its name becomes the case's, its docstring the rule."""

    def made(scene: Scene) -> Case:
        cost = Cost(written, spoken, heard_s)
        return Case(_name(scene), _rule(scene), evidence, cost, scene=scene, needs_key=needs_key)

    return made


def law(evidence: Evidence) -> Callable[[Judge], Case]:
    """Make a case of what every trace must satisfy: its name becomes the case's, its docstring the rule."""

    def made(judge: Judge) -> Case:
        return Case(_name(judge), _rule(judge), evidence, judge=judge)

    return made


def cases_in(family: str, names: Mapping[str, Any]) -> tuple[Case, ...]:
    """The cases of a module, in the order of their definition."""
    return tuple(replace(each, family=family) for each in names.values() if isinstance(each, Case))


def _name(function: Callable[..., Any]) -> str:
    return str(getattr(function, "__name__", ""))


def _rule(function: Callable[..., Any]) -> str:
    return " ".join((function.__doc__ or "").split())
