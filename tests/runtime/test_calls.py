"""Calls in the runtime: sound goes to the playout, sidebands come and go, and all end together."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from scripted_runtime import HandLink, Notes, others, play, settled, tone_engines
from served import tone

from antiphon.audio.pcm import ms_of, silence
from antiphon.link import Media, PlayoutStarted, PlayoutStopped, Scope, Sound, Unheard
from antiphon.runtime import members
from antiphon.runtime.app import RealtimeApp
from antiphon.runtime.options import RuntimeOptions

CALL = "rtc_1"


class HandPlayout:
    """A playout that plays when the test says so."""

    def __init__(self) -> None:
        self.on_drain: Callable[[], None] = lambda: None
        self.sounds: list[Sound] = []
        self.finished: list[str] = []
        self.unheard: tuple[Unheard, ...] = ()
        self.clears = 0
        self.news = asyncio.Event()

    @property
    def queued_ms(self) -> int:
        return sum(ms_of(sound.pcm) for sound in self.sounds)

    def play(self, sound: Sound) -> None:
        self.sounds.append(sound)
        self.news.set()

    def finish(self, response_id: str) -> None:
        self.finished.append(response_id)

    def clear(self) -> tuple[Unheard, ...]:
        self.clears += 1
        self.sounds.clear()
        return self.unheard


class CallStage:
    """An app with one call."""

    def __init__(self) -> None:
        self.app = RealtimeApp(engines=lambda _: tone_engines(), meter=Notes(), options=RuntimeOptions())
        self.playout = HandPlayout()
        self.call = HandLink(Scope("webrtc", call_id=CALL, takes_audio=False, playout=self.playout, principal="ann"))
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Begin the call."""
        await self.app.start()
        self._tasks.append(asyncio.ensure_future(self.app(self.call)))
        await self.call.until("session.created")

    async def attach(self) -> HandLink:
        """A sideband of the call, greeted."""
        link = HandLink(Scope("sideband", call_id=CALL, takes_audio=False))
        self._tasks.append(asyncio.ensure_future(self.app.attach(CALL, link)))
        await link.until("session.created")
        return link

    async def ask(self, text: str) -> str:
        """Have the model say something aloud; its response."""
        content = [{"type": "input_text", "text": text}]
        self.call.say("conversation.item.create", item={"type": "message", "role": "user", "content": content})
        self.call.say("response.create")
        created: dict[str, Any] = await self.call.until("response.created")
        return str(created["response"]["id"])

    async def end(self) -> None:
        """Everybody goes, and the app stops."""
        self.call.hang_up()
        await asyncio.gather(*self._tasks)
        await self.app.stop(1.0)
        await others()


def play_call(act: Callable[[CallStage], Awaitable[None]]) -> None:
    """Play with an open call."""

    async def scene() -> None:
        stage = CallStage()
        await stage.open()
        await act(stage)
        await stage.end()

    play(scene)


def test_an_answer_is_played_and_not_sent() -> None:
    """No audio delta goes over the link; the playout has the sound, and is told of its end."""

    async def act(stage: CallStage) -> None:
        response_id = await stage.ask("say hello.")
        kinds = []
        while (event := await stage.call.next())["type"] != "response.done":
            kinds.append(event["type"])

        assert "response.output_audio.delta" not in kinds
        assert "response.output_audio.done" in kinds
        assert {sound.response_id for sound in stage.playout.sounds} == {response_id}
        assert stage.playout.queued_ms > 0
        assert stage.playout.finished == [response_id]

    play_call(act)


def test_what_was_played_becomes_events() -> None:
    """The news of the playout go the way of all frames."""

    async def act(stage: CallStage) -> None:
        response_id = await stage.ask("say hello.")
        await stage.call.until("response.done")
        stage.call.frame(PlayoutStarted(response_id))
        started = await stage.call.next()
        assert (started["type"], started["response_id"]) == ("output_audio_buffer.started", response_id)
        stage.call.frame(PlayoutStopped(response_id))
        assert (await stage.call.next())["type"] == "output_audio_buffer.stopped"

    play_call(act)


def test_a_cleared_buffer_is_told_of_and_cut() -> None:
    """`output_audio_buffer.clear` reaches the playout; what it says was not heard is truncated."""

    async def act(stage: CallStage) -> None:
        response_id = await stage.ask("say hello.")
        done = await stage.call.until("response.done")
        stage.call.frame(PlayoutStarted(response_id))
        item_id = done["response"]["output"][0]["id"]
        stage.playout.unheard = (Unheard(response_id, item_id, 0, 60),)
        stage.call.say("output_audio_buffer.clear")
        await stage.call.until("output_audio_buffer.cleared")
        truncated = await stage.call.next()

        assert (truncated["type"], truncated["item_id"], truncated["audio_end_ms"]) == (
            "conversation.item.truncated",
            item_id,
            60,
        )
        assert stage.playout.clears == 1

    play_call(act)


