"""A recorded session, told to the core again, tells the same."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from mcp_servers import real_server, running
from recorded import BETA, Scene, recorded, recording_in
from served import Caller, engines, spoken, tone

from antiphon.audio.pcm import silence
from antiphon.config import Config, ConfigError, Engines
from antiphon.config.settings import Limits
from antiphon.recording import BadRecording, Recording, load
from antiphon.replay import NotReplayable, replay
from antiphon.replay.comparing import Told
from antiphon.replay.stage import Stage
from antiphon.runtime.tape import Noted
from antiphon.server.house import House

SLOW = engines(llm={"token_ms": 20})
TOOL = {"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}}


def notes(recording: Recording, kind: str) -> list[dict[str, Any]]:
    return [line.event["value"] for line in recording.lines if line.way == "note" and line.event["type"] == kind]


def inputs(recording: Recording) -> set[str]:
    return {note["kind"] for note in notes(recording, "input")}


def told(recording: Recording) -> list[str]:
    return [line.event["type"] for line in recording.lines if line.way == "server"]


# Scenes


async def written(caller: Caller) -> None:
    await caller.ask("hello")
    await caller.until("response.done")
    await caller.ask("count to 5", output_modalities=["text"], conversation="none", metadata={"about": "numbers"})
    await caller.until("response.done")


async def heard(caller: Caller) -> None:
    await caller.update(audio={"input": {"transcription": {"model": "whisper-1"}}})
    await caller.speak(spoken())
    await caller.until("response.done")
    await caller.speak(spoken())
    await caller.until("response.done")


async def semantic(caller: Caller) -> None:
    await caller.update(audio={"input": {"turn_detection": {"type": "semantic_vad", "eagerness": "high"}}})
    await caller.speak(spoken() + silence(2000))
    await caller.until("response.done")


async def interrupted(caller: Caller) -> None:
    await caller.ask("count to 200")
    await caller.until("response.output_audio.delta")
    await caller.speak(tone(800))
    await caller.until("response.done")
    await caller.speak(silence(900))
    await caller.until("response.done")


async def cancelled(caller: Caller) -> None:
    await caller.ask("count to 200")
    created = await caller.until("response.output_audio.delta")
    await caller.say("response.cancel")
    await caller.until("response.done")
    await caller.say("conversation.item.truncate", item_id=created["item_id"], content_index=0, audio_end_ms=100)
    await caller.until("conversation.item.truncated")
    await caller.say("conversation.item.retrieve", item_id=created["item_id"])
    await caller.until("conversation.item.retrieved")
    await caller.say("conversation.item.delete", item_id=created["item_id"])
    await caller.until("conversation.item.deleted")


async def by_hand(caller: Caller) -> None:
    await caller.update(audio={"input": {"turn_detection": None}})
    await caller.speak(tone(700))
    await caller.say("input_audio_buffer.commit")
    await caller.say("response.create")
    await caller.until("response.done")
    await caller.speak(tone(100))
    await caller.say("input_audio_buffer.clear")
    await caller.until("input_audio_buffer.cleared")


async def telephone(caller: Caller) -> None:
    ulaw = {"format": {"type": "audio/pcmu"}}
    await caller.update(audio={"input": ulaw, "output": ulaw})
    await caller.speak(b"\xff" * 1601 + b"\x10\x90" * 4000 + b"\xff" * 8000, chunk_bytes=161)
    await caller.until("response.done")


async def tools(caller: Caller) -> None:
    await caller.update(tools=[TOOL])
    await caller.ask('call look {"at": "sky"} call look {"at": "sea"}')
    done = await caller.until("response.done")
    for item in done["response"]["output"]:
        output = {"type": "function_call_output", "call_id": item["call_id"], "output": "blue"}
        await caller.say("conversation.item.create", item=output)
    await caller.say("response.create")
    await caller.until("response.done")


async def mistakes(caller: Caller) -> None:
    for frame in ("no json", "[]", '{"type":"session.update"}', '{"type":"x","event_id":"e"}', '{"type":5}'):
        await caller.socket.send(frame)
        await caller.until("error")
    await caller.socket.send(b"\1\2")
    await caller.until("error")
    await caller.say("input_audio_buffer.append", audio="no base64")
    await caller.until("error")
    await caller.say("response.cancel", event_id="mine")
    await caller.until("error")
    await caller.ask("fail after 2")
    await caller.until("response.done")


async def listening_only(caller: Caller) -> None:
    hearing = {"transcription": {"model": "whisper-1"}, "turn_detection": {"type": "server_vad"}}
    await caller.say("session.update", session={"type": "transcription", "audio": {"input": hearing}})
    await caller.until("session.updated")
    await caller.speak(spoken())
    await caller.until("conversation.item.input_audio_transcription.completed")


async def beta(caller: Caller) -> None:
    await caller.say("session.update", session={"instructions": "be brief", "tools": [TOOL], "temperature": 0.7})
    await caller.until("session.updated")
    await caller.say("session.update", session={"temperature": 5})
    await caller.until("error")
    await caller.speak(spoken())
    await caller.until("response.done")
    content = [{"type": "input_text", "text": "call look {}"}]
    await caller.say("conversation.item.create", item={"type": "message", "role": "user", "content": content})
    await caller.say("response.create", response={"modalities": ["text"]}, event_id="mine")
    await caller.until("response.done")


async def preview(caller: Caller) -> None:
    content = [{"type": "input_text", "text": "count to 50"}]
    await caller.say("conversation.item.create", item={"type": "message", "role": "user", "content": content})
    await caller.say("response.create", response={"commit": True, "cancel_previous": False})
    await caller.say("response.create", response={"commit": False, "cancel_previous": False})
    await caller.until("response.done")
    await caller.until("response.done")


LIMITED = Config(engines=engines().engines, limits=Limits(requests_per_minute=2, tokens_per_minute=1000))


@pytest.mark.parametrize(
    ("scene", "options", "wants"),
    [
        (written, {}, {"Received", "Produced", "Finished"}),
        (written, {"config": engines(llm={"context_tokens": 30})}, {"Produced"}),
        (written, {"config": LIMITED}, {"Produced"}),
        (heard, {}, {"Heard", "Recognised", "Produced", "Finished"}),
        (heard, {"config": SLOW}, {"Produced"}),
        (semantic, {}, {"Recognised", "Produced"}),
        (interrupted, {"config": SLOW}, {"Heard", "Produced"}),
        (cancelled, {"config": SLOW}, {"Received", "Produced"}),
        (by_hand, {}, {"Heard", "Recognised"}),
        (telephone, {}, {"Heard", "Finished"}),
        (tools, {}, {"Produced", "Finished"}),
        (mistakes, {}, {"Refused", "Broke"}),
        (listening_only, {"query": "intent=transcription"}, {"Recognised"}),
        (beta, {"headers": BETA}, {"Refused", "Produced"}),
        (beta, {"headers": BETA, "config": LIMITED}, {"Produced"}),
        (beta, {"query": "api-version=2025-04-01-preview&deployment=tone"}, {"Produced"}),
        (preview, {"query": "api-version=2024-10-01-preview&deployment=tone"}, {"Produced"}),
    ],
)
def test_a_session_tells_the_same_again(tmp_path: Path, scene: Scene, options: dict[str, Any], wants: set[str]) -> None:
    """Every event, in order, whatever went on: `wants` are kinds of input that the scene must have had."""
    recording = recorded(tmp_path, scene, **options)
    outcome = replay(recording)

    assert (outcome.difference, outcome.failure, outcome.stopped) == (None, "", "")
    assert outcome.events == len(told(recording)) > 3
    assert wants <= inputs(recording)


def test_a_draft_is_told_again(tmp_path: Path) -> None:
    """What was begun before the turn had ended, and dropped or kept, has no trace beyond the inputs."""

    async def scene(caller: Caller) -> None:
        await caller.update(audio={"input": {"turn_detection": {"type": "server_vad", "silence_duration_ms": 600}}})
        await caller.speak(silence(200) + tone(500) + silence(300) + tone(500) + silence(1000))
        await caller.until("response.done")

    recording = recorded(tmp_path, scene)

    assert replay(recording).is_same
    answers = {note["news"]["response_id"] for note in notes(recording, "input") if note["kind"] == "Produced"}
    assert answers


def test_tools_of_mcp_servers_are_told_again(tmp_path: Path) -> None:
    """What a server listed and gave is an input; how it was reached is not told."""
    config = Config(
        engines=Engines(
            vad="tone",
            turn="tone",
            asr="tone",
            llm="tone",
            tts="tone",
            tools="mcp",
            options={"tools": {"allowed_hosts": ["127.0.0.1"]}},
        )
    )

    async def scene(caller: Caller) -> None:
        async with running(real_server().streamable_http_app()) as url:
            secret = {"authorization": "very-secret", "headers": {"X-Key": "very-secret"}}
            server = {"type": "mcp", "server_label": "sums", "server_url": f"{url}/mcp", "require_approval": "never"}
            await caller.say("session.update", session={"type": "realtime", "tools": [server | secret]})
            await caller.until("mcp_list_tools.completed")
            await caller.ask('call add {"a": 2, "b": 3}')
            await caller.until("response.mcp_call.completed")
            refused = server | {"server_url": "http://elsewhere.example/mcp", "server_label": "other"}
            await caller.say("session.update", session={"type": "realtime", "tools": [refused]})
            await caller.until("error")

    recording = recorded(tmp_path, scene, config)
    outcome = replay(recording)

    assert outcome.is_same
    assert {"Listed", "Called"} <= inputs(recording)
    assert "very-secret" not in recording.path.read_text()


# What differs


def changed(path: Path, change: Any) -> Recording:
    """The recording, with every line passed through `change`, which gives the lines in its place."""
    head, *lines = path.read_text().splitlines()
    rows = [row for line in lines for row in change(json.loads(line))]
    path.write_text("\n".join([head, *(json.dumps(row) for row in rows)]) + "\n")
    return load(path)


def kind_of(row: dict[str, Any]) -> str:
    return str(row.get("event", {}).get("type"))


def test_a_changed_rule_is_the_first_difference(tmp_path: Path) -> None:
    """The line, the place in the event, what was expected and what the core tells now."""
    recording = recorded(tmp_path, written)

    def change(row: dict[str, Any]) -> list[dict[str, Any]]:
        if kind_of(row) == "response.done":
            row["event"]["response"]["status"] = "incomplete"
        return [row]

    difference = replay(changed(recording.path, change)).difference

    assert difference is not None
    first = next(line for line in recording.lines if line.event.get("type") == "response.done")
    assert (difference.line, difference.at) == (first.number, first.at)
    assert [(c.path, c.expected, c.got) for c in difference.changes] == [("response.status", "incomplete", "completed")]
    assert difference.after is not None
    assert difference.after.event["value"]["kind"] == "Finished"


def test_an_event_too_few_is_the_first_difference(tmp_path: Path) -> None:
    """The core tells what the recording does not have."""
    recording = recorded(tmp_path, written)
    change = lambda row: [] if kind_of(row) == "rate_limits.updated" or kind_of(row) == "response.created" else [row]  # noqa: E731 -- a line of a script

    difference = replay(changed(recording.path, change)).difference

    assert difference is not None
    assert difference.got is not None
    assert difference.got.event["type"] == "response.created"


def test_an_event_too_many_is_the_first_difference(tmp_path: Path) -> None:
    """The recording has what the core does not tell."""
    recording = recorded(tmp_path, written)

    def change(row: dict[str, Any]) -> list[dict[str, Any]]:
        return [row, row] if kind_of(row) == "response.done" else [row]

    difference = replay(changed(recording.path, change)).difference

    assert difference is not None
    assert (difference.expected and difference.expected.event["type"], difference.got) == ("response.done", None)


def test_sound_that_differs_is_a_difference(tmp_path: Path) -> None:
    """A spoken answer is its sound as well."""
    recording = recorded(tmp_path, written)
    audio = recording.path.with_suffix(".audio")
    first = next(line for line in recording.lines if line.event.get("type") == "response.output_audio.delta")
    audio.write_bytes(bytes(audio.stat().st_size))

    def change(row: dict[str, Any]) -> list[dict[str, Any]]:
        if kind_of(row) == "response.output_audio.delta":
            row["sounds"][0][2] -= 2
        return [row]

    difference = replay(changed(recording.path, change)).difference

    assert difference is not None
    assert difference.line == first.number
    assert [change.path for change in difference.changes] == ["delta"]


def test_an_input_that_does_not_follow_is_told(tmp_path: Path) -> None:
    """A client's frame that is gone from the recording leaves its input behind."""
    recording = recorded(tmp_path, written)
    outcome = replay(changed(recording.path, lambda row: [] if kind_of(row) == "response.create" else [row]))

    assert not outcome.is_same
    assert "the frame before it means no more, not Received" in outcome.failure


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({"kind": "Produced", "now": 1.0, "news": {}, "delta": "TextDelta"}, "its note cannot be read"),
        ({"kind": "Produced", "now": 1.0, "news": {}, "delta": "Nothing"}, "its note cannot be read"),
        ({"kind": "Nothing", "now": 1.0, "news": {}}, "its note cannot be read"),
        ({"kind": "Finished", "now": 1.0}, "means no more, not Finished"),
    ],
)
def test_a_damaged_input_is_told(tmp_path: Path, value: dict[str, Any], why: str) -> None:
    """By its line; the replay goes no further."""
    recording = recorded(tmp_path, written)
    damage = {"at": 0.5, "way": "note", "event": {"type": "input", "value": value}}

    def change(row: dict[str, Any]) -> list[dict[str, Any]]:
        return [damage, row] if kind_of(row) == "response.create" else [row]

    outcome = replay(changed(recording.path, change))

    assert why in outcome.failure


