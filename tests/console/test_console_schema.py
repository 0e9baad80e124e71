"""The schema of the forms is the protocol's own."""

import json
from typing import Any, get_args

import msgspec

from antiphon.console.schema import client_events
from antiphon.protocol.client_events import ClientEvent

SCHEMA: dict[str, Any] = json.loads(client_events())


def of(kind: str) -> dict[str, Any]:
    found: dict[str, Any] = SCHEMA["$defs"][SCHEMA["discriminator"]["mapping"][kind].split("/")[-1]]
    return found


def test_every_client_event_has_a_form() -> None:
    """By its wire name; a new struct is a new form without a change to the page."""
    wanted = {struct.__struct_config__.tag for struct in get_args(ClientEvent)}

    assert set(SCHEMA["discriminator"]["mapping"]) == wanted


def test_every_field_of_an_event_is_in_its_form() -> None:
    """With those that must be given told apart."""
    for struct in get_args(ClientEvent):
        form = of(struct.__struct_config__.tag)
        fields = msgspec.structs.fields(struct)
        assert set(form["properties"]) == {"type", *(field.encode_name for field in fields)}
        assert set(form["required"]) == {"type", *(field.encode_name for field in fields if field.required)}


def test_the_rules_of_values_come_along() -> None:
    """Bounds and choices, for sliders and selects; and every reference leads somewhere."""
    vad = SCHEMA["$defs"]["ServerVad"]["properties"]

    assert (vad["threshold"]["minimum"], vad["threshold"]["maximum"]) == (0, 1)
    assert SCHEMA["$defs"]["SemanticVad"]["properties"]["eagerness"]["enum"]
    text = json.dumps(SCHEMA)
    for part in text.split('"#/$defs/')[1:]:
        assert part.split('"')[0] in SCHEMA["$defs"]
