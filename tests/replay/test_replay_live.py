"""The client's side of a recording, played to a live server: the same events come back, under names of today."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from recorded import BETA, Scene, recorded
from scripted_server import scripted
from served import Caller, engines, play, spoken, tone
from websockets.asyncio.server import ServerConnection

from antiphon.audio.pcm import silence
from antiphon.client import ClientError
from antiphon.config import Config
from antiphon.recording import Recording, load
from antiphon.replay.live import Performance, Wish, perform
from antiphon.replay.moments import Moment, Step, answers, recorded_moments, side_by_side
from antiphon.replay.naming import Names, names_in
from antiphon.testing import serving

FAST = 20.0
PATIENCE_S = 20.0


def performed(recording: Recording, config: Config | None = None, patience_s: float = PATIENCE_S) -> Performance:
    """The recording, played to a fresh server."""
    found: list[Performance] = []

    async def scene() -> None:
        async with serving(config or engines()) as url:
            found.append(await perform(recording, Wish(url, speed=FAST, patience_s=patience_s)))

    play(scene)
    return found[0]


async def conversing(caller: Caller) -> None:
    """Written and spoken turns, a tool's output, and items that are named afterwards."""
    await caller.ask("call look {}")
    done = await caller.until("response.done")
    call = done["response"]["output"][0]
    output = {"type": "function_call_output", "call_id": call["call_id"], "output": "blue"}
    await caller.say("conversation.item.create", item=output, previous_item_id=call["id"])
    await caller.say("response.create")
    done = await caller.until("response.done")
    item_id = done["response"]["output"][0]["id"]
    await caller.say("conversation.item.retrieve", item_id=item_id)
    await caller.until("conversation.item.retrieved")
    await caller.say("conversation.item.delete", item_id=item_id)
    await caller.until("conversation.item.deleted")
    await caller.socket.send("no json")
    await caller.until("error")


async def in_beta(caller: Caller) -> None:
    await caller.say("session.update", session={"modalities": ["text"], "turn_detection": None})
    await caller.until("session.updated")
    await caller.speak(tone(300) + silence(100))
    await caller.say("input_audio_buffer.commit")
    await caller.until("input_audio_buffer.committed")
    await caller.say("response.create")
    await caller.until("response.done")


@pytest.mark.parametrize(("scene", "options"), [(conversing, {}), (in_beta, {"headers": BETA})])
def test_the_same_server_tells_the_same(tmp_path: Path, scene: Scene, options: dict[str, Any]) -> None:
    """The live server knows its items by other names, and is asked for them by these."""
    recording = recorded(tmp_path, scene, **options)
    performance = performed(recording)

    assert [step for step in performance.steps if step.mark != "="] == []
    assert performance.is_same
    recorded_names, live_names = (
        {name for moment in moments if moment.way == "server" for _, name in names_in(moment.event)}
        for moments in (performance.recorded, performance.live)
    )
    assert not recorded_names & live_names - {"call_tone_0"}
    assert len(performance.answers[0]) == len(performance.answers[1]) > 0


def test_sound_is_sent_as_it_was(tmp_path: Path) -> None:
    """Every append, in order, no earlier than its time."""

    async def scene(caller: Caller) -> None:
        await caller.speak(spoken())
        await caller.until("response.done")

    recording = recorded(tmp_path, scene)
    performance = performed(recording)

    def appends(moments: tuple[Moment, ...]) -> list[Moment]:
        return [moment for moment in moments if moment.kind == "input_audio_buffer.append"]

    was, now = appends(performance.recorded), appends(performance.live)
    assert [moment.event for moment in was] == [moment.event for moment in now]
    assert all(live.at >= then.at / FAST for then, live in zip(was, now, strict=True))


def test_another_server_differs(tmp_path: Path) -> None:
    """What is missing and what is new is told by type."""

    async def scene(caller: Caller) -> None:
        await caller.ask("hello")
        await caller.until("response.done")

    recording = recorded(tmp_path, scene)
    performance = performed(recording, engines(tts=None), patience_s=1.0)

    marks = {(step.mark, (step.recorded or step.live).kind) for step in performance.steps if step.recorded or step.live}  # type: ignore[union-attr]  # one of them is there
    assert not performance.is_same
    assert ("-", "response.output_audio.delta") in marks
    assert ("=", "session.created") in marks


def played_to(frames: list[str | bytes], recording: Recording) -> Performance:
    found: list[Performance] = []

    async def speak(socket: ServerConnection) -> None:
        for frame in frames:
            await socket.send(frame, text=True)

    async def scene() -> None:
        async with scripted(speak) as url:
            found.append(await perform(recording, Wish(url, speed=FAST, patience_s=PATIENCE_S)))

    play(scene)
    return found[0]


@pytest.mark.parametrize(
    "frames", [[], ["no json"], ["[]", '{"type":5}'], [b"\xff\xfe"], ['{"type":"session.created"}']]
)
def test_a_server_that_leaves_is_told(tmp_path: Path, frames: list[str | bytes]) -> None:
    """Whatever it said before: the rest is missing."""
    performance = played_to(frames, recorded(tmp_path, conversing))

    assert performance.lost
    assert not performance.is_same


