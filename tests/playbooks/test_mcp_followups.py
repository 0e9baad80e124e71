"""Scripts of answers that follow by themselves when MCP tools have answered, where the operator wants them."""

from typing import Any

import pytest
from corelines import lines, told
from corescript import (
    LOUD,
    QUIET,
    Stage,
    asked,
    calls,
    context,
    finishes,
    hearing,
    names,
    play,
    recognises,
    settled,
    silence,
    speech,
    typed,
    writes,
)
from mcpscript import ASKING, FILES, gives, mcp_session, verdict

from antiphon.ports import Ending
from antiphon.protocol.client_events import ResponseCancel, ResponseCreate, SessionUpdate
from antiphon.protocol.response import ResponseParams
from antiphon.protocol.session import ApprovalFilter, FunctionTool, McpTool, ServerVad, ToolFilter
from antiphon.session import followups
from antiphon.session.inputs import Produced

READ_ONLY = ToolFilter(read_only=True)


def keys(tool: McpTool) -> dict[str, Any]:
    return {name: getattr(tool, name) for name in tool.__struct_fields__}


def following(*tools: McpTool | FunctionTool) -> Stage:
    """A session whose operator wants answers to follow."""
    return mcp_session(*(tools or (FILES,)), follows_up=True)


def test_the_answer_follows_when_the_tool_has_answered() -> None:
    """As soon as the call is done; it knows what the tool has given, and is otherwise like the one before."""
    session = following()
    params = ResponseParams(instructions="Be brief.", tool_choice="required", metadata={"turn": "1"})
    play(session, ResponseCreate(response=params), calls("resp_1", "read", "{}"), finishes("resp_1"))

    effects = play(session, gives("item_2", "Once."))
    assert told(effects)[-2:] == lines("""
        response.created   resp_2 in_progress
        Respond            resp_2
    """)
    prompt = asked(effects)
    assert (prompt.instructions, prompt.tool_choice, len(prompt.tools)) == ("Be brief.", "auto", 2)
    assert context(effects) == lines('item_2 mcp_call files.read "{}" gave "Once."')
    assert names(play(session, writes("resp_2", "Once."), finishes("resp_2")))[-1] == "response.done"


def test_without_the_operators_wish_nothing_follows() -> None:
    """The provider waits for the client, whose `response.create` would else be refused."""
    session = mcp_session(FILES)
    play(session, ResponseCreate(), calls("resp_1", "read", "{}"), finishes("resp_1"))

    assert names(play(session, gives("item_2", "Once.")))[-1] == "response.output_item.done"


def test_it_follows_the_last_of_several_calls() -> None:
    """All of them are told at once."""
    session = following()
    both = calls("resp_1", "read", "{}"), calls("resp_1", "write", "{}", index=1)
    play(session, ResponseCreate(), both, finishes("resp_1"))

    assert names(play(session, gives("item_3", "2")))[-1] == "response.output_item.done"
    assert context(play(session, gives("item_2", "1"))) == lines("""
        item_2 mcp_call files.read "{}" gave "1"
        item_3 mcp_call files.write "{}" gave "2"
    """)


def test_it_follows_a_tool_that_was_quicker_than_the_model() -> None:
    """The response ends first."""
    session = following()
    play(
        session, ResponseCreate(), calls("resp_1", "read", "{}"), writes("resp_1", "I look."), gives("item_2", "Once.")
    )

    assert names(play(session, finishes("resp_1")))[-2:] == ["response.output_item.done", "response.created"]


@pytest.mark.parametrize("approve", [True, False])
def test_it_follows_the_verdict(*, approve: bool) -> None:
    """The model tells what came of it, also when nothing did."""
    session = following(ASKING)
    play(session, ResponseCreate(), calls("resp_1", "read", "{}"), finishes("resp_1"))

    effects = play(session, verdict("item_3", approve=approve))
    assert ("response.created" in names(effects)) is not approve
    if approve:
        assert names(play(session, gives("item_2", "Once.")))[-1] == "response.created"


def test_a_function_of_the_client_is_waited_for() -> None:
    """The client gives its output, and then asks for the answer."""
    session = following(FILES, FunctionTool(name="mine"))
    both = calls("resp_1", "read", "{}"), calls("resp_1", "mine", "{}", index=1)
    play(session, ResponseCreate(), both, finishes("resp_1"))

    assert names(play(session, gives("item_2", "Once.")))[-1] == "response.output_item.done"


@pytest.mark.parametrize("end", ["cancelled", "incomplete"])
def test_nothing_follows_what_was_broken_off(end: str) -> None:
    """Whoever stopped it does not want more of it."""
    session = following()
    play(session, ResponseCreate(), calls("resp_1", "read", "{}"), writes("resp_1", "I look."))

    if end == "cancelled":
        play(session, ResponseCancel())
    else:
        play(session, Produced("resp_1", Ending("max_output_tokens")), finishes("resp_1"))
    assert "response.created" not in names(play(session, gives("item_2", "Once.")))


