"""Rules of the embedded voice."""

import asyncio
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import hibari
import numpy as np
import pytest
from answering import run_async
from hypothesis import given, settings
from hypothesis import strategies as st
from speech_clips import errors, turning_loop

from antiphon.audio.pcm import ms_of, silence, to_float
from antiphon.engines import hibari as voices
from antiphon.engines import registry
from antiphon.engines.hibari import MAX_PART_CHARACTERS, Hibari, on_this_machine, parts
from antiphon.engines.moonshine import Moonshine
from antiphon.engines.registry import SetupError, UnloadableEngine
from antiphon.ports import TTS, EngineError, HearingOptions

SENTENCE = "The quick answer is that your order will arrive on Tuesday morning."


@pytest.fixture(scope="module")
def engine() -> Iterator[Hibari]:
    running = Hibari()
    run_async(running.start)
    yield running
    run_async(running.stop)


async def pieces(engine: Hibari, text: str, voice: str = "heart", speed: float = 1.0) -> list[bytes]:
    return [piece async for piece in engine.speak(text, voice, speed)]


def spoken(engine: Hibari, text: str, voice: str = "heart", speed: float = 1.0) -> bytes:
    return b"".join(run_async(lambda: pieces(engine, text, voice, speed)))


def loud_ms(pcm: bytes) -> tuple[int, int]:
    """Where the sound begins and ends."""
    loud = np.flatnonzero(np.abs(to_float(pcm)) > 0.002)
    return int(loud[0]) // 24, int(loud[-1]) // 24


@pytest.mark.embedded
def test_what_it_says_can_be_understood(engine: Hibari) -> None:
    """Our own recogniser hears every word of it."""

    async def main() -> str:
        ears = Moonshine()
        await ears.start()
        hearing = ears.open(HearingOptions())
        await hearing.feed(silence(300))
        for piece in await pieces(engine, SENTENCE):
            await hearing.feed(piece)
        text = (await hearing.settle()).text
        await hearing.close()
        await ears.stop()
        return text

    assert errors(run_async(main), SENTENCE) == 0


@pytest.mark.embedded
def test_the_answer_starts_at_once(engine: Hibari) -> None:
    """The voice's own 300 ms of silence are cut away; 20 ms stay."""
    assert loud_ms(spoken(engine, "Yes, of course."))[0] <= 40


@pytest.mark.embedded
@pytest.mark.parametrize(("text", "pause_ms"), [("Well,", 150), ("Well.", 350), ("“Well.”", 350), ("Well", 60)])
def test_a_pause_fits_the_last_mark(engine: Hibari, text: str, pause_ms: int) -> None:
    """Clauses that are spoken one by one sound like one answer."""
    sound = spoken(engine, text)

    assert pause_ms <= ms_of(sound) - loud_ms(sound)[1] <= pause_ms + 120


@pytest.mark.embedded
def test_long_text_comes_sentence_by_sentence(engine: Hibari) -> None:
    """Each piece is given as soon as it is made."""
    each = [spoken(engine, sentence) for sentence in ("Dr. Smith left.", "He paid $9.99!", "Why?")]

    assert run_async(lambda: pieces(engine, "Dr. Smith left. He paid $9.99! Why?")) == each


@pytest.mark.embedded
@pytest.mark.parametrize(
    "text",
    ["", "   ", "...", "?!", "—", "\n\n", "😀😀", "你好,世界", "\u200b", "\ud800", "***", "$"],
)
def test_what_cannot_be_spoken_is_silence(engine: Hibari, text: str) -> None:
    """No sound and no error."""
    assert spoken(engine, text) == b""


@pytest.mark.embedded
@pytest.mark.parametrize(
    "text", ["Привет мир", "naïve café", "https://example.com/a?b=c", "`f()` {x: 1}", "1/2 ½", "-5°C"]
)
def test_odd_text_is_no_error(engine: Hibari, text: str) -> None:
    """It says of it what it can."""
    assert spoken(engine, text)


@pytest.mark.embedded
@given(st.text(max_size=30))
@settings(max_examples=60, deadline=None)
def test_no_text_can_break_it(engine: Hibari, text: str) -> None:
    """Whole samples or nothing, whatever a model writes."""
    assert len(spoken(engine, text)) % 2 == 0


@pytest.mark.embedded
def test_a_huge_number_is_read_digit_by_digit(engine: Hibari) -> None:
    """There are no words for it, and it must not fail the answer."""

    async def main() -> bytes:
        async for piece in engine.speak("1" * 5000, "heart", 4.0):
            return piece
        return b""

    assert run_async(main)
    assert next(iter(parts("9" * 16))) == " ".join("9" * 16)


@pytest.mark.embedded
def test_what_its_rules_fail_on_is_left_out(engine: Hibari) -> None:
    """A part that Hibari cannot read is skipped, the others are spoken."""
    impossible = ",".join(["111"] * 40)  # one number to Hibari, and too large for it

    with pytest.raises(IndexError):
        engine._loaded["heart"].phonemize(impossible)
    assert spoken(engine, f"Yes. {impossible}. No.") == spoken(engine, "Yes. No.")


