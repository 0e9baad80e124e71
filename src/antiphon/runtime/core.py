"""What the runtime needs of a core; `antiphon.session.session.Session` is the one that there is."""

from typing import Protocol

from antiphon.protocol.session import AudioFormat
from antiphon.session.effects import Effect
from antiphon.session.inputs import Input


class Core(Protocol):
    """The sans-IO session. Its owner hands it one input at a time and performs all effects before the next."""

    @property
    def session_id(self) -> str:
        """The session's id."""

    @property
    def deadline(self) -> float | None:
        """When a `Tick` is due, by the clock that `handle` is given."""

    @property
    def wants_scores(self) -> bool:
        """Whether audio that is taken now should be scored."""

    @property
    def input_format(self) -> AudioFormat:
        """What appends are coded in."""

    def handle(self, news: Input, now: float) -> list[Effect]:
        """What is to be done about an input. Any exception is a fault of ours."""