def test_a_note_that_is_no_note_is_named(tmp_path: Path) -> None:
    """A damaged file is told by its line, as everywhere."""
    recording = recorded(tmp_path, written)

    def change(row: dict[str, Any]) -> list[dict[str, Any]]:
        if row["way"] == "note" and kind_of(row) == "input":
            row["event"]["value"]["now"] = "soon"
        return [row]

    with pytest.raises(BadRecording, match=r"line 4: it cannot be replayed: .*now"):
        replay(changed(recording.path, change))


def test_a_fault_of_the_core_is_told(tmp_path: Path) -> None:
    """With its line and its text: that is what the recording of a fault is for."""
    recording = recorded(tmp_path, written)

    class Broken(Stage):
        def hand(self, noted: Noted) -> list[Told]:
            if noted.kind == "Finished":
                raise ZeroDivisionError("a bug of ours")
            return super().hand(noted)

    outcome = replay(recording, Broken)

    assert not outcome.is_same
    assert outcome.failure.endswith(": ZeroDivisionError: a bug of ours")


JUNK: list[Any] = [None, 0, -1, 1e300, "", "x", [], {}, True, "link_1"]


def mutated(value: Any, chance: random.Random) -> Any:
    """The value with one thing in it gone or changed."""
    if isinstance(value, dict) and value and chance.random() < 0.8:
        key = chance.choice(sorted(value))
        rest = {name: entry for name, entry in value.items() if name != key}
        return rest if chance.random() < 0.15 else rest | {key: mutated(value[key], chance)}
    if isinstance(value, list) and value and chance.random() < 0.8:
        place = chance.randrange(len(value))
        return [*value[:place], mutated(value[place], chance), *value[place + 1 :]]
    return chance.choice(JUNK)


