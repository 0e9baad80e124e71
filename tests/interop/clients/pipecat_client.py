"""A Pipecat bot whose model is `OpenAIRealtimeLLMService`: its pipeline is that of Pipecat's own example.

Only the address is not Pipecat's own. The room is a microphone and a loudspeaker in memory, which plays in real time.
"""

import asyncio

from loguru import logger
from pipecat.adapters.llm.schemas.function_schema import FunctionSchema
from pipecat.adapters.llm.schemas.tools_schema import ToolsSchema
from pipecat.frames.frames import (
    BotStoppedSpeakingFrame,
    ErrorFrame,
    InputAudioRawFrame,
    InterruptionFrame,
    LLMFullResponseEndFrame,
    LLMRunFrame,
    OutputAudioRawFrame,
    StartFrame,
    TranscriptionFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
    TTSTextFrame,
    UserStoppedSpeakingFrame,
)
from pipecat.observers.base_observer import BaseObserver, FramePushed
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.llm_service import FunctionCallParams
from pipecat.services.openai.realtime.events import (
    AudioConfiguration,
    AudioInput,
    InputAudioTranscription,
    SemanticTurnDetection,
    SessionProperties,
)
from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService
from pipecat.transports.base_input import BaseInputTransport
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import TransportParams
from pipecat.workers.runner import WorkerRunner
from telling import CHUNK_BYTES, Happenings, chunks, task, tell

RATE_HZ = 24_000
ROOM = TransportParams(
    audio_in_enabled=True, audio_out_enabled=True, audio_in_sample_rate=RATE_HZ, audio_out_sample_rate=RATE_HZ
)
WEATHER = FunctionSchema(
    name="weather",
    description="Tell the weather of a city.",
    properties={"city": {"type": "string"}},
    required=["city"],
)


class Microphone(BaseInputTransport):
    """What is spoken into the room."""

    async def start(self, frame: StartFrame) -> None:
        """Open the microphone."""
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def say(self, pcm: bytes) -> None:
        """Take a piece of sound."""
        await self.push_audio_frame(InputAudioRawFrame(audio=pcm, sample_rate=RATE_HZ, num_channels=1))


class Loudspeaker(BaseOutputTransport):
    """What is heard in the room."""

    async def start(self, frame: StartFrame) -> None:
        """Open the loudspeaker."""
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        """Play a piece of sound, as long as it lasts."""
        tell("audio", bytes=len(frame.audio))
        await asyncio.sleep(len(frame.audio) / 2 / RATE_HZ)
        return True


class Listener(BaseObserver):
    """Tells what passes through the pipeline, each frame once."""

    def __init__(self, seen: Happenings) -> None:
        super().__init__()
        self._seen = seen
        self._known: set[int] = set()

    async def on_push_frame(self, data: FramePushed) -> None:
        """A frame has moved."""
        frame = data.frame
        is_echo = frame.broadcast_sibling_id is not None and data.direction is FrameDirection.UPSTREAM
        if is_echo or frame.id in self._known:
            return
        self._known.add(frame.id)
        match frame:
            case ErrorFrame():
                tell("error", text=frame.error)
            case TranscriptionFrame() | TTSTextFrame():
                tell(type(frame).__name__, text=frame.text)
            case (
                TTSStartedFrame()
                | TTSStoppedFrame()
                | InterruptionFrame()
                | BotStoppedSpeakingFrame()
                | UserStoppedSpeakingFrame()
                | LLMFullResponseEndFrame()
            ):
                tell(type(frame).__name__)
        self._seen.note(type(frame).__name__)


async def weather(params: FunctionCallParams) -> None:
    """The tool."""
    tell("tool", arguments=dict(params.arguments))
    await params.result_callback({"sky": "sunny"})


class Play:
    """The bot at work, and what is done to it."""

    def __init__(self, address: str, model: str, opening: str, pcm: dict[str, str]) -> None:
        self.seen = Happenings()
        self.pcm = pcm
        self.microphone = Microphone(ROOM)
        self.context = LLMContext([{"role": "user", "content": opening}], ToolsSchema(standard_tools=[WEATHER]))
        heard = AudioInput(transcription=InputAudioTranscription(), turn_detection=SemanticTurnDetection())
        self.llm = OpenAIRealtimeLLMService(
            api_key="none",
            base_url=address,
            settings=OpenAIRealtimeLLMService.Settings(
                model=model,
                system_instruction="Be helpful.",
                session_properties=SessionProperties(audio=AudioConfiguration(input=heard)),
            ),
        )
        self.llm.register_function("weather", weather)
        user, assistant = LLMContextAggregatorPair(self.context)
        pipeline = Pipeline([self.microphone, user, self.llm, Loudspeaker(ROOM), assistant])
        self.worker = PipelineWorker(pipeline, observers=[Listener(self.seen)])

    async def speak(self, name: str) -> None:
        """Say something; the microphone stays open until the turn has been found."""
        turns = self.seen.count("UserStoppedSpeakingFrame")
        for chunk in chunks(self.pcm[name]):
            await self.microphone.say(chunk)
        while self.seen.count("UserStoppedSpeakingFrame") == turns:
            await self.microphone.say(bytes(CHUNK_BYTES))
            await asyncio.sleep(0.02)

    async def act(self, name: str) -> None:
        """Play one act to its end."""
        seen, ends = self.seen, self.seen.count("BotStoppedSpeakingFrame")
        match name:
            case "begin":
                await self.worker.queue_frames([LLMRunFrame()])
                await seen.until("BotStoppedSpeakingFrame", ends + 1)
            case "speak":
                await self.speak("question")
                await seen.until("BotStoppedSpeakingFrame", ends + 1)
            case "interrupt":
                starts, stops = seen.count("TTSStartedFrame"), seen.count("InterruptionFrame")
                await self.speak("question")
                await seen.until("TTSStartedFrame", starts + 1)
                await self.speak("interruption")
                await seen.until("InterruptionFrame", stops + 2)
                await seen.until("TTSStartedFrame", starts + 2)
        tell("acted", name=name)

    async def run(self, acts: list[str]) -> None:
        """Play the acts, then go home."""
        for name in acts:
            await self.act(name)
        await self.worker.stop_when_done()


async def main() -> None:
    """Play the acts while the bot runs."""
    wanted = task()
    address = f"{wanted['url'].replace('http', 'ws')}/v1/realtime"
    play = Play(address, wanted["model"], wanted["opening"], wanted["pcm"])
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(play.worker)
    playing = asyncio.create_task(play.run(wanted["acts"]))
    await runner.run()
    await playing
    tell("context", messages=play.context.get_messages())


logger.remove()
logger.add(
    lambda line: tell("log", level=line.record["level"].name, name=line.record["name"], text=str(line).strip()),
    level="WARNING",
    format="{message}",
)
asyncio.run(main())
