"""Scripts of MCP servers that come and are asked for their tools (protocol 8.13)."""

from typing import Any

import pytest
from corelines import lines, told
from corescript import (
    LOUD,
    TEXT,
    asked,
    calls,
    events,
    facts,
    finishes,
    hearing,
    names,
    new_session,
    play,
    recognises,
    sent,
    silence,
    speech,
    typed,
)
from mcpscript import ASKING, BROKEN, FILES, gives, lists, mcp_session, refusal, with_tools

from antiphon.facts import EngineFailed
from antiphon.ports import ToolServer
from antiphon.protocol import codec
from antiphon.protocol.client_events import (
    ConversationItemDelete,
    ConversationItemRetrieve,
    ResponseCancel,
    ResponseCreate,
    SessionUpdate,
)
from antiphon.protocol.items import McpListedTool
from antiphon.protocol.response import ResponseParams
from antiphon.protocol.server_events import ConversationItemDone
from antiphon.protocol.session import (
    FunctionTool,
    McpTool,
    RealtimeSessionUpdate,
    ServerVad,
    ToolChoiceFunction,
    ToolChoiceMcp,
    ToolFilter,
)
from antiphon.session import listings
from antiphon.session.effects import CallTool, ListTools, Send
from antiphon.session.inputs import Joined, Listed


def test_a_server_is_asked_after_the_update() -> None:
    """The item exists before the event that speaks of it: clients retrieve it at once."""
    session = new_session(tool_refusal=refusal)

    assert told(play(session, SessionUpdate(session=with_tools(FILES)))) == lines("""
        session.updated              sess_1
        conversation.item.added      first item_1 mcp_list_tools files
        mcp_list_tools.in_progress   item_1
        ListTools                    item_1 files
    """)
    assert told(play(session, ConversationItemRetrieve(item_id="item_1"))) == lines("""
        conversation.item.retrieved  item_1 mcp_list_tools files
    """)
    assert told(play(session, lists("item_1"))) == lines("""
        conversation.item.done       first item_1 mcp_list_tools files read write
        mcp_list_tools.completed     item_1
    """)


def test_a_session_may_begin_with_servers() -> None:
    """Those of an ephemeral key are asked once, when the first link joins."""
    session = new_session(tool_refusal=refusal, initial=with_tools(FILES))

    assert told(play(session, Joined("link_2"))) == lines("session.created sess_1 -> link_2")
    assert told(play(session, lists("item_1")))[-1:] == lines("mcp_list_tools.completed item_1")


def test_a_server_that_fails_leaves_an_item_without_tools() -> None:
    """The item is done all the same; the operator hears why."""
    session = new_session(TEXT, tool_refusal=refusal)
    play(session, SessionUpdate(session=with_tools(FILES)))

    effects = play(session, Listed("item_1", error=BROKEN))
    assert told(effects) == lines("""
        conversation.item.done   first item_1 mcp_list_tools files
        mcp_list_tools.failed    item_1
    """)
    assert facts(effects) == [EngineFailed("sess_1", "tools", "http_error 500")]
    assert asked(play(session, ResponseCreate())).tools == ()


def test_a_server_is_asked_again_only_for_a_reason() -> None:
    """Another token, another choice of tools, or a failure; not other rules of approval."""
    session = mcp_session(FILES)

    def again(tool: McpTool) -> list[str]:
        return [e.item_id for e in play(session, SessionUpdate(session=with_tools(tool))) if isinstance(e, ListTools)]

    assert again(FILES) == []
    assert again(ASKING) == []
    assert again(McpTool(**{**keys(FILES), "server_description": "All my files."})) == []
    assert again(McpTool(**{**keys(FILES), "authorization": "token"})) == ["item_2"]
    play(session, Listed("item_2", error=BROKEN))
    assert again(McpTool(**{**keys(FILES), "authorization": "token"})) == ["item_3"]
    assert again(McpTool(**{**keys(FILES), "allowed_tools": ("read",)})) == ["item_4"]
    assert again(FILES) == ["item_5"]


def keys(tool: McpTool) -> dict[str, Any]:
    return {name: getattr(tool, name) for name in tool.__struct_fields__}


def test_what_is_told_too_late_or_twice_is_dropped() -> None:
    """An answer counts once, and only of a server that was asked."""
    session = mcp_session(FILES)

    assert play(session, lists("item_1"), lists("item_9")) == []


def test_a_deleted_list_is_still_told_to_its_end() -> None:
    """The item is gone, the tools are not: the session's `tools` say what there is."""
    session = new_session(tool_refusal=refusal)
    play(session, SessionUpdate(session=with_tools(FILES)), ConversationItemDelete(item_id="item_1"))

    assert names(play(session, lists("item_1"))) == ["conversation.item.done", "mcp_list_tools.completed"]
    assert [tool.name for tool in asked(play(session, ResponseCreate())).tools] == ["read", "write"]


# Responses and lists


