"""The contracts of a connection: a `Link` carries frames both ways, an `App` serves one link.

WebSocket, WebRTC and SIP each make links; the runtime and the gateway are apps. Neither knows the other.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

from antiphon.protocol.session import SessionUpdateBody


@dataclass(frozen=True, slots=True)
class Scope:
    """What is known of a connection when it opens; fixed for its life."""

    transport: Literal["websocket", "webrtc", "sip", "sideband"]
    dialect: Literal["ga", "beta", "azure", "preview"] = "ga"
    model: str | None = None
    intent: str | None = None
    call_id: str | None = None
    principal: str = ""
    """The name of the key that opened it, never the key."""
    session: SessionUpdateBody | None = None
    """What an ephemeral key was minted for; the session begins with it."""
    takes_audio: bool = True
    """Whether audio deltas go over this link as events; calls send audio by RTP instead."""
    client: str = ""
    """The peer's address, for logs."""
    query: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Text:
    """A text frame, as it came: one JSON event."""

    data: bytes | str


@dataclass(frozen=True, slots=True)
class Binary:
    """A binary frame; no dialect has a use for it."""

    size: int


@dataclass(frozen=True, slots=True)
class Media:
    """Audio that came by RTP, already `pcm`."""

    pcm: bytes


Frame: TypeAlias = Text | Binary | Media


class Link(Protocol):
    """One open connection. One reader and one writer at a time."""

    scope: Scope

    async def receive(self) -> Frame | None:
        """The next frame; None once the peer has gone."""

    async def send(self, data: bytes) -> None:
        """Send one encoded event. Returns when the transport has room again; after a loss it does nothing."""

    async def close(self, code: int, reason: str) -> None:
        """End the connection. Safe to call twice."""


App: TypeAlias = Callable[[Link], Awaitable[None]]
"""Serves a link to its end; returns when the link is closed, and raises only for faults of our own."""


class Calls(Protocol):
    """Running calls (WebRTC, SIP) by their `call_id`, for sidebands and REST."""

    def find(self, call_id: str) -> bool:
        """Whether the call runs here."""

    async def attach(self, call_id: str, link: Link) -> None:
        """Join a sideband link to the call until either ends."""

    async def end(self, call_id: str) -> None:
        """Hang up."""

    async def refer(self, call_id: str, target_uri: str) -> None:
        """Hand the caller on to another number or address; SIP only."""
