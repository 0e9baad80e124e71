"""A cascade speaks while the model writes, and stops both at once."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

import pytest
from answering import asking, assistant, broken, deltas_of, pcm_in, run_async, text_in

from antiphon.audio.pcm import BYTES_PER_MS, ms_of
from antiphon.engines.cascade import MAX_PIECE_BYTES, WAITING_CLAUSES, WAITING_DELTAS, Cascade
from antiphon.engines.tone import ToneTTS, ToneTTSOptions
from antiphon.engines.tone_llm import ToneLLM, ToneLLMOptions, ToneRun
from antiphon.ports import AudioDelta, CallDelta, Delta, Ending, EngineError, Prompt, Responder, TextDelta, Usage

MS_PER_CHARACTER = 10


class WatchedLLM(ToneLLM):
    """Counts the runs that were begun, the open ones, and the words that were asked for."""

    def __init__(self, options: ToneLLMOptions | None = None) -> None:
        super().__init__("tone", options)
        self.open = 0
        self.words = 0
        self.is_running = False

    async def start(self) -> None:
        self.is_running = True

    async def stop(self) -> None:
        self.is_running = False

    def run(self, prompt: Prompt) -> ToneRun:
        llm = self

        class Watched(ToneRun):
            async def _make(self) -> AsyncGenerator[Delta, None]:
                llm.open += 1
                try:
                    async for delta in super()._make():
                        llm.words += 1
                        yield delta
                finally:
                    llm.open -= 1

        return Watched(prompt, self.options, Usage(1))


class WatchedTTS(ToneTTS):
    """Notes what it was asked to say, and counts the clauses being spoken."""

    def __init__(self, **options: float | str) -> None:
        super().__init__("tone", ToneTTSOptions(**{"ms_per_character": MS_PER_CHARACTER, **options}))  # type: ignore[arg-type]  # names checked by the struct
        self.open = 0
        self.said: list[tuple[str, str, float]] = []

    async def speak(self, text: str, voice: str, speed: float) -> AsyncGenerator[bytes, None]:
        self.said.append((text, voice, speed))
        self.open += 1
        try:
            async for piece in super().speak(text, voice, speed):
                yield piece
        finally:
            self.open -= 1


class OddTTS(WatchedTTS):
    """Gives audio in pieces that end inside a sample."""

    async def speak(self, text: str, voice: str, speed: float) -> AsyncGenerator[bytes, None]:
        whole = b"".join([piece async for piece in super().speak(text, voice, speed)])
        for at in range(0, len(whole), 333):
            yield whole[at : at + 333]
        yield b"x"


class CrashingTTS(WatchedTTS):
    """Has a fault of its own."""

    async def speak(self, text: str, voice: str, speed: float) -> AsyncGenerator[bytes, None]:
        raise ZeroDivisionError
        yield b""


def answer(prompt: Prompt, tts: ToneTTS | None = None) -> list[Delta]:
    return run_async(lambda: deltas_of(Cascade(ToneLLM(), tts or WatchedTTS()).run(prompt)))


def audio_in(deltas: list[Delta]) -> list[AudioDelta]:
    return [delta for delta in deltas if isinstance(delta, AudioDelta)]


def test_a_written_answer_passes_through() -> None:
    """Text output has nothing to do with the voice."""
    tts = WatchedTTS()

    assert answer(asking("count to 2", modality="text"), tts) == [TextDelta("1"), TextDelta(" 2")]
    assert tts.said == []


def test_a_spoken_answer_is_its_words_and_their_sound() -> None:
    """The audio is that of the whole text, clause by clause."""
    tts = WatchedTTS()

    deltas = answer(asking("say Hello there. How are you? Fine!"), tts)

    assert text_in(deltas) == "Hello there. How are you? Fine!"
    assert [text for text, _, _ in tts.said] == ["Hello there.", "How are you?", "Fine!"]
    assert ms_of(pcm_in(deltas)) == MS_PER_CHARACTER * len("Hello there.How are you?Fine!")


def test_every_audio_delta_tells_what_it_speaks() -> None:
    """Spans are those of the clauses; together they cover the transcript without gaps."""
    text = "Hello there. How are you? Fine!"

    spans = list(dict.fromkeys(delta.span for delta in audio_in(answer(asking(f"say {text}")))))

    assert [text[start:end] for start, end in spans] == ["Hello there. ", "How are you? ", "Fine!"]


def test_no_sound_comes_before_its_words() -> None:
    """A client can show the words of everything that it plays."""
    written = 0
    for delta in answer(asking("say One two three. Four five six! Seven, eight nine ten. " * 3)):
        if isinstance(delta, TextDelta):
            written += len(delta.text)
        elif isinstance(delta, AudioDelta):
            assert delta.span[1] <= written


@pytest.mark.parametrize("tts", [WatchedTTS(piece_ms=10), WatchedTTS(piece_ms=3000), OddTTS()])
def test_audio_is_cut_into_handy_deltas(tts: WatchedTTS) -> None:
    """100 to 500 ms each; only the first of the answer and the last of a clause shorter; always whole samples."""
    clause = "This is a sentence of more than one hundred characters without any mark that could end a clause in it"

    deltas = audio_in(answer(asking(f"say {clause}. {clause}."), tts))

    assert all(len(delta.pcm) <= MAX_PIECE_BYTES for delta in deltas)
    for span in {delta.span for delta in deltas}:
        pieces = [delta for delta in deltas if delta.span == span]
        lengths = [len(piece.pcm) for piece in pieces]
        assert all(len(piece.pcm) >= 100 * BYTES_PER_MS for piece in pieces[:-1] if piece is not deltas[0])
        assert all(length % 2 == 0 for length in lengths)
        assert sum(lengths) == MS_PER_CHARACTER * BYTES_PER_MS * (len(clause) + 1)


def test_the_first_sound_goes_out_at_once() -> None:
    """Nobody waits for 100 ms of it to come together; what follows is merged."""
    tts = WatchedTTS(piece_ms=20)

    deltas = audio_in(answer(asking("say A sentence of some length."), tts))

    assert [ms_of(delta.pcm) for delta in deltas[:3]] == [20, 100, 100]


@pytest.mark.parametrize("piece_ms", [510, 590, 1010])
def test_no_small_rest_is_left_of_a_long_piece(piece_ms: int) -> None:
    """A voice that makes a clause in one go has it cut so that no delta is below 100 ms."""

    class WholeTTS(WatchedTTS):
        async def speak(self, text: str, voice: str, speed: float) -> AsyncGenerator[bytes, None]:
            yield bytes(piece_ms * BYTES_PER_MS)

    lengths = [len(delta.pcm) for delta in audio_in(answer(asking("say Yes."), WholeTTS()))]

    assert sum(lengths) == piece_ms * BYTES_PER_MS
    assert min(lengths) >= 100 * BYTES_PER_MS
    assert max(lengths) <= MAX_PIECE_BYTES


def test_marks_are_not_spoken_but_counted() -> None:
    """The span covers the markdown, the voice never sees it."""
    tts = WatchedTTS()

    deltas = answer(asking("say **Yes.** ***\n- No."), tts)

    assert [text for text, _, _ in tts.said] == ["Yes.", "No."]
    assert {delta.span for delta in audio_in(deltas)} == {(0, 9), (13, 18)}


@pytest.mark.parametrize(("asked", "used"), [("low", "low"), ("marin", "mid"), ("", "mid")])
def test_an_unknown_voice_is_the_default_one(asked: str, used: str) -> None:
    """Clients ask for the provider's voices; the first of ours answers."""
    tts = WatchedTTS()

    answer(asking("say Hi.", voice=asked, speed=1.5), tts)

    assert tts.said == [("Hi.", used, 1.5)]


