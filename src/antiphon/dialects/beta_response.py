"""Responses: what a beta client wishes made into GA, and GA's response shown as beta has it."""

from msgspec import structs

from antiphon.dialects import beta_events as told
from antiphon.dialects import beta_items, beta_session
from antiphon.dialects import beta_shapes as beta
from antiphon.dialects.wording import Worded
from antiphon.protocol import response as ga
from antiphon.protocol.beyond import ResponseWishes
from antiphon.protocol.session import ToolChoice
from antiphon.protocol.wire import UNSET, UnsetType

# From the client


def wishes(response: beta.ResponseFields, tool_choice: ToolChoice | UnsetType) -> ResponseWishes | Worded:
    """All that a client wishes of a response, but for its context."""
    modalities = beta_session.modalities_to_ga(response.modalities, "response.modalities")
    if isinstance(modalities, Worded):
        return modalities
    limit = response.max_response_output_tokens or response.max_output_tokens
    sound = ga.ResponseAudioOutput(format=beta_session.format_to_ga(response.output_audio_format), voice=response.voice)
    return ResponseWishes(
        conversation=response.conversation,
        instructions=response.instructions,
        output_modalities=modalities,
        audio=UNSET if sound == ga.ResponseAudioOutput() else ga.ResponseAudio(output=sound),
        tools=response.tools,
        tool_choice=tool_choice,
        max_output_tokens=UNSET if limit is None else limit,
        metadata=response.metadata,
        temperature=response.temperature,
    )


def response_to_ga(response: beta.Response) -> tuple[ResponseWishes, dict[str, str]] | Worded:
    """What a client wishes of a response, and where in the event the items of its context stood."""
    wished = wishes(response, response.tool_choice)
    if isinstance(wished, Worded) or isinstance(response.input, UnsetType):
        return wished if isinstance(wished, Worded) else (wished, {})
    context = beta_items.context_to_ga(response.input, "response.input", beta_items.ROLES)
    if isinstance(context, Worded):
        return context
    items, paths = context
    return structs.replace(wished, input=items), paths


# To the client


def shown(response: ga.Response, temperature: float, conversation_id: str | None) -> told.Response:
    """A response. `conversation_id` is the conversation's id as this link knows it."""
    output = response.audio.output or ga.ResponseAudioOutput()
    modalities = beta_session.modalities_shown(response.output_modalities)
    return told.Response(
        id=response.id,
        status=response.status,
        status_details=response.status_details,
        output=beta_items.all_shown(response.output),
        conversation_id=response.conversation_id and (conversation_id or response.conversation_id),
        modalities=response.output_modalities if isinstance(modalities, UnsetType) else modalities,
        voice=beta_session.voice_shown(output.voice),
        output_audio_format=beta_session.format_shown(output.format),
        temperature=temperature,
        max_output_tokens=response.max_output_tokens,
        usage=None if response.usage is None else _usage_shown(response.usage),
        metadata=response.metadata,
    )


def _usage_shown(usage: ga.ResponseUsage) -> told.Usage:
    """The tokens without those of images, which beta does not have."""
    heard = usage.input_token_details
    cached = heard.cached_tokens_details
    return told.Usage(
        total_tokens=usage.total_tokens,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        input_token_details=told.InputTokens(
            text_tokens=heard.text_tokens,
            audio_tokens=heard.audio_tokens,
            cached_tokens=heard.cached_tokens,
            cached_tokens_details=told.CachedTokens(text_tokens=cached.text_tokens, audio_tokens=cached.audio_tokens),
        ),
        output_token_details=usage.output_token_details,
    )
