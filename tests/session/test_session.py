"""Rules of the one door: every input finds its place, time is the caller's, and mistakes change nothing."""

from typing import get_args

import pytest
from corelines import lines, told
from corescript import (
    LINK,
    LOUD,
    MANUAL,
    QUIET,
    SHOW_WORDS,
    TEXT,
    Ids,
    Stage,
    calls,
    events,
    facts,
    finishes,
    guesses,
    hearing,
    names,
    new_session,
    new_settings,
    play,
    recognises,
    refused,
    replayed,
    says,
    settled,
    speaking,
    speech,
    typed,
    writes,
)
from mcpscript import ASKING, BROKEN, FILES, called, fails, gives, lists, mcp_session, refusal, verdict, with_tools
from msgspec import structs

from antiphon.audio import g711
from antiphon.facts import EngineFailed
from antiphon.protocol import errors
from antiphon.protocol.beyond import ResponseWishes
from antiphon.protocol.client_events import (
    ClientEvent,
    ConversationItemCreate,
    ConversationItemDelete,
    ConversationItemRetrieve,
    ConversationItemTruncate,
    InputAudioBufferAppend,
    InputAudioBufferClear,
    InputAudioBufferCommit,
    OutputAudioBufferClear,
    ResponseCancel,
    ResponseCreate,
    SessionUpdate,
)
from antiphon.protocol.items import FunctionCallOutput, InputAudio, ItemReference, Message
from antiphon.protocol.response import ResponseParams
from antiphon.protocol.server_events import ConversationItemRetrieved, SessionCreated, SessionUpdated
from antiphon.protocol.session import PcmaFormat, PcmFormat, PcmuFormat, ServerVad
from antiphon.session import session as door
from antiphon.session.effects import Close, Effect
from antiphon.session.inputs import (
    Broke,
    Called,
    Heard,
    Input,
    Joined,
    Judged,
    Left,
    Received,
    Refused,
    Tick,
    Unrecognised,
)
from antiphon.session.session import Session


def test_every_input_has_its_place() -> None:
    """And so has every client event but the append, which comes as `Heard`."""
    assert set(door._ON_INPUT) == set(get_args(Input))
    assert set(door._ON_EVENT) | {InputAudioBufferAppend} == set(get_args(ClientEvent))


def test_what_a_session_is_before_anything() -> None:
    """It has a name, hears PCM, wants scores, and owes nobody anything."""
    session = Session(new_settings(instructions="Be kind."))

    assert (session.session_id, session.input_format, session.wants_scores) == ("sess_1", PcmFormat(), True)
    assert session.config.instructions == "Be kind."
    assert session.deadline is None


def test_scores_are_wanted_with_turn_detection() -> None:
    """And only then."""
    session = new_session(MANUAL)
    assert not session.wants_scores
    play(session, SessionUpdate(session=hearing(turn_detection=ServerVad())))
    assert session.wants_scores


def test_the_same_inputs_give_the_same_effects() -> None:
    """Nothing in the core is left to chance."""
    session = new_session(SHOW_WORDS)
    done = list(play(session, LOUD, QUIET))
    done += play(session, settled(done, "What time is it?"), says("resp_1", ("Noon.", 300)), LOUD, at=5.0)
    done += play(session, ResponseCancel(event_id="mine"), Tick(), at=4000.0)

    assert replayed(session)[2:] == done  # after the greeting and the update


# Links


def test_links() -> None:
    """Each is greeted; one that leaves is not missed; what is not understood is told to its origin."""
    session = Stage(new_settings())

    (greeting,) = events(play(session, Joined("a", takes_audio=False)), SessionCreated)
    assert greeting.session.id == "sess_1"
    assert told(play(session, Joined("b"), Left("a"), Refused("b", errors.invalid_json()))) == lines("""
        session.created   sess_1 -> b
        error             invalid_json -> b
    """)


