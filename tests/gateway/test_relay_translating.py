"""Clients and upstreams of different dialects, by a relay between them."""

import json
from typing import Any

import httpx2 as httpx
import pytest
from relayed import relaying
from scripted_server import created, error, say, scripted
from served import Caller, dial, play, spoken
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection

from antiphon.config import Config
from antiphon.config.settings import Compat
from antiphon.gateway.translating import MAX_ITEMS, Items
from antiphon.protocol.items import Message
from antiphon.protocol.server_events import (
    ConversationItemAdded,
    ConversationItemCreated,
    ConversationItemDeleted,
    ConversationItemDone,
    InputAudioBufferCleared,
    ServerEvent,
)
from antiphon.testing import TONE, serving

GA_ONLY = Config(engines=TONE, compat=Compat(refuse_beta=True))
BETA = {"OpenAI-Beta": "realtime=v1"}
PREVIEW = "/openai/realtime?api-version=2024-10-01-preview&deployment=tone"


def preview_url(relay_url: str) -> str:
    return f"{relay_url.replace('http', 'ws')}{PREVIEW}"


def test_a_spoken_turn_in_beta() -> None:
    """Heard, written down, answered, in beta's events and their order; the limits and the item come once."""

    async def scene() -> None:
        async with (
            serving(GA_ONLY) as server,
            relaying(f"{server}/v1") as relay,
            connect(f"{relay.socket_url}?model=tone", additional_headers=BETA) as socket,
        ):
            caller = Caller(socket)
            first = await caller.next()
            transcription = {"input_audio_transcription": {"model": "whisper-1"}}
            await caller.say("session.update", session={"modalities": ["text"], "temperature": 0.7, **transcription})
            updated = await caller.until("session.updated")
            await caller.speak(spoken())
            kinds = []
            while (event := await caller.next())["type"] != "response.done":
                kinds.append(event["type"])

        assert first["session"]["object"] == "realtime.session"
        assert (updated["session"]["temperature"], updated["session"]["modalities"]) == (0.7, ["text"])
        assert [kind for kind in kinds if kind.startswith(("input_audio_buffer", "conversation.item.created"))] == [
            "input_audio_buffer.speech_started",
            "input_audio_buffer.speech_stopped",
            "input_audio_buffer.committed",
            "conversation.item.created",
            "conversation.item.created",
        ]
        assert "response.text.delta" in kinds
        assert event["response"]["temperature"] == 0.7

    play(scene)


def test_errors_come_in_the_clients_words() -> None:
    """Found here or by the upstream: beta's fields, and the client's own name for the event."""

    async def scene() -> None:
        async with (
            serving(GA_ONLY) as server,
            relaying(f"{server}/v1") as relay,
            connect(f"{relay.socket_url}?model=tone", additional_headers=BETA) as socket,
        ):
            caller = Caller(socket)
            await caller.next()
            await caller.say("session.update", event_id="here", session={"audio": {}})
            here = await caller.error()
            turns = {"type": "server_vad", "idle_timeout_ms": 1}
            await caller.say("session.update", event_id="there", session={"turn_detection": turns})
            there = await caller.error()
            await caller.say("conversation.item.delete", item_id="nobody", event_id="mine")
            unknown = await caller.error()

        assert (here["code"], here["param"], here["event_id"]) == ("unknown_parameter", "session.audio", "here")
        assert (there["param"], there["event_id"]) == ("session.turn_detection.idle_timeout_ms", "there")
        assert (unknown["code"], unknown["event_id"]) == ("item_delete_invalid_item_id", "mine")

    play(scene)


def test_preview_on_a_ga_upstream() -> None:
    """An answer takes the place of another; one leaves nothing behind."""

    async def scene() -> None:
        async with (
            serving(GA_ONLY) as server,
            relaying(f"{server}/v1") as relay,
            connect(preview_url(relay.url)) as socket,
        ):
            caller = Caller(socket)
            assert (await caller.next())["session"]["turn_detection"]["type"] == "server_vad"
            long = "slow " + "One. Two. Three. " * 50
            await ask(caller, long, commit=True, cancel_previous=True)
            await caller.until("response.created")
            await ask(caller, "say done.", commit=True, cancel_previous=True)
            ended = [(await caller.until("response.done"))["response"] for _ in range(2)]
            items = [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "say lost."}]}]
            wishes = {"modalities": ["text"], "commit": False, "cancel_previous": True, "append_input_items": items}
            await caller.say("response.create", response=wishes)
            added = await caller.until("conversation.item.created")
            lost = (await caller.until("response.done"))["response"]
            deleted = await caller.until("conversation.item.deleted")

        assert [response["status"] for response in ended] == ["cancelled", "completed"]
        assert text_of(ended[1]) == "done."
        assert (text_of(lost), deleted["item_id"]) == ("lost.", added["item"]["id"])

    play(scene)


