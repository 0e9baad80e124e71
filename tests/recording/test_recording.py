"""What is recorded is read back the same, without its secrets, and a poor disk or file is borne."""

import json
import os
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pybase64
import pytest

from antiphon.ports import AudioDelta
from antiphon.recording import About, BadRecording, Line, OwnRecorder, Recorder, Recording, Recordings, load
from antiphon.recording.recorder import created, safe_name
from antiphon.recording.rows import audio_path
from antiphon.recording.sifting import Sieve
from antiphon.recording.writer import MAX_RAW_CHARS, Entry, Files, RecordingFile, Writer

ABOUT = About("session", "sess_1", transport="websocket", dialect="ga", model="gpt-realtime", started_at=1.5)
LIMIT_S = 30.0


class Clock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def begun(folder: Path, clock: Callable[[], float] = time.monotonic) -> OwnRecorder:
    return Recorder.open(folder, "sess_1", ABOUT, clock=clock)


def shared(folder: Path, writer: Writer) -> Recorder:
    return Recorder(RecordingFile("sess_1", lambda: created(folder, "sess_1", ABOUT)), writer)


def ended(recorder: OwnRecorder) -> Recording:
    recorder.close()
    assert recorder.wait(LIMIT_S)
    return load(recorder.path)


def events(recording: Recording) -> list[dict[str, Any]]:
    return [line.event for line in recording.lines]


def base64(pcm: bytes) -> str:
    return pybase64.b64encode(pcm).decode()


class FullWriter(Writer):
    """A writer whose thread does not get on until the test says so."""

    def __init__(self, bound: int) -> None:
        super().__init__(bound)
        self.may_go_on = threading.Event()

    def _work(self) -> None:
        self.may_go_on.wait(LIMIT_S)
        super()._work()


def test_what_is_recorded_is_read_back(tmp_path: Path) -> None:
    """Events of both ways, notes, times, links; the first line tells what the recording is of."""
    clock = Clock()
    recorder = begun(tmp_path, clock=clock)
    recorder.heard('{"type":"response.create"}')
    clock.now += 1.25
    recorder.told(b'{"type":"response.done","event_id":"event_1"}', "link_2")
    recorder.note("tick", {"now": 7.5})

    recording = ended(recorder)

    assert recording.about == ABOUT
    assert list(recording.lines) == [
        Line(2, 0.0, "client", "link_1", {"type": "response.create"}),
        Line(3, 1.25, "server", "link_2", {"type": "response.done", "event_id": "event_1"}),
        Line(4, 1.25, "note", "", {"type": "tick", "value": {"now": 7.5}}),
    ]
    assert (recording.gaps, recording.is_cut, recording.lacks_audio) == (0, False, False)


def test_audio_is_kept_beside_the_lines(tmp_path: Path) -> None:
    """The lines hold no base64; what is read back is the event as it was."""
    sent: list[dict[str, Any]] = [
        {"type": "input_audio_buffer.append", "audio": base64(b"\1\2" * 480)},
        {
            "type": "conversation.item.create",
            "item": {"content": [{"audio": base64(b"\3\4")}, {"audio": base64(b"\5")}]},
        },
        {"type": "response.output_audio.delta", "delta": base64(b"\6\7")},
        {"type": "response.audio.delta", "delta": base64(b"\x08\x09")},
    ]
    recorder = begun(tmp_path)
    for event in sent:
        recorder.heard(json.dumps(event))

    recording = ended(recorder)

    assert events(recording) == sent
    assert audio_path(recorder.path).read_bytes() == b"\1\2" * 480 + b"\3\4\5\6\7\x08\x09"
    assert base64(b"\1\2") not in recorder.path.read_text()


def test_bytes_of_a_note_are_kept_as_audio(tmp_path: Path) -> None:
    """A note takes what msgspec can encode; `pcm` in it goes where audio goes."""
    recorder = begun(tmp_path)
    recorder.note("produced", AudioDelta(b"\1\2\3\4", (0, 7)))

    recording = ended(recorder)

    assert events(recording) == [{"type": "produced", "value": {"pcm": base64(b"\1\2\3\4"), "span": [0, 7]}}]
    assert audio_path(recorder.path).read_bytes() == b"\1\2\3\4"


@pytest.mark.parametrize("audio", ["no base64", "QQ", "QR==", "", 5, None, ["QQ=="]])
def test_what_is_no_audio_stays_as_it_was(tmp_path: Path, audio: Any) -> None:
    """A client's wrong audio is recorded as the client wrote it."""
    recorder = begun(tmp_path)
    recorder.heard(json.dumps({"type": "input_audio_buffer.append", "audio": audio}))

    assert events(ended(recorder)) == [{"type": "input_audio_buffer.append", "audio": audio}]


