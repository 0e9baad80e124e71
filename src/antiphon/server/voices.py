"""A voice under other names: clients ask for `alloy`, the engine calls it `heart`."""

from collections.abc import AsyncIterator, Mapping

from antiphon.ports import TTS


def renamed(engine: TTS, names: Mapping[str, str]) -> TTS:
    """The engine, knowing more names for its voices; the engine itself where there are none."""
    return RenamedVoices(engine, names) if names else engine


class RenamedVoices:
    """A TTS that takes a client's voice name for one of its engine's own; make it of an engine that has started."""

    def __init__(self, engine: TTS, names: Mapping[str, str]) -> None:
        self.name = engine.name
        self._engine = engine
        self._names = dict(names)
        own = tuple(engine.voices)
        self.voices = own + tuple(name for name in names if name not in own)

    async def start(self) -> None:
        """As the engine."""
        await self._engine.start()

    async def stop(self) -> None:
        """As the engine."""
        await self._engine.stop()

    def speak(self, text: str, voice: str, speed: float) -> AsyncIterator[bytes]:
        """As the engine, with the voice that the name means."""
        return self._engine.speak(text, self._names.get(voice, voice), speed)