def test_the_callers_sound_is_heard() -> None:
    """RTP audio is scored and begins a turn as an append would; and cuts off what is playing."""

    async def act(stage: CallStage) -> None:
        for _ in range(3):
            stage.call.frame(Media(tone(200)))
        await stage.call.until("input_audio_buffer.speech_started")

        assert stage.playout.clears == 1

    play_call(act)


def test_an_answer_waits_for_the_playout(monkeypatch: Any) -> None:
    """So far ahead of the playing, and no further."""
    monkeypatch.setattr(members, "AHEAD_MS", 200)

    async def act(stage: CallStage) -> None:
        await stage.ask("say " + "one two three four five six seven eight nine ten. " * 4)
        while stage.playout.queued_ms < 200:
            stage.playout.news.clear()
            await stage.playout.news.wait()
        await settled()
        waiting = stage.playout.queued_ms
        assert not stage.playout.finished
        while not stage.playout.finished:
            stage.playout.sounds.clear()
            stage.playout.on_drain()
            await asyncio.sleep(0)

        assert waiting < 4000

    play_call(act)


def test_a_sideband_sees_all_and_may_say_all() -> None:
    """Protocol 10.1: the same events without the sound, every event welcome; an error goes to who made it."""

    async def act(stage: CallStage) -> None:
        sideband = await stage.attach()
        sideband.say("response.create", response={"output_modalities": ["text"], "instructions": "say hello."})
        on_call, beside = await stage.call.until("response.done"), await sideband.until("response.done")
        assert on_call["response"] == beside["response"]
        sideband.say("output_audio_buffer.clear")
        sideband.say("response.cancel", event_id="mine")
        error = await sideband.until("error")

        assert error["error"]["event_id"] == "mine"
        assert stage.playout.clears == 1
        assert "error" not in stage.call.taken()

    play_call(act)


def test_sidebands_come_and_go() -> None:
    """Several at once; the call goes on without them."""

    async def act(stage: CallStage) -> None:
        one, two = await stage.attach(), await stage.attach()
        one.hang_up()
        stage.call.say("input_audio_buffer.clear")
        await two.until("input_audio_buffer.cleared")
        two.hang_up()
        await stage.call.until("input_audio_buffer.cleared")

        assert stage.app.sessions == 1

    play_call(act)


def test_sidebands_end_with_the_call() -> None:
    """With 1000, after what was still to be said."""

    async def scene() -> None:
        stage = CallStage()
        await stage.open()
        sideband = await stage.attach()
        await stage.end()

        assert sideband.closed == (1000, "The call has ended.")
        assert stage.app.sessions == 0

    play(scene)


def test_a_call_is_found_and_ended_by_its_id() -> None:
    """Hanging up closes the call and its sidebands; then the id means nothing."""

    async def scene() -> None:
        stage = CallStage()
        await stage.open()
        sideband = await stage.attach()
        found = stage.app.find(CALL)
        assert found is stage.call.scope
        assert stage.app.find("rtc_2") is None
        assert stage.app.end(CALL)
        assert not stage.app.end("rtc_2")
        await stage.end()

        assert stage.call.closed == (1000, "The call has ended.")
        assert sideband.closed == (1000, "The call has ended.")
        assert not stage.app.end(CALL)

    play(scene)


def test_a_sideband_that_is_too_late_is_closed() -> None:
    """The call ended between its upgrade and its first frame."""

    async def act(stage: CallStage) -> None:
        late = HandLink(Scope("sideband", call_id="rtc_2"))
        await stage.app.attach("rtc_2", late)

        assert late.closed == (1000, "The call has ended.")

    play_call(act)


def test_silence_from_the_network_is_audio_too() -> None:
    """Turn detection counts samples: what a transport fills in counts."""

    async def act(stage: CallStage) -> None:
        stage.call.say("session.update", session={"type": "realtime", "audio": {"input": {"turn_detection": None}}})
        await stage.call.until("session.updated")
        stage.call.frame(Media(silence(200)))
        stage.call.say("input_audio_buffer.commit")

        assert (await stage.call.next())["type"] == "input_audio_buffer.committed"

    play_call(act)
