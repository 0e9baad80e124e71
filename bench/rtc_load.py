"""The generator of calls, a process of its own: `python bench/rtc_load.py SCENARIO --url URL --out FILE`.

`talk`: callers that speak for 4 of 10 seconds and hear an answer for 4 others; the server's CPU over them all.
`edges`: one caller that measures when answers end, and when speech silences them.
`echo`: one caller of `rtc_echo.py`, whose app notes when sound reaches it and when it gives sound away.
`loss`: one caller that says clips over a line that loses packets, and hears answers over the same line.
"""

import argparse
import asyncio
import json
import statistics
import time
from pathlib import Path
from typing import Any

import uvloop
from load import Footprint
from rtc_callers import PATIENCE_S, RtcCall, encoded

from antiphon.audio import wav
from antiphon.audio.pcm import BYTES_PER_MS, ms_of

PERIOD_S = 10.0
SPEECH_MS = 4_000
TURN_S = 2.0
"""After its last word, a turn has ended and is being understood."""
ANSWER_CHARACTERS = 100
"""Of the tone voice, at 40 ms each: 4 seconds."""
SPEECH = Path(__file__).parent.parent / "tests" / "speech"
MODEL = "?model=gpt-realtime"
BEEP = (b"\x00\x20" * 12 + b"\x00\xe0" * 12) * 200
"""A fifth of a second of 1 kHz."""

Seen = dict[str, Any]


def clip() -> bytes:
    """Four seconds of speech, without much silence."""
    labels = json.loads((SPEECH / "transcripts.json").read_text())
    speech = b"".join(
        wav.read(SPEECH / name)[: facts["speech_end_ms"] * BYTES_PER_MS] for name, facts in labels.items()
    )
    return speech[: SPEECH_MS * BYTES_PER_MS]


async def opened(url: str, *, answers: bool = False, **wishes: Any) -> RtcCall:
    """A call whose turns are heard, and answered on request only."""
    call = RtcCall(url + MODEL, **wishes)
    await call.dial()
    detection = {"type": "server_vad", "create_response": answers, "silence_duration_ms": 500}
    heard = {"turn_detection": detection, "transcription": {"model": "whisper-1"}}
    call.say("session.update", session={"type": "realtime", "audio": {"input": heard}})
    await call.until("session.updated")
    return call


async def talk(wish: argparse.Namespace) -> Seen:
    """CPU of the server per session and second."""
    packets, footprint = encoded(clip()), Footprint(wish.pid)
    calls = [await opened(wish.url) for _ in range(wish.sessions)]
    answers = 0

    async def one(call: RtcCall, late_s: float) -> None:
        nonlocal answers
        await asyncio.sleep(late_s)
        while True:
            began = time.monotonic()
            call.line.speak(packets)
            await asyncio.sleep(SPEECH_MS / 1000 + 0.8)
            call.ask("say " + "m" * ANSWER_CHARACTERS)
            _, end = await call.until("output_audio_buffer.stopped", "output_audio_buffer.cleared")
            answers += end["type"].endswith("stopped")
            await asyncio.sleep(max(0.0, began + PERIOD_S - time.monotonic()))

    async with asyncio.TaskGroup() as tasks:
        talking = [tasks.create_task(one(call, at * PERIOD_S / wish.sessions)) for at, call in enumerate(calls)]
        await asyncio.sleep(PERIOD_S)
        cpu, own, began, before = footprint.cpu_s(), time.process_time(), time.monotonic(), answers
        await asyncio.sleep(wish.seconds)
        lasted, used, told = time.monotonic() - began, footprint.cpu_s() - cpu, answers - before
        generator = (time.process_time() - own) / lasted
        for task in talking:
            task.cancel()
    for call in calls:
        await call.close()
    return {
        "sessions": wish.sessions,
        "cpu_ms_per_session_second": 1000 * used / (lasted * wish.sessions),
        "sessions_per_core": lasted * wish.sessions / used,
        "answers": told,
        "lasted_s": lasted,
        "generator_cores": generator,
        "rss_mib": footprint.rss() / 2**20,
    }


