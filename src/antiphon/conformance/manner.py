"""How servers are asked."""

from dataclasses import dataclass
from typing import Final

PATIENCE_S: Final = 20.0
"""How long a server may be silent while something is due."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How the servers are asked."""

    patience_s: float = PATIENCE_S
    pace: float = 1.0
    """Audio is sent at this many times real time; 0 sends it at once."""
    speech: bytes = b""
    """A sentence, as pcm, without silence around it."""
