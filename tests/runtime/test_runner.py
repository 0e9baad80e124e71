"""The loop of one session, with a core by script."""

import asyncio
import base64
import contextlib
from collections.abc import Callable, Iterable

import pytest
from scripted_runtime import (
    FREE,
    HandLink,
    HandResponder,
    HandRun,
    Notes,
    ScriptedCore,
    audio_event,
    others,
    play,
    settled,
    sound,
    tone_engines,
)

from antiphon.audio.pcm import silence
from antiphon.engines.tone import ToneVAD
from antiphon.facts import EngineFailed, Traffic
from antiphon.link import Binary, Media, Scope, Text
from antiphon.ports import EngineError, Prompt, Responder
from antiphon.protocol import errors
from antiphon.protocol.client_events import InputAudioBufferClear, InputAudioBufferCommit, ResponseCreate
from antiphon.protocol.errors import ErrorDetail
from antiphon.protocol.server_events import Error, InputAudioBufferCleared, InputAudioBufferCommitted
from antiphon.protocol.session import PcmuFormat
from antiphon.runtime import runner as module
from antiphon.runtime.options import RuntimeOptions
from antiphon.runtime.runner import Runner
from antiphon.runtime.scoring import Scoring
from antiphon.session.effects import Close, Effect, Respond, Send, Stop
from antiphon.session.inputs import Heard, Input, Joined, Left, Produced, Received, Refused, Tick

Script = Callable[[Input], Iterable[Effect]]

FRAME = 768


def nothing(news: Input) -> Iterable[Effect]:
    """A script without effects."""
    return ()


class Stage:
    """A runner, its core, and links whose peer is the test."""

    def __init__(
        self, script: Script = nothing, responder: Responder | None = None, options: RuntimeOptions | None = None
    ) -> None:
        self.core = ScriptedCore(script)
        self.notes = Notes()
        self.traffic = Traffic()
        self.vad = ToneVAD()
        self.scoring = Scoring(self.vad, 5.0)
        self.runner = Runner(
            self.core,
            tone_engines(self.vad, responder),
            self.scoring.open(),
            self.notes,
            options or RuntimeOptions(),
            allowance=FREE,
            traffic=self.traffic,
        )
        self._served: list[asyncio.Task[None]] = []

    def join(self, scope: Scope | None = None) -> HandLink:
        """One more link."""
        link = HandLink(scope)
        self._served.append(asyncio.ensure_future(self.runner.serve(link)))
        return link

    async def end(self, *links: HandLink) -> None:
        """All links go; nothing may be left."""
        for link in links:
            link.hang_up()
        await self.ended()
        await others()

    async def ended(self) -> None:
        """The links have gone, and the session is over."""
        await asyncio.gather(*self._served)
        await self.runner.end()
        await self.scoring.stop()

    async def seen_after(self, *frames: Text | Binary | Media, count: int) -> list[Input]:
        """What the core is told of a link's frames, and of its joining first."""
        link = self.join()
        for frame in frames:
            link.frame(frame)
        seen = await self.core.saw(count)
        await self.end(link)
        return seen


def append(pcm: bytes, **keys: str) -> Text:
    """An append of audio."""
    more = "".join(f',"{key}":"{value}"' for key, value in keys.items())
    return Text(f'{{"type":"input_audio_buffer.append","audio":"{base64.b64encode(pcm).decode()}"{more}}}')


COMMIT = Text('{"type":"input_audio_buffer.commit"}')
CLEAR = Text('{"type":"input_audio_buffer.clear"}')


def test_a_link_joins_speaks_and_leaves() -> None:
    """The core is told of the link first, then of each frame, with its origin."""

    async def scene() -> None:
        stage = Stage()
        seen = await stage.seen_after(COMMIT, Text("nonsense"), Binary(3), count=4)

        assert seen == [
            Joined("link_1"),
            Received("link_1", InputAudioBufferCommit()),
            Refused("link_1", errors.invalid_json()),
            Refused("link_1", errors.binary_frame()),
        ]

    play(scene)


