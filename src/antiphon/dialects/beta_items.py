"""Items and their content: what a client sends made into GA, and GA's items shown as beta has them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from msgspec import structs

from antiphon.dialects import beta_shapes as beta
from antiphon.dialects import preview_shapes as preview
from antiphon.dialects.wording import Worded, worded
from antiphon.protocol import errors
from antiphon.protocol import items as ga

Roles: TypeAlias = Mapping[str, tuple[str, ...]]

ROLES: Final[Roles] = {
    "system": ("input_text",),
    "user": ("input_text", "input_audio"),
    "assistant": ("text",),
}
"""What a client may put into a message, by its role."""

PREVIEW_ROLES: Final[Roles] = {**ROLES, "assistant": ("text", "input_text")}
"""The schema of preview has `input_text` for the answerer too, its client library `text`."""

OBJECT: Final[ga.ItemObject] = "realtime.item"


# From the client


def item_to_ga(item: beta.Item | beta.InputMessage, path: str, roles: Roles) -> ga.Item | Worded:
    """An item of a client; `path` is where it stands in the event."""
    if not isinstance(item, beta.Message | beta.InputMessage):
        return item
    content: list[ga.ContentPart] = []
    for index, given in enumerate(item.content):
        part = _part_to_ga(given, item.role, f"{path}.content[{index}].type", roles)
        if isinstance(part, Worded):
            return part
        content.append(part)
    return ga.Message(id=item.id, object=item.object, status=item.status, role=item.role, content=tuple(content))


def items_to_ga(items: Sequence[beta.Item], owner: str, roles: Roles) -> tuple[ga.Item, ...] | Worded:
    """Items of a client, or what is wrong with the first that is."""
    made: list[ga.Item] = []
    for index, given in enumerate(items):
        item = item_to_ga(given, f"{owner}[{index}]", roles)
        if isinstance(item, Worded):
            return item
        made.append(item)
    return tuple(made)


def context_to_ga(
    items: Sequence[beta.InputItem | preview.InputItem], owner: str, roles: Roles
) -> tuple[tuple[ga.InputItem, ...], dict[str, str]] | Worded:
    """The context of a response, and where in the event each of its items stood; or what is wrong with it."""
    made: list[ga.InputItem] = []
    paths: dict[str, str] = {}
    for path, item in _context(items, owner, roles):
        if isinstance(item, Worded):
            return item
        paths[f"response.input[{len(made)}]"] = path
        made.append(item)
    return tuple(made), paths


def _context(
    items: Sequence[beta.InputItem | preview.InputItem], owner: str, roles: Roles
) -> Iterator[tuple[str, ga.InputItem | Worded]]:
    for index, item in enumerate(items):
        path = f"{owner}[{index}]"
        if isinstance(item, preview.InputMessage):
            yield path, _preview_message_to_ga(item, path, roles)
        elif isinstance(item, ga.ItemReference):
            yield path, item
        elif isinstance(item, beta.InputMessage) and (references := _references(item)):
            yield from ((f"{path}.content[{at}]", reference) for at, reference in enumerate(references))
        else:
            yield path, item_to_ga(item, path, roles)


def _references(message: beta.InputMessage) -> list[ga.ItemReference]:
    """The SDK types a reference as content too: a message of nothing else stands for the items that it names."""
    references = [part for part in message.content if isinstance(part, ga.ItemReference)]
    return references if len(references) == len(message.content) else []


def _preview_message_to_ga(message: preview.InputMessage, path: str, roles: Roles) -> ga.InputItem | Worded:
    """A message, or the id of one."""
    if message.id and not message.role and not message.content:
        return ga.ItemReference(id=message.id)
    if not message.role:
        return worded(errors.missing_parameter(f"{path}.role"))
    if not isinstance(message.content, tuple):
        return worded(errors.missing_parameter(f"{path}.content"))
    whole = beta.Message(
        id=message.id, object=message.object, status=message.status, role=message.role, content=message.content
    )
    return item_to_ga(whole, path, roles)


def _part_to_ga(
    part: beta.ContentPart | ga.ItemReference, role: str, path: str, roles: Roles
) -> ga.ContentPart | Worded:
    """Each role has its own kinds of content."""
    kind = str(part.__struct_config__.tag)
    may_stay = kind in roles[role]
    if may_stay and role == "assistant" and isinstance(part, beta.Text | ga.InputText):
        return ga.OutputText(text=part.text)
    if may_stay and isinstance(part, ga.InputText | ga.InputAudio):
        return part
    return worded(errors.invalid_value(path, kind, roles[role]))


# To the client


def shown(item: ga.Item) -> beta.Item | None:
    """An item as beta has it; None for one that beta has no word for."""
    if isinstance(item, ga.Message):
        content = tuple(part for part in map(_part_shown, item.content) if part is not None)
        return beta.Message(id=item.id, object=OBJECT, status=item.status, role=item.role, content=content)
    if isinstance(item, ga.FunctionCall | ga.FunctionCallOutput):
        return structs.replace(item, object=OBJECT)
    return None


def all_shown(items: Sequence[ga.Item]) -> tuple[beta.Item, ...]:
    """The items that beta has words for."""
    return tuple(item for item in map(shown, items) if item is not None)


def _part_shown(part: ga.ContentPart) -> beta.ContentPart | None:
    """A content part; None for an image, which a link of another dialect may have added."""
    if isinstance(part, ga.OutputText):
        return beta.Text(text=part.text)
    if isinstance(part, ga.OutputAudio):
        return beta.Audio(audio=part.audio, transcript=part.transcript)
    return None if isinstance(part, ga.InputImage) else part
