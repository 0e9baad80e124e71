"""Beta as its client speaks it: GA's events made into beta's frames, and beta's frames into GA's events.

The mirror of `antiphon.dialects.beta`, which serves such clients; Azure's `api-version` URLs speak it, too. What
beta has no word for is sent as it is, since a refusal says more than silence. What beta does not say is made up
where GA's reader waits for it: the end of an item, and the name of the function whose arguments are done.
"""

from typing import Any, Final, TypeAlias

import msgspec

from antiphon.dialects.beta_session import BOTH
from antiphon.dialects.names import FORMATS, PARTS, PATHS, RENAMED
from antiphon.protocol import client_events as ga
from antiphon.protocol.client_events import ClientEvent
from antiphon.protocol.codec import Tree, Unknown, decode_server, encode_client, encode_tree, server_event_of, tree_of
from antiphon.protocol.errors import ErrorDetail
from antiphon.protocol.server_events import ServerEvent
from antiphon.protocol.session import TranscriptionSessionUpdate
from antiphon.protocol.wire import Json

MAX_OPEN: Final = 256
"""Items and calls remembered until they end; a server that ends none must not fill our memory."""

Fields: TypeAlias = dict[tuple[str, ...], str]

_SESSION: Final[Fields] = {
    tuple(path.split(".")[1:]): name.split(".")[1] for path, name in PATHS.items() if path.startswith("session.")
}
_RESPONSE: Final[Fields] = {
    tuple(path.split(".")[1:]): name.split(".")[1] for path, name in PATHS.items() if path.startswith("response.")
}
"""Where a field stands in GA, and its name in beta."""

_EVENTS: Final = {
    **{name: str(event.__struct_config__.tag) for event, name in RENAMED.items()},  # type: ignore[attr-defined]  # every event is a struct
    "conversation.item.created": "conversation.item.added",
    "transcription_session.created": "session.created",
    "transcription_session.updated": "session.updated",
}
_FORMATS: Final = {name: kind for kind, name in FORMATS.items()}
_PARTS: Final = {name: kind for kind, name in PARTS.items()}


