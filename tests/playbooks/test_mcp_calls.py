"""Scripts of MCP tools that the model calls: run, approved, refused, broken off (protocol 8.13)."""

from typing import Any

import pytest
from corelines import lines, told
from corescript import (
    CLICK,
    LOUD,
    QUIET,
    asked,
    calls,
    context,
    events,
    facts,
    finishes,
    hearing,
    names,
    play,
    recognises,
    refused,
    says,
    settled,
    silence,
    speech,
    typed,
    writes,
)
from mcpscript import ASKING, FILES, READS, WRITES, called, fails, gives, mcp_session, verdict

from antiphon.ports import Ending, Usage
from antiphon.protocol import server_events as tell
from antiphon.protocol.client_events import (
    ConversationItemCreate,
    ConversationItemDelete,
    ConversationItemRetrieve,
    ResponseCancel,
    ResponseCreate,
    SessionUpdate,
)
from antiphon.protocol.items import (
    ItemReference,
    McpApprovalRequest,
    McpApprovalResponse,
    McpCall,
    McpHttpError,
    McpListTools,
    McpProtocolError,
    McpToolExecutionError,
)
from antiphon.protocol.response import ResponseParams
from antiphon.protocol.session import (
    ApprovalFilter,
    FunctionTool,
    McpTool,
    RealtimeSessionUpdate,
    ServerVad,
    ToolFilter,
)
from antiphon.session import calls as module
from antiphon.session.inputs import Broke, Called, Produced, Tick

SPOKEN = SessionUpdate(session=RealtimeSessionUpdate(output_modalities=("audio",)))


def test_a_tool_runs_and_its_output_is_told() -> None:
    """The response ends when the model has; what the tool gives comes after it. Then it is the client's turn."""
    session = mcp_session(FILES)
    play(session, typed("Read it."), ResponseCreate())

    assert told(play(session, calls("resp_1", "read", '{"path":', '"a"}'))) == lines("""
        response.output_item.added           resp_1 #0 item_3 mcp_call files.read ""
        conversation.item.added              after item_2 item_3 mcp_call files.read ""
        response.mcp_call_arguments.delta    resp_1 #0 item_3 "{\\"path\\":"
        response.mcp_call_arguments.delta    resp_1 #0 item_3 "\\"a\\"}"
    """)
    assert told(play(session, finishes("resp_1"))) == lines("""
        response.mcp_call_arguments.done     resp_1 #0 item_3 "{\\"path\\":\\"a\\"}"
        response.mcp_call.in_progress        #0 item_3
        CallTool                             resp_1 item_3 files.read "{\\"path\\":\\"a\\"}"
        response.done                        resp_1 completed [item_3 mcp_call files.read "{\\"path\\":\\"a\\"}"]
    """)
    assert told(play(session, gives("item_3", "Once."))) == lines("""
        response.mcp_call.completed   #0 item_3
        conversation.item.done        after item_2 item_3 mcp_call files.read "{\\"path\\":\\"a\\"}" gave "Once."
        response.output_item.done     resp_1 #0 item_3 mcp_call files.read "{\\"path\\":\\"a\\"}" gave "Once."
    """)
    assert context(play(session, ResponseCreate())) == lines("""
        item_2 user completed input_text "Read it."
        item_3 mcp_call files.read "{\\"path\\":\\"a\\"}" gave "Once."
    """)


def test_a_call_shows_its_empty_fields() -> None:
    """`output`, `error` and `approval_request_id` are null and not absent: clients read them in every call."""
    session = mcp_session(FILES)
    play(session, ResponseCreate())

    added, *_ = events(play(session, calls("resp_1", "read")), tell.ResponseOutputItemAdded)
    assert (added.item.output, added.item.error, added.item.approval_request_id) == (None, None, None)


def test_a_tool_that_fails() -> None:
    """The client and the model are told why."""
    session = mcp_session(FILES)
    play(session, ResponseCreate(), calls("resp_1", "read", "{}"), finishes("resp_1"))

    assert told(play(session, fails("item_2", "No such file."))) == lines("""
        response.mcp_call.failed    #0 item_2
        conversation.item.done      after item_1 item_2 mcp_call files.read "{}" failed "No such file."
        response.output_item.done   resp_1 #0 item_2 mcp_call files.read "{}" failed "No such file."
    """)
    assert context(play(session, ResponseCreate())) == lines('item_2 mcp_call files.read "{}" failed "No such file."')


