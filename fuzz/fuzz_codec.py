"""Feeds broken frames to the codec: `python fuzz/fuzz_codec.py --seconds 60 [--seed N]`.

Whatever comes in, `decode_client` gives an event or an error, never an exception; an error can be sent; an event
survives the way out and back; `decode_server` takes anything. A failure prints the seed and the frame.
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Callable
from typing import Any

from antiphon.protocol.codec import decode_client, decode_server, encode, encode_client
from antiphon.protocol.errors import ErrorDetail
from antiphon.protocol.server_events import Error

SEEDS: tuple[dict[str, Any], ...] = (
    {
        "type": "session.update",
        "session": {
            "type": "realtime",
            "instructions": "Be brief.",
            "output_modalities": ["audio"],
            "audio": {
                "input": {"format": {"type": "audio/pcm", "rate": 24000}, "turn_detection": {"type": "server_vad"}},
                "output": {"voice": "alloy", "speed": 1.5},
            },
            "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}}],
            "tool_choice": {"type": "function", "name": "f"},
            "max_output_tokens": "inf",
        },
    },
    {"type": "input_audio_buffer.append", "audio": "AAAA", "event_id": "e1"},
    {"type": "input_audio_buffer.commit"},
    {"type": "input_audio_buffer.clear"},
    {
        "type": "conversation.item.create",
        "previous_item_id": "root",
        "item": {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "héllo"}, {"type": "input_audio", "audio": "AAAA"}],
        },
    },
    {
        "type": "conversation.item.create",
        "item": {"type": "function_call_output", "call_id": "call_1", "output": "{}"},
    },
    {"type": "conversation.item.truncate", "item_id": "item_1", "content_index": 0, "audio_end_ms": 10},
    {"type": "conversation.item.delete", "item_id": "item_1"},
    {"type": "conversation.item.retrieve", "item_id": "item_1"},
    {
        "type": "response.create",
        "response": {"conversation": "none", "input": [], "metadata": {"a": "b"}, "output_modalities": ["text"]},
    },
    {"type": "response.cancel", "response_id": "resp_1"},
)

ODD_VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 1e308, 2**64, -(2**63), 0.1),
    *("", "\u0000", "\ud800", "a" * 2000, "null", "inf"),
    *([], {}, [[[[]]]], {"type": "x"}),
)

Mutation = Callable[[random.Random, bytes], bytes]


def flip(dice: random.Random, frame: bytes) -> bytes:
    """Change one byte."""
    place = dice.randrange(len(frame))
    return frame[:place] + bytes([dice.randrange(256)]) + frame[place + 1 :]


def cut(dice: random.Random, frame: bytes) -> bytes:
    """Leave a piece out."""
    start = dice.randrange(len(frame))
    return frame[:start] + frame[start + dice.randrange(1, 20) :]


def double(dice: random.Random, frame: bytes) -> bytes:
    """Say a piece twice."""
    start = dice.randrange(len(frame))
    end = start + dice.randrange(1, 20)
    return frame[:end] + frame[start:]


def swap(dice: random.Random, frame: bytes) -> bytes:
    """Put an odd value or a foreign piece in the place of a value somewhere in the tree."""
    tree = json.loads(frame)
    holders = list(_holders(tree))
    holder = dice.choice(holders)
    key = dice.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
    holder[key] = dice.choice(ODD_VALUES) if dice.random() < 0.7 else dice.choice(SEEDS)
    return json.dumps(tree).encode()


def nest(dice: random.Random, frame: bytes) -> bytes:
    """Bury a frame in brackets."""
    depth = dice.choice((1, 5, 100, 2000))
    return b'{"type": ' + b"[" * depth + frame + b"]" * depth + b"}"


def _holders(tree: Any) -> list[Any]:
    """All objects and lists of a tree that hold something."""
    if not isinstance(tree, (dict, list)) or not tree:
        return []
    children = tree.values() if isinstance(tree, dict) else tree
    return [tree, *(holder for child in children for holder in _holders(child))]


def check(frame: bytes) -> None:
    """What must be true of any frame."""
    told = decode_client(frame)
    if isinstance(told, ErrorDetail):
        assert told.message
        assert told.type
        encode(Error(error=told), "event_1")
    else:
        assert decode_client(encode_client(told)) == told
    decode_server(frame)
    try:
        text = frame.decode()
    except UnicodeDecodeError:
        return
    assert type(decode_client(text)) is type(told)


def main() -> None:
    """Run for the time given, and tell how many frames that were."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=60.0)
    options.add_argument("--seed", type=int, default=None)
    given = options.parse_args()
    seed = given.seed if given.seed is not None else random.SystemRandom().randrange(2**32)
    dice = random.Random(seed)  # noqa: S311 -- to be repeated, not to be secret
    end = time.monotonic() + given.seconds
    mutations: tuple[Mutation, ...] = (flip, cut, double, swap, swap, swap, nest)
    count = 0
    while time.monotonic() < end:
        frame = json.dumps(dice.choice(SEEDS)).encode()
        for _ in range(dice.randrange(1, 4)):
            try:
                frame = dice.choice(mutations)(dice, frame) or b"{}"
            except (ValueError, RecursionError, IndexError):  # the frame is no JSON any more
                frame = flip(dice, frame)
        try:
            check(frame)
        except Exception:
            print(f"seed {seed}, frame {count}: {frame!r}", file=sys.stderr)
            raise
        count += 1
    print(f"fuzz_codec: {count} frames, no fault (seed {seed})")


if __name__ == "__main__":
    main()
