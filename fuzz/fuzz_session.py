"""Feeds broken frames to live sessions: `python fuzz/fuzz_session.py --seconds 60 [--frames N] [--seed N]`.

The sessions are real, with the runtime and the tone engines, over links without sockets; GA, beta, preview and
transcription take turns. After every `BATCH` frames the session must have taken or refused them all, in order, and
then serve a normal turn: only then do they count. A fault in the log or a session that ends is a failure; it prints the
seed and the frames of the batch.
"""

import argparse
import asyncio
import base64
import json
import logging
import random
import re
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fuzz_codec import Mutation, cut, double, flip, nest, swap

from antiphon.engines.cascade import Cascade
from antiphon.engines.tone import ToneASR, ToneTTS, ToneTurn, ToneVAD
from antiphon.engines.tone_llm import ToneLLM
from antiphon.link import Binary, Frame, Scope, Text
from antiphon.metrics import FanOut
from antiphon.ports import EngineSet
from antiphon.runtime.app import RealtimeApp
from antiphon.runtime.options import RuntimeOptions

BATCH = 50
BATCHES_PER_SESSION = 20
LIMIT_S = 60.0
"""How long a batch and its turn may take."""
REMEMBERED_IDS = 16
MOST_ATTEMPTS = 100
ANSWER = "alive and well."

Event = dict[str, Any]

TONE_PCM = (b"\x00\x20" * 12 + b"\x00\xe0" * 12) * 200
"""200 ms of a square wave."""

MUTATIONS: tuple[Mutation, ...] = (flip, cut, double, nest, *[swap] * 8)

_ID = re.compile(rb'"((?:item|resp|call)_[A-Za-z0-9]{3,})"')


AUDIO = base64.b64encode(TONE_PCM).decode()
QUIET = "AAAA" * 6_400
"""400 ms of silence."""

SHARED: tuple[Event, ...] = (
    {"type": "input_audio_buffer.append", "audio": AUDIO, "event_id": "e1"},
    {"type": "input_audio_buffer.append", "audio": QUIET},
    {"type": "input_audio_buffer.commit"},
    {"type": "input_audio_buffer.clear"},
    {"type": "conversation.item.create", "item": {"type": "function_call_output", "call_id": "ID", "output": "{}"}},
    {
        "type": "conversation.item.create",
        "previous_item_id": "ID",
        "item": {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{}"},
    },
    {"type": "conversation.item.truncate", "item_id": "ID", "content_index": 0, "audio_end_ms": 10},
    {"type": "conversation.item.delete", "item_id": "ID"},
    {"type": "response.cancel", "response_id": "ID"},
    {"type": "response.cancel"},
    {"type": "response.create"},
)


def message(text: str, **keys: Any) -> Event:
    """A message of the caller, with a little silence; an `id` is the item's own."""
    content = [{"type": "input_text", "text": text}, {"type": "input_audio", "audio": QUIET[:3_200]}]
    named = {"id": keys.pop("id")} if "id" in keys else {}
    item = {"type": "message", "role": "user", "content": content, **named}
    return {"type": "conversation.item.create", "item": item, **keys}


MESSAGES = (
    message("say héllo.", previous_item_id="root"),
    message('call f {"a": 1} call g'),
    message("count to 5", previous_item_id="ID"),
    message("filter after 2"),
    message("fail after 1"),
    message("slow one two"),
    message("say twice.", id="ID"),
)

FUNCTION = {"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}}

GA_SESSION = {
    "type": "realtime",
    "instructions": "Be brief.",
    "output_modalities": ["audio"],
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24000},
            "transcription": {"model": "whisper-1", "language": "en"},
            "noise_reduction": {"type": "near_field"},
            "turn_detection": {"type": "server_vad", "threshold": 0.5, "idle_timeout_ms": 5000},
        },
        "output": {"format": {"type": "audio/pcmu"}, "voice": "alloy", "speed": 1.5},
    },
    "tools": [FUNCTION],
    "tool_choice": {"type": "function", "name": "f"},
    "max_output_tokens": 40,
    "truncation": {"type": "retention_ratio", "retention_ratio": 0.5},
    "include": ["item.input_audio_transcription.logprobs"],
    "reasoning": {"effort": "low"},
    "parallel_tool_calls": True,
}
GA_RESPONSE = {
    "conversation": "none",
    "input": [{"type": "item_reference", "id": "ID"}, MESSAGES[0]["item"]],
    "metadata": {"a": "b"},
    "output_modalities": ["text"],
    "audio": {"output": {"format": {"type": "audio/pcma"}, "voice": "alloy"}},
    "tools": [FUNCTION],
    "tool_choice": "required",
    "max_output_tokens": 7,
}
BETA_SESSION = {
    "modalities": ["text", "audio"],
    "instructions": "Be brief.",
    "voice": "alloy",
    "input_audio_format": "pcm16",
    "output_audio_format": "g711_ulaw",
    "input_audio_transcription": {"model": "whisper-1"},
    "turn_detection": {"type": "server_vad", "threshold": 0.5, "create_response": True},
    "tools": [FUNCTION],
    "tool_choice": "auto",
    "temperature": 0.8,
    "max_response_output_tokens": "inf",
}
BETA_RESPONSE = {
    "modalities": ["text"],
    "conversation": "none",
    "metadata": {"a": "b"},
    "temperature": 0.9,
    "max_response_output_tokens": 9,
    "input": [MESSAGES[0]["item"]],
}
PREVIEW_RESPONSE = {
    "commit": False,
    "cancel_previous": True,
    "append_input_items": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "say a."}]}],
    "modalities": ["text"],
}
TRANSCRIPTION_SESSION = {
    "type": "transcription",
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24000},
            "transcription": {"model": "gpt-4o-transcribe", "prompt": "p"},
            "turn_detection": {"type": "semantic_vad", "eagerness": "high"},
        }
    },
    "include": ["item.input_audio_transcription.logprobs"],
}

