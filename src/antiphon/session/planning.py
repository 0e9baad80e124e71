"""What a `response.create` asks for, laid over the session's configuration."""

from collections.abc import Callable
from dataclasses import replace

from antiphon.protocol import errors
from antiphon.protocol.errors import ErrorDetail
from antiphon.protocol.items import ItemReference, Message
from antiphon.protocol.response import ResponseParams
from antiphon.protocol.wire import UNSET, UnsetType
from antiphon.session.config import SessionConfig, SessionSettings, given, modality_error, tools_error
from antiphon.session.conversation import Conversation, Entry, entry_of
from antiphon.session.response import Plan


def standing(conversation: Conversation) -> tuple[Entry, ...]:
    """The conversation as a model is shown it: all items but those still being made."""
    return tuple(
        entry for entry in conversation if not (isinstance(entry.item, Message) and entry.item.status == "in_progress")
    )


def plan_of(
    params: ResponseParams,
    config: SessionConfig,
    conversation: Conversation,
    settings: SessionSettings,
    *,
    has_spoken: bool,
    decode: Callable[[bytes], bytes],
) -> Plan | ErrorDetail:
    """The plan of one response, or why it is refused."""
    keys = given(params)
    error = modality_error(keys.get("output_modalities"), "response") or tools_error(keys.get("tools", ()), "response")
    if error is not None:
        return error
    after = _configured(config, params)
    if has_spoken and after.output.voice != config.output.voice:
        return errors.cannot_update_voice()
    context = _context(params, conversation, settings, decode)
    if isinstance(context, ErrorDetail):
        return context
    return Plan(
        config=after,
        context=context,
        in_conversation=params.conversation != "none",
        metadata=None if params.metadata is UNSET else params.metadata,
    )


def _configured(config: SessionConfig, params: ResponseParams) -> SessionConfig:
    keys = given(params)
    for other in ("conversation", "input", "metadata"):
        keys.pop(other, None)
    modalities = keys.pop("output_modalities", None)
    if modalities is not None:
        keys["modality"] = modalities[0]
    audio = keys.pop("audio", None)
    if audio is not None and audio.output is not UNSET:
        keys["output"] = replace(config.output, **given(audio.output))
    return replace(config, **keys)


def _context(
    params: ResponseParams, conversation: Conversation, settings: SessionSettings, decode: Callable[[bytes], bytes]
) -> tuple[Entry, ...] | ErrorDetail:
    """The items that the client gives for this response alone, or the conversation."""
    if isinstance(params.input, UnsetType):
        return standing(conversation)
    entries = []
    for index, item in enumerate(params.input):
        path = f"response.input[{index}]"
        if isinstance(item, ItemReference):
            entry = conversation.get(item.id)
            if entry is None:
                return errors.reference_unknown(item.id, f"{path}.id")
        else:
            error = conversation.content_error(item, path, sees_images=settings.sees_images)
            if error is not None:
                return error
            entry = entry_of(item, item.id or settings.new_id("item"), decode)
        entries.append(entry)
    return tuple(entries)
