"""The scenarios of the bench: what is started, how it is loaded, and the rounds of figures that come back.

What is compared runs in turn, round by round, in one run, so that a machine that grows busy is slow to all alike.
"""

import argparse
import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
from peers.install import is_installed
from peers.litellm_proxy import litellm
from peers.speech_to_speech import QUICKEST, speech_to_speech
from profiling import profiled
from under_test import TONE, Server, alone, antiphon, first_core, last_core, load, relay, stubs, told, upstream

Result = dict[str, Any]
PLAIN = ("--no-anticipate",)
OURS, OURS_PLAIN = "antiphon", "antiphon, no anticipation"
PEER, PEER_QUICKEST = "speech-to-speech", "speech-to-speech, no grace"


def behind(engines: str) -> list[str]:
    """The flags for engines that are all at one URL."""
    return [part for role in ("asr", "llm", "tts") for part in (f"--{role}", f"openai:{engines}#stub")]


def clips(wish: argparse.Namespace) -> list[object]:
    """The flags that say what is spoken."""
    return ["--speech", wish.speech, "--clips", *wish.clips]


def warm(server: Server, wish: argparse.Namespace, *flags: object) -> None:
    """Speak to a contender before it is measured: what is loaded or compiled once, is by then."""
    if wish.warm_s:
        load(server, "answer", *(flags or ("--sessions", 1)), "--seconds", wish.warm_s)


def answer(wish: argparse.Namespace) -> list[Result]:
    """All engines over HTTP with set delays, at both silences; we anticipate or not, the peer has its grace or not."""
    results = []
    sessions = wish.answer_sessions
    with contextlib.ExitStack() as stack:
        engines = stack.enter_context(stubs())
        contenders = {
            OURS: stack.enter_context(antiphon(behind(engines))),
            OURS_PLAIN: stack.enter_context(antiphon([*behind(engines), *PLAIN])),
        }
        if wish.peers and is_installed(PEER):
            contenders[PEER] = stack.enter_context(speech_to_speech(engines, sessions))
            contenders[PEER_QUICKEST] = stack.enter_context(speech_to_speech(engines, sessions, QUICKEST))
        flags = ("--sessions", sessions, "--chunk-ms", 20, *clips(wish))
        for server in contenders.values():
            warm(server, wish, *flags)
        for _ in range(wish.rounds):
            for silence_ms in (500, 200):
                for name, server in contenders.items():
                    with alone(server, contenders.values()):
                        seen = load(server, "answer", *flags, "--seconds", wish.seconds, "--silence-ms", silence_ms)
                    results.append({**seen, "server": name})
    return results


def embedded(wish: argparse.Namespace) -> list[Result]:
    """The engines that come with us, one caller at a time: with more, they share the cores.

    The clips one by one, and at 500 ms all clips of the folder in one breath.
    """
    results = []
    with antiphon([]) as quick, antiphon(PLAIN) as plain:
        for server in (quick, plain):
            warm(server, wish)
        for _ in range(wish.rounds):
            for silence_ms in (500, 200):
                for name, server in ((OURS, quick), (OURS_PLAIN, plain)):
                    flags = ("--sessions", 1, "--seconds", wish.seconds, "--silence-ms", silence_ms, *clips(wish))
                    results.append({**load(server, "answer", *flags), "server": name, "said": "3 to 5 s"})
            for name, server in ((OURS, quick), (OURS_PLAIN, plain)):
                flags = ("--sessions", 1, "--seconds", wish.seconds, "--speech", wish.speech, "--joined")
                results.append({**load(server, "answer", *flags), "server": name, "said": "in one breath"})
    return results


def talk(wish: argparse.Namespace) -> list[Result]:
    """More and more callers who are answered by stub engines, the server on one core.

    What it bears, and its own share of an answer: without anticipation, for a held answer is no share. Sessions 0: no
    server, the stub read directly.
    """
    results = []
    core = last_core()
    with stubs(first_core(), ("--stamped",)) as engines, antiphon([*behind(engines), *PLAIN], core=core) as server:
        warm(server, wish)
        address = engines.removesuffix("/v1")
        for sessions in wish.talkers:
            for _ in range(wish.rounds):
                flags = (
                    "--sessions",
                    sessions,
                    "--seconds",
                    wish.seconds,
                    "--stamped",
                    "--spread-s",
                    wish.spread_s,
                    *clips(wish),
                )
                results.append(load(server, "answer", *flags, core=first_core()))
        seen = told("load.py", "engine", "--url", address, "--sessions", 4, "--seconds", wish.seconds)
        results.append({**seen, "sessions": 0})
    return results


def talk_embedded(wish: argparse.Namespace) -> list[Result]:
    """More and more callers who are answered by the embedded engines, on all cores."""
    results = []
    with antiphon([]) as server:
        warm(server, wish)
        for sessions in wish.embedded_talkers:
            for _ in range(wish.rounds):
                flags = ("--sessions", sessions, "--seconds", wish.seconds, *clips(wish))
                results.append(load(server, "answer", *flags))
    return results


def listen(wish: argparse.Namespace) -> list[Result]:
    """Callers who talk 40 % of the time to a server pinned to one core; the generator has another."""
    results = []
    with antiphon(TONE, core=last_core()) as server:
        for sessions in wish.listeners:
            for _ in range(wish.rounds):
                flags = (
                    "--sessions",
                    sessions,
                    "--seconds",
                    wish.seconds,
                    "--chunk-ms",
                    100,
                    "--spread-s",
                    wish.spread_s,
                )
                results.append(load(server, "listen", *flags, *clips(wish), core=first_core()))
    return results


