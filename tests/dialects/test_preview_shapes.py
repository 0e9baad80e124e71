"""The shapes take all that the schema of preview says a client may send; and all that beta takes beside it."""

from collections.abc import Iterator

from older_facts import table
from wire_facts import Fact, our_events, pairs

from antiphon.dialects import beta_shapes, preview_shapes
from antiphon.dialects.preview import TYPES

CLOSED = "a string by the schema, with the values that it names"

MEANT = {
    "Message.role: !'assistant'|'system'|'user' here, !string there": CLOSED,
    "Message.status: 'completed'|'in_progress'|'incomplete' here, string there": CLOSED,
    "FunctionCall.status: 'completed'|'in_progress'|'incomplete' here, string there": CLOSED,
    "InputMessage.role: 'assistant'|'system'|'user' here, !string there": CLOSED,
    "InputMessage.status: 'completed'|'in_progress'|'incomplete' here, string there": CLOSED,
    "Response.output_audio_format: 'g711_alaw'|'g711_ulaw'|'pcm16' here, string there": CLOSED,
    "Response.tool_choice: 'auto'|'none'|'required'|object here, object|string there": CLOSED,
    "Session.input_audio_format: 'g711_alaw'|'g711_ulaw'|'pcm16' here, string there": CLOSED,
    "Session.output_audio_format: 'g711_alaw'|'g711_ulaw'|'pcm16' here, string there": CLOSED,
    "Session.tool_choice: 'auto'|'none'|'required'|object here, object|string there": CLOSED,
}
"""Where we take less than the schema."""

ABSENT = Fact(required=False, kinds=frozenset())


def refused() -> Iterator[str]:
    """What the schema has and we do not take, or want and the schema does not."""
    theirs = table("preview").events("client")
    for here, there in pairs(our_events(preview_shapes.ClientEvent, "client").values(), theirs.values()):
        if not there.tags and not there.fields:
            continue  # of beta
        for name in here.fields.keys() | there.fields.keys():
            ours, schemas = here.fields.get(name, ABSENT), there.fields.get(name, ABSENT)
            if not schemas.kinds <= ours.kinds or (ours.required and not schemas.required):
                yield f"{here.name}.{name}: {ours} here, {schemas} there"


def test_all_of_the_schema_is_taken() -> None:
    """But for values that it leaves open."""
    assert {*refused()} == set(MEANT)


def test_there_are_nine_events() -> None:
    """A preview client sends no others."""
    assert set(table("preview").client) == set(TYPES)
    assert len(TYPES) == 9


def test_all_of_beta_is_taken() -> None:
    """Its keys stand beside preview's own."""
    for kind in ("Session", "Response"):
        ours, betas = getattr(preview_shapes, kind), getattr(beta_shapes, kind)
        assert set(betas.__struct_fields__) <= set(ours.__struct_fields__)
