"""What GA cannot say and older dialects can: private fields that ride on GA structs inside, never on the wire.

A dialect builds these; the GA codec does not know them, so a GA client cannot send them.
"""

from antiphon.protocol.items import Item
from antiphon.protocol.response import ResponseParams
from antiphon.protocol.session import RealtimeSessionUpdate
from antiphon.protocol.wire import UNSET, UnsetType


class SessionWishes(RealtimeSessionUpdate, frozen=True, kw_only=True, tag="realtime"):
    """A session update of beta or preview."""

    temperature: float | UnsetType = UNSET


class ResponseWishes(ResponseParams, frozen=True, kw_only=True):
    """A `response.create` of beta or preview."""

    temperature: float | UnsetType = UNSET
    replaces: bool = False
    """Cancel the response that runs, then begin (preview's `cancel_previous`)."""
    queues: bool = False
    """Begin when the response that runs has ended, instead of being refused (preview without `cancel_previous`)."""
    discards: bool = False
    """Take the response's items, and `appends`, out of the conversation at its end (preview's `commit: false`)."""
    appends: tuple[Item, ...] = ()
    """Items to add to the conversation first (preview's `append_input_items`)."""
