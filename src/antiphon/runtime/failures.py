"""What the client is told of an engine that did not do its work."""

import asyncio

from antiphon.faults import log_fault
from antiphon.ports import EngineError


def failure_of(error: BaseException, engine: str) -> EngineError:
    """An engine's exception as the error to tell; `engine` is what to call it there.

    The engine's own words for `EngineError`, general ones for everything else. The exception is raised again if
    it is the end of the task that caught it.
    """
    if isinstance(error, EngineError):
        return error
    if isinstance(error, asyncio.CancelledError) and _is_being_cancelled():
        raise error
    if isinstance(error, TimeoutError):
        return EngineError(f"The {engine} did not answer in time.")
    log_fault(engine, error)
    return EngineError(f"The {engine} failed.")


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
