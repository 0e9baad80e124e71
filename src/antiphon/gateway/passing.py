"""What a relay does with the frames of one session beyond passing them on.

Where both sides speak the same, a frame is looked at for its `type` alone. Few types are read: what asks for an answer
may meet a limit, what ends one tells its price, and a model's alias is not the upstream's own name for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from msgspec import Struct, ValidationError, json, structs

from antiphon.gateway import errors
from antiphon.gateway.accounts import Account
from antiphon.gateway.usage import RESPONSE_DONE, TRANSCRIBED, Usage, usage_in
from antiphon.protocol import codec
from antiphon.protocol.client_events import ResponseCancel
from antiphon.protocol.errors import ErrorDetail
from antiphon.protocol.ids import new_id
from antiphon.protocol.server_events import Error
from antiphon.protocol.wire import UNSET, UnsetType

RESPONSE_CREATE: Final = "response.create"
RESPONSE_CREATED: Final = "response.created"
SESSION_UPDATE: Final = "session.update"
ERROR: Final = "error"

BAD_KEY: Final = "invalid_api_key"


@dataclass(frozen=True, slots=True)
class Moves:
    """What follows from a frame: frames for the upstream and for the client, in order."""

    up: Sequence[bytes | str] = ()
    down: Sequence[bytes] = ()


class Translation(Protocol):
    """Between a client of one dialect and an upstream of another."""

    def heard(self, frame: bytes | str, kind: str | None) -> Moves | None:
        """What a client's frame becomes; None where it may pass as it is."""

    def told(self, frame: bytes, kind: str) -> Moves | None:
        """What an upstream's event becomes; None where it may pass as it is."""

    def error(self, detail: ErrorDetail) -> Sequence[bytes]:
        """How the client is told of an error of ours."""


class Same:
    """No translation: both speak the same."""

    def heard(self, frame: bytes | str, kind: str | None) -> None:
        """As it is."""

    def told(self, frame: bytes, kind: str) -> None:
        """As it is."""

    def error(self, detail: ErrorDetail) -> Sequence[bytes]:
        """The event; all dialects have it alike."""
        return (codec.encode(Error(error=detail), new_id("event")),)


class Passing:
    """The rules of one session. Every frame of it comes here, in order, once."""

    def __init__(self, translation: Translation, account: Account, total: Usage, alias: tuple[str, str] | None) -> None:
        """`total` counts what all sessions cost. `alias` is the client's name for the model, and the upstream's."""
        self.usage = Usage()
        self._translation = translation
        self._account = account
        self._total = total
        self._alias = alias

    def heard(self, frame: bytes | str, kind: str | None) -> Moves | None:
        """What follows from a client's frame; None to pass it on as it is."""
        if kind == RESPONSE_CREATE and (refusal := self._account.out_of_tokens()) is not None:
            return Moves(down=self.error(_answering(frame, refusal)))
        if kind == SESSION_UPDATE and self._alias is not None:
            frame = _renamed(frame, *self._alias)
            return self._translation.heard(frame, kind) or Moves(up=(frame,))
        return self._translation.heard(frame, kind)

    def told(self, frame: bytes, kind: str) -> Moves | None:
        """What follows from an upstream's event; None to pass it on as it is."""
        if kind == ERROR and _refuses_key(frame):
            return Moves(down=self.error(errors.upstream_key_refused()))
        moves = self._translation.told(frame, kind)
        if kind in (RESPONSE_DONE, TRANSCRIBED):
            self._count(usage_in(frame, kind))
        elif kind == RESPONSE_CREATED and (refusal := self._account.out_of_tokens()) is not None:
            return self._stopped(frame, moves, refusal)
        return moves

    def error(self, detail: ErrorDetail) -> Sequence[bytes]:
        """The frames that tell the client of an error of ours."""
        return self._translation.error(detail)

    def _count(self, usage: Usage) -> None:
        self.usage.add(usage)
        self._account.spend(usage)
        self._total.add(usage)

    def _stopped(self, frame: bytes, moves: Moves | None, refusal: ErrorDetail) -> Moves:
        """The upstream answers of its own accord, as after a caller's turn: it has begun, and is stopped at once."""
        told = (frame,) if moves is None else moves.down
        cancel = codec.encode_client(ResponseCancel(response_id=_response_in(frame)))
        return Moves(up=(cancel,), down=(*told, *self.error(refusal)))


class _Named(Struct):
    event_id: str | None = None


class _Identified(Struct):
    id: str


class _Created(Struct):
    response: _Identified


class _Coded(Struct):
    code: str | None = None


class _Failure(Struct):
    error: _Coded


_NAMED: Final = json.Decoder(_Named)
_CREATED: Final = json.Decoder(_Created)
_FAILURE: Final = json.Decoder(_Failure)


def _answering(frame: bytes | str, refusal: ErrorDetail) -> ErrorDetail:
    """The refusal under the client's name for what is refused, where it has one."""
    try:
        return structs.replace(refusal, event_id=_NAMED.decode(frame).event_id)
    except ValidationError:
        return refusal


def _response_in(frame: bytes) -> str | UnsetType:
    try:
        return _CREATED.decode(frame).response.id
    except ValidationError:
        return UNSET


def _refuses_key(frame: bytes) -> bool:
    try:
        return _FAILURE.decode(frame).error.code == BAD_KEY
    except ValidationError:
        return False


def _renamed(frame: bytes | str, alias: str, name: str) -> bytes | str:
    """The same update with the upstream's name for the model, if the client repeats its own."""
    tree = codec.tree_of(frame)
    session = None if isinstance(tree, ErrorDetail) else tree.get("session")
    if isinstance(tree, ErrorDetail) or not isinstance(session, dict) or session.get("model") != alias:
        return frame
    return codec.encode_tree(tree | {"session": session | {"model": name}})
