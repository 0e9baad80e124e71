"""Scripts of answers that call the client's functions."""

from corelines import lines, told
from corescript import WEATHER, asked, calls, context, finishes, names, new_session, play, refused, says, typed

from antiphon.protocol.client_events import ConversationItemCreate, ResponseCreate
from antiphon.protocol.items import FunctionCall, FunctionCallOutput
from antiphon.protocol.response import ResponseParams
from antiphon.protocol.session import FunctionTool, ToolChoiceFunction
from antiphon.protocol.wire import UNSET


def test_a_function_is_called_and_the_answer_goes_on() -> None:
    """Protocol 8.10: arguments in pieces, the client's output, and nothing more until the client asks for it."""
    session = new_session(WEATHER)
    play(session, typed("Rain in Rome?"), ResponseCreate())

    call = calls("resp_1", "get_weather", '{"city":', '"Rome"}', call_id="call_r")
    assert told(play(session, call, finishes("resp_1"))) == lines("""
        response.output_item.added               resp_1 #0 item_2 function_call in_progress call_r get_weather ""
        conversation.item.added           after item_1 item_2 function_call in_progress call_r get_weather ""
        response.function_call_arguments.delta   resp_1 #0 item_2 call_r "{\\"city\\":"
        response.function_call_arguments.delta   resp_1 #0 item_2 call_r "\\"Rome\\"}"
        response.function_call_arguments.done    resp_1 #0 item_2 call_r get_weather "{\\"city\\":\\"Rome\\"}"
        conversation.item.done
            after item_1 item_2 function_call completed call_r get_weather "{\\"city\\":\\"Rome\\"}"
        response.output_item.done
            resp_1 #0 item_2 function_call completed call_r get_weather "{\\"city\\":\\"Rome\\"}"
        response.done
            resp_1 completed [item_2 function_call completed call_r get_weather "{\\"city\\":\\"Rome\\"}"]
    """)
    output = ConversationItemCreate(item=FunctionCallOutput(call_id="call_r", output="Rain."))
    assert told(play(session, output)) == lines("""
        conversation.item.added   after item_2 item_3 function_call_output completed call_r "Rain."
        conversation.item.done    after item_2 item_3 function_call_output completed call_r "Rain."
    """)
    assert context(play(session, ResponseCreate())) == lines("""
        item_1 user completed input_text "Rain in Rome?"
        item_2 function_call completed call_r get_weather "{\\"city\\":\\"Rome\\"}"
        item_3 function_call_output completed call_r "Rain."
    """)


def test_words_then_two_calls() -> None:
    """One response can speak and call more than once; a call without an id of the model's gets one."""
    session = new_session(WEATHER)
    play(session, ResponseCreate())

    speaks = says("resp_1", ("I look.", 400))
    both = calls("resp_1", "get_weather", '"Rome"'), calls("resp_1", "get_weather", '"Oslo"', index=1)
    assert told(play(session, speaks, both, finishes("resp_1"))) == lines("""
        response.output_item.added               resp_1 #0 item_1 assistant in_progress
        conversation.item.added                  first item_1 assistant in_progress
        response.content_part.added              resp_1 item_1 #0 audio ""
        response.output_audio_transcript.delta   resp_1 item_1 #0 "I look."
        response.output_audio.delta              resp_1 item_1 #0 400ms
        response.output_audio.done               resp_1 item_1 #0
        response.output_audio_transcript.done    resp_1 item_1 #0 "I look."
        response.content_part.done               resp_1 item_1 #0 audio "I look."
        conversation.item.done                   first item_1 assistant completed output_audio "I look."
        response.output_item.done                resp_1 #0 item_1 assistant completed output_audio "I look."
        response.output_item.added               resp_1 #1 item_2 function_call in_progress call_1 get_weather ""
        conversation.item.added           after item_1 item_2 function_call in_progress call_1 get_weather ""
        response.function_call_arguments.delta   resp_1 #1 item_2 call_1 "\\"Rome\\""
        response.function_call_arguments.done    resp_1 #1 item_2 call_1 get_weather "\\"Rome\\""
        conversation.item.done      after item_1 item_2 function_call completed call_1 get_weather "\\"Rome\\""
        response.output_item.done   resp_1 #1 item_2 function_call completed call_1 get_weather "\\"Rome\\""
        response.output_item.added               resp_1 #2 item_3 function_call in_progress call_2 get_weather ""
        conversation.item.added           after item_2 item_3 function_call in_progress call_2 get_weather ""
        response.function_call_arguments.delta   resp_1 #2 item_3 call_2 "\\"Oslo\\""
        response.function_call_arguments.done    resp_1 #2 item_3 call_2 get_weather "\\"Oslo\\""
        conversation.item.done      after item_2 item_3 function_call completed call_2 get_weather "\\"Oslo\\""
        response.output_item.done   resp_1 #2 item_3 function_call completed call_2 get_weather "\\"Oslo\\""
        response.done               resp_1 completed
                                    [item_1 assistant completed output_audio "I look."]
                                    [item_2 function_call completed call_1 get_weather "\\"Rome\\""]
                                    [item_3 function_call completed call_2 get_weather "\\"Oslo\\""]
    """)


