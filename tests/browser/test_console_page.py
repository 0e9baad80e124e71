"""The console in a real browser: its main paths, by microphone, keyboard and telephone."""

import json
import wave
from pathlib import Path
from typing import Any

import httpx2
import pytest
from browsing import PHONE, QUESTION, Visit, once, saying, visit
from served import play

from antiphon.audio.pcm import silence
from antiphon.config import Config, Server
from antiphon.recording import load
from antiphon.testing import TONE

pytestmark = [pytest.mark.interop, pytest.mark.browser]

KEY = "sk-alice-0123456789"
LOCKED = Config(engines=TONE, server=Server(api_keys={"alice": KEY}))
LONG = "say " + "One. Two. Three. " * 30


async def ask(at: Visit, text: str) -> None:
    """Type a message."""
    await at.page.fill("#text", text)
    await at.page.press("#text", "Enter")


async def spoken_to(at: Visit) -> None:
    """Talk, and be answered."""
    await at.page.click("#talk")
    await at.sees(".line.assistant", "are here")
    await at.until("antiphonConsole.story.turns.some((turn) => turn.doneAt && turn.playedAt)")


def test_a_spoken_question_is_answered_and_drawn() -> None:
    """Both sides' words, the waveform with the VAD's score over it, and the turn with its draft and times."""

    async def scene() -> None:
        async with visit(saying("say You are here."), once()) as at:
            await spoken_to(at)
            await at.sees(".line.user", "say You are here.")
            await at.until("antiphonConsole.story.ended.size === 1")
            story: dict[str, Any] = await at.page.evaluate(
                "({ scores: antiphonConsole.story.scores, turn: antiphonConsole.story.turns[0],"
                " heard: antiphonConsole.strip.levels.in.length, told: antiphonConsole.strip.levels.out.length })"
            )
            rows = await at.page.locator(".turn .label").all_inner_texts()

        assert {score for _, score in story["scores"]} == {0, 1}
        assert story["heard"] > 20
        assert story["told"] > 5
        turn = story["turn"]
        assert turn["spokenAt"] < turn["stoppedAt"] <= turn["tokenAt"] <= turn["audioAt"] <= turn["playedAt"]
        assert turn["engine"]["audio"] is not None
        assert {"silence", "transcript", "first token", "first audio", "heard", "answer made"} <= set(rows)

    play(scene)


def test_an_interrupted_answer_shows_what_was_not_heard() -> None:
    """Speaking over it stops the sound, the server is told how much was heard, and the rest is struck through."""

    async def scene() -> None:
        twice = silence(500) + QUESTION + silence(2500) + QUESTION + silence(300)
        async with visit(saying(LONG, token_ms=60), twice) as at:
            await at.page.click("#talk")
            await at.sees(".line.assistant .tag", "interrupted at")
            unheard = await at.page.locator(".line.assistant del").first.inner_text()
            (truncate, *_) = await at.events("conversation.item.truncate", "client")
            (truncated, *_) = await at.events("conversation.item.truncated")
            ended = [event["response"]["status"] for event in await at.events("response.done")]
            await at.page.click("#end")

        assert unheard
        assert 0 < truncate["audio_end_ms"] == truncated["audio_end_ms"]
        assert ended[0] == "cancelled"

    play(scene)


def test_writing_needs_no_microphone() -> None:
    """Where there is none, it is said in words that help, and a message is answered all the same."""

    async def scene() -> None:
        async with visit() as at:
            await at.page.click("#talk")
            await at.sees("#notice", "no microphone")
            await ask(at, "say hello")
            await at.sees(".line.assistant", "hello")
            await at.sees(".line.user .tag", "typed")
            await at.until("antiphonConsole.story.turns[0].playedAt")
            assert await at.page.locator("#notice").is_hidden()

    play(scene)


def test_a_session_in_writing_gains_a_voice() -> None:
    """The conversation goes on: it is the same session that hears from now on."""

    async def scene() -> None:
        async with visit(saying("say You are here."), once()) as at:
            await ask(at, "say hello")
            await at.until("antiphonConsole.story.turns[0]?.doneAt")
            await at.page.click("#talk")
            await at.sees(".line.assistant", "You are here.")
            await at.sees(".line.assistant", "hello")
            assert len(await at.events("session.created")) == 1

    play(scene)


def test_push_to_talk_answers_when_it_is_let_go() -> None:
    """Held by the space bar: the server listens for no silence, and answers at once."""

    async def scene() -> None:
        async with visit(saying("say You are here."), QUESTION + silence(200)) as at:
            await at.page.get_by_label("Push to talk").check()
            await at.page.locator("body").focus()
            await at.page.evaluate("document.activeElement.blur()")
            await at.page.keyboard.press("Space")
            await at.sees("#talk-label", "Hold to talk")
            await at.until("antiphonConsole.story.session.audio.input.turn_detection === null")
            await at.page.keyboard.down("Space")
            await at.until("antiphonConsole.sentMs > 600")
            await at.page.keyboard.up("Space")
            await at.sees(".line.assistant", "You are here.")
            assert await at.events("input_audio_buffer.speech_started") == []

    play(scene)


