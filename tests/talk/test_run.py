"""A run against a server that follows a script."""

import asyncio
import io
import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from scripted_server import Scene, created, error, say, scripted
from server_traces import Trace, answer_begun, answer_ended, barge_in, spoken_turn, transcribed
from websockets.asyncio.server import ServerConnection

from antiphon.audio import wav
from antiphon.audio.pcm import from_float, ms_of, samples_in, silence
from antiphon.client import session
from antiphon.talk import TalkOptions, run, talk

DONE = {"status": "failed", "details": {"type": "failed", "error": {"type": "server_error", "message": "No voice."}}}


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Tests need no second of silence, and write where nobody minds."""
    monkeypatch.setattr(run, "TAIL_MS", 20)
    monkeypatch.setattr(run, "NO_SPEECH_MS", 60)
    monkeypatch.setattr(run, "CLOSE_TIMEOUT_S", 0.2)
    monkeypatch.setattr(session, "UPDATED_TIMEOUT_S", 0.2)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def question(tmp_path: Path) -> Path:
    """200 ms of sound and 100 ms of silence."""
    path = tmp_path / "question.wav"
    wav.write(path, tone(200) + silence(100))
    return path


def tone(ms: int) -> bytes:
    """A steady sound."""
    return from_float(np.full(samples_in(ms), 0.5, np.float32))


def heard(script: Any, **options: Any) -> tuple[int, str]:
    """The exit code of a run, and what it printed."""
    shown = io.StringIO()
    console = Console(file=shown, width=100, force_terminal=False)

    async def both() -> int:
        async with scripted(script) as url:
            fields: dict[str, Any] = {"url": url, "silence_ms": 20} | options
            return await talk(TalkOptions(**fields), console)

    return asyncio.run(both(), debug=True), shown.getvalue()


def reports(script: Any, **options: Any) -> tuple[int, list[dict[str, Any]]]:
    """The exit code of a run with `--json`, and its objects."""
    code, text = heard(script, json=True, **options)
    return code, [json.loads(line) for line in text.splitlines()]


def whole_turn(**ending: Any) -> dict[int, Trace]:
    """The lines of a server that hears 200 ms of speech and answers with 400 ms."""
    started, *stopped = spoken_turn(start_ms=0)
    return {100: [started], 280: [*stopped, *transcribed(), *answer_begun(), *answer_ended(**ending)]}


def test_a_turn_is_shown(question: Path) -> None:
    """Words, the waterfall from the end of speech, and where the answer was saved."""
    code, text = heard(Scene(whole_turn()).play, wav=question)

    assert code == 0
    for part in ("turn 1", "you    Hello there.", "answer Good morning.", "end of speech", "0 ms", "speech_stopped"):
        assert part in text
    assert "0.4 s of sound" in text
    assert text.rstrip().endswith("saved question.answer.wav (0.4 s)")
    assert ms_of(wav.read("question.answer.wav")) == 400


def test_a_turn_as_json(question: Path) -> None:
    """The same for programs; times count from the last loud frame, which was at 200 ms of 280."""
    code, (report,) = reports(Scene(whole_turn()).play, wav=question)

    assert code == 0
    times = report.pop("ms")
    assert report == {
        "turn": 1,
        "you": "Hello there.",
        "answer": "Good morning.",
        "status": "completed",
        "reason": "",
        "error": "",
        "audio_ms": 400,
        "heard_ms": None,
        "item_id": "item_1",
        "response_id": "resp_1",
        "usage": report["usage"],
    }
    assert list(times) == ["speech_stopped", "transcript", "first_token", "first_audio", "done"]
    assert min(times.values()) >= 75


def test_what_is_asked_of_the_server(question: Path) -> None:
    """The session says how the caller is heard and who writes it down; sound then comes in real time."""
    scene = Scene(whole_turn())
    reports(scene.play, wav=question, voice="marin", instructions="Be brief.")

    (update,) = scene.received
    del update["event_id"]
    assert scene.received == [
        {
            "type": "session.update",
            "session": {
                "type": "realtime",
                "instructions": "Be brief.",
                "audio": {
                    "input": {
                        "format": {"type": "audio/pcm", "rate": 24000},
                        "transcription": {"model": "gpt-4o-mini-transcribe"},
                        "turn_detection": {"type": "server_vad", "silence_duration_ms": 20},
                    },
                    "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "marin"},
                },
            },
        }
    ]
    assert 300 <= scene.heard_ms < 1_000


def test_the_caller_cuts_in(question: Path) -> None:
    """The server is told what was heard by then, only that much is saved, and each turn has its own figures."""
    started, *stopped = spoken_turn(start_ms=0)
    interruption, *rest = barge_in()
    wav.write(question, tone(100) + silence(60) + tone(100) + silence(60))
    scene = Scene(
        {
            80: [started],
            120: [*stopped, *transcribed(), *answer_begun()],
            220: [interruption],
            300: [
                *rest,
                *transcribed("item_3"),
                *answer_begun("resp_2", "item_4", "item_3"),
                *answer_ended("resp_2", "item_4", "item_3"),
            ],
        }
    )
    code, (first, second) = reports(scene.play, wav=question)

    (cut,) = [event for event in scene.received if event["type"] == "conversation.item.truncate"]
    assert (cut["item_id"], cut["content_index"]) == ("item_2", 0)
    assert 40 <= cut["audio_end_ms"] <= 250
    assert (code, first["status"], first["reason"]) == (0, "cancelled", "turn_detected")
    assert (first["audio_ms"], first["heard_ms"]) == (400, 250)
    assert (second["status"], second["heard_ms"], second["item_id"]) == ("completed", None, "item_3")
    assert ms_of(wav.read("question.answer.wav")) <= 250 + 400


def test_a_response_that_fails(question: Path) -> None:
    """The reason is in its turn, and the exit code says so."""
    code, text = heard(Scene(whole_turn(**DONE)).play, wav=question)

    assert code == 1
    assert "failed: No voice." in text


def test_without_turn_detection_the_recording_is_one_turn(question: Path) -> None:
    """It is committed and an answer is asked for, once; no silence is sent after it."""

    class Manual(Scene):
        async def answer(self, socket: ServerConnection, event: dict[str, Any]) -> None:
            await super().answer(socket, event)
            if event["type"] == "response.create":
                await say(socket, *spoken_turn()[2:], *transcribed(), *answer_begun(), *answer_ended())

    scene = Manual({})
    code, (report,) = reports(scene.play, wav=question, vad="none")

    kinds = [event["type"] for event in scene.received]
    assert (code, kinds) == (0, ["session.update", "input_audio_buffer.commit", "response.create"])
    assert scene.received[0]["session"]["audio"]["input"]["turn_detection"] is None
    assert scene.heard_ms == 300
    assert "speech_stopped" not in report["ms"]
    assert report["ms"]["transcript"] >= 95


def test_semantic_vad_and_no_transcription(question: Path) -> None:
    """Both can be chosen; words that nobody wrote down are said to be missing, not waited for."""
    started, *stopped = spoken_turn(start_ms=0)
    scene = Scene({100: [started], 280: [*stopped, *answer_begun(), *answer_ended()]})
    code, text = heard(scene.play, wav=question, vad="semantic_vad", transcription_model=None)

    heard_as = scene.received[0]["session"]["audio"]["input"]
    assert (code, heard_as["turn_detection"], heard_as["transcription"]) == (0, {"type": "semantic_vad"}, None)
    assert "(not transcribed)" in text


@pytest.mark.parametrize(
    ("opening", "code", "message", "hint"),
    [
        (
            [error("Incorrect API key provided: sk-…", "invalid_api_key")],
            3000,
            "The server said: Incorrect API key provided: sk-…",
            "give the server's key with --api-key or in OPENAI_API_KEY",
        ),
        ([error('Model "x" is not supported.')], 4000, 'The server said: Model "x" is not supported.', None),
        ([error("No.")], 1000, "The server said: No.", None),
        ([], 1000, "The server closed the connection before the session was open.", None),
        ([], 1013, "The server closed the connection: 1013.", None),
        ([created()], 1000, "The server closed the connection before the session was open.", None),
    ],
)
def test_a_server_that_refuses(
    question: Path, opening: list[dict[str, Any]], code: int, message: str, hint: str | None
) -> None:
    """One line with the server's own words, and a hint where there is one."""

    async def script(socket: ServerConnection) -> None:
        await say(socket, *opening)
        await socket.close(code)

    assert reports(script, wav=question) == (1, [{"error": message, "hint": hint}])


