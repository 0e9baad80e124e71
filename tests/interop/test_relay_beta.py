"""The Python `openai` SDK of the beta, 1.97.0, behind a relay and before a server that refuses beta."""

import asyncio
import json

import pytest
from foreign import TONES, Program, Story, python
from msgspec.structs import replace
from relayed import relaying
from sdk import sine
from starlette.middleware import Middleware
from test_openai_beta import problems
from wire import Tap, Wire

from antiphon.audio.pcm import silence
from antiphon.config.settings import Compat
from antiphon.testing import serving

pytestmark = pytest.mark.interop

GA_ONLY = replace(TONES, compat=Compat(refuse_beta=True))
SOUNDS = {"question": silence(300) + sine(1200, 440), "interruption": silence(300) + sine(1200, 880)}


@pytest.fixture(scope="module")
def stories() -> tuple[Story, Story]:
    """One conversation, as the program saw it: once by the wire of the client, once by the wire of the upstream."""
    program = python("openai-beta", "openai_beta_client.py")
    return asyncio.run(converse(program, "speak", "tool", "interrupt", "mistake"))


async def converse(program: Program, *acts: str, **wanted: str) -> tuple[Story, Story]:
    here, there = Wire(), Wire()
    async with (
        serving(GA_ONLY, middleware=[Middleware(Tap, wire=there)]) as server,
        relaying(f"{server}/v1", middleware=[Middleware(Tap, wire=here)]) as relay,
    ):
        out, trouble = await program.play(relay.url, acts, SOUNDS, model="gpt-realtime", **wanted)
    told = [json.loads(line) for line in out.splitlines()]
    return Story(told, here, trouble), Story(told, there, trouble)


def test_the_conversation_runs_to_its_end(stories: tuple[Story, Story]) -> None:
    """As it does with a server of beta: only the two mistakes are errors, in beta's words, and the old types fit."""
    story, _ = stories

    assert story.acts == ["speak", "tool", "interrupt", "mistake"]
    assert [(line["code"], line["text"]) for line in story.of("error")] == [
        ("response_cancel_not_active", "Cancellation failed: no active response found"),
        (
            "decimal_above_max_value",
            "Invalid 'session.temperature': decimal above maximum value. Expected a value <= 1.2, but got 5 instead.",
        ),
    ]
    assert (story.of("log"), story.problems) == ([], "")
    assert problems(story) == []


def test_each_side_is_spoken_to_in_its_own_words(stories: tuple[Story, Story]) -> None:
    """Beta here, GA there: the same session, sound for sound."""
    story, upstream = stories
    told = {event["type"] for event in story.wire.events("server")}
    (updated,) = story.wire.events("server", "session.updated")

    assert {"conversation.item.created", "response.audio.delta", "response.audio_transcript.done"} <= told
    assert not {kind for kind in told if "output_audio" in kind or "output_text" in kind}
    assert (updated["session"]["voice"], updated["session"]["temperature"]) == ("sage", 0.7)
    assert upstream.faults == []
    assert "temperature" not in json.dumps(upstream.wire.events("client"))
    assert {len(story.wire.events("client", kind)) for kind in ["input_audio_buffer.append"]} == {
        len(upstream.wire.events("client", "input_audio_buffer.append"))
    }


def test_the_caller_is_heard_and_answered(stories: tuple[Story, Story]) -> None:
    """Words, the tool, barge-in."""
    story, _ = stories
    ended = [line["response"] for line in story.of("done")]

    assert [line["text"] for line in story.of("heard")] == ["tone 440 hz 1.2 seconds", "tone 880 hz 1.2 seconds"]
    assert ended[2]["output"][0]["content"][0]["transcript"] == "The function gave: sunny"
    assert (ended[3]["status"], ended[3]["status_details"]["reason"]) == ("cancelled", "turn_detected")
    assert ended[4]["output"][0]["content"][0]["transcript"] == "You said: tone 880 hz 1.2 seconds"
    assert story.audio_ms > 3000


def test_an_agent_of_azures_beta_meets_a_ga_server() -> None:
    """LiveKit's plugin speaks beta to Azure's URLs; what it says and hears is as without a relay."""
    program = python("livekit", "livekit_client.py")
    story, upstream = asyncio.run(converse(program, "speak", "tool", "interrupt", api_version="2024-12-17"))
    said = [line["text"] for line in story.of("item") if line["role"] == "assistant"]

    assert [line["text"] for line in story.complaints if "`api_version` parameter" not in line["text"]] == []
    assert story.acts == ["speak", "tool", "interrupt"]
    assert [line["text"] for line in story.of("heard")] == ["tone 440 hz 1.2 seconds", "tone 880 hz 1.2 seconds"]
    assert said[:2] == ["You said: tone 440 hz 1.2 seconds", "The function gave: sunny in Paris"]
    assert said[3:] == ["You said: tone 880 hz 1.2 seconds"]
    assert upstream.faults == []
