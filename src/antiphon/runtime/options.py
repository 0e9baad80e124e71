"""What the operator may set of the runtime, and the limits that keep one session from harming another."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class RuntimeOptions:
    """Fixed for the life of the process. Times in seconds."""

    instructions: str = ""
    """For sessions that bring none."""
    templates: Mapping[str, str] = field(default_factory=dict)
    """Prompt templates by id, or by `id@version`."""
    anticipates: bool = True
    """Whether answers are drafted in the silence that ends a turn, where the engines run here."""
    announces_conversation: bool = False
    """Whether older clients get `conversation.created` as they connect, as in the first weeks of beta."""
    takes_duplicates: bool = False
    """Whether a client's item may have an id that is in use already."""
    lifetime_s: int | None = 3600
    """How long a session may last; None sets no limit."""
    max_sessions: int = 1000
    """Sessions at once; the next one is refused."""
    requests_per_minute: int | None = None
    """Responses that one key may ask for; None sets no limit."""
    tokens_per_minute: int | None = None
    """Tokens that one key's responses may cost, in and out; None sets no limit."""
    engine_limit_s: float = 60.0
    """How long an engine may give no sign of life before its answer or its transcription has failed. A model on
    a slow machine may well read a long prompt for half a minute."""
    tool_limit_s: float = 30.0
    """How long an MCP server may take to list its tools, or a tool to answer: callers will not wait longer."""
    follows_up: bool = False
    """Whether a response follows by itself when MCP tools have answered. The provider waits for the client to ask."""
    vad_limit_s: float = 5.0
    """The same for the VAD, which nothing can go on without waiting for."""
    ahead_s: float = 0.0
    """How much of an answer may be made before the client can have played what came before it; 0 sets no limit."""
    outbound_bytes: int = 512 * 1024
    """Encoded events that wait for one link before answers wait as well: 8 s of audio. The sockets hold more."""
    stall_limit_s: float = 30.0
    """How long a link may take nothing of what waits for it before it is closed."""
