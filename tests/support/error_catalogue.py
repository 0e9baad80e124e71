"""The catalogue of errors: for each constructor of `protocol/errors.py`, how a client meets it."""

import base64
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from served import Caller

from antiphon.config import Config, Limits, Server, Sessions
from antiphon.config.settings import Compat
from antiphon.protocol import errors
from antiphon.protocol.client_events import MAX_APPEND_BYTES
from antiphon.protocol.codec import MAX_DEPTH, WEBSOCKET_TYPES
from antiphon.protocol.errors import ErrorDetail
from antiphon.protocol.wire import MAX_EVENT_ID_LENGTH
from antiphon.session.input_buffer import MAX_BUFFER_S
from antiphon.session.tools import NO_TOOLBOX
from antiphon.testing import TONE
from antiphon.transports.http import MAX_BODY_BYTES

Event = dict[str, Any]
Frame = Event | str | bytes

MAX_EXAMPLE = 160

SLIP = "slip"
"""What the client calls the event that is wrong."""

KEY = "sk-right-0123456789"
PROMPT = "You are Antiphon."

EXEMPT = {
    "unreadable": "no known event leads there: each rule of the wire types has an error of its own",
}
"""Constructors that no client can meet, and why."""


@dataclass(frozen=True)
class Made:
    """An error by its constructor, so that the catalogue can be held to `errors.py`."""

    constructor: str
    detail: ErrorDetail

    def told(self, event_id: str | None = None) -> Event:
        """As the wire shows it."""
        tree: Event = msgspec.to_builtins(self.detail)
        return tree | {"event_id": event_id}


def made(constructor: Callable[..., ErrorDetail], *values: Any, **named: Any) -> Made:
    return Made(constructor.__name__, constructor(*values, **named))


def config(**parts: Any) -> Config:
    """The tone engines, with what is given."""
    return Config(engines=TONE, **parts)


LOCKED = config(server=Server(api_keys={"me": KEY}))
STRICT = config(server=Server(strict_models=True))


# Mistakes in a session: the last frame is the slip; those before it are right.


@dataclass(frozen=True)
class Slip:
    """Frames of which the last is refused, in a session of GA that then serves a turn."""

    error: Made
    frames: tuple[Frame, ...]
    query: str = "model=tone"

    @property
    def sent(self) -> tuple[Frame, ...]:
        """The frames, the last one named."""
        last = self.frames[-1]
        return (*self.frames[:-1], last | {"event_id": SLIP} if isinstance(last, dict) else last)


def slip(error: Made, *frames: Frame, query: str = "model=tone") -> Slip:
    return Slip(error, frames, query)


def coded(pcm: bytes) -> str:
    return base64.b64encode(pcm).decode()


def update(**session: Any) -> Event:
    return {"type": "session.update", "session": {"type": "realtime", **session}}


def create(item: Event, **keys: Any) -> Event:
    return {"type": "conversation.item.create", "item": item, **keys}


def message(text: str = "hello", **keys: Any) -> Event:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}], **keys}


def respond(**response: Any) -> Event:
    return {"type": "response.create", "response": response}


def append(pcm: bytes) -> Event:
    return {"type": "input_audio_buffer.append", "audio": coded(pcm)}


def nested(levels: int) -> Event:
    tree: Any = 1
    for _ in range(levels):
        tree = {"a": tree}
    return {"type": "response.create", "response": {"metadata": tree}}


TRUNCATE = {"type": "conversation.item.truncate", "item_id": "item_a", "content_index": 0}
MANUAL = update(audio={"input": {"turn_detection": None}})
SPEED = "session.audio.output.speed"
RATE = "session.audio.input.format.rate"
TURNS = "session.audio.input.turn_detection"
LONG_ID = "item_" + "x" * 34
MODEL_FIXED = "The model of a session cannot be changed."
TRACING_FIXED = "Tracing cannot be changed once it is enabled."
ONE_LANGUAGE = "Set either 'language' or 'languages', not both."
NO_TURNS = "Turn detection is not supported for this transcription model."
NO_SERVER = "There is no MCP server 'weather' among the tools."


def turns(**keys: Any) -> Event:
    return update(audio={"input": {"turn_detection": {"type": "server_vad", **keys}}})


def hearing(**transcription: Any) -> Event:
    return update(audio={"input": {"transcription": transcription}})