async def ask(caller: Caller, text: str, **wishes: bool) -> None:
    content = [{"type": "input_text", "text": text}]
    await caller.say("conversation.item.create", item={"type": "message", "role": "user", "content": content})
    await caller.say("response.create", response={"modalities": ["text"], **wishes})


def text_of(response: dict[str, Any]) -> str:
    return str(response["output"][0]["content"][0]["text"])


def test_an_azure_client_that_turns_out_to_speak_ga() -> None:
    """The newest SDK builds Azure's old URL and then speaks GA: from its first update on it is answered so."""

    async def scene() -> None:
        old = "/openai/realtime?api-version=2025-04-01-preview&deployment=tone"
        async with (
            serving(GA_ONLY) as server,
            relaying(f"{server}/v1") as relay,
            connect(f"{relay.url.replace('http', 'ws')}{old}") as socket,
        ):
            caller = Caller(socket)
            await caller.next()
            await caller.update(output_modalities=["text"])
            await caller.ask("say hello.")
            assert text_of((await caller.until("response.done"))["response"]) == "hello."

    play(scene)


@pytest.mark.parametrize("headers", [BETA, {}], ids=["beta", "ga"])
def test_a_minted_key_on_a_beta_upstream(headers: dict[str, str]) -> None:
    """The configuration is told in beta's words, and shown in the client's."""

    async def scene() -> None:
        async with serving() as server:
            toml = f'[relay]\nhealth_seconds = 0\n[[upstreams]]\nurl = "{server}/v1"\ndialect = "beta"'
            async with relaying(toml=toml) as relay:
                async with httpx.AsyncClient(base_url=relay.url) as http:
                    wanted = {
                        "type": "realtime",
                        "model": "tone",
                        "instructions": "Sing.",
                        "output_modalities": ["text"],
                    }
                    minted = (await http.post("/v1/realtime/client_secrets", json={"session": wanted})).json()
                bearer = {"authorization": f"Bearer {minted['value']}", **headers}
                async with connect(f"{relay.socket_url}?model=tone", additional_headers=bearer) as socket:
                    session = json.loads(await socket.recv())["session"]
        modalities = session["modalities" if headers else "output_modalities"]
        assert (session["instructions"], modalities) == ("Sing.", ["text"])

    play(scene)


def test_a_ga_client_on_a_beta_upstream() -> None:
    """The other way round, for servers that never learnt GA."""

    async def scene() -> None:
        async with serving() as server:
            toml = f'[relay]\nhealth_seconds = 0\n[[upstreams]]\nurl = "{server}/v1"\ndialect = "beta"'
            async with relaying(toml=toml) as relay, dial(relay.url) as caller:
                await caller.update(output_modalities=["text"])
                await caller.ask("say hello.")
                added = await caller.until("conversation.item.added")
                done = await caller.until("response.done")
                await caller.say("response.create", response={"modalities": ["text"]})
                wrong = await caller.error()

        assert (added["item"]["role"], added["previous_item_id"]) == ("user", None)
        assert text_of(done["response"]) == "hello."
        assert done["response"]["output"][0]["content"][0]["type"] == "output_text"
        assert (wrong["code"], wrong["param"]) == ("unknown_parameter", "response.modalities")

    play(scene)


def test_beta_on_beta_is_raw() -> None:
    """Nothing is translated where both speak it: the header is there, a temperature goes through."""

    async def echo(socket: ServerConnection) -> None:
        assert socket.request is not None
        await say(socket, {"type": "session.created", "beta": socket.request.headers.get("OpenAI-Beta")})
        async for frame in socket:
            await socket.send(frame)

    async def scene() -> None:
        async with scripted(echo) as url:
            toml = f'[relay]\nhealth_seconds = 0\n[[upstreams]]\nurl = "{url}"\ndialect = "beta"'
            async with (
                relaying(toml=toml) as relay,
                connect(f"{relay.socket_url}?model=m", additional_headers=BETA) as socket,
            ):
                assert json.loads(await socket.recv())["beta"] == "realtime=v1"
                odd = '{"type":"session.update", "session":{"temperature":0.70}}'
                await socket.send(odd)
                assert await socket.recv() == odd

    play(scene)


