"""Function calls that a model writes into its text, found while it still writes.

Models without a call syntax of their own (or with one that they do not keep to) write JSON: bare, in a code
fence, or between `<tool_call>` tags. What names a declared function is a call; all else is text. Text is held
back only while it can still become a call, and what follows a call is dropped: there the model explains its
JSON, or makes up the function's output.
"""

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, TypeAlias

from antiphon.ports import CallDelta, TextDelta

MAX_HELD_CHARACTERS = 16_384
"""A call may be this long; what grows beyond is given as text."""

_TAG, _END_TAG, _FENCE = "<tool_call>", "</tool_call>", "```"
_OPENER = re.compile(r"<tool_call>|```|[{\[]")
_FENCE_LINE = re.compile(r"```(?:json|tool_call|tool)?[ \t]*\n\s*")
_FENCE_BEGUN = re.compile(r"```[a-z_]{0,9}[ \t]*$")
_FIRST_KEY = re.compile(r'[\[\s]*(?:\{{1,2}\s*(?:"(?P<key>[^"]{0,12})(?P<end>"?)|$)|$)')
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|["{}\[\]]', re.DOTALL)

_NAME_KEYS = ("name", "function", "tool", "tool_name", "function_name")
_ARGUMENT_KEYS = ("arguments", "parameters", "args", "input")
_CALL_KEYS = (*_NAME_KEYS, *_ARGUMENT_KEYS, "tool_calls", "type", "id")

Piece: TypeAlias = TextDelta | CallDelta
_Call: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Found:
    """What stands at an opener: so many characters, which are these calls or, without any, text."""

    length: int
    calls: tuple[_Call, ...] = ()


class CallReader:
    """Text in, text and calls out. One per answer; without declared functions everything is text."""

    def __init__(self, names: Collection[str]) -> None:
        self.calls = 0
        """How many calls were found."""
        self.is_over = False
        """Whether words came after a call: nothing of use will follow."""
        self._names = frozenset(names)
        self._held = ""
        self._line_is_blank = True
        """Whether the line that the held text goes on is blank so far."""
        self._blank: str | None = ""
        """Blanks before the first word, no part of the answer if a call follows; None once there were words."""

    def feed(self, text: str) -> list[Piece]:
        """Take more text."""
        if not self._names:
            return [TextDelta(text)] if text else []
        self._held += text
        return self._read(is_last=False)

    def flush(self) -> list[Piece]:
        """The rest, at the end of the answer."""
        return self._read(is_last=True)

    def _read(self, *, is_last: bool) -> list[Piece]:
        pieces: list[Piece] = []
        while self._held:
            pieces += self._give(_Found(self._opener()))
            found = self._find(is_last) if self._held else None
            if found is None and self._held and (is_last or len(self._held) > MAX_HELD_CHARACTERS):
                found = _Found(len(self._held))
            if found is None:
                break
            pieces += self._give(found)
        return pieces

    def _give(self, found: _Found) -> list[Piece]:
        """Take what was found off the held text."""
        text, self._held = self._held[: found.length], self._held[found.length :]
        if found.calls:
            self._line_is_blank = True
            first, self.calls = self.calls, self.calls + len(found.calls)
            return [CallDelta(n, name, arguments) for n, (name, arguments) in enumerate(found.calls, first)]
        _, newline, line = text.rpartition("\n")
        self._line_is_blank = not line.strip() and (bool(newline) or self._line_is_blank)
        if self._blank is not None:
            if not text.strip():
                self._blank += text
                return []
            text, self._blank = self._blank + text, None
        if self.calls:
            self.is_over = self.is_over or bool(text.strip("\n\t `,;]"))
            return []
        return [TextDelta(text)] if text else []

    def _opener(self) -> int:
        """Where the first thing stands that may be, or may become, the beginning of a call."""
        for found in _OPENER.finditer(self._held):
            if found[0] in "{[":
                _, newline, line = self._held[: found.start()].rpartition("\n")
                if line.strip() or not (newline or self._line_is_blank):
                    continue
            return found.start()
        for at in range(max(0, len(self._held) - len(_TAG)), len(self._held)):
            if _TAG.startswith(self._held[at:]) or _FENCE.startswith(self._held[at:]):
                return at
        return len(self._held)

    def _find(self, is_last: bool) -> _Found | None:
        """What stands at the beginning of the held text; None: it cannot be told yet."""
        held = self._held
        if held.startswith(_TAG):
            end = held.find(_END_TAG)
            if end < 0 and not is_last:
                return None
            calls = self._calls_in(held[len(_TAG) : end if end >= 0 else len(held)].strip())
            return _Found(end + len(_END_TAG) if end >= 0 else len(held), calls) if calls else _Found(len(_TAG))
        if held.startswith(_FENCE):
            line = _FENCE_LINE.match(held)
            if line is None:
                return None if _FENCE_BEGUN.match(held) else _Found(len(_FENCE))
            return self._find_value(line.end())
        return self._find_value(0) if held[0] in "{[" else None

    def _find_value(self, start: int) -> _Found | None:
        """Judge the JSON value that begins at `start`; what is none, or no call, is text."""
        if not _may_be_call(self._held[start:]):
            return _Found(max(start, 1))
        end = _value_end(self._held, start)
        return None if end is None else _Found(end, self._calls_in(self._held[start:end]))

    def _calls_in(self, text: str) -> tuple[_Call, ...]:
        """The calls that a JSON text consists of; none if it is anything else."""
        for candidate in (text, text[1:-1]) if text.startswith("{{") else (text,):
            try:
                return tuple(_calls_of(json.loads(candidate), self._names))
            except (ValueError, RecursionError):
                continue
        return ()


def _may_be_call(text: str) -> bool:
    """Whether JSON that begins like this can still be a call."""
    found = _FIRST_KEY.match(text)
    if found is None:
        return False
    key = found["key"] or ""
    return key in _CALL_KEYS if found["end"] else any(name.startswith(key) for name in _CALL_KEYS)


def _value_end(text: str, start: int) -> int | None:
    """Where the bracket at `start` is closed; None: not yet."""
    depth = 0
    for token in _TOKEN.finditer(text, start):
        if token[0] == '"':
            return None  # a string that has not ended
        if token[0] in "{[":
            depth += 1
        elif token[0] in "}]":
            depth -= 1
            if depth == 0:
                return token.end()
    return None


def _calls_of(value: Any, names: Collection[str]) -> list[_Call]:
    """The calls that a JSON value describes. Raises `ValueError` if any part of it is no call."""
    if isinstance(value, list):
        return [call for each in value for call in _calls_of(each, names)]
    if not isinstance(value, dict):
        raise ValueError("no object")  # noqa: TRY004 -- for the one who calls, a value that is no call
    for key in ("tool_calls", "function"):
        if isinstance(value.get(key), list | dict):
            return _calls_of(value[key], names)
    name = next((value[key] for key in _NAME_KEYS if isinstance(value.get(key), str)), None)
    if name not in names:
        raise ValueError("no declared function")
    arguments: Any = next((value[key] for key in _ARGUMENT_KEYS if key in value), {})
    if isinstance(arguments, str) and isinstance(json.loads(arguments), dict):
        return [(str(name), arguments)]
    if not isinstance(arguments, dict):
        raise ValueError("arguments are no object")  # noqa: TRY004 -- as above
    return [(str(name), json.dumps(arguments, ensure_ascii=False))]
