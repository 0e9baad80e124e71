"""The settings of a relay: file, environment, flags, and what is said when one is wrong."""

from pathlib import Path

import pytest

from antiphon.gateway.reading import BadSetting, Given, load
from antiphon.gateway.settings import Alias, Key

FULL = """
[relay]
port = 9000
record = "tapes"
[[upstreams]]
url = "wss://api.openai.com/v1"
key_env = "OPENAI_KEY"
[[upstreams]]
name = "azure"
url = "https://x.openai.azure.com/openai/realtime?api-version=2025-04-01-preview"
priority = 1
key = "azure-key"
[[upstreams]]
url = "ws://localhost:8000/v1"
dialect = "beta"
[models]
cheap = "gpt-realtime-mini"
good = { model = "gpt-realtime", upstream = "azure" }
[keys.alice]
key = "sk-alice"
sessions = 4
tokens_per_minute = 40_000
"""

ONE = '[[upstreams]]\nurl = "ws://localhost:1/v1"\n'


def test_a_whole_file() -> None:
    """Upstreams have names, models have meanings, keys have limits, secrets stand apart."""
    loaded = load(FULL, {"OPENAI_KEY": "sk-openai\n"}, Given())
    config = loaded.config

    assert (config.relay.port, config.relay.host, config.relay.record) == (9000, "127.0.0.1", "tapes")
    assert loaded.upstream_keys == {"api.openai.com": "sk-openai", "azure": "azure-key"}
    assert loaded.keys == {"alice": "sk-alice"}
    assert config.alias_of("cheap") == Alias("gpt-realtime-mini")
    assert config.alias_of("good") == Alias("gpt-realtime", "azure")
    assert config.alias_of("other") == Alias("other")
    assert "sk-openai" not in repr(loaded)


def test_flags_over_environment_over_file() -> None:
    """Setting by setting; upstreams on the command line stand in for those of the file."""
    environ = {
        "ANTIPHON_RELAY_PORT": "9001",
        "ANTIPHON_RELAY_RECORD": "here",
        "ANTIPHON_UPSTREAM_KEY": "sk-env",
        "ANTIPHON_RELAY_API_KEY": "sk-mine",
        "ANTIPHON_RELAY_STRICT_MODELS": "true",
    }
    loaded = load(
        ONE + "[relay]\nport = 9000\nhost = '::1'", environ, Given({"port": "9002"}, ["wss://a/v1", "wss://a/v1"])
    )
    relay = loaded.config.relay

    assert (relay.port, relay.record, relay.host, relay.strict_models) == (9002, "here", "::1", True)
    assert [one.url for one in loaded.config.upstreams] == ["wss://a/v1", "wss://a/v1"]
    assert loaded.upstream_keys == {"a": "sk-env", "a-2": "sk-env"}
    assert (loaded.keys, loaded.config.keys) == ({"default": "sk-mine"}, {"default": Key()})


def test_secrets_in_files(tmp_path: Path) -> None:
    """Read once, without the line's end."""
    file = tmp_path / "key"
    file.write_text("sk-filed\n")

    assert load(f'{ONE}key_file = "{file}"', {}, Given()).upstream_keys == {"localhost:1": "sk-filed"}


@pytest.mark.parametrize(
    ("text", "path", "message"),
    [
        ("", (), "There is no upstream to pass sessions to."),
        ("[relay", (), "not TOML: "),
        ("relay = 1", ("relay",), "`relay` must be a table."),
        ("upstreams = 1", ("upstreams",), "`upstreams`: Expected `array`, got `int`."),
        (ONE + "colour = 1", ("upstreams", "0"), "Object contains unknown field `colour`"),
        (ONE + "[relay]\nport = 99999", ("relay", "port"), "`relay.port`: Expected `int` <= 65535."),
        (ONE + '[relay]\nhost = ""', ("relay", "host"), "`relay.host`: Expected `str` of length >= 1."),
        (ONE + "[relay]\nhosts = 1", ("relay",), "`relay`: Object contains unknown field `hosts`."),
        ('[[upstreams]]\nurl = "ftp://x"', ("upstreams",), "`ftp://x` is no address of a server."),
        (ONE + "[keys.bob]\nsessions = 1", ("keys", "bob"), 'The key "bob" has no value.'),
        (ONE + '[keys.bob]\nkey_env = "NOPE"', ("keys", "bob"), "The key of `keys.bob` cannot be read."),
        (ONE + '[keys.bob]\nkey_file = "/nope"', ("keys", "bob"), "The key of `keys.bob` cannot be read."),
        (ONE + '[keys.bob]\nkey = " "', ("keys", "bob"), "The key of `keys.bob` cannot be read."),
        (
            ONE + '[models]\nm = { model = "x", upstream = "y" }',
            ("models", "m"),
            'The model "m" names an unknown upstream "y".',
        ),
    ],
)
def test_what_is_wrong_is_named(text: str, path: tuple[str, ...], message: str) -> None:
    """Which setting, which rule, and what to do."""
    with pytest.raises(BadSetting) as told:
        load(text, {}, Given())

    assert message in told.value.message
    assert told.value.path == path
    assert told.value.hint


def test_a_flag_that_is_no_number() -> None:
    """Named like the setting."""
    with pytest.raises(BadSetting, match=r"`relay\.port` cannot be `many`"):
        load(ONE, {}, Given({"port": "many"}))


def test_a_wrong_secret_is_not_shown() -> None:
    """Not even in the error about it."""
    with pytest.raises(BadSetting) as told:
        load(ONE + "[keys.bob]\nkey = 12345678", {}, Given())

    assert "12345678" not in str(told.value)
