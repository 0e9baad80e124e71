"""A prompt as a session of another Realtime server is told of it: its items, and what its next response should be.

Items are made anew from the prompt, without the ids that they have here. What comes from a model of the server's own
is told apart from nothing: an answer that was heard whole has there the same `mark` as it has in the prompt.
"""

import hashlib
from collections.abc import Iterator

import msgspec

from antiphon.engines.chat import NO_OUTPUT_YET
from antiphon.engines.prompts import given_by, words_of
from antiphon.ports import Prompt
from antiphon.protocol.items import (
    ContentPart,
    FunctionCall,
    FunctionCallOutput,
    InputAudio,
    InputImage,
    InputText,
    Item,
    McpCall,
    Message,
    OutputText,
)
from antiphon.protocol.response import ResponseParams
from antiphon.protocol.session import (
    Audio,
    AudioInput,
    AudioOutput,
    PcmFormat,
    RealtimeSessionUpdate,
    Reasoning,
    ToolChoiceMcp,
)
from antiphon.protocol.wire import UNSET


def items_of(prompt: Prompt, *, sees_images: bool) -> list[Item]:
    """The items of a prompt, as they are created elsewhere; what says nothing is left out."""
    return [made for item in prompt.items for made in _made_of(item, sees_images)]


def _made_of(item: Item, sees_images: bool) -> Iterator[Item]:
    match item:
        case Message(role=role, content=content):
            parts = tuple(made for part in content if (made := _part_of(part, role, sees_images)) is not None)
            if parts:
                yield Message(role=role, content=parts)
        case FunctionCall(call_id=call_id, name=name, arguments=arguments):
            yield FunctionCall(call_id=call_id, name=name, arguments=arguments)
        case FunctionCallOutput(call_id=call_id, output=output):
            yield FunctionCallOutput(call_id=call_id, output=output)
        case McpCall():
            yield FunctionCall(call_id=item.id, name=item.name, arguments=item.arguments)
            yield FunctionCallOutput(call_id=item.id, output=given_by(item) or NO_OUTPUT_YET)


def _part_of(part: ContentPart, role: str, sees_images: bool) -> ContentPart | None:
    if isinstance(part, InputImage):
        return part if sees_images else None
    if isinstance(part, InputAudio) and part.audio:
        return InputAudio(audio=part.audio)
    words = words_of(part)
    if not words:
        return None
    return OutputText(text=words) if role == "assistant" else InputText(text=words)


def mark(item: Item) -> bytes:
    """What tells an item from others; two that say the same have the same."""
    return hashlib.blake2b(msgspec.json.encode(item), digest_size=16).digest()


def session_of(voice: str | None, speed: float | None) -> RealtimeSessionUpdate:
    """What the session is set to: it takes no turns of its own, and speaks as we do. None leaves a thing as it is."""
    return RealtimeSessionUpdate(
        audio=Audio(
            input=AudioInput(format=PcmFormat(), turn_detection=None),
            output=AudioOutput(format=PcmFormat(), voice=voice or UNSET, speed=UNSET if speed is None else speed),
        )
    )


def response_of(prompt: Prompt) -> ResponseParams:
    """What the next response should be. What the client left open is left open."""
    choice = prompt.tool_choice
    effort = {"effort": prompt.reasoning_effort}
    return ResponseParams(
        instructions=prompt.instructions,
        output_modalities=(prompt.modality,),
        tools=prompt.tools,
        tool_choice="auto" if isinstance(choice, ToolChoiceMcp) else choice,
        max_output_tokens=UNSET if prompt.max_output_tokens is None else prompt.max_output_tokens,
        reasoning=msgspec.convert(effort, Reasoning) if prompt.reasoning_effort else UNSET,
        parallel_tool_calls=UNSET if prompt.parallel_tool_calls else False,
    )
