"""A session that an ephemeral key was minted for begins as it was minted: the upstream is told before the client is.

The client's `session.created` then shows what the upstream's `session.updated` said. This is the one event that a
relay puts together itself.
"""

from typing import Final

from msgspec import structs

from antiphon.client.connection import Connection
from antiphon.client.errors import Unreachable
from antiphon.client.older import Older
from antiphon.gateway.frames import type_of
from antiphon.gateway.wishes import in_ga
from antiphon.protocol import codec
from antiphon.protocol.client_events import SessionUpdate
from antiphon.protocol.errors import ErrorDetail
from antiphon.protocol.session import RealtimeSessionUpdate, SessionUpdateBody
from antiphon.protocol.wire import UNSET

UPDATED: Final = frozenset({"session.updated", "transcription_session.updated"})

MAX_BEFORE: Final = 16
"""Events that an upstream may send before it says what it made of the update."""


async def configured(
    connection: Connection, first: bytes, session: SessionUpdateBody, older: Older | None
) -> list[bytes]:
    """Have the upstream take `session`; what to tell the client first. Raises `ClientError`."""
    bare = structs.replace(session, model=UNSET) if isinstance(session, RealtimeSessionUpdate) else session
    update = SessionUpdate(session=bare)
    await connection.send_raw(codec.encode_client(in_ga(update)) if older is None else older.frame(update))
    before: list[bytes] = []
    while (frame := await connection.receive_raw()) is not None and len(before) < MAX_BEFORE:
        kind = type_of(frame)
        if kind in UPDATED:
            return [_with_session_of(first, frame), *before]
        before.append(frame)
        if kind == "error":
            return [first, *before]
    raise Unreachable("The upstream did not take the session's configuration.")


def _with_session_of(created: bytes, updated: bytes) -> bytes:
    """The first event with the session of the second."""
    tree, more = codec.tree_of(created), codec.tree_of(updated)
    if isinstance(tree, ErrorDetail) or isinstance(more, ErrorDetail):
        return created
    return codec.encode_tree(tree | {"session": more.get("session")})