def test_text_that_looks_like_base64_is_no_audio(tmp_path: Path) -> None:
    """Only the deltas of audio are; words stay where they can be read."""
    event = {"type": "response.output_text.delta", "delta": "QUJD"}
    recorder = begun(tmp_path)
    recorder.told(json.dumps(event))

    assert events(ended(recorder)) == [event]
    assert audio_path(recorder.path).read_bytes() == b""


SECRET = "s3cr3t-s3cr3t-s3cr3t"


@pytest.mark.parametrize(
    "event",
    [
        {"session": {"tools": [{"type": "mcp", "authorization": SECRET}]}},
        {"session": {"tools": [{"type": "mcp", "headers": {"X-Any": SECRET, "more": [SECRET]}}]}},
        {"session": {"tools": [{"type": "mcp", "server_url": f"https://tools.example/?api_key={SECRET}"}]}},
        {"session": {"tools": [{"type": "mcp", "server_url": f"https://me:{SECRET}@tools.example/"}]}},
        {"session": {"client_secret": {"value": SECRET, "expires_at": 5}}},
        {"client_secret": SECRET},
        {"Authorization": f"Bearer {SECRET}"},
        {"api-key": SECRET},
        {"any": f"Bearer {SECRET}"},
        {"any": [f"say sk-{SECRET} to me"]},
        {"any": f"ek_{SECRET}"},
        {f"sk-{SECRET}": 1},
        {f"sk-{SECRET}": {"audio": "QQ=="}},
    ],
)
@pytest.mark.parametrize("way", ["heard", "told", "note"])
def test_secrets_are_not_written(tmp_path: Path, event: dict[str, Any], way: str) -> None:
    """Keys, tokens and secrets are gone from every kind of line, and the line is still there."""
    recorder = begun(tmp_path)
    if way == "note":
        recorder.note("any", event)
    else:
        getattr(recorder, way)(json.dumps(event))

    recording = ended(recorder)

    assert len(recording.rows) == 1
    assert len(events(recording)) == 1
    assert SECRET not in recorder.path.read_text()
    assert "[removed]" in recorder.path.read_text()


def test_secrets_are_not_written_of_frames_that_are_no_json(tmp_path: Path) -> None:
    """A key in a broken frame is seen by its looks."""
    recorder = begun(tmp_path)
    recorder.heard(f"{{'key': 'sk-{SECRET}'")

    (line,) = ended(recorder).lines
    assert line.raw == "{'key': '[removed]'"


def test_the_first_line_holds_no_secret(tmp_path: Path) -> None:
    """The address of an upstream may have a key in it."""
    recorder = Recorder.open(tmp_path, "x", About("relay", "sess_1", upstream=f"wss://a.example/?api-key={SECRET}&a=1"))

    assert ended(recorder).about.upstream == "wss://a.example/?[removed]&a=1"


@pytest.mark.parametrize("frame", ["not json", "[1,2]", '"text"', "{", "", "1", b"\xff\xfe", "[" * 5000, "\ud800"])
def test_frames_that_are_no_event_are_kept_raw(tmp_path: Path, frame: bytes | str) -> None:
    """Whatever comes over a wire has its line."""
    recorder = begun(tmp_path)
    recorder.heard(frame)
    recorder.heard('{"type":"after"}')

    first, second = ended(recorder).lines
    assert first.raw is not None
    assert second.event == {"type": "after"}
    if isinstance(frame, str) and frame != "\ud800":
        assert first.raw == frame


def test_long_nonsense_is_cut(tmp_path: Path) -> None:
    """A frame that is no JSON object costs no more than it is worth, and is no JSON after the cut either."""
    recorder = begun(tmp_path)
    recorder.heard("1" * MAX_RAW_CHARS + "x")

    (line,) = ended(recorder).lines
    assert line.raw == "1" * MAX_RAW_CHARS + "…"
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(line.raw)


def test_a_note_that_cannot_be_written_is_counted(tmp_path: Path) -> None:
    """What msgspec cannot encode is a gap, never an exception."""
    recorder = begun(tmp_path)
    recorder.note("bad", object())
    recorder.note("bad", "\ud800")
    recorder.note("good", 1)

    recording = ended(recorder)

    assert recording.gaps == 2
    assert [event["type"] for event in events(recording)] == ["gap", "good"]