def test_calls_pass_through() -> None:
    """A call is no speech."""
    assert answer(asking('call f {"a":1}')) == [CallDelta(0, "f", '{"a":1}', "call_tone_0")]


def test_words_before_a_call_are_spoken() -> None:
    """What is said before a call is not lost to it."""

    class Talker(ToneLLM):
        def run(self, prompt: Prompt) -> ToneRun:
            class Both(ToneRun):
                async def _make(self) -> AsyncGenerator[Delta, None]:
                    yield TextDelta("Let me see")
                    yield CallDelta(0, "f", "{}")

            return Both(prompt, self.options, Usage())

    tts = WatchedTTS()
    deltas = run_async(lambda: deltas_of(Cascade(Talker(), tts).run(asking("hi"))))

    assert deltas[:2] == [TextDelta("Let me see"), CallDelta(0, "f", "{}")]
    assert [text for text, _, _ in tts.said] == ["Let me see"]
    assert audio_in(deltas)


def test_the_ending_comes_after_all_sound() -> None:
    """`Ending` is the last delta of a run."""
    deltas = answer(asking("say One two three four five", max_output_tokens=2))

    assert deltas[-1] == Ending("max_output_tokens")
    assert ms_of(pcm_in(deltas)) == MS_PER_CHARACTER * len("One two")


