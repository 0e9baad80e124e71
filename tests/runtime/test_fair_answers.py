"""Answers of many sessions with one voice that speaks in one thread: whose sentence comes next."""

import asyncio
import threading
from collections.abc import AsyncGenerator

from scripted_runtime import FREE, play, settled

from antiphon.engines.cascade import Cascade
from antiphon.engines.tone import ToneTTS
from antiphon.engines.tone_llm import ToneLLM
from antiphon.engines.worker import Worker
from antiphon.owner import TaskOwner
from antiphon.ports import Prompt
from antiphon.protocol.items import InputText, Message
from antiphon.runtime.answering import Answers
from antiphon.session.effects import Respond
from antiphon.session.inputs import Finished, Input


class ThreadTTS(ToneTTS):
    """A voice that is held until the test lets it go on."""

    def __init__(self) -> None:
        super().__init__()
        self.worker = Worker("voice")
        self.said: list[str] = []
        self.go_on = threading.Event()
        self.asked = asyncio.Event()

    async def speak(self, text: str, voice: str, speed: float) -> AsyncGenerator[bytes, None]:
        self.asked.set()
        await self.worker.run(self._say, text)
        yield bytes(4800)

    def _say(self, text: str) -> None:
        self.go_on.wait()
        self.said.append(text)

    async def queued(self, count: int) -> None:
        """Wait until so many sentences wait."""
        while self.worker.waiting < count:
            self.asked.clear()
            await self.asked.wait()
            await asyncio.sleep(0)


class Stage:
    """Answers of all sessions, and who was told that one is finished."""

    def __init__(self) -> None:
        self.tts = ThreadTTS()
        self.tasks = TaskOwner(lambda: None)
        self.finished: asyncio.Queue[str] = asyncio.Queue()
        self.answers = Answers(Cascade(ToneLLM(), self.tts), self._put, self._room, self.tasks, 30.0, allowance=FREE)

    def ask(self, response_id: str, session_id: str, *, draft: bool = False) -> None:
        """Have the response say its own id."""
        question = Message(role="user", content=(InputText(text=f"say {response_id}."),))
        self.answers.start(Respond(response_id, Prompt(session_id, "", (question,), draft=draft)))

    async def heard(self, count: int) -> list[str]:
        """Let the voice speak; what it has said when so many responses are finished."""
        self.tts.go_on.set()
        for _ in range(count):
            await self.finished.get()
        self.tts.worker.stop()
        return self.tts.said

    async def _put(self, news: Input) -> None:
        if isinstance(news, Finished):
            self.finished.put_nowait(news.response_id)

    async def _room(self) -> None: ...


def test_a_flood_of_one_session_does_not_delay_another() -> None:
    """Ten answers wait; the first sentence of somebody else comes after the one that is spoken now."""

    async def scene() -> None:
        stage = Stage()
        for number in range(10):
            stage.ask(f"flood {number}", "sess_flood")
        await stage.tts.queued(9)
        stage.ask("other", "sess_other")
        await stage.tts.queued(10)

        assert (await stage.heard(11))[1] == "other."

    play(scene)


def test_a_draft_is_spoken_after_all_that_is_wanted() -> None:
    """Until its turn has ended: then it is as good as any."""

    async def scene() -> None:
        stage = Stage()
        stage.ask("now", "sess_1")
        await stage.tts.asked.wait()
        stage.ask("guess", "sess_2", draft=True)
        stage.ask("sure", "sess_3", draft=True)
        await stage.tts.queued(2)
        stage.ask("real", "sess_4")
        await stage.tts.queued(3)
        stage.answers.release("sure")

        assert await stage.heard(4) == ["now.", "sure.", "real.", "guess."]

    play(scene)


def test_a_stopped_answer_is_not_spoken() -> None:
    """Its sentence leaves the queue at once, not when its turn has come."""

    async def scene() -> None:
        stage = Stage()
        stage.ask("now", "sess_1")
        await stage.tts.asked.wait()
        stage.ask("stopped", "sess_2")
        stage.ask("kept", "sess_3")
        await stage.tts.queued(2)
        stage.answers.stop("stopped")
        await settled()
        assert stage.tts.worker.waiting == 1

        assert await stage.heard(2) == ["now.", "kept."]

    play(scene)
