"""A server with one rule broken: a middleware before a real one, which changes what goes by.

`/broken/NAME/…` is the server as the mutation NAME leaves it; any other path is the server itself.
"""

import copy
import json
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from starlette.types import ASGIApp, Message, Receive, Scope, Send

Event: TypeAlias = dict[str, Any]
Memory: TypeAlias = MutableMapping[str, Any]
"""What a mutation remembers of one connection."""
Change: TypeAlias = Callable[[Event, Memory], list[Event]]
Value: TypeAlias = Any
"""A value, or a function of the value that was there."""

PREFIX = "/broken/"


def kept(event: Event, _: Memory) -> list[Event]:
    return [event]


@dataclass(frozen=True)
class Mutation:
    """What becomes of what goes by."""

    told: Change = kept
    heard: Change = kept
    close: Callable[[int, str], tuple[int, str]] = lambda code, reason: (code, reason)
    chosen: Callable[[str | None], str | None] = lambda subprotocol: subprotocol
    reply: Callable[[int, Any], tuple[int, Any]] = lambda status, body: (status, body)
    raw: Callable[[Message], Message | None] = lambda message: message
    """A frame of the client, before anything else; None drops it."""


# What the server says


def drops(kind: str, *, first: int = 0) -> Mutation:
    """Never says it, but for the first times."""

    def told(event: Event, memory: Memory) -> list[Event]:
        if event["type"] != kind:
            return [event]
        memory[kind] = memory.get(kind, 0) + 1
        return [event] if memory[kind] <= first else []

    return Mutation(told)


def sets(kind: str, path: str, value: Value, *, after: int = 0) -> Mutation:
    """Says something else at a path, wherever the path is there; from the time after the first ones."""

    def told(event: Event, memory: Memory) -> list[Event]:
        if event["type"] != kind:
            return [event]
        memory[kind] = memory.get(kind, 0) + 1
        return [changed(event, path, value)] if memory[kind] > after else [event]

    return Mutation(told)


def lacks(kind: str, path: str) -> Mutation:
    """Leaves a key out."""
    return Mutation(lambda event, _: [without(event, path)] if event["type"] == kind else [event])


def says(kind: str, make: Callable[[Event], list[Event]]) -> Mutation:
    """Says other events in place of one."""
    return Mutation(lambda event, _: make(event) if event["type"] == kind else [event])


def adds(kind: str, *others: Event, before: bool = False) -> Mutation:
    """Says more after an event, or before it. `...` as a value stands for the event's own."""

    def told(event: Event, _: Memory) -> list[Event]:
        if event["type"] != kind:
            return [event]
        more = [{key: event.get(key) if value is ... else value for key, value in other.items()} for other in others]
        more = [{"event_id": f"event_more_{n}", **other} for n, other in enumerate(more)]
        return [*more, event] if before else [event, *more]

    return Mutation(told)


def repeats(kind: str) -> Mutation:
    """Says it twice."""
    return says(kind, lambda event: [event, {**event, "event_id": f"{event['event_id']}_again"}])


def swaps(first: str, second: str) -> Mutation:
    """Says the first only after the second."""

    def told(event: Event, memory: Memory) -> list[Event]:
        if event["type"] == first and "held" not in memory:
            memory["held"] = event
            return []
        if event["type"] == second and memory.get("held") is not None:
            held, memory["held"] = memory["held"], None
            return [event, held]
        return [event]

    return Mutation(told)


# What the server hears


def deaf(kind: str, *, first: int = 0) -> Mutation:
    """Does not hear it, but for the first times."""

    def heard(event: Event, memory: Memory) -> list[Event]:
        if event.get("type") != kind:
            return [event]
        memory[kind] = memory.get(kind, 0) + 1
        return [event] if memory[kind] <= first else []

    return Mutation(heard=heard)


def hears(kind: str, path: str, value: Value) -> Mutation:
    """Hears something else at a path; what is not there is put there."""
    return Mutation(heard=lambda event, _: [placed(event, path, value)] if event.get("type") == kind else [event])


def overhears(kind: str, path: str) -> Mutation:
    """Does not hear a key."""
    return Mutation(heard=lambda event, _: [without(event, path)] if event.get("type") == kind else [event])


def hears_instead(kind: str, make: Callable[[Event], list[Event]]) -> Mutation:
    """Hears other events in place of one."""
    return Mutation(heard=lambda event, _: make(event) if event.get("type") == kind else [event])


# The rest


