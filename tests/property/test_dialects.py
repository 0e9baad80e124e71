"""Whatever happens in the core, an older client is told of it in its own words, and in the order of things.

The SDK reads every frame of beta too: today's, or the one in the folder that `ANTIPHON_OPENAI_BETA` names.
"""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import beta_sdk
import pytest
from corescript import CLICK, LOUD, QUIET, Ids, calls, finishes, guesses, says, writes
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import inspect, structs
from older_facts import Table, table
from olderline import Event, Line
from wire_samples import sample

from antiphon.dialects import beta_shapes, beta_telling, preview_shapes, preview_telling
from antiphon.dialects.beta import Beta
from antiphon.dialects.memory import Memory
from antiphon.dialects.names import RENAMED
from antiphon.dialects.preview import Preview
from antiphon.protocol import codec
from antiphon.protocol.server_events import (
    RateLimit,
    RateLimitsUpdated,
    ServerEvent,
    SessionCreated,
    SessionUpdated,
)
from antiphon.protocol.session import TranscriptionSession
from antiphon.session.inputs import Broke

OBSERVED = "seen on the wire, not in the schema"
SENT_NULL = "null is sent where the schema has the key absent"
BOTH = "told in the spelling of later versions, too"

BETA: dict[str, str] = {
    r"session\.(created|updated)\.session\.(object|expires_at|client_secret|include|prompt): unknown": OBSERVED,
    r"session\.(created|updated)\.session\.tool_choice: .*": "an object on the wire, a string in the schema",
    r"session\.(created|updated)\.session\.turn_detection\.idle_timeout_ms: unknown": "only if a client has set it",
    r"transcription_session\.(created|updated)\.session\.\w+: unknown": OBSERVED,
    r"transcription_session\.(created|updated)\.session\.client_secret: missing": "comes over REST alone",
    r"transcription_session\.(created|updated)\.session\.input_audio_transcription\.model: .*": "the operator's names",
    r"transcription_session\.(created|updated)\.session\.turn_detection\.\w+: unknown": OBSERVED,
    r"response\.(created|done)\.response\.usage\.input_token_details\.cached_tokens_details: unknown": OBSERVED,
    r"input_audio_buffer\.timeout_triggered: no such event": "only if a client has set an idle timeout",
    r"conversation\.item\.input_audio_transcription\.segment: no such event": "in the provider's OpenAPI file",
}
"""Where our beta is not as the schema of July 2025, and why."""

PREVIEW: dict[str, str] = {
    r".*: unknown": BOTH,
    r"error\.error\.(code|event_id|param): string expected": SENT_NULL,
    r".*\.failed\.error\.(code|param): string expected": SENT_NULL,
    r"input_audio_buffer\.committed\.previous_item_id: string expected": SENT_NULL,
    r"response\.created\.response\.usage: !@Usage expected": SENT_NULL,
    r"response\.done\.response\.usage: !@Usage expected": SENT_NULL,
    r".*\.content\[\]\.transcript: string expected": SENT_NULL,
    r".*\.session\.turn_detection\.\w+: !?('server_vad'|string) expected": "kinds and numbers that clients send",
}
"""The same for preview."""

SDK: dict[str, str] = {
    r"session\.(created|updated)\.session\.tool_choice: .*": "an object on the wire, a string in the SDK",
    r"transcription_session\.created: no such event": "the SDK has it and has left it out of its list",
    r"transcription_session\.updated\.session\.client_secret: Field required": "comes over REST alone",
    r"transcription_session\.updated\.session\.input_audio_transcription\.model: .*": "the operator's names",
}
"""The same for the SDK."""

TOLD = {"beta": beta_telling.TELLINGS, "preview": preview_telling.TELLINGS}
UNSAID = {"beta": beta_telling.UNSAID, "preview": preview_telling.UNSAID}
TABLES: dict[str, Table] = {"beta": table("beta"), "preview": table("preview")}
MEANT = {"beta": BETA, "preview": PREVIEW}

