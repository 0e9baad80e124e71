"""The examples about the SDK run as they are, against a server with the `tone` engines."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from antiphon.audio import wav
from antiphon.audio.pcm import ms_of
from antiphon.testing import serving

pytestmark = pytest.mark.interop

EXAMPLES = Path(__file__).parents[2] / "examples"


async def run(name: str, *words: str, folder: Path) -> str:
    """What an example prints."""
    async with serving() as url:
        environ = {**os.environ, "OPENAI_BASE_URL": f"{url}/v1", "OPENAI_API_KEY": "none"}
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(EXAMPLES / name), *words, stdout=asyncio.subprocess.PIPE, env=environ, cwd=folder
        )
        async with asyncio.timeout(60):
            out, _ = await process.communicate()
    assert process.returncode == 0
    return out.decode()


def test_text(tmp_path: Path) -> None:
    """The answer is printed as it is written."""
    assert asyncio.run(run("sdk_text.py", "say", "good", "day", folder=tmp_path)) == "good day\n"


def test_speech(tmp_path: Path) -> None:
    """Words of both sides are printed, and the answer's sound is saved."""
    said = asyncio.run(run("sdk_speech.py", str(EXAMPLES / "question.wav"), "answer.wav", folder=tmp_path))

    assert said.splitlines()[0].startswith("you:    tone ")
    assert said.splitlines()[1].startswith("answer: You said: tone ")
    assert ms_of(wav.read(tmp_path / "answer.wav")) > 500


def test_tools(tmp_path: Path) -> None:
    """The call is run, and its outcome answered."""
    said = asyncio.run(run("sdk_tools.py", "call", "weather", '{"city": "Paris"}', folder=tmp_path))

    assert said == 'called weather({"city": "Paris"})\nThe function gave: Sunny, 21 degrees.\n'