@pytest.mark.parametrize("kind", ["error", "garbage", "strange"])
def test_what_an_older_client_is_not_told(kind: str) -> None:
    """Events of another day would break it; an error reaches it in any case."""
    events: dict[str, dict[str, Any]] = {
        "error": error("Broken."),
        "garbage": {"type": "response.created", "response": 7},
        "strange": {"type": "response.reasoning.delta", "delta": "hm"},
    }

    async def talk(socket: ServerConnection) -> None:
        await say(socket, created(), events[kind], {"type": "input_audio_buffer.cleared"})
        await socket.wait_closed()

    async def scene() -> None:
        async with (
            scripted(talk) as url,
            relaying(url) as relay,
            connect(f"{relay.socket_url}?model=m", additional_headers=BETA) as socket,
        ):
            kinds = [json.loads(await socket.recv())["type"] for _ in range(3 if kind == "error" else 2)]
        told = ["session.created", "input_audio_buffer.cleared"]
        assert kinds == (["session.created", "error", "input_audio_buffer.cleared"] if kind == "error" else told)

    play(scene)


def test_a_transcription_session() -> None:
    """The upstream is asked for that kind of session; beta has an event of its own for it."""
    paths: list[str] = []

    async def talk(socket: ServerConnection) -> None:
        assert socket.request is not None
        paths.append(socket.request.path)
        session = {"type": "transcription", "object": "realtime.transcription_session", "id": "sess_1"}
        await say(socket, {"type": "session.created", "session": session})
        await socket.wait_closed()

    async def scene() -> None:
        async with (
            scripted(talk) as url,
            relaying(url) as relay,
            connect(f"{relay.socket_url}?intent=transcription", additional_headers=BETA) as socket,
        ):
            assert json.loads(await socket.recv())["type"] == "transcription_session.created"
        assert paths == ["/v1/realtime?intent=transcription"]

    play(scene)


# Items, as upstreams that are not ours tell of them.


def item(name: str) -> Message:
    return Message(id=name, role="user", content=())


def told_of(items: Items, event: ServerEvent, frame: bytes = b'{"previous_item_id":null}') -> list[str]:
    return [type(one).__name__.removeprefix("ConversationItem") for one in items.told(event, frame)]


def test_an_item_is_told_of_once() -> None:
    """`added` and `done`; `done` alone; `created` alone or beside `added`."""
    items = Items()

    assert told_of(items, ConversationItemAdded(item=item("a"))) == ["Added"]
    assert told_of(items, ConversationItemDone(item=item("a"))) == ["Done"]
    assert told_of(items, ConversationItemDone(item=item("b"))) == ["Added", "Done"]
    assert told_of(items, ConversationItemAdded(item=item("b"))) == []
    assert told_of(items, ConversationItemCreated(item=item("c"))) == ["Created"]
    assert told_of(items, ConversationItemAdded(item=item("c"))) == []
    assert told_of(items, ConversationItemDone(item=item("c"))) == ["Done"]
    assert told_of(items, InputAudioBufferCleared()) == ["InputAudioBufferCleared"]


def test_an_id_may_be_used_again() -> None:
    """As the provider lets clients do, and after a deletion in any case."""
    items = Items()
    told_of(items, ConversationItemAdded(item=item("a")))

    assert told_of(items, ConversationItemAdded(item=item("a"))) == ["Added"]
    told_of(items, ConversationItemDeleted(item_id="a"))
    assert told_of(items, ConversationItemCreated(item=item("a"))) == ["Created"]


def test_null_is_the_head_and_silence_is_not() -> None:
    """Who leaves out which item stands before means the last; who says null means none."""
    items = Items()
    items.told(ConversationItemAdded(item=item("a")), b"{}")
    (silent,) = items.told(ConversationItemAdded(item=item("b")), b"{}")
    (head,) = items.told(ConversationItemAdded(item=item("c")), b'{"previous_item_id":null}')
    (broken,) = items.told(ConversationItemAdded(item=item("d")), b'{"previous_item_id":7}')

    assert isinstance(silent, ConversationItemAdded)
    assert isinstance(head, ConversationItemAdded)
    assert isinstance(broken, ConversationItemAdded)
    assert (silent.previous_item_id, head.previous_item_id, broken.previous_item_id) == ("a", None, "c")


def test_items_are_forgotten_in_the_end() -> None:
    """A session without end does not fill the memory."""
    items = Items()
    for number in range(MAX_ITEMS + 10):
        told_of(items, ConversationItemAdded(item=item(f"item_{number}")))

    assert len(items._told) == MAX_ITEMS
