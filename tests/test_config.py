"""Configuration: layers, origins, and errors that say what to do."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from antiphon.config import Config, ConfigError, check_bind, find_file, load, read_keys
from antiphon.config.access import is_loopback
from antiphon.config.load import FILE_NAME, is_secret
from antiphon.config.places import line_of
from antiphon.config.schema import dotted, env_table, rule_of, settings
from antiphon.config.settings import KNOWN_MODELS, Server


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / FILE_NAME


def failure(
    text: str | bytes, file: Path, environ: Mapping[str, str] | None = None, flags: Mapping[str, object] | None = None
) -> str:
    """What is said of this file, environment or flag; the folder of the file left out."""
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as caught:
        load(file, environ, flags)
    said = str(caught.value).replace(f"{file.parent}/", "")
    assert len(said.splitlines()) <= 3
    return said


def test_nothing_given_gives_the_defaults() -> None:
    """Without file, environment and flags every setting has its default, and says so."""
    loaded = load()

    assert loaded.config == Config()
    assert loaded.config.server.host == "127.0.0.1"
    assert loaded.config.session.lifetime_minutes == 60
    assert loaded.origin_of(("server", "port")) == "default"


def test_flag_beats_environment_beats_file(file: Path) -> None:
    """Each layer is stronger than the one before, setting by setting."""
    file.write_text('[server]\nhost = "::1"\nport = 1\nlog_level = "error"\n')

    loaded = load(file, {"ANTIPHON_PORT": "2", "ANTIPHON_HOST": "127.0.0.2"}, {"server.port": 3, "engines.asr": None})

    server = loaded.config.server
    assert (server.host, server.port, server.log_level) == ("127.0.0.2", 3, "error")
    assert [loaded.origin_of(("server", name)) for name in ("host", "port", "log_level")] == [
        "ANTIPHON_HOST",
        "--port",
        f"{file}:4",
    ]


def test_a_replaced_engine_takes_its_options_along(file: Path) -> None:
    """Options in the file are meant for the engine in the file, not for the one that a flag names."""
    file.write_text("[engines.options.llm]\nthreads = 2\n[engines.options.asr]\nthreads = 1\n")

    engines = load(
        file, {"ANTIPHON_LLM_API_KEY": "k"}, {"engines.llm": "openai:http://localhost:1/v1#x"}
    ).config.engines

    assert engines.llm == "openai:http://localhost:1/v1#x"
    assert engines.options == {"asr": {"threads": 1}}


def test_the_providers_variables_are_for_its_engines(file: Path) -> None:
    """Key and URL of the SDK's variables go to `openai` engines, and are weaker than what is said of an engine."""
    file.write_text('[engines]\nllm = "openai#m"\ntts = "tone"\n[models.x]\nllm = "openai:http://h/v1#m"\n')
    environ = {"OPENAI_API_KEY": "sk-1", "OPENAI_BASE_URL": "http://localhost:1/v1"}

    loaded = load(file, environ)
    assert loaded.config.engines.options == {"llm": {"api_key": "sk-1", "base_url": "http://localhost:1/v1"}}
    assert loaded.config.models["x"].options == {"llm": {"api_key": "sk-1"}}
    assert loaded.origin_of(("engines", "options", "llm", "api_key")) == "OPENAI_API_KEY"
    assert loaded.config.server.api_keys == {}

    own = load(file, {**environ, "ANTIPHON_LLM_API_KEY": "sk-2"}).config.engines.options["llm"]
    assert own["api_key"] == "sk-2"
    assert load(None, environ).config.engines.options == {}


def test_environment_values_are_read_by_type() -> None:
    """Numbers, switches, keys and engine options come as text and become what the setting is."""
    config = load(
        None,
        {
            "ANTIPHON_STRICT_MODELS": "true",
            "ANTIPHON_LIFETIME_MINUTES": "1.5",
            "ANTIPHON_API_KEY": "sk-1",
            "ANTIPHON_LLM_THREADS": "2",
            "ANTIPHON_ASR": "",
        },
    ).config

    assert config.server.strict_models is True
    assert config.session.lifetime_minutes == 1.5
    assert config.server.api_keys == {"default": "sk-1"}
    assert config.engines.options == {"llm": {"threads": "2"}}
    assert config.engines.asr == "moonshine"


def test_hosting_platforms_set_the_port() -> None:
    """`PORT` is honoured and weaker than our own name; a service link of Kubernetes is no port."""
    assert load(None, {"PORT": "9000"}).config.server.port == 9000
    assert load(None, {"PORT": "9000", "ANTIPHON_PORT": "9001"}).config.server.port == 9001
    assert load(None, {"ANTIPHON_PORT": "tcp://10.0.0.1:80"}).config.server.port == 8000