LIMITS = RateLimitsUpdated(rate_limits=(RateLimit(name="tokens", limit=9, remaining=5, reset_seconds=1.5),))


def machine_of(dialect: str) -> Beta:
    """A fresh machine that counts its names."""
    return (Beta if dialect == "beta" else Preview)(memory=Memory(Ids()))


# What may happen

Happening = Callable[[Line], Any]


def saying(kind: str, **keys: Any) -> Happening:
    return lambda line: line.say(kind, **keys)


def hearing(*steps: Any) -> Happening:
    return lambda line: line.hear(*steps)


def answering(make: Callable[[str], Any]) -> Happening:
    """The engine of the last answer that was asked for does something."""
    return lambda line: line.hear(make(line.running[-1])) if line.running else None


def message(text: str, role: str = "user") -> Event:
    kind = "text" if role == "assistant" else "input_text"
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}


ITEM_IDS = st.sampled_from(["item_1", "item_2", "item_3", "item_4"])

SESSIONS: list[dict[str, Any]] = [
    {"modalities": ["text"]},
    {"modalities": ["text", "audio"], "temperature": 1.1},
    {"turn_detection": None, "temperature": 0.7},
    {"turn_detection": {"type": "semantic_vad", "eagerness": "high"}},
    {"turn_detection": {"type": "server_vad", "create_response": False}},
    {"input_audio_transcription": {"model": "whisper-1"}, "input_audio_noise_reduction": {"type": "far_field"}},
    {"output_audio_format": "g711_ulaw", "voice": "verse"},
    {"tools": [{"type": "function", "name": "f"}], "tool_choice": {"type": "function", "name": "f"}},
    {"max_response_output_tokens": 7, "speed": 1.5, "model": "another"},
]
RESPONSES: list[dict[str, Any]] = [
    {},
    {"temperature": 1.2, "metadata": {"topic": "x"}},
    {"conversation": "none", "input": [message("Hi")]},
    {"input": [{"type": "item_reference", "id": "item_1"}], "modalities": ["text"]},
    {"commit": False, "append_input_items": [message("Hi"), message("Ho", "assistant")]},
    {"cancel_previous": False, "input_items": [{"type": "message", "id": "item_1"}], "temperature": 0.9},
]

ASKING = saying("response.create", response={})
FINISHING = answering(lambda answer: finishes(answer, read=7, wrote=3, cached=2))
SPEAKING = answering(lambda answer: says(answer, ("Hi. ", 20)))
SHOWING_WORDS = saying("session.update", session={"input_audio_transcription": {"model": "whisper-1"}})

