"""What the laws look at: the events of a trace, and what they say of themselves."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from antiphon.recording import Line

Event: TypeAlias = dict[str, Any]


def told(lines: Iterable[Line]) -> list[Event]:
    """The server's events on a link of GA; none on others."""
    events: list[Event] = [dict(line.event) for line in lines if line.way == "server" and line.event]
    return [] if _is_older(events) else events


def _is_older(events: Sequence[Event]) -> bool:
    session = part_of(events[0], "session") if events else {}
    return "modalities" in session or "input_audio_format" in session


def part_of(event: Event, key: str) -> Event:
    """An object of an event; empty where there is none."""
    value = event.get(key)
    return value if isinstance(value, dict) else {}


def kind_of(event: Event) -> str:
    """The type of an event."""
    return str(event.get("type"))


def item_id(event: Event) -> Any:
    """The item that an event is about, if any."""
    return event.get("item_id") or part_of(event, "item").get("id")


def response_id(event: Event) -> Any:
    """The response that an event is about, if any."""
    return event.get("response_id") or part_of(event, "response").get("id")


def place(event: Event) -> tuple[Any, ...]:
    """The part that an event is about."""
    return (event.get("response_id"), event.get("item_id"), event.get("content_index"))


def is_mcp(event: Event) -> bool:
    """Whether the event is about an item of MCP, which may outlive its response."""
    return str(part_of(event, "item").get("type")).startswith("mcp_")