def test_a_damaged_recording_is_a_value_or_a_bad_recording(tmp_path: Path) -> None:
    """Whatever was done to a line: nothing else comes out."""
    recording = recorded(tmp_path, tools)
    lines = recording.path.read_text().splitlines()
    chance = random.Random(7)  # noqa: S311 -- the same every time
    outcomes: set[bool | None] = set()
    for number in range(300):
        place = number % len(lines)
        damaged = [*lines[:place], json.dumps(mutated(json.loads(lines[place]), chance)), *lines[place + 1 :]]
        recording.path.write_text("\n".join([*damaged, ""]))
        try:
            outcomes.add(replay(load(recording.path)).is_same)
        except (BadRecording, NotReplayable):
            outcomes.add(None)

    assert outcomes == {True, False, None}


def test_a_gap_ends_the_replay(tmp_path: Path) -> None:
    """What was told before it is still the same, and the reason is told."""
    recording = recorded(tmp_path, written)
    gap = {"at": 0.5, "way": "note", "event": {"type": "gap", "value": {"lines": 3}}}

    def change(row: dict[str, Any]) -> list[dict[str, Any]]:
        return [row, gap] if kind_of(row) == "session.created" else [row]

    outcome = replay(changed(recording.path, change))

    assert outcome.is_same
    assert (outcome.events, outcome.stopped.split(" after ")[0]) == (1, "Lines are missing")


