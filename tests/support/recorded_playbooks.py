"""Every session of the playbooks is recorded, and tells the same when its recording is replayed."""

from collections.abc import Iterator
from pathlib import Path

import corescript
import pytest
from corescript import Stage

from antiphon.link import Binary, Scope, Text
from antiphon.protocol import codec
from antiphon.protocol.beyond import ResponseWishes, SessionWishes
from antiphon.protocol.client_events import ResponseCreate, SessionUpdate
from antiphon.protocol.server_events import ResponseOutputAudioDelta
from antiphon.recording import About, OwnRecorder, Recorder, load
from antiphon.replay import replay
from antiphon.runtime.tape import Tape
from antiphon.session.config import SessionSettings
from antiphon.session.effects import Effect, Send
from antiphon.session.inputs import Input, Joined, Left, Received


class RecordedStage(Stage):
    """A session that is recorded as the runtime records one: what clients say goes through frames of GA."""

    def __init__(self, settings: SessionSettings, recorder: OwnRecorder) -> None:
        self.recorder = recorder
        self.taped = Tape(recorder)
        self.has_wishes = isinstance(settings.initial, SessionWishes)
        """Whether it was told what no frame of GA says."""
        self._links: dict[str, bool] = {}
        super().__init__(self.taped.watched(settings))
        self.settings = settings
        self.taped.opened(settings)

    def handle(self, news: Input, now: float) -> list[Effect]:
        if isinstance(news, Joined):
            self._links[news.origin] = news.takes_audio
            scope = Scope("websocket", call_id="rtc_1", takes_audio=news.takes_audio)
            self.taped.linked(news.origin, scope, announces_conversation=False)
        elif isinstance(news, Left):
            self._links.pop(news.origin, None)
        self._take(news)
        effects = super().handle(news, now)
        self.taped.handled(news, now)
        for effect in effects:
            if isinstance(effect, Send):
                self._send(effect)
        return effects

    def _take(self, news: Input) -> None:
        if not isinstance(news, Received):
            self.taped.took("", Binary(0))
            return
        event = news.event
        wish = isinstance(event, ResponseCreate) and isinstance(event.response, ResponseWishes)
        update = isinstance(event, SessionUpdate) and isinstance(event.session, SessionWishes)
        self.has_wishes = self.has_wishes or wish or update
        self.taped.took(news.origin, Text(codec.encode_client(event)))

    def _send(self, effect: Send) -> None:
        is_sound = isinstance(effect.event, ResponseOutputAudioDelta)
        for link, takes_audio in self._links.items():
            if effect.to in (None, link) and (takes_audio or not is_sound):
                self.taped.told(link, codec.encode(effect.event, "event_1"))


@pytest.fixture(autouse=True)
def _recorded(request: pytest.FixtureRequest) -> Iterator[None]:
    """Record the sessions of a playbook, and replay them after it."""
    if request.path.parent.name != "playbooks":
        yield
        return
    tmp_path: Path = request.getfixturevalue("tmp_path")
    monkeypatch: pytest.MonkeyPatch = request.getfixturevalue("monkeypatch")
    stages: list[RecordedStage] = []

    def staged(settings: SessionSettings) -> RecordedStage:
        stages.append(RecordedStage(settings, Recorder.open(tmp_path, "session", About("session", "sess_1"))))
        return stages[-1]

    monkeypatch.setattr(corescript, "Stage", staged)
    yield
    for stage in stages:
        stage.taped.close()
        assert stage.recorder.wait()
        if not stage.has_wishes:
            recording = load(stage.recorder.path)
            outcome = replay(recording)
            assert (outcome.difference, outcome.failure, outcome.stopped) == (None, "", "")
            assert outcome.events == sum(row.way == "server" for row in recording.rows)
