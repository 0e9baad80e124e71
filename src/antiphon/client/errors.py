"""What can go wrong between us and a server, each told in one line with a hint.

A server's `error` event is no exception: it is an event like any other, unless the server closes because of it.
"""

from antiphon.protocol.errors import ErrorDetail


class ClientError(Exception):
    """Base of all; `message` is one line, `hint` says what to do where we know."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(f"{message}\nhint: {hint}" if hint else message)
        self.message = message
        self.hint = hint


class BadAddress(ClientError):
    """The URL, the key or the model cannot be put into a request; nothing was sent."""


class Unreachable(ClientError):
    """Nobody answered: refused, unknown host, no trusted certificate, or silence."""


class UpgradeRefused(ClientError):
    """A web server answered, but not with a WebSocket."""

    def __init__(self, message: str, hint: str | None = None, *, status: int) -> None:
        super().__init__(message, hint)
        self.status = status
        """HTTP status of the answer; 101 when the handshake itself was broken."""


class ConnectionLost(ClientError):
    """The connection ended, and not because both sides were done."""

    def __init__(
        self, message: str, hint: str | None = None, *, code: int, reason: str = "", detail: ErrorDetail | None = None
    ) -> None:
        super().__init__(message, hint)
        self.code = code
        """Close code; 1006 when the peer vanished without a close."""
        self.reason = reason
        self.detail = detail
        """The server's `error` event, when it was the last thing the server said."""


class Refused(ClientError):
    """The server has answered with an error what it was asked for; the session goes on."""

    def __init__(self, message: str, *, detail: ErrorDetail) -> None:
        super().__init__(message)
        self.detail = detail


class NoDevice(ClientError):
    """There is no microphone or loudspeaker to use here."""