@pytest.mark.embedded
def test_speed_is_the_voices_own(engine: Hibari) -> None:
    """Twice as fast is about half as long; what is beyond the limits counts as the limit."""
    normal = ms_of(spoken(engine, SENTENCE))

    assert ms_of(spoken(engine, SENTENCE, speed=0.5)) == pytest.approx(2 * normal, rel=0.1)
    assert ms_of(spoken(engine, SENTENCE, speed=1.5)) == pytest.approx(normal / 1.5, rel=0.1)
    assert spoken(engine, SENTENCE, speed=99.0) == spoken(engine, SENTENCE, speed=4.0)
    assert spoken(engine, "Yes.", speed=0.0) == spoken(engine, "Yes.", speed=0.25)


@pytest.mark.embedded
def test_an_unknown_voice_is_spoken_by_the_first(engine: Hibari) -> None:
    """Clients ask for voices of the provider's."""
    assert spoken(engine, "Yes.", voice="alloy") == spoken(engine, "Yes.", voice="heart")


@pytest.mark.embedded
def test_eight_at_once_sound_as_they_would_alone(engine: Hibari) -> None:
    """One model serves all sessions, and the event loop goes on turning meanwhile."""
    texts = [f"{SENTENCE} And this is number {n}." for n in range(8)]
    alone = [spoken(engine, text) for text in texts]

    async def main() -> tuple[list[list[bytes]], int]:
        async with turning_loop() as turns:
            together = await asyncio.gather(*(pieces(engine, text) for text in texts))
        return together, len(turns)

    together, turns = run_async(main)

    assert [b"".join(each) for each in together] == alone
    assert turns > 20


@pytest.mark.embedded
def test_who_stops_listening_stops_the_work(engine: Hibari) -> None:
    """After `aclose` no further sentence is made."""
    made: list[str] = []

    async def main() -> None:
        voice = engine._loaded["heart"]
        speech = engine.speak("One. Two. Three. Four.", "heart", 1.0)
        await anext(speech)
        await speech.aclose()
        engine._worker.submit(made.append, voice.voice)
        await engine._worker.run(lambda: None)
        with pytest.raises(StopAsyncIteration):
            await anext(speech)

    run_async(main)

    assert made == ["heart"]


@pytest.mark.embedded
def test_it_speaks_only_while_it_runs() -> None:
    """Before `start` the failure says so, and a stop that was never a start is no error."""
    engine = Hibari()
    with pytest.raises(EngineError, match="is not running"):
        spoken(engine, "Hello.")
    run_async(engine.stop)


def test_a_sound_that_cannot_be_heard_is_none() -> None:
    """There is nothing to trim, and no pause after nothing."""
    assert voices._trimmed(np.full(2400, 0.0005, np.float32), 350) == b""


# Voices


@pytest.fixture
def emma(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A second voice on this machine: the first one's weights under another name."""
    monkeypatch.setenv("HIBARI_HOME", str(tmp_path))
    source = hibari.voices.voice_path("heart")
    return Path(shutil.copy(source, tmp_path / hibari.voices.VOICES["emma"]["file"]))


@pytest.mark.embedded
def test_voices_that_are_here_can_be_asked_for(emma: Path) -> None:
    """The package's own comes first; a British voice speaks by British rules."""
    engine = Hibari()
    run_async(engine.start)

    assert engine.voices == ("heart", "emma")
    assert spoken(engine, "Schedule a bath.", "emma") != spoken(engine, "Schedule a bath.", "heart")
    run_async(engine.stop)


@pytest.mark.embedded
def test_a_voice_that_is_broken_is_an_engines_error(emma: Path) -> None:
    """Its file is no model."""
    emma.write_bytes(b"no model")
    engine = Hibari()
    run_async(engine.start)

    with pytest.raises(EngineError, match='The voice "emma" could not be loaded'):
        spoken(engine, "Hello.", "emma")
    run_async(engine.stop)


@pytest.mark.embedded
def test_a_synthesis_that_fails_is_an_engines_error() -> None:
    """The network's own error becomes one that a client may see."""
    engine = Hibari()
    run_async(engine.start)
    engine._loaded["heart"].sess = None

    with pytest.raises(EngineError, match=r"^The speech synthesis failed\.$"):
        spoken(engine, "Hello.")
    run_async(engine.stop)


def test_the_operator_gets_it_by_name(emma: Path) -> None:
    """`--tts hibari`, or with another voice first."""
    engine: TTS = registry.make("tts", "hibari")

    assert (engine.name, engine.voices) == ("hibari", ("heart", "emma"))
    assert registry.make("tts", "hibari#emma").voices == ("emma", "heart")
    with pytest.raises(
        SetupError, match=r'Hibari has no voice "kore" on this machine\.\nhint: its voices are: heart, emma'
    ):
        registry.make("tts", "hibari#kore")


def test_nothing_is_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A voice that is not here is not offered."""
    monkeypatch.setenv("HIBARI_HOME", str(tmp_path))

    assert on_this_machine() == ("heart",)


def test_without_its_package_the_hint_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator is told what to install."""
    monkeypatch.setitem(sys.modules, "hibari", None)
    monkeypatch.delitem(sys.modules, "antiphon.engines.hibari")

    with pytest.raises(UnloadableEngine, match=r'hint: pip install "antiphon\[embedded\]"'):
        registry.make("tts", "hibari")


@given(st.text(max_size=2000))
def test_no_part_keeps_the_thread_for_long(text: str) -> None:
    """Whatever the text, a part is short."""
    assert all(0 < len(part) <= MAX_PART_CHARACTERS for part in parts(text))