def test_nobody_is_there(question: Path) -> None:
    """A server that is not running: two lines, no traceback."""
    code, text = heard(Scene({}).play, wav=question, url="ws://127.0.0.1:9/v1")

    assert code == 1
    assert text == (
        "Nobody answers at ws://127.0.0.1:9/v1/realtime: the connection was refused.\nhint: is the server running?\n"
    )


def test_an_error_in_the_middle(question: Path) -> None:
    """It ends the run, since nothing good can follow."""
    code, text = heard(Scene({100: [error("Out of tokens.")]}).play, wav=question)

    assert (code, text) == (1, "The server said: Out of tokens.\n")


def test_harmless_errors_are_passed_over(question: Path) -> None:
    """Two events that cross on the wire are nobody's fault."""
    lines = whole_turn()
    lines[120] = [error("Cancellation failed", "response_cancel_not_active")]

    assert reports(Scene(lines).play, wav=question)[0] == 0


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (1000, "The server closed the connection before the answer was done."),
        (1011, "The server closed the connection: 1011 oh."),
    ],
)
def test_a_server_that_hangs_up(question: Path, code: int, message: str) -> None:
    """In the middle of the question, with and without a reason."""

    class Leaving(Scene):
        async def play(self, socket: ServerConnection) -> None:
            await say(socket, created())
            await socket.recv()
            await say(socket, {"type": "session.updated", "session": created()["session"]})
            await socket.recv()
            await socket.close(code, "oh" if code == 1011 else "")

    assert reports(Leaving({}).play, wav=question) == (1, [{"error": message, "hint": None}])