LIVE_SESSION = {"type": "transcription", "audio": {"input": {"transcription": {"model": "gpt-live-transcribe"}}}}
PLAIN_TRANSCRIPTION = {
    "type": "transcription",
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24000},
            "transcription": {"model": "whisper-1"},
            "turn_detection": None,
        }
    },
}


def update(session: Event) -> Event:
    """An update of the session."""
    return {"type": "session.update", "session": session}


RETRIEVE = {"type": "conversation.item.retrieve", "item_id": "ID"}
GA_SEEDS = (*SHARED, *MESSAGES, update(GA_SESSION), RETRIEVE, {"type": "response.create", "response": GA_RESPONSE})
BETA_SEEDS = (
    *SHARED,
    *MESSAGES,
    update(BETA_SESSION),
    RETRIEVE,
    {"type": "response.create", "response": BETA_RESPONSE},
)
PREVIEW_SEEDS = (*SHARED, *MESSAGES, update(BETA_SESSION), {"type": "response.create", "response": PREVIEW_RESPONSE})
TRANSCRIPTION_SEEDS = (*SHARED, *MESSAGES, update(TRANSCRIPTION_SESSION), update(LIVE_SESSION), RETRIEVE)

ASK = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": f"say {ANSWER}"}]}
GA_TURN = {"output_modalities": ["text"], "tool_choice": "none", "max_output_tokens": "inf", "input": [ASK]}
BETA_TURN = {"modalities": ["text"], "tool_choice": "none", "max_response_output_tokens": "inf", "input": [ASK]}
PREVIEW_TURN = {"modalities": ["text"], "tool_choice": "none", "max_output_tokens": "inf", "input_items": [ASK]}