def idle(wish: argparse.Namespace) -> list[Result]:
    """Sessions that are connected, and nothing more."""
    results = []
    for _ in range(wish.rounds if not wish.short else 1):
        with antiphon(TONE) as server:
            load(server, "idle", "--sessions", 20, "--seconds", 0.2)  # what is loaded once, is loaded
            results.append(load(server, "idle", "--sessions", wish.idlers, "--seconds", wish.seconds))
    return results


def churn(wish: argparse.Namespace) -> list[Result]:
    """Sessions that come and go, for `--minutes`."""
    with (
        tempfile.TemporaryDirectory() as folder,
        stubs(flags=("--piece-ms", "60")) as engines,
        antiphon(behind(engines), counts=Path(folder) / "counts.json") as server,
    ):
        flags = (
            "--pid",
            server.pid,
            "--counts",
            Path(folder) / "counts.json",
            "--visitors",
            wish.visitors,
            *clips(wish),
        )
        return [told("churn.py", "--url", server.url, "--minutes", wish.minutes, *flags)]


def relayed(wish: argparse.Namespace) -> list[Result]:
    """An upstream directly, behind our relay, and behind litellm's proxy.

    Relays have one core to themselves, the upstream and the generator share the other.
    """
    results = []
    with contextlib.ExitStack() as stack:
        mock = stack.enter_context(upstream(first_core()))
        direct = Server(f"ws{mock.removeprefix('http')}/v1/realtime?model=gpt-realtime", os.getpid())
        contenders = {"direct": direct, "antiphon relay": stack.enter_context(relay(mock, last_core()))}
        if wish.peers and is_installed("litellm"):
            contenders["litellm"] = stack.enter_context(litellm(mock, last_core()))
        for _ in range(wish.rounds):
            for way in ("paced", "burst"):
                for sessions in wish.relayed:
                    for name, server in contenders.items():
                        flags = ("--url", server.url, "--upstream", mock, "--sessions", sessions)
                        measured = ("--pid", server.pid) if name != "direct" else ()
                        flags = (*flags, "--seconds", wish.seconds, "--warm-s", 0.3 if wish.short else 2, *measured)
                        with alone(server, contenders.values()):
                            seen = told("relay_load.py", way, *flags, core=first_core())
                        results.append({**seen, "server": name, "load_average": os.getloadavg()[0]})
    return results


def waterfall(wish: argparse.Namespace) -> list[Result]:
    """One caller and stub engines that tell when they worked: the turn in the middle of all, anticipating and not."""
    results = []
    for name, more in ((OURS, ()), (OURS_PLAIN, PLAIN)):
        with stubs() as engines, antiphon([*behind(engines), *more]) as server:
            flags = ("--sessions", 1, "--seconds", max(wish.seconds, 12), *clips(wish))
            load(server, "answer", *flags[:2], "--seconds", 1)
            _calls(engines)
            turns = load(server, "answer", *flags)["turns"]
            whole = sorted((turn for turn in turns if turn["first_audio_ms"]), key=lambda turn: turn["first_audio_ms"])
            turn = whole[len(whole) // 2]
            results.append({"server": name, "turn": turn, "calls": list(_within(turn, _calls(engines)))})
    return results


def _calls(engines: str) -> list[dict[str, Any]]:
    told_: list[dict[str, Any]] = httpx2.get(f"{engines.removesuffix('/v1')}/calls").json()
    return told_


def _within(turn: dict[str, Any], calls: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The engines' work that led to a turn's answer, in milliseconds from the end of speech, without dropped drafts."""
    end_s, done_ms = turn["speech_end_s"], turn["done_ms"]
    for call in calls:
        times = {f"{name}_ms": 1000 * (call[name] - end_s) for name in ("begun", "first", "done") if name in call}
        if "done_ms" in times and -300 < times["begun_ms"] < done_ms and times["done_ms"] > 0:
            yield {"engine": call["engine"], **times}


def profile(wish: argparse.Namespace) -> list[Result]:
    """Where the CPU time goes, listening and talking, by samples of the Python stacks."""
    results = []
    with stubs(first_core()) as engines:
        loads = (("listen", TONE, wish.listeners[0], 100), ("answer", behind(engines), wish.talkers[-1], 20))
        for scenario, engine_flags, sessions, chunk_ms in loads:
            with antiphon(engine_flags, core=last_core()) as server:
                flags = ("--sessions", sessions, "--chunk-ms", chunk_ms, "--seconds", wish.seconds + 4, *clips(wish))
                with profiled(server.pid, wish.seconds) as top:
                    load(server, scenario, *flags, core=first_core())
                results.append({"scenario": scenario, "sessions": sessions, "top": top})
    return results


SCENARIOS: dict[str, Callable[[argparse.Namespace], list[Result]]] = {
    "answer": answer,
    "relay": relayed,
    "embedded": embedded,
    "listen": listen,
    "talk": talk,
    "talk_embedded": talk_embedded,
    "idle": idle,
    "waterfall": waterfall,
    "profile": profile,
    "churn": churn,
}
