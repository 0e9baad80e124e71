"""The matrix of events by dialect is what really crosses sockets, and `docs/conformance.md` tells it."""

import asyncio

import pytest

import conformance
from antiphon.protocol.codec import WEBSOCKET_TYPES
from conformance import DIALECTS, ELSEWHERE, NOT_SEEN, OF_BETA, OLDER, SERVER, TYPES, Record, name_in


@pytest.fixture(scope="module")
def record() -> Record:
    """All stories, played once."""
    return asyncio.run(conformance.recorded())


def test_every_event_of_ga_is_seen(record: Record) -> None:
    """All but those of calls, and those that only older dialects get."""
    assert set(SERVER) - record.seen["ga"] == (set(ELSEWHERE) & set(SERVER)) | set(OLDER)


def test_every_event_of_a_client_is_taken(record: Record) -> None:
    """Each dialect's whole list, but for the one of calls."""
    assert record.sent["ga"] == set(WEBSOCKET_TYPES)
    assert record.sent["beta"] == set(TYPES["beta"]) - set(ELSEWHERE)
    assert record.sent["preview"] == set(TYPES["preview"])


def test_nobody_is_told_of_what_is_not_in_the_dialect(record: Record) -> None:
    """Old clients take an unknown event for a broken connection."""
    for dialect in DIALECTS:
        known = {name_in(kind, dialect) for kind in SERVER} | (set(OF_BETA) if dialect == "beta" else set())
        assert record.seen[dialect] <= known


def test_the_page_is_fresh(record: Record) -> None:
    """`make docs` would change nothing, and nothing is left unseen."""
    section = conformance.section_of(record)

    assert conformance.on_page(conformance.PAGE.read_text("utf-8")) == section
    assert NOT_SEEN not in section
