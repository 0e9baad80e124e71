"""Recognition of items: orders of the core in, news for the core out."""

import asyncio
from collections.abc import Callable

import pytest
from scripted_runtime import play, settled

from antiphon.audio.pcm import samples_of
from antiphon.owner import TaskOwner
from antiphon.ports import ASR, EngineError, Hearing, HearingOptions, Transcript
from antiphon.runtime import hearing as module
from antiphon.runtime.hearing import Hearings
from antiphon.session.effects import Hear, Settle
from antiphon.session.inputs import Input, Recognised, Unrecognised

SECOND = 48_000
OPTIONS = HearingOptions(language="en")


class CountingHearing:
    """An utterance whose text tells how it was fed; it can be told to wait, or to break."""

    def __init__(self, engine: "CountingASR") -> None:
        self.engine = engine
        self.fed: list[int] = []
        self.is_closed = False

    async def feed(self, pcm: bytes) -> Transcript | None:
        await self.engine.going.wait()
        if self.engine.breaks is not None:
            raise self.engine.breaks
        self.fed.append(len(pcm))
        return Transcript(f"part {len(self.fed)}") if self.engine.tells_parts else None

    async def settle(self) -> Transcript:
        return Transcript(f"{sum(self.fed)} bytes in {len(self.fed)}")

    async def close(self) -> None:
        self.is_closed = True
        if self.engine.breaks_closing:
            raise ValueError("secret")


class CountingASR:
    """Opens hearings, and remembers them."""

    name = "counting"

    def __init__(self, *, tells_parts: bool = False) -> None:
        self.going = asyncio.Event()
        self.going.set()
        self.breaks: Exception | None = None
        self.breaks_closing = False
        self.tells_parts = tells_parts
        self.opened: list[CountingHearing] = []
        self.options: list[HearingOptions] = []

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def open(self, options: HearingOptions) -> Hearing:
        self.options.append(options)
        self.opened.append(CountingHearing(self))
        return self.opened[-1]


class Stage:
    """Hearings with a core that only listens."""

    def __init__(self, asr: ASR | None, limit_s: float = 5.0) -> None:
        self.tasks = TaskOwner(lambda: None)
        self.news: asyncio.Queue[Input] = asyncio.Queue()
        self.hearings = Hearings(asr, self.news.put, self.tasks, limit_s)

    async def next(self) -> Input:
        """What the core is told next; it takes note, as the runner has it do."""
        news = await self.news.get()
        self.hearings.noted(news)
        return news


def scene_with(act: Callable[[Stage, CountingASR], object], *, tells_parts: bool = False) -> None:
    """Play with a recogniser that counts."""

    async def scene() -> None:
        asr = CountingASR(tells_parts=tells_parts)
        outcome = act(Stage(asr), asr)
        assert asyncio.iscoroutine(outcome)
        await outcome

    play(scene)


def hear(size: int, item_id: str = "item_1") -> Hear:
    """An order to hear some bytes."""
    return Hear(item_id, bytes(size), OPTIONS)


def test_an_item_is_heard_and_settled() -> None:
    """Orders are done in order; the text is told with what it covers, and the stream is closed."""

    async def act(stage: Stage, asr: CountingASR) -> None:
        stage.hearings.hear(hear(100))
        stage.hearings.settle(Settle("item_1", 50))

        assert await stage.next() == Recognised("item_1", Transcript("100 bytes in 1"), cut=50, final=True)
        await settled()
        assert asr.options == [OPTIONS]
        assert asr.opened[0].is_closed
        assert len(stage.tasks) == 0

    scene_with(act)


def test_parts_are_told_as_they_come() -> None:
    """Each with the samples that were fed by then."""

    async def act(stage: Stage, asr: CountingASR) -> None:
        for size in (100, 60):
            stage.hearings.hear(hear(size))
            await settled()

        assert await stage.next() == Recognised("item_1", Transcript("part 1"), cut=50)
        assert await stage.next() == Recognised("item_1", Transcript("part 2"), cut=80)

    scene_with(act, tells_parts=True)


def test_a_stream_may_be_settled_more_than_once() -> None:
    """Before the turn has ended nobody knows whether more will come."""

    async def act(stage: Stage, asr: CountingASR) -> None:
        stage.hearings.hear(hear(100))
        stage.hearings.settle(Settle("item_1", 50, last=False))
        stage.hearings.hear(hear(20))
        stage.hearings.settle(Settle("item_1", 60))
        finals = [await stage.next(), await stage.next()]

        assert finals == [
            Recognised("item_1", Transcript("100 bytes in 1"), cut=50, final=True),
            Recognised("item_1", Transcript("120 bytes in 2"), cut=60, final=True),
        ]
        assert len(asr.opened) == 1

    scene_with(act)


