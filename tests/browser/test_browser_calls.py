"""Calls from a real browser: the documented WebRTC flow, the agents SDK in a page, and the console."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
from browsing import QUESTION, Visit, browser, once, opened, saying, visit
from mcp_servers import running
from served import play
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from antiphon.audio.pcm import silence, to_float
from antiphon.config import Config
from antiphon.engines.moonshine import Moonshine
from antiphon.ports import HearingOptions
from antiphon.testing import serving

pytestmark = [pytest.mark.interop, pytest.mark.browser]

HERE = Path(__file__).parent
BUNDLE = HERE.parent / "interop" / "node" / "node_modules" / "@openai" / "agents-realtime" / "dist" / "bundle"
SESSION = {
    "session": {
        "type": "realtime",
        "model": "gpt-realtime",
        "audio": {"input": {"transcription": {"model": "gpt-4o-mini-transcribe"}}},
    }
}
LONG = "say " + "One. Two. Three. " * 30
TWICE = silence(500) + QUESTION + silence(2500) + QUESTION + silence(300)
"""A question, and another one into the answer."""
HEARD_RMS = 0.01


@asynccontextmanager
async def calling(page: str, config: Config, microphone: bytes) -> AsyncIterator[Visit]:
    """A page of another origin that has called a fresh server."""
    async with serving(config) as url, running(Starlette(routes=PAGES)) as pages, browser(microphone) as started:
        visiting = Visit(await opened(await started.new_context()), url)
        visiting.page.on("pageerror", lambda error: visiting.problems.append(str(error)))
        async with httpx2.AsyncClient(base_url=url) as client:
            key = (await client.post("/v1/realtime/client_secrets", json=SESSION)).json()["value"]
        await visiting.page.goto(f"{pages}/{page}?base={url}&key={key}")
        yield visiting
        assert visiting.problems == []


async def _file(request: Request) -> Response:
    """The test's pages, and the bundle as the package brings it."""
    name = request.path_params["name"]
    folder = BUNDLE if name.endswith(".mjs") else HERE / "pages"
    kind = "text/javascript" if name.endswith(".mjs") else "text/html"
    found = (folder / name).is_file()
    return FileResponse(folder / name, media_type=kind) if found else Response(status_code=HTTPStatus.NOT_FOUND)


PAGES = [Route("/{name}", _file)]


async def happened(at: Visit, kind: str, times: int = 1) -> list[dict[str, Any]]:
    """Wait until an event has come so often; gives all of its type."""
    await at.until(f"window.events?.filter((one) => one.type === '{kind}').length >= {times}")
    found: list[dict[str, Any]] = await at.page.evaluate(f"events.filter((one) => one.type === '{kind}')")
    return found


async def recorded(at: Visit) -> bytes:
    """What the page has heard."""
    return base64.b64decode(await at.page.evaluate("sound()"))


async def words_of(pcm: bytes) -> str:
    """What our own recogniser makes of it."""
    engine = Moonshine()
    await engine.start()
    hearing = engine.open(HearingOptions())
    try:
        await hearing.feed(pcm)
        return (await hearing.settle()).text
    finally:
        await hearing.close()
        await engine.stop()


@pytest.mark.embedded
def test_the_documented_flow_gets_a_spoken_answer() -> None:
    """A question into the microphone, and out of the loudspeaker words that another recogniser understands."""

    async def scene() -> None:
        async with calling("call.html", Config(), once()) as at:
            (said,) = await happened(at, "conversation.item.input_audio_transcription.completed")
            await happened(at, "output_audio_buffer.stopped")
            (done,) = await happened(at, "response.done")
            location = await at.page.evaluate("location_header")
            pcm = await recorded(at)
            await at.page.evaluate("hangUp()")

        answer = done["response"]["output"][0]["content"][0]["transcript"]
        assert "capital of france" in said["transcript"].lower()
        assert "paris" in answer.lower()
        assert "paris" in (await words_of(pcm)).lower()
        assert location.startswith("/v1/realtime/calls/rtc_")

    play(scene, limit_s=100)