KINDS: tuple[tuple[Scope, tuple[Event, ...], tuple[Event, ...]], ...] = (
    (Scope("websocket", model="tone"), GA_SEEDS, (GA_TURN,)),
    (Scope("websocket", dialect="beta", model="tone"), BETA_SEEDS, (BETA_TURN,)),
    (Scope("websocket", dialect="preview", model="tone"), PREVIEW_SEEDS, (PREVIEW_TURN, GA_TURN)),
    (Scope("websocket", intent="transcription"), TRANSCRIPTION_SEEDS, ()),
)
"""The connections, the frames that are broken for them, and the response that must be served after each batch.
A link of Azure's may have become one of GA meanwhile, by an update that says so."""


class Failure(Exception):
    """A session that did not do as it must."""


class MemoryLink:
    """A link whose peer is the fuzzer."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.ids: list[str] = ["item_1"]
        self.answers = 0
        self.closed: tuple[int, str] | None = None
        self._frames: asyncio.Queue[Frame | None] = asyncio.Queue()
        self._wanted: tuple[bytes, ...] = ()
        self._seen: asyncio.Future[bytes] | None = None

    def frame(self, frame: Frame | None) -> None:
        """Send a frame; None goes away."""
        self._frames.put_nowait(frame)

    async def tell(self, event: Event, *wanted: str) -> bytes:
        """Send an event and wait for one that has any of these words in it."""
        self._wanted = tuple(word.encode() for word in wanted)
        self._seen = asyncio.get_running_loop().create_future()
        self.frame(Text(json.dumps(event)))
        async with asyncio.timeout(LIMIT_S):
            return await self._seen

    async def receive(self) -> Frame | None:
        """The next frame of the fuzzer."""
        return await self._frames.get()

    async def send(self, data: bytes) -> None:
        """Look at what comes back."""
        self.answers += 1
        if len(data) < 2_000:
            self.ids += (found.decode() for found in _ID.findall(data))
            del self.ids[:-REMEMBERED_IDS]
        if self._seen is not None and not self._seen.done() and any(word in data for word in self._wanted):
            self._seen.set_result(data)

    async def close(self, code: int, reason: str) -> None:
        """The session has ended; the fuzzer did not ask for it."""
        self.closed = self.closed or (code, reason)
        if self._seen is not None and not self._seen.done():
            self._seen.set_exception(Failure(f"closed with {code} {reason}"))
        self.frame(None)


class Faults(logging.Handler):
    """Every record of a fault; there may be none."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[str] = []

    def check(self) -> None:
        """Raise `Failure` if there was any."""
        if self.records:
            raise Failure(self.records[0])

    def emit(self, record: logging.LogRecord) -> None:
        """Note it."""
        self.records.append(self.format(record))


def broken(dice: random.Random, seed: Event, ids: list[str]) -> Frame:
    """A frame: mostly one that is wrong somewhere."""
    frame = json.dumps(seed).encode()
    while b'"ID"' in frame:
        frame = frame.replace(b'"ID"', json.dumps(dice.choice(ids)).encode(), 1)
    for _ in range(dice.choice((0, 1, 1, 1, 2, 3))):
        try:
            frame = dice.choice(MUTATIONS)(dice, frame) or b"{}"
        except (ValueError, RecursionError, IndexError):  # the frame is no JSON any more
            frame = flip(dice, frame)
    if dice.random() < 0.01:
        return Binary(len(frame))
    return Text(frame.decode(errors="replace"))


