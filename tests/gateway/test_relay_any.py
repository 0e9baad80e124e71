"""Whatever the two sides of a translated session say, in whatever order: the relay goes on, and says only what fits."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import inspect
from wire_samples import JSON, sample

from antiphon.client.older import Older
from antiphon.dialects import beta_shapes, preview_shapes
from antiphon.dialects.detect import machine
from antiphon.dialects.dialect import Name
from antiphon.gateway.accounts import Account
from antiphon.gateway.frames import type_of
from antiphon.gateway.passing import Passing
from antiphon.gateway.settings import Key
from antiphon.gateway.translating import Translated
from antiphon.gateway.usage import Usage
from antiphon.protocol import codec
from antiphon.protocol.client_events import ClientEvent
from antiphon.protocol.errors import ErrorDetail
from antiphon.protocol.server_events import ServerEvent

SERVER = sample(inspect.type_info(ServerEvent)).map(msgspec.json.encode)
CLIENT = st.one_of(
    *(sample(inspect.type_info(kind)) for kind in (ClientEvent, beta_shapes.ClientEvent, preview_shapes.ClientEvent))
).map(msgspec.json.encode)


@st.composite
def bent(draw: st.DrawFn, frames: st.SearchStrategy[bytes]) -> bytes:
    """A frame with one value replaced by anything, or left out."""
    tree = json.loads(draw(frames))
    at: Any = tree
    while True:
        keys = [key for key in (at if isinstance(at, dict) else range(len(at))) if key != "type"]
        if not keys:
            return json.dumps(tree).encode()
        key = draw(st.sampled_from(keys))
        if isinstance(at[key], dict | list) and at[key] and draw(st.booleans()):
            at = at[key]
            continue
        if draw(st.booleans()):
            at[key] = draw(JSON)
        elif isinstance(at, dict):
            del at[key]
        return json.dumps(tree).encode()


LINES = st.lists(
    st.tuples(st.just("client"), st.one_of(CLIENT, bent(CLIENT), JSON.map(lambda value: json.dumps(value).encode())))
    | st.tuples(st.just("server"), st.one_of(SERVER, bent(SERVER))),
    max_size=12,
)


@pytest.mark.parametrize("older", [False, True], ids=["ga-upstream", "beta-upstream"])
@pytest.mark.parametrize("dialect", ["ga", "beta", "azure", "preview"])
@settings(max_examples=60, deadline=None)
@given(lines=LINES, tokens=st.sampled_from([0, 1]))
def test_any_conversation_is_survived(dialect: Name, older: bool, lines: list[tuple[str, bytes]], tokens: int) -> None:
    """Nothing raises; a GA upstream is told only what GA knows; the client only gets events."""
    account = Account("app", Key(tokens_per_minute=tokens), lambda: 0.0)
    passing = Passing(Translated(machine(dialect), Older() if older else None), account, Usage(), ("a", "b"))
    for side, frame in lines:
        kind = type_of(frame)
        if side == "server" and kind is None:
            continue
        moves = passing.heard(frame, kind) if side == "client" else passing.told(frame, kind or "")
        if moves is None:
            assert kind == "input_audio_buffer.append"
            continue
        assert all(type_of(one) for one in moves.down)
        if not older:
            sent = [codec.decode_client(one, codec.CALL_TYPES) for one in moves.up]
            assert [one for one in sent if isinstance(one, ErrorDetail)] == []
