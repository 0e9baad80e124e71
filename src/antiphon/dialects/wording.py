"""Errors in the words of a beta or preview client: where the core names a field or a value of GA, it reads its own."""

import re
from collections.abc import Mapping
from typing import Final

from msgspec import structs

from antiphon.dialects.names import CONTENT_TYPES, FORMATS, PARTS, PATHS, STRINGS
from antiphon.protocol import errors
from antiphon.protocol.errors import ErrorDetail

_VALUES: Final = re.compile(
    r"Invalid value: '(?P<got>.*)'\. (?:Supported values are: (?P<several>.*)|Value must be (?P<one>.*))\.", re.DOTALL
)
_QUOTED: Final = re.compile(r"'([^']*)'")


class Worded(ErrorDetail, frozen=True, kw_only=True):
    """An error that a dialect has found itself: it is in the client's words already, and passes as it is."""


def worded(error: ErrorDetail, event_id: object = None) -> Worded:
    """The error as it stands; `event_id` is the client's name for what caused it, where that is a string."""
    fields = structs.asdict(error)
    if isinstance(event_id, str):
        fields["event_id"] = event_id
    return Worded(**fields)


def in_clients_words(error: ErrorDetail, paths: Mapping[str, str]) -> ErrorDetail:
    """An error of the core, with the client's paths and values. `paths` holds those of the event beside the rest."""
    if isinstance(error, Worded) or error.param is None:
        return error
    if error.code == "invalid_parameter" and error.param == "session.type":  # beta's sessions have no type
        message = error.message.replace(" session update ", " session update event ")
        return structs.replace(error, param=None, message=message)
    param = path_of(error.param, paths)
    message = error.message.replace(f"'{error.param}'", f"'{param}'")
    listing = _VALUES.fullmatch(message)
    if error.code == "invalid_value" and listing is not None and param.endswith(".type"):
        return _relisted(error, param, listing)
    return structs.replace(error, param=param, message=message)


def path_of(param: str, paths: Mapping[str, str]) -> str:
    """Where a field of GA stands for this client."""
    for ga, beta in (*paths.items(), *PATHS.items()):
        if param == ga or param.startswith((f"{ga}.", f"{ga}[")):
            return beta if beta in STRINGS else beta + param[len(ga) :]
    return param


def _relisted(error: ErrorDetail, param: str, listing: re.Match[str]) -> ErrorDetail:
    """The values that a content part or a format may have, less what beta does not know."""
    listed = _QUOTED.findall(listing["several"] or listing["one"])
    words = [(PARTS | FORMATS).get(value, value) for value in listed]
    if ".content[" in param:
        words = [word for word in words if word in CONTENT_TYPES]
    got = (PARTS | FORMATS).get(listing["got"], listing["got"])
    told = errors.invalid_value(param, got, words)
    return structs.replace(told, event_id=error.event_id)


def modalities(param: str, got: tuple[str, ...]) -> Worded:
    """Anything but text alone, or text and audio together."""
    error = errors.modalities(param, got)
    return worded(structs.replace(error, message=error.message.replace("and ['audio']", "and ['audio', 'text']")))
