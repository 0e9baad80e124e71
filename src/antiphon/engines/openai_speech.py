"""Any OpenAI-compatible endpoint as the recogniser (`audio/transcriptions`) or the voice (`audio/speech`).

The recogniser is asked once per pause of the caller, with all of the turn so far as one WAV upload. Endpoints that
stream a transcription do so after the upload, so nothing is gained by it: the text counts when it is whole.

The voice is streamed: raw `pcm` at 24 kHz as it comes. An endpoint that refuses raw samples, or sends a WAV file
all the same, is taken at its word: the file is read whole, clause by clause.
"""

import asyncio
import contextlib
import io
import wave
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from typing import Any, Literal, TypeVar

import msgspec
from openai import AsyncOpenAI, BadRequestError, UnprocessableEntityError

from antiphon.audio import wav
from antiphon.audio.pcm import BYTES_PER_MS, RATE_HZ, SAMPLE_BYTES
from antiphon.audio.resample import whole
from antiphon.engines.openai_endpoint import EndpointOptions, address_of, client_of
from antiphon.engines.openai_errors import explained
from antiphon.engines.registry import EngineSpec
from antiphon.ports import EngineError, HearingOptions, TokenProb, Transcript, TranscriptUsage

UPLOAD_RATE_HZ = 16_000
"""What recognisers work at. The longest turn, 10 minutes, stays below the 25 MB that OpenAI takes."""
SHORTEST_MS = 100
"""OpenAI refuses shorter audio; there is no word in it."""
MAX_TRANSCRIPT_BYTES = 4 * 1024 * 1024
MAX_SPEECH_BYTES = 300_000 * BYTES_PER_MS
"""5 minutes: no clause of ours takes a tenth of it, so an endpoint that sends more has lost its way."""
FASTEST, SLOWEST = 4.0, 0.25
VOICES = ("alloy", "ash", "ballad", "coral", "echo", "fable", "nova", "onyx", "sage", "shimmer", "verse")

_T = TypeVar("_T")


