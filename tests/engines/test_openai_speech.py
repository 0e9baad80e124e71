"""Recogniser and voice by URL over real HTTP: well-behaved, strict, slow and broken endpoints."""

import asyncio
import io
import socket
import wave
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

import pytest
from answering import run_async, until
from speech_server import SpeechServer, page, saying, sending, serving

from antiphon.audio.pcm import silence
from antiphon.engines import registry
from antiphon.engines.openai_speech import MAX_TRANSCRIPT_BYTES, OpenAIHearing, OpenAIVoice, make_asr, make_tts
from antiphon.engines.registry import EngineSpec, SetupError
from antiphon.ports import EngineError, HearingOptions, TokenProb, Transcript, TranscriptUsage

T = TypeVar("T")
TURN = silence(1200)
SOUND = bytes(range(240)) * 20


@pytest.fixture(scope="module")
def running() -> Iterator[SpeechServer]:
    with serving() as speech:
        yield speech


@pytest.fixture
def speech(running: SpeechServer) -> SpeechServer:
    running.requests.clear()
    running.uploads.clear()
    running.scripts.clear()
    running.dropped.clear()
    return running


def hearing(url: str, main: Callable[[OpenAIHearing], Coroutine[Any, Any, T]], **options: Any) -> T:
    async def whole() -> T:
        asr = make_asr(EngineSpec("asr", "openai", url, "ears", {"timeout_s": 5, **options}, text="openai:…#ears"))
        await asr.start()
        try:
            return await main(asr)
        finally:
            await asr.stop()

    return run_async(whole)


def speaking(url: str, main: Callable[[OpenAIVoice], Coroutine[Any, Any, T]], **options: Any) -> T:
    async def whole() -> T:
        tts = make_tts(EngineSpec("tts", "openai", url, "mouth", {"timeout_s": 5, **options}, text="openai:…#mouth"))
        await tts.start()
        try:
            return await main(tts)
        finally:
            await tts.stop()

    return run_async(whole)


async def heard(asr: OpenAIHearing, options: HearingOptions | None = None, pcm: bytes = TURN) -> Transcript:
    stream = asr.open(options or HearingOptions())
    assert await stream.feed(pcm) is None
    try:
        return await stream.settle()
    finally:
        await stream.close()


async def said(tts: OpenAIVoice, voice: str = "", speed: float = 1.0) -> bytes:
    return b"".join([pcm async for pcm in tts.speak("Hello.", voice, speed)])


def file_of(pcm: bytes, rate_hz: int = 24_000) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((1, 2, rate_hz, 0, "NONE", ""))
        writer.writeframes(pcm)
    return file.getvalue()


def closed_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return f"http://127.0.0.1:{sock.getsockname()[1]}/v1"


# Hearing


def test_a_turn_is_uploaded_as_a_wav_file_and_comes_back_as_text(speech: SpeechServer) -> None:
    """16 kHz mono; the operator's model, whatever the client named."""
    speech.scripts.append(saying({"text": " Hello there. "}))

    assert hearing(speech.url, lambda asr: heard(asr, HearingOptions(model="whisper-1"))) == Transcript(
        "Hello there.", stable=False
    )
    assert speech.requests == [{"model": "ears", "response_format": "json"}]
    with wave.open(io.BytesIO(speech.uploads[0])) as upload:
        assert (upload.getframerate(), upload.getnchannels(), upload.getnframes()) == (16_000, 1, 19_200)


def test_what_the_session_says_of_its_transcription_is_passed_on(speech: SpeechServer) -> None:
    """Language, prompt, keywords and logprobs; and what the operator added."""
    speech.scripts.append(saying({"text": "x"}))
    options = HearingOptions(language="de", prompt="Names: Ada.", keywords=("Ada",), logprobs=True)

    hearing(speech.url, lambda asr: heard(asr, options), extra_body={"beam": 5}, language="en")

    assert speech.requests == [
        {
            "model": "ears",
            "response_format": "json",
            "language": "de",
            "prompt": "Names: Ada.",
            "keywords[]": "Ada",
            "include[]": "logprobs",
            "beam": "5",
        }
    ]


def test_the_operators_language_stands_in(speech: SpeechServer) -> None:
    """For sessions that name none."""
    speech.scripts.append(saying({"text": "x"}))

    hearing(speech.url, heard, language="en", prompt="Plain.")

    assert (speech.requests[0]["language"], speech.requests[0]["prompt"]) == ("en", "Plain.")


