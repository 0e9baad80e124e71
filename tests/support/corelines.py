"""What a session did, one line for each effect, and the same lines read from a script."""

import json
import textwrap
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from typing import Any

from msgspec import UNSET, Struct

from antiphon.audio.pcm import RATE_HZ, ms_in, samples_of
from antiphon.protocol import server_events as tell
from antiphon.protocol.errors import ErrorDetail
from antiphon.protocol.items import (
    InputAudio,
    InputText,
    Item,
    McpApprovalRequest,
    McpApprovalResponse,
    McpCall,
    McpListTools,
    Message,
    OutputAudio,
    OutputText,
)
from antiphon.protocol.response import Failed, Response
from antiphon.session.effects import (
    CallTool,
    Close,
    Effect,
    Hear,
    Judge,
    ListTools,
    Report,
    Respond,
    Send,
    Settle,
    Warm,
)


def told(effects: Iterable[Effect]) -> list[str]:
    """One line for each effect; left out are those that change nothing for anybody: `Report` and `Warm`.

    Defaults are left out as well: absent keys, `content_index` 0, the key `type`.
    """
    return [" ".join(_line(effect)) for effect in effects if not isinstance(effect, Report | Warm)]


def lines(script: str) -> list[str]:
    """The lines of a script. Spaces between words do not count; a line that is set in goes on with the one before."""
    read: list[str] = []
    for line in textwrap.dedent(script).splitlines():
        words = " ".join(line.split())
        if line.startswith(" ") and words:
            read[-1] += f" {words}"
        elif words:
            read.append(words)
    return read


def type_of(value: Struct) -> str:
    """The wire's `type`."""
    return str(value.__struct_config__.tag)


def item_line(item: Item) -> str:
    """An item in a line: who, what, in which state."""
    words = [str(item.id)] if item.id else []
    if isinstance(item, Message):
        words += [item.role, *((item.status,) if item.status else ())]
        return " ".join([*words, *map(_part, item.content)])
    words.append(type_of(item))
    if isinstance(item, McpListTools | McpCall | McpApprovalRequest | McpApprovalResponse):
        return " ".join([*words, *_mcp(item)])
    for name in ("status", "call_id", "name", "arguments", "output"):
        value = getattr(item, name, UNSET)
        if value is not UNSET:
            words.append(_text(value) if name in ("arguments", "output") else value)
    return " ".join(words)


def _mcp(item: McpListTools | McpCall | McpApprovalRequest | McpApprovalResponse) -> Iterator[str]:
    match item:
        case McpListTools():
            yield from (item.server_label, *(tool.name for tool in item.tools))
        case McpApprovalResponse():
            yield from (item.approval_request_id, "yes" if item.approve else "no")
        case _:
            yield from (f"{item.server_label}.{item.name}", _text(item.arguments))
    if isinstance(item, McpCall):
        yield from ("approved", item.approval_request_id) if item.approval_request_id else ()
        yield from ("gave", _text(item.output)) if isinstance(item.output, str) else ()
        yield from ("failed", _text(item.error.message)) if item.error else ()


def _line(effect: Effect) -> Iterator[str]:
    match effect:
        case Send(event, to):
            yield type_of(event)
            yield from _keys(event)
            if to is not None:
                yield f"-> {to}"
        case Hear(item_id, pcm):
            yield from ("Hear", item_id, _ms(pcm))
        case Settle(item_id, cut, last):
            yield from ("Settle", item_id, f"{ms_in(cut)}ms", *(() if last else ("going on",)))
        case Judge(item_id, cut, text, pcm):
            yield from ("Judge", item_id, f"{ms_in(cut)}ms", _text(text), _ms(pcm))
        case ListTools(item_id, server):
            yield from ("ListTools", item_id, server.label)
        case CallTool(response_id, item_id, server, name, arguments):
            yield from ("CallTool", response_id, item_id, f"{server.label}.{name}", _text(arguments))
        case Respond(response_id, prompt):
            yield from ("Respond", response_id, *(("draft",) if prompt.draft else ()))
        case Close(code, reason):
            yield from ("Close", str(code), _text(reason))
        case _:
            yield type(effect).__name__
            yield from (str(getattr(effect, field.name)) for field in fields(effect))


def _keys(event: Struct) -> Iterator[str]:
    for name in event.__struct_fields__:
        value = getattr(event, name)
        if value is not UNSET and (name, value) not in (("content_index", 0), ("obfuscation", "")):
            show = _BY_KEY.get(name) or _BY_TYPE.get(type(value), str)
            yield show(value)


def _error(error: ErrorDetail) -> str:
    return " ".join(filter(None, [error.code, error.param, error.event_id]))


def _response(response: Response) -> str:
    words = [response.id, response.status]
    if response.conversation_id is None:
        words.append("out of band")
    details = response.status_details
    if isinstance(details, Failed):
        words.append(_text(str(details.error.message)))
    elif details is not None:
        words.append(details.reason)
    return " ".join([*words, *(f"[{item_line(item)}]" for item in response.output)])


def _part(part: Any) -> str:
    words = [type_of(part)]
    if isinstance(part, InputText | OutputText):
        words.append(_text(part.text))
    elif isinstance(part, InputAudio | OutputAudio):
        words += [_text(part.transcript)] if isinstance(part.transcript, str) else ["?"]
        words += [_ms(part.audio)] if isinstance(part.audio, bytes) else []
    return " ".join(words)


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _ms(pcm: bytes) -> str:
    return f"{samples_of(pcm) * 1000 / RATE_HZ:g}ms"


_BY_KEY: dict[str, Callable[[Any], str]] = {
    "item": item_line,
    "session": lambda session: str(session.id),
    "previous_item_id": lambda item_id: "first" if item_id is None else f"after {item_id}",
    "output_index": lambda index: f"#{index}",
    "audio_start_ms": lambda ms: f"{ms}ms",
    "audio_end_ms": lambda ms: f"{ms}ms",
}

_BY_TYPE: dict[type, Callable[[Any], str]] = {
    bytes: _ms,
    str: str,
    ErrorDetail: _error,
    Response: _response,
    tell.TextPart: lambda part: f"text {_text(part.text)}",
    tell.AudioPart: lambda part: f"audio {_text(part.transcript)}",
    tell.TranscriptionTokens: lambda usage: f"{usage.input_tokens}+{usage.output_tokens} tokens",
    tell.TranscriptionDuration: lambda usage: f"{usage.seconds:g}s",
    tell.TranscriptionError: lambda error: _text(error.message),
}

_BY_KEY |= dict.fromkeys(
    ("delta", "text", "transcript", "arguments"), lambda value: _text(value) if isinstance(value, str) else _ms(value)
)