class OpenAIHearingOptions(EndpointOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the operator may say of a transcription endpoint."""

    language: str | None = None
    """For sessions that name none; ISO 639-1."""
    prompt: str | None = None
    """For sessions that bring none."""


class OpenAIVoiceOptions(EndpointOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the operator may say of a speech endpoint."""

    voices: tuple[str, ...] = VOICES
    """The endpoint's names, the default first."""
    response_format: Literal["pcm", "wav"] = "pcm"
    instructions: str | None = None
    """How to speak, for models that take it."""


# Hearing


class _Usage(msgspec.Struct):
    type: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    input_token_details: dict[str, int] = {}


class _Logprob(msgspec.Struct):
    token: str
    logprob: float


class _Heard(msgspec.Struct):
    """A transcription, as far as we read it."""

    text: str
    language: str | None = None
    logprobs: Any = None
    usage: Any = None


_HEARD = msgspec.json.Decoder(_Heard)


class _Endpoint:
    """The connections of one engine."""

    def __init__(self, name: str, base_url: str, model: str, options: EndpointOptions) -> None:
        self.name = name
        self.model = model
        self.timeout_s = options.timeout_s
        self._base_url = base_url
        self._options = options
        self._client: AsyncOpenAI | None = None

    async def start(self) -> None:
        """Make the connection pool; connects to nothing."""
        self._client = client_of(self._base_url, self._options)

    async def stop(self) -> None:
        """Close all connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    @property
    def client(self) -> AsyncOpenAI:
        """The pool; raises `EngineError` outside `start` and `stop`."""
        if self._client is None:
            raise EngineError("The model endpoint is not in use.")
        return self._client

    @property
    def extra_body(self) -> dict[str, Any] | None:
        """Parameters of this endpoint alone."""
        return dict(self._options.extra_body) or None


class OpenAIHearing(_Endpoint):
    """A recogniser by URL."""

    def __init__(self, name: str, base_url: str, model: str, options: OpenAIHearingOptions) -> None:
        super().__init__(name, base_url, model, options)
        self._defaults = HearingOptions(language=options.language, prompt=options.prompt)

    def open(self, options: HearingOptions) -> "Utterance":
        """Begin an utterance. The operator's model hears it, whatever model the client names."""
        return Utterance(self, options)

    async def transcribe(self, pcm: bytes, options: HearingOptions) -> Transcript:
        """The words in `pcm`. Raises `EngineError`."""
        upload = await asyncio.to_thread(_upload, pcm)
        request = self._request(upload, options)
        with explained(self.timeout_s, "transcription"):
            async with (
                asyncio.timeout(self.timeout_s),
                self.client.audio.transcriptions.with_streaming_response.create(**request) as answer,
            ):
                body = await _read(answer.iter_bytes(), MAX_TRANSCRIPT_BYTES)
            return _transcript(_HEARD.decode(body))

    def _request(self, upload: bytes, options: HearingOptions) -> dict[str, Any]:
        request: dict[str, Any] = {
            "file": ("turn.wav", upload, "audio/wav"),
            "model": self.model,
            "response_format": "json",
            "extra_body": self.extra_body,
        }
        if language := options.language or self._defaults.language:
            request["language"] = language
        if prompt := options.prompt or self._defaults.prompt:
            request["prompt"] = prompt
        if options.keywords:
            request["keywords"] = list(options.keywords)
        if options.logprobs:
            request["include"] = ["logprobs"]
        return request


class Utterance:
    """One utterance being heard: gathered here, sent whole at each `settle`."""

    def __init__(self, engine: OpenAIHearing, options: HearingOptions) -> None:
        self._engine = engine
        self._options = options
        self._pcm = bytearray()

    async def feed(self, pcm: bytes) -> Transcript | None:
        """Gather audio; nothing is known before `settle`."""
        self._pcm += pcm
        return None

    async def settle(self) -> Transcript:
        """Send what was gathered."""
        if len(self._pcm) < SHORTEST_MS * BYTES_PER_MS:
            return Transcript("", stable=False)
        return await self._engine.transcribe(bytes(self._pcm), self._options)

    async def close(self) -> None:
        """Forget the audio."""
        self._pcm.clear()


def _upload(pcm: bytes) -> bytes:
    """`pcm` as a WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((1, SAMPLE_BYTES, UPLOAD_RATE_HZ, 0, "NONE", ""))
        writer.writeframes(whole(pcm, RATE_HZ, UPLOAD_RATE_HZ))
    return file.getvalue()


def _transcript(heard: _Heard) -> Transcript:
    usage = _lenient(heard.usage, _Usage) or _Usage()
    counted = None
    if usage.type == "tokens":
        details = usage.input_token_details
        audio = details.get("audio_tokens", usage.input_tokens)
        counted = TranscriptUsage(details.get("text_tokens", 0), audio, usage.output_tokens)
    tokens = tuple(TokenProb(each.token, each.logprob) for each in _lenient(heard.logprobs, list[_Logprob]) or ())
    return Transcript(heard.text.strip(), stable=False, language=heard.language, tokens=tokens, usage=counted)


def _lenient(tree: Any, kind: type[_T]) -> _T | None:
    """What stands beside the text, where it can be read; the text counts without it."""
    try:
        return msgspec.convert(tree, kind)
    except msgspec.ValidationError:
        return None


async def _read(parts: AsyncIterator[bytes], limit: int) -> bytes:
    """A whole body. Raises `EngineError` for one that is larger than any answer can be."""
    body = bytearray()
    async for part in parts:
        body += part
        if len(body) > limit:
            raise EngineError("The model endpoint sends more than it was asked for.")
    return bytes(body)


# Speaking


class OpenAIVoice(_Endpoint):
    """A voice by URL."""

    def __init__(self, name: str, base_url: str, model: str, options: OpenAIVoiceOptions) -> None:
        super().__init__(name, base_url, model, options)
        self.voices = options.voices
        self._instructions = options.instructions
        self._format: Literal["pcm", "wav"] = options.response_format

    async def speak(self, text: str, voice: str, speed: float) -> AsyncGenerator[bytes, None]:
        """Speak one clause; closing the iterator closes the connection, and the endpoint stops."""
        known = voice if voice in self.voices else next(iter(self.voices), voice)
        request: dict[str, Any] = {
            "input": text,
            "model": self.model,
            "voice": known,
            "extra_body": self.extra_body,
        }
        if speed != 1.0:
            request["speed"] = min(max(speed, SLOWEST), FASTEST)
        if self._instructions is not None:
            request["instructions"] = self._instructions
        async with contextlib.aclosing(self._sound(request)) as pieces:
            async for piece in pieces:
                yield piece

    async def _sound(self, request: dict[str, Any]) -> AsyncGenerator[bytes, None]:
        """The `pcm` of one request, in whole samples."""
        async with contextlib.AsyncExitStack() as stack:
            answer = await self._open(stack, request)
            reader = _Reader(await stack.enter_async_context(contextlib.aclosing(answer.iter_bytes())))
            while (piece := await self._next(reader)) is not None:
                if piece:
                    yield piece

    async def _next(self, reader: "_Reader") -> bytes | None:
        with explained(self.timeout_s, "sound"):
            async with asyncio.timeout(self.timeout_s):
                return await reader.next()

    async def _open(self, stack: contextlib.AsyncExitStack, request: dict[str, Any]) -> Any:
        """Ask for the sound; where raw samples are refused, for a file, now and from now on."""
        try:
            answer = await self._ask(stack, {**request, "response_format": self._format})
        except _NoRawSamples:
            self._format = "wav"
            answer = await self._ask(stack, {**request, "response_format": self._format})
        kind = answer.headers.get("content-type", "")
        if kind.startswith(("text/", "application/json")):
            raise EngineError("The model endpoint sent what is no sound.")
        return answer

    async def _ask(self, stack: contextlib.AsyncExitStack, request: dict[str, Any]) -> Any:
        speech = self.client.audio.speech.with_streaming_response.create(**request)
        with explained(self.timeout_s, "sound"), _telling_raw_refused(request["response_format"]):
            async with asyncio.timeout(self.timeout_s):
                return await stack.enter_async_context(speech)


class _NoRawSamples(Exception):
    """The endpoint refuses `pcm`."""


@contextlib.contextmanager
def _telling_raw_refused(coding: str) -> Iterator[None]:
    """Tell apart what is refused for its format alone: its message names the format, or the value."""
    try:
        yield
    except (BadRequestError, UnprocessableEntityError) as error:
        words = str(error.body)
        if coding == "pcm" and ("response_format" in words or "pcm" in words):
            raise _NoRawSamples from error
        raise


class _Reader:
    """The body of a speech answer as whole samples: raw ones at once, a WAV file at its end."""

    def __init__(self, parts: AsyncIterator[bytes]) -> None:
        self._parts = parts
        self._held = bytearray()
        self._seen = 0
        self._is_file: bool | None = None
        """None: too little is here to tell."""

    async def next(self) -> bytes | None:
        """More samples, perhaps none yet; None at the end. Raises `EngineError` for too many."""
        part: bytes | None = await anext(self._parts, None)
        if part is None:
            return await self._rest()
        self._seen += len(part)
        if self._seen > MAX_SPEECH_BYTES:
            raise EngineError("The model endpoint does not stop speaking.")
        self._held += part
        if self._is_file is None and len(self._held) >= len(b"RIFF"):
            self._is_file = self._held.startswith(b"RIFF")
        return b"" if self._is_file in (None, True) else self._take()

    def _take(self) -> bytes:
        size = len(self._held) & ~1
        taken = bytes(self._held[:size])
        del self._held[:size]
        return taken

    async def _rest(self) -> bytes | None:
        """What is left at the end; None once it was given."""
        if self._is_file:
            file, self._held = bytes(self._held), bytearray()
            self._is_file = False
            return await asyncio.to_thread(wav.decode, file)
        return self._take() or None


def make_asr(spec: EngineSpec) -> OpenAIHearing:
    """Make the recogniser; raises `SetupError` where the model or a proper URL is missing."""
    options = spec.read(OpenAIHearingOptions)
    return OpenAIHearing(spec.text, *address_of(spec, options, "transcription"), options)


def make_tts(spec: EngineSpec) -> OpenAIVoice:
    """Make the voice; raises `SetupError` where the model or a proper URL is missing."""
    options = spec.read(OpenAIVoiceOptions)
    return OpenAIVoice(spec.text, *address_of(spec, options, "speech"), options)
