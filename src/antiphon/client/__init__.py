"""A typed asyncio client for any Realtime server.

`connect` gives a connection with typed events both ways, `Conversation` folds the server's events into what
there is to show, and `audio` paces, plays and records.
"""

from antiphon.client.connection import Connection, connect
from antiphon.client.conversation import Conversation
from antiphon.client.errors import BadAddress, ClientError, ConnectionLost, NoDevice, Unreachable, UpgradeRefused
from antiphon.client.views import ItemView, ResponseView

__all__ = [
    "BadAddress",
    "ClientError",
    "Connection",
    "ConnectionLost",
    "Conversation",
    "ItemView",
    "NoDevice",
    "ResponseView",
    "Unreachable",
    "UpgradeRefused",
    "connect",
]
