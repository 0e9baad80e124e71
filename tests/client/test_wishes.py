"""Wishes over several updates."""

import pytest

from antiphon.client.tools import Tools
from antiphon.client.wishes import check_sound, merged, with_tools
from antiphon.protocol.beyond import SessionWishes
from antiphon.protocol.session import (
    Audio,
    AudioInput,
    AudioOutput,
    FunctionTool,
    PcmaFormat,
    PcmFormat,
    RealtimeSessionUpdate,
    SemanticVad,
    ServerVad,
    TranscriptionSessionUpdate,
)


def test_updates_add_up() -> None:
    """Key by key, however deep; another kind of object takes the place of the older."""
    first = RealtimeSessionUpdate(
        instructions="Sing.",
        audio=Audio(input=AudioInput(turn_detection=ServerVad(threshold=0.3)), output=AudioOutput(voice="ash")),
    )
    second = RealtimeSessionUpdate(audio=Audio(input=AudioInput(turn_detection=ServerVad(silence_duration_ms=9))))
    third = RealtimeSessionUpdate(audio=Audio(input=AudioInput(turn_detection=SemanticVad())))
    fourth = RealtimeSessionUpdate(instructions="", audio=Audio(input=AudioInput(turn_detection=None)))

    both = merged(first, second)
    assert both.audio == Audio(
        input=AudioInput(turn_detection=ServerVad(threshold=0.3, silence_duration_ms=9)),
        output=AudioOutput(voice="ash"),
    )
    assert merged(both, third).audio == Audio(
        input=AudioInput(turn_detection=SemanticVad()), output=AudioOutput(voice="ash")
    )
    last = merged(both, fourth)
    assert (last.instructions, last.audio and last.audio.input) == ("", AudioInput(turn_detection=None))


def test_betas_wishes_have_more_room() -> None:
    """A temperature is kept, whichever of two updates has it."""
    plain, warm = RealtimeSessionUpdate(instructions="Sing."), SessionWishes(temperature=0.7)

    assert merged(warm, plain) == merged(plain, warm) == SessionWishes(instructions="Sing.", temperature=0.7)


def test_functions_join_the_other_tools() -> None:
    """Those of MCP servers and those that the program answers itself stay."""
    tools = Tools()
    tools.add(print_nothing, name="f")
    own = FunctionTool(name="own")

    assert with_tools(RealtimeSessionUpdate(tools=(own,)), tools) == RealtimeSessionUpdate(tools=(own, *tools.offered))
    assert with_tools(TranscriptionSessionUpdate(), tools) == TranscriptionSessionUpdate()
    assert with_tools(RealtimeSessionUpdate(), None) == RealtimeSessionUpdate()


def print_nothing() -> None:
    """Nothing."""


def test_sound_is_pcm() -> None:
    """Anything else would be played as noise."""
    check_sound(RealtimeSessionUpdate(audio=Audio(input=AudioInput(format=PcmFormat()))))
    with pytest.raises(ValueError, match="speaks and hears `pcm`"):
        check_sound(RealtimeSessionUpdate(audio=Audio(output=AudioOutput(format=PcmaFormat()))))