def test_a_slow_disk_leaves_a_gap(tmp_path: Path) -> None:
    """What does not fit is left out, and the place tells how much; the recording then goes on."""
    writer = FullWriter(bound=2000)
    recorder = shared(tmp_path, writer)
    for number in range(10):
        recorder.heard(json.dumps({"number": number}))
    recorder.close()
    writer.may_go_on.set()
    writer.stop()

    assert writer.wait(LIMIT_S)
    recording = load(tmp_path / "sess_1.jsonl")
    assert events(recording) == [{"number": 0}, {"number": 1}, {"number": 2}, {"type": "gap", "value": {"lines": 7}}]
    assert recording.gaps == 7


def test_a_gap_is_told_before_what_follows_it(tmp_path: Path) -> None:
    """The note stands where the lines are missing."""
    recorder = begun(tmp_path)
    recorder.heard('{"number":1}')
    recorder.note("bad", object())
    recorder.heard('{"number":2}')

    assert events(ended(recorder)) == [{"number": 1}, {"type": "gap", "value": {"lines": 1}}, {"number": 2}]


def test_one_large_frame_fits_an_empty_queue(tmp_path: Path) -> None:
    """The bound is for what waits beside others: alone, everything is taken."""
    recorder = shared(tmp_path, writer := Writer(bound=10))
    recorder.heard(json.dumps({"text": "x" * 100}))
    recorder.close()
    writer.stop()

    assert writer.wait(LIMIT_S)
    assert len(load(tmp_path / "sess_1.jsonl").rows) == 1


def test_a_full_disk_ends_the_recording(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """One line in the log, and everything else goes on."""
    full = os.open(
        "/dev/full" if Path("/dev/full").exists() else tmp_path, os.O_WRONLY if Path("/dev/full").exists() else 0
    )
    files = Files(Path("sess_1.jsonl"), full, os.open(os.devnull, os.O_WRONLY))
    recorder = Recorder(RecordingFile("sess_1", lambda: files), writer := Writer())
    recorder.heard('{"number":1}')
    recorder.heard('{"number":2}')
    recorder.close()
    writer.stop()

    assert writer.wait(LIMIT_S)
    assert [record.message.split(":")[0] for record in caplog.records] == ["the recording sess_1 ends here"]


def test_a_fault_of_ours_ends_one_recording_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The thread goes on for the others, and the log tells the kind of fault, not what was said."""
    sift = Sieve.sift

    def faulty(self: Sieve, event: dict[str, Any]) -> dict[str, Any]:
        if event == {"number": 1}:
            raise ZeroDivisionError("what was said")
        return sift(self, event)

    monkeypatch.setattr(Sieve, "sift", faulty)
    recordings = Recordings(tmp_path)
    for number in (1, 2):
        recorder = recordings.begin(About("session", f"sess_{number}"))
        recorder.heard(json.dumps({"number": number}))
        recorder.heard(json.dumps({"number": 3}))
        recorder.close()

    assert recordings.stop(LIMIT_S)
    assert events(load(tmp_path / "sess_2.jsonl")) == [{"number": 2}, {"number": 3}]
    assert [record.message for record in caplog.records] == ["the recording sess_1 ends here: ZeroDivisionError"]


def test_a_folder_that_goes_away_ends_nothing_but_the_recording(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A server that cannot write says so for each session, and serves on."""
    (tmp_path / "file").write_text("")
    recordings = Recordings(tmp_path / "file")
    recorder = recordings.begin(ABOUT)
    recorder.heard('{"number":1}')
    recorder.close()

    assert recordings.stop(LIMIT_S)
    assert [record.message.split(":")[0] for record in caplog.records] == ["the recording sess_1 ends here"]


def test_many_recorders_share_a_thread(tmp_path: Path) -> None:
    """Each finds its own lines, in order."""
    recordings = Recordings(tmp_path)
    names = [f"sess_{number}" for number in range(5)]
    recorders = [recordings.begin(About("session", name)) for name in names]
    for number in range(50):
        for name, recorder in zip(names, recorders, strict=True):
            recorder.heard(json.dumps({"of": name, "number": number, "audio": base64(bytes([number]) * 5)}))
    for recorder in recorders:
        recorder.close()

    assert recordings.stop(LIMIT_S)
    for name in names:
        found = events(load(tmp_path / f"{name}.jsonl"))
        assert found == [{"of": name, "number": n, "audio": base64(bytes([n]) * 5)} for n in range(50)]


def test_the_same_sound_is_kept_once(tmp_path: Path) -> None:
    """What the engine made, what was played and what the client was sent is one sound."""
    recorder = begun(tmp_path)
    for _ in range(3):
        recorder.note("produced", AudioDelta(b"\1\2"))
        recorder.told(json.dumps({"type": "response.output_audio.delta", "delta": base64(b"\1\2")}))

    recording = ended(recorder)

    assert audio_path(recorder.path).read_bytes() == b"\1\2"
    assert [event.get("delta", "") for event in events(recording)] == ["", base64(b"\1\2")] * 3


def test_an_empty_recording_is_one(tmp_path: Path) -> None:
    """A session of which nothing was heard has its first line."""
    recordings = Recordings(tmp_path)
    recordings.begin(ABOUT).close()

    assert recordings.stop(LIMIT_S)
    assert load(tmp_path / "sess_1.jsonl").about == ABOUT


def test_nothing_is_recorded_after_the_end(tmp_path: Path) -> None:
    """A second end and late frames do nothing."""
    recorder = begun(tmp_path)
    recorder.heard('{"number":1}')
    recorder.close()
    recorder.heard('{"number":2}')
    recorder.close()

    assert events(ended(recorder)) == [{"number": 1}]


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """A second recording of a name gets a number; so does one whose audio has a stranger's place."""
    first, second = ended(begun(tmp_path)), ended(begun(tmp_path))
    (tmp_path / "sess_1-3.audio").write_bytes(b"")
    third = ended(begun(tmp_path))

    assert [r.path.name for r in (first, second, third)] == ["sess_1.jsonl", "sess_1-2.jsonl", "sess_1-4.jsonl"]
    assert not (tmp_path / "sess_1-3.jsonl").exists()


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/passwd", "..", ".hidden", "a/b", "a\0b", "", "x" * 500, "ä"]
)
def test_a_name_stays_in_the_folder(tmp_path: Path, name: str) -> None:
    """Names come from elsewhere, and none leads out or hides."""
    recording = ended(Recorder.open(tmp_path, name, ABOUT))

    assert recording.path.parent == tmp_path
    assert not recording.path.name.startswith(".")
    assert len(safe_name(name)) <= 100


