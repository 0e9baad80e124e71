"""Rules of the embedded speech recognition."""

import asyncio
import sys
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from answering import run_async
from hypothesis import given
from hypothesis import strategies as st
from speech_clips import CLIPS, chunks, clip, errors, turning_loop

from antiphon.audio.pcm import RATE_HZ, from_float, ms_of, silence
from antiphon.engines import moonshine, registry
from antiphon.engines.moonshine import PIECE_MAX_S, PIECE_MIN_S, Moonshine, MoonshineOptions
from antiphon.engines.registry import SetupError, UnloadableEngine
from antiphon.engines.repeats import FASTEST_WORDS_PER_S, unlooped
from antiphon.ports import ASR, EngineError, HearingOptions, Transcript

LONG = list(CLIPS) * 5
"""58 s of speech without an end."""


class Watched(Moonshine):
    """Moonshine that notes what it read, in ms."""

    def __init__(self, options: MoonshineOptions | None = None) -> None:
        super().__init__(options=options)
        self.reads: list[int] = []

    def read(self, pcm: bytes | bytearray) -> str:
        self.reads.append(ms_of(pcm))
        return super().read(pcm)


@pytest.fixture(scope="module")
def engine() -> Iterator[Moonshine]:
    running = Moonshine()
    run_async(running.start)
    yield running
    run_async(running.stop)


@pytest.fixture
def watched() -> Iterator[Callable[[int], Watched]]:
    """A running engine that notes its reads; it begins with none."""
    engines: list[Watched] = []

    def start(partials_ms: int = 0) -> Watched:
        engines.append(Watched(MoonshineOptions(partials_ms=partials_ms)))
        run_async(engines[-1].start)
        engines[-1].reads.clear()
        return engines[-1]

    yield start
    for running in engines:
        run_async(running.stop)


async def hear(engine: Moonshine, pcm: bytes, chunk_ms: int = 100) -> Transcript:
    hearing = engine.open(HearingOptions())
    for chunk in chunks(pcm, chunk_ms):
        await hearing.feed(chunk)
    final = await hearing.settle()
    await hearing.close()
    return final


def heard(engine: Moonshine, pcm: bytes) -> Transcript:
    """What it makes of audio by itself."""
    return run_async(lambda: hear(engine, pcm))


@pytest.mark.embedded
def test_real_speech_becomes_its_words(engine: Moonshine) -> None:
    """Of 31 words, at most two are wrong."""
    wrong = {name: errors(heard(engine, clip(name)).text, said["text"]) for name, said in CLIPS.items()}

    assert sum(wrong.values()) <= 2, wrong


@pytest.mark.embedded
def test_marks_and_case_are_the_models(engine: Moonshine) -> None:
    """The text is for reading: it begins with a capital, ends with a mark, and has no blanks around it."""
    assert heard(engine, clip("lv0930.wav")) == Transcript(
        "He might even have been made amiable himself.", stable=False, language="en"
    )


