"""The app: sessions open, are counted, are refused, and are gone."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from scripted_runtime import HandLink, Notes, ScriptedCore, others, play, settled, tone_engines

from antiphon.facts import Fact, ResponseEnded, SessionClosed, SessionOpened, Shed
from antiphon.link import Scope
from antiphon.ports import EngineSet
from antiphon.runtime import app as module
from antiphon.runtime.app import RealtimeApp
from antiphon.runtime.options import RuntimeOptions
from antiphon.session.config import SessionSettings

ENGINES = tone_engines()


def engines_for(model: str | None) -> EngineSet:
    """The tone engines, but not for everyone."""
    if model == "unknown":
        raise LookupError(model)
    return ENGINES


class Stage:
    """An app that accepts, and the links that it serves."""

    def __init__(self, options: RuntimeOptions | None = None) -> None:
        self.notes = Notes()
        self.app = RealtimeApp(engines=engines_for, meter=self.notes, options=options or RuntimeOptions())
        self._served: list[asyncio.Task[None]] = []

    def serve(self, link: HandLink) -> HandLink:
        """Serve a link beside the scene."""
        self._served.append(asyncio.ensure_future(self.app(link)))
        return link

    async def open(self, scope: Scope | None = None) -> HandLink:
        """A link whose session is open."""
        link = self.serve(HandLink(scope))
        await link.until("session.created")
        return link

    async def end(self, *links: HandLink) -> None:
        """The links go, and the app stops."""
        for link in links:
            link.hang_up()
        await asyncio.gather(*self._served)
        await self.app.stop(1.0)
        await others()


def play_with(act: Callable[[Stage], Awaitable[None]], options: RuntimeOptions | None = None) -> None:
    """Play with an app that has been started."""

    async def scene() -> None:
        stage = Stage(options)
        await stage.app.start()
        await act(stage)

    play(scene)


def kinds(facts: list[Fact]) -> list[type]:
    """The kinds of facts."""
    return [type(fact) for fact in facts]


def test_a_link_is_a_session() -> None:
    """From `session.created`, unprompted and first, to the last frame; nothing is left of it."""

    async def act(stage: Stage) -> None:
        link = stage.serve(HandLink(Scope("websocket", model="gpt-realtime", principal="ann")))
        created = await link.next()
        assert created["type"] == "session.created"
        assert created["session"]["model"] == "gpt-realtime"
        assert created["session"]["instructions"] == "Be brief."
        assert stage.app.sessions == 1
        [running] = stage.app.running
        assert (running.session_id, running.scope) == (created["session"]["id"], link.scope)
        await stage.end(link)

        assert stage.app.sessions == 0
        opened, closed = stage.notes.facts
        assert opened == SessionOpened(running.session_id, "websocket", "ga", "gpt-realtime")
        assert isinstance(closed, SessionClosed)
        assert closed.session_id == running.session_id

    play_with(act, RuntimeOptions(instructions="Be brief."))


def test_the_intent_decides_the_kind_of_session() -> None:
    """A transcription session has no model."""

    async def act(stage: Stage) -> None:
        link = stage.serve(HandLink(Scope("websocket", intent="transcription")))
        created = await link.next()
        assert created["session"]["type"] == "transcription"
        await stage.end(link)

    play_with(act)


def test_an_answer_comes_back() -> None:
    """The real core and the tone engines, end to end without a socket."""

    async def act(stage: Stage) -> None:
        link = await stage.open()
        link.say(
            "conversation.item.create",
            item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": "say hello."}]},
        )
        link.say("response.create", response={"output_modalities": ["text"]})
        done = await link.until("response.done")
        await stage.end(link)

        assert done["response"]["output"][0]["content"][0]["text"] == "hello."
        assert kinds(stage.notes.facts) == [SessionOpened, ResponseEnded, SessionClosed]

    play_with(act)


def test_a_session_expires() -> None:
    """After its lifetime, with the provider's words."""

    async def act(stage: Stage) -> None:
        link = await stage.open()
        told = await link.until("error")
        await stage.end()

        assert told["error"]["code"] == "session_expired"
        assert link.closed == (1001, told["error"]["message"])

    play_with(act, RuntimeOptions(lifetime_s=0))