ENVELOPE = (
    slip(made(errors.invalid_json), "{"),
    slip(made(errors.invalid_json), "no JSON at all"),
    slip(made(errors.not_an_object, "an array"), "[]"),
    slip(made(errors.not_an_object, "null"), "null"),
    slip(made(errors.nested_too_deep, MAX_DEPTH), nested(MAX_DEPTH + 1)),
    slip(made(errors.binary_frame), b"{}"),
    slip(made(errors.missing_parameter, "type"), {}),
    slip(made(errors.missing_parameter, "session"), {"type": "session.update"}),
    slip(made(errors.missing_parameter, "session.type"), {"type": "session.update", "session": {}}),
    slip(
        made(errors.missing_parameter, "item.content[0].text"),
        create(message() | {"content": [{"type": "input_text"}]}),
    ),
    slip(made(errors.unknown_parameter, "bogus"), {"type": "response.cancel", "bogus": 1}),
    slip(made(errors.unknown_parameter, "session.bogus"), update(bogus=1)),
    slip(made(errors.unknown_parameter, "session.temperature"), update(temperature=0.8)),
    slip(
        made(errors.unknown_parameter, "session.tools[0].meta"),
        update(tools=[{"type": "function", "name": "f", "meta": {}}]),
    ),
    slip(made(errors.invalid_value, "type", "nope", WEBSOCKET_TYPES), {"type": "nope"}),
    slip(
        made(errors.invalid_value, "type", "output_audio_buffer.clear", WEBSOCKET_TYPES),
        {"type": "output_audio_buffer.clear"},
    ),
    slip(
        made(errors.invalid_value, f"{TURNS}.eagerness", "none", ("low", "medium", "high", "auto")),
        update(audio={"input": {"turn_detection": {"type": "semantic_vad", "eagerness": "none"}}}),
    ),
    slip(
        made(errors.invalid_value, "item.content[0].type", "input_text", ("output_text",)),
        create(message(role="assistant")),
    ),
    slip(made(errors.invalid_type, "audio_end_ms", "an integer", "a decimal number"), TRUNCATE | {"audio_end_ms": 1.5}),
    slip(made(errors.invalid_type, f"{TURNS}.create_response", "a boolean", "null"), turns(create_response=None)),
    slip(
        made(errors.out_of_range, RATE, kind="integer", bound=24000, got=16000, low=True),
        update(audio={"input": {"format": {"type": "audio/pcm", "rate": 16000}}}),
    ),
    slip(
        made(errors.out_of_range, RATE, kind="integer", bound=24000, got=48000, low=False),
        update(audio={"input": {"format": {"type": "audio/pcm", "rate": 48000}}}),
    ),
    slip(
        made(errors.out_of_range, SPEED, kind="decimal", bound=0.25, got=0.1, low=True),
        update(audio={"output": {"speed": 0.1}}),
    ),
    slip(
        made(errors.out_of_range, SPEED, kind="decimal", bound=1.5, got=2.0, low=False),
        update(audio={"output": {"speed": 2.0}}),
    ),
    slip(
        made(errors.out_of_range, f"{TURNS}.idle_timeout_ms", kind="integer", bound=5000, got=10, low=True),
        turns(idle_timeout_ms=10),
    ),
    slip(made(errors.string_too_long, "item.id", 32, len(LONG_ID)), create(message(id=LONG_ID))),
    slip(
        made(errors.pattern_mismatch, "item.call_id", "^[a-zA-Z0-9_-]+$"),
        create({"type": "function_call", "call_id": "a b", "name": "f", "arguments": "{}"}),
    ),
    slip(
        made(errors.empty_array, "session.audio.input.transcription.languages"),
        hearing(model="whisper-1", languages=[]),
    ),
    slip(
        made(errors.too_many_properties, "response.metadata", 16, 17),
        respond(metadata={f"key{n}": "v" for n in range(17)}),
    ),
    slip(made(errors.property_name_too_long, "response.metadata", "k" * 65, 64), respond(metadata={"k" * 65: "v"})),
    slip(made(errors.string_too_long, "response.metadata.k", 512, 513), respond(metadata={"k": "v" * 513})),
    slip(made(errors.invalid_audio, "audio"), {"type": "input_audio_buffer.append", "audio": "***"}),
    slip(
        made(errors.invalid_audio, "item.content[0].audio"),
        create(message() | {"content": [{"type": "input_audio", "audio": "***"}]}),
    ),
    slip(made(errors.empty_audio, "audio"), append(b"")),
    slip(
        made(errors.audio_too_long, "audio", MAX_APPEND_BYTES, MAX_APPEND_BYTES + 2),
        append(bytes(MAX_APPEND_BYTES + 2)),
    ),
)

