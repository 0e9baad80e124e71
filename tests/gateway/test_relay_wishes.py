"""What preview can ask and GA cannot say, done with what GA has."""

from itertools import count

from antiphon.gateway.wishes import MAX_WAITING, Wishes
from antiphon.protocol.beyond import ResponseWishes, SessionWishes
from antiphon.protocol.client_events import (
    ClientEvent,
    ConversationItemCreate,
    ConversationItemDelete,
    InputAudioBufferCommit,
    ResponseCancel,
    ResponseCreate,
    SessionUpdate,
)
from antiphon.protocol.errors import ErrorDetail
from antiphon.protocol.items import InputText, ItemReference, Message
from antiphon.protocol.response import Response, ResponseAudio, ResponseParams
from antiphon.protocol.server_events import Error, ResponseCreated, ResponseDone, ServerEvent
from antiphon.protocol.session import RealtimeSessionUpdate

HI = Message(role="user", content=(InputText(text="Hi."),))


def new_wishes() -> Wishes:
    numbers = count(1)
    return Wishes(lambda prefix: f"{prefix}_{next(numbers)}")


def response(name: str, *, is_beside: bool = False) -> Response:
    return Response(
        id=name,
        status="in_progress",
        conversation_id=None if is_beside else "conv_1",
        output_modalities=("text",),
        max_output_tokens="inf",
        audio=ResponseAudio(),
    )


def began(name: str, *, is_beside: bool = False) -> ServerEvent:
    return ResponseCreated(response=response(name, is_beside=is_beside))


def ended(name: str, *, is_beside: bool = False) -> ServerEvent:
    return ResponseDone(response=response(name, is_beside=is_beside))


def refused(name: str) -> ServerEvent:
    return Error(error=ErrorDetail(type="invalid_request_error", message="No.", event_id=name))


def wish(name: str = "event_x", **keys: object) -> ResponseCreate:
    return ResponseCreate(event_id=name, response=ResponseWishes(**keys))  # type: ignore[arg-type]  # keys of the struct


def create(name: str = "event_x", **keys: object) -> ResponseCreate:
    return ResponseCreate(event_id=name, response=ResponseParams(**keys))  # type: ignore[arg-type]  # keys of the struct


def test_a_temperature_is_left_out() -> None:
    """In sessions and responses; all else stays."""
    wishes = new_wishes()
    update = SessionUpdate(event_id="event_1", session=SessionWishes(instructions="Sing.", temperature=0.7))

    assert wishes.heard(update) == [
        SessionUpdate(event_id="event_1", session=RealtimeSessionUpdate(instructions="Sing."))
    ]
    assert wishes.heard(wish(instructions="Now.", temperature=0.9)) == [create(instructions="Now.")]


def test_what_ga_can_say_passes() -> None:
    """Also a second response, which the upstream refuses as beta did."""
    wishes = new_wishes()
    plain: list[ClientEvent] = [InputAudioBufferCommit(), ResponseCreate(), ResponseCreate(response=None)]

    assert [wishes.heard(event) for event in plain] == [[event] for event in plain]
    assert wishes.told(began("resp_1")) == []
    assert wishes.heard(ResponseCreate()) == [ResponseCreate()]


def test_one_takes_the_place_of_another() -> None:
    """The running one is cancelled at once; the new one is asked for when it has ended."""
    wishes = new_wishes()
    assert wishes.heard(wish("a", replaces=True)) == [create("a")]
    assert wishes.told(began("resp_1")) == []

    assert wishes.heard(wish("b", replaces=True)) == [ResponseCancel(response_id="resp_1")]
    assert wishes.told(ended("resp_1")) == [create("b")]
    assert wishes.told(began("resp_2")) == []
    assert wishes.told(ended("resp_2")) == []


def test_one_that_is_not_known_yet_is_cancelled_as_it_begins() -> None:
    """The client asks twice before the upstream has answered once."""
    wishes = new_wishes()
    wishes.heard(wish("a", replaces=True))

    assert wishes.heard(wish("b", replaces=True)) == []
    assert wishes.told(began("resp_1")) == [ResponseCancel(response_id="resp_1")]
    assert wishes.told(ended("resp_1")) == [create("b")]


def test_one_waits_for_another() -> None:
    """In the order in which they were asked for; nothing is cancelled."""
    wishes = new_wishes()
    wishes.told(began("resp_1"))

    assert [wishes.heard(wish(name, queues=True)) for name in ("a", "b")] == [[], []]
    assert wishes.told(ended("resp_1")) == [create("a")]
    assert wishes.told(began("resp_2")) == []
    assert wishes.told(ended("resp_2")) == [create("b")]


def test_a_refusal_lets_the_next_one_begin() -> None:
    """An error under the name of the one that was asked for."""
    wishes = new_wishes()
    wishes.heard(wish("a", queues=True))
    wishes.heard(wish("b", queues=True))

    assert wishes.told(refused("another")) == []
    assert wishes.told(refused("a")) == [create("b")]


def test_one_beside_the_conversation_waits_for_nobody() -> None:
    """Nor does anybody wait for it."""
    wishes = new_wishes()
    wishes.told(began("resp_1"))

    assert wishes.heard(wish("a", conversation="none")) == [create("a", conversation="none")]
    assert wishes.told(began("resp_2", is_beside=True)) == []
    assert wishes.heard(wish("b", queues=True)) == []
    assert wishes.told(ended("resp_2", is_beside=True)) == []
    assert wishes.told(ended("resp_1")) == [create("b")]


def test_one_that_leaves_nothing_behind() -> None:
    """It is out of band, and what was added for it is deleted at its end."""
    wishes = new_wishes()
    asked = wishes.heard(wish("a", discards=True, appends=(HI,)))
    named = Message(id="item_1", role="user", content=HI.content)

    assert asked == [ConversationItemCreate(item=named), create("a", conversation="none")]
    assert wishes.told(began("resp_1", is_beside=True)) == []
    assert wishes.told(ended("resp_1", is_beside=True)) == [ConversationItemDelete(item_id="item_1")]


def test_items_of_a_refused_one_are_taken_back() -> None:
    """If it was to leave nothing behind."""
    wishes = new_wishes()
    wishes.heard(wish("a", discards=True, appends=(HI,)))

    assert wishes.told(refused("a")) == [ConversationItemDelete(item_id="item_1")]


def test_added_items_are_seen_beside_a_context_of_its_own() -> None:
    """A context in place of the conversation gets references to them."""
    wishes = new_wishes()
    asked = wishes.heard(wish("a", appends=(HI,), input=(HI,)))

    assert isinstance(asked, list)
    assert asked[1] == create("a", input=(HI, ItemReference(id="item_1")))


def test_too_many_wait() -> None:
    """The next is refused under its name."""
    wishes = new_wishes()
    wishes.told(began("resp_1"))
    for _ in range(MAX_WAITING):
        wishes.heard(wish(queues=True))

    error = wishes.heard(wish("late", queues=True))
    assert isinstance(error, ErrorDetail)
    assert (error.code, error.event_id) == ("too_many_responses", "late")


def test_an_error_without_a_name_blocks_nobody() -> None:
    """An upstream that does not say what it refuses: the oldest is taken for refused, and the next one begins."""
    wishes = new_wishes()
    wishes.heard(wish("a", queues=True))
    wishes.heard(wish("b", queues=True))

    assert wishes.told(Error(error=ErrorDetail(type="server_error", message="No."))) == [create("b")]
    assert wishes.told(Error(error=ErrorDetail(type="server_error", message="No."))) == []
