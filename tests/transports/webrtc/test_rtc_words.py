"""Real words over a call, with the engines that come with us."""

import re
from pathlib import Path

import numpy as np
import pytest
from rtc_caller import LINE_HZ, RtcCaller, caller, dial, multipart
from served import play

from antiphon.audio import wav
from antiphon.audio.pcm import RATE_HZ, silence
from antiphon.config import Config, Engines
from antiphon.testing import serving

SPEECH = Path(__file__).parents[2] / "speech" / "lv0880.wav"
WORDS = "he was not an ill disposed young man"
ENGINES = Engines(vad="silero", turn="words", asr="moonshine", llm="tone", tts="hibari")
HEARD = {"transcription": {"model": "whisper-1"}, "turn_detection": {"type": "server_vad", "create_response": False}}


def words(text: str) -> str:
    return " ".join(re.sub(r"[^a-z ]", " ", text.lower()).split())


async def understood(made: RtcCaller, pcm: bytes) -> str:
    """What the server makes of this."""
    made.voice.say(silence(300) + pcm + silence(800))
    (*_, done) = await made.until("conversation.item.input_audio_transcription.completed")
    return words(done["transcript"])


@pytest.mark.embedded
def test_words_are_understood_both_ways() -> None:
    """A recording is understood; an answer is spoken, heard, and understood when the caller repeats it."""

    async def scene() -> None:
        async with serving(Config(engines=ENGINES)) as url, caller() as made:
            await dial(made, url, multipart({"audio": {"input": HEARD}}))
            assert await understood(made, wav.read(SPEECH)) == WORDS

            made.heard.clear()
            made.ask(f"say {WORDS}.", conversation="none", input=[question(f"say {WORDS}.")])
            await made.until("output_audio_buffer.stopped")
            line = np.concatenate(made.heard)
            assert await understood(made, line[:: LINE_HZ // RATE_HZ].astype("<i2").tobytes()) == WORDS

    play(scene)


def question(text: str) -> dict[str, object]:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