def test_a_session_too_many_is_refused() -> None:
    """It may try again when another has ended."""

    async def act(stage: Stage) -> None:
        first = await stage.open()
        second = stage.serve(HandLink())
        told = await second.next()
        assert (told["type"], told["error"]["code"]) == ("error", "session_limit_reached")
        first.hang_up()
        while stage.app.sessions:  # noqa: ASYNC110 -- the end of a session is told to nobody outside
            await asyncio.sleep(0)
        third = await stage.open()
        await stage.end(third)

        assert second.closed == (1013, "invalid_request_error.session_limit_reached")
        assert kinds(stage.notes.facts) == [SessionOpened, Shed, SessionClosed, SessionOpened, SessionClosed]
        assert Shed("sessions") in stage.notes.facts

    play_with(act, RuntimeOptions(max_sessions=1))


def test_engines_that_cannot_be_had_are_our_fault(caplog: pytest.LogCaptureFixture) -> None:
    """The client is told so; no session is counted."""

    async def act(stage: Stage) -> None:
        link = stage.serve(HandLink(Scope("websocket", model="unknown")))
        told = await link.next()
        await stage.end()

        assert told["error"]["type"] == "server_error"
        assert link.closed == (1011, "server_error")
        assert stage.notes.facts == []

    play_with(act)
    assert len(caplog.records) == 1


def test_nothing_is_accepted_before_the_start() -> None:
    """Nor after the stop."""

    async def scene() -> None:
        stage = Stage()
        early, late = HandLink(), HandLink()
        await stage.app(early)
        await stage.app.start()
        await stage.app.stop(1.0)
        await stage.app(late)

        assert early.closed == late.closed == (1001, "The server is shutting down.")

    play(scene)


def test_a_stop_lets_sessions_end() -> None:
    """As long as it is patient; new ones are refused."""

    async def act(stage: Stage) -> None:
        link = await stage.open()
        stopping = asyncio.ensure_future(stage.app.stop(1000))
        await settled()
        late = HandLink()
        await stage.app(late)
        assert late.closed == (1001, "The server is shutting down.")
        assert not stopping.done()
        link.hang_up()
        await stopping

        assert link.closed != (1001, "The server is shutting down.")
        await stage.end()

    play_with(act)


def test_a_stop_ends_sessions_that_go_on() -> None:
    """Their clients are told."""

    async def act(stage: Stage) -> None:
        link = await stage.open()
        await stage.app.stop(0)
        await stage.end()

        assert link.closed == (1001, "The server is shutting down.")
        assert stage.app.sessions == 0

    play_with(act)


def test_a_stop_does_not_wait_for_a_deaf_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that takes nothing is left to the transport."""
    monkeypatch.setattr(module, "LAST_WORDS_S", 0.01)

    async def act(stage: Stage) -> None:
        link = await stage.open()
        link.taking.clear()
        await stage.app.stop(0)
        assert stage.app.sessions == 1
        link.taking.set()
        await stage.end()

    play_with(act)


def test_sessions_share_the_worker_of_a_vad() -> None:
    """One thread for the process, not one for each caller."""

    async def act(stage: Stage) -> None:
        links = [await stage.open() for _ in range(3)]
        streams = {id(running.runner._stream._scoring) for running in stage.app.running}
        await stage.end(*links)

        assert len(streams) == 1

    play_with(act)


def test_any_core_can_be_run() -> None:
    """The app knows no more of it than its one door."""

    async def scene() -> None:
        cores: list[ScriptedCore] = []

        def make(settings: SessionSettings) -> ScriptedCore:
            cores.append(ScriptedCore(lambda news: (), session_id=settings.session_id))
            return cores[-1]

        app = RealtimeApp(engines=engines_for, meter=Notes(), options=RuntimeOptions(), core=make)
        await app.start()
        link = HandLink()
        serving = asyncio.ensure_future(app(link))
        await settled()
        await cores[0].saw(1)
        link.hang_up()
        await serving

    play(scene)
