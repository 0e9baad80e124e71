"""A real browser at a real server: Chromium of the system, with a WAV for a microphone."""

import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from msgspec.structs import replace
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request, async_playwright

from antiphon.audio import wav
from antiphon.audio.pcm import silence
from antiphon.config import Config
from antiphon.testing import TONE, serving

ROOT = Path(__file__).parents[2]
QUESTION = wav.read(ROOT / "examples" / "question.wav")
"""What is the capital of France?"""

NAMES = ("chromium", "chromium-browser", "google-chrome")
PATIENCE_MS = 20_000
WIDE = {"width": 1280, "height": 820}
PHONE = {"width": 390, "height": 844}


@dataclass
class Visit:
    """A page, and what happened around it."""

    page: Page
    url: str
    problems: list[str] = field(default_factory=list)
    """Errors and warnings of the page, refusals of its security policy among them."""
    hosts: set[str] = field(default_factory=set)
    """Everybody it asked for something."""

    async def sees(self, selector: str, text: str) -> None:
        """Wait until an element with these words is shown."""
        await self.page.locator(selector).filter(has_text=text).first.wait_for()

    async def events(self, kind: str, way: str = "server") -> list[dict[str, Any]]:
        """What the console's log holds of a type."""
        found: list[dict[str, Any]] = await self.page.evaluate(
            "([kind, way]) => antiphonConsole.events.entries"
            ".filter((one) => one.event.type === kind && one.way === way).map((one) => one.event)",
            [kind, way],
        )
        return found

    async def until(self, condition: str) -> None:
        """Wait until a JavaScript expression is true."""
        # Playwright's own way evaluates text inside the page, which the page's security policy does not allow.
        look = f"const look = async () => ((await ({condition})) ? done() : setTimeout(look, 20)); look();"
        await self.page.evaluate(f"() => new Promise((done) => {{ {look} }})")


def chromium() -> str:
    """The browser's path."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    assert found, "There is no Chromium.\nhint: on Debian, apt-get install chromium"
    return found


def saying(words: str, **llm: float) -> Config:
    """The tone engines, where whatever is spoken means these words."""
    options: dict[Any, Any] = {"asr": {"says": words}, "llm": llm}
    return Config(engines=replace(TONE, options=options))


def once() -> bytes:
    """A question, after a while; then nothing more."""
    return silence(500) + QUESTION + silence(500)


@asynccontextmanager
async def browser(microphone: bytes | None = None) -> AsyncIterator[Browser]:
    """Chromium; its microphone plays this once, then is silent. Without one there is no device."""
    with tempfile.TemporaryDirectory() as folder:
        flags = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
        if microphone is not None:
            path = Path(folder) / "microphone.wav"
            wav.write(path, microphone)
            flags += [
                "--use-fake-device-for-media-stream",
                "--use-fake-ui-for-media-stream",
                f"--use-file-for-fake-audio-capture={path}%noloop",
            ]
        async with async_playwright() as player:
            started = await player.chromium.launch(executable_path=chromium(), args=flags)
            try:
                yield started
            finally:
                await started.close()


@asynccontextmanager
async def visit(
    config: Config | Literal["tone"] = "tone",
    microphone: bytes | None = None,
    *,
    fragment: str = "",
    viewport: Any = WIDE,
    **context: Any,
) -> AsyncIterator[Visit]:
    """The console of a fresh server, open in a browser; at the end nothing may have gone wrong in the page."""
    async with serving(config) as url, browser(microphone) as started:
        made = await started.new_context(viewport=viewport, **context)
        visiting = Visit(await opened(made), url)
        listen(visiting)
        await visiting.page.goto(f"{url}/{fragment}")
        yield visiting
        assert visiting.problems == []
        assert visiting.hosts == {urlsplit(url).netloc}


async def opened(context: BrowserContext) -> Page:
    """A page that does not wait for ever."""
    page = await context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    return page


def listen(visiting: Visit) -> None:
    """Note what goes wrong in the page, and whom it asks."""

    def said(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            visiting.problems.append(message.text)

    def asked(request: Request) -> None:
        if not request.url.startswith(("data:", "blob:")):
            visiting.hosts.add(urlsplit(request.url).netloc)

    visiting.page.on("console", said)
    visiting.page.on("pageerror", lambda error: visiting.problems.append(str(error)))
    visiting.page.on("request", asked)
