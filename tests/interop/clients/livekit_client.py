"""A LiveKit agent whose model is the OpenAI plugin's `RealtimeModel`.

Only the address is not the plugin's own. There is no room: a microphone and a loudspeaker in memory stand for it, and
the loudspeaker takes as long as the sound lasts.
"""

import asyncio
import time

from livekit import rtc
from livekit.agents import Agent, AgentSession, RunContext, function_tool
from livekit.agents.voice import io
from livekit.plugins import openai
from telling import CHUNK_BYTES, Happenings, chunks, task, tell, tell_logs

RATE_HZ = 24_000
CHUNK_S = CHUNK_BYTES / 2 / RATE_HZ


class Microphone(io.AudioInput):
    """What is spoken."""

    def __init__(self) -> None:
        super().__init__(label="microphone")
        self._frames: asyncio.Queue[rtc.AudioFrame] = asyncio.Queue()

    async def __anext__(self) -> rtc.AudioFrame:
        return await self._frames.get()

    def say(self, pcm: bytes) -> None:
        """Take a piece of sound."""
        self._frames.put_nowait(rtc.AudioFrame(pcm, RATE_HZ, 1, len(pcm) // 2))


class Loudspeaker(io.AudioOutput):
    """What is heard."""

    def __init__(self) -> None:
        super().__init__(label="loudspeaker", capabilities=io.AudioOutputCapabilities(pause=False), sample_rate=RATE_HZ)
        self._began = 0.0
        self._seconds = 0.0
        self._end: asyncio.TimerHandle | None = None

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        """Take a piece of sound."""
        await super().capture_frame(frame)
        if not self._seconds:
            self._began = time.monotonic()
            self.on_playback_started(created_at=time.time())
        self._seconds += frame.duration
        tell("audio", bytes=len(frame.data) * 2)

    def flush(self) -> None:
        """This was all: it ends when it has been played."""
        super().flush()
        if self._seconds:
            left = self._began + self._seconds - time.monotonic()
            self._end = asyncio.get_running_loop().call_later(max(left, 0), self._finish, self._seconds, False)

    def clear_buffer(self) -> None:
        """Stop playing."""
        if self._end is not None:
            self._end.cancel()
        if self._seconds:
            self._finish(min(time.monotonic() - self._began, self._seconds), True)

    def _finish(self, position: float, interrupted: bool) -> None:
        self._end = None
        self._seconds = 0.0
        self.on_playback_finished(playback_position=position, interrupted=interrupted)


class Helper(Agent):
    """An agent with a tool."""

    def __init__(self) -> None:
        super().__init__(instructions="Be helpful.")

    @function_tool
    async def weather(self, context: RunContext, city: str) -> str:
        """Tell the weather of a city."""
        tell("tool", city=city)
        return f"sunny in {city}"


class Play:
    """The agent at work, and what is done to it."""

    def __init__(self, model: openai.realtime.RealtimeModel, pcm: dict[str, str]) -> None:
        self.seen = Happenings()
        self.pcm = pcm
        self.microphone = Microphone()
        self.model = model
        self.session = AgentSession(
            llm=self.model, turn_handling={"interruption": {"resume_false_interruption": False}}
        )
        self.session.input.audio = self.microphone
        self.session.output.audio = Loudspeaker()
        self.session.on("user_input_transcribed", lambda event: self._heard(event.transcript, event.is_final))
        self.session.on("conversation_item_added", lambda event: self._added(event.item))
        self.session.on("agent_state_changed", lambda event: self._tell("state", is_now=event.new_state))
        self.session.on("user_state_changed", lambda event: self._tell("caller", is_now=event.new_state))
        self.session.on("error", lambda event: self._tell("error", text=repr(event.error)))

    def _tell(self, kind: str, **facts: object) -> None:
        tell(kind, **facts)
        self.seen.note(f"{kind} {facts.get('is_now', '')}".strip())

    def _heard(self, text: str, is_final: bool) -> None:
        if is_final:
            self._tell("heard", text=text)

    def _added(self, item: object) -> None:
        text, role = getattr(item, "text_content", None), getattr(item, "role", None)
        tell("item", role=role, text=text, interrupted=getattr(item, "interrupted", False))
        self.seen.note(f"item {role}")

    async def speak(self, name: str) -> None:
        """Say something in real time; the microphone stays open until the turn has been found.

        The plugin cancels when it hears of an interruption: that must not come when the turn is over.
        """
        turns = self.seen.count("caller listening")
        for chunk in chunks(self.pcm[name]):
            self.microphone.say(chunk)
            await asyncio.sleep(CHUNK_S)
        while self.seen.count("caller listening") == turns:
            self.microphone.say(bytes(CHUNK_BYTES))
            await asyncio.sleep(CHUNK_S)

    async def act(self, name: str) -> None:
        """Play one act to its end."""
        seen, answers, states = self.seen, self.seen.count("item assistant"), self.seen.count("state speaking")
        match name:
            case "speak":
                await self.speak("question")
                await seen.until("item assistant", answers + 1)
            case "tool":
                self.session.generate_reply(user_input='call weather {"city": "Paris"}')
                await seen.until("item assistant", answers + 1)
            case "interrupt":
                self.session.generate_reply(user_input="slow " + "One. Two. Three. " * 30)
                await seen.until("state speaking", states + 1)
                await self.speak("interruption")
                await seen.until("item assistant", answers + 2)
        tell("acted", name=name)


def model_at(url: str, name: str, api_version: str | None) -> openai.realtime.RealtimeModel:
    """The model at this server; with a version, as if the server were Azure's."""
    if api_version is None:
        return openai.realtime.RealtimeModel(base_url=f"{url}/v1", api_key="none", model=name)
    return openai.realtime.RealtimeModel.with_azure(
        azure_endpoint=url, azure_deployment=name, api_version=api_version, api_key="none"
    )


async def main() -> None:
    """Play the acts."""
    wanted = task()
    play = Play(model_at(wanted["url"], wanted["model"], wanted.get("api_version")), wanted["pcm"])
    await play.session.start(Helper())
    for name in wanted["acts"]:
        await play.act(name)
    await play.session.aclose()
    await play.model.aclose()


tell_logs()
asyncio.run(main())
