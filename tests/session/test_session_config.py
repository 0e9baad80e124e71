"""Rules of the session's configuration: defaults, updates, and how the wire shows it."""

from dataclasses import replace
from typing import Any

import pytest
from corescript import hearing, new_settings, speaking, transcribing

from antiphon.protocol.beyond import SessionWishes
from antiphon.protocol.errors import ErrorDetail
from antiphon.protocol.session import (
    Audio,
    AudioInput,
    AudioOutput,
    FunctionTool,
    NoiseReduction,
    PcmaFormat,
    PcmFormat,
    PcmuFormat,
    PromptTemplate,
    RealtimeSession,
    RealtimeSessionUpdate,
    Reasoning,
    SemanticVad,
    ServerVad,
    SessionUpdateBody,
    Transcription,
    TranscriptionAudio,
    TranscriptionSession,
    TranscriptionSessionUpdate,
    VoiceId,
)
from antiphon.session.config import (
    FINISHED_SILENCE_MS,
    UNFINISHED_SILENCE_MS,
    UNJUDGED_SILENCE_MS,
    UNLIMITED_S,
    SessionConfig,
    SessionSettings,
    TurnRules,
    apply,
    first,
    given,
    shown,
)

SETTINGS = new_settings(created_at=1000, instructions="Be kind.", templates={"host": "You are the host."})
TRANSCRIPTION = new_settings(kind="transcription")
VAD = ServerVad(
    threshold=0.5,
    prefix_padding_ms=300,
    silence_duration_ms=200,
    idle_timeout_ms=None,
    create_response=True,
    interrupt_response=True,
)


def update(**keys: Any) -> RealtimeSessionUpdate:
    return RealtimeSessionUpdate(**keys)


def after(*updates: SessionUpdateBody, settings: SessionSettings = SETTINGS, has_spoken: bool = False) -> SessionConfig:
    """The configuration after updates that are all taken."""
    config = SessionConfig()
    for body in updates:
        applied = apply(config, body, settings, has_spoken=has_spoken)
        assert isinstance(applied, SessionConfig), applied
        config = applied
    return config


def refusal(
    *updates: SessionUpdateBody, settings: SessionSettings = SETTINGS, has_spoken: bool = False
) -> tuple[str | None, str | None]:
    """Code and parameter of the error that the last update is refused with."""
    error = apply(after(*updates[:-1], settings=settings), updates[-1], settings, has_spoken=has_spoken)
    assert isinstance(error, ErrorDetail)
    return error.code, error.param


# What the wire shows


def test_a_session_before_any_update() -> None:
    """Protocol 5.1, key by key."""
    assert shown(SessionConfig(instructions="Be kind."), SETTINGS) == RealtimeSession(
        id="sess_1",
        expires_at=4600,
        model="gpt-realtime",
        output_modalities=("audio",),
        instructions="Be kind.",
        tools=(),
        tool_choice="auto",
        max_output_tokens="inf",
        tracing=None,
        truncation="auto",
        prompt=None,
        audio=Audio(
            input=AudioInput(format=PcmFormat(), transcription=None, noise_reduction=None, turn_detection=VAD),
            output=AudioOutput(format=PcmFormat(), voice="alloy", speed=1.0),
        ),
        include=None,
    )


def test_a_transcription_session_before_any_update() -> None:
    """Protocol 5.2: no key about answers."""
    detection = ServerVad(threshold=0.5, prefix_padding_ms=300, silence_duration_ms=200)

    assert shown(SessionConfig(), TRANSCRIPTION) == TranscriptionSession(
        id="sess_1",
        expires_at=3600,
        audio=TranscriptionAudio(
            input=AudioInput(format=PcmFormat(), transcription=None, noise_reduction=None, turn_detection=detection)
        ),
        include=None,
    )


def test_an_end_far_away() -> None:
    """The wire wants a number where the operator sets no limit."""
    assert new_settings(created_at=5, lifetime_s=None).expires_at == 5 + UNLIMITED_S