def test_a_mistake_is_told_with_its_name() -> None:
    """Or without, when it had none; to its origin alone."""
    session = new_session()

    assert told(play(session, Received("a", ResponseCancel(event_id="mine")), ResponseCancel())) == lines("""
        error   response_cancel_not_active mine -> a
        error   response_cancel_not_active -> link_1
    """)


# Time


def due(session: Stage) -> float | None:
    return session.deadline


def test_the_end_comes_once() -> None:
    """Counted from the first link."""
    session = Stage(new_settings(lifetime_s=120))
    play(session, Joined("a"), at=10.0)
    play(session, Joined("b"), at=50.0)
    assert due(session) == 130.0

    assert play(session, Tick(), at=129.0) == []
    (error, close) = play(session, Tick(), at=130.0)
    assert told([error]) == ["error session_expired"]
    assert close == Close(1001, "Your session hit the maximum duration of 2 minutes.")
    assert play(session, Tick(), at=131.0) == []
    assert due(session) is None


def test_what_is_due_first() -> None:
    """The idle timeout or the end."""
    session = new_session(hearing(turn_detection=ServerVad(idle_timeout_ms=30_000)), TEXT, lifetime_s=60)
    play(session, ResponseCreate(), finishes("resp_1"), at=20.0)
    assert session.deadline == 50.0
    play(session, ResponseCreate(), finishes("resp_2"), at=45.0)
    assert session.deadline == 60.0


# Updates


def test_an_update_is_shown_whole_or_refused_whole() -> None:
    """Never half."""
    session = new_session()

    (updated,) = events(play(session, SessionUpdate(session=TEXT)), SessionUpdated)
    assert updated.session.output_modalities == ("text",)
    before = session.config
    assert refused(play(session, SessionUpdate(session=type(TEXT)(model="other")))).param == "session.model"
    assert session.config is before


# Items


def test_an_items_life() -> None:
    """Created, retrieved, deleted; then it is unknown."""
    session = new_session()

    assert told(
        play(
            session,
            typed("Hello", id="mine"),
            ConversationItemRetrieve(item_id="mine"),
            ConversationItemDelete(item_id="mine"),
        )
    ) == lines("""
        conversation.item.added       first mine user completed input_text "Hello"
        conversation.item.done        first mine user completed input_text "Hello"
        conversation.item.retrieved   mine user completed input_text "Hello"
        conversation.item.deleted     mine
    """)
    truncate = ConversationItemTruncate(item_id="mine", content_index=0, audio_end_ms=0)
    for event in (ConversationItemRetrieve(item_id="mine"), ConversationItemDelete(item_id="mine"), truncate):
        assert str(refused(play(session, event)).code).endswith("_invalid_item_id")


def test_an_item_that_is_refused() -> None:
    """For its content, its place or its name; the id that `speech_started` announced is taken as well."""
    session = new_session()
    play(session, LOUD)

    orphan = ConversationItemCreate(item=FunctionCallOutput(call_id="call_9", output=""))
    for event, code in (
        (orphan, "invalid_tool_call_id"),
        (typed("x", previous_item_id="item_9"), "item_create_invalid_previous_item_id"),
        (typed("x", id="item_1"), "item_create_duplicate_item_id"),
    ):
        assert refused(play(session, event)).code == code


@pytest.mark.parametrize(
    ("update", "audio", "pcm"),
    [
        (hearing(format=PcmFormat()), b"\1\2\3", b"\1\2"),  # half a sample is no sample
        (hearing(format=PcmuFormat()), b"\xff" * 80, bytes(480)),
        (hearing(format=PcmaFormat()), g711.encode("pcma", bytes(160)), None),
    ],
)
def test_audio_of_an_item_is_in_the_input_format(update: object, audio: bytes, pcm: bytes | None) -> None:
    """And inside it is pcm like any other."""
    session = new_session(update)  # type: ignore[arg-type]  # an update
    item = Message(role="user", content=(InputAudio(audio=audio),))

    play(session, ConversationItemCreate(item=item))
    (retrieved,) = events(play(session, ConversationItemRetrieve(item_id="item_1")), ConversationItemRetrieved)
    assert len(retrieved.item.content[0].audio) == (480 if pcm is None else len(pcm))
    assert pcm is None or retrieved.item.content[0].audio == pcm