SESSIONS = (
    slip(made(errors.wrong_session_kind, "realtime"), {"type": "session.update", "session": {"type": "transcription"}}),
    slip(made(errors.not_allowed, "session.model", MODEL_FIXED), update(model="another")),
    slip(made(errors.not_allowed, "session.tracing", TRACING_FIXED), update(tracing="auto"), update(tracing=None)),
    slip(
        made(errors.not_allowed, "session.audio.input.transcription.languages", ONE_LANGUAGE),
        hearing(model="whisper-1", language="en", languages=["en"]),
    ),
    slip(
        made(errors.not_allowed, "session.tools[0]", NO_TOOLBOX),
        update(tools=[{"type": "mcp", "server_label": "weather", "server_url": "http://127.0.0.1:9/mcp"}]),
    ),
    slip(
        made(errors.not_allowed, "session.tool_choice.server_label", NO_SERVER),
        update(tool_choice={"type": "mcp", "server_label": "weather"}),
    ),
    slip(
        made(errors.modalities, "session.output_modalities", ("text", "audio")),
        update(output_modalities=["text", "audio"]),
    ),
    slip(made(errors.modalities, "response.output_modalities", ()), respond(output_modalities=[])),
    slip(made(errors.prompt_unknown, "session.prompt", "pmpt_x"), update(prompt={"id": "pmpt_x"})),
    slip(made(errors.prompt_unknown, "response.prompt", "pmpt_x"), respond(prompt={"id": "pmpt_x"})),
)

BUFFER = (
    slip(made(errors.commit_too_small, 0.0, 100), {"type": "input_audio_buffer.commit"}),
    slip(made(errors.commit_too_small, 50.0, 100), MANUAL, append(bytes(2_400)), {"type": "input_audio_buffer.commit"}),
    slip(
        made(errors.buffer_full, MAX_BUFFER_S),
        MANUAL,
        append(bytes(MAX_APPEND_BYTES)),
        append(bytes(MAX_APPEND_BYTES)),
    ),
)

ITEMS = (
    slip(made(errors.previous_item_unknown, "item_x"), create(message(), previous_item_id="item_x")),
    slip(made(errors.item_exists, "item_a"), create(message(id="item_a")), create(message(id="item_a"))),
    slip(made(errors.item_unknown, "retrieve", "item_x"), {"type": "conversation.item.retrieve", "item_id": "item_x"}),
    slip(made(errors.item_unknown, "delete", "item_x"), {"type": "conversation.item.delete", "item_id": "item_x"}),
    slip(made(errors.truncate_unknown, "item_a"), TRUNCATE | {"audio_end_ms": 10}),
    slip(made(errors.truncate_not_audio), create(message(id="item_a")), TRUNCATE | {"audio_end_ms": 10}),
    slip(
        made(errors.reference_unknown, "item_x", "response.input[0].id"),
        respond(input=[{"type": "item_reference", "id": "item_x"}]),
    ),
    slip(
        made(errors.tool_call_unknown, "call_x"),
        create({"type": "function_call_output", "call_id": "call_x", "output": ""}),
    ),
    slip(
        made(errors.approval_unknown, "mcpr_x"),
        create({"type": "mcp_approval_response", "id": "r_1", "approval_request_id": "mcpr_x", "approve": True}),
    ),
    slip(made(errors.nothing_to_cancel), {"type": "response.cancel"}),
    slip(made(errors.nothing_to_cancel), {"type": "response.cancel", "response_id": "resp_x"}),
)

TRANSCRIBING = (
    slip(made(errors.no_responses_here), {"type": "response.create"}, query="intent=transcription"),
    slip(made(errors.wrong_session_kind, "transcription"), update(), query="intent=transcription"),
    slip(
        made(errors.not_allowed, TURNS, NO_TURNS),
        {
            "type": "session.update",
            "session": {
                "type": "transcription",
                "audio": {
                    "input": {
                        "transcription": {"model": "gpt-realtime-whisper"},
                        "turn_detection": {"type": "server_vad"},
                    }
                },
            },
        },
        query="intent=transcription",
    ),
)

SLIPS = (*ENVELOPE, *SESSIONS, *BUFFER, *ITEMS, *TRANSCRIBING)


# Mistakes that depend on what the server has said before.

Play = Callable[[Caller], Awaitable[Made]]