def test_a_response_waits_for_the_tools() -> None:
    """It is created at once, and starts when the server has answered, well or not."""
    session = new_session(tool_refusal=refusal)
    play(session, SessionUpdate(session=with_tools(FILES)))

    assert told(play(session, typed("Read it."), ResponseCreate()))[-1:] == lines("response.created resp_1 in_progress")
    effects = play(session, lists("item_1"))
    assert told(effects)[-1:] == lines("Respond resp_1")
    assert [(tool.name, tool.description or None) for tool in asked(effects).tools] == [
        ("read", None),
        ("write", "Write it down."),
    ]


@pytest.mark.parametrize("end", [Listed("item_1", error=BROKEN), ConversationItemDelete(item_id="item_1")])
def test_it_does_not_wait_for_what_will_not_come(end: object) -> None:
    """After a failure, or when the client has deleted the list, the model goes without."""
    session = new_session(tool_refusal=refusal)
    play(session, SessionUpdate(session=with_tools(FILES)), ResponseCreate())

    assert told(play(session, end))[-1:] == lines("Respond resp_1")  # type: ignore[arg-type]  # steps of two kinds


def test_a_response_that_waits_can_be_cancelled() -> None:
    """It ends as if it had begun; the list goes on."""
    session = new_session(tool_refusal=refusal)
    play(session, SessionUpdate(session=with_tools(FILES)), ResponseCreate())

    assert told(play(session, ResponseCancel())) == lines("""
        Stop            resp_1
        response.done   resp_1 cancelled client_cancelled
    """)
    assert names(play(session, lists("item_1"))) == ["conversation.item.done", "mcp_list_tools.completed"]


def test_a_response_may_bring_a_server() -> None:
    """It is listed in the conversation; the session does not get its tools."""
    session = new_session(TEXT, tool_refusal=refusal)

    assert told(play(session, ResponseCreate(response=ResponseParams(tools=(FILES,))))) == lines("""
        conversation.item.added      first item_1 mcp_list_tools files
        mcp_list_tools.in_progress   item_1
        ListTools                    item_1 files
        response.created             resp_1 in_progress
    """)
    assert len(asked(play(session, lists("item_1"))).tools) == 2
    play(session, finishes("resp_1"))
    assert asked(play(session, ResponseCreate())).tools == ()
    play(session, finishes("resp_2"))
    assert len(asked(play(session, ResponseCreate(response=ResponseParams(tools=(FILES,))))).tools) == 2


def test_out_of_band_a_server_is_listed_without_a_trace() -> None:
    """Nothing enters the conversation."""
    session = new_session(TEXT, tool_refusal=refusal)
    beside = ResponseParams(tools=(FILES,), conversation="none")

    assert told(play(session, ResponseCreate(response=beside))) == lines("""
        ListTools          item_1 files
        response.created   resp_1 in_progress out of band
    """)
    assert told(play(session, lists("item_1"))) == lines("Respond resp_1")


def test_nothing_is_drafted_before_the_tools_are_known() -> None:
    """A draft could not call them; the answer waits for the list instead."""
    session = new_session(
        hearing(turn_detection=ServerVad(silence_duration_ms=384)), tool_refusal=refusal, anticipates=True
    )
    play(session, SessionUpdate(session=with_tools(FILES)), LOUD, silence(32))
    play(session, recognises("item_2", "Read it.", of=speech(352)), silence(32), at=1.0)

    assert told(play(session, silence(320)))[-1:] == lines("response.created resp_1 in_progress")
    assert told(play(session, lists("item_1")))[-1:] == lines("Respond resp_1")


# What the client is shown, and what it is not


def test_no_secret_ever_comes_back() -> None:
    """Neither the token nor the headers are in any event; the server gets both."""
    secret = McpTool(**{**keys(FILES), "authorization": "token-secret", "headers": {"x-key": "header-secret"}})
    session = new_session(TEXT, tool_refusal=refusal)

    effects = play(session, SessionUpdate(session=with_tools(secret)), lists("item_1"), Joined("link_2"))
    effects += play(session, ResponseCreate(), calls("resp_1", "read", "{}"), finishes("resp_1"))
    effects += play(session, gives("item_2", "done"))
    assert [e.server for e in effects if isinstance(e, ListTools | CallTool)] == [
        ToolServer("files", "https://files.example.com/mcp", "token-secret", {"x-key": "header-secret"})
    ] * 2
    assert all(b"secret" not in codec.encode(event, "event_1") for event in sent(effects))
    assert "secret" not in repr([e for e in effects if not isinstance(e, Send)])


@pytest.mark.parametrize(
    ("allowed", "left"),
    [
        (None, ["read", "write"]),
        (("write", "other"), ["write"]),
        (ToolFilter(), ["read", "write"]),
        (ToolFilter(tool_names=("read",)), ["read"]),
        (ToolFilter(read_only=True), ["read"]),
        (ToolFilter(read_only=False), ["write"]),
        (ToolFilter(tool_names=("write",), read_only=True), []),
    ],
)
def test_only_allowed_tools_are_shown(allowed: Any, left: list[str]) -> None:
    """To the client, and to the model."""
    session = new_session(TEXT, tool_refusal=refusal)
    play(session, SessionUpdate(session=with_tools(McpTool(**{**keys(FILES), "allowed_tools": allowed}))))

    (done,) = events(play(session, lists("item_1")), ConversationItemDone)
    assert [tool.name for tool in done.item.tools] == left
    assert [tool.name for tool in asked(play(session, ResponseCreate())).tools] == left