def test_speaking_over_the_answer_silences_it() -> None:
    """The server stops playing by itself, says so, and tells how much of the answer was heard."""

    async def scene() -> None:
        async with calling("call.html", saying(LONG, token_ms=60), TWICE) as at:
            await happened(at, "output_audio_buffer.started")
            (cleared,) = await happened(at, "output_audio_buffer.cleared")
            (truncated,) = await happened(at, "conversation.item.truncated")
            (done, *_) = await happened(at, "response.done")
            await happened(at, "output_audio_buffer.started", times=2)
            await at.until("pieces.slice(-3).some((piece) => piece.some((sample) => Math.abs(sample) > 1000))")
            pcm = await recorded(at)
            await at.page.evaluate("hangUp()")

        assert cleared["response_id"] == done["response"]["id"]
        assert done["response"]["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
        assert 500 < truncated["audio_end_ms"] < 6000
        assert silent_within(pcm) > 1.0

    def silent_within(pcm: bytes) -> float:
        """The longest silence between the first and the last sound, in seconds."""
        frames = to_float(pcm)[: len(pcm) // 960 * 480].reshape(-1, 480)
        loud = np.flatnonzero(np.sqrt(np.mean(frames**2, axis=1)) > HEARD_RMS)
        return float(np.max(np.diff(loud))) * 0.02

    play(scene)


def test_the_agents_sdk_works_in_a_page() -> None:
    """The stock `@openai/agents-realtime` over WebRTC: spoken to, with a tool, interrupted; no error of its own."""

    async def scene() -> None:
        assert BUNDLE.is_dir(), "The npm packages are missing.\nhint: python tests/interop/clients/install.py"
        config = saying(LONG, token_ms=60)
        async with calling("agent.html", config, silence(3000) + TWICE) as at:
            await at.until("window.isConnected")
            await at.page.evaluate("""session.sendMessage('call weather {"city": "Paris"}')""")
            await at.until("tools.length")
            await happened(at, "response.done", times=2)
            await happened(at, "output_audio_buffer.cleared")
            await happened(at, "conversation.item.truncated")
            state = await at.page.evaluate("({ tools, complaints, history: session.history })")
            await at.page.evaluate("session.close()")

        assert state["tools"] == ["Paris"]
        assert state["complaints"] == []
        parts = [part for item in state["history"] for part in item.get("content", [])]
        texts = [part.get("text") or part.get("transcript") for part in parts]
        assert "The function gave: sunny in Paris" in texts
        assert any((text or "").startswith("say One. Two.") for text in texts)

    play(scene, limit_s=100)


def test_the_console_calls_and_joins_a_call() -> None:
    """Over WebRTC in one window, beside it from another: both see the events, and both may speak up."""

    async def scene() -> None:
        async with visit(saying("say You are here."), once()) as at:
            await at.page.get_by_text("WebRTC").click()
            await at.page.click("#talk")
            await at.sees(".line.assistant", "You are here.")
            await at.until("antiphonConsole.story.turns[0].playedAt && antiphonConsole.story.turns[0].spokenAt")
            other = Visit(await opened(at.page.context), at.url)
            await other.page.goto(at.url)
            await other.page.click("#tab-server")
            await other.page.locator("#sessions").get_by_role("button", name="Attach").click()
            await other.sees("#talk-label", "Attached")
            await other.page.fill("#text", "say Hello from beside.")
            await other.page.press("#text", "Enter")
            await asyncio.gather(*(one.sees(".line.assistant", "Hello from beside.") for one in (at, other)))
            await at.until("antiphonConsole.tape.hasSound")
            await at.page.click("#end")
            await other.until("antiphonConsole.phase === 'idle'")

    play(scene)


def test_a_call_that_is_not_there_cannot_be_joined() -> None:
    """It is said so; the page goes on."""

    async def scene() -> None:
        async with visit() as at:
            await at.page.click("#tab-server")
            await at.page.fill("#call-id", "rtc_u0_none")
            await at.page.press("#call-id", "Enter")
            await at.sees("#notice", "no such call")
            at.problems = [one for one in at.problems if "WebSocket connection" not in one]

    play(scene)
