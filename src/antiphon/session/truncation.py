"""How much of a conversation a model is given when its context is too small for all of it.

The oldest items go first, and what has gone once stays away: a prefix cache then holds for many turns. Tokens are
counted by the engine's own tokenizer.
"""

from collections.abc import Callable

from antiphon.protocol.items import (
    ContentPart,
    FunctionCall,
    FunctionCallOutput,
    InputImage,
    InputText,
    Item,
    McpCall,
    Message,
    OutputText,
)
from antiphon.protocol.session import RetentionRatio, Truncation
from antiphon.protocol.wire import UNSET
from antiphon.session.config import Context
from antiphon.session.conversation import Entry

ITEM_TOKENS = 4
"""What a chat template adds around an item; most add 3 to 5."""
IMAGE_TOKENS = 1_000
"""A picture, roughly; engines count them each in its own way, and only after they have seen them."""
OUTPUT_SHARE = 4
"""Without `max_output_tokens`, one part in four of the context is left for the answer."""


def room_for_items(context: Context, instructions: str, max_output_tokens: int | None, truncation: Truncation) -> int:
    """Tokens of the context that are left for items."""
    answer = min(max_output_tokens or context.tokens, context.tokens // OUTPUT_SHARE)
    room = context.tokens - answer - context.count(instructions) - ITEM_TOKENS
    if isinstance(truncation, RetentionRatio) and truncation.token_limits is not UNSET:
        limit = truncation.token_limits.post_instructions
        return room if limit is UNSET else min(room, limit)
    return room


def fitting(
    entries: tuple[Entry, ...], room: int, truncation: Truncation, count: Callable[[str], int], *, for_good: bool = True
) -> tuple[Entry, ...] | None:
    """The newest entries that fit; None where nothing may be left out and not all of them fit.

    Entries that are left out `for_good` are marked, so that they stay out. The newest entry is never left out.
    """
    if sum(len(_text(entry).encode()) + ITEM_TOKENS + IMAGE_TOKENS * _images(entry.item) for entry in entries) <= room:
        return entries  # a token is a byte or more: they fit, uncounted
    sizes = [_size(entry, count) for entry in entries]
    if sum(sizes) <= room:
        return entries
    if truncation == "disabled":
        return None
    ratio = truncation.retention_ratio if isinstance(truncation, RetentionRatio) else 1.0
    first = _first_that_fits(sizes, room * ratio)
    while first < len(entries) - 1 and isinstance(entries[first].item, FunctionCallOutput):
        first += 1  # an output without its call is no context
    for entry in entries[:first] if for_good else ():
        entry.is_left_out = True
    return entries[first:]


def _size(entry: Entry, count: Callable[[str], int]) -> int:
    text = _text(entry)
    if entry.counted is None or entry.counted[0] != text:
        entry.counted = (text, count(text))
    return entry.counted[1] + ITEM_TOKENS + IMAGE_TOKENS * _images(entry.item)


def _first_that_fits(sizes: list[int], room: float) -> int:
    """The index from which on the rest fits; the last one always stays."""
    total = sum(sizes[-1:])
    for index in range(len(sizes) - 2, -1, -1):
        total += sizes[index]
        if total > room:
            return index + 1
    return 0


def _text(entry: Entry) -> str:
    """What a model reads of an item."""
    item = entry.for_model(hears_audio=False)
    if isinstance(item, Message):
        return " ".join(_part_text(part) for part in item.content)
    if isinstance(item, FunctionCall):
        return f"{item.name} {item.arguments}"
    if isinstance(item, McpCall):
        return f"{item.name} {item.arguments} {item.output or (item.error.message if item.error else '')}"
    return item.output if isinstance(item, FunctionCallOutput) else ""


def _part_text(part: ContentPart) -> str:
    if isinstance(part, InputText | OutputText):
        return part.text
    return "" if isinstance(part, InputImage) else part.transcript or ""


def _images(item: Item) -> int:
    return sum(isinstance(part, InputImage) for part in item.content) if isinstance(item, Message) else 0
