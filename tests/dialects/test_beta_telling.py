"""What a beta client is told of events that no session of ours sends it, and of what GA says beside them."""

import json
from typing import Any

import pytest

from antiphon.dialects.beta import Beta
from antiphon.dialects.beta_telling import TELLINGS, UNSAID
from antiphon.dialects.names import RENAMED
from antiphon.protocol import server_events as ga
from antiphon.protocol.errors import ErrorDetail
from antiphon.protocol.items import InputImage, InputText, McpCall, Message

MCP = McpCall(id="item_1", server_label="s", name="n", arguments="{}")
PICTURE = Message(
    id="item_1", role="user", content=(InputText(text="Look:"), InputImage(image_url="data:image/png;base64,AA"))
)


def told(event: ga.ServerEvent) -> list[dict[str, Any]]:
    return [json.loads(frame) for frame in Beta().send(event, "event_1")]


def test_each_event_is_told_in_one_way() -> None:
    """Left out, renamed, told otherwise, or as it is."""
    ways = [*UNSAID, *RENAMED, *TELLINGS]

    assert len(ways) == len(set(ways))


@pytest.mark.parametrize(
    "event",
    [
        ga.ConversationItemAdded(item=MCP),
        ga.ConversationItemRetrieved(item=MCP),
        ga.ResponseOutputItemAdded(response_id="resp_1", output_index=0, item=MCP),
        ga.ResponseOutputItemDone(response_id="resp_1", output_index=0, item=MCP),
        ga.McpListToolsCompleted(item_id="item_1"),
        ga.InputAudioBufferDtmfEventReceived(event="1", received_at=0),
        ga.ConversationCreated(conversation=ga.Conversation(id="conv_1")),
    ],
)
def test_what_beta_cannot_have_is_not_told(event: ga.ServerEvent) -> None:
    """A sideband of GA may bring it into the session."""
    assert told(event) == []


def test_pictures_are_left_out_of_items() -> None:
    """The rest of the item is told."""
    [created] = told(ga.ConversationItemCreated(item=PICTURE))

    assert created["type"] == "conversation.item.created"
    assert created["item"]["content"] == [{"type": "input_text", "text": "Look:"}]


def test_the_words_of_the_caller_come_with_their_price() -> None:
    """As late beta had it; the language is of GA."""
    [completed] = told(
        ga.ConversationItemInputAudioTranscriptionCompleted(
            item_id="item_1",
            transcript="Hello",
            usage=ga.TranscriptionDuration(seconds=2),
            languages=(ga.TranscriptionLanguage(code="en"),),
        )
    )

    assert completed == {
        "type": "conversation.item.input_audio_transcription.completed",
        "event_id": "event_1",
        "item_id": "item_1",
        "content_index": 0,
        "transcript": "Hello",
        "usage": {"type": "duration", "seconds": 2.0},
    }


def test_an_error_of_nobodys_event_keeps_its_name() -> None:
    """A name that the link has not given away is passed on."""
    [error] = told(ga.Error(error=ErrorDetail(type="server_error", message="x", event_id="theirs")))

    assert error["error"]["event_id"] == "theirs"