async def err(caller: Caller, event: Event) -> None:
    """Send what is wrong, named."""
    await caller.socket.send(json.dumps(event | {"event_id": SLIP}))


async def a_second_response(caller: Caller) -> Made:
    """While one is running."""
    await caller.ask("hang after 1", output_modalities=["text"])
    first = (await caller.until("response.created"))["response"]["id"]
    await err(caller, {"type": "response.create"})
    return made(errors.active_response, first)


async def another_speed(caller: Caller) -> Made:
    """While a response is running."""
    await caller.ask("hang after 1", output_modalities=["text"])
    await caller.until("response.created")
    await err(caller, update(audio={"output": {"speed": 1.25}}))
    return made(errors.not_allowed, SPEED, "The speed can only be changed between responses.")


async def another_voice(caller: Caller) -> Made:
    """After the first audio."""
    await caller.ask("say hi.")
    await caller.until("response.done")
    await err(caller, update(audio={"output": {"voice": "verse"}}))
    return made(errors.cannot_update_voice)


async def another_voice_for_one_response(caller: Caller) -> Made:
    """The lock holds there, too."""
    await another_voice(caller)
    await caller.until("error")
    await err(caller, respond(audio={"output": {"voice": "verse"}}))
    return made(errors.cannot_update_voice)