# What the model is given


def test_the_model_knows_every_tool_by_a_name_of_its_own() -> None:
    """The client's functions keep theirs; what chat models do not take is replaced."""
    other = McpTool(server_label="my.notes", server_url="https://notes.example.com/", require_approval="never")
    odd = [McpListedTool(name=name, input_schema={}) for name in ("read", "a/b", "a b", "", "x" * 70)]
    again = McpListedTool(name="x" * 64, input_schema={})
    session = new_session(TEXT, tool_refusal=refusal)
    play(session, SessionUpdate(session=with_tools(FILES, FunctionTool(name="write"), other)))
    play(session, lists("item_1"), lists("item_2", *odd, again))

    assert [tool.name for tool in asked(play(session, ResponseCreate())).tools] == [
        "write",
        "read",
        "files_write",
        "my_notes_read",
        "a_b",
        "my_notes_a_b",
        "_",
        "x" * 64,
        f"my_notes_{'x' * 55}",
    ]


def test_names_are_numbered_at_last() -> None:
    """However many tools end up with the same letters."""
    session = new_session(TEXT, tool_refusal=refusal)
    play(session, SessionUpdate(session=with_tools(FILES)))
    same = [McpListedTool(name=name, input_schema={}) for name in ("a.b", "a/b", "a b", "a:b")]
    play(session, lists("item_1", *same))

    assert [tool.name for tool in asked(play(session, ResponseCreate())).tools] == [
        "a_b",
        "files_a_b",
        "files_a_b_2",
        "files_a_b_3",
    ]


@pytest.mark.parametrize(
    ("choice", "given", "offered"),
    [
        (ToolChoiceMcp(server_label="files", name="write"), ToolChoiceFunction(name="write"), 3),
        (ToolChoiceMcp(server_label="files"), "required", 2),
        (ToolChoiceMcp(server_label="files", name=None), "required", 2),
        (ToolChoiceMcp(server_label="files", name="other"), "auto", 3),
        (ToolChoiceFunction(name="mine"), ToolChoiceFunction(name="mine"), 3),
        ("none", "none", 3),
    ],
)
def test_a_choice_is_put_in_the_terms_of_the_model(choice: Any, given: Any, offered: int) -> None:
    """One tool, one of a server's tools; a tool that is not there leaves the model free."""
    session = mcp_session(FILES, FunctionTool(name="mine"))

    prompt = asked(play(session, ResponseCreate(response=ResponseParams(tool_choice=choice))))
    assert (prompt.tool_choice, len(prompt.tools)) == (given, offered)


def test_a_choice_that_outlives_its_server_is_free() -> None:
    """The tools were taken away, and the choice forgotten."""
    session = mcp_session(FILES)
    choice = RealtimeSessionUpdate(tool_choice=ToolChoiceMcp(server_label="files"))
    play(session, SessionUpdate(session=choice), SessionUpdate(session=RealtimeSessionUpdate(tools=())))

    assert asked(play(session, ResponseCreate())).tool_choice == "auto"


# Bounds


def test_only_so_many_lists_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers of responses make room for new ones; those of the session stay, and so do those being asked."""
    monkeypatch.setattr(listings, "MAX_LISTINGS", 2)
    session = mcp_session(FILES)

    def asked_for(name: str) -> list[str]:
        server = McpTool(server_label=name, server_url=f"https://{name}.example.com")
        beside = ResponseParams(tools=(server,), conversation="none", input=())
        return [e.item_id for e in play(session, ResponseCreate(response=beside)) if isinstance(e, ListTools)]

    assert asked_for("a") == ["item_2"]
    assert asked_for("b") == []
    play(session, lists("item_2"))
    assert asked_for("b") == ["item_3"]
    play(session, lists("item_3"))
    assert asked_for("a") == ["item_4"]
    assert len(asked(play(session, ResponseCreate())).tools) == 2


def test_lists_of_servers_that_have_gone_are_forgotten() -> None:
    """An update without them ends what is known of them; one being asked is heard to its end."""
    session = mcp_session(FILES)
    play(session, SessionUpdate(session=RealtimeSessionUpdate(tools=())))

    effects = play(session, SessionUpdate(session=with_tools(FILES)), SessionUpdate(session=with_tools()))
    assert [e.item_id for e in effects if isinstance(e, ListTools)] == ["item_2"]
    assert names(play(session, lists("item_2"))) == ["conversation.item.done", "mcp_list_tools.completed"]
    assert asked(play(session, ResponseCreate())).tools == ()
