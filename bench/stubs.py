"""OpenAI-compatible engines that do nothing, after a set delay: every server under test waits for the same.

`python bench/stubs.py --port 9100` serves `audio/transcriptions`, `chat/completions` (streamed) and `audio/speech` (raw
24 kHz samples, or WAV). The delays are to the first token and the first audio; tokens and audio then follow quickly.
GET /calls tells when each engine was at work, by the machine's monotonic clock, and forgets. With `--stamped` each
piece of audio begins with the time at which it is sent.
"""

import argparse
import asyncio
import json
import time
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

HEARD = "this is what the caller has said"
ANSWER = "That is a fine idea, and here is a little more of it. Shall we go on?"
RATE_HZ = 24_000
PIECE_S = 0.1
SPOKEN_PER_CHARACTER_S = 0.03
PIECE_BYTES = round(PIECE_S * RATE_HZ) * 2
STAMP = b"\x5a\xa5\x3c\xc3\x5a\xa5\x3c\xc3"
"""Before the nanoseconds, 8 bytes little-endian, at the start of a stamped piece."""
CALLS_KEPT = 10_000
WAV_HEADER = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\1\0\1\0\xc0\x5d\0\0\x80\xbb\0\0\2\0\x10\0data\xff\xff\xff\xff"
"""24 kHz mono, of a length that nobody knows yet."""


class Stubs:
    """Three engines; times in seconds."""

    def __init__(
        self, asr_s: float, llm_s: float, tts_s: float, token_s: float, piece_s: float, *, stamped: bool
    ) -> None:
        self._stamped = stamped
        self._calls: deque[dict[str, Any]] = deque(maxlen=CALLS_KEPT)
        self._asr_s = asr_s
        self._llm_s = llm_s
        self._tts_s = tts_s
        self._token_s = token_s
        self._piece_s = piece_s
        tone = 0.1 * np.sin(2 * np.pi * 220 * np.arange(round(PIECE_S * RATE_HZ)) / RATE_HZ)
        self._piece = bytes((tone * 32_767).astype("<i2").data)

    async def transcribe(self, request: Request) -> Response:
        """Words, whatever was said."""
        await request.body()
        call = self._begun("asr")
        await asyncio.sleep(self._asr_s)
        call["first"] = call["done"] = time.monotonic()
        return JSONResponse({"text": HEARD})

    async def chat(self, request: Request) -> Response:
        """The same answer to everything, a word at a time."""
        model = (await request.json()).get("model", "stub")
        return StreamingResponse(self._tokens(model), media_type="text/event-stream")

    async def _tokens(self, model: str) -> AsyncIterator[bytes]:
        call = self._begun("llm")
        await asyncio.sleep(self._llm_s)
        call["first"] = time.monotonic()
        words = ANSWER.split(" ")
        for number, word in enumerate(words):
            if number:
                await asyncio.sleep(self._token_s)
            yield _chunk(model, {"content": word if not number else f" {word}"}, None)
        call["done"] = time.monotonic()
        yield _chunk(model, {}, "stop")
        yield b"data: [DONE]\n\n"

    async def speak(self, request: Request) -> Response:
        """A hum, as long as the text would be."""
        wish = await request.json()
        pieces = max(1, round(len(wish["input"]) * SPOKEN_PER_CHARACTER_S / PIECE_S))
        is_wav = wish.get("response_format") == "wav"
        return StreamingResponse(
            self._sound(pieces, WAV_HEADER if is_wav else b""), media_type="audio/wav" if is_wav else "audio/pcm"
        )

    async def _sound(self, pieces: int, header: bytes) -> AsyncIterator[bytes]:
        call = self._begun("tts")
        await asyncio.sleep(self._tts_s)
        call["first"] = time.monotonic()
        yield header + self._sent()
        for _ in range(pieces - 1):
            await asyncio.sleep(self._piece_s)
            yield self._sent()
        call["done"] = time.monotonic()

    def _sent(self) -> bytes:
        if not self._stamped:
            return self._piece
        stamp = STAMP + time.monotonic_ns().to_bytes(8, "little")
        return stamp + self._piece[len(stamp) :]

    def _begun(self, engine: str) -> dict[str, Any]:
        call: dict[str, Any] = {"engine": engine, "begun": time.monotonic()}
        self._calls.append(call)
        return call

    async def calls(self, _: Request) -> Response:
        """When the engines were at work; what was cut off has no `done`."""
        told = list(self._calls)
        self._calls.clear()
        return JSONResponse(told)


def _chunk(model: str, delta: dict[str, str], finish: str | None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    tree = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": model, "choices": [choice]}
    return f"data: {json.dumps(tree)}\n\n".encode()


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=9100)
    parser.add_argument("--asr-ms", type=float, default=150)
    parser.add_argument("--llm-ms", type=float, default=150)
    parser.add_argument("--tts-ms", type=float, default=100)
    parser.add_argument("--token-ms", type=float, default=5, help="between two tokens")
    parser.add_argument("--piece-ms", type=float, default=10, help="between two pieces of 100 ms of audio")
    parser.add_argument("--stamped", action="store_true")
    wish = parser.parse_args()
    delays = (wish.asr_ms, wish.llm_ms, wish.tts_ms, wish.token_ms, wish.piece_ms)
    stubs = Stubs(*(ms / 1000 for ms in delays), stamped=wish.stamped)
    routes = [
        Route("/v1/audio/transcriptions", stubs.transcribe, methods=["POST"]),
        Route("/v1/chat/completions", stubs.chat, methods=["POST"]),
        Route("/v1/audio/speech", stubs.speak, methods=["POST"]),
        Route("/calls", stubs.calls),
    ]
    uvicorn.run(Starlette(routes=routes), port=wish.port, log_level="warning")


if __name__ == "__main__":
    main()