class Older:
    """The beta dialect of one connection."""

    def __init__(self) -> None:
        self._open: dict[str, str | None] = {}
        """Items of the conversation that are not done, and what stands before each."""
        self._calls: dict[str, tuple[str, str]] = {}
        """Item and function of each call."""
        self._last_item: str | None = None

    def frame(self, event: ClientEvent) -> bytes:
        """The event as beta has it."""
        tree: Tree
        match event:
            case ga.SessionUpdate():
                tree = msgspec.to_builtins(event)
                tree["session"] = _flat({k: v for k, v in tree["session"].items() if k != "type"}, _SESSION)
                if isinstance(event.session, TranscriptionSessionUpdate):
                    tree["type"] = "transcription_session.update"
            case ga.ConversationItemCreate():
                tree = msgspec.to_builtins(event)
                tree["item"] = _renamed(tree["item"], PARTS)
            case ga.ResponseCreate() if event.response:
                tree = msgspec.to_builtins(event)
                tree["response"] = _flat(tree["response"], _RESPONSE)
                if "input" in tree["response"]:
                    tree["response"]["input"] = [_renamed(item, PARTS) for item in tree["response"]["input"]]
            case _:
                return encode_client(event)
        return encode_tree(tree)

    def events(self, frame: bytes) -> list[ServerEvent | Unknown]:
        """What a frame says in GA's words; an item that came whole is done at once."""
        tree = tree_of(frame)
        if isinstance(tree, ErrorDetail):
            return [decode_server(frame)]
        kind = tree.get("type")
        if not isinstance(kind, str):
            return [server_event_of(tree)]
        tree["type"] = _EVENTS.get(kind, kind)
        self._read(kind, tree)
        trees = [tree]
        item = tree.get("item")
        if isinstance(item, dict):
            if kind == "conversation.item.created" and item.get("status") != "in_progress":
                trees = [tree, self._done(item)]
            elif kind == "response.output_item.done" and str(item.get("id")) in self._open:
                trees = [self._done(item), tree]
        return [server_event_of(one) for one in trees]

    def _read(self, kind: str, tree: Tree) -> None:
        """Bring what stands in an event into GA's places."""
        session, response, item = tree.get("session"), tree.get("response"), tree.get("item")
        if isinstance(session, dict) and "type" not in session:
            of_kind = "transcription" if kind.startswith("transcription_session") else "realtime"
            tree["session"] = {"type": of_kind, **_nested(session, _SESSION)}
        if isinstance(response, dict):
            tree["response"] = _nested(response, _RESPONSE)
            output = response.get("output")
            tree["response"]["output"] = [_renamed(one, _PARTS) for one in output] if isinstance(output, list) else []
        if isinstance(item, dict):
            tree["item"] = _renamed(item, _PARTS)
            self._remember(kind, tree)
        if kind.startswith("response.function_call_arguments."):
            item_id, name = self._calls.get(str(tree.get("call_id")), ("", ""))
            tree.setdefault("item_id", item_id)
            tree.setdefault("name", name)
        if kind == "response.text.done" and "value" in tree:  # preview's word
            tree.setdefault("text", tree["value"])
        if kind == "conversation.item.truncated" and "index" in tree:  # preview's word
            tree.setdefault("content_index", tree["index"])

    def _remember(self, kind: str, tree: Tree) -> None:
        item = tree["item"]
        item_id = str(item.get("id"))
        if kind == "conversation.item.created":
            before = tree.setdefault("previous_item_id", self._last_item)  # preview does not tell
            self._last_item = item_id
            _put(self._open, item_id, before)
        elif kind == "response.output_item.added" and item.get("type") == "function_call":
            _put(self._calls, str(item.get("call_id")), (item_id, str(item.get("name") or "")))

    def _done(self, item: Tree) -> Tree:
        before = self._open.pop(str(item.get("id")), None)
        return {"type": "conversation.item.done", "previous_item_id": before, "item": item}


def _put(table: dict[str, Any], key: str, value: object) -> None:
    if len(table) >= MAX_OPEN:
        del table[next(iter(table))]
    table[key] = value


def _flat(tree: Tree, fields: Fields) -> Tree:
    """GA's nested fields under beta's names; what beta has no name for stays where it is."""
    for path, name in fields.items():
        *above, last = path
        at: Json = tree
        for step in above:
            at = at.get(step) if isinstance(at, dict) else None
        if isinstance(at, dict) and last in at:
            tree[name] = _beta_value(name, at.pop(last))
    audio = tree.get("audio")
    if isinstance(audio, dict) and not any(audio.values()):
        del tree["audio"]
    return tree


def _nested(tree: Tree, fields: Fields) -> Tree:
    """Beta's flat fields in GA's places."""
    placed = dict(tree)
    for path, name in fields.items():
        if name not in placed:
            continue
        *above, last = path
        at = placed
        for step in above:
            if not isinstance(at.get(step), dict):
                at[step] = {}
            at = at[step]
        at[last] = _ga_value(name, placed.pop(name))
    return placed


def _beta_value(name: str, value: Json) -> Json:
    if name.endswith("_format"):
        return FORMATS.get(value["type"], value["type"])
    if name == "modalities":
        return list(BOTH) if "audio" in value else value
    return value["id"] if name == "voice" and isinstance(value, dict) else value


def _ga_value(name: str, value: Json) -> Json:
    if name.endswith("_format"):
        return {"type": _FORMATS.get(str(value), value)}
    return ["audio"] if name == "modalities" and isinstance(value, list) and "audio" in value else value


def _renamed(item: Json, names: dict[str, str]) -> Json:
    """An item whose content parts have the other dialect's types."""
    content = item.get("content") if isinstance(item, dict) else None
    if not isinstance(content, list | tuple):
        return item
    parts = [
        {**part, "type": names.get(str(part.get("type")), part.get("type"))} if isinstance(part, dict) else part
        for part in content
    ]
    return {**item, "content": parts}