@pytest.mark.embedded
def test_the_stream_stays_usable_after_it_settled(engine: Moonshine) -> None:
    """More may be fed; the next text is of all of it, as if nobody had asked before."""
    sound = clip("lv0890.wav")

    async def main() -> tuple[str, str]:
        hearing = engine.open(HearingOptions())
        await hearing.feed(sound[: len(sound) // 4 * 2])
        first = await hearing.settle()
        await hearing.feed(sound[len(sound) // 4 * 2 :])
        second = await hearing.settle()
        await hearing.close()
        return first.text, second.text

    first, second = run_async(main)

    assert second == heard(engine, sound).text
    assert 0 < len(first) < len(second)


@pytest.mark.embedded
def test_nothing_is_read_before_it_is_asked_for(watched: Callable[[int], Watched]) -> None:
    """Feeding only gathers; settling reads once."""
    engine = watched(0)
    run_async(lambda: hear(engine, clip("lv0880.wav"), chunk_ms=20))

    assert engine.reads == [ms_of(clip("lv0880.wav"))]


@pytest.mark.embedded
@pytest.mark.parametrize("chunk_ms", [100, 5000, 60_000])
def test_a_long_turn_is_read_piece_by_piece(watched: Callable[[int], Watched], chunk_ms: int) -> None:
    """Each piece is read once while the caller speaks on; at the end only the rest is left, and no word is lost."""
    engine = watched(0)
    sound = b"".join(clip(name)[: -48 * 500] for name in LONG)

    async def main() -> tuple[Transcript, Transcript, list[Transcript]]:
        hearing = engine.open(HearingOptions())
        news = [await hearing.feed(chunk) for chunk in chunks(sound, chunk_ms)]
        first = await hearing.settle()
        news.append(await hearing.feed(b""))
        second = await hearing.settle()
        await hearing.close()
        return first, second, [each for each in news if each]

    first, second, news = run_async(main)
    pieces, rest = engine.reads[:-2], engine.reads[-1]

    assert all(PIECE_MIN_S * 1000 <= ms <= PIECE_MAX_S * 1000 for ms in pieces)
    assert sum(pieces) + rest == ms_of(sound)
    assert engine.reads[-2] == rest <= PIECE_MAX_S * 1000
    assert first == second
    assert errors(first.text, " ".join(CLIPS[name]["text"] for name in LONG)) <= 0.08 * 31 * 5
    assert news
    assert all(each.stable and first.text.startswith(each.text) for each in news)


@pytest.mark.embedded
def test_passing_texts_come_only_where_they_are_wished(watched: Callable[[int], Watched]) -> None:
    """With `partials_ms` feed gives what it has heard so far, and that it may change."""
    engine = watched(1000)

    async def main() -> list[Transcript | None]:
        hearing = engine.open(HearingOptions())
        news = []
        for chunk in chunks(clip("lv0890.wav"), 1000):
            news.append(await hearing.feed(chunk))
            await engine._worker.run(lambda: None)  # until the reading that was begun is over
        news.append(await hearing.feed(b""))
        await hearing.close()
        return news

    texts = [each.text for each in run_async(main) if each is not None and not each.stable]

    assert len(texts) >= 3
    assert errors(texts[-1], CLIPS["lv0890.wav"]["text"]) <= 1


@pytest.mark.embedded
@pytest.mark.parametrize(
    "sound",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(silence(1), id="1 ms"),
        pytest.param(silence(63), id="63 ms"),
        pytest.param(silence(150), id="150 ms"),
        pytest.param(silence(250), id="250 ms"),
        pytest.param(silence(5000), id="silence"),
        pytest.param(silence(30_000), id="long silence"),
        pytest.param(from_float(np.random.default_rng(1).normal(0, 0.01, 2 * RATE_HZ).astype(np.float32)), id="noise"),
        pytest.param(from_float(np.eye(1, RATE_HZ, 500, dtype=np.float32)[0]), id="click"),
    ],
)
def test_where_nobody_speaks_there_are_no_words(engine: Moonshine, sound: bytes) -> None:
    """Nothing is invented, and nothing raised."""
    assert heard(engine, sound).text == ""


@pytest.mark.embedded
def test_eight_at_once_get_what_they_would_get_alone(engine: Moonshine) -> None:
    """One model serves all sessions, and the event loop goes on turning meanwhile."""
    names = (list(CLIPS) * 3)[:8]
    alone = [heard(engine, clip(name)).text for name in names]

    async def main() -> tuple[list[Transcript], int]:
        sounds = [clip(name) for name in names]
        async with turning_loop() as turns:
            together = await asyncio.gather(*(hear(engine, sound) for sound in sounds))
        return together, len(turns)

    together, turns = run_async(main)

    assert [each.text for each in together] == alone
    assert turns > 20


@pytest.mark.embedded
def test_what_nobody_wants_any_more_is_not_read(watched: Callable[[int], Watched]) -> None:
    """A stream that was closed leaves no work behind."""
    engine = watched(0)

    async def main() -> None:
        first = engine.open(HearingOptions())
        await first.feed(b"".join(clip(name) for name in CLIPS))
        await first.feed(b"".join(clip(name) for name in CLIPS))
        await first.close()
        await engine._worker.run(lambda: None)

    run_async(main)

    assert len(engine.reads) <= 1


@pytest.mark.embedded
def test_a_failure_is_told_and_passes() -> None:
    """The model's own error becomes one that a client may see; also for a piece that was read in the background."""
    engine = Moonshine()

    async def main() -> None:
        await engine.start()
        handle, engine._model._handle = engine._model._handle, 12345
        hearing = engine.open(HearingOptions())
        await hearing.feed(silence(1000 * (PIECE_MAX_S + 1)))
        with pytest.raises(EngineError, match=r"^The speech recognition failed\.$"):
            await hearing.settle()
        engine._model._handle = handle
        assert (await hearing.settle()).text == ""
        await engine.stop()

    run_async(main)


@pytest.mark.embedded
def test_it_hears_only_while_it_runs() -> None:
    """Before `start` the failure says so; a stop that was never a start is no error."""
    engine = Moonshine()
    with pytest.raises(EngineError, match="is not running"):
        heard(engine, clip("lv0880.wav"))
    run_async(engine.stop)


@pytest.mark.embedded
def test_weights_that_are_not_there_are_an_engines_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken installation fails at `start`."""
    monkeypatch.setattr(moonshine, "MODEL", "none")
    with pytest.raises(EngineError, match="Moonshine could not be loaded"):
        run_async(Moonshine().start)


def test_the_operator_gets_it_by_name() -> None:
    """`--asr moonshine`, with its one option."""
    engine: ASR = registry.make("asr", "moonshine", options={"partials_ms": "500"})

    assert isinstance(engine, Moonshine)
    assert engine.name == "moonshine"
    assert engine.options == MoonshineOptions(partials_ms=500)
    assert registry.make("asr", "moonshine#tiny-en").name == "moonshine#tiny-en"
    with pytest.raises(SetupError, match='Moonshine has no model "base-fr"'):
        registry.make("asr", "moonshine#base-fr")


def test_without_its_package_the_hint_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator is told what to install."""
    monkeypatch.setitem(sys.modules, "moonshine_voice", None)
    monkeypatch.delitem(sys.modules, "antiphon.engines.moonshine")

    with pytest.raises(UnloadableEngine, match=r'hint: pip install "antiphon\[embedded\]"'):
        registry.make("asr", "moonshine")


@pytest.mark.parametrize(
    ("heard", "seconds", "said"),
    [
        ("No matter no matter no matter no matter no matter", 1.5, "No matter"),
        ("So, we have, so we have, so we have, so we have, so we have a loop.", 3.0, "So, we have, a loop."),
        ("You can story story story story story", 1.0, "You can story"),
        ("Stop stop stop stop stop stop", 2.7, "Stop stop stop stop stop stop"),
        ("Five five five", 0.5, "Five five five"),
        ("", 0.3, ""),
    ],
)
def test_what_nobody_can_say_so_often_is_said_once(heard: str, seconds: float, said: str) -> None:
    """More than three times the same words, faster than anybody speaks: the recogniser went in a circle."""
    assert unlooped(heard, seconds) == said


@given(st.lists(st.sampled_from(["no", "matter", "No,", "yes"]), max_size=40), st.floats(0.1, 20))
def test_only_repetitions_that_are_too_fast_are_touched(words: list[str], seconds: float) -> None:
    """At a speed that people reach the text stays as it is; at any speed no word comes in."""
    cleaned = unlooped(" ".join(words), seconds).split()

    if len(words) <= FASTEST_WORDS_PER_S * seconds:
        assert cleaned == words
    assert set(cleaned) <= set(words)
    assert len(cleaned) <= len(words)
