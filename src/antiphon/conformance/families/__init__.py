"""The families of cases, in the order of a session's life."""

from collections.abc import Collection
from typing import Final

from antiphon.conformance.case import Case
from antiphon.conformance.families import (
    auth,
    buffer,
    cancel,
    connect,
    dialects,
    errors,
    items,
    out_of_band,
    responses,
    rest,
    session,
    tools,
    transcription,
    truncation,
    vad,
)

ALL: Final[tuple[Case, ...]] = (
    *(*connect.CASES, *auth.CASES, *session.CASES, *items.CASES, *buffer.CASES, *vad.CASES),
    *(*responses.CASES, *tools.CASES, *out_of_band.CASES, *cancel.CASES, *truncation.CASES),
    *(*transcription.CASES, *dialects.CASES, *rest.CASES, *errors.CASES),
)
"""Every case."""

NAMES: Final = tuple(dict.fromkeys(case.family for case in ALL))
"""The families' names."""

IDS: Final = tuple(case.id for case in ALL)
"""The cases' names."""


def chosen(families: Collection[str], ids: Collection[str]) -> tuple[Case, ...]:
    """The cases of these families and these ids, or all without any of both."""
    return tuple(case for case in ALL if case.family in families or case.id in ids or not (families or ids))
