"""What a recording holds of a session beside the frames is enough to tell the core the same again."""

import asyncio
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from scripted_runtime import HandLink, Notes, play, tone_engines

from antiphon.audio.pcm import silence
from antiphon.link import Media, PlayoutStarted, PlayoutStopped, Scope, Sound, Unheard
from antiphon.ports import (
    AudioDelta,
    CallDelta,
    Ending,
    Segment,
    TextDelta,
    TokenProb,
    Transcript,
    TranscriptUsage,
    Usage,
)
from antiphon.protocol import errors
from antiphon.protocol.beyond import SessionWishes
from antiphon.protocol.client_events import InputAudioBufferCommit
from antiphon.protocol.ids import new_id
from antiphon.protocol.items import McpHttpError, McpListedTool, McpProtocolError
from antiphon.protocol.session import RealtimeSessionUpdate, TranscriptionSessionUpdate
from antiphon.recording import About, Recorder, Recording, Recordings, load
from antiphon.replay import replay
from antiphon.runtime.app import RealtimeApp
from antiphon.runtime.options import RuntimeOptions
from antiphon.runtime.tape import Noted, Tape, news_of, settings_of, written
from antiphon.session.config import Context, SessionSettings
from antiphon.session.effects import Effect
from antiphon.session.inputs import (
    Broke,
    Called,
    Finished,
    Heard,
    Input,
    Joined,
    Judged,
    Left,
    Listed,
    PlayoutCleared,
    Produced,
    Received,
    Recognised,
    Refused,
    Score,
    Tick,
    Unrecognised,
)
from antiphon.session.session import Session

FULL: list[Input] = [
    Joined("link_1", takes_audio=False),
    Left("link_1"),
    Heard("link_1", b"\1\2", (Score(0, 768, 0.25), Score(768, 1536, 1e-7)), "event_1"),
    Refused("link_1", errors.binary_frame()),
    Received("link_1", InputAudioBufferCommit(event_id="event_1")),
    Recognised(
        "item_1",
        Transcript("a", False, "en", (TokenProb("a", -0.5),), (Segment("a", "x", 0.0, 1.5),), TranscriptUsage(1, 2, 3)),
        cut=7,
        final=True,
    ),
    Unrecognised("item_1", "why", "code"),
    Judged("item_1", 7, 0.1),
    Produced("resp_1", TextDelta("hé"), Usage(1, 2, 3)),
    Produced("resp_1", AudioDelta(b"\1\2\3\4", (0, 5))),
    Produced("resp_1", CallDelta(1, "name", '{"a":1}', "call_1")),
    Produced("resp_1", Ending("max_output_tokens")),
    Finished("resp_1", Usage(1)),
    Broke("resp_1", "why", None, "rate_limit_error", Usage(1)),
    PlayoutStarted("resp_1"),
    PlayoutStopped("resp_1"),
    PlayoutCleared((Unheard("resp_1", "item_1", 0, 40),)),
    Listed("item_1", (McpListedTool(name="a", input_schema={"type": "object"}),)),
    Listed("item_1", error=McpProtocolError(code=1, message="no")),
    Called("item_1", "out"),
    Called("item_1", error=McpHttpError(code=500, message="no")),
    Tick(),
]


@pytest.mark.parametrize("news", FULL, ids=lambda news: type(news).__name__)
def test_an_input_is_read_as_it_was_written(tmp_path: Path, news: Input) -> None:
    """Whatever the core may be told, with every field, through a file."""
    recorder = Recorder.open(tmp_path, "x", About("session", "sess_1"))
    tape = Tape(recorder)
    tape.handled(news, 12.5)
    tape.close()
    assert recorder.wait()

    (line,) = load(recorder.path).lines
    noted = msgspec.convert(line.event["value"], Noted)
    assert (noted.kind, noted.now, news_of(noted)) == (type(news).__name__, 12.5, news)


def test_every_input_is_tried() -> None:
    """A new kind of input needs its line above."""
    assert {type(news) for news in FULL} == set(get_args(Input))


def test_settings_are_read_as_they_were_written() -> None:
    """What a session begins with, in any dialect; what the core asks of them is answered by others."""
    for initial in (
        None,
        RealtimeSessionUpdate(instructions="x"),
        SessionWishes(temperature=0.7),
        TranscriptionSessionUpdate(include=()),
    ):
        settings = SessionSettings(
            session_id="sess_1",
            model="tone",
            new_id=new_id,
            kind="transcription",
            lifetime_s=None,
            voices=("a", "b"),
            templates={"greet": "hello"},
            context=Context(100, len),
            initial=initial,
            is_call=True,
        )
        through_json = msgspec.json.decode(msgspec.json.encode(written(settings)))
        again = settings_of(through_json, new_id=new_id, count=len, refusal=str)

        assert dataclasses.replace(again, initial=None) == dataclasses.replace(settings, initial=None)
        assert msgspec.to_builtins(again.initial) == msgspec.to_builtins(initial)