def test_only_the_operator_may_read(tmp_path: Path) -> None:
    """Files are 0600 and a folder that we make is 0700, whatever the umask."""
    recorder = Recorder.open(tmp_path / "new" / "folder", "x", ABOUT)
    ended(recorder)

    assert stat.S_IMODE(recorder.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(audio_path(recorder.path).stat().st_mode) == 0o600
    assert stat.S_IMODE(recorder.path.parent.stat().st_mode) == 0o700


def test_a_link_in_the_way_is_not_followed(tmp_path: Path) -> None:
    """Who may write to the folder cannot have us write elsewhere."""
    (tmp_path / "sess_1.jsonl").symlink_to(tmp_path / "elsewhere")
    recorder = begun(tmp_path)
    ended(recorder)

    assert recorder.path.name == "sess_1-2.jsonl"
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_that_cannot_be_is_told(tmp_path: Path) -> None:
    """`open` raises OSError, before anything was promised."""
    (tmp_path / "file").write_text("")

    with pytest.raises(OSError, match="file"):
        begun(tmp_path / "file")


# Reading


def written(path: Path, *lines: str, audio: bytes = b"") -> Path:
    head = '{"recording":1,"about":{"kind":"session","session_id":"sess_1"}}\n'
    path.write_text(head + "".join(lines))
    audio_path(path).write_bytes(audio)
    return path


def test_a_cut_last_line_is_left_out(tmp_path: Path) -> None:
    """A process that was killed leaves a recording that can be used, and says so."""
    path = written(tmp_path / "x.jsonl", '{"at":0,"way":"client","event":{}}\n', '{"at":1,"way":"cli')

    recording = load(path)

    assert recording.is_cut
    assert [line.number for line in recording.lines] == [2]


def test_every_cut_of_a_recording_can_be_read(tmp_path: Path) -> None:
    """Wherever the lines end, as long as the first is whole."""
    recorder = begun(tmp_path)
    for number in range(3):
        recorder.heard(json.dumps({"number": number, "audio": base64(b"\1\2")}))
    whole = ended(recorder)
    data = recorder.path.read_bytes()
    head = data.index(b"\n") + 1
    for end in range(head, len(data)):
        recorder.path.write_bytes(data[:end])
        cut = load(recorder.path)

        assert events(cut) == events(whole)[: data[head:end].count(b"\n")]
        assert cut.is_cut == (not data[:end].endswith(b"\n"))


@pytest.mark.parametrize("keep", [0, 1, None])
def test_missing_audio_is_told(tmp_path: Path, keep: int | None) -> None:
    """Lines without their sound can still be read: who passes on a recording may keep the voices back."""
    recorder = begun(tmp_path)
    recorder.heard(json.dumps({"audio": base64(b"\1\2")}))
    ended(recorder)
    if keep is None:
        audio_path(recorder.path).unlink()
    else:
        audio_path(recorder.path).write_bytes(b"\1"[:keep])

    recording = load(recorder.path)

    assert recording.lacks_audio
    assert events(recording) == [{"audio": ""}]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("nonsense\n", "line 2: it cannot be read"),
        ("\n", "line 2: it cannot be read"),
        ("[]\n", "line 2: it cannot be read"),
        ('{"way":"client","event":{}}\n', "line 2: it cannot be read: .*at"),
        ('{"at":0,"way":"sideways","event":{}}\n', "line 2: it cannot be read"),
        ('{"at":0,"way":"client","event":[]}\n', "line 2: it cannot be read"),
        ('{"at":0,"way":"client"}\n', "line 2: it holds no event"),
        ('{"at":0,"way":"client","event":{"a":""},"sounds":[[["a"],-1,5]]}\n', "line 2: its audio lies nowhere"),
        ('{"at":0,"way":"client","event":{"a":""},"sounds":[[["a"],0,-5]]}\n', "line 2: its audio lies nowhere"),
        ("[" * 100_000 + "\n", "line 2: it cannot be read"),
    ],
)
def test_a_damaged_line_is_named(tmp_path: Path, line: str, why: str) -> None:
    """By its number, with the reason."""
    with pytest.raises(BadRecording, match=why) as caught:
        load(written(tmp_path / "x.jsonl", line))
    assert caught.value.line == 2


