"""Engines are found by entry point, and a wrong choice is answered with what to do."""

from pathlib import Path

import msgspec
import pytest

from antiphon.engines import registry
from antiphon.engines.registry import EngineSpec, MissingWeights, SetupError, UnknownEngine


class Knobs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    delay_ms: float = 0.0
    loud: bool = False


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("tone", ("tone", None, None)),
        (" tone ", ("tone", None, None)),
        ("llama#qwen3-4b", ("llama", None, "qwen3-4b")),
        ("openai:http://localhost:11434/v1#qwen3", ("openai", "http://localhost:11434/v1", "qwen3")),
        ("openai:https://h/v1#org/model:7b", ("openai", "https://h/v1", "org/model:7b")),
        ("openai:https://h/v1", ("openai", "https://h/v1", None)),
        ("file:/m/a.gguf", ("file", "/m/a.gguf", None)),
    ],
)
def test_what_the_operator_writes_is_name_url_and_model(text: str, parts: tuple[str, str | None, str | None]) -> None:
    """`NAME:URL#MODEL`, where all but the name may be missing."""
    assert registry.parse(text) == parts


@pytest.mark.parametrize("text", ["", " ", "#qwen3", ":http://h"])
def test_a_choice_without_a_name_is_refused(text: str) -> None:
    """An engine always has a name."""
    with pytest.raises(SetupError, match="names no engine"):
        registry.parse(text)


def test_the_built_in_engines_are_installed() -> None:
    """Every role of the first release has its engines, and each a test double."""
    assert {"silero", "tone"} <= set(registry.installed("vad"))
    assert "tone" in registry.installed("turn")
    assert {"moonshine", "tone"} <= set(registry.installed("asr"))
    assert {"llama", "openai", "tone"} <= set(registry.installed("llm"))
    assert {"hibari", "tone"} <= set(registry.installed("tts"))


def test_an_engine_bears_the_name_the_operator_wrote() -> None:
    """The name in logs and errors is the one in the configuration."""
    assert registry.make("llm", "tone").name == "tone"
    assert registry.make("llm", "tone#other").name == "tone#other"


def test_an_unknown_engine_names_the_installed_ones() -> None:
    """The operator learns what could be chosen instead."""
    with pytest.raises(UnknownEngine) as caught:
        registry.make("asr", "parakeet")

    assert str(caught.value) == (
        'ASR engine "parakeet" is not installed.\n'
        'hint: install the extra "parakeet", or choose one of: moonshine, openai, tone, whisper'
    )


def test_a_role_without_engines_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """No empty list of choices."""
    monkeypatch.setattr("sys.path", [])

    with pytest.raises(UnknownEngine, match=r"choose one of: \(none is installed\)"):
        registry.make("responder", "duplex")


def test_weights_may_be_named_directly() -> None:
    """`--llm NAME` of the catalogue is the runtime of such weights; without them it says how to get them."""

    def known(name: str) -> Path:
        raise MissingWeights(name)

    with pytest.raises(MissingWeights) as caught:
        registry.make("llm", "smollm2-135m", weights=known)

    assert str(caught.value) == (
        'The weights "smollm2-135m" are not on this machine.\nhint: antiphon pull smollm2-135m'
    )


def test_a_name_that_the_catalogue_does_not_know_is_an_unknown_engine() -> None:
    """Neither an engine nor weights."""
    with pytest.raises(UnknownEngine, match='LLM engine "gpt-7" is not installed'):
        registry.make("llm", "gpt-7")


def test_a_file_of_weights_is_run_by_the_roles_own_engine(tmp_path: Path) -> None:
    """`file:PATH` needs no catalogue."""
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF")

    assert registry.make("llm", f"file:{path}").name == f"file:{path}"
    with pytest.raises(UnknownEngine, match='TTS engine "file"'):
        registry.make("tts", f"file:{path}")


def test_options_come_as_values_or_as_text() -> None:
    """An environment variable has only text."""
    assert EngineSpec("llm", "tone", options={"delay_ms": 5}).read(Knobs) == Knobs(delay_ms=5.0)
    assert EngineSpec("llm", "tone", options={"delay_ms": "5", "loud": "true"}).read(Knobs) == Knobs(5.0, True)


@pytest.mark.parametrize("options", [{"dely_ms": 1}, {"delay_ms": "soon"}])
def test_a_wrong_option_names_the_right_ones(options: dict[str, object]) -> None:
    """A typing error in the configuration is not passed over."""
    with pytest.raises(SetupError, match="hint: its options are: delay_ms, loud"):
        EngineSpec("llm", "tone", options=options).read(Knobs)


def test_a_missing_package_of_an_engine_says_what_brings_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry point of a package that lost a dependency is the operator's matter, with a hint."""
    dist = tmp_path / "broken_engine-1.0.dist-info"
    dist.mkdir()
    (dist / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-engine\nVersion: 1.0\n")
    (dist / "entry_points.txt").write_text("[antiphon.tts]\nbroken = no_such_module_here:make\n")
    monkeypatch.syspath_prepend(tmp_path)

    assert "broken" in registry.installed("tts")
    with pytest.raises(SetupError, match=r"(?s)cannot be loaded: No module named 'no_such_module_here'\..*hint: pip"):
        registry.make("tts", "broken")
