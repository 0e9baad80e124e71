"""How faults of ours are logged: what and where, but never the exception's own words.

Those may quote what a caller said, an argument of a tool or a key, and none of these belongs in a log.
"""

import logging
import traceback

_LOG = logging.getLogger("antiphon.faults")


def log_fault(where: str, error: BaseException) -> None:
    """One line at error level; it names the kinds of the exceptions and the lines that they passed."""
    _LOG.error("fault in %s: %s", where, told(error))


def told(error: BaseException) -> str:
    """The exception, and those that led to it, by kind and place.

    >>> try:
    ...     raise ValueError("the secret")
    ... except ValueError as error:
    ...     told(error)
    'ValueError (<module> line 2)'
    """
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__ or cause.__context__
    return " from ".join(f"{type(link).__qualname__} ({_places(link)})" for link in chain)


def _places(error: BaseException) -> str:
    """The lines that it passed, the innermost last."""
    frames = traceback.extract_tb(error.__traceback__)
    return " > ".join(f"{frame.name} line {frame.lineno}" for frame in frames) or "not raised"