def test_tokens_and_logprobs_are_read(speech: SpeechServer) -> None:
    """Where the endpoint counts them."""
    usage = {"type": "tokens", "input_tokens": 14, "output_tokens": 3, "input_token_details": {"text_tokens": 4}}
    usage["input_token_details"] = {"text_tokens": 4, "audio_tokens": 10}
    speech.scripts.append(saying({"text": "Hi", "usage": usage, "logprobs": [{"token": "Hi", "logprob": -0.5}]}))

    transcript = hearing(speech.url, heard)

    assert transcript.usage == TranscriptUsage(4, 10, 3)
    assert transcript.tokens == (TokenProb("Hi", -0.5),)


def test_nonsense_beside_the_text_does_not_cost_the_text(speech: SpeechServer) -> None:
    """Usage and logprobs of another shape are passed over."""
    speech.scripts.append(saying({"text": "Hi", "usage": {"type": "tokens", "input_tokens": "x"}, "logprobs": 3}))

    assert hearing(speech.url, heard) == Transcript("Hi", stable=False)


def test_the_stream_stays_usable_after_a_settle(speech: SpeechServer) -> None:
    """A second pause is asked with all audio of the turn."""
    speech.scripts += [saying({"text": "one"}), saying({"text": "one two"})]

    async def main(asr: OpenAIHearing) -> list[str]:
        stream = asr.open(HearingOptions())
        texts = []
        for _ in range(2):
            await stream.feed(TURN)
            texts.append((await stream.settle()).text)
        await stream.close()
        return texts

    assert hearing(speech.url, main) == ["one", "one two"]
    assert [len(upload) for upload in speech.uploads] == [38_444, 76_844]


def test_what_is_too_short_for_a_word_is_not_sent(speech: SpeechServer) -> None:
    """Endpoints refuse less than 100 ms."""
    assert hearing(speech.url, lambda asr: heard(asr, pcm=silence(99))) == Transcript("", stable=False)
    assert speech.requests == []


@pytest.mark.parametrize(
    ("script", "code"),
    [
        (saying({"error": {"message": "No such model.", "code": None}}, 404), "model_not_found"),
        (saying({"error": {"message": "Slow down.", "type": "rate_limit_error"}}, 429), "rate_limit_exceeded"),
        (saying({"error": {"message": "Who?"}}, 401), "invalid_api_key"),
        (page(502), None),
        (page(), None),
        (saying({"words": "x"}), None),
        (saying({"text": None}), None),
        (saying([1]), None),
        (sending(b'{"text": "br'), None),
    ],
)
def test_a_bad_answer_to_an_upload_is_an_engine_error(speech: SpeechServer, script: Any, code: str | None) -> None:
    """With the protocol's code where there is one, and no page of a proxy in its text."""
    speech.scripts.append(script)

    with pytest.raises(EngineError) as failure:
        hearing(speech.url, heard, max_retries=0)

    assert failure.value.code == code
    assert "<html>" not in failure.value.message


def test_a_transcript_without_end_is_broken_off(speech: SpeechServer) -> None:
    """No endpoint may fill our memory."""
    speech.scripts.append(sending(b'{"text": "', b"a" * MAX_TRANSCRIPT_BYTES, b"b", then_hang=True))

    with pytest.raises(EngineError, match="more than it was asked for"):
        hearing(speech.url, heard)


def test_a_silent_recogniser_is_given_up(speech: SpeechServer) -> None:
    """After the operator's time limit."""
    speech.scripts.append(sending(b" ", then_hang=True))

    with pytest.raises(EngineError, match=r"said nothing for 0[.]2"):
        hearing(speech.url, heard, timeout_s=0.2)


def test_a_recogniser_that_is_not_there(speech: SpeechServer) -> None:
    """The server starts without it; the turn fails."""
    with pytest.raises(EngineError, match="connection to the model endpoint failed"):
        hearing(closed_port(), heard, max_retries=0)


def test_cancelling_closes_the_connection_to_the_recogniser(speech: SpeechServer) -> None:
    """The endpoint sees the client go."""
    speech.scripts.append(sending(b" ", then_hang=True))

    async def main(asr: OpenAIHearing) -> None:
        task = asyncio.ensure_future(heard(asr))
        await until(lambda: speech.requests)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(speech.dropped.is_set)

    hearing(speech.url, main)


# Speaking


def test_a_clause_is_spoken_as_it_comes(speech: SpeechServer) -> None:
    """Raw samples at 24 kHz; the client's voice; nothing else is asked for."""
    speech.scripts.append(sending(SOUND[:100], SOUND[100:]))

    assert speaking(speech.url, lambda tts: said(tts, "coral")) == SOUND
    assert speech.requests == [{"input": "Hello.", "model": "mouth", "voice": "coral", "response_format": "pcm"}]