# Overlap and bounds


def test_the_first_sentence_sounds_while_the_second_is_not_yet_written() -> None:
    """Nobody waits for the end of the answer."""

    async def main() -> tuple[list[Delta], int]:
        llm = WatchedLLM(ToneLLMOptions(token_ms=1))
        run = Cascade(llm, WatchedTTS()).run(asking("say Hello there. " + "word " * 500))
        got: list[Delta] = []
        async for delta in run:
            got.append(delta)
            if isinstance(delta, AudioDelta):
                break
        await run.aclose()
        return got, llm.words

    got, words = run_async(main)
    assert text_in(got).startswith("Hello there.")
    assert words < 100


def test_the_model_does_not_run_ahead_of_a_slow_listener() -> None:
    """Whoever takes no deltas holds up voice and model; the queues are short."""

    async def main() -> int:
        llm = WatchedLLM()
        run = Cascade(llm, WatchedTTS()).run(asking("say " + "A few words. " * 1000))
        await anext(aiter(run))
        for _ in range(2000):
            await asyncio.sleep(0)
        await run.aclose()
        return llm.words

    assert run_async(main) <= 3 * (WAITING_CLAUSES + 2) + WAITING_DELTAS


# Failures


def test_when_the_model_fails_its_whole_sentences_are_still_heard() -> None:
    """Then the failure is raised, with the model's own text."""

    async def main() -> tuple[list[Delta], Exception, int]:
        llm = WatchedLLM()
        return *await broken(Cascade(llm, WatchedTTS()).run(asking("fail after 3"))), llm.open

    got, error, left_open = run_async(main)
    assert text_in(got) == "1 2 3"
    assert isinstance(error, EngineError)
    assert error.message == "The tone LLM was told to fail."
    assert left_open == 0


def test_finished_sentences_come_before_the_failure() -> None:
    """The sound of what was finished is not thrown away."""

    class Breaking(ToneLLM):
        def run(self, prompt: Prompt) -> ToneRun:
            class Cut(ToneRun):
                async def _make(self) -> AsyncGenerator[Delta, None]:
                    yield TextDelta("All is well. But th")
                    raise RuntimeError("gone")

            return Cut(prompt, self.options, Usage())

    got, error = run_async(lambda: broken(Cascade(Breaking(), WatchedTTS()).run(asking("hi"))))

    assert ms_of(pcm_in(got)) == MS_PER_CHARACTER * len("All is well.")
    assert str(error) == "gone"


@pytest.mark.parametrize(
    ("tts", "message"),
    [
        (WatchedTTS(fails_on="bad"), "The tone TTS was told to fail."),
        (CrashingTTS(), 'The TTS engine "tone" failed.'),
    ],
)
def test_when_the_voice_fails_the_answer_fails(tts: WatchedTTS, message: str) -> None:
    """The model is stopped, and the error is one that may be shown."""

    async def main() -> int:
        llm = WatchedLLM(ToneLLMOptions(token_ms=1))
        with pytest.raises(EngineError) as caught:
            await deltas_of(Cascade(llm, tts).run(asking("say bad. " + "word " * 1000)))
        assert caught.value.message == message
        assert llm.words < 100
        return llm.open

    assert run_async(main) == 0


def test_without_a_voice_only_text_is_answered() -> None:
    """Asking for sound is an error with a reason."""

    async def main() -> None:
        cascade = Cascade(ToneLLM())
        assert text_in(await deltas_of(cascade.run(asking("say Hi.", modality="text")))) == "Hi."
        run = cascade.run(asking("say Hi."))
        with pytest.raises(EngineError, match="has no voice"):
            await deltas_of(run)
        assert run.usage == Usage()
        await run.aclose()

    run_async(main)


# Stopping