@pytest.mark.parametrize("place", ['["b"]', "[]", '["a","b"]', '["a",0]', "[0]", '["l",5]', '["l","x"]'])
def test_audio_without_a_place_is_named(tmp_path: Path, place: str) -> None:
    """A line cannot put its audio where there is nothing."""
    line = f'{{"at":0,"way":"client","event":{{"a":5,"l":[1]}},"sounds":[[{place},0,2]]}}\n'
    recording = load(written(tmp_path / "x.jsonl", line, audio=b"\1\2"))

    with pytest.raises(BadRecording, match="line 2: its audio has no place"):
        list(recording.lines)


def test_audio_far_away_costs_nothing(tmp_path: Path) -> None:
    """A size that no file has is missing audio, not memory."""
    line = '{"at":0,"way":"client","event":{"a":"x"},"sounds":[[["a"],0,4611686018427387904]]}\n'
    recording = load(written(tmp_path / "x.jsonl", line, audio=b"\1\2"))

    assert recording.lacks_audio
    assert events(recording) == [{"a": ""}]


@pytest.mark.parametrize("text", ["", "nonsense", "{}\n", '{"type":"session.update"}\n', "\0" * 100, "[" * 100_000])
def test_another_file_is_no_recording(tmp_path: Path, text: str) -> None:
    """Whatever it holds."""
    path = tmp_path / "x.jsonl"
    path.write_text(text)

    with pytest.raises(BadRecording, match="line 1: this is no recording"):
        load(path)


def test_a_recording_of_another_day_is_refused(tmp_path: Path) -> None:
    """A version that we do not know is told, not guessed at."""
    path = tmp_path / "x.jsonl"
    path.write_text('{"recording":2,"about":{"kind":"session","session_id":"sess_1"}}\n')

    with pytest.raises(BadRecording, match="line 1: it has version 2; only 1 can be read"):
        load(path)


@pytest.mark.parametrize("name", ["missing.jsonl", "."])
def test_no_file_is_told(tmp_path: Path, name: str) -> None:
    """As a bad recording, not as a traceback."""
    with pytest.raises(BadRecording):
        load(tmp_path / name)


def test_a_row_is_small(tmp_path: Path) -> None:
    """What says nothing is not written."""
    recorder = begun(tmp_path, clock=Clock())
    recorder.heard('{"type":"response.create"}')
    ended(recorder)

    line = recorder.path.read_bytes().splitlines()[1]
    assert line == b'{"at":0.0,"way":"client","link":"link_1","event":{"type":"response.create"}}'


def test_an_entry_knows_its_cost() -> None:
    """A note and a frame count what they hold."""
    assert Entry(0, "client", "link_1", b"1234").size - Entry(0, "client", "link_1", b"").size == 4


def test_about_survives_keys_of_another_day() -> None:
    """A newer writer may say more of a recording than we know."""
    known = msgspec.json.encode(ABOUT)
    assert msgspec.json.decode(known[:-1] + b',"new":1}', type=About) == ABOUT