def test_what_goes_over_links_is_counted() -> None:
    """Events by their kind in both directions, bytes of frames, errors by their code; a bad frame is none of them."""

    async def scene() -> None:
        stage = Stage(lambda news: [Send(Error(error=news.error))] if isinstance(news, Refused) else [])
        link = stage.join()
        link.say("response.create")
        link.frame(Text("no event"))
        link.frame(Binary(7))
        await link.until("error")
        await link.until("error")
        await stage.end(link)

        traffic = stage.traffic
        assert traffic.received == {ResponseCreate: 1, ErrorDetail: 1}
        assert traffic.received_bytes == len('{"type": "response.create"}' + "no event") + 7
        assert traffic.sent == {Error: 2}
        assert traffic.sent_bytes > 100
        assert traffic.errors == {"invalid_json": 1, "invalid_event": 1}

    play(scene)


def test_the_clock_does_not_go_back() -> None:
    """The core's time is the loop's."""

    async def scene() -> None:
        stage = Stage()
        await stage.seen_after(COMMIT, COMMIT, count=3)

        assert stage.core.times == sorted(stage.core.times)

    play(scene)


def test_audio_is_heard_unscored_where_nobody_wants_scores() -> None:
    """One append is one piece then, so that it is taken or refused whole."""

    async def scene() -> None:
        stage = Stage()
        pcm = silence(2000)
        seen = await stage.seen_after(append(pcm, event_id="e1"), count=2)

        assert seen[1:] == [Heard("link_1", pcm, (), "e1")]

    play(scene)


def test_audio_is_scored_as_it_is_taken_out() -> None:
    """An update that came before the append has taken effect by then, however fast both were sent."""

    async def scene() -> None:
        def script(news: Input) -> Iterable[Effect]:
            stage.core.wants_scores = isinstance(news, Received)
            return ()

        stage = Stage(script)
        seen = await stage.seen_after(append(silence(40)), COMMIT, append(silence(40)), count=4)
        scores = [len(news.scores) for news in seen if isinstance(news, Heard)]

        assert scores == [0, 1]

    play(scene)