def test_the_last_round_has_to_speak() -> None:
    """A model that only calls is stopped by what it may do."""
    session = following()
    play(session, ResponseCreate())
    choices: list[Any] = []

    for number in range(1, followups.MAX_ROUNDS + 1):
        play(session, calls(f"resp_{number}", "read", "{}"), finishes(f"resp_{number}"))
        choices.append(asked(play(session, gives(f"item_{number + 1}", "Once."))).tool_choice)

    assert choices == ["auto"] * (followups.MAX_ROUNDS - 1) + ["none"]


def test_an_answer_that_was_asked_for_takes_its_place() -> None:
    """A client that does ask gets one answer, not two."""
    session = following()
    play(session, ResponseCreate(), calls("resp_1", "read", "{}"), finishes("resp_1"), typed("Well?"), ResponseCreate())

    effects = play(session, gives("item_2", "Once."))
    assert told(effects)[-1] == "Respond resp_2"
    assert names(play(session, finishes("resp_2"))) == ["response.done"]


def test_an_answer_that_cannot_know_all_does_not() -> None:
    """One call has ended, another one waits for approval: the answer that follows is still due."""
    session = following(McpTool(**{**keys(FILES), "require_approval": ApprovalFilter(never=READ_ONLY)}))
    both = calls("resp_1", "read", "{}"), calls("resp_1", "write", "{}", index=1)
    play(session, ResponseCreate(), both, finishes("resp_1"), gives("item_2", "Once."))

    play(session, ResponseCreate(), finishes("resp_2"))
    assert names(play(session, verdict("item_4", approve=False)))[-1] == "response.created"


def test_it_waits_while_the_caller_speaks() -> None:
    """The answer to the turn tells of the tool as well."""
    session = following()
    audible = SessionUpdate(session=hearing(turn_detection=ServerVad()))
    play(session, audible, ResponseCreate(), calls("resp_1", "read", "{}"), finishes("resp_1"))
    heard = play(session, LOUD)

    assert names(play(session, gives("item_2", "Once.")))[-1] == "response.output_item.done"
    heard += play(session, QUIET)
    assert names(heard).count("response.created") == 1
    effects = play(session, settled(heard, "And?"))
    assert context(effects)[0] == 'item_2 mcp_call files.read "{}" gave "Once."'
    assert names(play(session, finishes("resp_2"))) == ["response.done"]


def test_a_draft_that_is_kept_takes_its_place_too() -> None:
    """It was begun after the tool had answered."""
    session = mcp_session(FILES, follows_up=True, anticipates=True)
    quiet = SessionUpdate(session=hearing(turn_detection=ServerVad(silence_duration_ms=384)))
    play(session, quiet, ResponseCreate(), calls("resp_1", "read", "{}"), finishes("resp_1"), LOUD)
    play(session, gives("item_2", "Once."), silence(32))

    draft = play(session, recognises("item_3", "And?", of=speech(352)), silence(32), at=1.0)
    assert context(draft)[0] == 'item_2 mcp_call files.read "{}" gave "Once."'
    assert names(play(session, silence(320), at=1.5))[-1] == "response.created"
    assert names(play(session, finishes("resp_2"))) == ["response.done"]


def test_it_follows_a_turn_that_is_not_answered() -> None:
    """Where turns get no answer of their own, it comes when the caller is quiet."""
    session = following()
    silent = SessionUpdate(session=hearing(turn_detection=ServerVad(create_response=False)))
    play(session, silent, ResponseCreate(), calls("resp_1", "read", "{}"), finishes("resp_1"), LOUD)
    play(session, gives("item_2", "Once."))

    assert "response.created" in names(play(session, QUIET))


def test_out_of_band_it_follows_beside() -> None:
    """With what the response was given, what it made, and its metadata; any number at once."""
    session = following()
    beside = ResponseParams(conversation="none", input=(), metadata={"topic": "files"})
    play(session, ResponseCreate(response=beside), ResponseCreate())
    play(session, writes("resp_1", "I look."), calls("resp_1", "read", "{}"), finishes("resp_1"))

    effects = play(session, gives("item_3", "Once."))
    assert told(effects)[-2:] == lines("""
        response.created   resp_3 in_progress out of band
        Respond            resp_3
    """)
    assert context(effects) == lines("""
        item_2 assistant completed output_text "I look."
        item_3 mcp_call files.read "{}" gave "Once."
    """)


def test_one_answer_tells_of_the_calls_of_two() -> None:
    """Two responses whose calls end at the same moment."""
    session = following(ASKING)
    for number in (1, 2):
        play(session, ResponseCreate(), calls(f"resp_{number}", "read", "{}"), finishes(f"resp_{number}"))
    play(session, ResponseCreate(), verdict("item_3", approve=False), verdict("item_5", approve=False))

    assert names(play(session, finishes("resp_3"))) == ["response.done", "response.created"]
    assert names(play(session, finishes("resp_4"))) == ["response.done"]
