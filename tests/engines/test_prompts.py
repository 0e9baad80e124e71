"""What items say in plain words."""

from typing import Any

import pytest
from answering import assistant, user

from antiphon.engines.prompts import images_of, said, text_of
from antiphon.protocol.items import (
    FunctionCall,
    FunctionCallOutput,
    InputAudio,
    InputImage,
    InputText,
    Item,
    McpApprovalRequest,
    McpCall,
    McpHttpError,
    McpListTools,
    Message,
    OutputAudio,
)

PICTURE = InputImage(image_url="data:image/png;base64,AA==")


@pytest.mark.parametrize(
    ("item", "text"),
    [
        (user("Hello."), "Hello."),
        (assistant("Hi."), "Hi."),
        (Message(role="assistant", content=(OutputAudio(transcript="Hi."),)), "Hi."),
        (FunctionCall(name="f", arguments='{"a":1}'), 'f {"a":1}'),
        (FunctionCallOutput(call_id="c", output="sunny"), "sunny"),
        (McpCall(id="m", server_label="s", name="f", arguments="{}", output="ok"), "f {} ok"),
        (McpCall(id="m", server_label="s", name="f", arguments="{}"), "f {}"),
        (
            McpCall(id="m", server_label="s", name="f", arguments="{}", error=McpHttpError(code=500, message="broken")),
            "f {} error: broken",
        ),
        (McpListTools(server_label="s", tools=()), ""),
        (McpApprovalRequest(id="m", server_label="s", name="f", arguments="{}"), ""),
    ],
)
def test_every_item_has_its_words(item: Item, text: str) -> None:
    """What a model is shown of it, and pays for."""
    assert text_of(item) == text


def test_parts_without_words_say_nothing() -> None:
    """Audio that was not transcribed, and pictures."""
    parts: tuple[Any, ...] = (
        InputAudio(),
        InputAudio(transcript=None),
        PICTURE,
        InputText(text="Look."),
        InputText(text=""),
    )
    message = Message(role="user", content=parts)

    assert said(message) == "Look."
    assert images_of(message) == (PICTURE,)
