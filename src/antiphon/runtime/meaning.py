"""What a frame of a link tells the core. Audio comes in pieces that nobody has scored yet."""

from collections.abc import Iterator
from typing import TypeAlias

from antiphon.dialects.dialect import Dialect
from antiphon.facts import Traffic
from antiphon.link import Binary, Frame, Media, PlayoutStarted, PlayoutStopped, Text
from antiphon.protocol import errors
from antiphon.protocol.client_events import (
    ClientEvent,
    InputAudioBufferAppend,
    InputAudioBufferClear,
    InputAudioBufferCommit,
)
from antiphon.protocol.errors import ErrorDetail
from antiphon.protocol.wire import UNSET
from antiphon.runtime.appends import Appends
from antiphon.runtime.core import Core
from antiphon.session.inputs import Heard, Received, Refused

Meaning: TypeAlias = Received | Refused | Heard | PlayoutStarted | PlayoutStopped


class Reader:
    """Reads the frames of one link."""

    def __init__(self, origin: str, dialect: Dialect, traffic: Traffic) -> None:
        """What is read is counted in `traffic`."""
        self._origin = origin
        self._dialect = dialect
        self._traffic = traffic
        self._appends = Appends()

    def read(self, frame: Frame, core: Core) -> Iterator[Meaning]:
        """What the frame tells, each read under the session as the ones before have left it."""
        match frame:
            case Text(data):
                for event in self._dialect.receive(data):
                    yield from self._read(event, core)
            case Media(pcm):
                yield Heard(self._origin, pcm)
            case Binary():
                yield Refused(self._origin, errors.binary_frame())
            case _:  # news of the playout
                yield frame

    def _read(self, event: ClientEvent | ErrorDetail, core: Core) -> Iterator[Meaning]:
        self._traffic.received[type(event)] += 1
        if isinstance(event, ErrorDetail):
            yield Refused(self._origin, event)
        elif isinstance(event, InputAudioBufferAppend):
            event_id = None if event.event_id is UNSET else event.event_id
            pieces = list(self._appends.pieces(event.audio, core.input_format))
            if not core.wants_scores:
                pieces = [b"".join(pieces)] if pieces else []
            yield from (Heard(self._origin, pcm, (), event_id) for pcm in pieces)
        else:
            if isinstance(event, InputAudioBufferCommit | InputAudioBufferClear):
                self._appends.restart()
            yield Received(self._origin, event)