@pytest.mark.parametrize(
    ("error", "reported"),
    [
        (McpHttpError(code=500, message="your token is X"), "http_error 500"),
        (McpProtocolError(code=-32001, message="Too late."), "protocol_error -32001"),
        (McpToolExecutionError(message="No such file."), None),
    ],
)
def test_the_operator_hears_of_servers_that_fail(error: Any, reported: str | None) -> None:
    """Not of tools that do, and never in the server's words: it may quote what it was shown."""
    session = mcp_session(FILES)
    play(session, ResponseCreate(), calls("resp_1", "read", "{}"), finishes("resp_1"))

    told_of = [fact.message for fact in facts(play(session, Called("item_2", error=error)))]
    assert told_of == ([] if reported is None else [reported])
    assert play(session, Called("item_2", error=error)) == []


def test_what_a_tool_gives_waits_for_the_end_of_the_response() -> None:
    """A client asks for the next response when a call is done, and would be refused while this one goes on."""
    session = mcp_session(FILES)
    play(session, ResponseCreate())

    assert told(play(session, calls("resp_1", "read", "{}"), writes("resp_1", "I look.")))[3:6] == lines("""
        response.mcp_call_arguments.done   resp_1 #0 item_2 "{}"
        response.mcp_call.in_progress      #0 item_2
        CallTool                           resp_1 item_2 files.read "{}"
    """)
    assert play(session, gives("item_2", "Once.")) == []
    assert names(play(session, finishes("resp_1")))[-4:] == [
        "response.done",
        "response.mcp_call.completed",
        "conversation.item.done",
        "response.output_item.done",
    ]


def test_words_calls_and_functions_in_one_response() -> None:
    """Each has its place; MCP tools run, the client's function is left to it."""
    session = mcp_session(FILES, FunctionTool(name="mine"))
    play(session, ResponseCreate(), writes("resp_1", "I look."))

    several = (
        calls("resp_1", "read", "{}"),
        calls("resp_1", "mine", "{}", index=1, call_id="call_m"),
        calls("resp_1", "write", "{}", index=2),
    )
    effects = play(session, several, finishes("resp_1"))
    assert called(effects) == ["read item_3", "write item_5"]
    done, *_ = events(effects, tell.ResponseDone)
    assert [item.id for item in done.response.output] == ["item_2", "item_3", "item_4", "item_5"]
    assert [e.output_index for e in events(effects, tell.ResponseMcpCallInProgress)] == [1, 3]
    assert told(play(session, gives("item_5", "2"), gives("item_3", "1")))[::3] == lines("""
        response.mcp_call.completed   #3 item_5
        response.mcp_call.completed   #1 item_3
    """)


def test_a_call_without_arguments_gets_none() -> None:
    """Models leave them out; tools want an object."""
    session = mcp_session(FILES)
    play(session, ResponseCreate())

    assert told(play(session, calls("resp_1", "read"), finishes("resp_1")))[2:5] == lines("""
        response.mcp_call_arguments.done   resp_1 #0 item_2 "{}"
        response.mcp_call.in_progress      #0 item_2
        CallTool                           resp_1 item_2 files.read "{}"
    """)


@pytest.mark.parametrize("arguments", ["{", "[1]", "1", '{"a":' * 9999])
@pytest.mark.parametrize("server", [FILES, ASKING])
def test_arguments_that_are_no_object_are_not_tried(server: McpTool, arguments: str) -> None:
    """Nor is anybody asked about them."""
    session = mcp_session(server)
    play(session, ResponseCreate())

    effects = play(session, calls("resp_1", "read", arguments), finishes("resp_1"))
    assert called(effects) == []
    assert names(effects)[3:] == [
        "response.mcp_call_arguments.done",
        "response.mcp_call.failed",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
    ]
    done, *_ = events(effects, tell.ResponseDone)
    assert done.response.output[0].error.message == module.NOT_AN_OBJECT


def test_a_function_of_the_client_is_never_taken_for_a_tool() -> None:
    """What no server offers is the client's, also a name that the model has made up."""
    session = mcp_session(FILES)
    play(session, ResponseCreate())

    assert names(play(session, calls("resp_1", "erase", "{}")))[-1] == "response.function_call_arguments.delta"