def test_sound_comes_before_the_answer_has_ended(speech: SpeechServer) -> None:
    """First audio does not wait for the last, and closing the iterator closes the connection."""
    speech.scripts.append(sending(SOUND, then_hang=True))

    async def main(tts: OpenAIVoice) -> bytes:
        pieces = tts.speak("Hello.", "", 1.0)
        first = await anext(pieces)
        await pieces.aclose()
        await until(speech.dropped.is_set)
        return first

    assert speaking(speech.url, main) == SOUND


def test_samples_stay_whole(speech: SpeechServer) -> None:
    """Endpoints cut where they like; half a sample at the very end is let go."""
    speech.scripts.append(sending(b"\1", b"\2\3", b"\4\5\6\7"))

    async def main(tts: OpenAIVoice) -> list[bytes]:
        return [pcm async for pcm in tts.speak("Hello.", "", 1.0)]

    pieces = speaking(speech.url, main)

    assert b"".join(pieces) == b"\1\2\3\4\5\6"
    assert all(len(piece) % 2 == 0 for piece in pieces)


def test_speed_instructions_and_an_unknown_voice(speech: SpeechServer) -> None:
    """The speed within bounds; an unknown voice is the first one."""
    speech.scripts.append(sending(SOUND))

    speaking(speech.url, lambda tts: said(tts, "marvin", 9.0), voices=["heart", "sky"], instructions="Calmly.")

    request = speech.requests[0]
    assert (request["voice"], request["speed"], request["instructions"]) == ("heart", 4.0, "Calmly.")


def test_an_endpoint_without_raw_samples_is_asked_for_wav_from_then_on(speech: SpeechServer) -> None:
    """Refused once for the format, the clause is asked for again."""
    refusal = {"error": {"message": "response_format must be one of mp3, wav"}}
    speech.scripts += [saying(refusal, 400), sending(file_of(SOUND)), sending(file_of(SOUND))]

    async def main(tts: OpenAIVoice) -> list[bytes]:
        return [await said(tts), await said(tts)]

    assert speaking(speech.url, main) == [SOUND, SOUND]
    assert [request["response_format"] for request in speech.requests] == ["pcm", "wav", "wav"]


def test_a_wav_file_instead_of_raw_samples_is_read(speech: SpeechServer) -> None:
    """Some endpoints send a file whatever they are asked; its rate is brought to ours."""
    file = file_of(SOUND[:1600], 16_000)
    speech.scripts.append(sending(file[:3], file[3:50], file[50:]))

    assert len(speaking(speech.url, said)) == 2400


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (page(), "no sound"),
        (saying({"detail": "no"}), "no sound"),
        (saying({"error": {"message": "No such voice."}}, 400), "No such voice."),
        (page(500), "HTTP status 500"),
        (sending(b"RIFF\0\0\0\0WAVEjunk"), "no sound"),
    ],
)
def test_a_bad_answer_to_a_clause_is_an_engine_error(speech: SpeechServer, script: Any, message: str) -> None:
    """What is no sound is never played."""
    speech.scripts.append(script)

    with pytest.raises(EngineError, match=message):
        speaking(speech.url, said, max_retries=0)


def test_a_voice_that_does_not_stop_is_broken_off(speech: SpeechServer) -> None:
    """5 minutes of one clause are enough."""
    speech.scripts.append(sending(*[bytes(1_000_000)] * 15, then_hang=True))

    with pytest.raises(EngineError, match="does not stop speaking"):
        speaking(speech.url, said)


def test_a_silent_voice_is_given_up(speech: SpeechServer) -> None:
    """After the operator's time limit, also in the middle."""
    speech.scripts.append(sending(SOUND, then_hang=True))

    with pytest.raises(EngineError, match=r"said nothing for 0[.]2"):
        speaking(speech.url, said, timeout_s=0.2)


def test_after_stop_nothing_is_spoken(speech: SpeechServer) -> None:
    """An engine that was stopped says so."""

    async def main(tts: OpenAIVoice) -> bytes:
        await tts.stop()
        return await said(tts)

    with pytest.raises(EngineError, match="not in use"):
        speaking(speech.url, main)


# Making


def test_both_are_installed_under_the_name_openai() -> None:
    """As the operator writes them."""
    assert registry.make("asr", "openai:http://localhost:1/v1#w").name == "openai:http://localhost:1/v1#w"
    assert registry.make("tts", "openai:http://localhost:1/v1#t").voices[0] == "alloy"


@pytest.mark.parametrize("text", ["openai", "openai:http://localhost:1/v1", "openai:localhost#m"])
def test_a_wrong_address_is_told_at_the_start(text: str) -> None:
    """A model and a URL there must be."""
    with pytest.raises(SetupError):
        registry.make("asr", text)
    with pytest.raises(SetupError):
        registry.make("tts", text)
