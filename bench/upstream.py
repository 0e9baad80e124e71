"""The upstream of the relay bench: answers each `response.create` with prepared frames, so that it is never the limit.

`python bench/upstream.py --port 9200`. An answer is 20 audio deltas of 100 ms and 20 transcript deltas, all written at
once, or, where the request's metadata has `gap_ms`, a pair each so many milliseconds, the audio stamped with the time
of sending. Appends bear such stamps too; GET /report tells how long they took, in milliseconds, and forgets.
"""

import argparse
import asyncio
import base64
import json
import re
import time

import uvloop
from frames import Peer, accepted, frame

DELTAS = 20
SOUND = base64.b64encode(bytes(4800 - 12)).decode()
STAMP = re.compile(rb'"(?:audio|delta)" ?: ?"([0-9a-f]{16})')
GAP = re.compile(rb'"gap_ms" ?: ?"(\d+)"')
WHERE = '"response_id":"resp_1","item_id":"item_2","output_index":0,"content_index":0'
RESPONSE = {
    "object": "realtime.response",
    "id": "resp_1",
    "status_details": None,
    "output": [],
    "conversation_id": "conv_1",
    "output_modalities": ["audio"],
    "max_output_tokens": "inf",
    "metadata": None,
}
PCM = {"type": "audio/pcm", "rate": 24000}
SESSION = {
    "type": "realtime",
    "object": "realtime.session",
    "id": "sess_1",
    "model": "gpt-realtime",
    "expires_at": 4102444800,
    "output_modalities": ["audio"],
    "audio": {"input": {"format": PCM, "turn_detection": None}, "output": {"format": PCM, "voice": "alloy"}},
}


def stamp() -> str:
    """Now, in 16 hexadecimal digits, which are base64 too."""
    return f"{time.monotonic_ns():016x}"


def age_ms(payload: bytes) -> float | None:
    """How long ago a payload was stamped."""
    found = STAMP.search(payload, 0, 400)
    return None if found is None else (time.monotonic_ns() - int(found[1], 16)) / 1e6


def _event(kind: str, **fields: object) -> bytes:
    return frame(json.dumps({"type": kind, "event_id": f"event_{kind}", **fields}, separators=(",", ":")).encode())


def _audio() -> bytes:
    kind = "response.output_audio.delta"
    return frame(f'{{"type":"{kind}","event_id":"event_a",{WHERE},"delta":"{stamp()}{SOUND}"}}'.encode())


WORDS = frame(
    f'{{"type":"response.output_audio_transcript.delta","event_id":"event_t",{WHERE},"delta":"some words "}}'.encode()
)
BEGUN = _event("response.created", response={**RESPONSE, "status": "in_progress", "usage": None})
ENDED = _event(
    "response.done",
    response={**RESPONSE, "status": "completed", "usage": {"total_tokens": 9, "input_tokens": 4, "output_tokens": 5}},
)
WHOLE = BEGUN + (WORDS + _audio()) * DELTAS + ENDED
CREATED, UPDATED = _event("session.created", session=SESSION), _event("session.updated", session=SESSION)


class Upstream(Peer):
    """One session."""

    ages_ms: tuple[list[float], ...] = ([],)
    """Of the appends that came, in all sessions."""

    def on_head(self, head: bytes) -> bool:
        """Open a session, or report."""
        if head.startswith(b"GET /report"):
            body = json.dumps(self.ages_ms[0]).encode()
            self.ages_ms[0].clear()
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            self.transport.close()
            return False
        if b"pgrade" not in head:
            self.transport.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            self.transport.close()
            return False
        self.transport.write(accepted(head) + CREATED)
        return True

    def on_text(self, payload: bytes) -> None:
        """Answer what must be answered."""
        if b"input_audio_buffer.append" in payload[:80]:
            age = age_ms(payload)
            if age is not None:
                self.ages_ms[0].append(age)
        elif b"response.create" in payload:
            gap = GAP.search(payload)
            if gap is None:
                self.transport.write(WHOLE)
            else:
                self.transport.write(BEGUN)
                self._go_on(int(gap[1]) / 1000, 0)
        elif b"session.update" in payload:
            self.transport.write(UPDATED)

    def _go_on(self, gap_s: float, number: int) -> None:
        if self.transport.is_closing():
            return
        if number == DELTAS:
            self.transport.write(ENDED)
            return
        self.transport.write(WORDS + _audio())
        asyncio.get_running_loop().call_later(gap_s, self._go_on, gap_s, number + 1)


async def serve(port: int) -> None:
    """Serve until killed."""
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", port)
    await server.serve_forever()


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=9200)
    uvloop.run(serve(parser.parse_args().port))


if __name__ == "__main__":
    main()