def test_out_of_band_calls_leave_the_conversation_alone() -> None:
    """Their items are told by the response alone."""
    session = mcp_session(FILES)
    play(session, ResponseCreate(response=ResponseParams(conversation="none", input=())))

    effects = play(session, calls("resp_1", "read", "{}"), finishes("resp_1"), gives("item_2", "Once."))
    assert told(effects) == lines("""
        response.output_item.added          resp_1 #0 item_2 mcp_call files.read ""
        response.mcp_call_arguments.delta   resp_1 #0 item_2 "{}"
        response.mcp_call_arguments.done    resp_1 #0 item_2 "{}"
        response.mcp_call.in_progress       #0 item_2
        CallTool                            resp_1 item_2 files.read "{}"
        response.done                       resp_1 completed out of band [item_2 mcp_call files.read "{}"]
        response.mcp_call.completed         #0 item_2
        response.output_item.done           resp_1 #0 item_2 mcp_call files.read "{}" gave "Once."
    """)
    assert context(play(session, ResponseCreate())) == []


# Approval


def approving(**rules: ToolFilter) -> McpTool:
    return McpTool(
        server_label="files", server_url="https://files.example.com", require_approval=ApprovalFilter(**rules)
    )


READ, WRITE = ToolFilter(tool_names=("read",)), ToolFilter(tool_names=("write",))


@pytest.mark.parametrize(
    ("server", "free"),
    [
        (FILES, ["read", "write"]),
        (ASKING, []),
        (approving(), []),
        (approving(always=WRITE), []),
        (approving(never=READ), ["read"]),
        (approving(never=ToolFilter(read_only=True)), ["read"]),
        (approving(never=ToolFilter()), []),
        (approving(always=READ, never=ToolFilter(tool_names=("read", "write"))), ["write"]),
    ],
)
def test_which_tools_need_approval(server: McpTool, free: list[str]) -> None:
    """All, unless the client says otherwise; what is named twice needs it."""
    session = mcp_session(server)
    play(session, ResponseCreate())

    both = calls("resp_1", "read", "{}"), calls("resp_1", "write", "{}", index=1)
    effects = play(session, both, finishes("resp_1"))
    assert [line.split()[0] for line in called(effects)] == free
    assert sum(name == "response.mcp_call.in_progress" for name in names(effects)) == len(free)


def test_a_call_that_is_approved() -> None:
    """The request stands beside the call; the call runs after its response, under its own name."""
    session = mcp_session(ASKING)
    play(session, ResponseCreate())

    assert told(play(session, calls("resp_1", "read", "{}"), finishes("resp_1"))) == lines("""
        response.output_item.added          resp_1 #0 item_2 mcp_call files.read ""
        conversation.item.added             after item_1 item_2 mcp_call files.read ""
        response.mcp_call_arguments.delta   resp_1 #0 item_2 "{}"
        response.mcp_call_arguments.done    resp_1 #0 item_2 "{}"
        response.output_item.added          resp_1 #1 item_3 mcp_approval_request files.read "{}"
        conversation.item.added             after item_2 item_3 mcp_approval_request files.read "{}"
        conversation.item.done              after item_2 item_3 mcp_approval_request files.read "{}"
        response.output_item.done           resp_1 #1 item_3 mcp_approval_request files.read "{}"
        response.done                       resp_1 completed [item_2 mcp_call files.read "{}"]
                                            [item_3 mcp_approval_request files.read "{}"]
    """)
    yes = verdict("item_3", approve=True)
    assert told(play(session, yes)) == lines("""
        conversation.item.added         after item_3 item_4 mcp_approval_response item_3 yes
        conversation.item.done          after item_3 item_4 mcp_approval_response item_3 yes
        response.mcp_call.in_progress   #0 item_2
        CallTool                        resp_1 item_2 files.read "{}"
    """)
    assert told(play(session, gives("item_2", "Once."))) == lines("""
        response.mcp_call.completed   #0 item_2
        conversation.item.done        after item_1 item_2 mcp_call files.read "{}" approved item_3 gave "Once."
        response.output_item.done     resp_1 #0 item_2 mcp_call files.read "{}" approved item_3 gave "Once."
    """)
    assert context(play(session, ResponseCreate())) == lines(
        'item_2 mcp_call files.read "{}" approved item_3 gave "Once."'
    )
    assert refused(play(session, yes)).param == "item.approval_request_id"


@pytest.mark.parametrize(
    ("keys", "message"),
    [({}, module.NOT_APPROVED), ({"reason": "Not that file."}, f"{module.NOT_APPROVED} Not that file.")],
)
def test_a_call_that_is_not_approved(keys: dict[str, Any], message: str) -> None:
    """It never runs; the model is told, in the client's words."""
    session = mcp_session(ASKING)
    play(session, ResponseCreate(), calls("resp_1", "read", "{}"), finishes("resp_1"))

    effects = play(session, verdict("item_3", approve=False, **keys))
    assert names(effects)[2:] == ["response.mcp_call.failed", "conversation.item.done", "response.output_item.done"]
    assert context(play(session, ResponseCreate())) == [
        f'item_2 mcp_call files.read "{{}}" approved item_3 failed "{message}"'
    ]