def test_the_log_filters_searches_pauses_and_copies() -> None:
    """As JSON and as a program of the official SDK that does the same."""

    async def scene() -> None:
        async with visit(permissions=["clipboard-read", "clipboard-write"]) as at:
            await ask(at, "say hello")
            await at.until("antiphonConsole.story.turns[0]?.doneAt")
            await at.page.click("#tab-events")
            rows = at.page.locator(".event")
            await at.page.fill("#search", "item.create hello")
            assert await rows.count() == 1
            await at.page.click("#copy-events")
            await at.sees(".toast", "copied")
            one = json.loads(await at.page.evaluate("navigator.clipboard.readText()"))
            await at.page.select_option("#form", "python")
            await at.page.click("#copy-events")
            await at.until("navigator.clipboard.readText().then((text) => text.includes('AsyncOpenAI'))")
            program = await at.page.evaluate("navigator.clipboard.readText()")
            await at.page.fill("#search", "")
            await at.page.locator("label", has_text="received").click()
            kinds = set(await at.page.locator(".event .way").all_inner_texts())
            await at.page.click("#pause")
            before = await rows.count()
            await ask(at, "say more")
            await at.sees("#pause-label", "new)")
            assert await rows.count() == before
            await at.page.click("#pause")
            await at.until(f"document.querySelectorAll('.event').length > {before}")

        assert one["item"]["content"][0]["text"] == "say hello"
        compile(program, "program", "exec")
        assert "await connection.conversation.item.create(item={" in program
        assert kinds == {"↑"}

    play(scene)


def test_any_event_is_sent_from_a_form_of_the_protocols_schema() -> None:
    """Fields come from the server: what the schema has can be added, and what is written is what is sent."""

    async def scene() -> None:
        async with visit() as at:
            await ask(at, "say hello")
            await at.until("antiphonConsole.story.turns[0]?.doneAt")
            await at.page.click("#tab-send")
            await at.page.select_option("#event-type", "response.create")
            form = at.page.locator("#event-form")
            await form.get_by_label("Add a field").first.select_option("response")
            await form.get_by_label("Add a field").nth(0).select_option("instructions")
            await form.locator("textarea").first.fill("Be brief.")
            shown = json.loads(await at.page.input_value("#event-json"))
            await at.page.get_by_role("button", name="Send", exact=True).click()
            await at.until("antiphonConsole.story.turns.filter((turn) => turn.doneAt).length === 2")
            sent = await at.events("response.create", "client")

        assert shown == {"type": "response.create", "response": {"instructions": "Be brief."}}
        assert sent[-1] == shown

    play(scene)


def test_a_slider_changes_the_running_session() -> None:
    """At once, and alone: the rest of the session stays as it is."""

    async def scene() -> None:
        async with visit() as at:
            await ask(at, "say hello")
            await at.until("antiphonConsole.story.turns[0]?.doneAt")
            await at.page.click("#tab-session")
            await at.page.locator("#s-silence").fill("800")
            await at.until("antiphonConsole.story.silenceMs === 800")
            await at.page.locator("label", has_text="By meaning").click()
            await at.until("antiphonConsole.story.session.audio.input.turn_detection.type === 'semantic_vad'")
            await at.page.locator("#s-voice").select_option("low")
            await at.sees(".toast", "voice")
            assert json.loads(await at.page.locator("#effective").text_content() or "")["type"] == "realtime"

    play(scene)


def test_functions_are_answered_from_the_page() -> None:
    """By what is written there, or by hand."""

    async def scene() -> None:
        async with visit() as at:
            await at.page.click("#tab-tools")
            await at.page.click("#add-tool")
            await ask(at, 'call weather {"city": "Paris"}')
            await at.sees(".line.assistant", 'The function gave: {"sky": "sunny"')
            await at.page.get_by_label("Ask me for the output").check()
            await ask(at, 'call weather {"city": "Rome"}')
            await at.page.get_by_label("The output of weather").fill("rain")
            await at.page.get_by_role("button", name="Give output").click()
            await at.sees(".line.assistant", "The function gave: rain")
            await at.page.get_by_label("Ask me for the output").uncheck()
            await ask(at, 'call weather {"city": "Oslo"} call weather {"city": "Bern"}')
            await at.until("antiphonConsole.story.turns.filter((turn) => turn.doneAt).length === 6")
            assert await at.events("error") == []

    play(scene)


