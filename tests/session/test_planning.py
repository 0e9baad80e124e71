"""Rules of what a `response.create` asks for, laid over the session's configuration."""

from typing import Any

import pytest
from corescript import Ids, new_settings

from antiphon.protocol.beyond import ResponseWishes
from antiphon.protocol.errors import ErrorDetail
from antiphon.protocol.items import (
    FunctionCall,
    FunctionCallOutput,
    InputAudio,
    InputImage,
    InputText,
    Item,
    ItemReference,
    Message,
)
from antiphon.protocol.response import ResponseAudio, ResponseAudioOutput, ResponseParams
from antiphon.protocol.session import FunctionTool, PcmFormat, PcmuFormat, PromptTemplate, Reasoning
from antiphon.session.config import OutputConfig, SessionConfig
from antiphon.session.conversation import Conversation, Entry
from antiphon.session.planning import additions, is_out_of_band, plan_of, standing
from antiphon.session.response import Plan

CONFIG = SessionConfig(instructions="Be kind.", tools=(FunctionTool(name="f"),), output=OutputConfig(voice="cedar"))


def user(text: str, **keys: Any) -> Message:
    return Message(role="user", content=(InputText(text=text),), **keys)


def talk() -> Conversation:
    """Three items: one complete, one deleted, one still being made."""
    conversation = Conversation("conv_1")
    for entry in (
        Entry(user("one", id="a", status="completed")),
        Entry(user("two", id="b", status="completed")),
        Entry(Message(id="c", role="assistant", status="in_progress", content=())),
    ):
        conversation.add(entry)
    conversation.delete("b")
    return conversation


def planned(*, has_spoken: bool = False, params: type[ResponseParams] = ResponseParams, **keys: Any) -> Plan:
    plan = plan_of(
        params(**keys), CONFIG, talk(), new_settings(new_id=Ids()), has_spoken=has_spoken, decode=bytes.upper
    )
    assert isinstance(plan, Plan), plan
    return plan


def refusal(*, has_spoken: bool = False, **keys: Any) -> tuple[str | None, str | None]:
    error = plan_of(ResponseParams(**keys), CONFIG, talk(), new_settings(), has_spoken=has_spoken, decode=bytes)
    assert isinstance(error, ErrorDetail)
    return error.code, error.param


def ids(entries: tuple[Entry, ...]) -> list[str]:
    return [entry.id for entry in entries]


def test_nothing_asked_for() -> None:
    """The session's own configuration, on the conversation."""
    plan = planned()

    assert plan.config == CONFIG
    assert ids(plan.context) == ["a"]
    assert (plan.in_conversation, plan.follows_turn, plan.metadata) == (True, False, None)


def test_what_stands() -> None:
    """Complete items, but not those that the model's context has lost."""
    conversation = talk()
    conversation.add(Entry(FunctionCall(id="d", name="f", arguments="", status="in_progress")))
    conversation.add(Entry(FunctionCallOutput(id="e", call_id="x", output="")))
    conversation.add(Entry(user("lost", id="f"), is_left_out=True))

    assert ids(standing(conversation)) == ["a", "e"]


def test_its_own_way() -> None:
    """Every key that a response may set; what it leaves out stays the session's."""
    plan = planned(
        instructions="Whisper.",
        output_modalities=("text",),
        audio=ResponseAudio(output=ResponseAudioOutput(format=PcmuFormat())),
        tools=(),
        tool_choice="none",
        max_output_tokens=5,
        metadata={"a": "b"},
        reasoning=Reasoning(effort="low"),
        parallel_tool_calls=False,
    )

    assert plan.config == SessionConfig(
        instructions="Whisper.",
        modality="text",
        tool_choice="none",
        max_output_tokens=5,
        reasoning=Reasoning(effort="low"),
        parallel_tool_calls=False,
        output=OutputConfig(format=PcmuFormat(), voice="cedar"),
    )
    assert plan.metadata == {"a": "b"}


