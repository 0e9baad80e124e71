"""A sound library that the tests play: `sounddevice` without devices."""

from types import ModuleType
from typing import Any


class PortAudioError(Exception):
    """What the sound library raises."""


class Stream:
    """A stream whose callback the test calls."""

    def __init__(self, **settings: Any) -> None:
        self.settings = settings
        self.latency = 0.01
        self.is_open = False

    def start(self) -> None:
        self.is_open = True

    def close(self) -> None:
        self.is_open = False
        if "finished_callback" in self.settings:
            self.settings["finished_callback"]()


class SoundLibrary(ModuleType):
    """`sounddevice`, as far as it is used: devices at `rates`, or none."""

    PortAudioError = PortAudioError

    def __init__(self, *rates: int) -> None:
        super().__init__("sounddevice")
        self.rates = rates
        self.streams: list[Stream] = []

    def check_input_settings(self, *, samplerate: int, **_: Any) -> None:
        if samplerate not in self.rates:
            raise PortAudioError("Invalid sample rate [PaErrorCode -9997]", -9997)

    check_output_settings = check_input_settings

    def query_devices(self, *, kind: str) -> dict[str, Any]:
        if not self.rates:
            raise PortAudioError(f"Error querying {kind} device -1")
        return {"default_samplerate": float(self.rates[0])}

    def opened(self, **settings: Any) -> Stream:
        self.streams.append(Stream(**settings))
        return self.streams[-1]

    RawInputStream = opened
    RawOutputStream = opened