@pytest.mark.parametrize("steps", range(60))
def test_an_answer_can_be_cancelled_at_every_step(steps: int) -> None:
    """Wherever the one who listens is cancelled, nothing goes on and nothing is left."""

    async def main() -> None:
        llm, tts = WatchedLLM(), WatchedTTS()
        run = Cascade(llm, tts).run(asking("say Hello there, dear friend. How are you? " * 5))

        async def listen() -> None:
            try:
                await deltas_of(run)
            finally:
                await run.aclose()

        async with asyncio.TaskGroup() as group:
            listening = group.create_task(listen())
            for _ in range(steps):
                await asyncio.sleep(0)
            listening.cancel()
        assert (llm.open, tts.open) == (0, 0)

    run_async(main)


@pytest.mark.parametrize("taken", range(8))
def test_an_answer_can_be_closed_after_any_delta(taken: int) -> None:
    """Leaving the iteration early and closing frees both engines; closing again is harmless."""

    async def main() -> None:
        llm, tts = WatchedLLM(), WatchedTTS()
        run = Cascade(llm, tts).run(asking("say Hello there. How are you?"))
        deltas = aiter(run)
        for _ in range(taken):
            await anext(deltas)
        await run.aclose()
        await run.aclose()
        assert (llm.open, tts.open) == (0, 0)
        assert run.usage.output_tokens <= 5

    run_async(main)


@pytest.mark.parametrize("asked", ["hang", "hang after 2", "say stuck"])
def test_what_hangs_can_be_closed(asked: str) -> None:
    """A model or a voice that never comes to an end is ended."""

    async def main() -> None:
        llm, tts = WatchedLLM(), WatchedTTS(hangs_on="stuck")
        run = Cascade(llm, tts).run(asking(asked))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(deltas_of(run), 0.02)
        await run.aclose()
        assert (llm.open, tts.open) == (0, 0)

    run_async(main)


def test_a_voice_need_not_be_a_generator() -> None:
    """The port asks for an iterator; one that cannot be closed is left alone."""

    class Plain:
        def __init__(self) -> None:
            self.left = 2

        def __aiter__(self) -> AsyncIterator[bytes]:
            return self

        async def __anext__(self) -> bytes:
            if not self.left:
                raise StopAsyncIteration
            self.left -= 1
            return bytes(100)

    class PlainTTS(ToneTTS):
        def speak(self, text: str, voice: str, speed: float) -> AsyncIterator[bytes]:  # type: ignore[override]  # an iterator is what the port asks for
            return Plain()

    assert pcm_in(answer(asking("say Hi."), PlainTTS())) == bytes(200)


# The engine


def test_it_is_what_its_parts_are() -> None:
    """Names, limits, counting, warming and life are those of the two engines."""

    async def main() -> None:
        llm = WatchedLLM(ToneLLMOptions(context_tokens=77))
        cascade: Responder = Cascade(llm, WatchedTTS())
        await cascade.start()
        assert llm.is_running
        assert (cascade.name, cascade.voices) == ("tone + tone", ("mid", "low", "high"))
        assert (cascade.context_tokens, cascade.sees_images, cascade.hears_audio) == (77, True, False)
        assert cascade.count("one two") == 2
        await cascade.warm(asking("one"))
        await cascade.stop()
        assert not llm.is_running

    run_async(main)


def test_when_the_voice_cannot_start_the_model_is_stopped_again() -> None:
    """Half a cascade is none."""

    class Unstartable(WatchedTTS):
        async def start(self) -> None:
            raise EngineError("no voice today")

    async def main() -> None:
        llm = WatchedLLM()
        with pytest.raises(EngineError, match="no voice today"):
            await Cascade(llm, Unstartable()).start()
        assert not llm.is_running

    run_async(main)


def test_without_a_voice_the_model_alone_starts_and_stops() -> None:
    """There is nothing else."""

    async def main() -> None:
        llm = WatchedLLM()
        cascade = Cascade(llm)
        await cascade.start()
        assert llm.is_running
        await cascade.stop()
        assert (llm.is_running, cascade.voices, cascade.name) == (False, (), "tone")

    run_async(main)


def test_two_answers_at_once_do_not_mix() -> None:
    """One engine serves all sessions."""

    async def main() -> list[str]:
        cascade = Cascade(ToneLLM(), WatchedTTS())
        prompts = [asking(f"say Number {n}. Again {n}.", assistant("x")) for n in range(5)]
        answers = await asyncio.gather(*(deltas_of(cascade.run(prompt)) for prompt in prompts))
        return [text_in(deltas) for deltas in answers]

    assert run_async(main) == [f"Number {n}. Again {n}." for n in range(5)]
