"""The matrix of `docs/conformance.md`: which events really crossed a socket, by dialect, in the stories below.

`section()` plays the stories against running servers and gives the generated part of the page. The stories run side
by side; the longest one waits for an idle timeout of five seconds.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, get_args

import uvicorn
from mcp.server.mcpserver import MCPServer
from served import Caller, spoken, tone
from websockets.asyncio.client import connect

from antiphon.audio.pcm import silence
from antiphon.config import Config, Engines, Limits
from antiphon.config.settings import Compat
from antiphon.dialects import beta, preview
from antiphon.dialects.names import RENAMED
from antiphon.protocol.codec import WEBSOCKET_TYPES
from antiphon.protocol.server_events import ServerEvent
from antiphon.testing import TONE, serving

BEGIN, END = "<!-- matrix:begin -->", "<!-- matrix:end -->"
PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"

DIALECTS = ("ga", "beta", "preview")
HEADERS = {"ga": {}, "beta": {"OpenAI-Beta": "realtime=v1"}, "preview": {}}
PATHS = {
    "ga": "/v1/realtime?model=tone",
    "beta": "/v1/realtime?model=tone",
    "preview": "/openai/realtime?api-version=2024-10-01-preview&deployment=tone",
}
TRANSCRIBES = "/v1/realtime?intent=transcription"

TYPES = {"ga": WEBSOCKET_TYPES, "beta": beta.TYPES, "preview": preview.TYPES}

NOT_SEEN = "**not seen**"
CALLS = "calls only (WebRTC, SIP)"
ELSEWHERE = {
    "input_audio_buffer.dtmf_event_received": "SIP only",
    "output_audio_buffer.started": CALLS,
    "output_audio_buffer.stopped": CALLS,
    "output_audio_buffer.cleared": CALLS,
    "output_audio_buffer.clear": CALLS,
}
"""Events that no WebSocket sees."""

OLDER = {
    "conversation.created": "older dialects only",
    "conversation.item.created": "older dialects only",
}
"""Events that GA has types for and does not send."""

OF_BETA = ("transcription_session.created", "transcription_session.updated")

BY_WISH = {"conversation.created": "`compat.announce_conversation`"}


def _tag(event: Any) -> str:
    return str(event.__struct_config__.tag)


SERVER = tuple(_tag(event) for event in get_args(ServerEvent))
RENAMED_TAGS = {_tag(event): name for event, name in RENAMED.items()}


class Witness(Caller):
    """A connection that notes what went over it."""

    def __init__(self, link: Any, dialect: str, sent: set[str], seen: set[str]) -> None:
        super().__init__(link)
        self.dialect = dialect
        self._sent = sent
        self._seen = seen

    async def say(self, kind: str, **keys: Any) -> None:
        """Send an event, and note it."""
        self._sent.add(kind)
        await super().say(kind, **keys)

    async def next(self) -> dict[str, Any]:
        """The next event, noted."""
        event = await super().next()
        self._seen.add(event["type"])
        return event

    async def until_all(self, *kinds: str) -> dict[str, dict[str, Any]]:
        """Wait until each kind has come; the last event of each."""
        found: dict[str, dict[str, Any]] = {}
        while set(kinds) - set(found):
            event = await self.next()
            found[event["type"]] = event
        return found

    async def configure(self, older: dict[str, Any], **newer: Any) -> None:
        """Change the session, in the words of the dialect."""
        session = {"type": "realtime", **newer} if self.dialect == "ga" else older
        await self.say("session.update", session=session)
        await self.until("session.updated")

    async def answer(self, text: str, *, aloud: bool = False) -> None:
        """Ask in writing."""
        await self.say("conversation.item.create", item=typed(text))
        key = "output_modalities" if self.dialect == "ga" else "modalities"
        modalities = (["audio"] if self.dialect == "ga" else ["text", "audio"]) if aloud else ["text"]
        await self.say("response.create", response={key: modalities})


Story = Callable[[Witness], Awaitable[None]]


def typed(text: str) -> dict[str, Any]:
    """A message of the caller."""
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


WORDS = "conversation.item.input_audio_transcription"


async def turn(line: Witness) -> None:
    """The caller speaks, is written down, and is answered aloud."""
    await line.configure(
        {"input_audio_transcription": {"model": "whisper-1"}},
        audio={"input": {"transcription": {"model": "whisper-1"}}},
    )
    await line.speak(spoken())
    await line.until_all("response.done", f"{WORDS}.completed", "rate_limits.updated")


async def by_hand(line: Witness) -> None:
    """Without turn detection: clear, append, commit, ask."""
    await line.configure({"turn_detection": None}, audio={"input": {"turn_detection": None}})
    await line.append(tone(400))
    await line.say("input_audio_buffer.clear")
    await line.until("input_audio_buffer.cleared")
    await line.append(tone(400))
    await line.say("input_audio_buffer.commit")
    await line.say("response.create")
    await line.until("response.done")


async def calls(line: Witness) -> None:
    """Two functions are called in writing; an output is answered."""
    await line.answer('call f {"a": 1} call g')
    done = await line.until("response.done")
    call_id = done["response"]["output"][0]["call_id"]
    output = {"type": "function_call_output", "call_id": call_id, "output": "{}"}
    await line.say("conversation.item.create", item=output)
    await line.answer("say done.")
    await line.until("response.done")


async def barge_in(line: Witness) -> None:
    """The caller speaks over the answer."""
    await line.answer("slow one two three four five six seven eight nine ten", aloud=True)
    await line.until("response.output_audio.delta" if line.dialect == "ga" else "response.audio.delta")
    await line.speak(silence(200) + tone(600) + silence(900))
    await line.until("response.done")
    await line.until("response.done")


async def cancel(line: Witness) -> None:
    """An answer that would never end; and a mistake."""
    await line.answer("hang after 1")
    await line.until("response.output_text.delta" if line.dialect == "ga" else "response.text.delta")
    await line.say("response.cancel")
    await line.until("response.done")
    await line.say("response.cancel")
    await line.until("error")


async def items(line: Witness) -> None:
    """Retrieve, truncate and delete what was said."""
    await line.answer("say hello there.", aloud=True)
    done = await line.until("response.done")
    item_id = done["response"]["output"][0]["id"]
    if line.dialect != "preview":
        await line.say("conversation.item.retrieve", item_id=item_id)
        await line.until("conversation.item.retrieved")
    await line.say("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=100)
    await line.until("conversation.item.truncated")
    await line.say("conversation.item.delete", item_id=item_id)
    await line.until("conversation.item.deleted")


async def side_by_side(line: Witness) -> None:
    """A response out of band (preview: one that leaves nothing)."""
    wish = {"commit": False} if line.dialect == "preview" else {"conversation": "none"}
    await line.say("response.create", response=wish)
    await line.until("response.done")


async def idle(line: Witness) -> None:
    """Nobody speaks for five seconds after an answer."""
    rules = {"type": "server_vad", "idle_timeout_ms": 5000}
    await line.configure({"turn_detection": rules}, audio={"input": {"turn_detection": rules}})
    await line.answer("say a.", aloud=True)
    await line.until("response.done")
    await line.append(silence(200))
    await line.until("input_audio_buffer.timeout_triggered")
    await line.until("response.done")


async def unheard(line: Witness) -> None:
    """The recogniser fails."""
    await line.configure(
        {"input_audio_transcription": {"model": "whisper-1"}},
        audio={"input": {"transcription": {"model": "whisper-1"}}},
    )
    await line.speak(spoken())
    await line.until(f"{WORDS}.failed")


async def speakers(line: Witness) -> None:
    """A transcription session with a model that tells speakers apart."""
    model = {"model": "gpt-4o-transcribe-diarize"}
    if line.dialect == "ga":
        await line.say(
            "session.update", session={"type": "transcription", "audio": {"input": {"transcription": model}}}
        )
        await line.until("session.updated")
    else:
        await line.say("transcription_session.update", session={"input_audio_transcription": model})
        await line.until("transcription_session.updated")
    await line.speak(spoken())
    await line.until(f"{WORDS}.completed")


def tools(url: str) -> Story:
    """MCP tools: a server that is there, one that is not, a call that works, one that fails, one to be approved."""

    async def story(line: Witness) -> None:
        there = {"type": "mcp", "server_label": "there", "server_url": f"{url}/mcp"}
        gone = {"type": "mcp", "server_label": "gone", "server_url": f"{url}/nothing"}
        never = {"require_approval": {"never": {"tool_names": ["add", "boom"]}}}
        await line.say("session.update", session={"type": "realtime", "tools": [there | never, gone]})
        await line.until_all("mcp_list_tools.completed", "mcp_list_tools.failed")
        await line.answer('call add {"a": 1, "b": 2}')
        await line.until_all("response.mcp_call.completed", "response.done")
        await line.answer("call boom")
        await line.until_all("response.mcp_call.failed", "response.done")

    return story


STORIES: dict[Story, tuple[str, ...]] = {
    turn: DIALECTS,
    by_hand: DIALECTS,
    calls: DIALECTS,
    barge_in: DIALECTS,
    cancel: DIALECTS,
    items: DIALECTS,
    side_by_side: DIALECTS,
    idle: ("ga", "beta"),
    unheard: DIALECTS,
    speakers: ("ga", "beta"),
}
"""Who plays what. Preview knows no idle timeout and no transcription session."""


class Record:
    """What was seen and sent, by dialect."""

    def __init__(self) -> None:
        self.seen: dict[str, set[str]] = {dialect: set() for dialect in DIALECTS}
        self.sent: dict[str, set[str]] = {dialect: set() for dialect in DIALECTS}

    async def play(self, story: Story, dialect: str, url: str) -> None:
        """Play a story on a connection of its own."""
        path = TRANSCRIBES if story is speakers else PATHS[dialect]
        address = f"{url.replace('http', 'ws')}{path}"
        async with connect(address, additional_headers=HEADERS[dialect], max_size=None) as link:
            await story(Witness(link, dialect, self.sent[dialect], self.seen[dialect]))


async def recorded() -> Record:
    """Play all stories."""
    record = Record()
    working = Config(
        engines=Engines(
            **dict.fromkeys(("vad", "turn", "asr", "llm", "tts"), "tone"),
            tools="mcp",
            options={"tools": {"allowed_hosts": ["127.0.0.1"]}},
        ),
        limits=Limits(tokens_per_minute=10**9),
    )
    deaf = Config(
        engines=Engines(
            **{role: getattr(TONE, role) for role in ("vad", "turn", "asr", "llm", "tts")},
            options={"asr": {"fails": True}},
        ),
        compat=Compat(announce_conversation=True),
    )
    async with (
        serving(working) as url,
        serving(deaf) as deaf_url,
        tool_server() as tool_url,
        asyncio.TaskGroup() as running,
    ):
        for story, dialects in STORIES.items():
            for dialect in dialects:
                running.create_task(record.play(story, dialect, deaf_url if story is unheard else url))
        running.create_task(record.play(tools(tool_url), "ga", url))
    return record


@asynccontextmanager
async def tool_server() -> AsyncIterator[str]:
    """An MCP server with two tools."""
    server: MCPServer = MCPServer("stories", log_level="ERROR")

    @server.tool()
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    @server.tool(structured_output=False)
    def boom() -> str:
        """Fail."""
        raise ValueError("boom")

    with socket.create_server(("127.0.0.1", 0)) as sock:
        config = uvicorn.Config(server.streamable_http_app(), log_level="critical", ws="none", lifespan="on")
        web = uvicorn.Server(config)
        config.load()
        web.lifespan = config.lifespan_class(config)
        await web.startup(sockets=[sock])
        try:
            yield f"http://127.0.0.1:{sock.getsockname()[1]}"
        finally:
            await web.shutdown(sockets=[sock])


# The page


def name_in(kind: str, dialect: str) -> str:
    """What a dialect calls an event of GA."""
    return kind if dialect == "ga" else RENAMED_TAGS.get(kind, kind)


def server_row(kind: str, record: Record) -> str:
    """A server event in each dialect."""
    return f"| `{kind}` | {' | '.join(_server_cell(kind, dialect, record) for dialect in DIALECTS)} |"


def _server_cell(kind: str, dialect: str, record: Record) -> str:
    name = name_in(kind, dialect)
    if name in record.seen[dialect]:
        wish = f" with {BY_WISH[kind]}" if kind in BY_WISH else ""
        return ("seen" if name == kind else f"seen: `{name}`") + wish
    if kind in ELSEWHERE:
        return ELSEWHERE[kind]
    if dialect == "ga" and kind not in OF_BETA:
        return OLDER.get(kind, NOT_SEEN)
    return "no such event"


def client_row(kind: str, record: Record) -> str:
    """A client event in each dialect."""
    return f"| `{kind}` | {' | '.join(_client_cell(kind, dialect, record) for dialect in DIALECTS)} |"


def _client_cell(kind: str, dialect: str, record: Record) -> str:
    if kind not in TYPES[dialect]:
        return CALLS if kind in ELSEWHERE and dialect == "ga" else "refused"
    if kind in ELSEWHERE:
        return CALLS
    return "taken" if kind in record.sent[dialect] else NOT_SEEN


def section_of(record: Record) -> str:
    """The generated part of the page."""
    head = ["| event | GA | beta | preview |", "|---|---|---|---|"]
    clients = list(dict.fromkeys((*WEBSOCKET_TYPES, *beta.TYPES)))
    return "\n".join(
        [
            BEGIN,
            "## Events by dialect",
            "",
            "Recorded from sockets by `tests/conformance`; `make docs` records again.",
            "",
            "What clients send:",
            "",
            *head,
            *(client_row(kind, record) for kind in clients),
            "",
            "What the server sends:",
            "",
            *head,
            *(server_row(kind, record) for kind in (*SERVER, *OF_BETA)),
            END,
        ]
    )


def on_page(text: str) -> str:
    """The generated part as a page has it."""
    return text[text.index(BEGIN) : text.index(END) + len(END)]


def write() -> None:
    """Record, and put the result into the page."""
    text = PAGE.read_text("utf-8")
    PAGE.write_text(text.replace(on_page(text), section_of(asyncio.run(recorded()))), "utf-8")