def test_a_session_is_exported_as_a_recording_and_its_sound(tmp_path: Path) -> None:
    """The events are a recording that Antiphon reads; the sound has the caller left, the answers right."""

    async def scene() -> None:
        async with visit(saying("say You are here."), once()) as at:
            await spoken_to(at)
            async with (
                at.page.expect_download(lambda one: one.suggested_filename.endswith(".jsonl")) as events,
                at.page.expect_download(lambda one: one.suggested_filename.endswith(".wav")) as sounds,
            ):
                await at.page.click("#export")
            await (await events.value).save_as(tmp_path / "session.jsonl")
            await (await sounds.value).save_as(tmp_path / "session.wav")

        recording = load(tmp_path / "session.jsonl")
        lines = list(recording.lines)
        assert recording.about.session_id.startswith("sess_")
        assert [line.event["type"] for line in lines][:2] == ["session.created", "session.update"]
        assert {line.way for line in lines} == {"client", "server"}
        with wave.open(str(tmp_path / "session.wav")) as sound:
            assert (sound.getnchannels(), sound.getframerate(), sound.getsampwidth()) == (2, 24_000, 2)
            samples = memoryview(sound.readframes(sound.getnframes())).cast("h")
        assert max(samples[0::2]) > 1000
        assert max(samples[1::2]) > 1000

    play(scene)


def test_a_server_with_keys_asks_for_an_ephemeral_one() -> None:
    """The API key itself is turned down by the page; an ephemeral one is taken, and kept nowhere."""

    async def scene() -> None:
        async with visit(LOCKED) as at:
            await at.sees("#key-form", "Paste an ephemeral one")
            await at.page.fill("#key", KEY)
            await at.page.press("#key", "Enter")
            await at.sees("#key-problem", "does not belong in a page")
            key = await minted(at.url)
            await at.page.fill("#key", key)
            await at.page.press("#key", "Enter")
            await at.page.locator("#key-form").wait_for(state="hidden")
            await ask(at, "say hello")
            await at.sees(".line.assistant", "hello")
            kept = await at.page.evaluate("JSON.stringify([localStorage, document.cookie, location.href])")
            at.problems = [one for one in at.problems if "401" not in one]

        assert "ek_" not in kept
        assert "sk-" not in kept

    play(scene)


def test_a_link_brings_its_key_in_the_fragment() -> None:
    """It is taken from the address, so that it is not left in the history or in a picture of the screen."""

    async def scene() -> None:
        async with visit(LOCKED) as at:
            at.problems.clear()
            await at.page.goto("about:blank")
            await at.page.goto(f"{at.url}/#{await minted(at.url)}")
            await at.sees("#status", "ready")
            assert await at.page.evaluate("location.href") == f"{at.url}/"
            at.problems.clear()
            at.hosts.discard("")

    play(scene)


def test_tabs_obey_the_keyboard() -> None:
    """Arrows, Home and End walk through them, as screen readers expect."""

    async def scene() -> None:
        async with visit() as at:
            await at.page.focus("#tab-turns")
            seen = []
            for key in ("ArrowRight", "ArrowRight", "End", "ArrowRight", "Home"):
                await at.page.keyboard.press(key)
                seen.append(await at.page.locator("[role=tab][aria-selected=true]").get_attribute("id"))
            panes = await at.page.locator(".pane.shown").count()

        assert seen == ["tab-events", "tab-session", "tab-server", "tab-turns", "tab-turns"]
        assert panes == 1

    play(scene)


def test_every_control_has_a_name() -> None:
    """What can be focused says what it is; in the colours of the night as well as of the day."""

    async def scene() -> None:
        async with visit(color_scheme="dark") as at:
            await ask(at, "say hello")
            await at.sees(".line.assistant", "hello")
            nameless = await at.page.evaluate(
                "[...document.querySelectorAll('button, input, select, textarea')].filter((one) => !(one.labels?.length"
                " || one.ariaLabel || one.textContent.trim())).map((one) => one.outerHTML)"
            )
            dark = await at.page.evaluate("getComputedStyle(document.body).backgroundColor")
            await at.page.click("#theme")
            light = await at.page.evaluate("getComputedStyle(document.body).backgroundColor")

        assert nameless == []
        assert (dark, light) == ("rgb(19, 20, 22)", "rgb(251, 250, 247)")

    play(scene)


def test_a_telephone_shows_one_thing_at_a_time() -> None:
    """Nothing is wider than the screen, in any view, and the conversation comes first."""

    async def scene() -> None:
        async with visit(viewport=PHONE, has_touch=True, is_mobile=True) as at:
            await ask(at, "say " + "a rather long answer that has to be wrapped, " * 4)
            await at.sees(".line.assistant", "wrapped")
            for tab in ("turns", "events", "session", "tools", "send", "server", "talk"):
                await at.page.click(f"#tab-{tab}")
                assert await at.page.locator(".pane.shown, .talk.shown").count() == 1
                assert await at.page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    play(scene)


async def minted(url: str) -> str:
    """An ephemeral key of the locked server."""
    async with httpx2.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {KEY}"}) as client:
        answer = await client.post("/v1/realtime/client_secrets", json={"session": {"type": "realtime"}})
    return str(answer.json()["value"])
