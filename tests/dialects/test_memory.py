"""What a link remembers."""

from corescript import Ids

from antiphon.dialects.memory import MAX_ASKED, Asked, Memory
from antiphon.protocol.wire import UNSET, UnsetType


def asking(temperature: float | UnsetType = UNSET, *, waits: bool = False) -> Asked:
    return Asked("mine", temperature, waits=waits)


def test_an_update_counts_once_it_has_taken_effect() -> None:
    """Until then the old temperature stands; an update without one changes nothing."""
    memory = Memory(Ids())
    memory.ask_update(asking(1.0))
    memory.ask_update(asking())

    assert memory.temperature == 0.8
    assert [memory.updated(), memory.updated(), memory.updated()] == [1.0, 1.0, 1.0]


def test_a_refusal_is_known_by_our_name() -> None:
    """And gives the client's back."""
    memory = Memory(Ids())
    update, response = memory.ask_update(asking(1.0)), memory.ask_response(asking(1.1))

    assert memory.refused(response) == asking(1.1)
    assert memory.refused(update) == asking(1.0)
    assert memory.refused(update) is None
    assert memory.updated() == 0.8
    assert memory.began("resp_1") == 0.8


def test_a_response_that_waits_begins_after_those_that_do_not() -> None:
    """The one that was asked for last was answered first."""
    memory = Memory(Ids())
    memory.ask_response(asking(0.6, waits=True))
    memory.ask_response(asking(0.7, waits=True))
    memory.ask_response(asking(1.2))

    assert [memory.began(f"resp_{number}") for number in range(4)] == [1.2, 0.6, 0.7, 0.8]


def test_a_response_keeps_its_temperature_to_its_end() -> None:
    """Whatever the session's is by then; one that began before us has the session's."""
    memory = Memory(Ids())
    memory.ask_response(asking(1.2))
    memory.began("resp_1")
    memory.temperature = 1.0

    assert [memory.ended("resp_1"), memory.ended("resp_1")] == [1.2, 1.0]


def test_questions_without_an_answer_are_bounded() -> None:
    """The oldest is forgotten first."""
    memory = Memory(Ids())
    names = [memory.ask_update(asking()) for _ in range(MAX_ASKED + 1)]

    assert memory.refused(names[0]) is None
    assert memory.refused(names[1]) == asking()


def test_the_conversation_is_named_if_it_is_announced() -> None:
    """Else nobody asks for its name."""
    assert Memory(Ids()).open_conversation() is None
    assert Memory(Ids(), announces_conversation=True).open_conversation() == "conv_1"
