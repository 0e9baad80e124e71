"""A typed asyncio client for any Realtime server.

`Session` asks, speaks and listens. Below it, `connect` gives a connection with typed events both ways,
`Conversation` folds the server's events into what there is to show, and `audio` paces, plays and records.
"""

from antiphon.client.connection import Connection, connect
from antiphon.client.conversation import Conversation
from antiphon.client.errors import (
    BadAddress,
    ClientError,
    ConnectionLost,
    NoDevice,
    Refused,
    Unreachable,
    UpgradeRefused,
)
from antiphon.client.line import Backoff
from antiphon.client.replies import Piece, Reply
from antiphon.client.session import Session
from antiphon.client.tools import Tools
from antiphon.client.turns import Heard, Restored, Turn
from antiphon.client.views import ItemView, ResponseView

__all__ = [
    "Backoff",
    "BadAddress",
    "ClientError",
    "Connection",
    "ConnectionLost",
    "Conversation",
    "Heard",
    "ItemView",
    "NoDevice",
    "Piece",
    "Refused",
    "Reply",
    "ResponseView",
    "Restored",
    "Session",
    "Tools",
    "Turn",
    "Unreachable",
    "UpgradeRefused",
    "connect",
]
