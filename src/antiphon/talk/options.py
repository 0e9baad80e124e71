"""What `antiphon talk` can be told, and the session that follows from it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from antiphon.protocol.session import (
    Audio,
    AudioInput,
    AudioOutput,
    PcmFormat,
    RealtimeSessionUpdate,
    SemanticVad,
    ServerVad,
    Transcription,
    TurnDetection,
)
from antiphon.protocol.wire import UNSET

Vad: TypeAlias = Literal["server_vad", "semantic_vad", "none"]

DEFAULT_URL: Final = "http://127.0.0.1:8000/v1"
DEFAULT_MODEL: Final = "gpt-realtime"


@dataclass(frozen=True, slots=True)
class TalkOptions:
    """One run of `antiphon talk`. Without `wav` it takes the microphone, and plays."""

    wav: Path | None = None
    url: str = DEFAULT_URL
    api_key: str | None = None
    model: str | None = DEFAULT_MODEL
    out: Path | None = None
    """Where the answer is saved; a WAV's answer is saved anyway, see `saved_to`."""
    instructions: str | None = None
    voice: str | None = None
    vad: Vad = "server_vad"
    """Who ends the turn; with `none` the whole recording is one turn."""
    silence_ms: int = 500
    """Silence that ends a turn, for `server_vad`."""
    transcription_model: str | None = "gpt-4o-mini-transcribe"
    """Who writes down what the caller said; None: nobody."""
    chunk_ms: int = 20
    play: bool = False
    """Play the answer to a WAV, too."""
    half_duplex: bool = False
    """Do not listen while the answer plays: for loudspeakers that the microphone hears."""
    timeout_s: float = 30.0
    """How long to wait for the next sign of life, once all is said."""
    json: bool = False
    """One JSON object per turn instead of anything for the eye."""

    @property
    def saved_to(self) -> Path | None:
        """`out`, or the question's name with `.answer.wav` in the current folder."""
        return self.out or (Path(f"{self.wav.stem}.answer.wav") if self.wav else None)

    def wishes(self) -> RealtimeSessionUpdate:
        """The session as this run needs it; what is not asked for stays as the server has it."""
        heard = AudioInput(
            format=PcmFormat(),
            transcription=Transcription(model=self.transcription_model) if self.transcription_model else None,
            turn_detection=self._turn_detection(),
        )
        spoken = AudioOutput(format=PcmFormat(), voice=self.voice or UNSET)
        instructions = UNSET if self.instructions is None else self.instructions
        return RealtimeSessionUpdate(instructions=instructions, audio=Audio(input=heard, output=spoken))

    def _turn_detection(self) -> TurnDetection | None:
        match self.vad:
            case "server_vad":
                return ServerVad(silence_duration_ms=self.silence_ms)
            case "semantic_vad":
                return SemanticVad()
            case "none":
                return None