def test_a_truncation_is_told() -> None:
    """With the numbers that the client gave."""
    session = new_session()
    play(session, ResponseCreate(), says("resp_1", ("Hm.", 300)), finishes("resp_1"))

    truncate = ConversationItemTruncate(item_id="item_1", content_index=0, audio_end_ms=100)
    assert told(play(session, truncate)) == lines("conversation.item.truncated item_1 100ms")
    again = ConversationItemTruncate(item_id="item_1", content_index=0, audio_end_ms=101)
    assert refused(play(session, again)).code == "invalid_value"


# Responses


def test_one_speaks_and_others_run_beside_it() -> None:
    """A second one for the conversation is refused; there is something to cancel while one runs."""
    session = new_session(TEXT)
    beside = ResponseCreate(response=ResponseParams(conversation="none"))

    assert names(play(session, ResponseCreate(), beside)) == ["response.created"] * 2
    assert refused(play(session, ResponseCreate())).code == "conversation_already_has_active_response"
    assert told(play(session, ResponseCancel(response_id="resp_2"), ResponseCancel())) == lines("""
        Stop            resp_2
        response.done   resp_2 cancelled out of band client_cancelled
        Stop            resp_1
        response.done   resp_1 cancelled client_cancelled
    """)
    assert refused(play(session, ResponseCancel(response_id="resp_1"))).code == "response_cancel_not_active"


@pytest.mark.parametrize(
    ("response", "code"),
    [
        (ResponseParams(input=(ItemReference(id="item_9"),)), "invalid_value"),
        (ResponseParams(output_modalities=()), "invalid_value"),
        (ResponseWishes(appends=(FunctionCallOutput(call_id="call_9", output=""),)), "invalid_tool_call_id"),
    ],
)
def test_a_response_that_is_refused(response: ResponseParams, code: str) -> None:
    """Nothing is created, nothing runs."""
    session = new_session(TEXT)

    assert refused(play(session, ResponseCreate(response=response))).code == code
    assert refused(play(session, ResponseCancel())).code == "response_cancel_not_active"


def test_none_in_a_transcription_session() -> None:
    """They are another kind of session."""
    assert refused(play(new_session(kind="transcription"), ResponseCreate(response=None))).param == "type"


def test_no_output_buffer_here() -> None:
    """Over WebSocket the client plays the sound."""
    assert refused(play(new_session(), OutputAudioBufferClear())).code == "invalid_value"


def test_older_wishes() -> None:
    """Queue behind, take the place of, bring items: preview's ways to ask."""
    session = new_session(TEXT)
    play(session, ResponseCreate(response=ResponseWishes(queues=True)))
    assert play(session, ResponseCreate(response=ResponseWishes(queues=True))) == []

    item = typed("And?").item
    replaced = play(session, ResponseCreate(response=ResponseWishes(replaces=True, appends=(item,))))
    assert told(replaced)[:3] == lines("""
        Stop                      resp_1
        response.done             resp_1 cancelled client_cancelled
        conversation.item.added   first item_1 user completed input_text "And?"
    """)
    assert told(play(session, finishes("resp_2")))[-2:] == lines("""
        response.created   resp_3 in_progress
        Respond            resp_3
    """)


# Engines


@pytest.mark.parametrize(
    "news",
    [
        *writes("resp_9", "Boo."),
        finishes("resp_9"),
        Broke("resp_9", "Boo."),
        guesses("item_9", "Boo."),
        recognises("item_9", "Boo.", of=1),
        Unrecognised("item_9", "Boo."),
        Judged("item_9", 1, 1.0),
        Left("link_9"),
        Heard(LINK, b""),
        Tick(),
    ],
)
def test_news_of_nobody(news: Input) -> None:
    """Is dropped."""
    assert play(new_session(), news) == []