def test_a_server_that_hangs_up_after_the_answer(question: Path) -> None:
    """What was to be had is had."""

    class Leaving(Scene):
        async def play(self, socket: ServerConnection) -> None:
            await say(socket, created())
            async for frame in socket:
                if json.loads(frame)["type"] == "input_audio_buffer.append":
                    self.heard_ms += 20
                if self.heard_ms == 300:
                    await say(socket, *spoken_turn(), *transcribed(), *answer_begun(), *answer_ended())
                    await socket.close()

    code, (report,) = reports(Leaving({}).play, wav=question, silence_ms=5_000)

    assert (code, report["answer"]) == (0, "Good morning.")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ({}, "The server heard no speech in {wav}."),
        ({100: spoken_turn()[:1]}, "Nothing came for 1 s; still waiting for the end of speech."),
        ({100: spoken_turn()}, "Nothing came for 1 s; still waiting for an answer."),
        ({100: [*spoken_turn(), *answer_begun()]}, "Nothing came for 1 s; still waiting for the end of the answer."),
    ],
)
def test_an_answer_that_does_not_come(question: Path, lines: dict[int, Trace], message: str) -> None:
    """Waiting has an end, and says for what it waited; what did come is shown before."""
    code, shown = reports(Scene(lines).play, wav=question, timeout_s=1.0)

    assert (code, shown[-1]["error"]) == (1, message.format(wav=question))


def test_a_transcript_that_does_not_come(question: Path) -> None:
    """It is no failure: the answer is there."""
    started, *stopped = spoken_turn(start_ms=0)
    lines = {100: [started], 280: [*stopped, *answer_begun(), *answer_ended()]}
    code, text = heard(Scene(lines).play, wav=question, timeout_s=0.2)

    assert code == 0
    assert "the server sent no transcript of what was said" in text
    assert "answer Good morning." in text


def test_a_server_that_never_opens_a_session(question: Path) -> None:
    """Silence from the start is told as such."""
    code, text = heard(Scene({}, opening=[]).play, wav=question, timeout_s=0.1)

    assert (code, text) == (1, "The server opened no session within 0.1 s.\n")


def test_a_server_that_never_says_updated(question: Path) -> None:
    """Some do not; the question is asked all the same."""

    class Mute(Scene):
        async def answer(self, socket: ServerConnection, event: dict[str, Any]) -> None:
            pass

    assert reports(Mute(whole_turn()).play, wav=question)[0] == 0


def test_ctrl_c(question: Path) -> None:
    """The run ends at once; what there is is shown, and the code is the shell's."""

    class Interrupting(Scene):
        async def play(self, socket: ServerConnection) -> None:
            await say(socket, created())
            async for frame in socket:
                if json.loads(frame)["type"] == "session.update":
                    await say(socket, {"type": "session.updated", "session": created()["session"]})
                elif not self.heard_ms:
                    self.heard_ms = 20
                    await say(socket, *spoken_turn(), *transcribed())
                    os.kill(os.getpid(), signal.SIGINT)

    code, (report,) = reports(Interrupting({}).play, wav=question)

    assert (code, report["you"], report["status"]) == (130, "Hello there.", "unanswered")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"MP3", "cannot be read: This is no WAV file: it does not begin with RIFF and WAVE."),
        (b"", "cannot be read: This is no WAV file: it does not begin with RIFF and WAVE."),
    ],
)
def test_a_file_that_is_no_wav(tmp_path: Path, content: bytes | None, message: str) -> None:
    """Nothing is connected to."""
    path = tmp_path / "no.wav"
    if content is not None:
        path.write_bytes(content)

    assert heard(Scene({}).play, wav=path) == (1, f"{path} {message}\n")


def test_an_empty_wav(tmp_path: Path) -> None:
    """Nothing to say."""
    path = tmp_path / "empty.wav"
    wav.write(path, b"")

    assert heard(Scene({}).play, wav=path) == (1, f"{path} is empty.\n")


def test_an_answer_that_cannot_be_saved(question: Path, tmp_path: Path) -> None:
    """The turn is shown; then the reason."""
    where = tmp_path / "no" / "folder.wav"
    code, shown = reports(Scene(whole_turn()).play, wav=question, out=where)

    assert (code, shown[-1]["error"]) == (1, f"{where} cannot be written: No such file or directory.")
    assert shown[0]["answer"] == "Good morning."


def test_the_microphone_needs_turn_detection() -> None:
    """Nobody could tell when the caller is done."""
    code, text = heard(Scene({}).play, vad="none")

    assert (code, text) == (
        1,
        "Without turn detection nobody knows when you are done.\nhint: leave --vad as it is\n",
    )
