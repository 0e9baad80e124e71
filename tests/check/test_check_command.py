"""`antiphon check` as people use it, and how a run goes: budgets, keys, full servers, recordings."""

import asyncio
import json
import threading
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from broken_server import Breaking, sets
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send
from typer.testing import CliRunner

from antiphon.cli import app
from antiphon.config import Config, Limits, Server
from antiphon.conformance import invariants
from antiphon.conformance.bench import Bench, Target
from antiphon.conformance.case import OBSERVED, Broken, Case, Cost, Scene
from antiphon.conformance.families import ALL, chosen
from antiphon.conformance.manner import Manner
from antiphon.conformance.run import Outcome, Round, Verdict, ask, judge, tokens_in
from antiphon.conformance.sound import recorded, speech
from antiphon.conformance.traces import kept
from antiphon.recording import Line
from antiphon.testing import TONE, serving

FAST = ("--pace", "0", "--jobs", "4", "--timeout", "30")
LIMIT_S = 60
BROKEN = {"ids": sets("conversation.item.added", "item.id", "item_other")}


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANTIPHON_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "200")


@contextmanager
def elsewhere(config: Config) -> Iterator[str]:
    """A server on another thread, for a command that has the loop of this one."""
    found: list[str] = []
    is_up = threading.Event()
    loop = asyncio.new_event_loop()
    done = asyncio.Event()

    async def serve() -> None:
        async with serving(config, middleware=[Middleware(Breaking, mutations=BROKEN)]) as address:
            found.append(address)
            is_up.set()
            await done.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert is_up.wait(LIMIT_S)
    yield found[0]
    loop.call_soon_threadsafe(done.set)
    thread.join(LIMIT_S)
    loop.close()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server that is open to all."""
    with elsewhere(Config(engines=TONE)) as address:
        yield address


def check(*words: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["check", *words], catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done.output


def test_two_servers_stand_side_by_side_in_every_report(url: str, tmp_path: Path) -> None:
    """One run, one table, and the same cases in JSON, JUnit and Markdown; exit code 0 when all is well."""
    files = [tmp_path / name for name in ("report.json", "report.xml", "report.md")]
    flags = ("--json", str(files[0]), "--junit", str(files[1]), "--report", str(files[2]))

    told = check(url, url, "--name", "one", "--name", "two", "--family", "items", *flags, *FAST)

    assert "items   21/21  21/21" in told
    tree = json.loads(files[0].read_bytes())
    assert [server["score"]["all"] for server in tree["servers"]] == [{"passed": 21, "asked": 21}] * 2
    assert [len(suite) for suite in ET.fromstring(files[1].read_text())] == [21, 21]  # noqa: S314 -- our own text
    assert "| items | 21/21 | 21/21 |" in files[2].read_text()


def test_a_failure_ends_with_exit_code_1_and_says_what_came(url: str) -> None:
    """The case, what was expected and what came, and the rule with its evidence."""
    told = check(f"{url}/broken/ids/v1", "--case", "items.own_id", *FAST, code=1)

    assert "items.own_id: the item's id: expected item_check_a, but got item_other" in told
    assert "A client may choose the id of an item. (schema)" in told


def test_a_server_that_does_not_let_us_in_is_no_failure_of_every_case(url: str) -> None:
    """Wrong paths and missing keys are told once, with a hint."""
    assert "hint: is the address right" in check(f"{url}/nowhere/realtime", code=1)
    with elsewhere(Config(server=Server(api_keys={"tests": "sk-tests"}), engines=TONE)) as locked:
        assert "hint: give the server's key with --api-key" in check(locked, code=1)
        assert "auth    7/7" in check(locked, "--api-key", "sk-tests", "--family", "auth", *FAST)


def test_traces_are_recorded_and_judged_again_without_a_server(url: str, tmp_path: Path) -> None:
    """`--record` keeps each case; `--replay` holds the recordings against the laws."""
    check(url, "--name", "ours", "--record", str(tmp_path), "--case", "responses.spoken_sequence", *FAST)

    told = check("--replay", str(tmp_path / "ours"))

    assert [name for name, _ in kept(tmp_path)] == ["responses_spoken_sequence"]
    laws = len(invariants.CASES)
    assert f"ordering  {laws}/{laws}" in told


def test_a_bad_recording_is_found_offline(url: str, tmp_path: Path) -> None:
    """A recording with a line taken out breaks the law that misses it."""
    check(url, "--name", "ours", "--record", str(tmp_path), "--case", "items.appended", *FAST)
    file = next(tmp_path.rglob("*.jsonl"))
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(line for line in lines if '"conversation.item.added"' not in line))

    assert "ordering.items_are_added_then_done" in check("--replay", str(tmp_path), code=1)


def test_what_is_no_recording_is_said_to_be_none(tmp_path: Path) -> None:
    """An empty folder and a damaged file are mistakes of the one who asks."""
    assert "there are no recordings here" in check("--replay", str(tmp_path), code=1)
    (tmp_path / "bad.jsonl").write_text("{}\n")
    assert "no recording of Antiphon" in check("--replay", str(tmp_path), code=1)


def test_the_list_and_the_dry_run_ask_nobody() -> None:
    """Every case with its rule; every case with its cost, and the sum."""
    listed = check("--list")
    assert [case.id for case in ALL if f"{case.id}  (" not in listed] == []
    told = check("--dry-run", "--family", "truncation")
    assert told.splitlines()[-1].split() == ["9", "cases", "5", "4500", "0"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "give the URL of a server"),
        (("localhost:1", "localhost:1"), "tell them apart by --name"),
        (("http://",), "is no address of a server"),
        (("localhost:1", "--name", "a", "--name", "b"), "give a name for each URL"),
        (("localhost:1", "--model", "a", "--model", "b"), "once for each URL"),
        (("localhost:1", "--family", "nonsense"), "there is no nonsense"),
        (("localhost:1", "--case", "connect.nonsense"), "there is no connect.nonsense"),
    ],
)
def test_a_wrong_call_is_explained(words: tuple[str, ...], said: str) -> None:
    """Exit code 2, and what to write instead."""
    assert said in " ".join(check(*words, code=2).replace("│", " ").split())


def test_nobody_there_is_no_failure_of_every_case() -> None:
    """One line with a hint, before anything is asked."""
    told = check("ws://127.0.0.1:1/v1/realtime", code=1)

    assert told.startswith("error: Nobody answers at ws://127.0.0.1:1")
    assert "hint: is the server running" in told


def test_a_report_that_cannot_be_written_is_told(url: str, tmp_path: Path) -> None:
    """The scores are on the screen all the same."""
    told = check(url, "--case", "connect.first_event", "--json", str(tmp_path / "no" / "file.json"), *FAST, code=1)

    assert "connect  1/1" in told
    assert "cannot be written" in told


# The run


def played(config: Config, *cases: Case, budget: int | None = None, api_key: str | None = None) -> list[Verdict]:
    async def scene() -> list[Verdict]:
        async with asyncio.timeout(LIMIT_S), serving(config) as address:
            plan = Round(cases, Manner(patience_s=30, pace=0, speech=recorded()), budget=budget)
            return await ask(Target(address, api_key=api_key), plan)

    return asyncio.run(scene())


def test_the_budget_is_not_overspent() -> None:
    """A case that may cost more than is left is not asked; the others still are."""
    cases = chosen((), ("responses.created", "responses.done", "items.retrieved"))
    verdicts = {v.case.id: v for v in played(Config(engines=TONE), *cases, budget=cases[-1].cost.tokens)}

    assert verdicts["items.retrieved"].outcome is Outcome.PASSED
    assert verdicts["responses.created"].outcome is Outcome.PASSED
    assert 0 < verdicts["responses.created"].tokens < 100
    assert "the budget is spent" in verdicts["responses.done"].message


def test_cases_of_keys_are_left_out_where_no_key_is_given() -> None:
    """An open server breaks no rule of keys."""
    assert {v.outcome for v in played(Config(engines=TONE), *chosen(("auth",), ()))} == {Outcome.SKIPPED}


def test_a_full_server_is_asked_again() -> None:
    """A server with room for one session needs a moment between two; no case fails for that."""
    config = Config(engines=TONE, limits=Limits(max_sessions=1))

    assert {v.outcome for v in played(config, *chosen(("items",), ()))} == {Outcome.PASSED}


async def nonsense(bench: Bench) -> None:
    """The rule."""
    async with bench.session() as probe:
        raise TypeError(str(probe))


async def hang(_: Bench) -> None:
    """The rule."""
    await asyncio.Event().wait()


async def broken(_: Bench) -> None:
    """The rule."""
    raise Broken("expected this, but got that")


@pytest.mark.parametrize(
    ("scene", "said"),
    [(nonsense, "makes no sense: TypeError"), (hang, "was not over after 0.6 s"), (broken, "expected this")],
)
def test_no_scene_ends_the_run(scene: Scene, said: str) -> None:
    """Whatever a server makes of a scene is that case's failure alone."""
    bad = Case("bad", "The rule.", OBSERVED, Cost(), scene=scene, family="family")

    async def asked() -> list[Verdict]:
        async with asyncio.timeout(LIMIT_S), serving("tone") as address:
            manner = Manner(patience_s=0.1 if scene is hang else 30, pace=0)
            return await ask(Target(address), Round([bad], manner))

    verdict = asyncio.run(asked())[0]
    assert verdict.outcome is Outcome.FAILED
    assert said in verdict.message