def test_a_words_way() -> None:
    """From the recogniser to the response that waits for it; guesses on the way start nothing."""
    session = new_session(TEXT)
    turn: list[Effect] = play(session, LOUD, QUIET)

    assert play(session, guesses("item_1", "What")) == []
    assert told(play(session, settled(turn, "What time is it?"))) == lines("Respond resp_1")
    failed = new_session(TEXT)
    play(failed, LOUD, QUIET)
    assert told(play(failed, Unrecognised("item_1", "No ears."))) == lines('response.done resp_1 failed "No ears."')


# Tools


def test_servers_are_asked_when_they_come() -> None:
    """With the session, with an update, with a response; only those that were asked are heard."""
    session = Stage(new_settings(initial=with_tools(FILES), tool_refusal=refusal))
    assert told(play(session, Joined("a"), Joined("b")))[-2:] == lines("""
        ListTools         item_1 files
        session.created   sess_1 -> b
    """)
    other = structs.replace(FILES, server_label="other")
    assert told(play(session, SessionUpdate(session=with_tools(other))))[-1] == "ListTools item_2 other"
    third = structs.replace(FILES, server_label="third")
    params = ResponseParams(conversation="none", tools=(third,))
    assert told(play(session, ResponseCreate(response=params)))[0] == "ListTools item_3 third"

    assert play(session, lists("item_9"), gives("item_9", "?")) == []
    assert told(play(session, lists("item_3"))) == lines("Respond resp_1")


def test_a_tool_is_called_and_somebody_waits_for_it() -> None:
    """The next response, which is begun by itself where the operator wants it; nobody is idle meanwhile."""
    idle = hearing(turn_detection=ServerVad(idle_timeout_ms=5000))
    session = mcp_session(FILES, follows_up=True)
    play(session, SessionUpdate(session=idle), ResponseCreate(), calls("resp_1", "read", "{}"), at=1.0)
    assert told(play(session, finishes("resp_1"), at=2.0))[-1].startswith("response.done resp_1 completed")
    assert play(session, Tick(), at=10.0) == []

    assert told(play(session, gives("item_2", "Much.")))[-2:] == lines("""
        response.created   resp_2 in_progress
        Respond            resp_2
    """)
    play(session, writes("resp_2", "So much."), finishes("resp_2"))
    assert session.deadline == 15.0


def test_the_meter_hears_of_servers_that_fail() -> None:
    """A tool that says no is none of its business."""
    session = mcp_session(FILES)
    play(session, ResponseCreate(), calls("resp_1", "read", "{}"), calls("resp_1", "write", "{}", index=1))
    play(session, finishes("resp_1"))

    assert facts(play(session, fails("item_2", "No."))) == []
    assert [type(fact) for fact in facts(play(session, Called("item_3", error=BROKEN)))] == [EngineFailed]


def test_a_verdict() -> None:
    """On what waits for one, and on nothing else."""
    session = mcp_session(ASKING)
    play(session, ResponseCreate(), calls("resp_1", "read", "{}"), finishes("resp_1"))

    assert called(play(session, verdict("item_3", approve=True))) == ["read item_2"]
    assert refused(play(session, verdict("item_3", approve=True))).param == "item.approval_request_id"


def test_the_speed_is_fixed_while_an_answer_runs() -> None:
    """Protocol 5.6; the same speed is fine."""
    session = new_session(TEXT)
    play(session, ResponseCreate())

    faster = SessionUpdate(session=speaking(speed=1.5))
    assert refused(play(session, faster)).param == "session.audio.output.speed"
    assert names(play(session, SessionUpdate(session=speaking(speed=1.0)))) == ["session.updated"]
    play(session, finishes("resp_1"))
    assert names(play(session, faster)) == ["session.updated"]


def test_a_commit_and_a_count() -> None:
    """Ids come from the function that the session was given, in order."""
    ids = Ids()
    session = Stage(new_settings(new_id=ids))
    play(session, Joined(LINK), SessionUpdate(session=MANUAL), speech(100), InputAudioBufferCommit(), typed("x"))

    assert ids("item") == "item_3"
    assert told(play(session, InputAudioBufferClear())) == lines("input_audio_buffer.cleared")
