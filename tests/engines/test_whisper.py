"""Whisper: read by faster-whisper itself, with a model that says what the test tells it."""

import sys
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
import tiny_whisper
from answering import run_async
from msgspec import structs
from served import call, play, spoken

from antiphon.audio.pcm import silence
from antiphon.config import Config
from antiphon.engines import registry
from antiphon.engines.registry import MissingWeights, SetupError, UnloadableEngine
from antiphon.engines.whisper import PIECE_MAX_S, Whisper, WhisperOptions, language_of
from antiphon.ports import ASR, EngineError, HearingOptions, Queued, Transcript
from antiphon.testing import TONE

SAID = ["Hello", "there,", "friend."]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that says SAID."""
    return tiny_whisper.write(tmp_path_factory.mktemp("whisper"), SAID)


def heard(weights: Path, scene: Callable[[Whisper], Coroutine[Any, Any, Any]], **options: Any) -> Any:
    """Play a scene with a running engine."""

    async def main() -> Any:
        engine = Whisper(str(weights), options=WhisperOptions(**options))
        await engine.start()
        try:
            return await scene(engine)
        finally:
            await engine.stop()

    return run_async(main)


async def said(engine: Whisper, pcm: bytes, options: HearingOptions | None = None) -> Transcript:
    """The final text of an utterance."""
    hearing = engine.open(options or HearingOptions())
    assert await hearing.feed(pcm) is None
    transcript = await hearing.settle()
    await hearing.close()
    return transcript


def test_a_turn_is_read_when_it_is_settled(weights: Path) -> None:
    """Nothing is told before; the text and its language after."""
    assert heard(weights, lambda engine: said(engine, silence(1000))) == Transcript(
        " ".join(SAID), stable=False, language="en"
    )


def test_a_client_reads_what_was_heard(weights: Path) -> None:
    """In a real session, named by the folder alone: the words of a spoken turn, in deltas that are never taken back."""
    config = Config(engines=structs.replace(TONE, asr=f"file:{weights}"))

    async def scene() -> None:
        async with call(config) as caller:
            await caller.update(audio={"input": {"transcription": {"model": "whisper-1", "language": "en"}}})
            await caller.speak(spoken())
            delta = await caller.until("conversation.item.input_audio_transcription.delta")
            completed = await caller.until("conversation.item.input_audio_transcription.completed")
            answer = await caller.until("response.done")

        assert (delta["delta"], completed["transcript"]) == (" ".join(SAID), " ".join(SAID))
        assert answer["response"]["status"] == "completed"

    play(scene)


def test_hardly_any_sound_holds_no_word(weights: Path) -> None:
    """The model would find one all the same."""
    assert heard(weights, lambda engine: said(engine, silence(150))).text == ""


def test_hints_reach_the_model(weights: Path) -> None:
    """A prompt, or keywords, stand before what it says: this one then has come further in its text."""

    async def scene(engine: Whisper) -> list[str]:
        prompted = await said(engine, silence(1000), HearingOptions(prompt="Hello"))
        hinted = await said(engine, silence(1000), HearingOptions(keywords=("Hello", "there,")))
        return [prompted.text, hinted.text]

    assert heard(weights, scene) == ["friend.", ""]


def test_passing_texts_where_they_are_wished(weights: Path) -> None:
    """Of all that was heard so far, not for good; they come with the audio that follows."""

    async def scene(engine: Whisper) -> Transcript | None:
        hearing = engine.open(HearingOptions())
        assert await hearing.feed(silence(600)) is None
        await hearing.settle()  # behind the passing reading in the same queue
        passing = await hearing.feed(silence(20))
        assert await hearing.feed(silence(20)) is None
        await hearing.close()
        return passing

    assert heard(weights, scene, partials_ms=500) == Transcript(" ".join(SAID), stable=False, language="en")


def test_a_long_turn_is_read_in_pieces(weights: Path) -> None:
    """The first piece stands before the turn has ended, and the whole begins with it."""

    async def scene(engine: Whisper) -> list[Transcript | None]:
        hearing = engine.open(HearingOptions())
        await hearing.feed(silence(1000 * (PIECE_MAX_S + 1)))
        whole = await hearing.settle()
        told = await hearing.feed(silence(20))
        await hearing.close()
        return [told, whole]

    first, whole = heard(weights, scene)

    assert first == Transcript(" ".join(SAID), stable=True, language="en")
    assert whole.text == " ".join(SAID + SAID)


def test_one_thread_reads_for_all(weights: Path) -> None:
    """Sessions share the model; what waits can be counted, and what is not wanted any more is not read."""

    async def scene(engine: Whisper) -> int:
        hearings = [engine.open(HearingOptions()) for _ in range(3)]
        for hearing in hearings:
            await hearing.feed(silence(1000))
            await hearing.close()
        assert isinstance(engine, Queued)
        return engine.waiting

    assert heard(weights, scene) == 0


@pytest.mark.parametrize(
    ("wished", "meant"),
    [("en", "en"), ("en-GB", "en"), ("DE", "de"), ("xx", None), ("", None), (None, None), ("english", None)],
)
def test_languages_are_taken_as_clients_write_them(wished: str | None, meant: str | None) -> None:
    """Regions and capitals mean nothing to the model; what it does not know, it finds out."""
    assert language_of(wished, ["en", "de"]) == meant


def test_an_engine_that_does_not_run_says_so(weights: Path) -> None:
    """Before its start, and after its end."""

    async def main() -> None:
        engine = Whisper(str(weights))
        hearing = engine.open(HearingOptions())
        await hearing.feed(silence(1000))
        with pytest.raises(EngineError, match="not running"):
            await hearing.settle()
        await engine.stop()

    run_async(main)


@pytest.mark.parametrize("content", [None, b"", b"no model"])
def test_weights_that_are_none_are_named(tmp_path: Path, content: bytes | None) -> None:
    """An empty folder, an empty file, a wrong one."""
    if content is not None:
        (tmp_path / "model.bin").write_bytes(content)
    engine = Whisper(str(tmp_path))

    async def main() -> None:
        with pytest.raises(EngineError, match=r'Whisper ".*" could not be loaded: '):
            await engine.start()
        await engine.stop()

    run_async(main)


def test_a_failure_of_the_library_is_ours(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client reads our words, the log has the cause."""

    async def scene(engine: Whisper) -> None:
        monkeypatch.setattr(engine._model, "transcribe", _broken)
        with pytest.raises(EngineError, match="The speech recognition failed"):
            await said(engine, silence(1000))

    heard(weights, scene)


