"""The session and the responses of preview, in beta's terms: texts that are times, `none` for null, nested names."""

import re
from typing import Any, Final

from msgspec import structs

from antiphon.dialects import beta_events as told
from antiphon.dialects import beta_items, beta_response
from antiphon.dialects import beta_shapes as beta
from antiphon.dialects import preview_shapes as preview
from antiphon.dialects.beta_items import PREVIEW_ROLES
from antiphon.dialects.wording import Worded, worded
from antiphon.protocol import errors
from antiphon.protocol.beyond import ResponseWishes
from antiphon.protocol.items import InputItem
from antiphon.protocol.session import SemanticVad, ServerVad, ToolChoiceFunction
from antiphon.protocol.wire import UNSET, UnsetType

_DURATION: Final = re.compile(preview.DURATION)

# From the client


def session_to_beta(session: preview.Session) -> beta.Session | Worded:
    """An update of a session."""
    choice = tool_choice_to_beta(session.tool_choice, "session.tool_choice")
    if isinstance(choice, Worded):
        return choice
    fields: dict[str, Any] = structs.asdict(session)
    return beta.Session(
        **fields | {"turn_detection": turn_detection_to_beta(session.turn_detection), "tool_choice": choice}
    )


def turn_detection_to_beta(
    turns: preview.TurnDetection | UnsetType | None,
) -> ServerVad | SemanticVad | UnsetType | None:
    """Turn detection, which beta switches off by null."""
    if isinstance(turns, preview.NoTurnDetection):
        return None
    if not isinstance(turns, preview.ServerVad):
        return turns
    fields: dict[str, Any] = structs.asdict(turns)
    times = {name: ms_of(fields[name]) for name in ("prefix_padding_ms", "silence_duration_ms")}
    return ServerVad(**fields | times)


def ms_of(time: int | str | UnsetType) -> int | UnsetType:
    """A time in milliseconds, which may stand as text."""
    if not isinstance(time, str):
        return time
    return round(float(time[2:-1]) * 1000) if time.startswith("PT") else int(time.strip().removesuffix("ms"))


def tool_choice_to_beta(
    choice: beta.NamedChoice | preview.ToolChoiceFunction | UnsetType, path: str
) -> beta.NamedChoice | ToolChoiceFunction | UnsetType | Worded:
    """A function by its name, in whichever of the three spellings."""
    if not isinstance(choice, preview.ToolChoiceFunction):
        return choice
    nested = choice.function
    name = nested.name if isinstance(nested, preview.FunctionName) else nested or choice.name
    return ToolChoiceFunction(name=name) if name else worded(errors.missing_parameter(f"{path}.function"))


def response_to_ga(response: preview.Response) -> tuple[ResponseWishes, dict[str, str]] | Worded:
    """What a client wishes of a response, and where in the event the items of its context stood.

    Preview stops the running response first, or waits for it; beside the conversation there is nothing to stop.
    """
    choice = tool_choice_to_beta(response.tool_choice, "response.tool_choice")
    if isinstance(choice, Worded):
        return choice
    wished = beta_response.wishes(response, choice)
    if isinstance(wished, Worded):
        return wished
    appended = beta_items.items_to_ga(response.append_input_items, "response.append_input_items", PREVIEW_ROLES)
    if isinstance(appended, Worded):
        return appended
    context = _context(response)
    if isinstance(context, Worded):
        return context
    is_beside = response.conversation == "none" and response.cancel_previous is UNSET
    wished = structs.replace(
        wished,
        input=context[0],
        replaces=response.cancel_previous is not False and not is_beside,
        queues=response.cancel_previous is False,
        discards=not response.commit,
        appends=appended,
    )
    return wished, context[1]


def _context(
    response: preview.Response,
) -> tuple[tuple[InputItem, ...] | UnsetType, dict[str, str]] | Worded:
    if not isinstance(response.input_items, UnsetType):
        return beta_items.context_to_ga(response.input_items, "response.input_items", PREVIEW_ROLES)
    if not isinstance(response.input, UnsetType):
        return beta_items.context_to_ga(response.input, "response.input", PREVIEW_ROLES)
    return UNSET, {}


# To the client


def shown(session: told.Session) -> told.Session:
    """Beta's session as preview has it: no limit is null, no turn detection is not."""
    limit, choice = session.max_response_output_tokens, session.tool_choice
    if isinstance(choice, ToolChoiceFunction):
        choice = told.NestedChoice(name=choice.name, function=told.FunctionName(name=choice.name))
    return structs.replace(
        session,
        turn_detection=session.turn_detection or preview.NoTurnDetection(),
        tool_choice=choice,
        max_response_output_tokens=None if limit == "inf" else limit,
    )


def response_shown(response: told.Response) -> told.Response:
    """Beta's response as preview has it: the price of cached tokens is not told apart."""
    if response.usage is None:
        return response
    tokens = structs.replace(response.usage.input_token_details, cached_tokens_details=UNSET)
    return structs.replace(response, usage=structs.replace(response.usage, input_token_details=tokens))