def test_unknown_variables_are_told_and_not_fatal() -> None:
    """Orchestrators invent names such as ANTIPHON_SERVICE_HOST."""
    loaded = load(None, {"ANTIPHON_SERVICE_HOST": "10.0.0.1", "ANTIPHON_CONFIG": "x", "HOME": "/root"})

    assert loaded.unknown_env == ("ANTIPHON_SERVICE_HOST",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '[server]\nport = "eighty"\n',
            (
                "antiphon.toml:2: `server.port` must be a whole number from 0 to 65535, not 'eighty'.\n"
                "hint: its meaning: Port to listen on; 0 takes a free one and prints it."
            ),
        ),
        (
            "[server]\n\nport = 70000\n",
            (
                "antiphon.toml:3: `server.port` must be a whole number from 0 to 65535, not 70000.\n"
                "hint: its meaning: Port to listen on; 0 takes a free one and prints it."
            ),
        ),
        ("[server]\nprot = 1\n", "antiphon.toml:2: there is no setting `server.prot`.\nhint: did you mean `port`?"),
        ("[engine]\nllm = 1\n", "antiphon.toml:1: there is no setting `engine`.\nhint: did you mean `engines`?"),
        (
            "[engines.options.lm]\na = 1\n",
            "antiphon.toml:1: there is no setting `engines.options.lm`.\nhint: did you mean `llm`?",
        ),
        (
            "zzz = 1\n",
            "antiphon.toml:1: there is no setting `zzz`.\nhint: `antiphon config show` lists all settings",
        ),
        (
            '[models."my model"]\nllm = 3\n',
            (
                'antiphon.toml:2: `models."my model".llm` must be text that is not empty, not 3.\n'
                "hint: its meaning: As `engines.llm`, for this name."
            ),
        ),
        (
            "server = 3\n",
            "antiphon.toml:1: `server` must be a table, not 3.\nhint: its meaning: see `antiphon config show`",
        ),
        (
            '[server]\nlog_level = "loud"\n',
            (
                "antiphon.toml:2: `server.log_level` must be one of: debug, error, info, warning, not 'loud'.\n"
                "hint: its meaning: The least severe log line that is written."
            ),
        ),
        (
            "[server]\nport 3\n",
            (
                "antiphon.toml:2:6: not TOML: Expected '=' after a key in a key/value pair.\n"
                "hint: texts stand in quotes, tables in [brackets]: see https://toml.io"
            ),
        ),
        ("[server]\nhost = [1]\n", "antiphon.toml:2: `server.host` must be text that is not empty, not [1] "),
        (b"\xff", "antiphon.toml: not UTF-8 text.\nhint: save the file as UTF-8"),
    ],
)
def test_a_wrong_file_says_place_rule_value_and_remedy(text: str | bytes, said: str, file: Path) -> None:
    """At most three lines: where, which rule, which value, what to do."""
    assert failure(text, file).startswith(said)


def test_an_unfinished_file_has_no_line_to_point_at(file: Path) -> None:
    """The parser gives no position at the end of the document; the file is named all the same."""
    assert failure("x", file).startswith("antiphon.toml: not TOML: ")


def test_a_wrong_variable_or_flag_is_named(file: Path) -> None:
    """The place is the variable or the flag."""
    assert failure("", file, {"ANTIPHON_MAX_SESSIONS": "0"}).startswith(
        "ANTIPHON_MAX_SESSIONS: `limits.max_sessions` must be a whole number from 1 to 1000000, not '0'."
    )
    assert failure("", file, flags={"session.lifetime_minutes": -1.0}).startswith("--lifetime-minutes: ")


def test_a_wrong_key_is_not_shown(file: Path) -> None:
    """A secret never reaches the terminal, not even when it is wrong."""
    said = failure("[server.api_keys]\nphone = 12345\n", file)

    assert said.startswith("antiphon.toml:2: `server.api_keys.phone` must be text, not (hidden).")
    assert is_secret(("engines", "options", "llm", "api_key"))
    assert not is_secret(("server", "port"))


def test_a_file_that_is_not_there_is_named() -> None:
    """A file that was asked for must be there."""
    with pytest.raises(ConfigError) as caught:
        load(Path("/nowhere/x.toml"))

    assert str(caught.value).startswith("/nowhere/x.toml: no such file or directory.\nhint: ")


def test_the_file_is_found_by_flag_then_variable_then_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A named file is taken as it is; otherwise `antiphon.toml` here, then the user's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user"))

    assert find_file("a.toml", {"ANTIPHON_CONFIG": "b.toml"}) == Path("a.toml")
    assert find_file(None, {"ANTIPHON_CONFIG": "b.toml"}) == Path("b.toml")
    assert find_file(None, {}) is None

    (tmp_path / "user" / "antiphon").mkdir(parents=True)
    (tmp_path / "user" / "antiphon" / FILE_NAME).touch()
    assert find_file(None, {}) == tmp_path / "user" / "antiphon" / FILE_NAME

    (tmp_path / FILE_NAME).touch()
    assert find_file(None, {}) == Path(FILE_NAME)


