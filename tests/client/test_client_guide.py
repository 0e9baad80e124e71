"""The snippets of `docs/guides/client.md` and the examples about it run as they stand."""

import asyncio
import re
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest
from served import spoken
from sound_library import SoundLibrary, Stream

from antiphon.client.audio import chunks_of
from antiphon.testing import serving

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "guides" / "client.md"
EXAMPLES = ROOT / "examples"


def test_every_snippet_runs() -> None:
    """Each Python block is a whole program; against a server on this machine it ends well."""
    snippets = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)

    async def shown() -> list[tuple[str, int | None]]:
        results = []
        async with serving("tone") as url:
            for snippet in snippets:
                program = snippet.replace("http://localhost:8000", url)
                process = await asyncio.create_subprocess_exec(
                    sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
                )
                text, _ = await process.communicate()
                results.append((text.decode(), process.returncode))
        return results

    nowhere = "ws://localhost:9/v1/realtime"
    assert asyncio.run(shown()) == [
        ("good evening! completed\n1 2 3", 0),
        ('The function gave: {"city":"Oslo","sky":"sunny","temperature":"21 C"}\n', 0),
        ("", 0),
        ("user: Good evening!\nassistant: You said: Good evening!\n", 0),
        (f"Nobody answers at {nowhere}: the connection was refused.\nhint: is the server running?\n", 0),
    ]


def test_a_chat_with_functions() -> None:
    """`examples/client_tools.py` answers each line, and calls what it offers."""

    async def shown() -> tuple[str, int | None]:
        async with serving("tone") as url:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                str(EXAMPLES / "client_tools.py"),
                f"{url}/v1",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
            text, _ = await process.communicate(b'say hi.\ncall weather {"unit": "F"}\n\n')
            return text.decode(), process.returncode

    assert asyncio.run(shown()) == (
        'hi.\nThe function gave: {"city":"Oslo","sky":"sunny","temperature":"70 F"}\n',
        0,
    )


class Room(SoundLibrary):
    """Devices whose microphone hears one turn as soon as it is opened."""

    def opened(self, **settings: Any) -> Stream:
        stream = super().opened(**settings)
        if settings["callback"].__name__ == "on_sound":
            for chunk in chunks_of(spoken(), 40):
                settings["callback"](chunk)
        return stream

    RawInputStream = opened


def test_a_voice(monkeypatch: pytest.MonkeyPatch) -> None:
    """`examples/client_voice.py` sends what the microphone hears, and prints what both sides say."""
    monkeypatch.setitem(sys.modules, "sounddevice", Room(24_000))
    example = runpy.run_path(str(EXAMPLES / "client_voice.py"))

    async def scene() -> set[tuple[str, ...]]:
        printed: asyncio.Queue[tuple[str, ...]] = asyncio.Queue()
        example["tell"].__globals__["print"] = lambda *words: printed.put_nowait(words)
        async with serving("tone") as url, asyncio.timeout(30):
            talking = asyncio.ensure_future(example["main"](url))
            lines = {await printed.get(), await printed.get()}
            talking.cancel()
            await asyncio.wait([talking])
            return lines

    words = "tone 440 hz 0.6 seconds"
    assert asyncio.run(scene()) == {("you:   ", words), ("answer:", f"You said: {words}")}