def closes(code: int | None = None, reason: str | None = None) -> Mutation:
    """Closes with another code, or for another reason."""
    return Mutation(close=lambda was, why: (was if code is None else code, why if reason is None else reason))


def chooses(subprotocol: str | None) -> Mutation:
    """Chooses another subprotocol."""
    return Mutation(chosen=lambda _: subprotocol)


def replies(status: int | None = None, path: str = "", value: Value = None) -> Mutation:
    """Answers HTTP otherwise."""

    def reply(was: int, body: Any) -> tuple[int, Any]:
        return was if status is None else status, changed(body, path, value) if path else body

    return Mutation(reply=reply)


def changed(tree: Any, path: str, value: Value) -> Any:
    """A copy with another value at a path; the tree itself where there is no such path."""
    copied = copy.deepcopy(tree)
    *way, last = path.split(".")
    at = copied
    for key in way:
        at = _step(at, key)
    if _step(at, last) is MISSING:
        return tree
    place: Any = int(last) if isinstance(at, list) else last
    at[place] = value(at[place]) if callable(value) else value
    return copied


def placed(tree: Event, path: str, value: Value) -> Event:
    """A copy with a value at a path, be it new; the tree itself where there is no such object."""
    copied: Event = copy.deepcopy(tree)
    *way, last = path.split(".")
    at: Any = copied
    for key in way:
        at = _step(at, key)
    if isinstance(at, list):
        at[int(last)] = value
    elif isinstance(at, dict):
        at[last] = value(at.get(last)) if callable(value) else value
    return copied


def without(tree: Event, path: str) -> Event:
    """A copy without a key."""
    copied = copy.deepcopy(tree)
    *way, last = path.split(".")
    at: Any = copied
    for key in way:
        at = _step(at, key)
    if isinstance(at, dict):
        at.pop(last, None)
    return copied


MISSING: Any = object()


def _step(at: Any, key: str) -> Any:
    if isinstance(at, list):
        return at[int(key)] if key.isdigit() and int(key) < len(at) else MISSING
    return at.get(key, MISSING) if isinstance(at, dict) else MISSING


class Breaking:
    """The middleware."""

    def __init__(self, app: ASGIApp, mutations: Mapping[str, Mutation]) -> None:
        self._app = app
        self._mutations = mutations

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = str(scope.get("path", ""))
        if not path.startswith(PREFIX):
            await self._app(scope, receive, send)
            return
        name, _, rest = path.removeprefix(PREFIX).partition("/")
        wire = _Wire(self._mutations[name], receive, send)
        there = {**scope, "path": f"/{rest}", "raw_path": f"/{rest}".encode()}
        if scope["type"] == "websocket":
            await self._app(there, wire.receive, wire.send)
        else:
            await self._app(there, receive, wire.answer)


class _Wire:
    """One connection of a broken server."""

    def __init__(self, mutation: Mutation, receive: Receive, send: Send) -> None:
        self._mutation = mutation
        self._receive = receive
        self._send = send
        self._memory: Memory = {}
        self._waiting: list[Message] = []
        self._started: Message | None = None

    async def receive(self) -> Message:
        while not self._waiting:
            message = await self._receive()
            self._waiting += self._heard(message)
        return self._waiting.pop(0)

    def _heard(self, message: Message) -> list[Message]:
        if message["type"] != "websocket.receive":
            return [message]
        changed_frame = self._mutation.raw(message)
        if changed_frame is None:
            return []
        event = _object(changed_frame.get("text"))
        if event is None:
            return [changed_frame]
        heard = self._mutation.heard(event, self._memory)
        return [{"type": "websocket.receive", "text": json.dumps(each)} for each in heard]

    async def send(self, message: Message) -> None:
        match message["type"]:
            case "websocket.accept":
                await self._send({**message, "subprotocol": self._mutation.chosen(message.get("subprotocol"))})
            case "websocket.close":
                code, reason = self._mutation.close(message.get("code", 1000), message.get("reason") or "")
                await self._send({**message, "code": code, "reason": reason})
            case "websocket.send":
                for each in self._mutation.told(json.loads(message["text"]), self._memory):
                    await self._send({"type": "websocket.send", "text": json.dumps(each)})
            case _:
                await self._send(message)

    async def answer(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._started = message
            return
        assert self._started is not None
        status, body = self._mutation.reply(self._started["status"], json.loads(message["body"]))
        data = json.dumps(body).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(data)).encode())]
        await self._send({**self._started, "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": data})


def _object(text: str | None) -> Event | None:
    try:
        value = json.loads(text or "")
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
