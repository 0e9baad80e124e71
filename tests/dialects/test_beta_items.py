"""Items, both ways."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from antiphon.dialects import beta_shapes as beta
from antiphon.dialects import preview_shapes as preview
from antiphon.dialects.beta_items import (
    PREVIEW_ROLES,
    ROLES,
    all_shown,
    context_to_ga,
    item_to_ga,
    items_to_ga,
    shown,
)
from antiphon.dialects.wording import Worded
from antiphon.protocol.items import (
    FunctionCall,
    FunctionCallOutput,
    InputAudio,
    InputText,
    ItemReference,
    McpApprovalRequest,
    Message,
    OutputAudio,
    OutputText,
)

CALL = FunctionCall(id="item_1", call_id="call_1", name="f", arguments="{}")
TEXT = InputText(text="Hello")


def content(role: str) -> st.SearchStrategy[Any]:
    parts: dict[str, st.SearchStrategy[Any]] = {
        "input_text": st.builds(InputText, text=st.text(max_size=5)),
        "input_audio": st.builds(InputAudio, audio=st.binary(max_size=5)),
        "text": st.builds(beta.Text, text=st.text(max_size=5)),
    }
    return st.lists(st.sampled_from(ROLES[role]).flatmap(lambda kind: parts[kind]), max_size=3).map(tuple)


MESSAGES = st.sampled_from(sorted(ROLES)).flatmap(
    lambda role: st.builds(
        beta.Message,
        id=st.text(min_size=1, max_size=9),
        status=st.sampled_from(["completed", "incomplete"]),
        role=st.just(role),
        content=content(role),
    )
)


@settings(deadline=None)
@given(MESSAGES | st.just(CALL) | st.just(FunctionCallOutput(call_id="call_1", output="x")))
def test_what_a_client_adds_is_shown_as_it_was(item: beta.Item) -> None:
    """Through GA and back; `object` is the server's to say."""
    ga = item_to_ga(item, "item", ROLES)

    assert not isinstance(ga, Worded)
    assert shown(ga) == structs.replace(item, object="realtime.item")


@pytest.mark.parametrize(
    ("role", "kind", "param", "supported"),
    [
        ("user", "text", "item.content[1].type", "Supported values are: 'input_text' and 'input_audio'."),
        ("system", "input_audio", "item.content[1].type", "Value must be 'input_text'."),
        ("assistant", "input_text", "item.content[0].type", "Value must be 'text'."),
        ("assistant", "audio", "item.content[0].type", "Value must be 'text'."),
    ],
)
def test_each_role_has_its_own_content(role: Any, kind: str, param: str, supported: str) -> None:
    """A client can put no sound into the answerer's mouth."""
    parts: dict[str, beta.ContentPart] = {
        "text": beta.Text(text=""),
        "input_audio": InputAudio(),
        "input_text": TEXT,
        "audio": beta.Audio(),
    }
    given = (parts[kind],) if role == "assistant" else (TEXT, parts[kind])
    error = item_to_ga(beta.Message(role=role, content=given), "item", ROLES)

    assert isinstance(error, Worded)
    assert (error.param, error.message) == (param, f"Invalid value: '{kind}'. {supported}")


def test_preview_has_two_words_for_the_answerers_text() -> None:
    """The schema's and the client library's."""
    message = beta.Message(role="assistant", content=(TEXT, beta.Text(text="Hi")))

    assert item_to_ga(message, "item", PREVIEW_ROLES) == Message(
        role="assistant", content=(OutputText(text="Hello"), OutputText(text="Hi"))
    )


def test_items_stop_at_the_first_that_is_wrong() -> None:
    """It is named by where it stands."""
    wrong = beta.Message(role="system", content=(beta.Text(text=""),))
    error = items_to_ga((CALL, wrong, wrong), "response.append_input_items", ROLES)

    assert items_to_ga((CALL,), "x", ROLES) == (CALL,)
    assert isinstance(error, Worded)
    assert error.param == "response.append_input_items[1].content[0].type"


def test_a_context_is_told_apart_from_references() -> None:
    """A reference may be an item, or all the content of one; where each stood is kept."""
    quoting = beta.InputMessage(role="user", content=(ItemReference(id="item_1"), ItemReference(id="item_2")))
    saying = beta.InputMessage(role="user", content=(TEXT,))
    made = context_to_ga((quoting, ItemReference(id="item_3"), saying, CALL), "response.input", ROLES)

    assert not isinstance(made, Worded)
    assert made[0] == (
        ItemReference(id="item_1"),
        ItemReference(id="item_2"),
        ItemReference(id="item_3"),
        Message(role="user", content=(TEXT,)),
        CALL,
    )
    assert list(made[1].items()) == [
        ("response.input[0]", "response.input[0].content[0]"),
        ("response.input[1]", "response.input[0].content[1]"),
        ("response.input[2]", "response.input[1]"),
        ("response.input[3]", "response.input[2]"),
        ("response.input[4]", "response.input[3]"),
    ]


def test_a_message_cannot_quote_and_speak() -> None:
    """A reference among other content is refused like any unknown part."""
    mixed = beta.InputMessage(role="user", content=(TEXT, ItemReference(id="item_1")))
    error = context_to_ga((mixed,), "response.input", ROLES)

    assert isinstance(error, Worded)
    assert error.param == "response.input[0].content[1].type"


def test_an_empty_message_is_one() -> None:
    """It refers to nothing."""
    empty = beta.InputMessage(role="user", content=())

    assert context_to_ga((empty,), "x", ROLES) == ((Message(role="user", content=()),), {"response.input[0]": "x[0]"})


@pytest.mark.parametrize(
    ("keys", "param"),
    [
        ({}, "x[0].role"),
        ({"role": "user"}, "x[0].content"),
        ({"content": [{"type": "input_text", "text": ""}]}, "x[0].role"),
    ],
)
def test_a_message_of_preview_is_whole_or_an_id(keys: dict[str, Any], param: str) -> None:
    """The id alone refers to a message of the session."""
    message = msgspec.convert({"type": "message", **keys}, preview.InputMessage)
    error = context_to_ga((message,), "x", PREVIEW_ROLES)
    reference = context_to_ga((preview.InputMessage(id="item_1"),), "x", PREVIEW_ROLES)
    whole = context_to_ga((preview.InputMessage(role="user", content=(TEXT,)),), "x", PREVIEW_ROLES)

    assert isinstance(error, Worded)
    assert error.param == param
    assert reference == ((ItemReference(id="item_1"),), {"response.input[0]": "x[0]"})
    assert whole == ((Message(role="user", content=(TEXT,)),), {"response.input[0]": "x[0]"})


def test_answers_are_shown_in_betas_words() -> None:
    """What beta has no word for is left out."""
    request = McpApprovalRequest(id="item_2", server_label="s", name="n", arguments="{}")
    answer = Message(id="item_1", status="completed", role="assistant", content=(OutputAudio(transcript="Hi"),))

    assert all_shown((answer, request)) == (
        beta.Message(
            id="item_1",
            object="realtime.item",
            status="completed",
            role="assistant",
            content=(beta.Audio(transcript="Hi"),),
        ),
    )
