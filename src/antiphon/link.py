"""The contracts of a connection: a `Link` carries frames both ways, an `App` serves one link.

WebSocket, WebRTC and SIP each make links; the runtime and the gateway are apps. Neither knows the other.
A call (WebRTC, SIP) also brings its output audio buffer, the `Playout`: its answers are played, not sent as events.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

from antiphon.protocol.session import SessionUpdateBody


@dataclass(frozen=True, slots=True)
class Sound:
    """A piece of an answer, to be played: 24 kHz, 16 bit, mono."""

    response_id: str
    item_id: str
    content_index: int
    pcm: bytes


@dataclass(frozen=True, slots=True)
class Unheard:
    """A content part that was not played to its end, and how far it came."""

    response_id: str
    item_id: str
    content_index: int
    played_ms: int


class Playout(Protocol):
    """The output audio buffer of a call: plays answers one after the other, in real time.

    When the first sound of a response is heard, and when its last one was, the link's `receive` says so.
    """

    on_drain: Callable[[], None]
    """Set by the runtime; called whenever sound has been played and there is more room."""

    @property
    def queued_ms(self) -> int:
        """How much is still to be played."""

    def play(self, sound: Sound) -> None:
        """Add sound. Never waits."""

    def finish(self, response_id: str) -> None:
        """No more sound of this response will come."""

    def clear(self) -> tuple[Unheard, ...]:
        """Be silent now. Tells what was not played to its end, in the order of playing.

        Of a response that is not finished, the part that was played last counts, however much of it was given.
        Neither a start nor a stop is told afterwards of a response whose sound was cleared, until it has new sound.
        """


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
    playout: Playout | None = None
    """Where a call's answers are played."""
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


@dataclass(frozen=True, slots=True)
class PlayoutStarted:
    """The first sound of a response has gone out."""

    response_id: str


@dataclass(frozen=True, slots=True)
class PlayoutStopped:
    """All sound of a finished response has been played."""

    response_id: str


Frame: TypeAlias = Text | Binary | Media | PlayoutStarted | PlayoutStopped


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

    def find(self, call_id: str) -> Scope | None:
        """What is known of a call that runs here; None when there is none of that id."""

    async def attach(self, call_id: str, link: Link) -> None:
        """Join a sideband link to the call until either ends. A call that is not here any more closes the link."""

    def end(self, call_id: str) -> bool:
        """Hang up; False when there is no such call."""