def test_a_call_that_waits_for_approval_is_shown_without_output() -> None:
    """The caller may talk on; the model knows that it has asked."""
    session = mcp_session(ASKING)
    play(session, ResponseCreate(), calls("resp_1", "read", "{}"), finishes("resp_1"))

    assert context(play(session, typed("Well?"), ResponseCreate())) == lines("""
        item_2 mcp_call files.read "{}"
        item_4 user completed input_text "Well?"
    """)


@pytest.mark.parametrize("request_id", ["item_9", "item_2"])
def test_a_verdict_on_nothing_is_refused(request_id: str) -> None:
    """An id that asks for no approval, and the call's own."""
    session = mcp_session(ASKING)
    play(session, ResponseCreate(), calls("resp_1", "read", "{}"), finishes("resp_1"))

    error = refused(play(session, verdict(request_id, approve=True)))
    assert (error.code, error.param) == ("invalid_value", "item.approval_request_id")
    assert error.message == f"Approval request ID '{request_id}' does not wait for a response."


def test_a_verdict_may_come_while_the_response_goes_on() -> None:
    """A quick client answers the request before the response is done."""
    session = mcp_session(ASKING)
    play(session, ResponseCreate(), calls("resp_1", "read", "{}"), writes("resp_1", "One moment."))

    assert called(play(session, verdict("item_3", approve=True))) == ["read item_2"]
    assert play(session, gives("item_2", "Once.")) == []
    assert names(play(session, finishes("resp_1")))[-4:] == [
        "response.done",
        "response.mcp_call.completed",
        "conversation.item.done",
        "response.output_item.done",
    ]


def test_an_out_of_band_call_can_be_approved() -> None:
    """The verdict is an item of the conversation; the call is not."""
    session = mcp_session(ASKING)
    play(session, ResponseCreate(response=ResponseParams(conversation="none", input=())))
    play(session, calls("resp_1", "read", "{}"), finishes("resp_1"))

    assert told(play(session, verdict("item_3", approve=True), gives("item_2", "Once."))) == lines("""
        conversation.item.added         after item_1 item_4 mcp_approval_response item_3 yes
        conversation.item.done          after item_1 item_4 mcp_approval_response item_3 yes
        response.mcp_call.in_progress   #0 item_2
        CallTool                        resp_1 item_2 files.read "{}"
        response.mcp_call.completed     #0 item_2
        response.output_item.done       resp_1 #0 item_2 mcp_call files.read "{}" approved item_3 gave "Once."
    """)