def test_without_a_recorder_nothing_is_watched() -> None:
    """A session that is not recorded asks its own functions."""
    settings = SessionSettings(session_id="sess_1", model="tone", new_id=new_id)

    assert Tape().watched(settings) is settings


def notes(recording: Recording, kind: str) -> list[dict[str, Any]]:
    return [line.event["value"] for line in recording.lines if line.way == "note" and line.event["type"] == kind]


class HandPlayout:
    """A playout that plays nothing and says what it is told to say."""

    def __init__(self) -> None:
        self.on_drain: Callable[[], None] = lambda: None
        self.queued_ms = 0
        self.sounds: list[Sound] = []

    def play(self, sound: Sound) -> None:
        self.sounds.append(sound)

    def finish(self, response_id: str) -> None: ...

    def clear(self) -> tuple[Unheard, ...]:
        return tuple(Unheard(s.response_id, s.item_id, s.content_index, 40) for s in self.sounds[-1:])


def test_a_call_is_told_again(tmp_path: Path) -> None:
    """Sound by RTP, both ways, the news of the playout, and a sideband beside it."""
    recordings = Recordings(tmp_path)

    async def scene() -> None:
        app = RealtimeApp(
            engines=lambda _: tone_engines(), meter=Notes(), options=RuntimeOptions(), recordings=recordings
        )
        await app.start()
        playout = HandPlayout()
        call = HandLink(Scope("webrtc", call_id="rtc_1", takes_audio=False, playout=playout))
        side = HandLink(Scope("sideband", call_id="rtc_1", takes_audio=False, dialect="beta"))
        serving = [asyncio.ensure_future(app(call))]
        await call.until("session.created")
        serving.append(asyncio.ensure_future(app.attach("rtc_1", side)))
        await side.until("session.created")
        for _ in range(10):
            call.frame(Media(silence(20)))
        content = [{"type": "input_text", "text": "say one two three four five six"}]
        call.say("conversation.item.create", item={"type": "message", "role": "user", "content": content})
        call.say("response.create")
        response = (await call.until("response.created"))["response"]["id"]
        await call.until("response.done")
        call.frame(PlayoutStarted(response))
        await call.until("output_audio_buffer.started")
        call.frame(PlayoutStopped(response))
        await call.until("output_audio_buffer.stopped")
        call.say("response.create")
        call.frame(PlayoutStarted((await call.until("response.created"))["response"]["id"]))
        await call.until("response.done")
        call.say("output_audio_buffer.clear")
        await call.until("output_audio_buffer.cleared")
        side.hang_up()
        await serving[1]
        call.say("response.cancel")
        await call.until("error")
        call.hang_up()
        await serving[0]
        await app.stop(1.0)

    play(scene)
    assert recordings.stop()
    (path,) = tmp_path.glob("*.jsonl")
    recording = load(path)
    outcome = replay(recording)

    assert (outcome.difference, outcome.failure) == (None, "")
    assert outcome.events == sum(line.way == "server" for line in recording.lines) + len(notes(recording, "sound"))
    assert {"Heard", "PlayoutStarted", "PlayoutStopped", "PlayoutCleared", "Left"} <= {
        note["kind"] for note in notes(recording, "input")
    }
    assert len(notes(recording, "sound")) > 1
    assert {note["dialect"] for note in notes(recording, "linked")} == {"ga", "beta"}


class Faulty(Session):
    """A core with a bug."""

    def handle(self, news: Input, now: float) -> list[Effect]:
        if isinstance(news, Received):
            raise ZeroDivisionError("a bug of ours")
        return super().handle(news, now)


def test_a_fault_is_noted_with_the_input_that_it_came_of(tmp_path: Path) -> None:
    """A core without the bug tells the same up to there, and says that it has come further."""
    recordings = Recordings(tmp_path)

    async def scene() -> None:
        app = RealtimeApp(
            engines=lambda _: tone_engines(),
            meter=Notes(),
            options=RuntimeOptions(),
            recordings=recordings,
            core=Faulty,
        )
        await app.start()
        link = HandLink()
        serving = asyncio.ensure_future(app(link))
        link.say("response.create")
        await link.until("error")
        link.hang_up()
        await serving
        await app.stop(1.0)

    play(scene)
    assert recordings.stop()
    (path,) = tmp_path.glob("*.jsonl")
    recording = load(path)
    outcome = replay(recording)

    assert [note["kind"] for note in notes(recording, "input")] == ["Joined", "Received"]
    assert (outcome.is_same, outcome.events) == (True, 1)
    assert outcome.stopped.startswith("The server had a fault at line ")