def test_a_call_without_arguments() -> None:
    """There may be no delta; `done` comes all the same."""
    session = new_session(WEATHER)
    play(session, ResponseCreate())

    assert told(play(session, calls("resp_1", "get_weather"), finishes("resp_1")))[2] == (
        'response.function_call_arguments.done resp_1 #0 item_1 call_1 get_weather ""'
    )


def test_a_client_may_tell_of_an_earlier_call() -> None:
    """A call that the client adds gets a `call_id` when it has none, and then takes an output."""
    session = new_session()
    call = FunctionCall(call_id=UNSET, name="get_weather", arguments="{}")

    assert told(play(session, ConversationItemCreate(item=call)))[0] == (
        'conversation.item.added first item_1 function_call completed call_1 get_weather "{}"'
    )
    output = FunctionCallOutput(call_id="call_1", output="")
    assert names(play(session, ConversationItemCreate(item=output)))[0] == "conversation.item.added"


def test_an_output_needs_its_call() -> None:
    """Section 9: the `call_id` must be one of the conversation's."""
    session = new_session()

    output = FunctionCallOutput(call_id="call_9", output="42")
    error = refused(play(session, ConversationItemCreate(item=output, event_id="mine")))
    assert (error.code, error.param, error.event_id) == ("invalid_tool_call_id", None, "mine")
    assert error.message == "Tool call ID 'call_9' not found in conversation."


def test_a_response_with_a_context_of_its_own_brings_call_and_output() -> None:
    """In `input` the output's call may stand in the same `input`, or in the conversation; not nowhere."""
    session = new_session()
    call = FunctionCall(call_id="call_a", name="get_weather", arguments="{}")
    output = FunctionCallOutput(call_id="call_a", output="Rain.")

    params = ResponseParams(conversation="none", input=(call, output))
    assert context(play(session, ResponseCreate(response=params))) == lines("""
        item_1 function_call completed call_a get_weather "{}"
        item_2 function_call_output completed call_a "Rain."
    """)
    params = ResponseParams(conversation="none", input=(output,))
    assert refused(play(session, ResponseCreate(response=params))).code == "invalid_tool_call_id"
    play(session, ConversationItemCreate(item=call))
    assert len(context(play(session, ResponseCreate(response=params)))) == 1


def test_what_the_engine_is_told_of_tools() -> None:
    """Tools and choice are the session's, or this response's."""
    session = new_session(WEATHER)
    clock = FunctionTool(name="get_time", description="What time it is.", parameters={"type": "object"})

    prompt = asked(play(session, ResponseCreate()))
    assert (prompt.tools, prompt.tool_choice, prompt.parallel_tool_calls) == (
        (FunctionTool(name="get_weather"),),
        "auto",
        True,
    )
    choice = ToolChoiceFunction(name="get_time")
    params = ResponseParams(conversation="none", tools=(clock,), tool_choice=choice, parallel_tool_calls=False)
    prompt = asked(play(session, ResponseCreate(response=params)))
    assert (prompt.tools, prompt.tool_choice, prompt.parallel_tool_calls) == ((clock,), choice, False)


def test_a_tool_has_a_name() -> None:
    """Of the session and of a response; the path says where."""
    session = new_session()
    nameless = ResponseParams(tools=(FunctionTool(name="get_time"), FunctionTool()))

    error = refused(play(session, ResponseCreate(response=nameless)))
    assert (error.code, error.param) == ("missing_required_parameter", "response.tools[1].name")


def test_a_call_in_progress_is_not_shown_to_another_model() -> None:
    """An out-of-band response sees the conversation as it stands, without what is still being made."""
    session = new_session(WEATHER)
    play(session, typed("Rain?"), ResponseCreate(), calls("resp_1", "get_weather", '{"ci'))

    beside = ResponseCreate(response=ResponseParams(conversation="none"))
    assert context(play(session, beside)) == lines('item_1 user completed input_text "Rain?"')
