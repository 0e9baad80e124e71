"""The flat session, both ways."""

import pytest
from corescript import new_settings
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import inspect, structs
from wire_samples import sample

from antiphon.dialects import beta_shapes as beta
from antiphon.dialects.beta_session import (
    modalities_to_ga,
    session_to_ga,
    shown,
    transcription_shown,
    transcription_to_ga,
)
from antiphon.dialects.wording import Worded
from antiphon.protocol.beyond import SessionWishes
from antiphon.protocol.session import (
    Audio,
    AudioInput,
    AudioOutput,
    FunctionTool,
    McpTool,
    Modality,
    NoiseReduction,
    RealtimeSession,
    ServerVad,
    ToolChoiceMcp,
    TranscriptionSession,
    VoiceId,
)
from antiphon.protocol.wire import UNSET
from antiphon.session import config

SESSIONS: st.SearchStrategy[beta.Session] = sample(inspect.type_info(beta.Session))
TRANSCRIPTIONS: st.SearchStrategy[beta.TranscriptionSession] = sample(inspect.type_info(beta.TranscriptionSession))


@pytest.mark.parametrize("both", [("audio", "text"), ("text", "audio")])
def test_both_modalities_are_gas_audio(both: tuple[Modality, ...]) -> None:
    """In any order; text alone is text in both."""
    assert modalities_to_ga(both, "session.modalities") == ("audio",)
    assert modalities_to_ga(("text",), "session.modalities") == ("text",)


@pytest.mark.parametrize("wrong", [("audio",), (), ("text", "text"), ("audio", "text", "text")])
def test_other_modalities_are_refused(wrong: tuple[Modality, ...]) -> None:
    """With the path of the field that they stand in."""
    error = modalities_to_ga(wrong, "response.modalities")

    assert isinstance(error, Worded)
    assert error.param == "response.modalities"


def test_nothing_set_is_nothing_asked() -> None:
    """Not even an empty `audio`; what means something over REST alone is dropped."""
    assert session_to_ga(beta.Session(client_secret={"expires_after": {}})) == SessionWishes()
    assert transcription_to_ga(beta.TranscriptionSession(modalities=("text",))).audio is UNSET


@settings(deadline=None)
@given(SESSIONS)
def test_what_is_set_is_shown(session: beta.Session) -> None:
    """Through GA and the core and back: every key that a client sets comes back as it was set."""
    wishes = session_to_ga(structs.replace(session, model=UNSET))
    if isinstance(wishes, Worded):
        return
    settings = new_settings()
    before = config.SessionConfig()
    after = config.apply(before, wishes, settings, has_spoken=False)
    if not isinstance(after, config.SessionConfig):
        return
    back = config.shown(after, settings)
    assert isinstance(back, RealtimeSession)
    told = shown(back, session.temperature or 0.8)
    for name in ("instructions", "voice", "output_audio_format", "input_audio_format", "tools", "tool_choice"):
        wanted = getattr(session, name)
        assert wanted is UNSET or getattr(told, name) == wanted
    for name in ("temperature", "max_response_output_tokens", "speed", "tracing", "include"):
        wanted = getattr(session, name)
        assert wanted is UNSET or getattr(told, name) == (wanted or None)


@settings(deadline=None)
@given(TRANSCRIPTIONS)
def test_a_transcription_session_shows_what_is_set(session: beta.TranscriptionSession) -> None:
    """The same for the other kind."""
    settings = new_settings(kind="transcription")
    after = config.apply(config.SessionConfig(), transcription_to_ga(session), settings, has_spoken=False)
    if not isinstance(after, config.SessionConfig):
        return
    back = config.shown(after, settings)
    assert isinstance(back, TranscriptionSession)
    told = transcription_shown(back)

    assert session.input_audio_format is UNSET or told.input_audio_format == session.input_audio_format
    assert session.include is UNSET or told.include == (session.include or None)


def test_what_ga_alone_has_is_left_out() -> None:
    """A sideband may have set it."""
    session = RealtimeSession(
        id="sess_1",
        expires_at=1,
        tools=(FunctionTool(name="f"), McpTool(server_label="s")),
        tool_choice=ToolChoiceMcp(server_label="s"),
        audio=Audio(
            input=AudioInput(
                noise_reduction=NoiseReduction(type="far_field", strength=0.5),
                turn_detection=ServerVad(threshold=0.5, idle_timeout_ms=6000),
            ),
            output=AudioOutput(voice=VoiceId(id="voice_1")),
        ),
    )
    told = shown(session, 0.8)

    assert told.tools == (FunctionTool(name="f"),)
    assert told.tool_choice == "required"
    assert told.input_audio_noise_reduction == beta.NoiseReduction(type="far_field")
    assert told.voice == "voice_1"
    assert told.turn_detection == ServerVad(threshold=0.5, idle_timeout_ms=6000)


def test_keys_that_another_server_leaves_out_stay_out() -> None:
    """A gateway shows what it was told, and no more."""
    told = shown(RealtimeSession(id="sess_1", expires_at=1), 0.8)
    heard = transcription_shown(TranscriptionSession(id="sess_1", expires_at=1))

    assert (told.modalities, told.voice, told.input_audio_format, told.turn_detection) == (UNSET, UNSET, UNSET, None)
    assert heard.turn_detection is None
