"""Beta's names for GA's events."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import inspect
from wire_samples import sample

from antiphon.dialects.names import RENAMED, RENAMINGS
from antiphon.protocol import codec
from antiphon.protocol.server_events import ServerEvent


@settings(deadline=None)
@given(st.one_of(*(sample(inspect.type_info(kind)) for kind in RENAMED)), st.text(max_size=9))
def test_a_renamed_frame_differs_in_its_type_alone(event: ServerEvent, event_id: str) -> None:
    """And goes back to GA by its name."""
    frame = codec.encode(event, event_id)
    renamed = json.loads(RENAMINGS[type(event)](frame))

    assert renamed["type"] == RENAMED[type(event)]
    assert codec.decode_server(json.dumps(renamed | {"type": json.loads(frame)["type"]})) == codec.decode_server(frame)


def test_no_two_events_share_a_name() -> None:
    """The way back is open."""
    assert len(set(RENAMED.values())) == len(RENAMED)
