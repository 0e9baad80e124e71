"""Speech recognition by Whisper, through faster-whisper (CTranslate2): 99 languages, models of very different size.

It is no streaming model (see `pieces`), and pads whatever it reads to 30 s: a reading of a word takes as long as one of
half a minute. So turns are cut as late as the window allows, and passing texts, which cost a reading each, are off
unless they are wished for.

The weights are named by size (`whisper#small`), as a repository (`whisper#Systran/faster-whisper-small`), by the
catalogue's name, or as a folder (`whisper#file:PATH`). Sizes and repositories are fetched at the first start, through
`huggingface_hub` with its own variables (`HF_HOME`, `HF_TOKEN`, `HF_HUB_OFFLINE`, …).
"""

from collections.abc import Iterable
from typing import Any, Literal

import faster_whisper
import msgspec
from faster_whisper.tokenizer import _LANGUAGE_CODES  # it has no other list before a model is loaded
from faster_whisper.transcribe import Segment as Stretch

from antiphon.audio.pcm import BYTES_PER_MS, RATE_HZ, to_float
from antiphon.audio.resample import whole_float
from antiphon.engines.pieces import Cutting, PiecewiseHearing
from antiphon.engines.registry import EngineSpec, SetupError
from antiphon.engines.repeats import unlooped
from antiphon.engines.worker import Worker
from antiphon.ports import EngineError, HearingOptions, Transcript

DEFAULT_MODEL = "small"
MODEL_RATE_HZ = 16_000
LANGUAGES: tuple[str, ...] = tuple(_LANGUAGE_CODES)

SHORTEST_MS = 200
"""Below this there is no word in it, but the model would find one."""
PIECE_MAX_S = 28
"""A longer stretch is cut: beyond its window the model has to find the place to go on by itself."""
PIECE_MIN_S = 14

SILENT = 0.6
UNSURE = -1.0
"""A stretch that is probably silence (`SILENT`) and of whose words the model is not sure (mean log probability below
`UNSURE`) is nothing: the rule and the figures are Whisper's own. It was trained on subtitles, and says
"Thank you for watching." into a silence."""


class WhisperOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the operator may set."""

    language: str | None = None
    """Of sessions that name none, such as `en`; None has the model find out for each piece."""
    device: Literal["cpu", "cuda", "auto"] = "cpu"
    compute_type: str = "int8"
    """As CTranslate2 names it: `int8` for CPUs, `float16` or `int8_float16` for GPUs."""
    threads: int = 0
    """Cores for one reading; 0 leaves it to CTranslate2, which takes four."""
    beam_size: int = 1
    """Readings that are followed side by side; with 5, Whisper's own figure, it is a little more exact, and slower."""
    partials_ms: int = 0
    """Audio after which the turn so far is read for a passing text; 0 for never."""


class Whisper:
    """The model, and the one thread in which it reads for all sessions."""

    def __init__(self, model: str, name: str = "whisper", options: WhisperOptions | None = None) -> None:
        """`model` is what `faster_whisper.WhisperModel` takes: a size, a repository, or a folder."""
        self.name = name
        self.options = options or WhisperOptions()
        self._source = model
        self._model: faster_whisper.WhisperModel | None = None
        self._worker = Worker("whisper")

    @property
    def waiting(self) -> int:
        """Readings that wait for the thread."""
        return self._worker.waiting

    async def start(self) -> None:
        """Fetch the weights if they are not here, load them, and read once."""
        self._model = await self._worker.run(self._load)
        await self._worker.run(self.read, bytes(1000 * BYTES_PER_MS), HearingOptions())

    async def stop(self) -> None:
        """Let the reading that runs come to its end; the model goes with it."""
        self._model = None
        self._worker.stop()

    def open(self, options: HearingOptions) -> PiecewiseHearing:
        """Begin an utterance. Language, prompt and keywords are hints; an unknown language is found out."""
        cutting = Cutting(PIECE_MAX_S, PIECE_MIN_S, self.options.partials_ms)
        return PiecewiseHearing(self._worker, lambda pcm: self.read(pcm, options), cutting)

    def read(self, pcm: bytes, options: HearingOptions) -> Transcript:
        """The words in one piece of audio; call it in the worker's thread only."""
        model = self._model
        if model is None:
            raise EngineError("The speech recognition is not running.")
        language = language_of(options.language or self.options.language, model.supported_languages)
        if len(pcm) < SHORTEST_MS * BYTES_PER_MS:
            return Transcript("", language=language)
        heard = whole_float(to_float(pcm), RATE_HZ, MODEL_RATE_HZ)
        try:
            stretches, found = model.transcribe(
                heard,
                language=language,
                beam_size=self.options.beam_size,
                temperature=0.0,
                initial_prompt=options.prompt,
                hotwords=" ".join(options.keywords) or None,
                without_timestamps=True,
                condition_on_previous_text=False,
            )
            text = _words(stretches)  # it reads as they are asked for
        except (RuntimeError, ValueError) as error:  # what CTranslate2 and faster-whisper raise
            raise EngineError("The speech recognition failed.") from error
        return Transcript(unlooped(text, len(heard) / MODEL_RATE_HZ), language=found.language)

    def _load(self) -> faster_whisper.WhisperModel:
        """Raise EngineError for weights that cannot be had or are none."""
        try:
            return faster_whisper.WhisperModel(
                self._source,
                device=self.options.device,
                compute_type=self.options.compute_type,
                cpu_threads=self.options.threads,
            )
        except Exception as error:  # the hub, the disk and CTranslate2 have many kinds
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise EngineError(f'Whisper "{self._source}" could not be loaded: {reason}') from error


def make(spec: EngineSpec) -> Whisper:
    """Make the engine. Raise SetupError for a model that no name, repository or folder means."""
    options = spec.read(WhisperOptions)
    if options.language is not None and options.language not in LANGUAGES:
        raise SetupError(f'Whisper has no language "{options.language}".', f"it has: {', '.join(LANGUAGES)}")
    return Whisper(_source_of(spec), spec.text or spec.name, options)


def language_of(wished: str | None, known: Iterable[str]) -> str | None:
    """`en-GB` is `en` to the model; one that it does not know is left for it to find out."""
    code = (wished or "").split("-")[0].lower()
    return code if code in known else None


def _source_of(spec: EngineSpec) -> str:
    model = spec.model or spec.url or DEFAULT_MODEL
    if model.startswith("file:"):
        return model.removeprefix("file:")
    if model in faster_whisper.available_models():
        return model
    try:
        return str(spec.weights(model))
    except SetupError:
        raise
    except LookupError:
        if model.count("/") == 1:
            return model
        raise SetupError(
            f'Whisper has no model "{model}".',
            f"write OWNER/REPOSITORY, file:PATH, or one of: {', '.join(faster_whisper.available_models())}",
        ) from None


def _words(stretches: Iterable[Any]) -> str:
    return " ".join(filter(None, (_text_of(stretch) for stretch in stretches)))


def _text_of(stretch: Stretch) -> str:
    is_nothing = stretch.no_speech_prob > SILENT and stretch.avg_logprob < UNSURE
    text = stretch.text.strip()
    return text if any(letter.isalnum() for letter in text) and not is_nothing else ""
