"""What can go wrong with weights, told in at most three lines."""

from collections.abc import Iterable

from antiphon.engines.registry import SetupError


class PullError(SetupError):
    """Weights cannot be fetched, or what came is not what was promised."""


class UnknownWeights(SetupError, LookupError):
    """The catalogue has no weights of this name."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(f'The catalogue has no weights "{name}".', f"it has: {', '.join(known)}")