def test_a_recording_that_was_cut_is_the_same_so_far(tmp_path: Path) -> None:
    """A server that was killed leaves what it had told."""
    recording = recorded(tmp_path, written)
    data = recording.path.read_bytes()
    recording.path.write_bytes(data[: data.index(b'"response.done"') + 30])

    outcome = replay(load(recording.path))

    assert outcome.is_same
    assert outcome.events > 5


def test_a_recording_without_its_audio_is_not_replayed(tmp_path: Path) -> None:
    """The core would hear something else than it heard."""
    recording = recorded(tmp_path, heard)
    recording.path.with_suffix(".audio").unlink()

    with pytest.raises(NotReplayable, match="audio is missing"):
        replay(load(recording.path))


@pytest.mark.parametrize("lines", [[], ['{"at":0,"way":"client","link":"link_1","event":{"type":"response.create"}}']])
def test_what_is_no_session_is_not_replayed(tmp_path: Path, lines: list[str]) -> None:
    """A relay records the wire alone."""
    path = tmp_path / "x.jsonl"
    path.write_text("\n".join(['{"recording":1,"about":{"kind":"relay","session_id":"sess_1"}}', *lines, ""]))

    with pytest.raises(NotReplayable, match="what went over the wire"):
        replay(load(path))


def test_a_folder_that_cannot_be_written_is_told_at_once(tmp_path: Path) -> None:
    """Before the server listens, by the name of the setting."""
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigError, match=r"server\.record: .*file cannot be used"):
        House(recording_in(tmp_path / "file"))


def test_without_the_setting_nothing_is_recorded() -> None:
    """It is the operator who asks for recordings."""
    assert House(engines()).recordings is None