def test_nothing_in_an_audio_object() -> None:
    """Changes nothing."""
    assert planned(audio=ResponseAudio()).config.output == OutputConfig(format=PcmFormat(), voice="cedar")


def test_null_instructions_are_none_at_all() -> None:
    """The session's own stay; some clients send null for "nothing of my own"."""
    assert planned(instructions=None).config.instructions == "Be kind."


def test_a_temperature() -> None:
    """Of an older dialect; its other wishes are no configuration."""
    plan = planned(params=ResponseWishes, temperature=0.7, queues=True, replaces=True)

    assert plan.config.temperature == 0.7


@pytest.mark.parametrize(
    ("params", "out"),
    [
        (ResponseParams(), False),
        (ResponseParams(conversation="auto"), False),
        (ResponseParams(conversation="none"), True),
        (ResponseWishes(), False),
        (ResponseWishes(discards=True), True),
    ],
)
def test_out_of_band(params: ResponseParams, *, out: bool) -> None:
    """By its own word, or by preview's `commit: false`."""
    assert is_out_of_band(params) == out


def test_a_context_of_its_own() -> None:
    """New items get names, audio is decoded, references find what is or was here."""
    spoken = Message(role="user", content=(InputAudio(audio=b"ab"),))
    plan = planned(input=(user("x"), ItemReference(id="b"), spoken, user("y", id="a")))

    assert ids(plan.context) == ["item_1", "b", "item_2", "a"]
    assert plan.context[2].pcm == b"AB"
    assert plan.context[3].item.content == (InputText(text="y"),)  # type: ignore[union-attr]  # the client's, not ours
    assert planned(input=()).context == ()


@pytest.mark.parametrize(
    ("keys", "code", "param"),
    [
        ({"output_modalities": ()}, "invalid_value", "response.output_modalities"),
        ({"tools": (FunctionTool(),)}, "missing_required_parameter", "response.tools[0].name"),
        ({"prompt": PromptTemplate(id="nobody")}, "invalid_value", "response.prompt.id"),
        ({"input": (ItemReference(id="z"),)}, "invalid_value", "response.input[0].id"),
        (
            {"input": (user("x"), Message(role="user", content=(InputImage(image_url=""),)))},
            "invalid_value",
            "response.input[1].content[0].type",
        ),
        ({"input": (FunctionCallOutput(call_id="z", output=""),)}, "invalid_tool_call_id", None),
    ],
)
def test_what_is_refused(keys: dict[str, Any], code: str, param: str | None) -> None:
    """With the path in the response."""
    assert refusal(**keys) == (code, param)


def test_another_voice() -> None:
    """Only before the session has spoken."""
    ash = ResponseAudio(output=ResponseAudioOutput(voice="ash"))

    assert planned(audio=ash).config.output.voice == "ash"
    assert refusal(audio=ash, has_spoken=True) == ("cannot_update_voice", None)
    cedar = ResponseAudio(output=ResponseAudioOutput(voice="cedar"))
    assert planned(audio=cedar, has_spoken=True).config.output.voice == "cedar"


@pytest.mark.parametrize(
    ("items", "result"),
    [
        ((user("x"), user("y", id="new")), ["item_1", "new"]),
        ((user("x", id="b"),), ["b"]),  # deleted: the id is free
        ((user("x", id="a"),), "item_create_duplicate_item_id"),
        ((user("x", id="soon"),), "item_create_duplicate_item_id"),
        ((user("x", id="new"), user("y", id="new")), "item_create_duplicate_item_id"),
        ((FunctionCallOutput(call_id="z", output=""),), "invalid_tool_call_id"),
    ],
)
def test_items_that_come_with_a_response(items: tuple[Item, ...], result: list[str] | str) -> None:
    """Their ids must be free: of the conversation, of the turn that is announced, of each other."""
    added = additions(items, talk(), new_settings(), bytes, announced_id="soon")

    assert (added.code if isinstance(added, ErrorDetail) else ids(added)) == result
