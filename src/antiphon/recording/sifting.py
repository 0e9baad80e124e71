"""Takes out of an event what its line must not hold: secrets, which are lost, and audio, which is kept elsewhere."""

import re
from typing import Final

import pybase64

from antiphon.protocol.wire import Json
from antiphon.recording.rows import Place

REMOVED: Final = "[removed]"

SECRET_KEYS: Final = frozenset(
    {
        "authorization",
        "api_key",
        "api-key",
        "apikey",
        "x-api-key",
        "access_token",
        "client_secret",
        "password",
        "secret",
    }
)
"""Keys of an object whose text is a secret, whatever it is."""

HOLDERS: Final = frozenset({"headers", "client_secret"})
"""Keys of an object all of whose texts are secrets."""

AUDIO_KEYS: Final = frozenset({"audio", "pcm"})
AUDIO_DELTAS: Final = frozenset({"response.output_audio.delta", "response.audio.delta"})

_KEY: Final = re.compile(
    r"\b[a-z]k[-_][\w-]{8,}"
    r"|(?<=\bBearer )[^\s\"]+"
    r"|(?<=://)[^\s/@\"]+(?=@)"
    r"|(?<=[?&])(?:api[-_]?key|key|token|access_token|authorization|signature|sig)=[^\s&#\"]+",
    re.IGNORECASE,
)
"""What looks like an API key (`sk-…`), an ephemeral key (`ek_…`), a token in a header, or a secret in a URL."""


def without_keys(text: str) -> str:
    """The text, with every key in it removed."""
    return _KEY.sub(REMOVED, text)


class Sieve:
    """Sifts one event. `sounds` are then the audio of it, by the place that each was taken from."""

    def __init__(self) -> None:
        self.sounds: list[tuple[Place, bytes]] = []

    def sift(self, event: dict[str, Json]) -> dict[str, Json]:
        """The event without secrets, and with an empty string where there was audio. Raise RecursionError."""
        sifted: dict[str, Json] = self._sift(event, (), is_secret=False)
        return sifted

    def _sift(self, value: Json, place: Place, *, is_secret: bool) -> Json:
        if isinstance(value, dict):
            kind = value.get("type")
            is_delta = isinstance(kind, str) and kind in AUDIO_DELTAS
            named = ((without_keys(key), entry) for key, entry in value.items())
            return {
                key: self._entry(key, entry, (*place, key), is_secret=is_secret, is_delta=is_delta)
                for key, entry in named
            }
        if isinstance(value, list):
            return [self._sift(entry, (*place, number), is_secret=is_secret) for number, entry in enumerate(value)]
        if isinstance(value, str):
            return REMOVED if is_secret else without_keys(value)
        return value

    def _entry(self, key: str, value: Json, place: Place, *, is_secret: bool, is_delta: bool) -> Json:
        """What is left of the value of a key."""
        name = key.lower()
        if not isinstance(value, str):
            return self._sift(value, place, is_secret=is_secret or name in HOLDERS)
        if is_secret or name in SECRET_KEYS:
            return REMOVED
        if name in AUDIO_KEYS or (is_delta and name == "delta"):
            audio = _decoded(value)
            if audio:
                self.sounds.append((place, audio))
                return ""
        return without_keys(value)


def _decoded(text: str) -> bytes | None:
    """The bytes of a text that is base64, and that gives the same text again."""
    try:
        audio = pybase64.b64decode(text, validate=True)
    except ValueError:
        return None
    return audio if pybase64.b64encode_as_string(audio) == text else None
