"""What the operator may set of the runtime, and the limits that keep one session from harming another."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RuntimeOptions:
    """Fixed for the life of the process. Times in seconds."""

    instructions: str = ""
    """For sessions that bring none."""
    lifetime_s: int | None = 3600
    """How long a session may last; None sets no limit."""
    max_sessions: int = 1000
    """Sessions at once; the next one is refused."""
    engine_limit_s: float = 60.0
    """How long an engine may give no sign of life before its answer or its transcription has failed. A model on
    a slow machine may well read a long prompt for half a minute."""
    vad_limit_s: float = 5.0
    """The same for the VAD, which nothing can go on without waiting for."""
    outbound_bytes: int = 512 * 1024
    """Encoded events that wait for one link before answers wait as well: 8 s of audio. The sockets hold more."""
    stall_limit_s: float = 30.0
    """How long a link may take nothing of what waits for it before it is closed."""