def test_a_long_append_is_scored_in_pieces() -> None:
    """Each with the frames that it completed; together they are the append, and nothing comes between."""

    async def scene() -> None:
        stage = Stage()
        stage.core.wants_scores = True
        seen = await stage.seen_after(append(silence(1200), event_id="e1"), COMMIT, count=5)
        pieces = [news for news in seen if isinstance(news, Heard)]

        assert [len(piece.pcm) // 48 for piece in pieces] == [500, 500, 200]
        assert {piece.event_id for piece in pieces} == {"e1"}
        assert [score.end for piece in pieces for score in piece.scores] == [n * FRAME for n in range(1, 38)]
        assert isinstance(seen[4], Received)

    play(scene)


def test_an_odd_byte_waits_for_the_next_append() -> None:
    """The service takes any cut; the core sees whole samples. A clear or a commit begins a new stream."""

    async def scene() -> None:
        stage = Stage()
        seen = await stage.seen_after(append(b"abc"), append(b"d"), append(b"e"), CLEAR, append(b"fg"), count=5)

        assert seen[1:] == [
            Heard("link_1", b"ab"),
            Heard("link_1", b"cd"),
            Received("link_1", InputAudioBufferClear()),
            Heard("link_1", b"fg"),
        ]

    play(scene)


def test_telephone_audio_is_decoded() -> None:
    """By the session's format at the time."""

    async def scene() -> None:
        stage = Stage()
        stage.core.input_format = PcmuFormat()
        seen = await stage.seen_after(append(bytes(160)), count=2)

        assert isinstance(seen[1], Heard)
        assert 0 < len(seen[1].pcm) <= 20 * 48

    play(scene)


def test_audio_by_rtp_is_heard_as_well() -> None:
    """It is pcm already."""

    async def scene() -> None:
        stage = Stage()
        seen = await stage.seen_after(Media(silence(20)), count=2)

        assert seen[1:] == [Heard("link_1", silence(20))]

    play(scene)


def test_refused_audio_does_not_count() -> None:
    """The core's positions and the scores' stay the same: what it had no room for never was."""

    async def scene() -> None:
        def script(news: Input) -> Iterable[Effect]:
            stage.core.wants_scores = isinstance(news, Received)
            if isinstance(news, Heard) and len(news.pcm) > 1000:
                return [Send(Error(error=errors.buffer_full(600)), to=news.origin)]
            return ()

        stage = Stage(script)
        seen = await stage.seen_after(append(bytes(1000)), append(bytes(2000)), COMMIT, append(silence(40)), count=5)
        last = seen[4]

        assert isinstance(last, Heard)
        assert [score.start for score in last.scores] == [500]

    play(scene)


class BrokenVAD(ToneVAD):
    """Fails always."""

    def score(self, frames: object, states: object) -> tuple[list[float], list[object]]:
        raise EngineError("secret")


def test_a_session_goes_on_without_its_vad(caplog: pytest.LogCaptureFixture) -> None:
    """The audio is heard without scores; the failure is reported and logged once."""

    async def scene() -> None:
        stage = Stage()
        stage.vad.score = BrokenVAD().score  # type: ignore[method-assign]  # breaks in mid-session
        stage.core.wants_scores = True
        seen = await stage.seen_after(append(silence(40)), append(silence(40)), count=3)

        assert seen[1:] == [Heard("link_1", silence(40))] * 2
        assert stage.notes.facts == [EngineFailed("sess_1", "vad", "The voice activity detection failed.")]

    play(scene)
    assert len(caplog.records) == 1
    assert "secret" not in caplog.text


def test_a_tick_comes_at_the_deadline() -> None:
    """And again at the next; a deadline that moves takes the tick along."""

    async def scene() -> None:
        def script(news: Input) -> Iterable[Effect]:
            now = asyncio.get_running_loop().time()
            if isinstance(news, Joined):
                stage.core.deadline = now + 100
            elif isinstance(news, Received):
                stage.core.deadline = now + 0.01
            else:
                stage.core.deadline = now + 0.01 if len(stage.core.seen) < 4 else None
            return ()

        stage = Stage(script)
        seen = await stage.seen_after(COMMIT, count=4)

        assert seen[2:] == [Tick(), Tick()]

    play(scene)


def test_the_timer_ends_with_the_session() -> None:
    """Nothing holds a session that is over."""

    async def scene() -> None:
        stage = Stage()
        stage.core.deadline = asyncio.get_running_loop().time() + 1000
        await stage.seen_after(COMMIT, count=2)

        timer = stage.runner._timer
        assert timer is not None
        assert timer.cancelled()

    play(scene)


def test_every_link_hears_what_is_for_all() -> None:
    """An error is for its origin; a link that joins later hears nothing of before."""

    async def scene() -> None:
        def script(news: Input) -> Iterable[Effect]:
            if isinstance(news, Refused):
                return [Send(Error(error=news.error), to=news.origin)]
            if isinstance(news, Received):
                return [Send(InputAudioBufferCommitted(previous_item_id=None, item_id="item_1"))]
            return [Send(InputAudioBufferCleared(), to=news.origin)] if isinstance(news, Joined) else []

        stage = Stage(script)
        one = stage.join()
        one.frame(COMMIT)
        await one.until("input_audio_buffer.committed")
        two = stage.join(Scope("sideband", model="tone"))
        await two.until("input_audio_buffer.cleared")
        two.frame(Text("nonsense"))
        two.frame(COMMIT)
        await two.until("error")
        await one.until("input_audio_buffer.committed")
        await two.until("input_audio_buffer.committed")

        assert one.taken() == []
        await stage.end(one, two)

    play(scene)


def test_a_session_lives_on_while_a_link_is_there() -> None:
    """What a link said last is read before its leaving is told."""

    async def scene() -> None:
        stage = Stage()
        one, two = stage.join(), stage.join()
        await stage.core.saw(2)
        two.frame(COMMIT)
        two.hang_up()
        seen = await stage.core.saw(4)
        assert seen[2:] == [Received("link_2", InputAudioBufferCommit()), Left("link_2")]
        assert stage.runner.links == 1
        one.frame(COMMIT)
        await stage.core.saw(5)

        await stage.end(one)

    play(scene)


def test_the_core_may_end_the_session() -> None:
    """What it said before is sent; then all links are closed."""

    async def scene() -> None:
        def script(news: Input) -> Iterable[Effect]:
            if isinstance(news, Received):
                return [Send(InputAudioBufferCleared()), Close(1001, "over")]
            return []

        stage = Stage(script)
        one, two = stage.join(), stage.join()
        await stage.core.saw(2)
        one.frame(COMMIT)
        await stage.end()

        assert (one.taken(), one.closed) == (["input_audio_buffer.cleared"], (1001, "over"))
        assert (two.taken(), two.closed) == (["input_audio_buffer.cleared"], (1001, "over"))

    play(scene)


def test_the_owner_may_end_the_session() -> None:
    """A server that stops says so."""

    async def scene() -> None:
        stage = Stage()
        link = stage.join()
        await stage.core.saw(1)
        stage.runner.close(1001, "bye")
        await stage.end()

        assert link.closed == (1001, "bye")

    play(scene)


def broken() -> Iterable[Effect]:
    """Fail, and quote what must not be logged."""
    raise ValueError("secret")


def test_a_fault_of_the_core_ends_its_session_only(caplog: pytest.LogCaptureFixture) -> None:
    """The client is told that it was not to blame, and the log where it happened."""

    async def scene() -> None:
        def script(news: Input) -> Iterable[Effect]:
            return broken() if isinstance(news, Received) else []

        stage = Stage(script)
        link = stage.join()
        link.frame(COMMIT)
        link.frame(COMMIT)
        told = await link.until("error")
        await stage.end()

        assert told["error"]["type"] == "server_error"
        assert "sess_1" in told["error"]["message"]
        assert link.closed == (1011, "The server had an error.")
        assert len([news for news in stage.core.seen if isinstance(news, Received)]) == 1

    play(scene)
    assert len(caplog.records) == 1
    assert "secret" not in caplog.text


def test_a_fault_of_a_link_ends_its_session_only(caplog: pytest.LogCaptureFixture) -> None:
    """A transport that raises is a fault of ours as well."""

    class BrokenLink(HandLink):
        async def receive(self) -> None:
            raise ValueError("secret")

    async def scene() -> None:
        stage = Stage()
        link = BrokenLink()
        await stage.runner.serve(link)
        await stage.end()

        assert link.closed is not None

    play(scene)
    assert [record.message.split(":")[0] for record in caplog.records] == ["fault in task reading link_1"]


def test_a_slow_client_delays_its_own_answer() -> None:
    """The engine waits for the client; the core does not, and serves what else there is."""

    async def scene() -> None:
        run = HandRun()

        def script(news: Input) -> Iterable[Effect]:
            if isinstance(news, Joined):
                return [Respond("resp_1", Prompt("sess_1", "", ()))]
            if isinstance(news, Produced):
                return [Send(audio_event("resp_1", 1000))]
            return [Stop("resp_1")] if isinstance(news, Received) else []

        stage = Stage(script, HandResponder(run), RuntimeOptions(outbound_bytes=4000))
        link = stage.join()
        link.taking.clear()
        for _ in range(20):
            run.deltas.put_nowait(sound(1000))
        await settled()
        assert sum(isinstance(news, Produced) for news in stage.core.seen) == 4
        link.frame(COMMIT)
        await settled()
        assert isinstance(stage.core.seen[-1], Received)
        assert run.is_closed
        link.taking.set()
        await settled()

        assert link.taken() == ["response.output_audio.delta"]  # the rest had not been given to the link yet
        await stage.end(link)

    play(scene)


def test_a_client_that_vanishes_in_mid_answer_leaves_nothing() -> None:
    """Its run is closed, its tasks end."""

    async def scene() -> None:
        run = HandRun()

        def script(news: Input) -> Iterable[Effect]:
            return [Respond("resp_1", Prompt("sess_1", "", ()))] if isinstance(news, Joined) else []

        stage = Stage(script, HandResponder(run))
        link = stage.join()
        run.deltas.put_nowait(sound(1000))
        await stage.core.saw(2)
        await stage.end(link)

        assert run.is_closed

    play(scene)


def test_a_session_ends_although_an_engine_does_not(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that cannot be stopped is told of in the log, and left."""
    monkeypatch.setattr(module, "END_LIMIT_S", 0.01)

    class StuckRun(HandRun):
        def __init__(self) -> None:
            super().__init__()
            self.released = asyncio.Event()

        async def aclose(self) -> None:
            while not self.is_closed:
                with contextlib.suppress(asyncio.CancelledError):
                    await self.released.wait()
                    self.is_closed = True

    async def scene() -> None:
        run = StuckRun()

        def script(news: Input) -> Iterable[Effect]:
            return [Respond("resp_1", Prompt("sess_1", "", ()))] if isinstance(news, Joined) else []

        stage = Stage(script, HandResponder(run))
        link = stage.join()
        await stage.core.saw(1)
        await settled()
        link.hang_up()
        await stage.ended()
        run.released.set()
        await others()

    play(scene)
    assert [record.message for record in caplog.records] == ["session sess_1: 1 tasks do not end"]
