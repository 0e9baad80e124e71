"""Responses, both ways."""

from msgspec import structs

from antiphon.dialects import beta_shapes as beta
from antiphon.dialects.beta_response import response_to_ga, shown, wishes
from antiphon.dialects.wording import Worded
from antiphon.protocol.beyond import ResponseWishes
from antiphon.protocol.items import InputText, ItemReference, Message, OutputText
from antiphon.protocol.response import (
    CachedTokensDetails,
    InputTokenDetails,
    OutputTokenDetails,
    Response,
    ResponseAudio,
    ResponseAudioOutput,
    ResponseUsage,
)
from antiphon.protocol.session import PcmaFormat, PcmuFormat, ToolChoiceFunction
from antiphon.protocol.wire import UNSET

DONE = Response(
    id="resp_1",
    status="completed",
    output=(Message(id="item_1", status="completed", role="assistant", content=(OutputText(text="Hi"),)),),
    conversation_id="conv_1",
    output_modalities=("audio",),
    max_output_tokens="inf",
    audio=ResponseAudio(output=ResponseAudioOutput(format=PcmaFormat(), voice="sage")),
    usage=ResponseUsage(
        total_tokens=9,
        input_tokens=6,
        output_tokens=3,
        input_token_details=InputTokenDetails(
            text_tokens=1,
            audio_tokens=2,
            image_tokens=3,
            cached_tokens=4,
            cached_tokens_details=CachedTokensDetails(text_tokens=5, audio_tokens=6),
        ),
        output_token_details=OutputTokenDetails(text_tokens=1, audio_tokens=2),
    ),
    metadata={"topic": "x"},
)


def test_all_wishes_reach_the_core() -> None:
    """In GA's words, and the temperature beside them."""
    asked = response_to_ga(
        beta.Response(
            conversation="none",
            input=(beta.InputMessage(role="user", content=(InputText(text="Hi"),)),),
            instructions="Be brief.",
            modalities=("text", "audio"),
            voice="sage",
            output_audio_format="g711_ulaw",
            tools=(),
            tool_choice=ToolChoiceFunction(name="f"),
            temperature=0.6,
            max_response_output_tokens=5,
            metadata={"topic": "x"},
        )
    )

    assert asked == (
        ResponseWishes(
            conversation="none",
            input=(Message(role="user", content=(InputText(text="Hi"),)),),
            instructions="Be brief.",
            output_modalities=("audio",),
            audio=ResponseAudio(output=ResponseAudioOutput(format=PcmuFormat(), voice="sage")),
            tools=(),
            tool_choice=ToolChoiceFunction(name="f"),
            max_output_tokens=5,
            metadata={"topic": "x"},
            temperature=0.6,
        ),
        {"response.input[0]": "response.input[0]"},
    )


def test_no_wishes_are_none() -> None:
    """An empty context is a wish."""
    assert response_to_ga(beta.Response()) == (ResponseWishes(), {})
    assert response_to_ga(beta.Response(input=())) == (ResponseWishes(input=()), {})


def test_the_limit_has_two_names() -> None:
    """The longer one counts; null says nothing."""
    for response, limit in (
        (beta.Response(max_output_tokens=7), 7),
        (beta.Response(max_output_tokens=7, max_response_output_tokens="inf"), "inf"),
        (beta.Response(max_output_tokens=None), UNSET),
    ):
        wished = wishes(response, UNSET)
        assert isinstance(wished, ResponseWishes)
        assert wished.max_output_tokens == limit


def test_the_first_mistake_is_told() -> None:
    """Modalities before the context."""
    mixed = beta.InputMessage(role="user", content=(beta.Text(text=""), ItemReference(id="item_1")))
    first = response_to_ga(beta.Response(modalities=("audio",), input=(mixed,)))
    second = response_to_ga(beta.Response(input=(mixed,)))

    assert isinstance(first, Worded)
    assert first.param == "response.modalities"
    assert isinstance(second, Worded)
    assert second.param == "response.input[0].content[0].type"


def test_a_response_is_shown_flat() -> None:
    """With its temperature, and without the tokens of images."""
    told = shown(DONE, 0.9, None)

    assert (told.modalities, told.voice, told.output_audio_format) == (("audio", "text"), "sage", "g711_alaw")
    assert (told.temperature, told.conversation_id, told.metadata) == (0.9, "conv_1", {"topic": "x"})
    assert told.usage is not None
    assert structs.asdict(told.usage.input_token_details)["cached_tokens"] == 4
    assert "image_tokens" not in told.usage.input_token_details.__struct_fields__
    assert told.output[0] == beta.Message(
        id="item_1", object="realtime.item", status="completed", role="assistant", content=(beta.Text(text="Hi"),)
    )


def test_the_conversation_has_the_name_that_was_announced() -> None:
    """Out of band there is none."""
    assert shown(DONE, 0.9, "conv_9").conversation_id == "conv_9"
    assert shown(structs.replace(DONE, conversation_id=None), 0.9, "conv_9").conversation_id is None


def test_what_another_server_leaves_out_stays_out() -> None:
    """A gateway shows what it was told."""
    told = shown(structs.replace(DONE, audio=ResponseAudio(), usage=None, output_modalities=("text",)), 0.9, None)

    assert (told.voice, told.output_audio_format, told.usage, told.modalities) == (UNSET, UNSET, None, ("text",))