CLIENT: list[st.SearchStrategy[Happening]] = [
    st.sampled_from(SESSIONS).map(lambda session: saying("session.update", session=session)),
    st.sampled_from(RESPONSES).map(lambda response: saying("response.create", response=response)),
    st.sampled_from(["user", "system", "assistant"]).map(
        lambda role: saying("conversation.item.create", item=message("Hello", role))
    ),
    ITEM_IDS.map(lambda item_id: saying("conversation.item.retrieve", item_id=item_id)),
    ITEM_IDS.map(lambda item_id: saying("conversation.item.delete", item_id=item_id)),
    ITEM_IDS.map(
        lambda item_id: saying("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=10)
    ),
    st.sampled_from(
        ["response.cancel", "input_audio_buffer.commit", "input_audio_buffer.clear", "transcription_session.update"]
    ).map(saying),
]
CALLER: list[st.SearchStrategy[Happening]] = [
    st.sampled_from([LOUD, QUIET, CLICK]).map(hearing),
    ITEM_IDS.map(lambda item_id: hearing(guesses(item_id, "Hello"))),
    st.just(lambda line: line.recognise("Hello there")),
]
ENGINE: list[st.SearchStrategy[Happening]] = [
    st.just(answering(lambda answer: writes(answer, "Well, "))),
    st.just(SPEAKING),
    st.just(answering(lambda answer: calls(answer, "f", "{", "}"))),
    st.just(FINISHING),
    st.just(answering(lambda answer: Broke(answer, "The engine failed."))),
    st.just(lambda line: line.frames.extend(line.machine.send(LIMITS, "event_0"))),
]


def scene(*happenings: Happening) -> Happening:
    """What belongs together, so that stories get somewhere."""
    return lambda line: [happens(line) for happens in happenings]


SCENES: list[Happening] = [
    scene(saying("session.update", session={"modalities": ["text"]}), ASKING),
    scene(saying("conversation.item.create", item=message("Hello")), ASKING, SPEAKING, FINISHING),
    scene(SHOWING_WORDS, hearing(LOUD, QUIET), lambda line: line.recognise("What time is it?"), SPEAKING, FINISHING),
    scene(hearing(LOUD, QUIET), lambda line: line.recognise("Stop."), SPEAKING, hearing(LOUD)),
    scene(ASKING, answering(lambda answer: calls(answer, "f", "{", "}")), FINISHING),
    scene(ASKING, answering(lambda answer: writes(answer, "Well, ", "no.")), FINISHING),
]


def raw(shapes: Any) -> st.SearchStrategy[Happening]:
    """Any event that the dialect has, however senseless."""
    return sample(inspect.type_info(shapes)).map(lambda event: lambda line: line.frame(codec.encode_client(event)))


def happenings(shapes: Any) -> st.SearchStrategy[list[Happening]]:
    usual = st.one_of(*CLIENT, *CALLER, *ENGINE)
    return st.lists(st.one_of(usual, usual, st.sampled_from(SCENES), raw(shapes)), max_size=20)


HAPPENINGS = {"beta": happenings(beta_shapes.ClientEvent), "preview": happenings(preview_shapes.ClientEvent)}


def played(dialect: str, story: list[Happening], **told: Any) -> Line:
    line = Line(machine_of(dialect), model="gpt-4o-realtime-preview", **told)
    for happens in story:
        happens(line)
    return line


# What must hold


def unmeant(problems: Iterator[str], meant: dict[str, str]) -> list[str]:
    return [problem for problem in problems if not any(re.fullmatch(rule, problem) for rule in meant)]


def assert_every_frame_is_of(dialect: str, line: Line) -> None:
    """As the table says, or as it is meant."""
    for frame in line.frames:
        assert unmeant(TABLES[dialect].problems(frame), MEANT[dialect]) == []


def assert_nothing_is_lost_or_moved(dialect: str, line: Line) -> None:
    """Each event of the core is one frame, or none where there is no word for it. Only beta's limits move."""
    expected = [event for event in line.events if type(event) not in UNSAID[dialect]]
    frames = [event for event in line.told if event["type"] != "rate_limits.updated"]

    assert len(frames) == len(expected)
    for frame, event in zip(frames, expected, strict=True):
        if type(event) not in TOLD[dialect]:
            back = json.dumps(frame | {"type": event.__struct_config__.tag})
            assert codec.decode_server(back) == structs.replace(event, event_id=frame["event_id"])
        elif type(event) not in RENAMED:
            tag = str(event.__struct_config__.tag)
            assert frame["type"].rpartition(".")[2] in {tag.rpartition(".")[2], "created"}


def assert_responses_keep_their_words(line: Line) -> None:
    """A temperature at the beginning and the same at the end; each ends at most once."""
    begun = {e["response"]["id"]: e["response"]["temperature"] for e in line.told if e["type"] == "response.created"}
    ended = [e["response"] for e in line.told if e["type"] == "response.done"]

    assert len({response["id"] for response in ended}) == len(ended)
    assert all(begun[response["id"]] == response["temperature"] for response in ended)


def assert_errors_are_in_the_clients_words(line: Line) -> None:
    """No path of GA in them."""
    for event in line.told:
        if event["type"] == "error":
            said = f"{event['error']['param']} {event['error']['message']}"
            assert "session.audio." not in said
            assert "output_text" not in said
            assert not (event["error"]["event_id"] or "").startswith("event_")


def assert_items_are_told_once(line: Line) -> None:
    """An id comes again only after its item has gone."""
    held: Counter[str] = Counter()
    for event in line.told:
        if event["type"] == "conversation.item.created":
            held[event["item"]["id"]] += 1
        elif event["type"] == "conversation.item.deleted":
            held[event["item_id"]] -= 1
    assert all(count <= 1 for count in held.values())


def assert_limits_follow(dialect: str, line: Line) -> None:
    """In beta the first ones come when they are known, all others right behind `response.created`."""
    kinds = line.kinds
    where = [index for index, kind in enumerate(kinds) if kind == "rate_limits.updated"]
    if dialect == "beta":
        assert all(kinds[index - 1] == "response.created" for index in where[1:])


@pytest.mark.parametrize("dialect", ["beta", "preview"])
@settings(deadline=None)
@given(data=st.data())
def test_any_session_is_told_in_words_of_the_dialect(dialect: str, data: st.DataObject) -> None:
    """Any order of what a client says, a caller does and engines yield."""
    line = played(dialect, data.draw(HAPPENINGS[dialect]))

    assert_every_frame_is_of(dialect, line)
    assert_nothing_is_lost_or_moved(dialect, line)
    assert_responses_keep_their_words(line)
    assert_errors_are_in_the_clients_words(line)
    assert_items_are_told_once(line)
    assert_limits_follow(dialect, line)


@settings(deadline=None)
@given(st.lists(st.one_of(*CLIENT, *CALLER), max_size=15))
def test_any_transcription_is_told_in_words_of_beta(story: list[Happening]) -> None:
    """The other kind of session."""
    line = played("beta", story, kind="transcription")

    assert_every_frame_is_of("beta", line)
    assert_errors_are_in_the_clients_words(line)
    assert not {"session.created", "session.updated", "response.created", "rate_limits.updated"} & set(line.kinds)


SERVER_EVENTS: st.SearchStrategy[ServerEvent] = sample(inspect.type_info(ServerEvent))


@pytest.mark.parametrize("dialect", ["beta", "preview"])
@settings(deadline=None)
@given(event=SERVER_EVENTS)
def test_any_event_of_ga_is_told_or_left_out(dialect: str, event: ServerEvent) -> None:
    """Also those that only other servers send, or with keys that only others leave out; nothing raises."""
    is_transcription = isinstance(event, SessionCreated | SessionUpdated) and isinstance(
        event.session, TranscriptionSession
    )
    if is_transcription and dialect == "preview":
        return  # no URL of preview opens one
    for frame in machine_of(dialect).send(event, "event_1"):
        problems = (problem for problem in TABLES[dialect].problems(frame) if not problem.endswith(": missing"))
        assert unmeant(problems, MEANT[dialect]) == []


# The SDK


@pytest.fixture(scope="module")
def sdk() -> Iterator[Callable[[bytes], list[str]]]:
    """What the SDK finds wrong with a frame."""
    folder = os.environ.get("ANTIPHON_OPENAI_BETA")
    if folder is None:
        known = beta_sdk.models()
        yield lambda frame: beta_sdk.problems(frame, known)
        return
    script = Path(__file__).parent.parent / "support" / "beta_sdk.py"
    with subprocess.Popen(
        [sys.executable, str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": folder},
    ) as process:
        lines, answers = process.stdin, process.stdout
        assert lines is not None
        assert answers is not None

        def read(frame: bytes) -> list[str]:
            lines.write(frame + b"\n")
            lines.flush()
            found: list[str] = json.loads(answers.readline())
            return found

        yield read
        lines.close()


@settings(deadline=None)
@given(story=HAPPENINGS["beta"], kind=st.sampled_from(["realtime", "realtime", "transcription"]))
def test_the_sdk_reads_every_frame(sdk: Callable[[bytes], list[str]], story: list[Happening], kind: str) -> None:
    """Strictly, by its own models."""
    line = played("beta", story, kind=kind)

    for frame in line.frames:
        assert unmeant(iter(sdk(frame)), SDK) == []
