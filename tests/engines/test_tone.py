"""The tone engines: deterministic, and really working on what they are given."""

import asyncio

import numpy as np
import pytest
from answering import run_async

from antiphon.audio.pcm import RATE_HZ, from_float, ms_of, silence
from antiphon.engines import registry
from antiphon.engines.registry import SetupError
from antiphon.engines.tone import ToneASR, ToneASROptions, ToneTTS, ToneTTSOptions, ToneTurn, ToneVAD
from antiphon.engines.tone_llm import ToneLLM
from antiphon.ports import ASR, LLM, TTS, VAD, EngineError, HearingOptions, Transcript, TurnModel


def tone(hz: float, ms: int, level: float = 0.3) -> bytes:
    at = np.arange(RATE_HZ * ms // 1000) / RATE_HZ
    return from_float((level * np.sin(2 * np.pi * hz * at)).astype(np.float32))


async def hear(pcm: bytes, *, chunk_ms: int = 30, asr: ToneASR | None = None) -> tuple[list[str], Transcript]:
    """Partials and the final text."""
    hearing = (asr or ToneASR()).open(HearingOptions(logprobs=True))
    size = chunk_ms * RATE_HZ // 1000 * 2
    given = [await hearing.feed(pcm[at : at + size]) for at in range(0, len(pcm), size)]
    final = await hearing.settle()
    await hearing.close()
    return [each.text for each in given if each], final


# VAD


def test_a_loud_frame_is_speech_and_a_quiet_one_is_not() -> None:
    """Each row is judged by itself."""
    vad = ToneVAD()
    loud = np.sin(np.arange(vad.frame_samples)).astype(np.float32)
    frames = np.stack([loud, 0.001 * loud, np.zeros_like(loud), 0.1 * loud])

    scores, states = vad.score(frames, [vad.new_state()] * 4)

    assert scores == [1.0, 0.0, 0.0, 1.0]
    assert len(states) == 4
    assert vad.frame_samples * RATE_HZ % vad.rate_hz == 0


# Turn model


@pytest.mark.parametrize(
    ("text", "over"),
    [("Is it?", 0.95), ("Yes. ", 0.95), ("First,", 0.05), ("you and", 0.05), ("well...", 0.05), ("a", 0.6)],
)
def test_punctuation_tells_whether_a_turn_is_over(text: str, over: float) -> None:
    """A sentence mark, something dangling, or nothing to go by."""
    assert run_async(lambda: ToneTurn().judge(text, b"")) == over


# ASR


def test_a_tone_is_told_by_frequency_and_length() -> None:
    """The final text depends on the sound, and on nothing else."""
    _, final = run_async(lambda: hear(silence(310) + tone(440, 1200) + silence(500)))

    assert final.text == "tone 440 hz 1.2 seconds"
    assert final.stable
    assert final.language == "en"


def test_several_tones_are_told_in_order() -> None:
    """A pause parts two tones; a short gap does not."""
    pcm = tone(440, 500) + silence(100) + tone(440, 300) + silence(300) + tone(1000, 500)

    _, final = run_async(lambda: hear(pcm))

    assert final.text == "tone 440 hz 0.8 seconds, tone 1000 hz 0.5 seconds"


def test_partials_only_ever_grow() -> None:
    """Each partial begins with the one before, and the final text with all of them."""
    partials, final = run_async(lambda: hear(tone(300, 600) + silence(400) + tone(700, 600) + silence(300)))

    assert partials == [
        "tone 300 hz",
        "tone 300 hz 0.6 seconds",
        "tone 300 hz 0.6 seconds, tone 700 hz",
        "tone 300 hz 0.6 seconds, tone 700 hz 0.6 seconds",
    ]
    assert final.text == partials[-1]


@pytest.mark.parametrize("chunk_ms", [1, 7, 20, 33, 1000])
def test_the_text_does_not_depend_on_the_chunks(chunk_ms: int) -> None:
    """However the audio is cut, the words are the same."""
    _, final = run_async(lambda: hear(silence(13) + tone(500, 700) + silence(300), chunk_ms=chunk_ms))

    assert final.text == "tone 500 hz 0.7 seconds"


def test_silence_and_clicks_are_no_words() -> None:
    """Nothing is made up."""
    assert run_async(lambda: hear(silence(900)))[1].text == ""
    assert run_async(lambda: hear(silence(100) + tone(440, 20) + silence(500)))[1].text == ""


def test_more_may_be_fed_after_settling() -> None:
    """`settle` looks, and takes nothing away."""

    async def main() -> tuple[Transcript, Transcript]:
        hearing = ToneASR().open(HearingOptions())
        await hearing.feed(tone(440, 500))
        first = await hearing.settle()
        await hearing.feed(tone(440, 500))
        return first, await hearing.settle()

    first, second = run_async(main)
    assert (first.text, first.stable) == ("tone 440 hz 0.5 seconds", False)
    assert second.text == "tone 440 hz 1.0 seconds"


def test_tokens_together_are_the_text() -> None:
    """Log probabilities are given where asked for, at most 0, and lower for what is less of a tone."""
    noise = from_float(np.random.default_rng(0).normal(0, 0.2, RATE_HZ // 2).astype(np.float32))

    _, final = run_async(lambda: hear(tone(440, 500) + silence(300) + noise))

    assert "".join(token.token for token in final.tokens) == final.text
    assert -0.2 < final.tokens[0].logprob <= 0
    assert final.tokens[-1].logprob < -0.5


def test_fixed_words_can_be_put_into_its_mouth() -> None:
    """`says` replaces the description, and silence still is no words."""
    asr = ToneASR("tone", ToneASROptions(says="count to 3"))

    assert run_async(lambda: hear(tone(440, 500), asr=asr))[1].text == "count to 3"
    assert run_async(lambda: hear(silence(500), asr=asr))[1].text == ""
    assert run_async(lambda: hear(tone(440, 500), asr=asr))[0] == ["count to 3"]


def test_a_broken_asr_can_be_played() -> None:
    """`fails` raises on audio; `hangs` never settles."""
    with pytest.raises(EngineError, match="told to fail"):
        run_async(lambda: hear(tone(440, 100), asr=ToneASR("tone", ToneASROptions(fails=True))))

    async def main() -> None:
        await asyncio.wait_for(hear(b"", asr=ToneASR("tone", ToneASROptions(hangs=True))), 0.01)

    with pytest.raises(TimeoutError):
        run_async(main)


def test_a_model_that_diarizes_tells_a_segment_per_tone() -> None:
    """Each pitch is a speaker; other models tell none."""

    async def segments(model: str) -> list[tuple[str, str, float, float]]:
        hearing = ToneASR().open(HearingOptions(model=model))
        await hearing.feed(tone(440, 1000) + silence(400) + tone(880, 500) + silence(400))
        told = (await hearing.settle()).segments
        return [(segment.speaker, segment.text, segment.start, segment.end) for segment in told]

    assert run_async(lambda: segments("gpt-4o-transcribe-diarize")) == [
        ("tone_440", "tone 440 hz 1.0 seconds", 0.0, 1.0),
        ("tone_880", "tone 880 hz 0.5 seconds", 1.0, 1.5),
    ]
    assert run_async(lambda: segments("whisper-1")) == []


# TTS


async def spoken(tts: ToneTTS, text: str, voice: str = "mid", speed: float = 1.0) -> list[bytes]:
    return [piece async for piece in tts.speak(text, voice, speed)]


def test_every_character_sounds_for_its_time() -> None:
    """The length of the audio tells the length of the text."""
    pieces = run_async(lambda: spoken(ToneTTS(), "Hello there"))

    assert [ms_of(piece) for piece in pieces] == [200, 200, 40]


def test_speed_shortens_and_voices_differ() -> None:
    """Half the time at double speed; an unknown voice is the default one."""
    normal = b"".join(run_async(lambda: spoken(ToneTTS(), "Hello")))
    fast = b"".join(run_async(lambda: spoken(ToneTTS(), "Hello", speed=2.0)))
    low = b"".join(run_async(lambda: spoken(ToneTTS(), "Hello", "low")))
    unknown = b"".join(run_async(lambda: spoken(ToneTTS(), "Hello", "marin")))

    assert len(fast) * 2 == len(normal) == len(low)
    assert low != normal == unknown


def test_what_it_says_is_loud_enough_for_the_tone_vad_and_asr() -> None:
    """The engines fit together: a letter can be heard back as its frequency."""
    pcm = b"".join(run_async(lambda: spoken(ToneTTS("tone", ToneTTSOptions(ms_per_character=400)), "A")))

    assert run_async(lambda: hear(pcm))[1].text == f"tone {300 + 10 * ord('A')} hz 0.4 seconds"


def test_a_broken_tts_can_be_played() -> None:
    """`fails_on` raises at these words, `hangs_on` never ends."""
    tts = ToneTTS("tone", ToneTTSOptions(fails_on="bad", hangs_on="stuck"))
    with pytest.raises(EngineError, match="told to fail"):
        run_async(lambda: spoken(tts, "a bad word"))

    async def main() -> None:
        await asyncio.wait_for(spoken(tts, "stuck"), 0.01)

    with pytest.raises(TimeoutError):
        run_async(main)


# Entry points


def test_all_tone_engines_are_made_by_name() -> None:
    """The registry makes them, with options where they have some."""
    assert registry.make("tts", "tone", options={"ms_per_character": "10"}).voices == ("mid", "low", "high")
    assert isinstance(registry.make("vad", "tone"), ToneVAD)
    assert isinstance(registry.make("turn", "tone"), ToneTurn)
    assert isinstance(registry.make("asr", "tone"), ToneASR)
    with pytest.raises(SetupError, match=r"its options are: \(none\)"):
        registry.make("vad", "tone", options={"threshold": 1})


def test_start_and_stop_do_nothing() -> None:
    """Each is an engine of its role, with nothing to load."""

    async def main() -> None:
        vad: VAD = ToneVAD()
        turn: TurnModel = ToneTurn()
        asr: ASR = ToneASR()
        llm: LLM = ToneLLM()
        tts: TTS = ToneTTS()
        for engine in (vad, turn, asr, llm, tts):
            await engine.start()
            await engine.stop()

    run_async(main)