JUNK: list[dict[str, object]] = [
    {},
    {"type": 7},
    {"type": "response.done"},
    {
        "type": "response.done",
        "response": {"id": [], "output": [None, 3, {"content": "x"}], "usage": {"input_tokens": "x"}},
    },
    {"type": "conversation.item.added", "item": {"id": {}}},
    {"type": "conversation.item.added", "item": "text"},
    {"type": "response.output_audio.delta", "delta": None},
    {"type": "input_audio_buffer.speech_started", "audio_start_ms": "soon"},
    {"type": "input_audio_buffer.speech_stopped", "audio_end_ms": []},
    {"type": "error", "error": []},
]


@pytest.mark.parametrize("event", JUNK, ids=str)
def test_laws_survive_what_no_server_should_send(event: dict[str, object]) -> None:
    """Nonsense breaks laws; it never breaks the judge."""
    created: dict[str, object] = {"type": "session.created", "session": {}}
    lines = [Line(2, 0.0, "server", "link_1", created), Line(3, 0.1, "server", "link_1", event)]
    verdicts = judge([("junk", lines)], invariants.CASES)

    assert len(verdicts) == len(invariants.CASES)


def test_a_law_alone_brings_scenes_to_be_judged_by() -> None:
    """A law without any trace would pass without having looked."""
    cases = chosen((), ("ordering.chain",))

    assert cases[-1].id == "ordering.chain"
    assert len(cases) > 3