def _broken(*_: Any, **__: Any) -> Any:
    raise RuntimeError("CUDA out of memory")


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("whisper", "small"),
        ("whisper#tiny.en", "tiny.en"),
        ("whisper#large-v3-turbo", "large-v3-turbo"),
        ("whisper#Systran/faster-whisper-base", "Systran/faster-whisper-base"),
        ("whisper#file:/models/mine", "/models/mine"),
        ("file:/models/mine", "/models/mine"),
        ("whisper#pulled", "/cache/pulled"),
        ("pulled", "/cache/pulled"),
    ],
)
def test_weights_are_named_in_many_ways(text: str, source: str) -> None:
    """A size, a repository, a folder, a name of the catalogue; also without the engine's name."""
    engine = registry.make("asr", text, weights=_catalogue)

    assert isinstance(engine, Whisper)
    assert engine._source == source


def _catalogue(name: str) -> Path:
    if name == "pulled":
        return Path("/cache/pulled")
    if name == "known":
        raise MissingWeights(name)
    raise LookupError(name)


def test_what_cannot_be_had_is_told_before_the_start() -> None:
    """Unknown names, weights to be pulled, wrong options; each with what to do."""
    with pytest.raises(SetupError, match='no model "huge"') as unknown:
        registry.make("asr", "whisper#huge")
    assert "large-v3" in unknown.value.hint
    with pytest.raises(MissingWeights):
        registry.make("asr", "whisper#known", weights=_catalogue)
    with pytest.raises(SetupError, match='no language "klingon"'):
        registry.make("asr", "whisper#tiny", options={"language": "klingon"})
    with pytest.raises(SetupError, match="Wrong option"):
        registry.make("asr", "whisper#tiny", options={"device": "tpu"})


@pytest.fixture
def absent() -> Iterator[None]:
    """faster-whisper is not installed."""
    kept = {name: sys.modules.pop(name) for name in list(sys.modules) if name.startswith("faster_whisper")}
    ours = sys.modules.pop("antiphon.engines.whisper")
    sys.modules["faster_whisper"] = None  # type: ignore[assignment]  # how Python itself marks what cannot be imported
    yield
    sys.modules |= {**kept, "antiphon.engines.whisper": ours}


@pytest.mark.usefixtures("absent")
def test_the_extra_is_named_where_it_is_missing() -> None:
    """Not every install has 200 MB of it."""
    with pytest.raises(UnloadableEngine) as missing:
        registry.make("asr", "whisper")
    assert 'pip install "antiphon[whisper]"' in missing.value.hint


def _keeps_the_port(engine: Whisper) -> ASR:
    """Checked by mypy."""
    return engine