class Fuzzer:
    """Sessions, one after the other, until enough frames have counted."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)  # noqa: S311 -- to be repeated, not to be secret
        self.faults = Faults()
        self.frames = 0
        self.answers = 0
        self.sessions = 0
        self._turn = 0
        self._takes_duplicates = seed % 2 == 1

    async def run(self, frames: int, seconds: float) -> None:
        """Go on until the frames have counted or the time is over."""
        end = time.monotonic() + seconds
        async with serving(takes_duplicates=self._takes_duplicates) as app:
            while self.frames < frames and time.monotonic() < end:
                scope, seeds, turns = KINDS[self.sessions % len(KINDS)]
                link = MemoryLink(scope)
                async with asyncio.TaskGroup() as tasks:
                    served = tasks.create_task(app(link))
                    for _ in range(BATCHES_PER_SESSION):
                        if self.frames >= frames or time.monotonic() > end:
                            break
                        await self._batch(link, seeds, turns)
                    link.frame(None)
                    await served
                self.sessions += 1
                self.answers += link.answers
                if app.sessions:
                    raise Failure("a session is left")

    async def _batch(self, link: MemoryLink, seeds: tuple[Event, ...], turns: tuple[Event, ...]) -> None:
        frames = [broken(self.dice, self.dice.choice(seeds), link.ids) for _ in range(BATCH)]
        try:
            for frame in frames:
                link.frame(frame)
            await self._serves(link, turns)
            self.faults.check()
        except (Failure, TimeoutError) as failure:
            shown = "\n".join(repr(frame)[:600] for frame in frames)
            print(f"{link.scope}\n{shown}\n{type(failure).__name__}: {failure}", file=sys.stderr)
            raise
        self.frames += len(frames)

    async def _serves(self, link: MemoryLink, turns: tuple[Event, ...]) -> None:
        """All frames have been taken, and then a normal turn is served."""
        self._turn += 1
        name = f"fuzz_{self._turn}"
        await link.tell({"type": "conversation.item.delete", "item_id": name, "event_id": name}, f'"{name}"')
        if not turns:
            await link.tell(update(PLAIN_TRANSCRIPTION), "session.updated")
            await link.tell({"type": "input_audio_buffer.clear"}, "input_audio_buffer.cleared")
            link.frame(Text(json.dumps({"type": "input_audio_buffer.append", "audio": AUDIO})))
            await link.tell({"type": "input_audio_buffer.commit"}, "input_audio_transcription.completed")
            return
        told = b""
        for attempt in range(MOST_ATTEMPTS):
            asked = f"{name}_{attempt}"
            link.frame(Text('{"type": "response.cancel"}'))
            event = {"type": "response.create", "response": turns[attempt % len(turns)], "event_id": asked}
            told = await link.tell(event, ANSWER, f'"{asked}"')
            if ANSWER.encode() in told:
                return
        raise Failure(f"no turn was served in {MOST_ATTEMPTS} attempts: {told!r}")


@asynccontextmanager
async def serving(*, takes_duplicates: bool) -> AsyncIterator[RealtimeApp]:
    """The app over the tone engines; its other options are the default ones."""
    engines = EngineSet(vad=ToneVAD(), asr=ToneASR(), responder=Cascade(ToneLLM(), ToneTTS()), turn=ToneTurn())
    app = RealtimeApp(
        engines=lambda _: engines, meter=FanOut([]), options=RuntimeOptions(takes_duplicates=takes_duplicates)
    )
    await app.start()
    try:
        yield app
    finally:
        await app.stop(0)


def main() -> None:
    """Run, and tell how many frames counted."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=60.0)
    options.add_argument("--frames", type=int, default=sys.maxsize)
    options.add_argument("--seed", type=int, default=None)
    given = options.parse_args()
    seed = given.seed if given.seed is not None else random.SystemRandom().randrange(2**32)
    fuzzer = Fuzzer(seed)
    logging.getLogger("antiphon").addHandler(fuzzer.faults)
    logging.getLogger("asyncio").addHandler(fuzzer.faults)
    start = time.monotonic()
    try:
        asyncio.run(fuzzer.run(given.frames, given.seconds))
    except BaseException:
        print(f"fuzz_session: seed {seed}, after {fuzzer.frames} frames", file=sys.stderr)
        raise
    rate = fuzzer.frames / (time.monotonic() - start)
    print(
        f"fuzz_session: {fuzzer.frames} frames, {fuzzer.sessions} sessions, {fuzzer.answers} events came back, "
        f"{rate:.0f} frames/s, no fault (seed {seed})"
    )


if __name__ == "__main__":
    main()