def test_a_client_model_name_means_an_engine_set(file: Path) -> None:
    """A listed name replaces some engines, an unknown one gets the default; a replaced engine loses old options."""
    file.write_text(
        '[engines]\nasr = "tone"\n[engines.options.llm]\nthreads = 2\n[engines.options.asr]\na = 1\n'
        '[models."gpt-realtime"]\nllm = "tone"\noptions.tts.speed = 2\n[models.mine]\n'
    )
    config = load(file).config

    special = config.engines_for("gpt-realtime")
    assert special is not None
    assert (special.llm, special.asr) == ("tone", "tone")
    assert special.options == {"asr": {"a": 1}, "tts": {"speed": 2}}
    assert config.engines_for("mine") == config.engines_for("never heard of") == config.engines_for(None)
    assert config.model_names()[:2] == ("gpt-realtime", "mine")
    assert set(KNOWN_MODELS) <= set(config.model_names())


def test_strict_models_refuses_names_that_are_not_listed(file: Path) -> None:
    """Strict: the listed names, or the customary ones where none is listed. No name is the default always."""
    strict = load(None, {}, {"server.strict_models": True}).config
    assert strict.engines_for("gpt-realtime") == strict.engines
    assert strict.engines_for("gpt-9") is None

    file.write_text('[server]\nstrict_models = true\n[models.mine]\nllm = "tone"\n')
    listed = load(file).config
    assert listed.model_names() == ("mine",)
    assert listed.engines_for("gpt-realtime") is None
    assert listed.engines_for(None) == listed.engines


def test_every_setting_has_a_rule_a_sentence_and_its_own_variable() -> None:
    """The reference is complete, and no two settings share a name."""
    everything = settings()

    assert all(s.description and s.rule for s in everything)
    named = [s.env for s in everything if s.env]
    assert len(named) == len(set(named))
    assert env_table()["ANTIPHON_CACHE"] == ("weights", "cache")


@pytest.mark.parametrize(
    ("kind", "rule"), [(float, "a number"), (object, "any value"), (dict[str, int], "a table"), (bool, "true or false")]
)
def test_rules_read_aloud(kind: object, rule: str) -> None:
    """A type becomes words."""
    assert rule_of(kind) == rule


def test_paths_are_written_as_in_toml() -> None:
    """Names that are no bare keys stand in quotes."""
    assert dotted(("models", "gpt-4.1", "llm")) == 'models."gpt-4.1".llm'


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("a", "x"), 2),
        (("a", "b.c", "y"), 5),
        (("a", "b.c", "missing"), 4),
        (("d", "e", "f"), 7),
        (("nothing",), None),
    ],
)
def test_the_line_of_a_setting(path: tuple[str, ...], line: int | None) -> None:
    """Tables, quoted names, dotted keys; the nearest table where the key itself is not found."""
    text = '[a]  # first\nx = 1\n\n[a."b.c"]\n  y = 2\n[d]\ne.f = 1\nodd line\n[[[\n'

    assert line_of(text, path) == line


def test_loopback_needs_no_key_and_other_addresses_do() -> None:
    """An open server stays on this machine; the refusal names the flag."""
    for host in ("127.0.0.1", "127.8.0.1", "localhost", "::1", "[::1]"):
        check_bind(host, {})
    check_bind("0.0.0.0", {"phone": "k"})

    assert not is_loopback("example.org")
    with pytest.raises(ConfigError, match=r"Not listening on 0\.0\.0\.0 without an API key.*\nhint: add --api-key KEY"):
        check_bind("0.0.0.0", {})


def test_keys_come_from_settings_and_file(tmp_path: Path) -> None:
    """A key file holds KEY or NAME KEY lines; nameless ones are named after the file."""
    file = tmp_path / "antiphon-key"
    file.write_text("# comment\nsk-1\nphone sk-2\n\nsk-3\n")

    keys = read_keys(Server(api_keys={"web": "sk-0"}, api_key_file=str(file)))

    assert keys == {"web": "sk-0", "antiphon-key": "sk-1", "phone": "sk-2", "antiphon-key-3": "sk-3"}
    assert read_keys(Server()) == {}


@pytest.mark.parametrize("content", [b"", b"# only\n", b"a b c\n", b"\xff\xfe"])
def test_a_key_file_without_keys_is_an_error(content: bytes, tmp_path: Path) -> None:
    """Otherwise a mistake in a path would open the server to everyone."""
    file = tmp_path / "keys"
    file.write_bytes(content)

    with pytest.raises(ConfigError, match="check --api-key-file"):
        read_keys(Server(api_key_file=str(file)))


def test_an_empty_or_missing_key_is_an_error(tmp_path: Path) -> None:
    """`ANTIPHON_API_KEY=" "` is a mistake, and so is a file that is not there."""
    with pytest.raises(ConfigError, match='"web" is empty'):
        read_keys(Server(api_keys={"web": " "}))
    with pytest.raises(ConfigError, match="no such file"):
        read_keys(Server(api_key_file=str(tmp_path / "none")))