def test_audio_that_piled_up_is_fed_in_large_pieces() -> None:
    """A recogniser that fell behind catches up with fewer calls; a whole recording is not one call."""

    async def act(stage: Stage, asr: CountingASR) -> None:
        for _ in range(30):
            stage.hearings.hear(hear(SECOND // 10))
        stage.hearings.hear(hear(12 * SECOND))
        stage.hearings.settle(Settle("item_1", 0))
        await stage.next()

        assert asr.opened[0].fed == [5 * SECOND, 5 * SECOND, 5 * SECOND]

    scene_with(act)


def test_an_item_may_be_empty() -> None:
    """A settle without audio has its answer as well."""

    async def act(stage: Stage, asr: CountingASR) -> None:
        stage.hearings.settle(Settle("item_1", 0))

        assert await stage.next() == Recognised("item_1", Transcript("0 bytes in 0"), cut=0, final=True)

    scene_with(act)


def test_a_forgotten_item_is_told_no_more_of() -> None:
    """Its stream is closed, whatever it was doing."""

    async def act(stage: Stage, asr: CountingASR) -> None:
        asr.going.clear()
        stage.hearings.hear(hear(100))
        stage.hearings.settle(Settle("item_1", 50))
        await settled()
        stage.hearings.forget("item_1")
        stage.hearings.forget("item_9")
        await settled()

        assert asr.opened[0].is_closed
        assert stage.news.empty()
        assert len(stage.tasks) == 0

    scene_with(act)


@pytest.mark.parametrize(
    ("breaks", "told"),
    [
        (EngineError("No words.", code="no_words"), Unrecognised("item_1", "No words.", "no_words")),
        (ValueError("secret"), Unrecognised("item_1", "The speech recogniser failed.")),
    ],
)
def test_a_failure_is_told_once(breaks: Exception, told: Unrecognised) -> None:
    """Orders that the core gave before it knew are not done by a new stream."""

    async def act(stage: Stage, asr: CountingASR) -> None:
        asr.breaks = breaks
        stage.hearings.hear(hear(100))
        await settled()
        stage.hearings.hear(hear(100))
        stage.hearings.settle(Settle("item_1", 100))
        await settled()

        assert await stage.next() == told
        assert stage.news.empty()
        assert len(asr.opened) == 1
        assert asr.opened[0].is_closed

    scene_with(act)


def test_an_item_may_be_heard_again_after_a_failure() -> None:
    """An answer that needs its words asks for them from the start."""

    async def act(stage: Stage, asr: CountingASR) -> None:
        asr.breaks = EngineError("No words.")
        stage.hearings.hear(hear(100))
        await stage.next()
        asr.breaks = None
        stage.hearings.hear(hear(100))
        stage.hearings.settle(Settle("item_1", 50))

        assert await stage.next() == Recognised("item_1", Transcript("100 bytes in 1"), cut=50, final=True)
        assert len(asr.opened) == 2

    scene_with(act)


def test_a_recogniser_that_hangs_has_failed() -> None:
    """The session does not wait for ever for its words."""

    async def scene() -> None:
        asr = CountingASR()
        asr.going.clear()
        stage = Stage(asr, limit_s=0.01)
        stage.hearings.hear(hear(100))

        assert await stage.next() == Unrecognised("item_1", "The speech recogniser did not answer in time.")
        await settled()
        assert asr.opened[0].is_closed

    play(scene)


def test_a_recogniser_that_cannot_keep_up_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for it is bounded."""
    monkeypatch.setattr(module, "MAX_WAITING_MS", 1000)

    async def act(stage: Stage, asr: CountingASR) -> None:
        asr.going.clear()
        stage.hearings.hear(hear(SECOND))
        await settled()
        for _ in range(3):
            stage.hearings.hear(hear(SECOND))
        asr.going.set()

        assert await stage.next() == Unrecognised("item_1", "The speech recogniser cannot keep up.")

    scene_with(act)


def test_without_a_recogniser_the_words_stay_unknown() -> None:
    """The core asks nobody then; should it, it is told."""

    async def scene() -> None:
        stage = Stage(None)
        stage.hearings.hear(hear(100))

        assert await stage.next() == Unrecognised("item_1", "This server has no speech recogniser.")

    play(scene)


def test_a_stream_that_cannot_be_closed_has_told_its_words(caplog: pytest.LogCaptureFixture) -> None:
    """The failure is ours to know."""

    async def act(stage: Stage, asr: CountingASR) -> None:
        asr.breaks_closing = True
        stage.hearings.hear(hear(100))
        stage.hearings.settle(Settle("item_1", samples_of(bytes(100))))
        await stage.next()
        await settled()

        assert stage.news.empty()
        assert "secret" not in caplog.text
        assert len(caplog.records) == 1

    scene_with(act)


def test_news_of_items_that_are_not_heard_are_let_pass() -> None:
    """Notes are taken of every input."""

    async def act(stage: Stage, asr: CountingASR) -> None:
        stage.hearings.noted(Recognised("item_9", Transcript(""), final=True))
        stage.hearings.noted(Unrecognised("item_9", ""))

    scene_with(act)
