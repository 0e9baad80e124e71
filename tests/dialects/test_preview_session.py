"""Preview's session and responses in beta's terms."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import inspect
from wire_samples import sample

from antiphon.dialects import preview_shapes as preview
from antiphon.dialects.preview_session import ms_of, response_to_ga, session_to_beta, turn_detection_to_beta
from antiphon.dialects.wording import Worded
from antiphon.protocol.session import SemanticVad, ServerVad
from antiphon.protocol.wire import UNSET

SESSIONS: st.SearchStrategy[preview.Session] = sample(inspect.type_info(preview.Session))
RESPONSES: st.SearchStrategy[preview.Response] = sample(inspect.type_info(preview.Response))


@pytest.mark.parametrize(
    ("time", "ms"), [("250ms", 250), ("250", 250), ("250ms\n", 250), ("PT1.5S", 1500), ("PT2S", 2000), (7, 7)]
)
def test_times_are_milliseconds(time: str | int, ms: int) -> None:
    """ISO 8601 counts seconds."""
    assert ms_of(time) == ms


def test_turn_detection_keeps_what_is_not_there() -> None:
    """Absent keys stay absent."""
    assert turn_detection_to_beta(preview.ServerVad(threshold=0.5)) == ServerVad(threshold=0.5)
    assert turn_detection_to_beta(SemanticVad()) == SemanticVad()
    assert turn_detection_to_beta(preview.NoTurnDetection()) is None
    assert turn_detection_to_beta(None) is None
    assert turn_detection_to_beta(UNSET) is UNSET


@settings(deadline=None)
@given(SESSIONS, RESPONSES)
def test_every_session_and_response_has_a_meaning(session: preview.Session, response: preview.Response) -> None:
    """Or is refused by name."""
    for meant in (session_to_beta(session), response_to_ga(response)):
        assert not isinstance(meant, Worded) or meant.param
