"""The families of cases, in the order of a session's life."""

from collections.abc import Collection
from typing import Final

from antiphon.conformance import invariants
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
    *(*transcription.CASES, *dialects.CASES, *rest.CASES, *errors.CASES, *invariants.CASES),
)
"""Every case."""

NAMES: Final = tuple(dict.fromkeys(case.family for case in ALL))
"""The families' names."""

IDS: Final = tuple(case.id for case in ALL)
"""The cases' names."""


SHOWING: Final = (
    *("responses.written_sequence", "responses.spoken_sequence", "tools.call_sequence", "vad.turn"),
    *("cancel.cancelled", "transcription.deltas", "items.appended"),
)
"""Scenes that have a bit of everything, for laws that are to be judged by themselves."""


def chosen(families: Collection[str], ids: Collection[str]) -> tuple[Case, ...]:
    """The cases of these families and these ids, or all without any of both. Laws bring scenes to be judged by."""
    found = tuple(case for case in ALL if case.family in families or case.id in ids or not (families or ids))
    has_scenes = any(case.scene for case in found)
    return found if has_scenes else (*(case for case in ALL if case.id in SHOWING), *found)