def heard(config: SessionConfig, settings: SessionSettings = SETTINGS) -> Any:
    """`audio.input` as shown."""
    return shown(config, settings).audio.input  # type: ignore[union-attr]  # always there


@pytest.mark.parametrize(
    ("sent", "returned"),
    [
        (None, None),
        (Transcription(), Transcription(model="whisper-1", language=None, prompt=None)),
        (
            Transcription(model="gpt-4o-transcribe", language="de", delay="low"),
            Transcription(model="gpt-4o-transcribe", language="de", prompt=None),
        ),
        (
            Transcription(languages=("de", "fr"), keywords=("Ada",)),
            Transcription(model="whisper-1", language=None, prompt=None, languages=("de", "fr"), keywords=("Ada",)),
        ),
    ],
)
def test_a_transcription_comes_back_normalized(sent: Transcription | None, returned: Transcription | None) -> None:
    """With nulls for what is open; `delay` is taken and not echoed."""
    assert heard(after(hearing(transcription=sent))).transcription == returned


@pytest.mark.parametrize(
    ("sent", "returned"),
    [
        (None, None),
        (NoiseReduction(type="near_field"), NoiseReduction(type="near_field", strength=1.0)),
        (NoiseReduction(type="far_field", strength=0.5), NoiseReduction(type="far_field", strength=0.5)),
    ],
)
def test_noise_reduction_has_a_strength(sent: NoiseReduction | None, returned: NoiseReduction | None) -> None:
    """1 when it is first enabled."""
    assert heard(after(hearing(noise_reduction=sent))).noise_reduction == returned


def test_optional_keys_are_shown_once_set() -> None:
    """`reasoning` and `parallel_tool_calls` belong to newer models."""
    body = shown(after(update(reasoning=Reasoning(effort="low"), parallel_tool_calls=False)), SETTINGS)

    assert isinstance(body, RealtimeSession)
    assert (body.reasoning, body.parallel_tool_calls) == (Reasoning(effort="low"), False)


def test_tools_are_shown_whole() -> None:
    """Functions as they came."""
    tool = FunctionTool(name="f", description="d", parameters={"type": "object", "x-mine": [1]})

    assert shown(after(update(tools=(tool,))), SETTINGS).tools == (tool,)  # type: ignore[union-attr]  # realtime


def test_what_a_session_begins_with() -> None:
    """The operator's instructions, then what came with the key; if that cannot be applied any more, without it."""
    assert first(SETTINGS) == SessionConfig(instructions="Be kind.")
    assert first(replace(SETTINGS, initial=update(output_modalities=("text",)))).modality == "text"
    assert first(replace(SETTINGS, initial=update(model="gone"))) == first(SETTINGS)


# What an update changes


def test_only_the_keys_that_are_present() -> None:
    """And nested `audio` objects merge key by key."""
    config = after(
        update(instructions="One.", max_output_tokens=64, output_modalities=("text",)),
        hearing(format=PcmuFormat()),
        speaking(voice="cedar"),
        speaking(speed=1.5),
        update(instructions="Two.", audio=Audio()),
    )

    assert (config.instructions, config.max_output_tokens, config.modality) == ("Two.", 64, "text")
    assert config.input.format == PcmuFormat()
    assert (config.output.voice, config.output.speed, config.output.format) == ("cedar", 1.5, PcmFormat())
    assert given(update(instructions="")) == {"instructions": ""}


@pytest.mark.parametrize(
    ("set_", "clear", "key", "empty"),
    [
        (update(instructions="One."), update(instructions=""), "instructions", ""),
        (update(tools=(FunctionTool(name="f"),)), update(tools=()), "tools", ()),
        (update(prompt=PromptTemplate(id="host")), update(prompt=None), "prompt", None),
        (
            update(include=("item.input_audio_transcription.logprobs",)),
            update(include=None),
            "include",
            None,
        ),
    ],
)
def test_what_can_be_cleared(set_: RealtimeSessionUpdate, clear: RealtimeSessionUpdate, key: str, empty: Any) -> None:
    """With `""`, `[]` or `null`."""
    assert getattr(after(set_), key) != empty
    assert getattr(after(set_, clear), key) == empty


