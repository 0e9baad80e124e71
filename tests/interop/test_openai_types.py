"""Every event of rich sessions is what the official SDK's own types say, strictly: scenes played with the SDK itself.

Nothing may be missing, of another type or unknown, but for the keys in `sdk_types.UNTYPED`.
"""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, cast

import pytest
from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from sdk import play, sine, spoken_turn, ulaw_of, until, write
from sdk_types import MODELS, faults
from starlette.middleware import Middleware
from wire import Tap, Wire

from antiphon.audio.pcm import silence
from antiphon.config import Config, Limits, ModelAlias
from antiphon.testing import TONE, serving

pytestmark = pytest.mark.interop

CONFIG = Config(
    engines=TONE,
    models={"deaf": ModelAlias(asr="tone", options={"asr": {"fails": True}})},
    limits=Limits(tokens_per_minute=1_000_000),
)
PIXEL = "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(32)).decode()
WEATHER = {
    "type": "function",
    "name": "weather",
    "description": "Tell the weather.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
HEARD = {"transcription": {"model": "gpt-4o-mini-transcribe", "language": "en", "prompt": "Names."}}
Line = AsyncRealtimeConnection
Scene = Callable[[Line], Awaitable[None]]


async def configure(line: Line, **session: Any) -> None:
    """Change the session."""
    await line.session.update(session=cast("Any", {"type": "realtime", **session}))
    await until(line, "session.updated")


async def ask(line: Line, text: str, **params: Any) -> Any:
    """Ask in writing; the response as it ends."""
    await write(line, text)
    await line.response.create(response=cast("Any", params))
    return (await until(line))[-1].response


async def add(line: Line, **keys: Any) -> None:
    """Send an item."""
    await line.conversation.item.create(**cast("Any", keys))


async def every_setting(line: Line) -> None:
    """A session with each key set, and set back."""
    audio = {
        "input": {
            "format": {"type": "audio/pcmu"},
            "noise_reduction": {"type": "far_field"},
            "turn_detection": {"type": "semantic_vad", "eagerness": "high", "create_response": False},
            **HEARD,
        },
        "output": {"format": {"type": "audio/pcma"}, "voice": "cedar", "speed": 1.25},
    }
    await configure(
        line,
        audio=audio,
        instructions="Be brief.",
        include=["item.input_audio_transcription.logprobs"],
        max_output_tokens=64,
        tools=[WEATHER],
        tool_choice={"type": "function", "name": "weather"},
        tracing={"workflow_name": "test", "metadata": {"a": 1}},
        truncation={"type": "retention_ratio", "retention_ratio": 0.5, "token_limits": {"post_instructions": 500}},
        reasoning={"effort": "low"},
        parallel_tool_calls=False,
    )
    unset = {"input": {"turn_detection": None, "transcription": None}}
    await configure(line, audio=unset, tools=[], truncation="disabled")


async def spoken(line: Line) -> None:
    """A turn that is heard, written down with its odds, and answered aloud in G.711."""
    odds = ["item.input_audio_transcription.logprobs"]
    await configure(line, include=odds, audio={"input": HEARD, "output": {"format": {"type": "audio/pcmu"}}})
    await play(line, spoken_turn())
    await until(line)
    await configure(line, audio={"input": {"format": {"type": "audio/pcmu"}}})
    await play(line, ulaw_of(spoken_turn(hz=660)), chunk_bytes=800)
    await until(line)


async def spoken_over(line: Line) -> None:
    """An answer that the caller speaks over; cut, fetched and deleted afterwards."""
    await write(line, "slow " + "One. Two. Three. " * 20)
    await line.response.create()
    item_id = (await until(line, "response.output_audio.delta"))[-1].item_id
    await play(line, spoken_turn(hz=880))
    await until(line)
    await until(line)
    await line.conversation.item.truncate(item_id=item_id, content_index=0, audio_end_ms=100)
    await until(line, "conversation.item.truncated")
    await line.conversation.item.retrieve(item_id=item_id)
    await until(line, "conversation.item.retrieved")
    await line.conversation.item.delete(item_id=item_id)
    await until(line, "conversation.item.deleted")


async def by_hand(line: Line) -> None:
    """Cleared, committed, and answered on demand."""
    await configure(line, audio={"input": {"turn_detection": None, **HEARD}})
    await play(line, sine(300))
    await line.input_audio_buffer.clear()
    await play(line, sine(300))
    await line.input_audio_buffer.commit()
    await until(line, "conversation.item.input_audio_transcription.completed")
    await line.response.create()
    await until(line)


async def tools(line: Line) -> None:
    """Two calls at once, their outputs, a call that is cancelled, a call that is demanded."""
    await configure(line, output_modalities=["text"], tools=[WEATHER])
    response = await ask(line, 'call weather {"city": "Paris"} call weather {"city": "Rome"}')
    for call in response.output:
        await add(line, item={"type": "function_call_output", "call_id": call.call_id, "output": "sunny"})
    await line.response.create()
    await until(line)
    await ask(line, "hello", tool_choice="required")


async def written(line: Line) -> None:
    """Items of all kinds at their places, fetched back; answers that end in every way."""
    await configure(line, output_modalities=["text"])
    picture = [{"type": "input_text", "text": "look"}, {"type": "input_image", "image_url": PIXEL, "detail": "low"}]
    await add(line, item={"id": "first", "type": "message", "role": "user", "content": picture})
    system = {"type": "message", "role": "system", "content": [{"type": "input_text", "text": "Be kind."}]}
    await add(line, item=system, previous_item_id="root")
    reply = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Yes."}]}
    await add(line, item=reply, previous_item_id="first")
    audio = [{"type": "input_audio", "audio": base64.b64encode(sine(300)).decode(), "transcript": "hum"}]
    await add(line, item={"id": "sound", "type": "message", "role": "user", "content": audio})
    call = {"type": "function_call", "name": "f", "arguments": "{}", "call_id": "call_1"}
    await add(line, item=call)
    for item_id in ("first", "sound"):
        await line.conversation.item.retrieve(item_id=item_id)
        await until(line, "conversation.item.retrieved")
    await ask(line, "count to 9", max_output_tokens=3)
    await ask(line, "filter after 2")
    await ask(line, "fail after 1")
    await write(line, "hang after 1")
    await line.response.create()
    await until(line, "response.output_text.delta")
    await line.response.cancel()
    await until(line)


async def out_of_band(line: Line) -> None:
    """Beside the conversation: metadata, items of its own, references, its own way of speaking; two at once."""
    asked = [{"type": "input_text", "text": "say a"}]
    await add(line, item={"id": "asked", "type": "message", "role": "user", "content": asked})
    beside = {
        "conversation": "none",
        "metadata": {"topic": "a"},
        "input": [{"type": "item_reference", "id": "asked"}],
        "audio": {"output": {"voice": "cedar", "format": {"type": "audio/pcma"}}},
        "instructions": "Whisper.",
        "max_output_tokens": 64,
    }
    await line.response.create(response=cast("Any", beside))
    await line.response.create(response=cast("Any", beside | {"output_modalities": ["text"], "input": []}))
    await until(line)
    await until(line)


async def idle(line: Line) -> None:
    """Nobody speaks for as long as the session waits."""
    await configure(line, audio={"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 5000}}})
    await ask(line, "say a")
    await play(line, silence(200))
    await until(line, "input_audio_buffer.timeout_triggered")
    await until(line)


async def mistakes(line: Line) -> None:
    """Errors of many kinds."""
    await line.response.cancel(event_id="mine")
    await line.input_audio_buffer.commit()
    await line.conversation.item.retrieve(item_id="nobody")
    await line.conversation.item.delete(item_id="nobody")
    await line.conversation.item.truncate(item_id="nobody", content_index=0, audio_end_ms=0)
    await line.session.update(session=cast("Any", {"type": "realtime", "audio": {"output": {"speed": 9}}}))
    await line.send(cast("Any", {"type": "nonsense"}))
    for _ in range(7):
        await until(line, "error")


async def failing(line: Line) -> None:
    """A recogniser that fails."""
    await configure(line, audio={"input": HEARD})
    await play(line, spoken_turn())
    await until(line, "conversation.item.input_audio_transcription.failed")


async def transcribing(line: Line) -> None:
    """A session that only writes down, with speakers told apart; then without turn detection."""
    model = {"transcription": {"model": "gpt-4o-transcribe-diarize"}}
    await line.session.update(session=cast("Any", {"type": "transcription", "audio": {"input": model}}))
    await play(line, spoken_turn())
    await until(line, "conversation.item.input_audio_transcription.completed")
    live = {"transcription": {"model": "gpt-live-transcribe", "languages": ["en", "de"]}, "turn_detection": None}
    await line.session.update(session=cast("Any", {"type": "transcription", "audio": {"input": live}}))
    await play(line, sine(1200))
    await line.input_audio_buffer.commit()
    await until(line, "conversation.item.input_audio_transcription.completed")


@dataclass(frozen=True)
class Casting:
    """A scene, and the connection that it is played on."""

    scene: Scene
    connect: dict[str, Any]


REALTIME = (every_setting, spoken, spoken_over, by_hand, tools, written, out_of_band, idle, mistakes)
CAST = [
    *(Casting(scene, {"model": "gpt-realtime"}) for scene in REALTIME),
    Casting(failing, {"model": "deaf"}),
    Casting(transcribing, {"extra_query": {"intent": "transcription"}}),
]
ELSEWHERE = {"mcp_list_tools", "response.mcp_call", "response.mcp_call_arguments", "output_audio_buffer"}
"""Played in `test_mcp_tools`, or not over WebSocket."""


async def _played(wire: Wire) -> None:
    async with serving(CONFIG, middleware=[Middleware(Tap, wire=wire)]) as url:
        client = AsyncOpenAI(base_url=f"{url}/v1", api_key="none")

        async def act(casting: Casting) -> None:
            async with client.realtime.connect(**casting.connect) as line:
                await casting.scene(line)

        async with asyncio.timeout(90), client, asyncio.TaskGroup() as running:
            for casting in CAST:
                running.create_task(act(casting), name=casting.scene.__name__)


@pytest.fixture(scope="module")
def wire() -> Wire:
    """What is said when all scenes are played, side by side."""
    wire = Wire()
    asyncio.run(_played(wire))
    return wire


def test_every_event_is_what_the_sdk_says(wire: Wire) -> None:
    """Hundreds of them."""
    events = wire.events("server")

    assert [fault for event in events for fault in faults(event)] == []
    assert len(events) > 300


def test_all_kinds_of_events_were_seen(wire: Wire) -> None:
    """So that the judgement above is one on all that a session can say."""
    seen = {event["type"] for event in wire.events("server")}
    missing = {kind for kind in MODELS if kind not in seen and kind.rsplit(".", 1)[0] not in ELSEWHERE}

    assert missing == {
        "conversation.created",
        "conversation.item.created",
        "input_audio_buffer.dtmf_event_received",
    }


@pytest.mark.parametrize(
    ("event", "found"),
    [
        ({"type": "nonsense", "event_id": "event_1"}, "nonsense: no such event"),
        ({"type": "input_audio_buffer.cleared"}, "input_audio_buffer.cleared.event_id: Field required"),
        (
            {"type": "input_audio_buffer.cleared", "event_id": 1},
            "input_audio_buffer.cleared.event_id: Input should be a valid string",
        ),
        (
            {
                "type": "session.created",
                "event_id": "event_1",
                "session": {"type": "realtime", "id": "sess_1", "mood": 1},
            },
            "session.created.session.mood: unknown",
        ),
    ],
)
def test_the_judge_is_strict(event: dict[str, Any], found: str) -> None:
    """An unknown event, a missing field, a wrong type and an unknown key deep inside are all found."""
    assert faults(event) == [found]
