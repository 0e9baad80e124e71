"""A client of an older dialect on the line to a real core: it says JSON, and keeps what it is told.

line = Line(Beta())
line.say("response.create", response={"temperature": 1.1})

assert line.told[-1]["response"]["temperature"] == 1.1
"""

import json
from collections.abc import Iterable
from typing import Any

from corescript import LINK, Ids, Stage, Step, new_settings, play, settled

from antiphon.dialects.dialect import Dialect
from antiphon.protocol.client_events import InputAudioBufferAppend
from antiphon.protocol.errors import ErrorDetail
from antiphon.protocol.server_events import ServerEvent
from antiphon.session.effects import Effect, Respond, Send, Settle
from antiphon.session.inputs import Heard, Joined, Received, Refused

Event = dict[str, Any]


class Line:
    """A link of one client to a session of its own."""

    def __init__(self, machine: Dialect, **settings: Any) -> None:
        self.machine = machine
        self.session = Stage(new_settings(**settings))
        self.ids = Ids()
        self.frames: list[bytes] = []
        """All that was sent, as it went out."""
        self.events: list[ServerEvent] = []
        """All that the core said, before it was translated."""
        self.running: list[str] = []
        """Answers that an engine was asked for."""
        self.unsettled: list[Effect] = []
        """Words that a recogniser was asked for and has not told."""
        self.hear(Joined(LINK))

    @property
    def told(self) -> list[Event]:
        """All that was sent."""
        return [json.loads(frame) for frame in self.frames]

    @property
    def kinds(self) -> list[str]:
        """The types of all that was sent."""
        return [event["type"] for event in self.told]

    def say(self, kind: str, **keys: Any) -> list[Event]:
        """Send an event; give what comes back."""
        return self.frame(json.dumps({"type": kind, **keys}))

    def frame(self, frame: str | bytes) -> list[Event]:
        """Send a frame; give what comes back."""
        before = len(self.frames)
        for event in self.machine.receive(frame):
            if isinstance(event, InputAudioBufferAppend):
                self.hear(Heard(LINK, event.audio))
            else:
                self.hear(Refused(LINK, event) if isinstance(event, ErrorDetail) else Received(LINK, event))
        return self.told[before:]

    def hear(self, *steps: Step) -> list[Event]:
        """Let something happen to the core; give what the client is told of it."""
        before = len(self.frames)
        self._perform(play(self.session, *steps))
        return self.told[before:]

    def recognise(self, text: str) -> list[Event]:
        """The recogniser tells all that it was asked for."""
        asked, self.unsettled = self.unsettled, []
        return self.hear(settled(asked, text))

    def _perform(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Send):
                self.events.append(effect.event)
                self.frames += self.machine.send(effect.event, self.ids("event"))
            elif isinstance(effect, Respond):
                self.running.append(effect.response_id)
            elif isinstance(effect, Settle):
                self.unsettled.append(effect)


def only(events: Iterable[Event], kind: str) -> list[Event]:
    """The events of a type."""
    return [event for event in events if event["type"] == kind]


def error_of(events: Iterable[Event]) -> tuple[str | None, str | None, str]:
    """Code, param and message of the one error that is all there is."""
    (event,) = events
    assert event["type"] == "error", event
    error = event["error"]
    return error["code"], error["param"], error["message"]