def test_the_sentence_is_the_same_with_and_without_the_voice() -> None:
    """As long, as loud and without a pause, so that it makes no difference who says it."""
    spoken, played_back = speech(), recorded()

    assert abs(len(spoken) - len(played_back)) < 48 * 100


class Slammed:
    """A middleware that answers HTTP 503 to the first connections, as a full server behind a proxy does."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.refused = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" and self.refused < 1:
            self.refused += 1
            await receive()
            await send({"type": "websocket.http.response.start", "status": 503, "headers": []})
            await send({"type": "websocket.http.response.body", "body": b""})
            return
        await self._app(scope, receive, send)


def test_a_server_behind_a_full_proxy_is_tried_again() -> None:
    """HTTP 503 at the upgrade is no answer to the case."""

    async def asked() -> list[Verdict]:
        async with asyncio.timeout(LIMIT_S), serving("tone", middleware=[Middleware(Slammed)]) as address:
            return await ask(
                Target(address), Round(chosen((), ("connect.first_event",)), Manner(patience_s=30, pace=0))
            )

    assert [v.outcome for v in asyncio.run(asked())] == [Outcome.PASSED]


def test_what_a_server_does_not_count_costs_the_estimate() -> None:
    """A response without usage, or without an end, is no free one."""
    begun = Line(2, 0.0, "server", "link_1", {"type": "response.created", "response": {"usage": None}})
    told = Line(3, 0.0, "server", "link_1", {"type": "response.done", "response": {"usage": {"total_tokens": 7}}})
    untold = Line(3, 0.0, "server", "link_1", {"type": "response.done", "response": {"usage": None}})
    heard = Line(4, 0.0, "server", "link_1", {"type": "x", "usage": {"type": "tokens", "total_tokens": 5}})

    assert [tokens_in(lines, 400) for lines in ([], [begun], [begun, told], [begun, untold], [begun, told, heard])] == [
        *(0, 400, 7, 400, 12)
    ]