def test_the_longest_unanswered_request_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests that nobody answers are given up; where all calls run, the new one fails."""
    monkeypatch.setattr(module, "MAX_OPEN_CALLS", 1)
    session = mcp_session(ASKING)
    play(session, ResponseCreate())

    several = [calls("resp_1", "read", "{}", index=index) for index in range(2)]
    effects = play(session, several, finishes("resp_1"))
    (given_up,) = [e.item for e in events(effects, tell.ConversationItemDone) if e.item.id == "item_2"]
    assert given_up.error.message == module.NOT_APPROVED_IN_TIME
    play(session, verdict("item_5", approve=True))
    play(session, ResponseCreate(response=ResponseParams(tools=(FILES,), conversation="none", input=())))
    effects = play(session, calls("resp_2", "read", "{}"), finishes("resp_2"))
    assert called(effects) == []
    assert events(effects, tell.ResponseOutputItemDone)[0].item.error.message == module.TOO_MANY


# Breaking off


def test_a_response_that_is_cancelled_stops_its_tools() -> None:
    """The calls are closed before the response; late news of them is dropped."""
    session = mcp_session(FILES)
    play(session, ResponseCreate(), calls("resp_1", "read", "{}"), writes("resp_1", "I look."))

    assert told(play(session, ResponseCancel()))[0] == "Stop resp_1"
    assert play(session, gives("item_2", "Once.")) == []
    assert context(play(session, ResponseCreate()))[0] == (
        f'item_2 mcp_call files.read "{{}}" failed "{module.CANCELLED}"'
    )


def test_a_call_that_waits_for_approval_outlives_its_response() -> None:
    """The response is broken off after the request; the client may still say yes."""
    session = mcp_session(ASKING)
    play(session, ResponseCreate(), calls("resp_1", "read", "{}"), writes("resp_1", "May I?"), ResponseCancel())

    assert called(play(session, verdict("item_3", approve=True))) == ["read item_2"]
    assert names(play(session, gives("item_2", "Once.")))[0] == "response.mcp_call.completed"


def test_barge_in_stops_a_tool() -> None:
    """As it stops the answer."""
    session = mcp_session(FILES)
    play(session, SPOKEN, ResponseCreate(), calls("resp_1", "read", "{}"), says("resp_1", ("I look.", 400)))

    effects = play(session, LOUD)
    assert names(effects)[0] == "input_audio_buffer.speech_started"
    assert told(effects)[1] == "Stop resp_1"
    assert names(effects)[-5:-1] == [
        "response.output_item.done",
        "response.mcp_call.failed",
        "conversation.item.done",
        "response.output_item.done",
    ]
    done, *_ = events(effects, tell.ResponseDone)
    assert (done.response.status, done.response.output[0].error.message) == ("cancelled", module.CANCELLED)


def test_a_call_whose_arguments_are_broken_off_is_not_made() -> None:
    """It ends with what there is of it."""
    session = mcp_session(ASKING)
    play(session, ResponseCreate(), calls("resp_1", "read", '{"path'))

    item = f'item_2 mcp_call files.read "{{\\"path" failed "{module.CUT_SHORT}"'
    assert told(play(session, ResponseCancel())) == lines(f"""
        Stop                               resp_1
        response.mcp_call_arguments.done   resp_1 #0 item_2 "{{\\"path"
        response.mcp_call.failed           #0 item_2
        conversation.item.done             after item_1 {item}
        response.output_item.done          resp_1 #0 {item}
        response.done                      resp_1 cancelled client_cancelled [{item}]
    """)


def test_a_call_that_ran_into_the_limit_is_not_made() -> None:
    """Those before it were whole, and run."""
    session = mcp_session(FILES)
    play(session, ResponseCreate(), calls("resp_1", "read", "{}"), calls("resp_1", "write", "{", index=1))

    effects = play(session, Produced("resp_1", Ending("max_output_tokens")), finishes("resp_1"))
    assert events(effects, tell.ResponseMcpCallFailed)[0].item_id == "item_3"
    assert names(play(session, gives("item_2", "Once.")))[0] == "response.mcp_call.completed"


@pytest.mark.parametrize("has_answered", [True, False])
def test_an_engine_that_fails_takes_its_tools_along(has_answered: bool) -> None:
    """A tool that runs is stopped; one that has answered already is told."""
    session = mcp_session(FILES)
    play(session, ResponseCreate(), calls("resp_1", "read", "{}"), writes("resp_1", "I look."))
    if has_answered:
        play(session, gives("item_2", "Once."))

    effects = play(session, Broke("resp_1", "The model failed.", usage=Usage(1)))
    assert told(effects)[0] == "Stop resp_1"
    ended = "response.mcp_call.completed" if has_answered else "response.mcp_call.failed"
    assert names(effects)[-4:] == [ended, "conversation.item.done", "response.output_item.done", "response.done"]


def test_an_engine_that_fails_without_tools_is_not_stopped() -> None:
    """It has stopped by itself."""
    session = mcp_session(FILES)
    play(session, ResponseCreate())

    assert told(play(session, Broke("resp_1", "The model failed."))) == lines(
        'response.done resp_1 failed "The model failed."'
    )


def test_a_deleted_call_still_comes_to_its_end() -> None:
    """As a message that was being written: it is out of the conversation, and told to its end."""
    session = mcp_session(FILES)
    play(session, ResponseCreate(), calls("resp_1", "read", "{}"), finishes("resp_1"))
    play(session, ConversationItemDelete(item_id="item_2"))

    assert told(play(session, gives("item_2", "Once."))) == lines("""
        response.mcp_call.completed   #0 item_2
        conversation.item.done        first item_2 mcp_call files.read "{}" gave "Once."
        response.output_item.done     resp_1 #0 item_2 mcp_call files.read "{}" gave "Once."
    """)
    assert context(play(session, ResponseCreate())) == []


# Responses while a tool runs


def test_a_response_that_is_asked_for_waits_for_the_tools() -> None:
    """Clients ask for it right after they have approved: it is to tell what the tool gives."""
    session = mcp_session(ASKING)
    play(session, ResponseCreate(), calls("resp_1", "read", "{}"), finishes("resp_1"))

    assert told(play(session, verdict("item_3", approve=True), ResponseCreate()))[-1:] == lines(
        "response.created resp_2 in_progress"
    )
    effects = play(session, gives("item_2", "Once."))
    assert told(effects)[-1:] == lines("Respond resp_2")
    assert context(effects) == lines('item_2 mcp_call files.read "{}" approved item_3 gave "Once."')


def test_a_caller_who_goes_on_talking_does_not_wait_for_a_tool() -> None:
    """The answer to a turn begins at once, and knows that the tool still runs."""
    session = mcp_session(FILES)
    play(session, SPOKEN, ResponseCreate(), calls("resp_1", "read", "{}"), finishes("resp_1"))

    heard = play(session, LOUD, QUIET)
    effects = play(session, settled(heard, "Never mind."))
    assert told(effects)[-1:] == lines("Respond resp_2")
    assert context(effects)[0] == 'item_2 mcp_call files.read "{}"'
    assert names(play(session, gives("item_2", "Once.")))[0] == "response.mcp_call.completed"


def test_nobody_is_idle_while_a_tool_runs() -> None:
    """The idle timeout begins when the tool has answered."""
    session = mcp_session(FILES)
    play(session, SessionUpdate(session=hearing(turn_detection=ServerVad(idle_timeout_ms=5000))), CLICK)
    play(session, ResponseCreate(), calls("resp_1", "read", "{}"), finishes("resp_1"), at=10.0)

    assert session.deadline == 3600.0
    assert play(session, Tick(), at=16.0) == []
    play(session, gives("item_2", "Once."), at=17.0)
    assert session.deadline == 22.0
    assert names(play(session, Tick(), at=22.0))[0] == "input_audio_buffer.timeout_triggered"


def test_a_draft_holds_a_call_back_until_it_is_the_answer() -> None:
    """Nothing runs for a turn that may not be over."""
    quiet = hearing(turn_detection=ServerVad(silence_duration_ms=384))
    session = mcp_session(FILES, anticipates=True)
    play(session, SessionUpdate(session=quiet))
    play(session, LOUD, silence(32), recognises("item_2", "Read it.", of=speech(352)))
    assert told(play(session, silence(32), at=1.0))[0] == "Respond resp_1 draft"
    assert play(session, calls("resp_1", "read", "{}"), finishes("resp_1")) == []
    assert called(play(session, silence(320), at=1.5)) == ["read item_3"]


# Items that a client brings


def test_a_client_may_bring_what_happened_elsewhere() -> None:
    """Calls of an earlier session are context; their lists and requests are kept, and mean nothing more."""
    session = mcp_session(FILES)
    call = McpCall(id="old_1", server_label="files", name="write", arguments="{}", output="Done.")
    items = (
        call,
        McpListTools(server_label="files", tools=(READS,)),
        McpApprovalRequest(id="old_2", server_label="files", name="write", arguments="{}"),
    )

    assert told(play(session, (ConversationItemCreate(item=item) for item in items)))[::2] == lines("""
        conversation.item.added   after item_1 old_1 mcp_call files.write "{}" gave "Done."
        conversation.item.added   after old_1 item_2 mcp_list_tools files read
        conversation.item.added   after item_2 old_2 mcp_approval_request files.write "{}"
    """)
    assert told(play(session, ConversationItemRetrieve(item_id="old_1"))) == lines("""
        conversation.item.retrieved   old_1 mcp_call files.write "{}" gave "Done."
    """)
    given = ResponseParams(
        input=(ItemReference(id="old_1"), McpApprovalResponse(approval_request_id="x", approve=True))
    )
    assert context(play(session, ResponseCreate(response=given))) == lines(
        'old_1 mcp_call files.write "{}" gave "Done."'
    )
    assert refused(play(session, verdict("old_2", approve=True))).code == "invalid_value"


def test_the_model_is_shown_its_own_names() -> None:
    """A tool that it knows by another name than the client."""
    session = mcp_session(FunctionTool(name="read"), FILES)
    play(session, ResponseCreate(), calls("resp_1", "files_read", "{}"), finishes("resp_1"), gives("item_2", "Once."))

    effects = play(session, ResponseCreate())
    assert [tool.name for tool in asked(effects).tools] == ["read", "files_read", "write"]
    assert context(effects) == lines('item_2 mcp_call files.files_read "{}" gave "Once."')
    assert WRITES.name in {tool.name for tool in asked(effects).tools}