def test_objects_merge_and_null_clears_them() -> None:
    """Transcription and noise reduction."""
    config = after(
        hearing(transcription=Transcription(model="whisper-1", language="de")),
        hearing(transcription=Transcription(prompt="Ada"), noise_reduction=NoiseReduction(strength=0.5)),
        hearing(noise_reduction=NoiseReduction(type="near_field")),
    )
    assert config.input.transcription == Transcription(model="whisper-1", language="de", prompt="Ada")
    assert config.input.noise_reduction == NoiseReduction(type="near_field", strength=0.5)
    cleared = apply(config, hearing(transcription=None, noise_reduction=None), SETTINGS, has_spoken=False)
    assert isinstance(cleared, SessionConfig)
    assert (cleared.input.transcription, cleared.input.noise_reduction) == (None, None)


@pytest.mark.parametrize(
    ("updates", "rules"),
    [
        ([None], None),
        ([ServerVad(threshold=0.7)], TurnRules(threshold=0.7)),
        ([ServerVad(threshold=0.7), ServerVad(create_response=False)], TurnRules(threshold=0.7, create_response=False)),
        ([ServerVad(threshold=0.7), None, ServerVad()], TurnRules()),
        ([ServerVad(threshold=0.7), SemanticVad()], TurnRules(kind="semantic_vad")),
        (
            [SemanticVad(eagerness="low"), SemanticVad(interrupt_response=False)],
            TurnRules(kind="semantic_vad", eagerness="low", interrupt_response=False),
        ),
        ([SemanticVad(eagerness="low"), ServerVad()], TurnRules()),
    ],
)
def test_turn_detection(updates: list[ServerVad | SemanticVad | None], rules: TurnRules | None) -> None:
    """Missing keys keep their values while the kind stays, and return to the defaults when it changes."""
    assert after(*(hearing(turn_detection=detection) for detection in updates)).input.turns == rules


def test_semantic_vad_and_none_as_shown() -> None:
    """With what belongs to it, and nothing else."""
    assert heard(after(hearing(turn_detection=SemanticVad()))).turn_detection == SemanticVad(
        eagerness="auto", create_response=True, interrupt_response=True
    )
    assert heard(after(hearing(turn_detection=None))).turn_detection is None
    quiet = after(transcribing(turn_detection=SemanticVad(eagerness="high")), settings=TRANSCRIPTION)
    assert heard(quiet, TRANSCRIPTION).turn_detection == SemanticVad(eagerness="high")


def test_a_temperature_is_nobodys_business_in_ga() -> None:
    """An older dialect sets it; it is not shown."""
    config = after(SessionWishes(temperature=0.7))

    assert config.temperature == 0.7
    assert shown(config, SETTINGS) == shown(SessionConfig(), SETTINGS)


# What is refused


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        (update(model="other"), "invalid_value", "session.model"),
        (update(output_modalities=()), "invalid_value", "session.output_modalities"),
        (update(output_modalities=("text", "audio")), "invalid_value", "session.output_modalities"),
        (update(tools=(FunctionTool(name="f"), FunctionTool())), "missing_required_parameter", "session.tools[1].name"),
        (update(prompt=PromptTemplate(id="host", version="2")), "invalid_value", "session.prompt.id"),
        (transcribing(), "invalid_parameter", "session.type"),
        (
            hearing(transcription=Transcription(language="de", languages=("de",))),
            "invalid_value",
            "session.audio.input.transcription.languages",
        ),
    ],
)
def test_what_cannot_be_set(body: SessionUpdateBody, code: str, param: str) -> None:
    """The update is refused whole, with the path."""
    assert refusal(body) == (code, param)


