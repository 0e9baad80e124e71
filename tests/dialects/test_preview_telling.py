"""What a preview client is told, and what it would not understand."""

import json

from older_facts import table

from antiphon.dialects.beta_telling import TELLINGS as BETAS
from antiphon.dialects.names import RENAMED
from antiphon.dialects.preview import Preview
from antiphon.dialects.preview_telling import TELLINGS, UNSAID
from antiphon.protocol import server_events as ga
from antiphon.protocol.session import TranscriptionSession


def test_nothing_is_both_told_and_unsaid() -> None:
    """But for what beta tells."""
    assert not set(TELLINGS) & UNSAID - set(BETAS)
    assert not set(RENAMED) & UNSAID


def test_the_callers_words_have_no_price() -> None:
    """Preview does not know usage."""
    [frame] = Preview().send(
        ga.ConversationItemInputAudioTranscriptionCompleted(
            item_id="item_1", transcript="Hello", usage=ga.TranscriptionDuration(seconds=1)
        ),
        "event_1",
    )

    assert json.loads(frame) == {
        "type": "conversation.item.input_audio_transcription.completed",
        "event_id": "event_1",
        "item_id": "item_1",
        "content_index": 0,
        "transcript": "Hello",
    }


def test_there_are_27_events() -> None:
    """And we send each of them."""
    assert len(table("preview").server) == 27


def test_a_session_that_only_transcribes_is_told_as_beta_does() -> None:
    """No URL of preview opens one."""
    event = ga.SessionCreated(session=TranscriptionSession(id="sess_1", expires_at=1))
    [frame] = Preview().send(event, "event_1")

    assert json.loads(frame)["type"] == "transcription_session.created"
