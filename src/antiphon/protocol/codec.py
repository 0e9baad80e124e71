"""Frames in, events out, and back: the only JSON and the only base64.

Decoding is fast for what is right; only what is wrong is read a second time, slowly, for the exact error.
A client's mistake is a value here; nothing that a peer sends makes these functions raise.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, get_args

import msgspec
import pybase64

from antiphon.protocol import errors, lenient
from antiphon.protocol.client_events import ClientEvent, InputAudioBufferAppend
from antiphon.protocol.errors import ErrorDetail
from antiphon.protocol.server_events import (
    InputAudioBufferDtmfEventReceived,
    ResponseOutputAudioDelta,
    ServerEvent,
    ServerEventBase,
)
from antiphon.protocol.violations import GOT, Rules
from antiphon.protocol.wire import MAX_EVENT_ID_LENGTH, Json

Tree: TypeAlias = dict[str, Json]
"""A JSON object as Python has it; what a dialect translates."""

MAX_DEPTH = 128
"""Levels of nesting in a client's JSON. What is deeper could be read, and yet be too deep to be written back."""

_TYPE_OF: Final = {struct: str(struct.__struct_config__.tag) for struct in get_args(ClientEvent)}

CALL_TYPES: Final = tuple(_TYPE_OF.values())
"""What a client may send on a call, where the server plays the audio."""

WEBSOCKET_TYPES: Final = tuple(tag for tag in CALL_TYPES if tag != "output_audio_buffer.clear")
"""What a client may send over a WebSocket, where the client plays the audio."""

_CLIENT: Final = msgspec.json.Decoder(ClientEvent)
_SERVER: Final = msgspec.json.Decoder(ServerEvent)
_TREE: Final = msgspec.json.Decoder()
_ENCODER: Final = msgspec.json.Encoder()
_CLIENT_RULES: Final = Rules(ClientEvent)
_SERVER_SHAPE: Final = msgspec.inspect.type_info(ServerEvent)


@dataclass(frozen=True, slots=True)
class Unknown:
    """What a server sent and we cannot read: a type of another day, or a broken event. Never fatal."""

    type: str
    """As it was sent; empty when there is none."""
    tree: Json
    """The whole event; None when it is not JSON."""


# What clients send.


def decode_client(frame: bytes | str, accepted: Sequence[str] = WEBSOCKET_TYPES) -> ClientEvent | ErrorDetail:
    """The event in a text frame, or what is wrong with it. `accepted` is what the transport takes."""
    try:
        event: ClientEvent = _CLIENT.decode(frame)
    except (ValueError, RecursionError):  # of JSON, of UTF-8 or of a rule: the second pass tells which
        pass
    else:
        is_flat = isinstance(event, InputAudioBufferAppend) or _openings(frame) <= MAX_DEPTH
        if is_flat and _TYPE_OF[type(event)] in accepted:
            return event
    tree = tree_of(frame)
    return tree if isinstance(tree, ErrorDetail) else client_event_of(tree, accepted)


def tree_of(frame: bytes | str) -> Tree | ErrorDetail:
    """The JSON object in a text frame, for a dialect to translate."""
    try:
        tree = _TREE.decode(frame)
    except (ValueError, RecursionError):
        return errors.invalid_json()
    if not isinstance(tree, dict):
        return errors.not_an_object(GOT[type(tree)])
    if _openings(frame) > MAX_DEPTH and _depth(tree) > MAX_DEPTH:
        return _answering(tree, errors.nested_too_deep(MAX_DEPTH))
    return tree


def client_event_of(tree: Tree, accepted: Sequence[str] = WEBSOCKET_TYPES) -> ClientEvent | ErrorDetail:
    """The event in a GA tree, or what is wrong with it. `accepted` is what the transport takes."""
    kind = tree.get("type")
    if isinstance(kind, str) and kind not in accepted:
        return _answering(tree, errors.invalid_value("type", kind, accepted))
    try:
        event: ClientEvent = msgspec.convert(tree, ClientEvent)
    except msgspec.ValidationError as error:
        return _answering(tree, _CLIENT_RULES.violation(tree) or errors.unreadable(str(error)))
    return event


def encode_client(event: ClientEvent) -> bytes:
    """A client's event as a frame."""
    return _ENCODER.encode(event)


# What servers send.


def encode(event: ServerEvent | ServerEventBase, event_id: str) -> bytes:
    """A server's event, of GA or of another dialect, as a frame under the name that it gets as it leaves."""
    if isinstance(event, ResponseOutputAudioDelta):
        return _encode_audio(event, event_id)
    return _ENCODER.encode(_named(event, event_id))


def tree_to_send(event: ServerEvent, event_id: str) -> Tree:
    """A server's event as a GA tree, for a dialect to translate; audio is base64 in it."""
    tree: Tree = msgspec.to_builtins(_named(event, event_id))
    return tree


def encode_tree(tree: Tree) -> bytes:
    """A translated tree as a frame."""
    return _ENCODER.encode(tree)


def decode_server(frame: bytes | str) -> ServerEvent | Unknown:
    """The event in a frame of any server, typed as far as it can be read; see `lenient`."""
    try:
        event: ServerEvent = _SERVER.decode(frame)
    except (ValueError, RecursionError):  # the second pass reads what it can
        tree = tree_of(frame)
        return Unknown("", None) if isinstance(tree, ErrorDetail) else server_event_of(tree)
    return event


def server_event_of(tree: Tree) -> ServerEvent | Unknown:
    """The event in a GA tree of any server, typed as far as it can be read."""
    event = lenient.read(tree, _SERVER_SHAPE)
    if event is lenient.UNREADABLE:
        kind = tree.get("type")
        return Unknown(kind if isinstance(kind, str) else "", tree)
    readable: ServerEvent = event
    return readable


def _named(event: ServerEvent | ServerEventBase, event_id: str) -> ServerEvent | ServerEventBase:
    if isinstance(event, InputAudioBufferDtmfEventReceived):  # the one event that is typed without a name
        return event
    return msgspec.structs.replace(event, event_id=event_id)


def _encode_audio(event: ResponseOutputAudioDelta, event_id: str) -> bytes:
    """The hot path: base64 by SIMD, and no copy of the struct. The same bytes as the slow path."""
    text = _ENCODER.encode
    return (
        b'{"type":"response.output_audio.delta","event_id":%b,"response_id":%b,"item_id":%b,'
        b'"output_index":%d,"content_index":%d,"delta":"%b"}'
    ) % (
        text(event_id),
        text(event.response_id),
        text(event.item_id),
        event.output_index,
        event.content_index,
        pybase64.b64encode(event.delta),
    )


def _openings(frame: bytes | str) -> int:
    """How many objects and arrays a frame can hold: an upper bound of its depth, at the price of a scan."""
    if isinstance(frame, str):
        return frame.count("{") + frame.count("[")
    return frame.count(b"{") + frame.count(b"[")


def _depth(tree: Tree) -> int:
    level: list[Json] = [tree]
    depth = 0
    while level:
        depth += 1
        level = [child for node in level for child in (node.values() if isinstance(node, dict) else node)]
        level = [node for node in level if isinstance(node, dict | list)]
    return depth


def _answering(tree: Tree, error: ErrorDetail) -> ErrorDetail:
    """The error with the name of the event that caused it, where that can be read."""
    event_id = tree.get("event_id")
    if not isinstance(event_id, str) or len(event_id) > MAX_EVENT_ID_LENGTH:
        return error
    return msgspec.structs.replace(error, event_id=event_id)
