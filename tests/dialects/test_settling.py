"""Links whose dialect shows later."""

import json
from typing import Any

import pytest

from antiphon.dialects.memory import Memory
from antiphon.dialects.settling import Settling
from antiphon.protocol.beyond import ResponseWishes
from antiphon.protocol.client_events import ResponseCreate, SessionUpdate
from antiphon.protocol.errors import ErrorDetail
from antiphon.protocol.server_events import ResponseOutputTextDelta
from antiphon.protocol.session import RealtimeSessionUpdate
from antiphon.protocol.wire import UNSET

DELTA = ResponseOutputTextDelta(response_id="resp_1", item_id="item_1", output_index=0, content_index=0, delta="x")

GA_UPDATE = {"type": "session.update", "session": {"type": "realtime", "output_modalities": ["text"]}}
BETA_UPDATE = {"type": "session.update", "session": {"modalities": ["text"]}}
PREVIEW_CREATE = {"type": "response.create", "response": {"commit": True}}
BETA_CREATE = {"type": "response.create", "response": {"temperature": 1.0}}


def link(*, is_azure: bool = True, is_preview: bool = False) -> Settling:
    return Settling(is_azure=is_azure, is_preview=is_preview, memory=Memory())


def said(machine: Settling, *events: dict[str, Any]) -> list[Any]:
    return [meant for event in events for meant in machine.receive(json.dumps(event))]


def name_of_text(machine: Settling) -> str:
    [frame] = machine.send(DELTA, "event_1")
    return str(json.loads(frame)["type"])


def test_a_session_with_a_type_is_of_ga() -> None:
    """Before it is answered, and for good."""
    machine = link()
    assert name_of_text(machine) == "response.text.delta"
    meant = said(machine, {"type": "input_audio_buffer.clear"}, GA_UPDATE, GA_UPDATE)

    assert meant[1:] == [SessionUpdate(session=RealtimeSessionUpdate(output_modalities=("text",)))] * 2
    assert name_of_text(machine) == "response.output_text.delta"


@pytest.mark.parametrize("session", [{"modalities": ["text"]}, None])
def test_the_first_session_decides(session: object) -> None:
    """Afterwards a type is a mistake."""
    machine = link()
    said(machine, {"type": "session.update", "session": session})
    [error] = said(machine, GA_UPDATE)

    assert error.message == "Unknown parameter: 'session.type'."
    assert name_of_text(machine) == "response.text.delta"


def test_only_an_azure_url_may_turn_out_to_be_of_ga() -> None:
    """The beta header says what it means."""
    [error] = said(link(is_azure=False), GA_UPDATE)

    assert isinstance(error, ErrorDetail)
    assert error.param == "session.type"


def test_the_first_response_may_show_preview() -> None:
    """By a key that beta has not."""
    machine = link(is_azure=False)
    [update, create] = said(machine, BETA_UPDATE, PREVIEW_CREATE)

    assert isinstance(update, SessionUpdate)
    assert isinstance(create, ResponseCreate)
    assert isinstance(create.response, ResponseWishes)
    assert create.response.replaces


def test_what_was_asked_before_is_not_forgotten() -> None:
    """The machine changes, the memory of the link does not."""
    memory = Memory()
    machine = Settling(is_azure=False, memory=memory)
    said(machine, {"type": "session.update", "session": {"temperature": 1.1}})
    memory.updated()
    said(machine, PREVIEW_CREATE)

    assert memory.began("resp_1") == 1.1


def test_the_first_response_decides() -> None:
    """Afterwards preview's keys are a mistake."""
    [_, error] = said(link(is_azure=False), BETA_CREATE, PREVIEW_CREATE)

    assert error.message == "Unknown parameter: 'response.commit'."


def test_a_preview_client_is_not_of_ga() -> None:
    """Its first response has shown what it is."""
    [_, error] = said(link(), PREVIEW_CREATE, GA_UPDATE)

    assert error.message == "Unknown parameter: 'session.type'."


def test_a_url_of_preview_is_preview_from_the_start() -> None:
    """And may still turn out to be of GA."""
    machine = link(is_preview=True)
    [create] = said(machine, {"type": "response.create"})
    assert isinstance(create.response, ResponseWishes)
    assert create.response.replaces
    said(machine, GA_UPDATE)

    assert name_of_text(machine) == "response.output_text.delta"


def test_what_is_no_event_shows_nothing() -> None:
    """It is refused as beta does."""
    machine = link()
    [error] = machine.receive("{")
    [append] = machine.receive('{"type":"input_audio_buffer.append","audio":"AAAA"}')

    assert isinstance(error, ErrorDetail)
    assert error.code == "invalid_json"
    assert not isinstance(append, ErrorDetail)


@pytest.mark.parametrize("is_preview", [False, True])
def test_on_azure_the_url_names_a_deployment(is_preview: bool) -> None:
    """Clients say in the session which model it is; nothing is compared."""
    event = {"type": "session.update", "session": {"model": "gpt-4o-realtime-preview"}}
    [azure] = said(link(is_preview=is_preview), event)
    [plain] = said(link(is_azure=False, is_preview=is_preview), event)

    assert (azure.session.model, plain.session.model) == (UNSET, "gpt-4o-realtime-preview")
