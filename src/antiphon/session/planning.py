"""What a `response.create` asks for, laid over the session's configuration."""

from collections.abc import Callable
from dataclasses import replace

from antiphon.protocol import errors
from antiphon.protocol.beyond import ResponseWishes
from antiphon.protocol.errors import ErrorDetail
from antiphon.protocol.items import FunctionCall, InputItem, ItemReference, Message
from antiphon.protocol.response import ResponseParams
from antiphon.protocol.wire import UNSET, UnsetType
from antiphon.session.config import SessionConfig, SessionSettings, given, modality_error
from antiphon.session.conversation import Conversation, Entry, entry_of
from antiphon.session.response import Plan
from antiphon.session.tools import choice_error, tools_error

BESIDE_CONFIG = ("conversation", "input", "metadata", "replaces", "queues", "discards", "appends")
"""Keys of a `response.create` that say nothing of how the answer is made."""


def standing(conversation: Conversation) -> tuple[Entry, ...]:
    """The conversation as a model is shown it: all items but those still being made, and those left out."""
    return tuple(entry for entry in conversation if not entry.is_left_out and not _is_unfinished(entry))


def _is_unfinished(entry: Entry) -> bool:
    return isinstance(entry.item, Message | FunctionCall) and entry.item.status == "in_progress"


def is_out_of_band(params: ResponseParams) -> bool:
    """Whether the response leaves nothing in the conversation."""
    return params.conversation == "none" or (isinstance(params, ResponseWishes) and params.discards)


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
    error = (
        modality_error(keys.get("output_modalities"), "response")
        or tools_error(keys.get("tools", ()), "response", settings.tool_refusal)
        or choice_error(keys.get("tool_choice", "auto"), keys.get("tools", config.tools), "response")
    )
    if error is not None:
        return error
    after = _configured(config, params)
    if after.prompt is not None and settings.template(after.prompt) is None:
        return errors.prompt_unknown("response.prompt", after.prompt.id)
    if has_spoken and after.output.voice != config.output.voice:
        return errors.cannot_update_voice()
    context = _context(params, conversation, settings, decode)
    if isinstance(context, ErrorDetail):
        return context
    return Plan(
        config=after,
        context=context,
        in_conversation=not is_out_of_band(params),
        metadata=None if params.metadata is UNSET else params.metadata,
    )


def _configured(config: SessionConfig, params: ResponseParams) -> SessionConfig:
    keys = {key: value for key, value in given(params).items() if key not in BESIDE_CONFIG}
    if params.instructions is None:
        del keys["instructions"]
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
    return entries_of(params.input, "response.input", conversation, settings, decode)


def entries_of(
    items: tuple[InputItem, ...],
    owner: str,
    conversation: Conversation,
    settings: SessionSettings,
    decode: Callable[[bytes], bytes],
) -> tuple[Entry, ...] | ErrorDetail:
    """Entries of items that a client gives with a response; references are looked up."""
    entries: list[Entry] = []
    for index, item in enumerate(items):
        path = f"{owner}[{index}]"
        if isinstance(item, ItemReference):
            entry = conversation.known(item.id)
            if entry is None:
                return errors.reference_unknown(item.id, f"{path}.id")
        else:
            error = conversation.content_error(item, path, sees_images=settings.sees_images, beside=entries)
            if error is not None:
                return error
            entry = entry_of(item, settings.new_id, decode)
        entries.append(entry)
    return tuple(entries)


def additions(
    items: tuple[InputItem, ...],
    conversation: Conversation,
    settings: SessionSettings,
    decode: Callable[[bytes], bytes],
    *,
    announced_id: str | None,
) -> tuple[Entry, ...] | ErrorDetail:
    """Entries that a response brings into the conversation; their ids must be free."""
    entries = entries_of(items, "response.append_input_items", conversation, settings, decode)
    if isinstance(entries, ErrorDetail):
        return entries
    taken = {announced_id}
    for entry in entries:
        if entry.id in conversation or entry.id in taken:
            return errors.item_exists(entry.id)
        taken.add(entry.id)
    return entries