def test_what_is_fixed_may_be_repeated() -> None:
    """The model, tracing, and a voice that was heard."""
    after(
        update(model="gpt-realtime", tracing="auto"), update(tracing="auto"), speaking(voice="alloy"), has_spoken=True
    )

    assert refusal(update(tracing="auto"), update(tracing=None)) == ("invalid_value", "session.tracing")
    assert refusal(speaking(voice=VoiceId(id="voice_1")), has_spoken=True) == ("cannot_update_voice", None)


def test_the_kind_is_fixed() -> None:
    """A transcription session takes no other update either."""
    assert refusal(update(), settings=TRANSCRIPTION) == ("invalid_parameter", "session.type")


def test_transcription_models_without_turn_detection() -> None:
    """In a transcription session: leaving the key out switches it off, asking for it is refused."""
    live = Transcription(model="gpt-live-transcribe")

    config = after(transcribing(transcription=live), settings=TRANSCRIPTION)
    assert config.input.turns is None
    path = "session.audio.input.turn_detection"
    both = transcribing(transcription=live, turn_detection=ServerVad())
    assert refusal(both, settings=TRANSCRIPTION) == ("invalid_value", path)
    again = (transcribing(transcription=live), transcribing(turn_detection=ServerVad()))
    assert refusal(*again, settings=TRANSCRIPTION) == ("invalid_value", path)
    cleared = after(transcribing(transcription=live), transcribing(transcription=None), settings=TRANSCRIPTION)
    assert cleared.input.transcription is None


def test_a_transcription_session_updates_what_it_has() -> None:
    """Input and include."""
    config = after(
        transcribing(format=PcmaFormat()),
        TranscriptionSessionUpdate(include=("item.input_audio_transcription.logprobs",)),
        TranscriptionSessionUpdate(audio=TranscriptionAudio()),
        settings=TRANSCRIPTION,
    )

    assert config.input.format == PcmaFormat()
    assert config.include == ("item.input_audio_transcription.logprobs",)


# The silence that ends a turn


@pytest.mark.parametrize(
    ("rules", "finished", "silence_ms"),
    [
        (TurnRules(silence_duration_ms=700), None, 700),
        (TurnRules(silence_duration_ms=700), 1.0, 700),
        (TurnRules(kind="semantic_vad"), None, 4000),
        (TurnRules(kind="semantic_vad"), 0.0, 4000),
        (TurnRules(kind="semantic_vad"), 1.0, FINISHED_SILENCE_MS["medium"]),
        (TurnRules(kind="semantic_vad", eagerness="low"), 0.0, 8000),
        (TurnRules(kind="semantic_vad", eagerness="high"), 1.0, FINISHED_SILENCE_MS["high"]),
    ],
)
def test_how_long_to_wait(rules: TurnRules, finished: float | None, silence_ms: int) -> None:
    """server_vad knows one silence; semantic_vad waits longer for who has not finished."""
    assert rules.silence_ms(finished) == silence_ms


def test_who_sounds_finished_waits_less() -> None:
    """The surer, the shorter; and the more eager."""
    waits = [TurnRules(kind="semantic_vad").silence_ms(sure / 10) for sure in range(11)]
    assert waits == sorted(waits, reverse=True)

    for table in (FINISHED_SILENCE_MS, UNFINISHED_SILENCE_MS, UNJUDGED_SILENCE_MS):
        assert table["low"] > table["medium"] == table["auto"] > table["high"]


@pytest.mark.parametrize(
    ("rules", "silence_ms"),
    [
        (TurnRules(silence_duration_ms=700), 700),
        (TurnRules(kind="semantic_vad", eagerness="high"), UNJUDGED_SILENCE_MS["high"]),
    ],
)
def test_how_long_to_wait_where_nobody_judges(rules: TurnRules, silence_ms: int) -> None:
    """Plain silence."""
    assert rules.unjudged_silence_ms == silence_ms