async def edges(wish: argparse.Namespace) -> Seen:
    """When `stopped` comes after the last sound, and the last sound after `speech_started`."""
    call, packets = await opened(wish.url), encoded(clip())
    ends, silenced = [], []
    for _ in range(wish.turns):
        call.ask("say " + "m" * 25)
        stopped, _ = await call.until("output_audio_buffer.stopped")
        await asyncio.sleep(0.2)
        ends.append(1000 * (stopped - call.sounded[-1] - 0.02))
    for _ in range(wish.turns):
        call.ask("say " + "m" * 250)
        await call.until("output_audio_buffer.started")
        call.line.speak(packets[:50])
        started, _ = await call.until("input_audio_buffer.speech_started")
        await call.until("conversation.item.truncated")
        await asyncio.sleep(0.3)
        silenced.append(1000 * (call.sounded[-1] - started))
        await call.until("input_audio_buffer.committed")
    await call.close()
    return {"stopped_after_last_sound_ms": spread(ends), "silent_after_speech_started_ms": spread(silenced)}


async def echo(wish: argparse.Namespace) -> Seen:
    """From a packet to the core, and from the core to a packet."""
    call, packets = RtcCall(wish.url + MODEL), encoded(BEEP)
    await call.dial()
    into, out = [], []
    for _ in range(wish.turns):
        call.line.speak(packets)
        _, heard = await call.until("heard")
        first = call.line.first_sent or 0.0
        into.append(1000 * (heard["at"] - first))
        call.sounded.clear()
        call.say("sound")
        _, gave = await call.until("gave")
        await asyncio.sleep(0.3)
        out.append(1000 * (call.sounded[0] - gave["at"]))
        await asyncio.sleep(0.5)
    await call.close()
    return {"rtp_in_to_core_ms": spread(into), "delta_to_rtp_out_ms": spread(out)}


async def loss(wish: argparse.Namespace) -> Seen:
    """What was heard of the clips, here and there."""
    labels = json.loads((SPEECH / "transcripts.json").read_text())
    rows = []
    for turn in range(wish.turns):
        call = await opened(wish.url, loss=wish.loss, seed=turn, keeps=True)
        for name, facts in labels.items():
            pcm = wav.read(SPEECH / name)
            call.line.speak(encoded(pcm))
            said = await transcribed(call, ms_of(pcm) / 1000 + TURN_S)
            call.heard.clear()
            call.ask(f"say {facts['text']}.")
            await call.until("output_audio_buffer.stopped")
            rows.append({"text": facts["text"], "server": said, "client": call.heard.hex()})
        await call.close()
    return {"rows": rows}


async def transcribed(call: RtcCall, after_s: float) -> str:
    """What the server understood of all turns until then."""
    await asyncio.sleep(after_s)
    turns, texts = 0, []
    while not call.events.empty() or len(texts) < turns:
        async with asyncio.timeout(PATIENCE_S):
            _, event = await call.events.get()
        turns += event["type"] == "input_audio_buffer.committed"
        texts += [event["transcript"]] if event["type"].endswith("transcription.completed") else []
    return " ".join(texts)


def spread(values: list[float]) -> dict[str, float]:
    """Median, and the worst."""
    return {"median": round(statistics.median(values), 1), "worst": round(max(values), 1)}


def main() -> None:
    """Run one scenario."""
    parser = argparse.ArgumentParser()
    parser.add_argument("scenario", choices=("talk", "edges", "echo", "loss"))
    parser.add_argument("--url", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pid", type=int)
    parser.add_argument("--sessions", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--turns", type=int, default=10)
    parser.add_argument("--loss", type=float, default=0.0)
    wish = parser.parse_args()
    scenario = {"talk": talk, "edges": edges, "echo": echo, "loss": loss}[wish.scenario]
    wish.out.write_text(json.dumps(uvloop.run(scenario(wish))))


if __name__ == "__main__":
    main()