async def more_than_was_said(caller: Caller) -> Made:
    """Nobody can have heard more than there is."""
    await caller.ask("say hi.")
    size = 0
    while (event := await caller.next())["type"] != "response.done":
        if event["type"] == "response.output_audio.delta":
            size += len(base64.b64decode(event["delta"]))
    item_id = event["response"]["output"][0]["id"]
    await err(caller, TRUNCATE | {"item_id": item_id, "audio_end_ms": 57_340})
    return made(errors.truncate_too_long, size // 48, 57_340)


STORIES: dict[str, Play] = {
    "active_response": a_second_response,
    "not_allowed": another_speed,
    "cannot_update_voice": another_voice,
    "cannot_update_voice, response": another_voice_for_one_response,
    "truncate_too_long": more_than_was_said,
}


# Doors: the error is followed by a close.


@dataclass(frozen=True)
class Door:
    """A connection that is told an error and closed."""

    error: Made
    code: int
    query: str = "model=tone"
    headers: dict[str, str] = field(default_factory=dict)
    config: Config = field(default_factory=config)

    @property
    def reason(self) -> str:
        """The close reason, by the reference."""
        detail = self.error.detail
        return detail.type if detail.code is None else f"{detail.type}.{detail.code}"


BEARER = "Authorization"

DOORS = (
    Door(made(errors.missing_key), 3000, config=LOCKED),
    Door(made(errors.bad_key, "sk-***6789"), 3000, headers={BEARER: "Bearer sk-wrong-0123456789"}, config=LOCKED),
    Door(made(errors.missing_model), 4000, query=""),
    Door(made(errors.unknown_model, "nope"), 4000, query="model=nope", config=STRICT),
    Door(made(errors.model_with_transcription), 4000, query="model=tone&intent=transcription"),
    Door(made(errors.invalid_intent, "sing"), 4000, query="intent=sing"),
    Door(
        made(errors.beta_disabled),
        4000,
        headers={"OpenAI-Beta": "realtime=v1"},
        config=config(compat=Compat(refuse_beta=True)),
    ),
)

DUPLICATES = config(compat=Compat(duplicate_item_ids=True))
ONE_SESSION = config(limits=Limits(max_sessions=1))
BRIEF = config(session=Sessions(lifetime_minutes=1 / 60))


# HTTP: the same errors in the body of an answer.


@dataclass(frozen=True)
class Request:
    """A request that is refused."""

    error: Made
    status: int
    body: bytes | Event = b""
    path: str = "/v1/realtime/client_secrets"
    headers: dict[str, str] = field(default_factory=dict)
    config: Config = field(default_factory=config)


EXPIRY = "expires_after.seconds"

REQUESTS = (
    Request(made(errors.missing_key), 401, config=LOCKED),
    Request(made(errors.bad_key, "sk-***6789"), 401, headers={BEARER: "Bearer sk-wrong-0123456789"}, config=LOCKED),
    Request(made(errors.body_too_large, MAX_BODY_BYTES), 413, b" " * (MAX_BODY_BYTES + 1)),
    Request(made(errors.invalid_json), 400, b"{"),
    Request(made(errors.not_an_object, "an array"), 400, b"[]"),
    Request(made(errors.unknown_parameter, "bogus"), 400, {"bogus": 1}),
    Request(made(errors.unknown_parameter, "session.bogus"), 400, {"session": {"type": "realtime", "bogus": 1}}),
    Request(
        made(errors.out_of_range, EXPIRY, kind="integer", bound=10, got=1, low=True),
        400,
        {"expires_after": {"anchor": "created_at", "seconds": 1}},
    ),
    Request(made(errors.unknown_model, "nope"), 400, {"session": {"type": "realtime", "model": "nope"}}, config=STRICT),
    Request(made(errors.unknown_parameter, "bogus"), 400, {"model": "tone", "bogus": 1}, path="/v1/realtime/sessions"),
    Request(made(errors.unknown_parameter, "bogus"), 400, {"bogus": 1}, path="/v1/realtime/transcription_sessions"),
    Request(made(errors.bad_call_body), 415, {"sdp": "v=0"}, path="/v1/realtime/calls"),
    Request(
        made(errors.bad_offer, "it does not begin with 'v=0'"),
        400,
        b"hello",
        path="/v1/realtime/calls?model=gpt-realtime",
        headers={"content-type": "application/sdp"},
    ),
)

LONGEST_EVENT_ID = "e" * MAX_EVENT_ID_LENGTH


def constructors() -> set[str]:
    """The constructors of `errors.py`: what gives an `ErrorDetail`."""
    return {
        name
        for name, value in vars(errors).items()
        if not name.startswith("_") and getattr(value, "__annotations__", {}).get("return") is ErrorDetail
    }


# The page

BEGIN, END = "<!-- errors:begin -->", "<!-- errors:end -->"
PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"

BY_HAND = {
    "server_error": (made(errors.server_error, "sess_…"), "close 1011"),
    "session_expired": (made(errors.session_expired, 60), "close 1001"),
    "too_many_sessions": (made(errors.too_many_sessions, 1000), "close 1013"),
    "call_unknown": (made(errors.call_unknown, "rtc_…"), "HTTP 404"),
    "too_many_secrets": (made(errors.too_many_secrets), "HTTP 429"),
    "too_many_calls": (made(errors.too_many_calls, 200), "HTTP 429"),
    "too_many_half_open": (made(errors.too_many_half_open, 50), "HTTP 429"),
    "no_media_port": (made(errors.no_media_port), "HTTP 503"),
    "webrtc_missing": (made(errors.webrtc_missing), "HTTP 501"),
}
"""Errors with a test of their own, and what follows them."""

SAID = {
    "active_response": made(errors.active_response, "resp_…"),
    "cannot_update_voice": made(errors.cannot_update_voice),
    "truncate_too_long": made(errors.truncate_too_long, 9250, 57340),
}
"""What the stories end with."""


def section() -> str:
    """The generated part of the page: each error once, and what follows it."""
    rows: dict[tuple[str, str | None], tuple[ErrorDetail, list[str]]] = {}
    told = [
        *((row.error, "the session goes on") for row in SLIPS),
        *((error, "the session goes on") for error in SAID.values()),
        *((door.error, f"close {door.code}") for door in DOORS),
        *((request.error, f"HTTP {request.status}") for request in REQUESTS),
        *BY_HAND.values(),
    ]
    for error, after in told:
        _, ends = rows.setdefault((error.constructor, error.detail.code), (error.detail, []))
        if after not in ends:
            ends.append(after)
    return "\n".join(
        [
            BEGIN,
            "## Errors",
            "",
            "Each is met over a real socket by `tests/errors`, with an example of its words; `type` is",
            "`invalid_request_error` but for the server's own faults.",
            "",
            "| code | example | after it |",
            "|---|---|---|",
            *(_error_row(detail, ends) for detail, ends in rows.values()),
            END,
        ]
    )


def _error_row(detail: ErrorDetail, ends: list[str]) -> str:
    shown = detail.message if len(detail.message) <= MAX_EXAMPLE else f"{detail.message[:MAX_EXAMPLE]}…"
    return f"| `{detail.code or 'null'}` | {shown.replace('|', chr(92) + '|')} | {', '.join(ends)} |"


def on_page(text: str) -> str:
    """The generated part as a page has it."""
    return text[text.index(BEGIN) : text.index(END) + len(END)]


def write() -> None:
    """Put the section into the page."""
    text = PAGE.read_text("utf-8")
    PAGE.write_text(text.replace(on_page(text), section()), "utf-8")