def test_a_server_that_is_not_there_is_told(tmp_path: Path) -> None:
    """As every client of ours tells it."""
    recording = recorded(tmp_path, in_beta, headers=BETA)

    with pytest.raises(ClientError, match="Nobody answers"):
        asyncio.run(perform(recording, Wish("ws://127.0.0.1:1")))


def test_a_silent_server_is_given_up(tmp_path: Path) -> None:
    """It is waited for as long as was said, and no longer."""
    recording = recorded(tmp_path, in_beta, headers=BETA)
    found: list[Performance] = []

    async def silent(socket: ServerConnection) -> None:
        await socket.wait_closed()

    async def scene() -> None:
        async with scripted(silent) as url:
            found.append(await perform(recording, Wish(url, speed=100.0, patience_s=0.05)))

    play(scene)
    assert found[0].is_same is False
    assert [moment.way for moment in found[0].live] == ["client"] * len(found[0].live)


# Timelines


def moment(at: float, kind: str, way: Any = "server", **keys: Any) -> Moment:
    return Moment(at, way, {"type": kind, **keys})


def test_runs_count_once() -> None:
    """How many pieces an answer comes in is no difference."""
    one = [moment(0, "a"), moment(1, "b"), moment(2, "b"), moment(3, "c")]
    other = [moment(0, "a"), moment(2, "b"), moment(3, "d"), moment(4, "c")]

    steps = side_by_side(one, other)

    def said(step: Step) -> tuple[str, str, int]:
        stretch = step.recorded or step.live
        assert stretch is not None
        return step.mark, stretch.kind, stretch.count

    assert [said(step) for step in steps] == [("=", "a", 1), ("=", "b", 2), ("+", "d", 1), ("=", "c", 1)]


def test_an_answer_is_measured_from_what_asked_for_it() -> None:
    """From the end of speech, or from the client's own words; None for what never came."""
    moments = [
        moment(1.0, "input_audio_buffer.speech_stopped"),
        moment(1.1, "response.created", response={"id": "r1"}),
        moment(1.3, "response.output_audio_transcript.delta", response_id="r1"),
        moment(1.5, "response.output_audio.delta", response_id="r1"),
        moment(2.0, "response.done", response={"id": "r1", "status": "completed"}),
        moment(3.0, "response.create", "client"),
        moment(3.2, "response.created", response={"id": "r2"}),
        moment(3.3, "response.output_audio.delta", response_id="r1"),
    ]
    first, second = answers(moments)

    assert (first.created, first.words, first.sound, first.done, first.status) == (100, 300, 500, 1000, "completed")
    assert (second.created, second.words, second.sound, second.done, second.status) == (200, None, None, None, "")


def test_names_are_learned_by_their_order() -> None:
    """The nth item of a kind is the nth item of today; the client's own names stay."""
    names = Names(
        [
            moment(0, "conversation.item.added", item={"id": "rec_1", "type": "message", "role": "user"}),
            moment(0, "conversation.item.create", "client", item={"id": "mine", "type": "message"}),
            moment(0, "conversation.item.added", item={"id": "mine", "type": "message", "role": "user"}),
            moment(0, "conversation.item.added", item={"id": "rec_2", "type": "message", "role": "assistant"}),
        ]
    )
    names.learn(moment(0, "conversation.item.added", item={"id": "live_2", "type": "message", "role": "assistant"}))
    names.learn(moment(0, "conversation.item.added", item={"id": "live_1", "type": "message", "role": "user"}))

    async def scene() -> None:
        event = {"type": "x", "item_id": "rec_2", "previous_item_id": "rec_1", "id": "mine", "text": "rec_1"}
        assert await names.translated(event, PATIENCE_S) == event | {"item_id": "live_2", "previous_item_id": "live_1"}
        unknown = {"type": "x", "item_id": "never"}
        assert await names.translated(unknown, PATIENCE_S) == unknown

    play(scene)


def test_a_name_that_does_not_come_stays() -> None:
    """The server may have made nothing: the event goes as it was, and the server says what it thinks of it."""
    names = Names([moment(0, "conversation.item.added", item={"id": "rec_1"})])

    async def scene() -> None:
        event = {"type": "x", "item_id": "rec_1"}
        assert await names.translated(event, 0.01) == event

    play(scene)


def test_the_sound_of_a_call_is_played_as_appends(tmp_path: Path) -> None:
    """A recording of a telephone call can be played over a WebSocket."""
    lines = [
        {"recording": 1, "about": {"kind": "session", "session_id": "sess_1"}},
        {"at": 0.5, "way": "server", "link": "link_1", "event": {"type": "session.created"}},
        {
            "at": 1.0,
            "way": "note",
            "event": {"type": "input", "value": {"kind": "Heard", "news": {"origin": "link_1", "pcm": "AAA="}}},
        },
        {"at": 1.0, "way": "note", "event": {"type": "input", "value": {"kind": "Heard", "now": 1.0}}},
        {"at": 1.5, "way": "server", "link": "link_2", "event": {"type": "session.created"}},
    ]
    path = tmp_path / "x.jsonl"
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))

    assert recorded_moments(load(path), "link_1") == (
        moment(0.0, "session.created"),
        moment(0.5, "input_audio_buffer.append", "client", audio="AAA="),
    )
